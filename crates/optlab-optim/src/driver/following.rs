//! Numbers of an optimizer that follow schedules.
//!
//! The rules hold no state, so they are built anew from the spec whenever a number has another value; the
//! state stays with the parameters.

use crate::Error;
use crate::around::{Extras, GradientTransform};
use crate::driver::parameter_rule::Kind;
use crate::driver::{Assembly, Method, ModelOptimizer, ParameterRule};
use crate::schedule::{Run, Schedule};
use crate::spec::OptimizerSpec;
use optlab_core::range::Range;
use optlab_core::spec;

/// The most steps at which the values of a number are checked before the first step. In a longer run these
/// are spread evenly.
const MOST_CHECKED: usize = 1 << 20;

/// The shapes for which the state must stay the same.
const SHAPES: [&[usize]; 4] = [&[6], &[6, 6], &[8, 3], &[4, 3, 2, 2]];

/// An optimizer whose numbers follow schedules.
pub(crate) struct Following {
    /// The optimizer, with the numbers of the latest step.
    spec: OptimizerSpec,
    numbers: Vec<Number>,
    /// The last step of the run.
    last: usize,
    /// Whether the numbers change what runs around the rules.
    changes_extras: bool,
    /// What the program added to the optimizer after it was built.
    added: GradientTransform,
    replaced: Option<Extras>,
}

/// A number that follows a schedule.
struct Number {
    owner: &'static str,
    field: String,
    /// The way to its optimizer: the index among the nested optimizers of each level.
    way: Vec<usize>,
    range: Range,
    schedule: Box<dyn Schedule>,
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
        let last = run.total_steps.saturating_sub(1);
        let (added, replaced) = (GradientTransform::default(), None);
        let mut following = Following { spec, numbers, last, changes_extras: false, added, replaced };
        following.check()?;
        Ok(Some(following))
    }

    /// Checks every number against its range, and that no value changes the state that the rules keep.
    fn check(&mut self) -> Result<(), Error> {
        let first = self.at(0)?;
        if matches!(first.method, Method::Lbfgs(_)) {
            let reason = "no number can follow a schedule, since Burn keeps the settings with the state";
            return Err(Error::Usage(format!("`burn.lbfgs`: {reason}")));
        }
        let steps = self.last.saturating_add(1);
        let checked = steps.min(MOST_CHECKED);
        for place in 0..self.numbers.len() {
            let number = &self.numbers[place];
            let (mut smallest, mut largest) = ((f64::INFINITY, 0), (f64::NEG_INFINITY, 0));
            for step in 0..checked {
                let step = match checked == steps {
                    true => step,
                    false => (step as u128 * self.last as u128 / (checked as u128 - 1)) as usize,
                };
                let value = number.schedule.lr_at(step);
                number.check(value, step)?;
                smallest = if value < smallest.0 { (value, step) } else { smallest };
                largest = if value > largest.0 { (value, step) } else { largest };
            }
            for step in [smallest.1, largest.1, self.last] {
                let other = self.at(step)?;
                self.changes_extras |= other.extras != first.extras;
                let number = &self.numbers[place];
                if let Some(allowed) = difference(&first, &other) {
                    let given = format!("{} at step 0 and {} at step {step}", number.at(0), number.at(step));
                    return Err(Error::invalid(number.owner, &number.field, allowed, given));
                }
            }
        }
        Ok(())
    }

    /// Returns the parts of the optimizer at a step.
    fn at(&mut self, step: usize) -> Result<Assembly, Error> {
        for number in &mut self.numbers {
            number.value = number.at(step.min(self.last));
            let mut spec = &mut self.spec;
            for place in &number.way {
                // The way was found in the same optimizer.
                spec = spec.nested_mut().swap_remove(*place);
            }
            spec.set_number(&number.field, number.value)?;
        }
        self.spec.assemble()
    }

    /// Returns whether a number has another value at `step` than at the latest step.
    fn changes_at(&self, step: usize) -> bool {
        self.numbers.iter().any(|number| number.at(step.min(self.last)) != number.value)
    }
}

impl Number {
    fn at(&self, step: usize) -> f64 {
        self.schedule.lr_at(step)
    }

    fn check(&self, value: f64, step: usize) -> Result<(), Error> {
        match self.range.contains(value) {
            true => Ok(()),
            false => {
                let given = format!("{value} at step {step}");
                Err(Error::invalid(self.owner, &self.field, &self.range.allowed(), given))
            }
        }
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
            let declared = scheduled.spec.settings().iter().find(|declared| declared.name == field);
            let default = defaults.as_ref().and_then(|fields| fields.get(field)?.as_f64());
            let built = schedule.build(Run { lr: default.unwrap_or(f64::NAN), ..run });
            if default.is_none() && built.is_err() && schedule.build(Run { lr: 1.0, ..run }).is_ok() {
                let allowed = "a schedule with its own first value, since the setting has no default";
                return Err(Error::invalid(owner, field, allowed, schedule));
            }
            let (Some(range), built) = (declared.and_then(|declared| declared.range), built?) else {
                return Err(Error::invalid(owner, field, "a number with a range", schedule));
            };
            if !built.state().is_empty() {
                let allowed = "a schedule of the step alone, without measurements";
                return Err(Error::invalid(owner, field, allowed, schedule));
            }
            let (field, way) = (field.clone(), way.clone());
            found.push(Number { owner, field, way, range, schedule: built, value: f64::NAN });
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
    let state = |rule: &ParameterRule| match &rule.kind {
        Kind::Elementwise(rule) => {
            let shared = rule.estimate().map(|estimate| estimate.fresh().names);
            (SHAPES.map(|shape| rule.declared(shape).layout(shape)).to_vec(), shared)
        }
        Kind::Tensor(rule) => (SHAPES.map(|shape| rule.declared(shape).layout(shape)).to_vec(), None),
        Kind::Burn(_) => (Vec::new(), None),
    };
    let keeps_the_same_state = one.rules.len() == other.rules.len()
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
        let Assembly { rules, method, transform, extras, groups: _ } = assembly;
        let transform = transform.merged(following.added).unwrap_or_else(|error| panic!("{error}"));
        self.extras = following.replaced.unwrap_or(extras);
        (self.rules, self.method, self.transform) = (rules, method, transform);
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
