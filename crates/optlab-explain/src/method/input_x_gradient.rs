//! Input × gradient.

use crate::space::Space;
use crate::{Attribution, Question};
use optlab_train::Error;

/// Returns `aᵢ = xᵢ ∂y/∂xᵢ` (Shrikumar et al., 2016), in one pass forward and backward. For a linear model
/// it is the contribution of each element; in general the attributions sum to nothing in particular.
pub(super) fn explain(question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
    let space = Space::at(question, row)?;
    let (outputs, gradients) = space.gradients(&space.point)?;
    let products = space.point.iter().zip(&gradients).map(|(x, g)| f64::from(*x) * f64::from(*g));
    Ok(Attribution::of(space.collapse(products.collect()), outputs[0]))
}
