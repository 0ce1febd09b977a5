//! A loss with its measures.

use crate::data::{Batch, TargetUnit};
use crate::objective::{CrossEntropyConfig, LossSpec, MeasureSpec, Tally};
use burn::tensor::Tensor;
use optlab_core::Metric;
use rand::Rng;

/// What a model of rows is trained for and judged by.
///
/// # Example
/// ```
/// use optlab_train::objective::Objective;
///
/// let objective = Objective::classification();
/// assert_eq!(objective.metrics(Some(0.97))[0].name, "accuracy");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: LossSpec,
    /// The measures, at least one. The first judges trials.
    pub measures: Vec<MeasureSpec>,
}

impl Objective {
    /// Returns cross entropy, judged by accuracy.
    pub fn classification() -> Self {
        let loss = LossSpec::CrossEntropy(CrossEntropyConfig::default());
        Objective { loss, measures: vec![MeasureSpec::Accuracy] }
    }

    /// Returns the mean squared error, judged by its root in the target's unit.
    pub fn regression() -> Self {
        Objective { loss: LossSpec::Mse, measures: vec![MeasureSpec::Rmse] }
    }

    /// Returns the metrics of the measures; `target` is the value of the first that counts as success.
    pub fn metrics(&self, target: Option<f64>) -> Vec<Metric> {
        let mut metrics: Vec<Metric> = self.measures.iter().map(MeasureSpec::metric).collect();
        if let Some(first) = metrics.first_mut() {
            first.target = target;
        }
        metrics
    }

    /// Adds the outputs `[batch, outputs]` of a batch to `tally`, and returns their mean loss.
    pub fn evaluate(&self, outputs: Tensor<2>, batch: &Batch, tally: &mut Tally) -> Tensor<1> {
        for measure in &self.measures {
            measure.add(&outputs, &batch.targets, &self.loss, tally);
        }
        self.loss.mean(outputs, &batch.targets)
    }

    /// Returns the value of each measure; `units` has the unit of each numeric target.
    pub fn values(&self, tally: &Tally, units: &[TargetUnit]) -> Vec<f64> {
        self.measures.iter().map(|measure| measure.value(tally, units)).collect()
    }

    /// Returns the mean loss of `outputs` against targets drawn from them; `None` for a loss without a
    /// natural distribution.
    pub fn sampled_loss(&self, outputs: Tensor<2>, mut random: &mut dyn Rng) -> Option<Tensor<1>> {
        let likelihood = self.loss.likelihood()?;
        let drawn = likelihood.draw(outputs.clone().detach(), &mut random)?;
        Some(likelihood.mean(outputs, &drawn))
    }
}
