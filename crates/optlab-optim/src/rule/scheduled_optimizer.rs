//! Numbers that follow schedules in Burn's own training loop.

use crate::Error;
use crate::rule::memory::{Declared, LAYOUT_SHAPES};
use crate::rule::{Rule, StateBits};
use crate::schedule::{FollowedNumber, NumberSchedule, Run};
use crate::spec::RuleConfig;
use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use burn_pack::Scalar;
use std::fmt;

/// A rule for Burn's `ModuleOptimizer` and `Learner` whose numbers follow schedules.
///
/// Burn's [`Optimizer`] sees one parameter at a time and knows no step of the run, so the schedules count the
/// steps of each parameter; that count is saved with the parameter's state. For a rule in
/// [`ModelOptimizer`](crate::ModelOptimizer), [`OptimizerSpec::build_for`](crate::OptimizerSpec::build_for)
/// does the same with the steps of the optimizer.
///
/// # Example
/// ```
/// use burn::optim::ModuleOptimizer;
/// use optlab_optim::schedule::Run;
/// use optlab_optim::{AdamWConfig, ScheduledOptimizer};
///
/// let beta_1 = ("beta_1", "linear:from=0.8,to=0.95,steps=300".parse()?);
/// let run = Run::new(1e-3, 1000);
/// let adamw = ScheduledOptimizer::new("adamw", AdamWConfig::default(), AdamWConfig::build, [beta_1], run)?;
/// let optimizer: ModuleOptimizer = adamw.into();
/// # drop(optimizer);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
#[derive(Clone)]
pub struct ScheduledOptimizer<C, R> {
    config: C,
    build: fn(&C) -> Result<R, Error>,
    numbers: Vec<FollowedNumber>,
}

impl<C: RuleConfig + Clone, R: Rule> ScheduledOptimizer<C, R> {
    /// Builds `config` with `build`, where each of `numbers`, a field and its schedule, follows its schedule
    /// over `run`. Errors name `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN, at any step of the run, for a setting
    /// that is no number with a range, and for a number whose values change which state the rule keeps; the
    /// errors of the schedules.
    pub fn new<'a>(
        owner: &'static str,
        mut config: C,
        build: fn(&C) -> Result<R, Error>,
        numbers: impl IntoIterator<Item = (&'a str, NumberSchedule)>,
        run: Run,
    ) -> Result<Self, Error> {
        let mut followed = Vec::new();
        for (field, schedule) in numbers {
            let default = config.number_mut(field).map(|number| *number);
            let fields = config.settings();
            followed.push(FollowedNumber::of(owner, field, fields, default, &schedule, run)?);
        }
        let optimizer = ScheduledOptimizer { config, build, numbers: followed };
        let layout =
            |rule: R| LAYOUT_SHAPES.map(|shape| Declared::of(&rule, StateBits::F32, shape).layout(shape));
        let first = layout(optimizer.rule_at(0)?);
        for number in &optimizer.numbers {
            for step in number.checked()? {
                if layout(optimizer.rule_at(step)?) != first {
                    let allowed = "a schedule with which the rule keeps the same state at every step";
                    return Err(number.refused(allowed, step));
                }
            }
        }
        Ok(optimizer)
    }

    /// Returns the rule with the numbers of a step, counted from 0.
    fn rule_at(&self, step: usize) -> Result<R, Error> {
        let mut config = self.config.clone();
        for followed in &self.numbers {
            if let Some(number) = config.number_mut(&followed.field) {
                *number = followed.at(step);
            }
        }
        (self.build)(&config)
    }
}

impl<C: fmt::Debug, R> fmt::Debug for ScheduledOptimizer<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<&str> = self.numbers.iter().map(|number| number.field.as_str()).collect();
        let mut debug = f.debug_struct("ScheduledOptimizer");
        debug.field("config", &self.config).field("numbers", &numbers).finish_non_exhaustive()
    }
}

/// The state of a rule for one parameter, and the number of steps that the parameter has made.
#[derive(Debug, Clone)]
pub struct CountedState<S> {
    steps: u64,
    state: Option<S>,
}

/// The name under which the number of steps is saved.
const STEPS: &str = "scheduled_steps";

impl<S: RecordState> RecordState for CountedState<S> {
    fn state_flatten(&self, prefix: &str, sink: &mut StateSink) {
        sink.push_scalar(prefix, STEPS, Scalar::from(self.steps));
        if let Some(state) = &self.state {
            state.state_flatten(prefix, sink);
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let steps = u64::try_from(source.take_scalar(prefix, STEPS)?).ok()?;
        Some(CountedState { steps, state: S::state_unflatten(prefix, source, device) })
    }
}

impl<C, R> Optimizer for ScheduledOptimizer<C, R>
where
    C: RuleConfig + Clone + Send + Sync + 'static,
    R: Rule + Optimizer,
{
    type State<const D: usize> = CountedState<R::State<D>>;

    /// # Panics
    /// If a number is out of its range at a step that was too late to be checked before the first.
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let CountedState { steps, state } = state.unwrap_or(CountedState { steps: 0, state: None });
        let step = usize::try_from(steps).unwrap_or(usize::MAX);
        let rule = self.rule_at(step).unwrap_or_else(|error| panic!("{error}"));
        let (theta, state) = Optimizer::step(&rule, lr, theta, grad, state);
        (theta, Some(CountedState { steps: steps + 1, state }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        CountedState { state: state.state.map(|state| R::to_device(state, device)), ..state }
    }
}
