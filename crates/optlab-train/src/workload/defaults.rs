//! The default settings of a workload's trials.

use optlab_optim::schedule::{ConstantConfig, ScheduleSpec};
use optlab_optim::{AdamConfig, OptimizerSpec};

/// Settings of a workload's trials where none are given: by default Adam at its own rate, constant, as many
/// epochs as [`Info::epochs`](crate::workload::Info::epochs) says.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// The optimizer.
    pub optimizer: OptimizerSpec,
    /// The base learning rate; `None` for the optimizer's own.
    pub lr: Option<f64>,
    /// The schedule of the learning rate.
    pub schedule: ScheduleSpec,
    /// Number of steps; `None` for the workload's epochs.
    pub steps: Option<usize>,
    /// Largest norm of all gradients together.
    pub clip_norm: Option<f64>,
}

impl Default for Defaults {
    fn default() -> Self {
        let optimizer = OptimizerSpec::Adam(AdamConfig::default());
        let schedule = ScheduleSpec::Constant(ConstantConfig::default());
        Defaults { optimizer, lr: None, schedule, steps: None, clip_norm: None }
    }
}
