//! Trains a trial: recipe, training loop, history, checkpoints and outcome.

pub mod batch_evaluation;
pub mod checkpoint;
mod early_stopping;
mod environment;
mod evaluate;
pub mod history;
mod input_gradient;
mod lr_range;
mod lr_scaling;
mod observer;
mod outcome;
mod rates;
mod recipe;
mod run;
mod run_directory;
mod setting_value;
mod snapshot;
mod statistics;
mod step_loop;
mod trial;

pub use crate::workload::VALIDATION;
pub use environment::Environment;
pub use evaluate::{Trained, Which, evaluate, find_checkpoint, load};
pub use input_gradient::input_gradient_penalty;
pub use lr_range::{Caution, LrRange, LrRangeTest, Suggestion, find_lr};
pub use lr_scaling::{LrScaling, ScalingRule};
pub use observer::{EpochReport, Observer, Start};
pub use outcome::{Outcome, Score, Status, TargetReached};
pub use rates::check_schedules;
pub use recipe::{Budget, Recipe, RecipePatch, RecipeSetting};
pub use run::{RunOptions, preparation, prepared, run};
pub use run_directory::{Found, RunDirectory};
pub use snapshot::Snapshot;
pub use trial::Trial;
