//! Gradients of a file, as the evaluation that rules with a curvature request.

use crate::verify::parameters::Parameter;
use burn::optim::GradientsParams;
use optlab_optim::Evaluate;

/// The gradients of one step: each can be requested once.
pub(super) struct Given {
    pub gradients: GradientsParams,
    /// The gradients under drawn labels, and the number of examples.
    pub sampled: Option<(GradientsParams, usize)>,
}

impl Evaluate<Vec<Parameter>> for Given {
    type Measured = ();

    fn evaluate(&mut self, _model: &Vec<Parameter>) -> ((), GradientsParams) {
        ((), std::mem::take(&mut self.gradients))
    }

    fn evaluate_sampled(&mut self, _model: &Vec<Parameter>) -> Option<(GradientsParams, usize)> {
        self.sampled.take()
    }
}
