//! Evaluates a model, and loads trained models from checkpoints.

use crate::Error;
use crate::data::{Batches, Examples};
use crate::nn::Mode;
use crate::train::checkpoint::{Checkpoint, State};
use crate::train::{Score, Trial};
use crate::workload::Workload;
use burn::tensor::Device;

/// Examples per evaluation batch: enough to keep the cores busy, few enough for the caches.
const BATCH_SIZE: usize = 500;

/// Returns the mean loss and metric of `model` over `examples`, without dropout; `None` if there are no
/// examples.
///
/// `model` is on a device without autodiff; `target_scale` is [`Splits::target_scale`](crate::data::Splits).
pub fn evaluate<W: Workload>(
    workload: &W,
    model: &W::Model,
    examples: &Examples,
    target_scale: f64,
    device: &Device,
) -> Option<Score> {
    if examples.is_empty() {
        return None;
    }
    let task = workload.info().task;
    let (mut loss_sum, mut metric_sum) = (0.0, 0.0);
    for batch in Batches::in_order(examples, BATCH_SIZE).epoch(0, device) {
        let outputs = workload.forward(model, batch.inputs, Mode::Evaluate);
        let loss = f64::from(task.loss(outputs.clone(), &batch.targets).into_scalar::<f32>());
        loss_sum += loss * batch.len as f64;
        metric_sum += f64::from(task.metric_sum(outputs, &batch.targets).into_scalar::<f32>());
    }
    Some(Score {
        loss: loss_sum / examples.len() as f64,
        metric: task.metric_of(metric_sum, examples.len(), target_scale),
    })
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
    input_shape: &[usize],
    device: &Device,
) -> Result<Trained<W::Model>, Error> {
    let (checkpoint, passed_over) = find_checkpoint(checkpoints, which)?;
    let model = checkpoint.load_evaluated(workload.model(input_shape, trial.seed, device)?)?;
    Ok(Trained { state: checkpoint.state()?, checkpoint, model, passed_over })
}
