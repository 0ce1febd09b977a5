//! A penalty on the gradient with respect to the inputs: explanation as a goal of the optimization.
//!
//! Ross, Hughes & Doshi-Velez (*Right for the Right Reasons*, 2017, <https://arxiv.org/abs/1703.03717>) add
//! `λ / B Σₙ ‖∂sₙ / ∂xₙ‖²` to the loss of a batch of `B` examples, with `s` the sum of the log-probabilities
//! of all classes. A model with a small input gradient changes little with its inputs, and its explanations
//! are smoother.

use crate::nn::Mode;
use crate::workload::Workload;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The share of the inputs' root mean square by which they move for a difference.
const MOVE: f64 = 1e-2;

/// The gradient of the penalty with respect to the parameters.
pub(super) struct OfPenalty {
    /// Gradients of `s` at inputs that were moved ahead and back; `None` where the penalty is flat.
    moved: Option<[GradientsParams; 2]>,
    /// The factor of their difference.
    factor: f64,
}

/// Computes the gradient of the penalty with weight `lambda` for `batch`.
///
/// With `v = ∂s / ∂x` it is `2λ / B · d/dh ∇θ s(x + h v)` at `h = 0`, with `v` held fixed, since Burn has no
/// second derivatives; a central difference of two gradients has an error of the order `h²`. So a step costs
/// three more passes than one without the penalty.
///
/// `None` if the workload has no such sum.
pub(super) fn of_penalty<W: Workload>(
    workload: &W,
    model: &W::Model,
    batch: &W::Batch,
    facts: &W::Facts,
    mode: Mode,
    lambda: f64,
) -> Option<OfPenalty> {
    let rows = workload.rows(batch)?.inputs.clone().inner();
    let [examples, _] = rows.dims();
    let leaf = Tensor::from_inner(rows.clone()).require_grad();
    let sum = workload.sum_of_log_probabilities(model, leaf.clone(), facts, mode)?;
    let direction = leaf.grad(&sum.backward())?;
    let norm =
        |tensor: &Tensor<2>| f64::from(tensor.clone().powf_scalar(2.0).sum().into_scalar::<f32>()).sqrt();
    let (size, length) = (norm(&rows), norm(&direction));
    if !(length > 0.0 && length.is_finite()) {
        return Some(OfPenalty { moved: None, factor: 0.0 });
    }
    let h = MOVE * if size > 0.0 { size } else { 1.0 } / length;
    let at = |h: f64| {
        let moved = Tensor::from_inner(rows.clone() + direction.clone().mul_scalar(h));
        let sum = workload.sum_of_log_probabilities(model, moved, facts, mode)?;
        Some(GradientsParams::from_grads(sum.backward(), model))
    };
    Some(OfPenalty { moved: Some([at(h)?, at(-h)?]), factor: 2.0 * lambda / examples as f64 / (2.0 * h) })
}

impl OfPenalty {
    /// Returns the sum of `gradients` and this gradient.
    pub fn added_to<M: Module>(self, model: &M, gradients: GradientsParams) -> GradientsParams {
        let Some([ahead, behind]) = self.moved else { return gradients };
        let mut add = Add { gradients, ahead, behind, factor: self.factor };
        model.visit(&mut add);
        add.gradients
    }
}

struct Add {
    gradients: GradientsParams,
    ahead: GradientsParams,
    behind: GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Add {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (Some(ahead), Some(behind)) =
            (self.ahead.remove::<D>(param.id), self.behind.remove::<D>(param.id))
        else {
            return;
        };
        let of_penalty = (ahead - behind).mul_scalar(self.factor);
        let sum = match self.gradients.remove::<D>(param.id) {
            Some(gradient) => gradient + of_penalty,
            None => of_penalty,
        };
        self.gradients.register(param.id, sum);
    }
}

#[cfg(test)]
mod tests;
