//! Burn's metrics as measures of an evaluation.

use burn::data::dataloader::Progress;
use burn_train::metric::{
    Adaptor, LossInput, LossMetric, Metric as BurnMetric, MetricAttributes, MetricMetadata, Numeric,
};
use optlab_core::{Direction, Metric};

/// A metric of Burn with its state, for outputs of type `O`.
pub(super) trait Measure<O>: Send + Sync {
    /// Returns a copy without state, for a new evaluation.
    fn fresh(&self) -> Box<dyn Measure<O>>;

    /// Adds the output of a batch.
    ///
    /// # Panics
    /// If the device stopped answering.
    fn update(&mut self, output: &O);

    /// Returns the value over all batches so far: a share for a percentage, else in Burn's unit.
    ///
    /// # Panics
    /// If the device stopped answering.
    fn value(&self) -> f64;

    /// Returns name, unit and direction, without a target.
    fn metric(&self) -> Metric;

    /// Returns the number of Burn's units in one of ours.
    fn divisor(&self) -> f64;
}

impl<O, M> Measure<O> for M
where
    M: BurnMetric + Numeric + 'static,
    O: Adaptor<M::Input>,
{
    fn fresh(&self) -> Box<dyn Measure<O>> {
        let mut fresh = self.clone();
        fresh.clear();
        Box::new(fresh)
    }

    fn update(&mut self, output: &O) {
        read(BurnMetric::update(self, &output.adapt(), &metadata()));
    }

    fn value(&self) -> f64 {
        // Metrics over all predictions, such as AUROC, have a value only after `compute`, which changes them.
        let mut metric = self.clone();
        read(metric.compute());
        metric.final_value().current() / Measure::<O>::divisor(self)
    }

    fn metric(&self) -> Metric {
        let larger_is_better = match self.attributes() {
            MetricAttributes::Numeric(numeric) => numeric.higher_is_better,
            MetricAttributes::None => true,
        };
        let direction = if larger_is_better { Direction::Larger } else { Direction::Smaller };
        let name = self.name().to_lowercase();
        let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        Metric::new(&words.collect::<Vec<_>>().join("_"), &unit(self), direction)
    }

    fn divisor(&self) -> f64 {
        if unit(self) == optlab_core::metric::PERCENT { 100.0 } else { 1.0 }
    }
}

/// Returns the unit of a metric of Burn; empty if it has none.
fn unit(metric: &impl BurnMetric) -> String {
    match metric.attributes() {
        MetricAttributes::Numeric(numeric) => numeric.unit.unwrap_or_default(),
        MetricAttributes::None => String::new(),
    }
}

/// Returns the mean loss of an output.
///
/// # Panics
/// If the device stopped answering.
pub(super) fn loss(output: &impl Adaptor<LossInput>) -> f64 {
    // Burn has no other way to read a `LossInput`.
    let mut metric = LossMetric::new();
    read(BurnMetric::update(&mut metric, &output.adapt(), &metadata()));
    metric.final_value().current()
}

/// Returns what a device answers; a device that stopped answering ends the process, as in `into_scalar`.
fn read<T, E: std::fmt::Display>(answer: Result<T, E>) {
    if let Err(error) = answer {
        panic!("a metric cannot read its tensor: {error}");
    }
}

/// Returns the progress that Burn passes to metrics; those that measure a model ignore it.
fn metadata() -> MetricMetadata {
    let progress = Progress { items_processed: 1, items_total: 1, unit: None };
    MetricMetadata { progress, iteration: None, lr: None }
}
