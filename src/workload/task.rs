use crate::data::BatchTargets;
use burn::tensor::{Tensor, activation::log_softmax};

/// What is predicted, and so which loss and which metric.
///
/// | task           | loss                     | metric                                                |
/// |:---------------|:-------------------------|:------------------------------------------------------|
/// | classification | cross entropy, in nats    | accuracy, `[0, 1]`, larger is better                   |
/// | regression     | mean squared error        | rmse in the target's own unit, `[0, ∞)`, smaller is better |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// One of several classes from logits.
    Classification,
    /// A number.
    Regression,
}

impl Task {
    /// The metric's name.
    pub fn metric(self) -> &'static str {
        match self {
            Task::Classification => "accuracy",
            Task::Regression => "rmse",
        }
    }

    /// Whether a larger metric is better.
    pub fn larger_is_better(self) -> bool {
        self == Task::Classification
    }

    /// Whether `metric` is as good as `target` or better.
    pub fn reaches(self, metric: f64, target: f64) -> bool {
        if self.larger_is_better() { metric >= target } else { metric <= target }
    }

    /// The mean loss of `outputs` `[batch, outputs]`, one element.
    ///
    /// # Panics
    /// If the targets are of the other task.
    pub fn loss(self, outputs: Tensor<2>, targets: &BatchTargets) -> Tensor<1> {
        match (self, targets) {
            (Task::Classification, BatchTargets::Classes(classes)) => {
                log_softmax(outputs, 1).gather(1, classes.clone().unsqueeze_dim(1)).mean().neg()
            }
            (Task::Regression, BatchTargets::Values(values)) => (outputs - values.clone()).square().mean(),
            _ => panic!("classes are for classification, values for regression"),
        }
    }

    /// The sum over a batch from which [`metric_of`](Self::metric_of) makes the metric: right answers, or squared errors.
    ///
    /// # Panics
    /// If the targets are of the other task.
    pub fn metric_sum(self, outputs: Tensor<2>, targets: &BatchTargets) -> Tensor<1> {
        match (self, targets) {
            (Task::Classification, BatchTargets::Classes(classes)) => {
                outputs.argmax(1).squeeze_dim::<1>(1).equal(classes.clone()).float().sum()
            }
            (Task::Regression, BatchTargets::Values(values)) => (outputs - values.clone()).square().sum(),
            _ => panic!("classes are for classification, values for regression"),
        }
    }

    /// The metric from the sum over `examples`; `target_scale` is one standardized unit of the target in its own unit.
    pub fn metric_of(self, sum: f64, examples: usize, target_scale: f64) -> f64 {
        let mean = sum / examples as f64;
        match self {
            Task::Classification => mean,
            Task::Regression => mean.sqrt() * target_scale,
        }
    }
}
