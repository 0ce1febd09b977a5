//! Evaluates a model, and loads trained models from checkpoints.

use crate::Error;
use crate::data::{Batches, ExampleSet};
use crate::train::checkpoint::{Checkpoint, State};
use crate::train::{Score, Trial};
use crate::workload::{Tally, Workload};
use burn::tensor::Device;

/// Examples per evaluation batch: enough to keep the cores busy, few enough for the caches.
const BATCH_SIZE: usize = 500;

/// The seed of the backend's random numbers in an evaluation, the same for every evaluation.
const BACKEND_SEED: u64 = 0;

/// Returns the mean loss and the measures of `model` over a part of the data, without dropout; `None` if the
/// part is empty.
///
/// `model` is on `device`, without autodiff.
///
/// # Errors
/// Data that cannot be read.
pub fn evaluate<W: Workload>(
    workload: &W,
    model: &W::Model,
    part: &dyn ExampleSet<W::Batch>,
    facts: &W::Facts,
    device: &Device,
) -> Result<Option<Score>, Error> {
    if part.is_empty() {
        return Ok(None);
    }
    device.seed(BACKEND_SEED);
    let mut loss_sum = 0.0;
    let mut tally = Tally::default();
    for batch in Batches::in_order(part, BATCH_SIZE).epoch(0, device) {
        let (batch, len) = batch?;
        let loss = workload.evaluate(model, &batch, facts, &mut tally);
        loss_sum += f64::from(loss.into_scalar::<f32>()) * len as f64;
    }
    let values = workload.measures(&tally, facts);
    let names = workload.info().measures.into_iter().map(|measure| measure.name);
    let mut measures = names.zip(values);
    let metric = measures.next().map_or(f64::NAN, |(_, value)| value);
    Ok(Some(Score { loss: loss_sum / part.len() as f64, metric, others: measures.collect() }))
}

/// A choice among the checkpoints of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The checkpoint with the best validation metric; the newest for a run without a validation part.
    Best,
    /// The newest checkpoint.
    Last,
    /// The checkpoint after that many steps.
    Step(usize),
}

/// The trained model of a checkpoint, ready to evaluate.
#[derive(Debug)]
pub struct Trained<M> {
    /// The model's checkpoint.
    pub checkpoint: Checkpoint,
    /// The checkpoint's state.
    pub state: State,
    /// The model.
    pub model: M,
    /// Errors of newer checkpoints that were damaged and skipped.
    pub passed_over: Vec<Error>,
}

/// Finds a checkpoint of a run; also returns the errors of newer, damaged ones that were skipped.
///
/// # Errors
/// [`Error::Checkpoint`] if there is none or it is damaged. [`Which::Last`], and [`Which::Best`] when it
/// looks up the best step, skip damaged checkpoints as long as there is an intact one.
pub fn find_checkpoint(
    checkpoints: &std::path::Path,
    which: Which,
) -> Result<(Checkpoint, Vec<Error>), Error> {
    if let Which::Step(step) = which {
        return Ok((Checkpoint::at(checkpoints, step)?, Vec::new()));
    }
    let (newest, passed_over) = Checkpoint::newest(checkpoints)?;
    let newest = newest.ok_or_else(|| Error::Checkpoint {
        path: checkpoints.into(),
        reason: "there is no checkpoint".into(),
    })?;
    match (which, newest.state()?.best) {
        (Which::Best, Some(best)) => Ok((Checkpoint::at(checkpoints, best.step)?, passed_over)),
        _ => Ok((newest, passed_over)),
    }
}

/// Loads the model of a run's checkpoint onto `device`, whichever backend it was trained on.
///
/// # Errors
/// As for [`find_checkpoint`]; [`Error::Checkpoint`] if the checkpoint is of another model.
pub fn load<W: Workload>(
    workload: &W,
    trial: &Trial,
    checkpoints: &std::path::Path,
    which: Which,
    facts: &W::Facts,
    device: &Device,
) -> Result<Trained<W::Model>, Error> {
    let (checkpoint, passed_over) = find_checkpoint(checkpoints, which)?;
    let model = checkpoint.load_evaluated(workload.model(facts, trial.seed, device)?)?;
    Ok(Trained { state: checkpoint.state()?, checkpoint, model, passed_over })
}
