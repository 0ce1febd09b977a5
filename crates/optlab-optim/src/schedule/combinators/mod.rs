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
pub use warmup::{Warmup, WarmupConfig};

use crate::schedule::constant::ConstantConfig;
use crate::schedule::spec::ScheduleSpec;
use crate::schedule::{Measured, Schedule};
use std::slice::Iter;

/// A schedule made of schedules. What it hears and remembers is what its parts do.
trait Combined: Send + Sync {
    /// The rate that step `step` uses.
    fn lr_at(&self, step: usize) -> f64;

    /// All parts, in the order in which their states are saved.
    fn parts(&self) -> Vec<&dyn Schedule>;

    /// The parts that are told what was measured after step `step`, with its number as they count it.
    fn told(&self, step: usize) -> Vec<(&dyn Schedule, usize)> {
        self.parts().into_iter().map(|part| (part, step)).collect()
    }
}

impl<C: Combined> Schedule for C {
    fn lr_at(&self, step: usize) -> f64 {
        Combined::lr_at(self, step)
    }

    fn observe(&self, step: usize, measured: Measured) {
        self.told(step).into_iter().for_each(|(part, step)| part.observe(step, measured));
    }

    fn state(&self) -> Vec<f64> {
        self.parts().into_iter().flat_map(Schedule::state).collect()
    }

    fn load_state(&self, state: &mut Iter<'_, f64>) {
        self.parts().into_iter().for_each(|part| part.load_state(state));
    }
}

/// What is combined where nobody says what.
fn base() -> Box<ScheduleSpec> {
    Box::new(ScheduleSpec::Constant(ConstantConfig::default()))
}
