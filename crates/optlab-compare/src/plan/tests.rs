use super::*;
use crate::Error;
use crate::plan::entry::{Entry, Stage};
use crate::plan::tuning::FIRST_SEED;
use optlab_train::train::{Budget, Recipe, Trial};
use std::path::Path;

fn defaults(workload: &str) -> Result<Trial, Error> {
    match workload {
        "digits-cnn" | "diabetes-linear" => {
            let trial = crate::made_up::trial(workload, "adam", 0);
            Ok(Trial { recipe: Recipe { budget: Budget::Epochs(3), ..trial.recipe }, ..trial })
        }
        other => Err(Error::unknown_name("workload", other, &["digits-cnn", "diabetes-linear"])),
    }
}

fn parse(text: &str) -> Result<Plan, Error> {
    file::parse(text, Path::new("my.toml"))
}

/// Returns the trials that are known before anything has run.
fn trials(plan: &Plan) -> Result<Vec<Trial>, Error> {
    let entries = plan.entries(&plan.arms_on_workloads(&defaults)?)?;
    Ok(entries.into_iter().map(|entry| entry.trial).collect())
}

/// Returns the one-line error of a wrong plan, whether reading it or making the grid finds the mistake.
fn mistake(text: &str) -> String {
    let complete = format!("schedules = ['cosine']\n{text}");
    let text = if text.contains("schedules") { text } else { &complete };
    let line = match parse(text).and_then(|plan| trials(&plan)) {
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
fn the_grid_holds_every_combination_once_seed_by_seed_across_the_arms_and_workload_by_workload() {
    let all = trials(&parse(GRID).unwrap()).unwrap();
    assert_eq!(all.len(), 2 * 3 * 2 * 2);
    let seeds: Vec<u64> = all.iter().take(12).map(|trial| trial.seed).collect();
    assert_eq!(seeds, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    assert_ne!(all[0].schedule, all[1].schedule);
    assert_eq!(all[0].schedule, all[2].schedule);
    assert_eq!((all[1].lr, all[2].lr, all[4].lr), (all[0].lr, 0.01, 0.5));
    assert!(all[..12].iter().all(|trial| trial.workload.name == "digits-cnn"));
    assert!(all[12..].iter().all(|trial| trial.workload.name == "diabetes-linear"));
    assert!(all.iter().all(|trial| trial.recipe.budget == Budget::Steps(10)));
    assert_eq!(all, trials(&parse(GRID).unwrap()).unwrap());
}

#[test]
fn schedules_are_checked_at_the_length_of_the_run() {
    let plan = |schedule: &str| {
        format!("workloads = ['digits-cnn']\noptimizers = ['adam']\nepochs = 12\nschedules = ['{schedule}']")
    };
    for schedule in [
        "multi_step:milestones=[10%,5ep]",
        "warmup:steps=11ep",
        "sequence:schedules=[step,cosine],lengths=[50%,6ep]",
    ] {
        assert_eq!(trials(&parse(&plan(schedule)).unwrap()).unwrap().len(), 1, "{schedule}");
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
fn a_plan_names_schedules_of_numbers_as_text_or_as_tables() {
    let plan =
        |optimizer: &str| format!("workloads = ['digits-cnn']\noptimizers = [{optimizer}]\nepochs = 12");
    let text = "'adamw:beta_1=(linear:from=0.8,to=0.9,steps=50%),lr=0.01'";
    let beta_1 = "{ schedule = 'linear', from = 0.8, to = 0.9, steps = '50%' }";
    let table = format!("{{ rule = 'adamw', lr = 0.01, beta_1 = {beta_1} }}");
    let [one, other] = [text, &table].map(|optimizer| {
        let plan = parse(&plan(optimizer)).unwrap();
        assert_eq!(parse(&plan.to_toml().unwrap()).unwrap(), plan);
        trials(&plan).unwrap()
    });
    assert_eq!(one, other);
    assert_eq!(one[0].optimizer.to_string(), "adamw:beta_1=(linear:from=0.8,steps=50%,to=0.9)");
    let told = mistake(&plan("'adamw:beta_1=(linear:from=0.8,to=1.5)'"));
    assert!(told.contains("adamw: `beta_1` must be in [0, 1), not 1."), "{told}");
}

#[test]
fn a_plan_can_scale_the_rate_with_the_batch_size() {
    let text = format!("{GRID}\nlr_scaling = 'sqrt:64'");
    let plan = parse(&text).unwrap();
    assert!(
        trials(&plan)
            .unwrap()
            .iter()
            .all(|trial| trial.recipe.lr_scaling == Some("sqrt:64".parse().unwrap()))
    );
    assert_eq!(parse(&file::render(&plan).unwrap()).unwrap(), plan);
    assert!(
        mistake("workloads = ['digits-cnn']\noptimizers = ['adam']\nlr_scaling = 'cubic'")
            .contains("`lr_scaling`")
    );
    assert!(
        mistake("workloads = ['digits-cnn']\noptimizers = ['adam']\nlr_scaling = 2").contains("`lr_scaling`")
    );
}

#[test]
fn settings_that_a_plan_omits_come_from_the_workload() {
    let text = "workloads = 'digits-cnn'\noptimizers = 'adamw'\nschedules = 'cosine'";
    let all = trials(&parse(text).unwrap()).unwrap();
    let trial = &all[0];
    assert_eq!((all.len(), trial.seed, trial.backend.as_str()), (1, 0, "flex"));
    assert_eq!(
        (&trial.recipe.batch_size, trial.recipe.budget, trial.recipe.validation),
        (&32.into(), Budget::Epochs(3), 0.1)
    );
}

#[test]
fn a_plan_written_out_reads_back_as_the_same_plan() {
    let text = format!(
        "{GRID}\nbatch_size = 7\nvalidation = 0.25\nl1 = 0.1\nl2 = 0.2\nclip_norm = 1\nclip_value = 0.5\n\
         early_stopping = 4\nshift = 2\nrotation = 15\npad = true\nbackends = ['flex', 'ndarray']\n\
         reference = 'lion, no decay'\ntiming = 'alone'\n\
         [tuning]\ntrials = 5\nsampler = 'sobol'\nseed = 3\nseeds = 2\nselection = 'time'\n\
         spaces = {{ adamw = 'lr=log(1e-4,1e-2)' }}\n\
         [[arms]]\nname = 'lion, no decay'\noptimizer = 'lion:weight_decay=0'\nschedule = 'cosine:min_lr=0.5'\n\
         space = {{ lr = 'log(1e-5,1e-3)', batch_size = 'choice(16,32)' }}\nbatch_size = 64\n\
         [[arms]]\noptimizer = {{ rule = 'sgd', lr = 0.5 }}"
    );
    let plan = parse(&text).unwrap();
    assert_eq!((plan.recipe.clip_norm, plan.recipe.shift, plan.recipe.pad), (Some(1.0), Some(2), Some(true)));
    assert_eq!((plan.tuning.trials, plan.tuning.seeds, plan.arms.len()), (5, 2, 2));
    assert_eq!((plan.arms[1].name.as_str(), plan.arms[1].schedule.name()), ("sgd:lr=0.5", "cosine"));
    assert_eq!(parse(&plan.to_toml().unwrap()).unwrap(), plan);
}

#[test]
fn the_batch_size_of_a_plan_and_of_its_arms_may_follow_a_schedule_as_text_or_table() {
    let text = "workloads = ['digits-cnn']\noptimizers = ['adam']\nsteps = 90\n\
                batch_size = 'multi_step:milestones=[50%],gamma=2'\n\
                [[arms]]\noptimizer = 'adam'\nbatch_size = { schedule = 'linear', from = 16, to = 64 }\n\
                [[arms]]\noptimizer = 'adam'\nbatch_size = 'linear:to=64'";
    let plan = parse(text).unwrap();
    assert_eq!(parse(&plan.to_toml().unwrap()).unwrap(), plan);
    let sides = plan.arms_on_workloads(&defaults).unwrap();
    let sizes = sides.iter().map(|side| {
        let sizes = side.trial.recipe.batch_sizes(32, 1000).unwrap();
        [0, 44, 45, 89].map(|step| sizes.of_step(step))
    });
    // Straight lines to step 90: 16 + 48 t / 90 and 32 + 32 t / 90.
    let expected = [[32, 32, 64, 64], [16, 39, 40, 63], [32, 48, 48, 64]];
    assert_eq!(sizes.collect::<Vec<_>>(), expected);
    let names: Vec<&str> = sides.iter().map(|side| side.arm.name.as_str()).collect();
    assert_eq!(
        names,
        ["adam", "adam · batch_size=linear:from=16.0,to=64.0", "adam · batch_size=linear:to=64.0"]
    );
    let in_epochs = parse(&text.replace("steps = 90", "epochs = 3")).unwrap();
    let error = in_epochs.arms_on_workloads(&defaults).and_then(|sides| in_epochs.entries(&sides));
    assert!(error.unwrap_err().to_string().contains("a schedule needs a length in steps"));
    let too_high = text.replace("linear:to=64", "cosine:to=64");
    let too_high = parse(&too_high).unwrap();
    let error = too_high.arms_on_workloads(&defaults).and_then(|sides| too_high.entries(&sides));
    assert!(error.unwrap_err().to_string().contains("cosine: `to`"));
}

#[test]
fn more_seeds_keep_the_plans_name_and_anything_else_changes_it() {
    let plan = parse(GRID).unwrap();
    let id = plan.id().unwrap();
    let seeds = Seeds::List(vec![3, 9]);
    assert_eq!(Plan { seeds, ..plan.clone() }.id().unwrap(), id);
    assert_ne!(
        Plan { recipe: RecipePatch { l2: Some(0.1), ..plan.recipe.clone() }, ..plan.clone() }.id().unwrap(),
        id
    );
    let recipe = RecipePatch { steps: None, epochs: Some(10), ..plan.recipe };
    assert_ne!(Plan { recipe, ..plan }.id().unwrap(), id);
}

#[test]
fn each_mistake_gives_a_one_line_error() {
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
        (with("l2 = nan"), "plan my.toml: `l2` must be a number, not nan"),
        (with("clip_norm = 0"), "trial: `clip_norm` must be in (0, ∞), not 0"),
        (with("pad = 1"), "plan my.toml: `pad` must be true or false, not 1"),
        (with("shift = 1.5"), "plan my.toml: `shift` must be a whole number up to 4294967295, not 1.5"),
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

mod replicates;

/// A plan that tunes two rules, once for both seeds.
const TUNED: &str = "
workloads = ['digits-cnn']
optimizers = ['adamw', 'sgd:momentum=0.9']
schedules = ['cosine']
seeds = 2
[tuning]
trials = 3
seeds = 2
repeats = 1
";

#[test]
fn every_arm_has_the_same_number_of_tuning_trials_on_seeds_that_no_final_trial_has() {
    let plan = parse(TUNED).unwrap();
    let sides = plan.arms_on_workloads(&defaults).unwrap();
    let entries = plan.entries(&sides).unwrap();
    assert_eq!(entries.len(), 2 * 3 * 2);
    let numbers: Vec<usize> = entries[..6]
        .iter()
        .map(|entry| match entry.stage {
            Stage::Tuning { number, .. } => number,
            Stage::Final => panic!("a final trial is not known yet"),
        })
        .collect();
    assert_eq!(numbers, [0, 0, 1, 1, 2, 2]);
    assert!(entries.iter().all(|entry| entry.trial.seed >= FIRST_SEED));
    // The two runs of a point differ by their seed alone.
    assert_eq!(entries[0].trial, Trial { seed: entries[0].trial.seed, ..entries[1].trial.clone() });
    assert_ne!(entries[1].trial.lr, entries[2].trial.lr);
    // Settings that the arm's spec sets are not searched.
    let momenta: Vec<String> = entries[6..].iter().map(|entry| entry.trial.optimizer.to_string()).collect();
    assert!(momenta.iter().all(|spec| spec.contains("momentum=0.9")), "{momenta:?}");
}

#[test]
fn a_larger_tuning_contains_the_smaller_and_keeps_the_plans_name() {
    let plan = parse(TUNED).unwrap();
    let more = Plan { tuning: Tuning { trials: 7, ..plan.tuning.clone() }, ..plan.clone() };
    assert_eq!(more.id().unwrap(), plan.id().unwrap());
    for sampler in ["random", "halton", "sobol"] {
        let with = |plan: &Plan| {
            let tuning = Tuning { sampler: sampler.parse().unwrap(), ..plan.tuning.clone() };
            trials(&Plan { tuning, ..plan.clone() }).unwrap()
        };
        let (few, many) = (with(&plan), with(&more));
        assert!(few.iter().all(|trial| many.contains(trial)), "{sampler}");
        assert_eq!(many.len(), 2 * 7 * 2);
    }
    let untuned = Plan { tuning: Tuning::default(), ..plan.clone() };
    assert_ne!(untuned.id().unwrap(), plan.id().unwrap());
}

#[test]
fn the_settings_and_space_of_an_arm_override_the_plans_for_that_arm_only() {
    let text = format!(
        "{TUNED}spaces = {{ sgd = 'lr=log(1e-2,1e-1)', adamw = 'lr=log(1e-6,1e-5)' }}\n\
         [[arms]]\nname = 'small batches'\noptimizer = 'adamw'\nbatch_size = 8\nclip_norm = 0.5\nspace = 'batch_size=choice(4,8)'"
    );
    let plan = parse(&text).unwrap();
    let sides = plan.arms_on_workloads(&defaults).unwrap();
    let trial = &sides[2].trial;
    assert_eq!(
        (&trial.recipe.batch_size, trial.recipe.clip_norm, trial.lr),
        (&8.into(), Some(0.5), sides[0].trial.lr)
    );
    assert_eq!((&sides[0].trial.recipe.batch_size, sides[0].trial.recipe.clip_norm), (&32.into(), None));
    let spaces: Vec<String> = sides.iter().map(|side| side.arm.space().to_string()).collect();
    assert_eq!(spaces, ["lr=log(1e-6,1e-5)", "lr=log(1e-2,1e-1)", "batch_size=choice(4,8)"]);
    let entries = plan.entries(&sides).unwrap();
    assert!(
        entries[12..].iter().all(|entry| [4.into(), 8.into()].contains(&entry.trial.recipe.batch_size)
            && entry.arm == "small batches")
    );
}

#[test]
fn an_arm_is_found_however_its_spec_is_written() {
    let text = "workloads = ['digits-cnn']\noptimizers = ['sgd:momentum=0.9,lr=5e-2', 'adam']\n\
                reference = 'sgd:lr=0.05,momentum=0.9'\n\
                [tuning.spaces]\n'sgd:lr=0.050,momentum=0.9' = 'lr=log(1,2)'";
    let arms = parse(text).unwrap().arms().unwrap();
    assert_eq!(arms[0].space().to_string(), "lr=log(1e0,2e0)");
    assert_eq!(parse(text).unwrap().reference(), Some(arms[0].name.clone()));
}

#[test]
fn a_mistake_in_the_tuning_or_in_an_arm_gives_a_one_line_error() {
    let with = |extra: &str| format!("workloads = ['digits-cnn']\noptimizers = ['adamw']\n{extra}");
    let cases = [
        (with("reference = 'adam'"), "unknown arm `adam`, did you mean `adamw`?"),
        (with("timing = 'shared'"), "plan my.toml: `timing` must be pinned or alone, not \"shared\""),
        (with("tuning = 3"), "plan my.toml: `tuning` must be a table, not 3"),
        (with("[tuning]\ntrial = 3"), "plan my.toml has no field `tuning.trial`, did you mean"),
        (with("[tuning]\ntrials = -3"), "plan my.toml: `tuning.trials` must be a whole number, not -3"),
        (
            with("seeds = [1000000]\n[tuning]\ntrials = 2"),
            "plan: `seeds` must be below 1000000, where the seeds of tuning begin, not 1000000",
        ),
        (with("[tuning]\nseeds = 0"), "plan: `tuning.seeds` must be in [1, 1000], not 0"),
        (with("[tuning]\nsampler = 'soboll'"), "my.toml: unknown sampler `soboll`, did you mean `sobol`?"),
        (with("[tuning]\nsampler = 'tpe'"), "plan: `tuning.sampler` must be random, halton or sobol"),
        (with("[tuning]\npruner = 'asha'"), "plan: `tuning.pruner` must be none"),
        (
            with("[tuning]\nselection = 'luck'"),
            "plan my.toml: `tuning.selection` must be metric or time, not",
        ),
        (
            with("[tuning.spaces]\nsgd = 'lr=log(1,2)'"),
            "plan: `tuning.spaces` has `sgd`, which is neither an arm nor a rule",
        ),
        (
            with("[tuning.spaces]\nadamw = 'lr=log(2,1)'"),
            "my.toml: `tuning.spaces.adamw`: search space: `lr` must be log(low,high)",
        ),
        (
            with("[tuning]\ntrials = 2\nspaces = { adamw = 'beta_9=uniform(0,1)' }"),
            "optimizer `adamw` has no field `beta_9`",
        ),
        (with("[[arms]]\nname = 'x'"), "plan my.toml: an arm of `arms` needs an `optimizer`"),
        (with("[[arms]]\noptimizer = 'adam'\nbatch = 3"), "plan my.toml has no field `arms.batch`"),
        (
            with("[[arms]]\noptimizer = 'adam'\nbatch_size = 0"),
            "trial: `batch_size` must be at least 1, not 0",
        ),
        (with("[[arms]]\noptimizer = 'adamw'"), "plan: `arms` names `adamw"),
        ("workloads = ['digits-cnn']".into(), "plan: `optimizers` must be a list of at least one"),
    ];
    for (text, expected) in cases {
        let text = format!("schedules = ['constant']\n{text}");
        let line = mistake(&text);
        assert!(line.contains(expected), "{text}\n gave: {line}\n  not: {expected}");
    }
}

#[test]
fn a_missing_plan_file_is_named() {
    let error = Plan::read(Path::new("/no/plan.toml")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /no/plan.toml: "), "{error}");
}
