//! Saliency: the gradient.

use crate::space::Space;
use crate::{Attribution, Question};
use optlab_core::settings;
use optlab_train::Error;

settings! {
    /// Settings of saliency: how fast the output changes with each element (Simonyan et al., 2013).
    ///
    /// ```text
    /// aᵢ = |∂y/∂xᵢ|
    /// ```
    ///
    /// One pass forward and backward. Of tokens, the gradient is that behind the embedding, and `aᵢ` is its
    /// norm over the width; with `signed`, its sum.
    ///
    /// # Reference
    /// Simonyan, Vedaldi & Zisserman, *Deep Inside Convolutional Networks*, 2013,
    /// <https://arxiv.org/abs/1312.6034>; Captum's `Saliency`
    pub struct SaliencyConfig {
        /// Whether to keep the sign of the gradient.
        signed: bool = false;
    }
}

impl SaliencyConfig {
    pub(super) const NAME: &'static str = "saliency";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let space = Space::at(question, row)?;
        let (outputs, gradients) = space.gradients(&space.point)?;
        let gradients = gradients.into_iter().map(f64::from);
        let values = match (self.signed, space.is_embedded()) {
            (true, _) => space.collapse(gradients.collect()),
            (false, false) => gradients.map(f64::abs).collect(),
            (false, true) => {
                space.collapse(gradients.map(|g| g * g).collect()).into_iter().map(f64::sqrt).collect()
            }
        };
        Ok(Attribution::of(values, outputs[0]))
    }
}
