//! Schedules one after the other.

use crate::Error;
use crate::schedule::combinators::{Combined, base};
use crate::schedule::span::Span;
use crate::schedule::spec::{ScheduleConfig, ScheduleSpec};
use crate::schedule::{Run, Schedule};
use serde::{Deserialize, Serialize};

/// Settings of [`Sequence`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SequenceConfig {
    /// The schedules, in order.
    pub schedules: Vec<ScheduleSpec>,
    /// The length of each schedule.
    pub lengths: Vec<Span>,
}

impl Default for SequenceConfig {
    fn default() -> Self {
        SequenceConfig { schedules: vec![*base()], lengths: Vec::new() }
    }
}

impl SequenceConfig {
    /// Returns the step at which each part ends. The end of the last is at most the end of the run.
    fn ends(&self, run: Run) -> Result<Vec<usize>, Error> {
        let (owner, parts) = ("sequence", self.schedules.len());
        if self.lengths.is_empty() {
            // The borders divide the run into equal shares, rounded to whole steps.
            let border = |part: usize| (run.total_steps as u128 * part as u128 / parts as u128) as usize;
            return Ok((1..=parts).map(border).collect());
        }
        if self.lengths.len() + 1 < parts || self.lengths.len() > parts {
            let allowed = format!("{} or {parts} lengths for {parts} schedules", parts - 1);
            return Err(Error::invalid(owner, "lengths", &allowed, self.lengths.len()));
        }
        let mut ends = run.borders(owner, "lengths", &self.lengths)?;
        let given = ends.last().copied().unwrap_or(0);
        if given > run.total_steps {
            let allowed = format!("no more than the {} steps of the run together", run.total_steps);
            return Err(Error::invalid(owner, "lengths", &allowed, given));
        }
        if ends.len() < parts {
            ends.push(run.total_steps);
        }
        Ok(ends)
    }
}

impl ScheduleConfig for SequenceConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        if self.schedules.is_empty() {
            return Err(Error::invalid("sequence", "schedules", "at least one schedule", "none"));
        }
        let mut begin = 0;
        let mut parts = Vec::new();
        for (spec, end) in self.schedules.iter().zip(self.ends(run)?) {
            // A part with 0 steps is never used, unless it is the last.
            let schedule = spec.build(Run { total_steps: (end - begin).max(1), ..run })?;
            parts.push(SequencePart { begin, schedule });
            begin = end;
        }
        Ok(Box::new(Sequence { parts }))
    }
}

/// Schedules one after the other, each from its own step 0.
///
/// ```text
/// η(t) = ηᵢ(t − bᵢ)      for bᵢ ≤ t < bᵢ₊₁,  b₁ = 0,  bᵢ₊₁ = bᵢ + Lᵢ; the last continues
/// ```
///
/// | field       | symbol    | default      | range                                                       |
/// |:------------|:----------|:-------------|:------------------------------------------------------------|
/// | `schedules` | `η₁ … ηₙ` | `[constant]` | at least one schedule                                       |
/// | `lengths`   | `L₁ … Lₙ` | equal        | one for each schedule, or all but the last; together no longer than the run |
///
/// Each schedule is built for its part, and uses the run's rate unless it sets its own. After the end, the
/// last schedule continues past its own end. The borders are the rounded sums of the lengths, so shares of
/// 100 % together fill a run of any length; in a short run, a part may have no step.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] without a schedule, for a wrong number of
/// lengths, or for more steps than the run has; the errors of the schedules.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "sequence:schedules=[constant,(linear:end_lr=0)],lengths=[60%]".parse()?;
/// let schedule = spec.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 6, 8, 10].map(|step| schedule.lr_at(step)), [1.0, 1.0, 0.5, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub struct Sequence {
    /// The parts, in the order of their first steps.
    parts: Vec<SequencePart>,
}

struct SequencePart {
    begin: usize,
    schedule: Box<dyn Schedule>,
}

impl Sequence {
    /// Returns the schedule of a step, and the number of the step within it.
    fn at(&self, step: usize) -> (&dyn Schedule, usize) {
        let begun = self.parts.partition_point(|part| part.begin <= step);
        // The first part begins at 0.
        let part = &self.parts[begun - 1];
        (&*part.schedule, step - part.begin)
    }
}

impl Combined for Sequence {
    fn lr_at(&self, step: usize) -> f64 {
        let (schedule, step) = self.at(step);
        schedule.lr_at(step)
    }

    fn parts(&self) -> Vec<&dyn Schedule> {
        self.parts.iter().map(|part| &*part.schedule).collect()
    }

    fn told(&self, step: usize) -> Vec<(&dyn Schedule, usize)> {
        vec![self.at(step)]
    }
}
