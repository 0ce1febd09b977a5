//! Combinators: schedules made of other schedules. Each part is built for its own section of the run, so that
//! percentages and defaults refer to that section, and it receives measurements only during that section.

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

/// A schedule made of other schedules. Its parts receive the measurements and hold the state.
trait Combined: Send + Sync {
    /// Returns the rate of step `step`.
    fn lr_at(&self, step: usize) -> f64;

    /// Returns all parts, in the order in which their states are saved.
    fn parts(&self) -> Vec<&dyn Schedule>;

    /// Returns the parts that receive the measurement after step `step`, each with its own number of the
    /// step.
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

/// Returns the default schedule that a combinator is applied to.
fn base() -> Box<ScheduleSpec> {
    Box::new(ScheduleSpec::Constant(ConstantConfig::default()))
}
