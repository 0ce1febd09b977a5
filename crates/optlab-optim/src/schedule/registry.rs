//! Schedules that a user's own program adds to the built-in ones.

use crate::Error;
use crate::schedule::spec::{NAMES, ScheduleSpec};
use crate::schedule::{Run, Schedule};
use optlab_core::spec::{self, Spec};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Every registered schedule, in the order of registration.
static SCHEDULES: RwLock<Vec<Registered>> = RwLock::new(Vec::new());

/// Builds a schedule from a closure that returns the rate of a step.
///
/// # Example
/// ```
/// let schedule = optlab_optim::schedule::custom(|step| 0.1 / (1.0 + step as f64));
/// assert_eq!(schedule.lr_at(1), 0.05);
/// ```
pub fn custom(lr_at: impl Fn(usize) -> f64 + Send + Sync + 'static) -> Box<dyn Schedule> {
    struct Custom<F>(F);
    impl<F: Fn(usize) -> f64 + Send + Sync> Schedule for Custom<F> {
        fn lr_at(&self, step: usize) -> f64 {
            (self.0)(step)
        }
    }
    Box::new(Custom(lr_at))
}

/// Adds `name` as a schedule for the rest of the process, usable like the built-in ones.
///
/// From then on [`ScheduleSpec`] reads and writes it, so it can be named in text, plans, combinators, trials
/// and their checkpoints, and [`ScheduleSpec::all`], which `optlab list` shows, includes it.
///
/// # Errors
/// [`Error::NameTaken`] for the name of another schedule. [`Error::InvalidConfig`] for a name with characters
/// other than letters, digits, `_`, `-` and `.`.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec, custom, register};
///
/// register("sawtooth", "down in ten steps, again and again", |run: Run| {
///     Ok(custom(move |step| run.lr * (1.0 - (step % 10) as f64 / 10.0)))
/// })?;
/// let spec: ScheduleSpec = "warmup:steps=2,base=sawtooth".parse()?;
/// assert_eq!(spec.build(Run::new(1.0, 100))?.lr_at(7), 0.5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub fn register(
    name: &'static str,
    summary: &'static str,
    build: impl Fn(Run) -> Result<Box<dyn Schedule>, Error> + Send + Sync + 'static,
) -> Result<ScheduleSpec, Error> {
    spec::check_name::<ScheduleSpec>(name)?;
    // One lock covers the check and the insertion, so that two threads cannot register the same name.
    let mut schedules = SCHEDULES.write().unwrap_or_else(PoisonError::into_inner);
    let registered = schedules.iter().map(|schedule| schedule.name);
    if NAMES.iter().copied().chain(registered).any(|taken| taken == name) {
        return Err(Error::NameTaken { kind: ScheduleSpec::KIND, name: name.into() });
    }
    let schedule = Registered { name, summary, build: Arc::new(build) };
    schedules.push(schedule.clone());
    Ok(ScheduleSpec::Registered(schedule))
}

type Build = dyn Fn(Run) -> Result<Box<dyn Schedule>, Error> + Send + Sync;

/// A schedule added by [`register`].
#[derive(Clone)]
pub struct Registered {
    name: &'static str,
    summary: &'static str,
    build: Arc<Build>,
}

impl Registered {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn summary(&self) -> &'static str {
        self.summary
    }

    pub(super) fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        (self.build)(run)
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name).finish()
    }
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        // Names are unique.
        self.name == other.name
    }
}

/// The serialized form of a registered schedule.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    schedule: String,
}

impl Serialize for Registered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Named { schedule: self.name.into() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Registered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Named { schedule } = Named::deserialize(deserializer)?;
        let found = all().into_iter().find(|registered| registered.name == schedule);
        found.ok_or_else(|| D::Error::custom(format!("unknown schedule `{schedule}`")))
    }
}

/// Returns every registered schedule.
pub(super) fn all() -> Vec<Registered> {
    SCHEDULES.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Returns whether a schedule with the given name is registered.
pub(super) fn has(name: &str) -> bool {
    all().iter().any(|schedule| schedule.name == name)
}
