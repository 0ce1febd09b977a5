//! Numbers of an optimizer that follow schedules.
//!
//! The rules hold no state, so they are built anew from the spec whenever a number has another value; the
//! state stays with the parameters.

use crate::Error;
use crate::around::gradient_filter::GradientFilter;
use crate::around::{Extras, GradientTransform};
use crate::driver::parameter_rule::Kind;
use crate::driver::{Assembly, Method, ModelOptimizer, ParameterRule};
use crate::rule::memory::LAYOUT_SHAPES;
use crate::schedule::{FollowedNumber, Run};
use crate::spec::OptimizerSpec;
use optlab_core::spec;

/// An optimizer whose numbers follow schedules.
pub(crate) struct Following {
    /// The optimizer, with the numbers of the latest step.
    spec: OptimizerSpec,
    numbers: Vec<Number>,
    /// Whether the numbers change what runs around the rules.
    changes_extras: bool,
    /// What the program added to the optimizer after it was built.
    added: GradientTransform,
    replaced: Option<Extras>,
}

/// A number that follows a schedule.
struct Number {
    followed: FollowedNumber,
    /// The way to its optimizer: the index among the nested optimizers of each level.
    way: Vec<usize>,
    /// Its latest value.
    value: f64,
}

impl Following {
    /// Builds the schedules of `spec` for `run`, and checks the values of every number; `None` if no number
    /// follows a schedule.
    ///
    /// # Errors
    /// Those of [`OptimizerSpec::build_for`].
    pub fn of(spec: &OptimizerSpec, run: Run) -> Result<Option<Self>, Error> {
        let mut spec = spec.clone();
        let mut numbers = Vec::new();
        take_numbers(&mut spec, &mut Vec::new(), run, &mut numbers)?;
        if numbers.is_empty() {
            return Ok(None);
        }
        let (added, replaced) = (GradientTransform::default(), None);
        let mut following = Following { spec, numbers, changes_extras: false, added, replaced };
        following.check()?;
        Ok(Some(following))
    }

    /// Checks every number against its range, and that no value changes the state that the rules keep.
    fn check(&mut self) -> Result<(), Error> {
        let first = self.at(0)?;
        if matches!(first.method, Method::Lbfgs(_) | Method::BurnLbfgs(_)) {
            let reason = "no number can follow a schedule, since L-BFGS keeps its settings with its state";
            return Err(Error::Usage(format!("`{}`: {reason}", self.spec.name())));
        }
        for place in 0..self.numbers.len() {
            for step in self.numbers[place].followed.checked()? {
                let other = self.at(step)?;
                self.changes_extras |= other.extras != first.extras;
                if let Some(allowed) = difference(&first, &other) {
                    return Err(self.numbers[place].followed.refused(allowed, step));
                }
            }
        }
        Ok(())
    }

    /// Returns the parts of the optimizer at a step.
    fn at(&mut self, step: usize) -> Result<Assembly, Error> {
        for number in &mut self.numbers {
            number.value = number.followed.at(step);
            let mut spec = &mut self.spec;
            for place in &number.way {
                // The way was found in the same optimizer.
                spec = spec.nested_mut().swap_remove(*place);
            }
            spec.set_number(&number.followed.field, number.value)?;
        }
        self.spec.assemble()
    }

    /// Returns whether a number has another value at `step` than at the latest step.
    fn changes_at(&self, step: usize) -> bool {
        self.numbers.iter().any(|number| number.followed.at(step) != number.value)
    }
}

/// Moves the numbers that follow schedules out of `spec` and of the optimizers within it.
fn take_numbers(
    spec: &mut OptimizerSpec,
    way: &mut Vec<usize>,
    run: Run,
    found: &mut Vec<Number>,
) -> Result<(), Error> {
    if let OptimizerSpec::Scheduled(scheduled) = spec {
        let owner = scheduled.spec.name();
        let defaults = <OptimizerSpec as spec::Spec>::default_of(owner).map(|spec| spec::to_value(&spec));
        for (field, schedule) in &scheduled.numbers {
            let default = defaults.as_ref().and_then(|fields| fields.get(field)?.as_f64());
            let fields = scheduled.spec.settings();
            let followed = FollowedNumber::of(owner, field, fields, default, schedule, run)?;
            found.push(Number { followed, way: way.clone(), value: f64::NAN });
        }
        let plain = (*scheduled.spec).clone();
        *spec = plain;
    }
    for (place, nested) in spec.nested_mut().into_iter().enumerate() {
        way.push(place);
        take_numbers(nested, way, run, found)?;
        way.pop();
    }
    Ok(())
}

/// Returns what a schedule may not do, if it turns the optimizer `one` into `other`.
fn difference(one: &Assembly, other: &Assembly) -> Option<&'static str> {
    let state = |of: &ParameterRule| match &of.kind {
        Kind::Elementwise(rule) => {
            let shared = rule.estimate().map(|estimate| estimate.fresh().names);
            (LAYOUT_SHAPES.map(|shape| rule.declared(of.state, shape).layout(shape)).to_vec(), shared)
        }
        Kind::Tensor(rule) => (LAYOUT_SHAPES.map(|shape| rule.declared(shape).layout(shape)).to_vec(), None),
        Kind::Burn(_) | Kind::Lbfgs => (Vec::new(), None),
    };
    let around = |assembly: &Assembly| {
        let Extras { lookahead, average, schedule_free, ema_nesterov, mechanic, .. } = &assembly.extras;
        let extras =
            [lookahead.is_some(), average.is_some(), schedule_free.is_some(), ema_nesterov.is_some()];
        let decays = mechanic.map(|mechanic| mechanic.decays);
        (extras, decays, assembly.filter.as_ref().map(GradientFilter::buffers))
    };
    let keeps_the_same_state = around(one) == around(other)
        && one.rules.len() == other.rules.len()
        && one.rules.iter().zip(&other.rules).all(|(one, other)| state(one) == state(other));
    let factors =
        |assembly: &Assembly| -> Vec<f64> { assembly.groups.iter().map(|group| group.lr_factor).collect() };
    if !keeps_the_same_state {
        return Some("a schedule with which the rule keeps the same state at every step");
    }
    // The history records the rate of each group with its factor.
    (factors(one) != factors(other)).then_some("a number: the rate of a group follows its `schedule`")
}

impl ModelOptimizer {
    /// Returns the values at a step, counted from 0, of the numbers that follow schedules, in a fixed order.
    pub fn scheduled_numbers_at(&self, step: usize) -> Vec<f64> {
        let numbers = self.following.iter().flat_map(|following| &following.numbers);
        numbers.map(|number| number.followed.at(step)).collect()
    }

    /// Builds an optimizer whose numbers follow schedules.
    pub(crate) fn following(name: &str, mut following: Following) -> Result<Self, Error> {
        let first = following.at(0)?;
        Ok(ModelOptimizer { following: Some(Box::new(following)), ..Self::assembled(name, first) })
    }

    /// Sets the numbers that follow schedules to their values at a step of this optimizer, counted from 0.
    ///
    /// # Panics
    /// If a number is out of its range at a step that was too late to be checked before the first.
    pub(super) fn follow_schedules(&mut self, step: u64) {
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let Some(following) = self.following.as_mut().filter(|following| following.changes_at(step)) else {
            return;
        };
        let assembly = following.at(step).unwrap_or_else(|error| panic!("{error}"));
        let Assembly { rules, method, filter, transform, extras, groups: _ } = assembly;
        let transform = transform.merged(following.added).unwrap_or_else(|error| panic!("{error}"));
        self.extras = following.replaced.unwrap_or(extras);
        (self.rules, self.method, self.filter, self.transform) = (rules, method, filter, transform);
        for parameter in &mut self.parameters.0 {
            if let Some((place, rule)) = &mut parameter.rule {
                *rule = self.rules[*place].clone();
            }
        }
    }

    /// Remembers a transform of the gradients that the program added.
    pub(super) fn remember_transform(&mut self, added: GradientTransform) -> Result<(), Error> {
        if let Some(following) = &mut self.following {
            following.added = following.added.merged(added)?;
        }
        Ok(())
    }

    /// Remembers the extras with which the program replaced those of the optimizer.
    ///
    /// # Errors
    /// [`Error::Usage`] if the replaced ones follow a schedule.
    pub(super) fn remember_extras(&mut self, extras: Extras) -> Result<(), Error> {
        match &mut self.following {
            Some(following) if following.changes_extras => {
                let reason = "the extras follow a schedule, so a program cannot replace them";
                Err(Error::Usage(format!("`{}`: {reason}", self.name)))
            }
            Some(following) => {
                following.replaced = Some(extras);
                Ok(())
            }
            None => Ok(()),
        }
    }
}
