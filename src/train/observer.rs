use crate::error::Error;
use crate::train::{Outcome, Score};
use std::path::Path;

/// What a run is about to do.
#[derive(Debug)]
pub struct Start<'a> {
    /// Steps from beginning to end.
    pub total_steps: usize,
    /// Steps in an epoch.
    pub steps_per_epoch: usize,
    /// Examples in the training, validation and test parts.
    pub examples: [usize; 3],
    /// Parameters of the model.
    pub parameters: usize,
    /// Steps made before, by the run that this one goes on from.
    pub resumed_step: usize,
    /// Damaged checkpoints that were passed over.
    pub passed_over: &'a [Error],
}

/// What an epoch brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Epochs done, the last one perhaps in part.
    pub epoch: usize,
    /// Steps made.
    pub step: usize,
    /// Mean training loss over the epoch's batches.
    pub train_loss: f64,
    /// The validation part, if there is one.
    pub validation: Option<Score>,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Training seconds so far.
    pub training_seconds: f64,
    /// Whether it is the best evaluation so far.
    pub is_best: bool,
}

/// Watches a run: a progress bar, a log, a parent process. Everything here is outside of the training clock but
/// [`step`](Observer::step), which must be quick.
pub trait Observer {
    /// The run begins.
    fn start(&mut self, start: &Start) {
        let _: &Start = start;
    }

    /// Step `step` was made; its loss is known on CPU backends at once, elsewhere some steps later.
    fn step(&mut self, step: usize, loss: f64) {
        let _: (usize, f64) = (step, loss);
    }

    /// An epoch has ended.
    fn epoch(&mut self, report: &EpochReport) {
        let _: &EpochReport = report;
    }

    /// A checkpoint was written.
    fn checkpoint(&mut self, path: &Path) {
        let _: &Path = path;
    }

    /// Asked after each step: whether the run is to stop here, with a checkpoint to go on from.
    fn interrupts(&mut self) -> bool {
        false
    }

    /// The run has ended.
    fn end(&mut self, outcome: &Outcome) {
        let _: &Outcome = outcome;
    }
}

/// Watches nothing.
impl Observer for () {}
