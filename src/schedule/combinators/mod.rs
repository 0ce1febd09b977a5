//! Schedules made of schedules. Each part is built for its own part of the run, so that its shares and its defaults are of
//! that part; of what is measured it hears while its part lasts.

mod clamp;
mod product;
mod repeat;
mod scale;
mod sequence;
mod warmup;

pub use clamp::{Clamp, ClampConfig};
pub use product::{Product, ProductConfig};
pub use repeat::{Repeat, RepeatConfig};
pub use scale::{Scale, ScaleConfig};
pub use sequence::{Sequence, SequenceConfig};
pub use warmup::{Warmup, WarmupConfig, WarmupShape};

use super::{ConstantConfig, ScheduleSpec};

/// What is combined where nobody says what.
fn base() -> Box<ScheduleSpec> {
    Box::new(ScheduleSpec::Constant(ConstantConfig::default()))
}
