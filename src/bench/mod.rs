//! How long an optimizer's step takes on a device, before a long run depends on it.

mod copy_speed;
mod optimizer_step;

pub use copy_speed::Copy;
pub use optimizer_step::{Layout, Measurement, StepBenchmark, Stepper, counterpart};
