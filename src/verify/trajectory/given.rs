//! What a file gives, as the evaluation of a model.

use crate::verify::parameters::{On, Parameter};
use crate::verify::trajectory::objective::Objective;
use crate::verify::trajectory::registered;
use burn::optim::GradientsParams;
use optlab_optim::Evaluate;

/// The evaluations of one step.
pub(super) struct Given<'a> {
    /// The loss; NaN if the file has none.
    pub loss: f64,
    pub gradients: Source<'a>,
    /// The gradients under drawn labels, and the number of examples.
    pub sampled: Option<(GradientsParams, usize)>,
}

/// Where the gradients come from.
pub(super) enum Source<'a> {
    /// Those of the step; they can be requested once.
    Stream(GradientsParams),
    /// A function of the parameters.
    Objective(&'a Objective, &'a On),
}

impl Evaluate<Vec<Parameter>> for Given<'_> {
    type Measured = f64;

    fn evaluate(&mut self, model: &Vec<Parameter>) -> (f64, GradientsParams) {
        match &mut self.gradients {
            Source::Stream(gradients) => (self.loss, std::mem::take(gradients)),
            Source::Objective(objective, on) => {
                let (value, gradient) =
                    objective.at(&model.iter().flat_map(Parameter::values).collect::<Vec<_>>());
                let mut rest = gradient.as_slice();
                let gradients: Vec<&[f64]> = model
                    .iter()
                    .map(|parameter| {
                        let (own, others) = rest.split_at(parameter.values().len());
                        rest = others;
                        own
                    })
                    .collect();
                (value, registered(model, gradients, on))
            }
        }
    }

    fn evaluate_sampled(&mut self, _model: &Vec<Parameter>) -> Option<(GradientsParams, usize)> {
        self.sampled.take()
    }
}
