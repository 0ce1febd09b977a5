//! What most programs import: `use optlab::prelude::*;`.

pub use optlab_optim::prelude::{
    Evaluate, Loss, ModelOptimizer, OptimizerChoice, OptimizerSpec, Run, Schedule, ScheduleSpec,
    compute_on_this_thread,
};
pub use optlab_train::prelude::*;
