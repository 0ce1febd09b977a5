//! The names of trials, which are the names of their folders.

use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use optlab_train::registry::AnyWorkload;
use optlab_train::train::Trial;
use optlab_train::workload;

/// Names as they were when the list was begun, one per line: "optimizer" or "schedule", the spec, the name.
const NAMES: &str = include_str!("trial_names.txt");

fn name(kind: &str, spec: &str) -> String {
    let mut trial = Trial::new(&workload::built_in("digits-cnn").unwrap().info());
    trial.backend = "flex".into();
    match kind {
        "optimizer" => trial.optimizer = spec.parse::<OptimizerSpec>().unwrap(),
        "schedule" => trial.schedule = spec.parse::<ScheduleSpec>().unwrap(),
        other => panic!("{other}"),
    }
    trial.id()
}

#[test]
fn a_trial_keeps_its_name_when_its_rule_gets_more_settings() {
    let mut count = 0;
    for line in NAMES.lines().filter(|line| !line.starts_with('#')) {
        let [kind, spec, expected] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(name(kind, spec), expected, "{spec}: a setting that was added needs `since(…)`");
        count += 1;
    }
    assert!(count > 80, "{count}");
}

#[test]
fn a_later_setting_with_another_value_than_its_default_changes_the_name() {
    for spec in OptimizerSpec::all() {
        let later: Vec<_> = spec.settings().iter().filter(|field| field.since.is_some()).collect();
        for field in later.into_iter().filter(|field| field.default == "false") {
            let changed = format!("{}:{}=true", spec.name(), field.name);
            assert_ne!(name("optimizer", &changed), name("optimizer", spec.name()), "{changed}");
        }
    }
}
