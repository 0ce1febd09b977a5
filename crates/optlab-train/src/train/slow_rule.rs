//! Says before a run how long a step of its optimizer takes, if that is much longer than the model's.

use crate::Error;
use crate::data::{Batches, ExampleSet};
use crate::train::observer::SlowRule;
use crate::workload::{Tally, Workload};
use burn::module::Module;
use burn::tensor::Device;
use optlab_optim::ModelOptimizer;
use std::time::Instant;

/// How many times as long as the model a rule has to take to be reported.
const MANY_TIMES: f64 = 20.0;

/// Seconds of a step that are not worth a word, nor a measurement.
const QUICK: f64 = 0.02;

/// More operations than any machine makes in [`QUICK`] seconds.
const FEW_OPERATIONS: f64 = 1e9;

/// Forward and backward pass, as multiples of a forward pass.
const PASSES: f64 = 3.0;

/// Returns the times of a step if the rules of `optimizers` take more than 20 times as long as the model.
///
/// The time of the rules is computed from the shapes of the parameters and the measured speed of a product;
/// that of the model is measured, on the second of two evaluations of a batch. The model does not change.
///
/// # Errors
/// Data that cannot be read.
pub(super) fn slow_rule<W: Workload>(
    workload: &W,
    optimizers: &[ModelOptimizer],
    model: &W::Model,
    facts: &W::Facts,
    (examples, batch_size): (&dyn ExampleSet<W::Batch>, usize),
    device: &Device,
) -> Result<Option<SlowRule>, Error> {
    let operations: f64 = optimizers.iter().map(|optimizer| optimizer.operations(model)).sum();
    if operations < FEW_OPERATIONS {
        return Ok(None);
    }
    let rule_seconds = operations / optlab_kernel::matrix::operations_per_second();
    if rule_seconds < QUICK {
        return Ok(None);
    }
    let model = model.clone().valid();
    let mut model_seconds = 0.0;
    for _ in 0..2 {
        let Some(batch) = Batches::in_order(examples, batch_size).epoch(0, device).next() else {
            return Ok(None);
        };
        let (batch, _) = batch?;
        let start = Instant::now();
        let loss = workload.evaluate(&model, &batch, facts, &mut Tally::default());
        // Waits for the device.
        let _: f32 = loss.into_scalar();
        model_seconds = PASSES * start.elapsed().as_secs_f64();
    }
    Ok((rule_seconds > MANY_TIMES * model_seconds).then_some(SlowRule { rule_seconds, model_seconds }))
}
