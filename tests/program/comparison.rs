//! Comparisons, studies, recommendations and calibrations, as a user runs them.

use crate::program::{fails, is_empty, start_long_run, succeeds};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

const TUNED: &str = "
workloads = ['diabetes-linear']
optimizers = ['adamw', 'sgd:momentum=0.9']
epochs = 3
seeds = 8
reference = 'adamw'
[tuning]
trials = 4
";

/// Returns the outcomes in a folder, also of replaced trials, with the times when they were written.
fn outcomes(folder: &Path) -> BTreeMap<String, SystemTime> {
    let of = |name: &str| std::fs::read_dir(folder.join(name)).into_iter().flatten();
    let entries = of("runs").chain(of("replaced"));
    let time = |entry: std::fs::DirEntry| {
        let written = std::fs::metadata(entry.path().join("outcome.json")).ok()?.modified().ok()?;
        Some((entry.file_name().into_string().ok()?, written))
    };
    entries.filter_map(|entry| time(entry.unwrap())).collect()
}

/// Returns the lines of a folder's `trials.jsonl`.
fn trials(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("trials.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write_plan(folder: &Path, text: &str) {
    std::fs::write(folder.join("plan.toml"), text).unwrap();
}

#[test]
fn a_tuned_comparison_runs_every_arm_equally_often_and_writes_every_report() {
    let folder = tempfile::tempdir().unwrap();
    write_plan(folder.path(), TUNED);
    let told = succeeds(folder.path(), &["compare", "plan.toml", "--jobs", "2", "--output", "out"]);
    assert!(told.contains("8 replicates · each tuned by 4 trials") && told.contains("verdict"), "{told}");
    let out = folder.path().join("out");
    let trials = trials(&out);
    for arm in ["adamw", "sgd:momentum=0.9"] {
        for (stage, count) in [("tuning", 4 * 8), ("final", 8)] {
            let of_arm = trials.iter().filter(|trial| trial["arm"] == arm && trial["stage"] == stage);
            assert_eq!(of_arm.count(), count, "{arm} {stage}");
        }
    }
    // Every final trial of an arm has the settings of one of the tuning trials of its replicate, the best.
    for last in trials.iter().filter(|trial| trial["stage"] == "final") {
        let is_same = |trial: &&serde_json::Value| {
            trial["arm"] == last["arm"]
                && trial["trial"]["lr"] == last["trial"]["lr"]
                && trial["replicate"] == last["trial"]["seed"]
        };
        let chosen = trials.iter().find(is_same).expect("a point of the search");
        let outcome = |trial: &serde_json::Value| -> f64 {
            let lr = &trial["trial"]["lr"];
            let results = std::fs::read_to_string(out.join("results.json")).unwrap();
            let results: serde_json::Value = serde_json::from_str(&results).unwrap();
            let all = results["trials"].as_array().unwrap().clone();
            let own = all.iter().find(|one| {
                one["stage"] == "tuning" && one["trial"]["lr"] == *lr && one["arm"] == trial["arm"]
            });
            own.unwrap()["outcome"]["best_validation"]["metric"].as_f64().unwrap_or(f64::INFINITY)
        };
        let others = trials
            .iter()
            .filter(|trial| trial["arm"] == last["arm"] && trial["replicate"] == last["trial"]["seed"]);
        assert!(others.map(outcome).all(|rmse| outcome(chosen) <= rmse));
    }
    for file in ["report.html", "results.md", "results.csv", "results.json", "curves.svg", "plan.toml"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    // Tuning trials leave no checkpoint, final ones do.
    for trial in std::fs::read_dir(out.join("runs")).unwrap() {
        let run = trial.unwrap().path();
        let is_tuning = run.to_string_lossy().contains("seed100");
        assert_eq!(run.join("checkpoints").exists(), !is_tuning, "{}", run.display());
        let history = std::fs::read_to_string(run.join("history.jsonl")).unwrap();
        assert_eq!(history.contains("\"event\":\"step\""), !is_tuning);
    }
    // A report is made from the folder alone, and again the same.
    let page = std::fs::read(out.join("report.html")).unwrap();
    std::fs::remove_file(out.join("report.html")).unwrap();
    succeeds(folder.path(), &["report", "out"]);
    assert_eq!(std::fs::read(out.join("report.html")).unwrap(), page);
    let listed = succeeds(folder.path(), &["list", "trials", "out"]);
    assert_eq!(listed.lines().count(), 2 * 8 * 5);
}

#[test]
fn an_arm_whose_tuning_trials_were_all_lost_keeps_its_settings_and_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let plan = "workloads = ['diabetes-linear']\noptimizers = ['sgd:lr=0.01', 'adam']\nepochs = 3\nseeds = 2\n\
                [tuning]\ntrials = 3\nspaces = { sgd = 'lr=log(1e9,1e12)' }";
    write_plan(folder.path(), plan);
    let told = succeeds(folder.path(), &["compare", "plan.toml", "--jobs", "2", "--output", "out"]);
    assert!(
        told.contains("sgd:lr=0.01: every tuning trial was lost, so it keeps the settings given"),
        "{told}"
    );
    let finals = trials(&folder.path().join("out")).into_iter().filter(|trial| trial["stage"] == "final");
    let of_sgd: Vec<_> = finals.filter(|trial| trial["arm"] == "sgd:lr=0.01").collect();
    assert_eq!(of_sgd.len(), 2);
    assert!(of_sgd.iter().all(|trial| trial["trial"]["lr"] == 0.01));
}

#[test]
fn where_every_seed_of_every_arm_is_lost_no_arm_is_called_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let compare =
        "compare digits-rnn --optimizers sgd:lr=1e38,adam:lr=1e38 --steps 20 --seeds 2 --output lost";
    let said = succeeds(folder.path(), &compare.split(' ').collect::<Vec<_>>());
    assert!(said.contains("No arm has a result: all of them lost all 2 seeds"), "{said}");
    assert!(!said.contains("the best,"), "{said}");
}

#[test]
fn a_larger_plan_resumes_in_the_same_folder_and_repeats_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    write_plan(folder.path(), TUNED);
    let out = folder.path().join("out");
    succeeds(folder.path(), &["compare", "plan.toml", "--jobs", "2", "--output", "out"]);
    let before = outcomes(&out);
    write_plan(folder.path(), &TUNED.replace("trials = 4", "trials = 6").replace("seeds = 8", "seeds = 9"));
    succeeds(folder.path(), &["compare", "plan.toml", "--jobs", "2", "--output", "out"]);
    let after = outcomes(&out);
    assert!(before.iter().all(|(run, written)| after.get(run) == Some(written)));
    let finals = trials(&out).iter().filter(|trial| trial["stage"] == "final").count();
    assert_eq!((trials(&out).len(), finals), (2 * 9 * (6 + 1), 2 * 9));
    // The folder alone is enough to resume.
    succeeds(folder.path(), &["compare", "out"]);
    assert_eq!(outcomes(&out), after);
}

#[test]
fn the_printed_plan_has_every_default_and_is_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    write_plan(folder.path(), TUNED);
    let printed = succeeds(folder.path(), &["compare", "plan.toml", "--print-plan"]);
    for key in [
        "timing = \"pinned\"",
        "sampler = \"halton\"",
        "selection = \"metric\"",
        "adamw = \"lr=log(",
        "# batch_size: ",
    ] {
        assert!(printed.contains(key), "no {key} in\n{printed}");
    }
    std::fs::write(folder.path().join("printed.toml"), &printed).unwrap();
    assert_eq!(succeeds(folder.path(), &["compare", "printed.toml", "--print-plan"]), printed);
    assert!(!folder.path().join("artifacts").exists());
    // The printed plan is the same comparison, in the same folder.
    let folder_of = |plan: &str| {
        let told = succeeds(folder.path(), &["compare", plan, "--jobs", "2"]);
        told.lines().find_map(|line| line.strip_prefix("written to ")).unwrap().to_string()
    };
    assert_eq!(folder_of("plan.toml"), folder_of("printed.toml"));
}

#[test]
fn two_comparisons_are_compared_arm_by_arm_and_refused_if_not_comparable() {
    let folder = tempfile::tempdir().unwrap();
    let compare = |output: &str, optimizers: &str, more: &[&str]| {
        let arguments = [
            "compare",
            "--workloads",
            "diabetes-linear",
            "--optimizers",
            optimizers,
            "--seeds",
            "8",
            "--output",
            output,
        ];
        succeeds(folder.path(), &[&arguments, more].concat());
    };
    compare("a", "sgd:lr=0.01", &["--epochs", "3"]);
    compare("same", "sgd:lr=0.01", &["--epochs", "3"]);
    compare("longer", "sgd:lr=0.01", &["--epochs", "4"]);
    compare("other", "adam", &["--epochs", "3"]);
    // The same arm, with gradients clipped so hard that it hardly learns.
    compare("worse", "sgd:lr=0.01", &["--epochs", "3", "--clip-norm", "0.001"]);
    let told = succeeds(folder.path(), &["compare", "a", "same"]);
    assert!(told.contains("no difference shown between sgd:lr=0.01 in same and in a"), "{told}");
    let told = succeeds(folder.path(), &["compare", "a", "worse"]);
    assert!(told.contains("sgd:lr=0.01 in worse is worse than in a"), "{told}");
    let refused = fails(folder.path(), &["compare", "a", "longer"], 2);
    assert!(refused.contains("are not comparable: on diabetes-linear they differ in budget"), "{refused}");
    let refused = fails(folder.path(), &["compare", "a", "other"], 2);
    assert!(refused.contains("no arm on the same workload and backend in common"), "{refused}");
    let outcome = std::fs::read_dir(folder.path().join("same/runs")).unwrap().next().unwrap().unwrap();
    std::fs::remove_file(outcome.path().join("outcome.json")).unwrap();
    let refused = fails(folder.path(), &["compare", "a", "same"], 2);
    assert!(refused.contains("same is not finished"), "{refused}");
    fails(folder.path(), &["compare", "a", "nowhere"], 1);
}

#[test]
fn a_study_prints_a_train_command_and_resumes_with_more_trials() {
    let folder = tempfile::tempdir().unwrap();
    let study = |trials: &str| {
        let arguments = "tune diabetes-linear --optimizer sgd --epochs 3 --space lr=log(1e-5,1e3) --jobs 2 --output st --trials";
        let arguments: Vec<&str> = arguments.split(' ').chain([trials]).collect();
        succeeds(folder.path(), &arguments)
    };
    study("22");
    let before = outcomes(&folder.path().join("st"));
    let told = study("25");
    let after = outcomes(&folder.path().join("st"));
    assert_eq!((before.len(), after.len()), (22, 25));
    assert!(before.iter().all(|(run, written)| after.get(run) == Some(written)), "nothing runs twice");
    assert!(told.starts_with("25 trials, ") && told.contains("diverged or failed"), "{told}");
    assert!(told.contains("importance") && told.contains("lr                   100 %"), "{told}");
    assert!(told.contains("flatness: "), "{told}");
    let command = told.lines().find_map(|line| line.trim().strip_prefix("optlab ")).unwrap();
    let arguments: Vec<&str> = command.split(' ').chain(["--output", "best"]).collect();
    succeeds(folder.path(), &arguments);
    // The seed decides the points of a study, and a finished study repeats no trial.
    assert_eq!(study("25"), told);
    assert_eq!(outcomes(&folder.path().join("st")), after);
    assert!(succeeds(folder.path(), &["report", "st"]).starts_with("25 trials"));
    let refused = fails(
        folder.path(),
        &["tune", "diabetes-linear", "--optimizer", "adam", "--trials", "2", "--output", "st"],
        2,
    );
    assert!(refused.contains("holds another plan's comparison"), "{refused}");
}

#[test]
fn every_rules_own_space_can_be_searched() {
    let folder = tempfile::tempdir().unwrap();
    for rule in optlab::optim::OptimizerSpec::all() {
        // This also covers rules that evaluate several times per step and rules with required fields.
        let name = rule.name();
        let arguments = format!(
            "tune diabetes-linear --optimizer {name} --epochs 1 --trials 1 --sampler halton --output {name}"
        );
        succeeds(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn a_folder_of_one_kind_is_not_resumed_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let study = "tune diabetes-linear --optimizer adamw --sampler halton --trials 3 --epochs 1 --output s";
    let grid =
        "compare --workloads diabetes-linear --optimizers adamw --tune 3 --seeds 2 --epochs 1 --output s";
    succeeds(folder.path(), &study.split(' ').collect::<Vec<_>>());
    let told = fails(folder.path(), &grid.split(' ').collect::<Vec<_>>(), 2);
    assert!(told.contains("s is the folder of a study, not of a comparison; choose another"), "{told}");
    assert!(succeeds(folder.path(), &["report", "s"]).starts_with("3 trials"));
}

#[test]
fn closing_the_output_pipe_early_is_not_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let study = "tune diabetes-linear --optimizer adamw --trials 2 --epochs 1 --output s";
    succeeds(folder.path(), &study.split(' ').collect::<Vec<_>>());
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_optlab"))
        .current_dir(folder.path())
        .args(["report", "s"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_sampler_and_every_pruner_searches() {
    let folder = tempfile::tempdir().unwrap();
    for sampler in ["random", "halton", "sobol", "tpe", "cma-es"] {
        for pruner in ["none", "median", "asha", "hyperband"] {
            let name = format!("{sampler}-{pruner}");
            let arguments = format!(
                "tune diabetes-linear --optimizer adamw --epochs 9 --trials 14 --sampler {sampler} --pruner {pruner} --jobs 2 --output {name}"
            );
            let told = succeeds(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
            assert!(
                told.starts_with("14 trials") && told.contains("best: validation rmse"),
                "{name}: {told}"
            );
            let numbers: Vec<u64> =
                trials(&folder.path().join(&name)).iter().map(|it| it["number"].as_u64().unwrap()).collect();
            assert_eq!(numbers, (0..14).collect::<Vec<u64>>(), "{name}");
            let runs = std::fs::read_dir(folder.path().join(&name).join("runs")).unwrap();
            assert!(runs.into_iter().all(|run| !run.unwrap().path().join("checkpoints").exists()), "{name}");
            let page = std::fs::read_to_string(folder.path().join(&name).join("results.md")).unwrap();
            assert!(page.contains("the best of the 14 trials so far"), "{page}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_killed_study_resumes_and_repeats_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "tune digits-rnn --optimizer adamw --epochs 10 --trials 8 --jobs 2 --output st";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let out = folder.path().join("st");
    let mut child = start_long_run(folder.path(), &arguments, || outcomes(&out).len() >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    // The workers notice that their parent is gone, and end.
    std::thread::sleep(Duration::from_millis(500));
    let (before, proposed) = (outcomes(&out), trials(&out));
    assert!(before.len() < 8, "the study was over before it could be killed");
    succeeds(folder.path(), &arguments);
    let after = outcomes(&out);
    assert_eq!(after.len(), 8);
    assert!(before.iter().all(|(run, written)| after.get(run) == Some(written)), "nothing runs twice");
    assert_eq!(trials(&out)[..proposed.len()], proposed, "trials that were started are finished");
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_worker_resumes_from_its_checkpoint_and_gives_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = |output| {
        [
            "compare",
            "--workloads",
            "digits-rnn",
            "--optimizers",
            "adam",
            "--epochs",
            "200",
            "--output",
            output,
        ]
    };
    let out = folder.path().join("out");
    let has_checkpoint = || {
        let runs = std::fs::read_dir(out.join("runs")).into_iter().flatten();
        let checkpoints = runs.filter_map(|run| std::fs::read_dir(run.ok()?.path().join("checkpoints")).ok());
        checkpoints
            .flatten()
            .any(|entry| entry.is_ok_and(|it| it.file_name().to_string_lossy().starts_with("step-")))
    };
    let mut child = start_long_run(folder.path(), &arguments("out"), has_checkpoint);
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    // Any thread may have started the worker.
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let of_task =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let workers: String = tasks.map(|task| of_task(task.unwrap())).collect();
    let worker = workers.split_whitespace().next().unwrap_or_else(|| panic!("no worker in {children}"));
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &format!("kill -9 {worker}")])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.wait().unwrap().success(), "the comparison continues");
    succeeds(folder.path(), &arguments("undisturbed"));
    let model = |output: &str| {
        let run = std::fs::read_dir(folder.path().join(output).join("runs"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let outcome: serde_json::Value =
            serde_json::from_slice(&std::fs::read(run.join("outcome.json")).unwrap()).unwrap();
        assert_eq!(outcome["status"], "completed");
        std::fs::read(
            run.join("checkpoints")
                .join(format!("step-{:06}", outcome["steps"].as_u64().unwrap()))
                .join("model.bpk"),
        )
        .unwrap()
    };
    assert_eq!(model("out"), model("undisturbed"));
}

#[test]
fn a_calibration_detects_the_planted_difference_and_prints_what_seeds_can_show() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "calibrate diabetes-linear --optimizer sgd:lr=0.01 --epochs 2 --seeds 24 --splits 300 --planted 0.1 --jobs 2";
    let told = succeeds(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    let number = |after: &str| -> f64 {
        let rest = told.split_once(after).unwrap_or_else(|| panic!("no {after} in {told}")).1;
        rest.trim_start().split(' ').next().unwrap().parse().unwrap()
    };
    // 4.98 % are expected, with a standard deviation of 1.3 %.
    assert!(number("against itself, 12 seeds per side: ") <= 24.0, "{told}");
    assert!(number("found to be worse with 12 seeds in ") >= 285.0, "{told}");
    assert!(told.contains("5 seeds cannot show a difference, however large it is"), "{told}");
    assert!(told.contains("10 seeds show a difference of "), "{told}");
}

#[test]
fn a_recommendation_names_a_choice_its_evidence_and_a_command_that_trains() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "recommend diabetes-linear --budget 4s --epochs 9 --jobs 2 --output rec";
    let told = succeeds(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert!(told.contains("settings of 8 optimizers were tried") && told.contains("\ntake "), "{told}");
    assert!(
        told.contains("\nchosen on the validation part: ") && told.contains(" % of the histories"),
        "{told}"
    );
    assert!(told.contains("adamw at its defaults") && told.contains("\non the test part: "), "{told}");
    let command = told.lines().find_map(|line| line.trim().strip_prefix("optlab ")).unwrap();
    let command = command.replace('\'', "");
    let arguments: Vec<&str> = command.split(' ').chain(["--output", "best"]).collect();
    succeeds(folder.path(), &arguments);
    assert!(folder.path().join("rec/report.html").is_file());
    let reported = succeeds(folder.path(), &["report", "rec"]);
    assert!(reported.contains("verdict") && !reported.contains("(0/0)"), "{reported}");
    // The same command resumes.
    let arguments = "recommend diabetes-linear --budget 4s --epochs 9 --jobs 2 --output rec";
    succeeds(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    let finals: Vec<_> =
        trials(&folder.path().join("rec")).into_iter().filter(|trial| trial["stage"] == "final").collect();
    assert!(finals.len() >= 12, "three finalists and AdamW at its defaults on three seeds at least");
    assert!(finals.iter().all(|trial| trial["trial"]["seed"].as_u64().unwrap() < 30));
}

#[test]
fn a_recommendation_with_another_seed_tries_other_points_on_other_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let of = |seed: &str| {
        let output = format!("rec{seed}");
        let arguments =
            "recommend diabetes-linear --optimizers adamw --budget 1s --epochs 1 --jobs 2 --output"
                .split(' ');
        let arguments: Vec<&str> = arguments.chain([output.as_str(), "--seed", seed]).collect();
        succeeds(folder.path(), &arguments);
        trials(&folder.path().join(&output))
            .iter()
            .map(|trial| (trial["trial"]["lr"].to_string(), trial["trial"]["seed"].to_string()))
            .collect::<Vec<_>>()
    };
    let (first, second) = (of("0"), of("7"));
    assert!(!first.is_empty() && first.iter().all(|(_, seed)| second.iter().all(|(_, other)| seed != other)));
    assert!(
        second
            .iter()
            .filter(|(lr, _)| first.iter().any(|(other, _)| lr == other))
            .all(|(lr, _)| lr == "0.001")
    );
}

#[test]
fn a_calibration_with_tuning_tunes_each_run_anew_and_counts_replicates() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "calibrate diabetes-linear --optimizer sgd --tune 3 --epochs 1 --seeds 14 --splits 50 --planted 0.01 --jobs 2 \
                     --output c";
    let told = succeeds(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert!(
        told.starts_with("sgd on diabetes-linear: 14 replicates, ") && told.contains("7 replicates per side"),
        "{told}"
    );
    assert!(
        told.contains("sgd with 0.01 times its rate") && told.contains("with 7 replicates in "),
        "{told}"
    );
    let all = trials(&folder.path().join("c"));
    assert_eq!(all.len(), 2 * 14 * (3 + 1));
    // The planted arm searches rates a hundred times smaller.
    let largest = |arm: &str| {
        let rates = all.iter().filter(|trial| trial["arm"] == arm && trial["stage"] == "tuning");
        rates.map(|trial| trial["trial"]["lr"].as_f64().unwrap()).fold(0.0, f64::max)
    };
    let ratio = largest("sgd") / largest("sgd with 0.01 times its rate");
    assert!((ratio - 100.0).abs() < 1.0, "{ratio}");
}

#[test]
fn scores_are_printed_for_any_matrix_of_times() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("times.csv"), "s,a,b\nadam,100,inf\nlion,250,30\n").unwrap();
    let told = succeeds(folder.path(), &["score", "times.csv", "--svg", "profile.svg"]);
    // adam: 1/2. lion is the fastest on one, and 2.5 times as slow on the other: 1/2 + (4 − 2.5) / 3 / 2 =
    // 3/4.
    let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[2], ["1", "lion", "0.7500", "0.7500", "2/2"]);
    assert_eq!(rows[3], ["2", "adam", "0.5000", "0.5000", "1/2"]);
    assert!(std::fs::read_to_string(folder.path().join("profile.svg")).unwrap().starts_with("<svg"));
    fails(folder.path(), &["score", "times.csv", "--tau-max", "1"], 2);
    fails(folder.path(), &["score", "nowhere.csv"], 1);
}

#[test]
fn a_mistake_in_any_argument_of_a_search_gives_one_line_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        ("tune digits-cnn --optimizer adamx", "unknown optimizer `adamx`, did you mean `adamax`?"),
        ("tune digits-cmm --optimizer adamw", "unknown workload `digits-cmm`"),
        ("tune digits-cnn", "--optimizer"),
        ("tune digits-cnn --optimizer adamw --trials 0", "`trials` must be at least 1"),
        ("tune digits-cnn --optimizer adamw --trials -3", "--trials"),
        (
            "tune digits-cnn --optimizer adamw --sampler sobool",
            "unknown sampler `sobool`, did you mean `sobol`?",
        ),
        (
            "tune digits-cnn --optimizer adamw --pruner hyper",
            "unknown pruner `hyper`, did you mean `hyperband`?",
        ),
        ("tune digits-cnn --optimizer adamw --space lr=log(1,2", "--space"),
        ("tune digits-cnn --optimizer adamw --space beta=uniform(0,1)", "has no field `beta`"),
        ("tune digits-cnn --optimizer adamw --space beta_1=uniform(0,2)", "`beta_1` must be in [0, 1)"),
        ("tune digits-cnn --optimizer adamw --trials 99999999999", "at most 1000000"),
        ("tune digits-cnn --optimizer adamw --validation 0", "`validation` must be above 0"),
        ("recommend digits-cnn --validation 0", "`validation` must be above 0"),
        (
            "compare --workloads digits-cnn --optimizers adam --tune 2 --validation 0",
            "`validation` must be above 0",
        ),
        ("tune digits-cnn --optimizer adamw --jobs 0", "`jobs` must be at least 1"),
        ("tune digits-cnn --optimizer adamw --stall-limit 0s", "`stall-limit`"),
        ("tune digits-cnn --optimizer adamw --stall-limit soon", "--stall-limit"),
        ("calibrate digits-cnn --optimizer sgd --seeds 3", "`seeds` must be at least 4"),
        ("calibrate digits-cnn --optimizer sgd --splits 0", "`splits` must be at least 1"),
        ("calibrate digits-cnn --optimizer sgd --planted 1", "`planted` must be"),
        ("recommend digits-cnn --budget 0s", "`budget` must be at least 1s"),
        ("recommend digits-cnn --budget soon", "--budget"),
        ("recommend digits-cnn --seed 30001", "`seed` must be at most 30000"),
        ("compare digits-cnn --optimizers adam --tune-once", "--tune"),
        ("compare digits-cnn --optimizers adam --test median", "unknown test `median`"),
        ("compare digits-cnn --optimizers adam --tune 2 --tune-once --resample-split", "`split` must be"),
        ("recommend digits-cnn --steps 3", "of epochs, not of steps"),
        ("compare --workloads digits-cnn --optimizers adam --reference adam:lr=5", "unknown arm `adam:lr=5`"),
        ("compare --workloads digits-cnn --optimizers adam --reference sgd", "unknown arm `sgd`"),
        (
            "compare --workloads digits-cnn --optimizers adam --tune 3 --sampler tpe",
            "random, halton or sobol",
        ),
        ("list trials", "name the folder"),
        ("list workloads out", "only trials"),
    ] {
        let line = fails(folder.path(), &arguments.split(' ').collect::<Vec<_>>(), 2);
        assert!(line.contains(said), "{arguments}: {line}");
        assert!(is_empty(folder.path()), "{arguments}");
    }
    for (arguments, said) in [
        ("report nowhere", "nowhere: no such folder"),
        ("list trials nowhere", "nowhere: no such folder"),
        ("report .", "holds no comparison"),
        ("list trials .", "holds no comparison"),
    ] {
        let line = fails(folder.path(), &arguments.split(' ').collect::<Vec<_>>(), 1);
        assert!(line.contains(said), "{arguments}: {line}");
    }
}
