//! Checks that a workload can do what a trial needs: attention to clip, labels to draw.

use crate::Error;
use crate::data::Batches;
use crate::nn::Mode;
use crate::train::Trial;
use crate::workload::{Parts, Workload};
use burn::tensor::Device;
use optlab_core::random::{Purpose, stream};
use optlab_optim::ModelOptimizer;

/// Checks, before anything is written or trained, that the workload can do what `trial` and its optimizers
/// need of it.
///
/// # Errors
/// [`Workload`](Error::Workload) naming the setting or the optimizer; data that cannot be read.
pub(super) fn check<W: Workload>(
    workload: &W,
    trial: &Trial,
    optimizers: &[ModelOptimizer],
    model: &W::Model,
    parts: &Parts<W::Batch, W::Facts>,
    device: &Device,
) -> Result<(), Error> {
    let refuse =
        |reason: &str| Err(Error::Workload { workload: workload.info().name, reason: reason.to_owned() });
    if trial.recipe.qk_clip.is_some() && !workload.clips_scores() {
        return refuse("its model has no attention, which `qk_clip` needs");
    }
    if !optimizers.iter().any(ModelOptimizer::needs_drawn_labels) {
        return Ok(());
    }
    let Some(batch) = Batches::in_order(&*parts.train, 1).epoch(0, device).next() else {
        return Ok(());
    };
    let mut random = stream(trial.seed, Purpose::Labels, 0);
    match workload.sampled_loss(model, &batch?.0, &parts.facts, Mode::Evaluate, &mut random) {
        Some(_) => Ok(()),
        None => {
            let optimizer = trial.optimizer.name();
            refuse(&format!("it draws no labels from its predictions, which `{optimizer}` needs"))
        }
    }
}
