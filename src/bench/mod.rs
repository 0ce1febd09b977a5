//! Measures how long an optimizer's step takes on a device.

mod copy_speed;
mod optimizer_step;

pub use copy_speed::Copy;
pub use optimizer_step::{Layout, Measurement, StepBenchmark, Stepper, counterpart};
