//! Training: its data, its results, its checkpoints, and resuming to the same bytes.

mod backends;
mod batch_sizes;
mod branch;
mod burn_learner;
mod checkpoints;
mod data;
mod diagnosis;
mod language;
mod lr_range;
mod objectives;
mod outcome;
mod qk_clip;
mod resume;
mod slow_rule;
mod split;
mod trial_names;
mod workloads;

use optlab_train::train::Observer;

/// Interrupts a run after this many of its own steps.
pub struct StopAfter(pub usize);

impl Observer for StopAfter {
    fn interrupts(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}
