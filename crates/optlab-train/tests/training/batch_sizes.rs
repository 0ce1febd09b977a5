//! A batch size that follows a schedule: its values, its epochs, and the same bytes after every interruption.

use crate::StopAfter;
use optlab_optim::schedule;
use optlab_train::Error;
use optlab_train::data::{Batch, Batches, Source};
use optlab_train::diagnosis::{self, Case, Diagnosis, GradientRecord, Kind};
use optlab_train::train::history::{self, Part, Row};
use optlab_train::train::{
    self, BatchSize, Branch, Budget, LrRangeTest, OnDivergence, Outcome, Recipe, RecipePatch, RunDirectory,
    RunOptions, Status, Trial,
};
use optlab_train::workload::{self, Supervised};
use serde_json::json;
use std::path::Path;

/// 144 of the 1,438 training images are held out for validation.
const EXAMPLES: usize = 1294;
const STEPS: usize = 40;

/// From 16 to 250 examples in 30 steps, then 250.
const GROWING: &str = "linear:from=16,to=250,steps=30";

fn trial(batch_size: &str, steps: usize) -> Trial {
    let default = Trial::new(&workload::built_in("digits-cnn").unwrap().info());
    Trial {
        optimizer: "ema:base=adamw:beta_1=(linear:from=0.8,to=0.9,steps=30)".parse().unwrap(),
        lr: 3e-3,
        backend: "flex".into(),
        seed: 5,
        recipe: Recipe {
            budget: Budget::Steps(steps),
            batch_size: batch_size.parse().unwrap(),
            ..default.recipe
        },
        ..default
    }
}

fn options(folder: &Path) -> RunOptions {
    RunOptions { keep_checkpoints: 10, ..RunOptions::new(RunDirectory::new(folder)) }
}

fn run(trial: &Trial, options: &RunOptions) -> Result<Outcome, Error> {
    train::run(&workload::built_in(&trial.workload.name).unwrap(), trial, options, &mut ())
}

fn file(folder: &Path, step: usize, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(format!("checkpoints/step-{step:06}/{name}"))).unwrap()
}

fn assert_same_end(one: &Path, other: &Path, step: usize, case: &str) {
    for name in ["model.bpk", "optimizer.bpk", "evaluated.bpk"] {
        assert!(file(one, step, name) == file(other, step, name), "{case}: {name} differs");
    }
    let rows = |folder: &Path| {
        let rows = history::read(&folder.join("history.jsonl")).unwrap();
        let shown = |row: Row| match row {
            Row::Step { step, loss, .. } => Some((step, 0, loss)),
            Row::Evaluation { step, epoch, loss, .. } => Some((step, epoch, loss)),
            _ => None,
        };
        rows.into_iter().filter_map(shown).collect::<Vec<_>>()
    };
    assert_eq!(rows(one), rows(other), "{case}");
}

/// Returns the sizes that a straight line from `from` to `to` over `over` steps gives, rounded.
fn line(from: f64, to: f64, over: usize) -> impl Fn(usize) -> usize {
    move |step| (from + (to - from) * step.min(over) as f64 / over as f64 + 0.5).floor() as usize
}

#[test]
fn sizes_are_the_rounded_values_of_the_schedule_at_least_one_and_at_most_the_training_part() {
    let sizes = |text: &str, steps| {
        let size: BatchSize = text.parse().unwrap();
        let sizes = size.sizes(32, Budget::Steps(steps), 200).unwrap();
        (0..steps + 3).map(|step| sizes.of_step(step)).collect::<Vec<_>>()
    };
    let expected = line(16.0, 97.0, 10);
    assert_eq!(sizes("linear:from=16,to=97,steps=10", 12), (0..15).map(expected).collect::<Vec<_>>());
    // It starts from the workload's own size.
    let milestones = |step| {
        if step < 4 {
            32
        } else if step < 6 {
            64
        } else {
            128
        }
    };
    let given = sizes("multi_step:milestones=[50%,75%],gamma=2", 8);
    assert_eq!(given, (0..11).map(milestones).collect::<Vec<_>>());
    // In parentheses, as a number of an optimizer.
    assert_eq!(sizes("(multi_step:milestones=[50%,75%],gamma=2)", 8), given);
    assert_eq!(sizes("linear:from=0,to=1,steps=4", 5), [1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(sizes("exponential:from=1,gamma=1e30", 3), [1, 200, 200, 200, 200, 200]);
    assert_eq!(sizes("128", 2), [128; 5]);
}

#[test]
fn sizes_of_a_trial_that_was_not_validated_are_an_error_where_a_number_or_a_length_is_0() {
    for (text, steps, field) in [("0", 9, "`batch_size`"), ("linear:to=64", 0, "`steps`")] {
        let size: BatchSize = text.parse().unwrap();
        let error = size.sizes(32, Budget::Steps(steps), 200).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains("at least 1, not 0"), "{text}: {error}");
    }
}

#[test]
fn a_run_sees_every_example_once_in_each_epoch_and_evaluates_where_one_ends() {
    let trial = trial(GROWING, STEPS);
    let network = workload::built_in("digits-cnn").unwrap();
    let parts = train::prepared(&network, &trial, &Source::default()).unwrap();
    let sizes = trial.recipe.batch_sizes(32, parts.train.len()).unwrap();
    let mut batches = Batches::<Batch>::of_run(&*parts.train, sizes.clone(), trial.seed);
    // The second computation: count examples until an epoch is full.
    let (size, mut left, mut ends) = (line(16.0, 250.0, 30), EXAMPLES, vec![]);
    let mut epoch_of_step = vec![];
    for step in 0..STEPS {
        epoch_of_step.push(ends.len());
        let expected = size(step).min(left);
        assert_eq!(batches.batch_len(step), expected, "step {step}");
        left -= expected;
        if left == 0 {
            ends.push(step + 1);
            left = EXAMPLES;
        }
    }
    assert!(ends.len() >= 3 && left < EXAMPLES, "{ends:?}");
    let given: Vec<usize> = (0..STEPS).map(|step| sizes.epoch_of(step)).collect();
    assert_eq!(given, epoch_of_step);
    let device = optlab_train::device::open("flex").unwrap();
    let mut order_of_first = vec![];
    for epoch in 0..2 {
        let seen: Vec<Vec<u32>> = batches
            .epoch(epoch, &device)
            .flat_map(|batch| {
                let inputs = batch.unwrap().0.inputs;
                let width = inputs.dims()[1];
                let values: Vec<f32> = inputs.into_data().iter::<f32>().collect();
                values.chunks(width).map(|row| row.iter().map(|x| x.to_bits()).collect()).collect::<Vec<_>>()
            })
            .collect();
        let mut sorted = seen.clone();
        sorted.sort();
        let whole = Batches::<Batch>::in_order(&*parts.train, EXAMPLES).batch(0, &device).unwrap().inputs;
        let width = whole.dims()[1];
        let values: Vec<f32> = whole.into_data().iter::<f32>().collect();
        let mut stored: Vec<Vec<u32>> =
            values.chunks(width).map(|row| row.iter().map(|x| x.to_bits()).collect()).collect();
        stored.sort();
        assert_eq!(sorted, stored, "epoch {epoch}");
        assert_ne!(seen, order_of_first, "epoch {epoch}");
        order_of_first = seen;
    }

    let folder = tempfile::tempdir().unwrap();
    let outcome = run(&trial, &options(folder.path())).unwrap();
    let evaluated = |part| -> Vec<(usize, usize)> {
        let rows = history::read(&folder.path().join("history.jsonl")).unwrap();
        let of_row = |row: &Row| match row {
            Row::Evaluation { step, epoch, part: of, .. } if *of == part => Some((*step, *epoch)),
            _ => None,
        };
        rows.iter().filter_map(of_row).collect()
    };
    ends.push(STEPS);
    let expected: Vec<_> = ends.iter().enumerate().map(|(epoch, &end)| (end, epoch + 1)).collect();
    assert_eq!((evaluated(Part::Train), evaluated(Part::Validation)), (expected.clone(), expected));
    assert_eq!((outcome.steps, outcome.epochs), (STEPS, ends.len()));
}

#[test]
fn a_constant_schedule_makes_the_steps_of_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let [number, schedule] = ["number", "schedule"].map(|name| folder.path().join(name));
    run(&trial("200", 20), &options(&number)).unwrap();
    run(&trial("constant:from=200", 20), &options(&schedule)).unwrap();
    assert_same_end(&number, &schedule, 20, "constant");
}

#[test]
fn a_run_that_is_stopped_within_an_epoch_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let micro = |size| {
        let trial = trial(GROWING, STEPS);
        Trial { recipe: Recipe { micro_batch_size: size, ..trial.recipe }, ..trial }
    };
    for trial in [micro(None), micro(Some(60))] {
        run(&trial, &options(&whole)).unwrap();
        let network = workload::built_in("digits-cnn").unwrap();
        for (number, stop) in [7, 12, 15].into_iter().enumerate() {
            let options = RunOptions { resume: number > 0, ..options(&parts) };
            let error = train::run(&network, &trial, &options, &mut StopAfter(stop)).unwrap_err();
            assert!(matches!(error, Error::Interrupted { .. }), "{error}");
        }
        run(&trial, &RunOptions { resume: true, ..options(&parts) }).unwrap();
        assert_same_end(&whole, &parts, STEPS, &format!("{:?}", trial.recipe.micro_batch_size));
        [&whole, &parts].into_iter().for_each(|folder| std::fs::remove_dir_all(folder).unwrap());
    }
}

#[test]
fn a_run_that_goes_back_repeats_the_same_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = trial("linear:from=20,to=200", 90);
    trial.optimizer = "sgd".parse().unwrap();
    trial.schedule = "exponential:initial_lr=0.1,gamma=1.5".parse().unwrap();
    trial.recipe.on_divergence = OnDivergence::Rollback { factor: 1e-8, retries: 9 };
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let every = |folder: &Path| RunOptions { checkpoint_every: Some(8), ..options(folder) };
    let outcome = run(&trial, &every(&whole)).unwrap();
    assert_eq!(outcome.status, Status::Completed, "{outcome:?}");
    assert!(outcome.rollbacks > 0, "{outcome:?}");
    let network = workload::built_in("digits-cnn").unwrap();
    train::run(&network, &trial, &every(&parts), &mut StopAfter(13)).unwrap_err();
    let resumed = run(&trial, &RunOptions { resume: true, ..every(&parts) }).unwrap();
    assert_eq!(resumed.rollbacks, outcome.rollbacks);
    for name in ["model.bpk", "optimizer.bpk"] {
        assert!(file(&whole, 90, name) == file(&parts, 90, name), "{name} differs");
    }
}

#[test]
fn a_branch_may_change_the_batch_size_after_its_first_step_only() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let trunk = RunOptions { checkpoint_every: Some(8), ..options(&at("trunk")) };
    run(&trial("100", 20), &trunk).unwrap();
    let from = |step| Some(Branch { trunk: RunDirectory::new(at("trunk")), step });
    let grows = trial("multi_step:from=100,milestones=[16],gamma=2", 30);
    run(&grows, &RunOptions { from: from(16), ..options(&at("branch")) }).unwrap();
    run(&grows, &options(&at("whole"))).unwrap();
    assert_same_end(&at("branch"), &at("whole"), 30, "branch");
    let earlier = trial("multi_step:from=100,milestones=[15],gamma=2", 30);
    let refused = run(&earlier, &RunOptions { from: from(16), ..options(&at("refused")) }).unwrap_err();
    assert!(refused.to_string().contains("at step 15 the batch size was 100, and would be 200"), "{refused}");
}

#[test]
fn a_number_is_written_as_before_and_a_schedule_as_its_text() {
    let written = |trial: &Trial| serde_json::to_value(trial).unwrap()["batch_size"].clone();
    let [plain, growing] = ["64", GROWING].map(|size| trial(size, 9));
    assert_eq!(
        (written(&plain), written(&growing)),
        (json!(64), json!("linear:from=16.0,steps=30,to=250.0"))
    );
    for trial in [&plain, &growing] {
        let text = serde_json::to_string(trial).unwrap();
        assert_eq!(&serde_json::from_str::<Trial>(&text).unwrap(), trial);
    }
    // The name of the default trial before sizes could follow schedules, from `trial_names.txt`.
    let network = workload::built_in("digits-cnn").unwrap();
    let default = Trial { backend: "flex".into(), ..Trial::new(&network.info()) };
    let line = include_str!("trial_names.txt").lines().find(|line| line.starts_with("optimizer adam "));
    let name = line.unwrap().rsplit(' ').next().unwrap();
    assert_eq!(Trial { optimizer: "adam".parse().unwrap(), ..default.clone() }.id(), name);
    // A table says the same as the text.
    let mut table = serde_json::to_value(&growing).unwrap();
    table["batch_size"] = json!({ "schedule": "linear", "from": 16, "to": 250, "steps": 30 });
    assert_eq!(serde_json::from_value::<Trial>(table).unwrap(), growing);
    let mut patch = RecipePatch::default();
    patch.set("batch_size", &json!({ "schedule": "linear", "from": 16, "to": 250, "steps": 30 })).unwrap();
    assert_eq!(default.recipe.with(&patch).batch_size, growing.recipe.batch_size);
}

#[test]
fn the_end_of_a_learning_rate_range_test_has_the_last_size() {
    let trial = trial("linear:from=20,to=90", 5);
    let network = workload::built_in("digits-cnn").unwrap();
    let test = LrRangeTest { steps: 12, max_lr: 1e-3, ..LrRangeTest::default() };
    let range = train::find_lr(&network, &trial, &test, &Source::default()).unwrap();
    assert_eq!(range.losses.len(), 12);
}

#[test]
fn the_noise_scale_is_compared_with_the_mean_size_of_the_measured_steps() {
    let trial = trial("linear:from=10,to=110", 100);
    let record = |step| {
        let gradients =
            GradientRecord { squared_norm: Some(1.0), variance: Some(2000.0), ..GradientRecord::default() };
        Row::Diagnosis(Diagnosis { step, gradients: Some(gradients), ..Diagnosis::default() })
    };
    let case = Case {
        info: workload::built_in("digits-cnn").unwrap().info(),
        trial,
        outcome: None,
        rows: [20, 40, 60, 80].into_iter().map(record).collect(),
        examples: [EXAMPLES, 144, 359],
        repeated: None,
    };
    let findings = diagnosis::findings(&case);
    let found = findings.iter().find(|finding| finding.kind == Kind::BatchSize).unwrap();
    // The first quarter of the records is left out: steps 40, 60 and 80, counted from 1, have 49, 69 and 89.
    assert!(found.evidence.contains("of 2000 examples, batches of 69"), "{}", found.evidence);
    let suggested = &found.trial.as_ref().unwrap().recipe.batch_size;
    assert_eq!((found.remedy.as_str(), suggested), ("batches of 276", &276.into()));
}

#[test]
fn a_batch_size_that_cannot_be_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let told = |text: &str, change: &dyn Fn(&mut Trial)| -> String {
        let mut trial = trial("32", 20);
        let error = match RecipePatch::parse("batch_size", text) {
            Err(error) => error,
            Ok(value) => {
                trial.recipe.set("batch_size", &value).unwrap();
                change(&mut trial);
                run(&trial, &options(&folder.path().join("run"))).unwrap_err()
            }
        };
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    };
    let same = |_: &mut Trial| {};
    let whole = "`batch_size` must be a whole number, or a schedule as in linear:from=32,to=256, not";
    for (text, expected) in [
        ("0", "`batch_size` must be at least 1, not 0"),
        ("-1", whole),
        ("1.5", whole),
        ("nan", whole),
        ("many", whole),
        ("none", whole),
        ("9223372036854775808", "a whole number up to"),
        ("linear:from=nan", "linear: `from` must be"),
        ("linear:to=-1", "linear: `to` must be"),
        ("linear:end_lr=64", "schedule `linear` has no field `end_lr`"),
        ("lineer:to=64", "lineer"),
        ("linear:to=64,steps=2ep", "must be in steps or a share of a run without epochs"),
        ("reduce_on_plateau", "`batch_size` must be a schedule of the step alone"),
    ] {
        let told = told(text, &same);
        assert!(told.contains(expected), "{text}: {told}");
    }
    let in_epochs = told(GROWING, &|trial| trial.recipe.budget = Budget::Epochs(2));
    assert!(in_epochs.contains("a schedule needs a length in steps"), "{in_epochs}");
    let scaled = told(GROWING, &|trial| trial.recipe.lr_scaling = Some("linear".parse().unwrap()));
    assert!(scaled.contains("`lr_scaling` must be off where the batch size follows a schedule"), "{scaled}");
    let of_rate = told(GROWING, &|trial| trial.schedule = "step:step_size=1ep".parse().unwrap());
    assert!(of_rate.contains("`step_size` must be in steps or a share"), "{of_rate}");
    assert!(!folder.path().join("run").exists());
}

/// A schedule that a program adds may give any number.
#[test]
fn a_value_that_is_not_finite_is_refused_before_the_first_step() {
    schedule::register("batches_of_nan", "ends with NaN", |_| {
        Ok(schedule::custom(|step| if step < 7 { 32.0 } else { f64::NAN }))
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = run(&trial("batches_of_nan", 20), &options(&folder.path().join("run"))).unwrap_err();
    assert!(error.to_string().contains("a finite number at every step, not NaN at step 7"), "{error}");
    assert!(!folder.path().join("run").exists());
}
