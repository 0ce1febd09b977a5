//! Observers of a run.

use crate::Error;
use crate::train::{Outcome, Score};
use std::path::Path;

/// The size of a run, reported before its first step.
#[derive(Debug)]
pub struct Start<'a> {
    /// Number of steps of the whole run.
    pub total_steps: usize,
    /// Number of epochs that the run begins; the last one may be partial.
    pub epochs: usize,
    /// The smallest and the largest batch size; the last batch of an epoch may be smaller.
    pub batch_sizes: (usize, usize),
    /// Number of examples in the training, validation and test parts.
    pub examples: [usize; 3],
    /// Number of parameters of the model.
    pub parameters: usize,
    /// Steps already made by the run that this one resumes.
    pub resumed_step: usize,
    /// Damaged checkpoints that were skipped.
    pub passed_over: &'a [Error],
    /// What the run's bytes rested on before it was interrupted, if that is different here: it then ends with
    /// other last bits than an uninterrupted run.
    pub elsewhere: Option<&'a str>,
    /// The times of a step, if the optimizer is expected to take much longer than the model.
    pub slow_rule: Option<SlowRule>,
}

/// The expected times of a step whose optimizer takes much longer than its model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowRule {
    /// Seconds of the optimizer's rules: their operations with matrices over the speed of a product on this
    /// machine.
    pub rule_seconds: f64,
    /// Seconds of the model: three times those of an evaluation of a batch without gradients.
    pub model_seconds: f64,
}

/// The results of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochReport {
    /// Epochs done; the last one may be partial.
    pub epoch: usize,
    /// Steps made.
    pub step: usize,
    /// Mean training loss over the epoch's examples; NaN if every step was skipped for a loss that was not
    /// finite.
    pub train_loss: f64,
    /// Score of the validation part, if there is one.
    pub validation: Option<Score>,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Training seconds so far.
    pub training_seconds: f64,
    /// Whether it is the best evaluation so far.
    pub is_best: bool,
}

/// An observer of a run: a progress bar, a log, a parent process. Only [`step`](Observer::step) counts as
/// training time, so it must be quick.
pub trait Observer {
    /// Called when the run begins.
    fn start(&mut self, start: &Start) {
        let _: &Start = start;
    }

    /// Called when step `step` was made; its loss is known at once on CPU backends, elsewhere some steps
    /// later.
    fn step(&mut self, step: usize, loss: f64) {
        let _: (usize, f64) = (step, loss);
    }

    /// Called when an epoch has ended.
    fn epoch(&mut self, report: &EpochReport) {
        let _: &EpochReport = report;
    }

    /// Called when a checkpoint was written.
    fn checkpoint(&mut self, path: &Path) {
        let _: &Path = path;
    }

    /// Called when the loss was not finite at step `from`, and the run returned to step `to` with its
    /// learning rate times `lr_factor`, all returns together.
    fn rollback(&mut self, from: usize, to: usize, lr_factor: f64, reason: &str) {
        let _: (usize, usize, f64, &str) = (from, to, lr_factor, reason);
    }

    /// Returns whether the run should stop here, with a checkpoint to resume from; called after each step.
    fn interrupts(&mut self) -> bool {
        false
    }

    /// Called when the run has ended.
    fn end(&mut self, outcome: &Outcome) {
        let _: &Outcome = outcome;
    }
}

/// An observer that does nothing.
impl Observer for () {}
