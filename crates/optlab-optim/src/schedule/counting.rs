//! A schedule that counts its own steps, for Burn's training loop.

use crate::schedule::{Measured, Schedule, load_state};
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const STEP: &str = "step";

/// A schedule that counts its own steps, as Burn's training loop requires.
///
/// Clones count their steps separately but share the measurements passed to [`observe`](Self::observe). The
/// loop takes ownership of its schedule, so a clone kept outside can pass it the measurements.
///
/// # Example
/// ```
/// use burn::lr_scheduler::LrScheduler;
/// use optlab_optim::schedule::{CountingSchedule, Run, ScheduleSpec};
///
/// let step = "step:step_size=1".parse::<ScheduleSpec>()?.build(Run::new(1.0, 3))?;
/// let mut schedule = CountingSchedule::new(step);
/// assert_eq!((schedule.step(), schedule.step()), (1.0, 0.1));
///
/// let plateau = "reduce_on_plateau:patience=0".parse::<ScheduleSpec>()?.build(Run::new(1.0, 3))?;
/// let outside = CountingSchedule::new(plateau);
/// let mut inside = outside.clone();
/// for (loss, rate) in [(0.5, 1.0), (0.6, 1.0), (0.4, 0.1)] {
///     assert_eq!(inside.step(), rate);
///     outside.observe(loss.into());
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
#[derive(Clone)]
pub struct CountingSchedule {
    schedule: Arc<dyn Schedule>,
    /// Number of steps made by the clone that is furthest ahead.
    latest: Arc<AtomicU64>,
    step: u64,
}

impl CountingSchedule {
    /// Starts `schedule` at step 0.
    pub fn new(schedule: Box<dyn Schedule>) -> Self {
        CountingSchedule { schedule: schedule.into(), latest: Arc::default(), step: 0 }
    }

    /// Passes the measurement after the latest step to the schedule. Most schedules ignore it.
    pub fn observe(&self, measured: Measured) {
        let steps = self.latest.load(Ordering::Relaxed) as usize;
        self.schedule.observe(steps.saturating_sub(1), measured);
    }

    fn go_to(&mut self, step: u64) {
        self.step = step;
        self.latest.fetch_max(step, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for CountingSchedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountingSchedule").field(STEP, &self.step).finish()
    }
}

impl LrScheduler for CountingSchedule {
    fn step(&mut self) -> f64 {
        let lr = self.schedule.lr_at(self.step as usize);
        self.go_to(self.step + 1);
        lr
    }

    fn to_record(&self) -> LrSchedulerRecord {
        let record = LrSchedulerRecord::new().with_scalar(STEP, self.step);
        let state = self.schedule.state();
        state
            .iter()
            .enumerate()
            .fold(record, |record, (place, number)| record.with_scalar(&key(place), *number))
    }

    /// Resumes from the record. A record of another schedule changes nothing, because Burn's trait has no way
    /// to return an error.
    fn load_record(&mut self, record: LrSchedulerRecord) {
        let Some(step) = record.scalar(STEP) else { return };
        let state: Vec<f64> = (0..).map_while(|place| record.scalar(&key(place))).collect();
        if load_state(&*self.schedule, &state).is_ok() {
            self.go_to(step);
        }
    }
}

/// Returns the name of a number of the schedule's state.
fn key(place: usize) -> String {
    format!("state_{place}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Run;
    use crate::schedule::spec::ScheduleSpec;
    use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;

    const RUN: Run = Run::new(0.3, 20);

    #[test]
    fn every_schedule_resumes_from_its_record_in_burns_scheduler() {
        for spec in ScheduleSpec::all() {
            let fresh = || ModuleLrScheduler::from(CountingSchedule::new(spec.build(RUN).unwrap()));
            let mut whole = fresh();
            // Schedules that depend on measurements receive none here.
            let rates: Vec<f64> = (0..20).map(|_| whole.step().base()).collect();
            let schedule = spec.build(RUN).unwrap();
            let pure: Vec<f64> = (0..20).map(|step| schedule.lr_at(step)).collect();
            assert_eq!(rates, pure, "{spec}");

            let mut stopped = fresh();
            for _ in 0..7 {
                stopped.step();
            }
            let bytes = stopped.to_record().into_bytes().unwrap();
            let record = LrSchedulerRecord::from_bytes(bytes).unwrap();
            let mut resumed = fresh().load_record(record);
            let rest: Vec<f64> = (7..20).map(|_| resumed.step().base()).collect();
            assert_eq!(rest, rates[7..], "{spec}");
            let mut unrestored = fresh();
            let restarted: Vec<f64> = (7..20).map(|_| unrestored.step().base()).collect();
            let is_constant = rates.iter().all(|rate| *rate == rates[0]);
            assert_eq!(restarted != rest, !is_constant, "{spec}");
        }
    }

    #[test]
    fn a_record_contains_past_measurements_and_another_schedules_record_changes_nothing() {
        let fresh = |text: &str| {
            let spec: ScheduleSpec = text.parse().unwrap();
            CountingSchedule::new(spec.build(RUN).unwrap())
        };
        let text = "warmup:steps=1,base=(reduce_on_plateau:patience=1,cooldown=2)";
        let mut whole = fresh(text);
        let mut stopped = fresh(text);
        let losses = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0];
        let step = |schedule: &mut CountingSchedule, loss: f64| {
            let lr = schedule.step();
            schedule.observe(loss.into());
            lr
        };
        let rates = losses.map(|loss| step(&mut whole, loss));
        assert!(rates[8] < 0.01 && rates[3] == 0.3, "{rates:?}");
        for stop in 0..losses.len() {
            let mut resumed = fresh(text);
            let bytes = stopped.to_record().into_bytes().unwrap();
            resumed.load_record(LrSchedulerRecord::from_bytes(bytes).unwrap());
            assert_eq!(
                losses[stop..].iter().map(|&loss| step(&mut resumed, loss)).collect::<Vec<_>>(),
                rates[stop..]
            );
            step(&mut stopped, losses[stop]);
        }
        let mut other = fresh("exponential:gamma=0.5");
        other.load_record(stopped.to_record());
        assert_eq!(other.step(), 0.3);
        stopped.load_record(other.to_record());
        assert_eq!(stopped.to_record().into_bytes().unwrap(), whole.to_record().into_bytes().unwrap());
    }
}
