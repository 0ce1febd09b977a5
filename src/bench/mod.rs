//! Measures how long an optimizer's step takes on a device.

mod copy_speed;
mod model_step;
mod optimizer_step;

pub use copy_speed::Copy;
pub use model_step::{Model, ModelMeasurement, time_model_steps};
pub use optimizer_step::{Layout, Measurement, StepBenchmark, Stepper, counterpart};
