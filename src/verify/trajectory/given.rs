//! Gradients of a file, as the evaluation that rules with a curvature or with the loss request.

use crate::verify::parameters::Parameter;
use burn::optim::GradientsParams;
use optlab_optim::Evaluate;

/// The gradients of one step: each can be requested once.
pub(super) struct Given {
    /// The loss; NaN if the file has none.
    pub loss: f64,
    pub gradients: GradientsParams,
    /// The gradients under drawn labels, and the number of examples.
    pub sampled: Option<(GradientsParams, usize)>,
}

impl Evaluate<Vec<Parameter>> for Given {
    type Measured = f64;

    fn evaluate(&mut self, _model: &Vec<Parameter>) -> (f64, GradientsParams) {
        (self.loss, std::mem::take(&mut self.gradients))
    }

    fn evaluate_sampled(&mut self, _model: &Vec<Parameter>) -> Option<(GradientsParams, usize)> {
        self.sampled.take()
    }
}
