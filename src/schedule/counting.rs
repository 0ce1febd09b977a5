use crate::schedule::Schedule;
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use std::sync::Arc;

const STEP: &str = "step";

/// A schedule that counts its own steps, as Burn's training loop wants it.
///
/// # Example
/// ```
/// use burn::lr_scheduler::LrScheduler;
/// use optlab::schedule::{CountingSchedule, Run, ScheduleSpec};
///
/// let step = "step:step_size=1".parse::<ScheduleSpec>()?.build(Run::new(1.0, 3))?;
/// let mut schedule = CountingSchedule::new(step);
/// assert_eq!((schedule.step(), schedule.step()), (1.0, 0.1));
/// # Ok::<(), optlab::Error>(())
/// ```
#[derive(Clone)]
pub struct CountingSchedule {
    schedule: Arc<dyn Schedule>,
    step: u64,
}

impl CountingSchedule {
    /// `schedule` from step 0.
    pub fn new(schedule: Box<dyn Schedule>) -> Self {
        CountingSchedule { schedule: schedule.into(), step: 0 }
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
        self.step += 1;
        lr
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar(STEP, self.step)
    }

    /// Goes on where the record stopped. A record of another schedule changes nothing: Burn's trait has no way to
    /// refuse one.
    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(step) = record.scalar(STEP) {
            self.step = step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Run, ScheduleSpec};
    use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;

    const RUN: Run = Run::new(0.3, 20);

    #[test]
    fn every_schedule_goes_on_from_its_record_in_burns_own_scheduler() {
        for spec in ScheduleSpec::all() {
            let fresh = || ModuleLrScheduler::from(CountingSchedule::new(spec.build(RUN).unwrap()));
            let mut whole = fresh();
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
            assert_eq!(restarted != rest, spec.name() != "constant", "{spec}");
        }
    }
}
