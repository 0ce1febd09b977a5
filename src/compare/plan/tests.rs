use super::*;

fn defaults(workload: &str) -> Result<WorkloadDefaults, Error> {
    match workload {
        "digits-cnn" | "diabetes-linear" => {
            Ok(WorkloadDefaults { batch_size: 32, epochs: 3, validation: 0.1 })
        }
        other => Err(Error::unknown_name("workload", other, &["digits-cnn", "diabetes-linear"])),
    }
}

fn parse(text: &str) -> Result<Plan, Error> {
    plan_file::parse(text, Path::new("my.toml"))
}

/// The one line that a plan's mistake gives, whether it shows on reading or when the grid is made.
fn mistake(text: &str) -> String {
    let complete = format!("schedules = ['cosine']\n{text}");
    let text = if text.contains("schedules") { text } else { &complete };
    let line = match parse(text).and_then(|plan| plan.trials(&defaults)) {
        Ok(trials) => panic!("{} trials from {text}", trials.len()),
        Err(error) => error.to_string(),
    };
    assert!(!line.contains('\n'), "more than one line: {line}");
    line
}

const GRID: &str = "
workloads = ['digits-cnn', 'diabetes-linear']
optimizers = ['adamw', 'adamw:lr=0.01,weight_decay=0.5', { rule = 'burn.adam', lr = 0.5 }]
schedules = ['cosine', { schedule = 'cosine', min_lr = 0.00001 }]
seeds = 2
steps = 10
";

#[test]
fn the_grid_holds_every_combination_once_with_seeds_fastest_and_workloads_slowest() {
    let trials = parse(GRID).unwrap().trials(&defaults).unwrap();
    assert_eq!(trials.len(), 2 * 3 * 2 * 2);
    let seeds: Vec<u64> = trials.iter().take(4).map(|trial| trial.seed).collect();
    assert_eq!(seeds, [0, 1, 0, 1]);
    assert_eq!(trials[0].schedule, trials[1].schedule);
    assert_ne!(trials[1].schedule, trials[2].schedule);
    assert_eq!((trials[3].lr, trials[4].lr, trials[8].lr), (trials[0].lr, 0.01, 0.5));
    assert!(trials[..12].iter().all(|trial| trial.workload == "digits-cnn"));
    assert!(trials[12..].iter().all(|trial| trial.workload == "diabetes-linear"));
    assert!(trials.iter().all(|trial| trial.budget == Budget::Steps(10)));
    assert_eq!(trials, parse(GRID).unwrap().trials(&defaults).unwrap());
}

#[test]
fn schedules_are_checked_at_the_length_that_the_run_will_have() {
    let plan = |schedule: &str| {
        format!("workloads = ['digits-cnn']\noptimizers = ['adam']\nepochs = 12\nschedules = ['{schedule}']")
    };
    for schedule in [
        "multi_step:milestones=[10%,5ep]",
        "warmup:steps=11ep",
        "sequence:schedules=[step,cosine],lengths=[50%,6ep]",
    ] {
        assert_eq!(parse(&plan(schedule)).unwrap().trials(&defaults).unwrap().len(), 1, "{schedule}");
    }
    for schedule in
        ["multi_step:milestones=[50%,5ep]", "warmup:steps=12ep", "sequence:schedules=[step],lengths=[13ep]"]
    {
        mistake(&plan(schedule));
    }
    let of_a_group =
        "workloads = ['digits-cnn']\noptimizers = ['group:parameters=*.bias,schedule=cosin,base=adam']";
    assert!(mistake(of_a_group).contains("unknown schedule `cosin`"));
}

#[test]
fn a_plan_says_how_the_rate_follows_the_batch_size() {
    let text = format!("{GRID}\nlr_scaling = 'sqrt:64'");
    let plan = parse(&text).unwrap();
    let trials = plan.trials(&defaults).unwrap();
    assert!(trials.iter().all(|trial| trial.lr_scaling == Some("sqrt:64".parse().unwrap())));
    assert_eq!(parse(&plan_file::render(&plan).unwrap()).unwrap(), plan);
    assert!(
        mistake("workloads = ['digits-cnn']\noptimizers = ['adam']\nlr_scaling = 'cubic'")
            .contains("`lr_scaling`")
    );
    assert!(
        mistake("workloads = ['digits-cnn']\noptimizers = ['adam']\nlr_scaling = 2").contains("`lr_scaling`")
    );
}

#[test]
fn what_a_plan_does_not_say_comes_from_the_workload() {
    let text = "workloads = 'digits-cnn'\noptimizers = 'adamw'\nschedules = 'cosine'";
    let trials = parse(text).unwrap().trials(&defaults).unwrap();
    let trial = &trials[0];
    assert_eq!((trials.len(), trial.seed, trial.backend.as_str()), (1, 0, "flex"));
    assert_eq!((trial.batch_size, trial.budget, trial.validation), (32, Budget::Epochs(3), 0.1));
}

#[test]
fn a_plan_written_out_reads_back_as_the_same_plan() {
    let text = format!(
        "{GRID}\nbatch_size = 7\nvalidation = 0.25\nl1 = 0.1\nl2 = 0.2\nclip_norm = 1\nclip_value = 0.5\n\
         early_stopping = 4\nshift = 2\nrotation = 15\npad = true\nbackends = ['flex', 'ndarray']"
    );
    let plan = parse(&text).unwrap();
    assert_eq!((plan.clip_norm, plan.augmentation.shift, plan.pad), (Some(1.0), 2, true));
    assert_eq!(parse(&plan.to_toml().unwrap()).unwrap(), plan);
}

#[test]
fn more_seeds_keep_the_plans_name_and_anything_else_changes_it() {
    let plan = parse(GRID).unwrap();
    let id = plan.id().unwrap();
    let seeds = Seeds::List(vec![3, 9]);
    assert_eq!(Plan { seeds, ..plan.clone() }.id().unwrap(), id);
    assert_ne!(Plan { l2: 0.1, ..plan.clone() }.id().unwrap(), id);
    let budget = Some(Budget::Epochs(10));
    assert_ne!(Plan { budget, ..plan }.id().unwrap(), id);
}

#[test]
fn each_mistake_gives_its_one_line() {
    let with = |extra: &str| format!("workloads = ['digits-cnn']\noptimizers = ['adamw']\n{extra}");
    let cases = [
        ("optimizers = ['adamw']".into(), "plan: `workloads` must be a list of at least one, not empty"),
        (
            "workloads = ['digits-cnn']\noptimizers = []".into(),
            "plan: `optimizers` must be a list of at least one",
        ),
        (with("backends = []"), "plan: `backends` must be a list of at least one, not empty"),
        (
            with("seeds = 0"),
            "plan: `seeds` must be a count in [1, 100000] or a list of at least one seed, not 0",
        ),
        (
            with("seeds = []"),
            "plan: `seeds` must be a count in [1, 100000] or a list of at least one seed, not []",
        ),
        (with("seeds = -1"), "plan my.toml: `seeds` must be a count or a list of whole numbers, not -1"),
        (
            with("seeds = [0, 'a']"),
            "plan my.toml: `seeds` must be a count or a list of whole numbers, not \"a\"",
        ),
        (with("seeds = [1, 1]"), "plan: `seeds` names `1` twice"),
        (with("epochs = 1\nsteps = 2"), "plan my.toml: `epochs` and `steps` are both given; keep one"),
        (with("epochs = 0"), "trial: `epochs` must be at least 1, not 0"),
        (with("epochs = 'three'"), "plan my.toml: `epochs` must be a whole number, not \"three\""),
        (with("validation = 1.0"), "trial: `validation` must be in [0, 1), not 1"),
        (with("l2 = nan"), "trial: `l2` must be in [0, ∞), not NaN"),
        (with("clip_norm = 0"), "trial: `clip_norm` must be in (0, ∞), not 0"),
        (with("pad = 1"), "plan my.toml: `pad` must be true or false, not 1"),
        (with("shift = 1.5"), "plan my.toml: `shift` must be a whole number, not 1.5"),
        (with("epoch = 3"), "plan my.toml has no field `epoch`, did you mean `epochs`?"),
        (with("workloads = ['digits-cnn']"), "my.toml: line 4: "),
        (
            "workloads = ['digits-cnm']\noptimizers = ['adamw']".into(),
            "unknown workload `digits-cnm`, did you mean",
        ),
        (
            "workloads = [1]\noptimizers = ['adamw']".into(),
            "plan my.toml: `workloads` must be a list of texts, not 1",
        ),
        (
            "workloads = ['digits-cnn']\noptimizers = ['adamx']".into(),
            "my.toml: unknown optimizer `adamx`, did you",
        ),
        (
            "workloads = ['digits-cnn']\noptimizers = ['adamw', 'adamw']".into(),
            "plan: `optimizers` names `adamw` twice",
        ),
        (
            "workloads = ['digits-cnn']\noptimizers = ['adamw', 'adamw:lr=0.001']".into(),
            "the plan holds the same trial twice: digits-cnn with adamw at lr 0.001",
        ),
        (with("schedules = ['cosin']"), "my.toml: unknown schedule `cosin`, did you mean `cosine`?"),
    ];
    for (text, expected) in cases {
        let line = mistake(&text);
        assert!(line.starts_with(expected), "{text}\n gave: {line}\n  not: {expected}");
    }
}

#[test]
fn a_plan_that_is_not_there_is_named() {
    let error = Plan::read(Path::new("/no/plan.toml")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /no/plan.toml: "), "{error}");
}
