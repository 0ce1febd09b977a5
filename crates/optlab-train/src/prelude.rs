//! What a program that trains a workload imports: `use optlab_train::prelude::*;`.

pub use crate::Error;
pub use crate::data::Source;
pub use crate::device;
pub use crate::train::{self, Budget, Outcome, Recipe, RunDirectory, RunOptions, Status, Trial};
pub use crate::workload::{self, Workload};
pub use optlab_optim::OptimizerSpec;
pub use optlab_optim::schedule::ScheduleSpec;
