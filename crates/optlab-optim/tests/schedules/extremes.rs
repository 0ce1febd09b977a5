//! No schedule returns a rate that is not a finite number, whatever its settings and however late the step.

use optlab_optim::schedule::{Run, ScheduleSpec};
use serde_json::{Map, Value, json};

const NUMBERS: [f64; 7] = [0.0, f64::MIN_POSITIVE, 1e-9, 0.999, 2.0, 1e300, f64::MAX];
const STEPS: [usize; 8] = [0, 1, 9, 10, 99, 5_000, 1 << 52, usize::MAX];

/// Checks the rates of a schedule, if its settings are accepted, and returns whether they are.
fn is_finite_everywhere(spec: &ScheduleSpec) -> bool {
    let mut accepted = false;
    for run in [Run::new(0.1, 10), Run::new(0.0, 10), Run::new(f64::MAX, 100), Run::new(2.0, 1000)] {
        let Ok(schedule) = spec.build(run) else { continue };
        accepted = true;
        for step in STEPS {
            let rate = schedule.lr_at(step);
            assert!(rate.is_finite() && rate >= 0.0, "{spec} of {run:?} at {step}: {rate}");
        }
    }
    accepted
}

#[test]
fn no_schedule_returns_nan_or_infinity() {
    let built_in = |spec: &ScheduleSpec| !matches!(spec, ScheduleSpec::Registered(_));
    for spec in ScheduleSpec::all().into_iter().filter(built_in) {
        let Ok(Value::Object(table)) = serde_json::to_value(&spec) else { panic!("{spec}") };
        assert!(is_finite_everywhere(&spec), "{spec}");
        let with = |changes: [(&String, f64); 2]| {
            let mut table: Map<String, Value> = table.clone();
            changes.into_iter().for_each(|(field, number)| {
                table.insert(field.clone(), json!(number));
            });
            ScheduleSpec::from_value(&table.into()).ok()
        };
        for (one, other) in table.keys().flat_map(|one| table.keys().map(move |other| (one, other))) {
            for (a, b) in NUMBERS.into_iter().flat_map(|a| NUMBERS.map(|b| (a, b))) {
                let _ = with([(one, a), (other, b)]).as_ref().map(is_finite_everywhere);
            }
        }
    }
}

#[test]
fn nothing_times_infinity_is_nothing_in_every_product() {
    for (text, rate) in [
        ("exponential:initial_lr=0,gamma=2", 0.0),
        ("exponential:initial_lr=1,gamma=2", f64::MAX),
        ("step:initial_lr=0,gamma=2,step_size=1", 0.0),
        ("scale:factor=0,base=exponential:gamma=2", 0.0),
        ("product:schedules=[(exponential:gamma=2),(constant:initial_lr=0)]", 0.0),
        ("product:schedules=[(exponential:gamma=2),(exponential:gamma=2)]", f64::MAX),
        ("warmup:steps=1,base=exponential:initial_lr=0,gamma=2", 0.0),
        ("clamp:max=1,base=exponential:gamma=2", 1.0),
        ("sequence:schedules=[constant,(scale:factor=0,base=exponential:gamma=2)]", 0.0),
        ("burn.step:initial_lr=0,gamma=1e300,step_size=1", 0.0),
    ] {
        let schedule = text.parse::<ScheduleSpec>().unwrap().build(Run::new(0.1, 5_000)).unwrap();
        assert_eq!(schedule.lr_at(1_000_000), rate, "{text}");
    }
}
