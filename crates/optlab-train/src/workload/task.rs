//! The tasks of workloads: classification and regression, with their losses and metrics.

use crate::data::BatchTargets;
use crate::nn::cross_entropy;
use burn::tensor::{Tensor, TensorData};
use optlab_core::Metric;
use optlab_core::metric::{Direction, PERCENT};
use rand::Rng;

/// The kind of prediction, which decides the loss and the metric.
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
    /// Returns the task's metric with its target on the validation part.
    pub fn measure(self, target: Option<f64>) -> Metric {
        Metric { name: self.metric().into(), unit: self.unit().into(), direction: self.direction(), target }
    }

    /// Returns the metric's name.
    pub fn metric(self) -> &'static str {
        match self {
            Task::Classification => "accuracy",
            Task::Regression => "rmse",
        }
    }

    /// Returns the metric's unit.
    pub fn unit(self) -> &'static str {
        match self {
            Task::Classification => PERCENT,
            Task::Regression => "",
        }
    }

    /// Returns which values of the metric are better.
    pub fn direction(self) -> Direction {
        match self {
            Task::Classification => Direction::Larger,
            Task::Regression => Direction::Smaller,
        }
    }

    /// Returns the mean loss of `outputs` `[batch, outputs]`, one element.
    ///
    /// # Panics
    /// If the targets are of the other task.
    pub fn loss(self, outputs: Tensor<2>, targets: &BatchTargets) -> Tensor<1> {
        match (self, targets) {
            (Task::Classification, BatchTargets::Classes(classes)) => cross_entropy(outputs, classes),
            (Task::Regression, BatchTargets::Values(values)) => (outputs - values.clone()).square().mean(),
            _ => panic!("classes are for classification, values for regression"),
        }
    }

    /// Draws targets from the model's prediction `outputs` `[batch, outputs]`: a class with its predicted
    /// probability, or a number around the predicted one with the variance 1/2, for which the squared error
    /// is minus the logarithm of the probability.
    pub fn drawn(self, outputs: Tensor<2>, random: &mut impl Rng) -> BatchTargets {
        let (shape, device) = (outputs.dims(), outputs.device());
        // In (0, 1), so that its logarithm is finite.
        let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(32);
        let mut noise = || match self {
            // Gumbel noise: the index of the largest logit after adding it is a draw from their softmax.
            Task::Classification => -(-uniform().ln()).ln(),
            // Normal noise by the method of Box and Muller, with the standard deviation √½.
            Task::Regression => (-uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos(),
        };
        let noise: Vec<f32> = (0..shape[0] * shape[1]).map(|_| noise() as f32).collect();
        let noisy = outputs + Tensor::from_data(TensorData::new(noise, shape), &device);
        match self {
            Task::Classification => BatchTargets::Classes(noisy.argmax(1).squeeze_dim(1)),
            Task::Regression => BatchTargets::Values(noisy),
        }
    }

    /// Returns the sum over a batch from which [`metric_of`](Self::metric_of) computes the metric: the number
    /// of right answers, or the squared errors.
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

    /// Returns the metric from the mean of what [`metric_sum`](Self::metric_sum) sums; `target_scale` is one
    /// standardized unit of the target in its own unit.
    pub fn metric_of(self, mean: f64, target_scale: f64) -> f64 {
        match self {
            Task::Classification => mean,
            Task::Regression => mean.sqrt() * target_scale,
        }
    }
}
