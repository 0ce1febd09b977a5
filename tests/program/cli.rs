//! The output, errors and files of the program, as a user sees them.

use crate::program::{fails, is_empty, optlab, start_long_run, succeeds, text};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn outcome(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(run.join("outcome.json")).unwrap()).unwrap()
}

#[test]
fn bench_times_a_rule_next_to_burns_and_prints_a_table_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "bench --rules adamw,sgd:momentum=0.9,lamb --parameters 1e3,2000 --tensors 3 --json";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let json: serde_json::Value = serde_json::from_str(&succeeds(folder.path(), &arguments)).unwrap();
    let rows = json.as_array().unwrap();
    let rules: Vec<&str> = rows.iter().map(|row| row["rule"].as_str().unwrap()).collect();
    let pairs = ["adamw", "burn.adamw", "sgd:momentum=0.9", "burn.sgd:momentum=0.9", "lamb", "burn.lamb"];
    assert_eq!(rules, [pairs, pairs].concat());
    for (row, state_bytes) in rows.iter().zip([8, 8, 4, 4, 8, 8].iter().cycle()) {
        assert_eq!(row["backend"], "flex");
        assert!([1000, 2000].contains(&row["parameters"].as_u64().unwrap()));
        assert_eq!(row["state_bytes_per_parameter"].as_f64(), Some(f64::from(*state_bytes)));
        let number = |field: &str| row[field].as_f64().unwrap();
        assert!(number("lower_quartile_ms") <= number("median_ms"));
        assert!(number("median_ms") <= number("upper_quartile_ms"));
        let share = number("gigabytes_per_second") / number("copy_gigabytes_per_second");
        assert!((number("share_of_copy_speed") / share - 1.0).abs() < 1e-9);
        let bytes = f64::from(12 + 2 * state_bytes) * number("parameters");
        assert_eq!(number("bytes_per_step"), bytes);
        assert!((number("gigabytes_per_second") * number("median_ms") * 1e6 / bytes - 1.0).abs() < 1e-9);
    }
    // A step that evaluates a model cannot be timed without one.
    let message = fails(folder.path(), &["bench", "--rules", "sam", "--parameters", "1e3"], 2);
    assert!(message.contains("`sam` cannot be timed by itself"), "{message}");
    let table = succeeds(folder.path(), &["bench", "--rules", "adam", "--parameters", "1e3"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "two lines of heading and one of numbers:\n{table}");
    assert!(lines[2].starts_with("adam ") && lines[2].contains("flex"), "{table}");
    assert!(is_empty(folder.path()));
}

#[test]
fn a_training_ends_as_usual_where_nobody_reads_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let is_fine_unread = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_optlab"));
        let mut child =
            program.current_dir(folder.path()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        // Closes the pipe, as `head` does.
        drop(child.stdout.take());
        child.wait().unwrap().success()
    };
    assert!(is_fine_unread(&["train", "diabetes-linear", "--steps", "1e1", "--output", "run"]));
    assert_eq!(outcome(&folder.path().join("run"))["steps"], 10);
    assert!(is_fine_unread(&["evaluate", "run"]));
}

#[test]
fn a_mistake_in_any_argument_gives_one_line_exit_code_2_and_writes_nothing() {
    let cases: &[(&str, &[&str])] = &[
        ("train mnist-10k-cn", &["did you mean `mnist-10k-cnn`?"]),
        ("train digits-cnn --optimizer adamm", &["unknown optimizer `adamm`", "did you mean `adam`?"]),
        ("train digits-cnn --optimizer adam:beta1=0.9", &["no field `beta1`", "`beta_1`"]),
        ("train digits-cnn --optimizer adam:beta_1=1", &["`beta_1`", "[0, 1)", "not 1"]),
        ("train digits-cnn --optimizer adam:beta_1=nan", &["`beta_1`", "nan"]),
        ("train digits-cnn --optimizer adam:beta_1", &["key=value"]),
        ("train digits-cnn --optimizer sgd:nesterov=yes", &["`nesterov`", "true or false"]),
        (
            "train digits-cnn --optimizer group:parameters=weigth",
            &["`parameters`", "Cnn.conv_1.weight", "not weigth"],
        ),
        (
            "train digits-cnn --steps 1e30",
            &["`steps`", "a whole number up to 9223372036854775807", "not 1e+30"],
        ),
        ("train digits-cnn --steps=", &["`steps`", "not \"\""]),
        ("train digits-cnn --epochs=-1", &["`epochs`", "a whole number", "not -1"]),
        ("train digits-cnn --shift 5000000000", &["`shift`", "up to 4294967295"]),
        ("train digits-cnn --clip-norm 1e400", &["`clip_norm`", "a finite number", "not 1e400"]),
        ("train digits-cnn --pad yes", &["--pad", "yes"]),
        ("train digits-cnn --schedule cosin", &["unknown schedule `cosin`", "`cosine`"]),
        ("train digits-cnn --schedule cosine:min_lr=-1", &["`min_lr`", "-1"]),
        ("train digits-cnn --lr 0", &["`lr`", "(0, ∞)", "not 0"]),
        ("train digits-cnn --lr-scaling cubic", &["`lr_scaling`", "linear or sqrt", "not cubic"]),
        ("train digits-cnn --lr-scaling linear:0", &["`lr_scaling`", "not linear:0"]),
        (
            "train digits-cnn --schedule warmup:steps=2000",
            &["`steps`", "less than the 1230 steps", "not 2000"],
        ),
        ("train digits-cnn --schedule multi_step:milestones=[30%,10%]", &["`milestones`"]),
        ("schedule cosin", &["unknown schedule `cosin`", "`cosine`"]),
        ("schedule cosine --steps 0", &["`steps`", "at least 1"]),
        ("schedule cosine --lr nan", &["`initial_lr`", "NaN"]),
        ("schedule step:step_size=2ep", &["`step_size`", "without epochs"]),
        ("schedule", &["SPEC"]),
        ("lr-find digits-cn", &["did you mean `digits-cnn`?"]),
        ("lr-find digits-cnn --min-lr 1 --max-lr 0.1", &["`max_lr`", "(1, ∞)", "not 0.1"]),
        ("lr-find digits-cnn --steps 5", &["`steps`", "at least 10"]),
        ("lr-find digits-cnn --optimizer adamm", &["unknown optimizer `adamm`"]),
        ("train digits-cnn --lr -1", &["`lr`", "-1"]),
        ("train digits-cnn --lr nan", &["`lr`", "NaN"]),
        ("train digits-cnn --lr fast", &["--lr", "fast"]),
        ("train digits-cnn --backend wgp", &["unknown backend `wgp`", "`wgpu`"]),
        ("train digits-cnn --backend flex:9x", &["device index", "9x"]),
        ("train digits-cnn --seed -1", &["--seed", "-1"]),
        ("train digits-cnn --epochs 0", &["`epochs`", "at least 1"]),
        ("train digits-cnn --steps 0", &["`steps`", "at least 1"]),
        ("train digits-cnn --epochs 1 --steps 1", &["--epochs", "--steps"]),
        ("train digits-cnn --batch-size 0", &["`batch_size`"]),
        (
            "train digits-cnn --batch-size many",
            &["`batch_size`", "a whole number, or a schedule", "not many"],
        ),
        (
            "train digits-cnn --batch-size linear:to=64",
            &["`batch_size`", "a schedule needs a length in steps"],
        ),
        ("train digits-cnn --steps 9 --batch-size linear:too=64", &["no field `too`", "`to`"]),
        ("train digits-cnn --validation 1", &["`validation`", "[0, 1)"]),
        ("train digits-cnn --l1 -0.1", &["`l1`"]),
        ("train digits-cnn --l2 inf", &["`l2`"]),
        ("train digits-cnn --clip-norm 0", &["`clip_norm`"]),
        ("train digits-cnn --clip-value nan", &["`clip_value`"]),
        ("train digits-cnn --early-stopping 0", &["`early_stopping`"]),
        ("train digits-cnn --early-stopping 3 --validation 0", &["validation"]),
        ("train digits-cnn --checkpoint-every 0", &["`checkpoint_every`"]),
        ("train digits-cnn --rotation 720", &["`rotation`"]),
        ("train diabetes-linear --shift 1", &["`shift`", "not images"]),
        ("train digits-cnn --pad", &["`pad`"]),
        ("train digits-cnn --frobnicate", &["--frobnicate"]),
        ("bench --rules adamm", &["unknown optimizer `adamm`", "did you mean `adam`?"]),
        ("bench --rules adam,adamw:beta_1=1", &["`beta_1`", "[0, 1)"]),
        ("bench --backend flex,wgp", &["unknown backend `wgp`", "`wgpu`"]),
        ("bench --parameters 0", &["--parameters", "whole number from 1"]),
        ("bench --parameters 1e4,2.5", &["--parameters", "2.5"]),
        ("bench --parameters many", &["--parameters", "many"]),
        ("bench --parameters 9e15", &["`parameters`", "memory"]),
        ("bench --parameters 1e30", &["--parameters", "1e30"]),
        ("bench --parameters 5", &["`parameters`", "for each of the tensors"]),
        ("bench --tensors 0", &["--tensors"]),
        ("verify --backend wgp", &["unknown backend `wgp`", "`wgpu`"]),
        ("verify adam", &["adam"]),
        ("train", &["WORKLOAD"]),
        ("list optimisers", &["optimizers"]),
        ("evaluate run --checkpoint newest", &["best, last or a step"]),
        ("compare", &["--workloads", "--optimizers"]),
        ("compare --workloads digits-cnn --optimizers adam,sdg", &["`sdg`", "`sgd`"]),
        ("compare --workloads digits-cnn --optimizers adam --seeds 0", &["seeds"]),
        ("compare --workloads digits-cnn --optimizers adam --jobs 0", &["`jobs`"]),
        ("compare --workloads digits-cnn --optimizers adam,adam", &["adam", "twice"]),
        ("compare --workloads digits-cnn --optimizers adam --backends flux", &["`flux`", "`flex`"]),
        ("compare nowhere.toml", &["nowhere.toml: no such file"]),
        ("compare nowhere.toml --seeds 3", &["nowhere.toml: no such file"]),
        ("train digits-cnn --config nowhere.toml", &["nowhere.toml: no such file"]),
        ("train digits-cnn --model=", &["--model", "name a setting of the model"]),
        ("train digits-cnn --optimizer adam:beta_1=0.9:beta_2=0.99", &["a comma separates settings"]),
        ("completions basch", &["bash"]),
        ("frobnicate", &["frobnicate"]),
    ];
    for (line, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<&str> = line.split(' ').collect();
        let message = fails(folder.path(), &arguments, 2);
        for part in *expected {
            assert!(message.contains(part), "`{line}` does not say {part}: {message}");
        }
        assert!(is_empty(folder.path()), "`{line}` left something behind");
    }
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_backend_that_is_not_compiled_in_names_the_feature_that_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    let message = fails(folder.path(), &["train", "digits-cnn", "--backend", "cuda"], 2);
    assert!(message.contains("--features cuda"), "{message}");
}

#[test]
fn files_that_are_missing_or_foreign_give_one_line_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("foreign.png"), b"no picture").unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    std::fs::create_dir(path("data")).unwrap();
    std::fs::write(path("data/train-images-idx3-ubyte"), b"cut short").unwrap();
    succeeds(folder.path(), &["train", "digits-cnn", "--steps", "2", "--output", "run"]);
    let cases: &[(&str, &[&str])] = &[
        ("evaluate empty", &["empty: holds no run"]),
        ("evaluate nowhere", &["nowhere: no such folder"]),
        ("evaluate foreign.png", &["foreign.png: is a file, not the folder of a run"]),
        ("inspect nowhere", &["nowhere: no such folder"]),
        ("predict nowhere foreign.png", &["nowhere: no such folder"]),
        ("evaluate run --checkpoint 7", &["step-000007", "there are: 2"]),
        ("train --resume empty", &["empty: holds no run"]),
        ("report run", &["run: holds a run and no comparison; try `optlab evaluate run`"]),
        ("list trials run", &["run: holds a run and no comparison"]),
        ("train mnist-cnn --data-dir data --output out", &["data/train-"]),
        ("train mnist-cnn --data-dir empty --output out", &["empty/train-"]),
        ("verify --references nowhere", &["cannot read nowhere"]),
        ("verify --references empty", &["empty: holds no reference files"]),
        ("predict run foreign.png", &["foreign.png"]),
        ("predict run nowhere.png", &["nowhere.png"]),
    ];
    for (line, expected) in cases {
        let arguments: Vec<&str> = line.split(' ').collect();
        let message = fails(folder.path(), &arguments, 1);
        for part in *expected {
            assert!(message.contains(part), "`{line}` does not say {part}: {message}");
        }
    }
    assert!(!path("out").exists(), "a run that could not begin left a folder behind");
}

#[test]
fn a_folder_that_cannot_be_written_gives_one_line_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    for arguments in [
        ["train", "diabetes-linear", "--steps", "2", "--output", "file/run"].as_slice(),
        &["compare", "--workloads", "diabetes-linear", "--optimizers", "sgd", "--output", "file/run"],
    ] {
        let message = fails(folder.path(), arguments, 1);
        assert!(message.contains("file/run"), "{message}");
    }
}

#[test]
fn a_config_file_sets_what_flags_set_and_flags_override_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("a.toml"), text).unwrap();
    let train = ["train", "diabetes-linear", "--config", "a.toml", "--output", "run"];
    write(
        "epochs = 3\nlr = 0.5\noptimizer = { rule = \"sgd\", momentum = 0.5 }\nschedule = \"cosine:min_lr=0.1\"\n",
    );
    succeeds(folder.path(), &[train.as_slice(), &["--lr", "0.25", "--steps", "7"]].concat());
    let trial = std::fs::read_to_string(folder.path().join("run/trial.json")).unwrap();
    let trial: serde_json::Value = serde_json::from_str(&trial).unwrap();
    assert_eq!(trial["lr"], 0.25);
    assert_eq!(trial["budget"], serde_json::json!({"steps": 7}));
    assert_eq!(trial["optimizer"]["rule"], "sgd");
    assert_eq!(trial["optimizer"]["momentum"], 0.5);
    assert_eq!(trial["schedule"]["min_lr"], 0.1);

    // The batch size may follow a schedule, as a table too.
    write("steps = 30\nbatch_size = { schedule = \"multi_step\", milestones = [\"50%\"], gamma = 2 }\n");
    let told = succeeds(folder.path(), &["train", "diabetes-linear", "--config", "a.toml", "--output", "c"]);
    // Of 318 training examples: 15 steps of 32 and of 64 are 4 passes and a part of the fifth.
    assert!(told.contains("batches of 32 to 64 examples, 5 epochs in 30 steps"), "{told}");
    let flag = ["train", "diabetes-linear", "--steps", "30", "--output", "d", "--batch-size"];
    succeeds(folder.path(), &[flag.as_slice(), &["(multi_step:milestones=[50%],gamma=2)"]].concat());
    let trial = |run: &str| std::fs::read_to_string(folder.path().join(run).join("trial.json")).unwrap();
    assert!(trial("c") == trial("d"), "{}", trial("c"));

    // A label of a comparison's table is a spec of `train`.
    succeeds(
        folder.path(),
        &["train", "diabetes-linear", "--optimizer", "sgd:lr=0.125,momentum=0.9", "--output", "b"],
    );
    let trial = std::fs::read_to_string(folder.path().join("b/trial.json")).unwrap();
    assert!(trial.contains("\"lr\": 0.125"), "{trial}");

    write("epoch = 3\n");
    let message = fails(folder.path(), &train, 2);
    assert!(message.contains("a.toml") && message.contains("did you mean `epochs`?"), "{message}");
    write("seed = 1\nlr = \"fast\"\n");
    let message = fails(folder.path(), &train, 1);
    assert!(message.contains("a.toml: line 2"), "{message}");
}

#[test]
fn a_run_is_evaluated_at_its_best_its_last_and_any_other_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let trained = succeeds(
        folder.path(),
        &["train", "digits-rnn", "--steps", "60", "--checkpoint-every", "25", "--output", "run"],
    );
    let last_line =
        |text: &str| text.lines().find(|line| line.starts_with("test accuracy")).unwrap().to_string();
    let evaluate = |which: &str| succeeds(folder.path(), &["evaluate", "run", "--checkpoint", which]);
    assert_eq!(last_line(&trained), last_line(&evaluate("best")));
    assert!(evaluate("50").contains("step-000050"));
    assert!(evaluate("last").contains("step-000060"));
    let outcome = outcome(&folder.path().join("run"));
    assert_eq!(outcome["status"], "completed");
    assert_eq!(outcome["steps"], 60);
    assert!(outcome["training_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_damaged_checkpoint_is_reported_and_an_older_one_used() {
    let folder = tempfile::tempdir().unwrap();
    let train = ["train", "digits-rnn", "--steps", "60", "--checkpoint-every", "25", "--output", "run"];
    succeeds(folder.path(), &train);
    let model = folder.path().join("run/checkpoints/step-000060/model.bpk");
    std::fs::write(&model, b"damaged").unwrap();
    let output = optlab(folder.path(), &["evaluate", "run", "--checkpoint", "last"]);
    assert!(text(&output.stdout).contains("step-000050"));
    assert!(text(&output.stderr).contains("step-000060/model.bpk"));
    let message = fails(folder.path(), &["evaluate", "run", "--checkpoint", "60"], 1);
    assert!(message.contains("step-000060/model.bpk"), "{message}");
}

#[test]
fn predict_recognizes_the_digit_in_a_png_file() {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["train", "digits-cnn", "--epochs", "15", "--lr", "3e-3", "--output", "run"]);
    // An eight-by-eight picture of a bundled test digit, dark on light.
    let splits = optlab::data::load("digits", &optlab::data::Source::default()).unwrap();
    let optlab::data::Targets::Classes { labels, .. } = &splits.test.targets else {
        panic!("digits have classes")
    };
    let mut right = 0;
    for (i, label) in labels.iter().enumerate().take(20) {
        let pixels: Vec<u8> = splits.test.input(i).iter().map(|value| 255 - (value * 255.0) as u8).collect();
        let path = folder.path().join("digit.png");
        let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 8, 8);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        let told = succeeds(folder.path(), &["predict", "run", "digit.png"]);
        right += usize::from(told.starts_with(&format!("digit.png: {label} (")));
    }
    assert!(right >= 18, "{right} of 20 are right");
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_as_diverged_with_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let output = optlab(
        folder.path(),
        &["train", "diabetes-linear", "--optimizer", "sgd", "--lr", "1e9", "--output", "run"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("diverged: the loss is"), "{}", text(&output.stderr));
    let outcome = outcome(&folder.path().join("run"));
    assert_eq!(outcome["status"], "diverged");
    assert!(outcome["reason"].as_str().unwrap().contains("at step"));
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let train =
        |seed: &'static str| ["train", "diabetes-linear", "--steps", "5", "--output", "run", "--seed", seed];
    succeeds(folder.path(), &train("1"));
    let message = fails(folder.path(), &train("2"), 2);
    assert!(message.contains("another run") && message.contains("--overwrite"), "{message}");
    succeeds(folder.path(), &[train("2").as_slice(), &["--overwrite"]].concat());
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/letter.txt"), b"dear").unwrap();
    for overwrite in [&[][..], &["--overwrite"]] {
        let arguments = [&["train", "diabetes-linear", "--output", "mine"], overwrite].concat();
        assert!(fails(folder.path(), &arguments, 2).contains("mine"));
    }
    assert_eq!(std::fs::read(folder.path().join("mine/letter.txt")).unwrap(), b"dear");
}

pub fn checkpoint_of(run: PathBuf) -> impl Fn() -> bool {
    move || {
        std::fs::read_dir(run.join("checkpoints")).is_ok_and(|mut entries| {
            // A checkpoint with another name is still being written.
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
            })
        })
    }
}

#[cfg(unix)]
pub fn signal(child: &std::process::Child, signal: &str) {
    // The shell's own `kill`: a program of that name is not on every machine.
    let command = format!("kill {signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn ctrl_c_leaves_a_checkpoint_and_the_resumed_run_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let train = |output: &'static str| ["train", "digits-rnn", "--epochs", "60", "--output", output];
    succeeds(folder.path(), &train("whole"));
    let run = folder.path().join("parts");
    let child = start_long_run(folder.path(), &train("parts"), checkpoint_of(run.clone()));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("resume with: optlab train --resume parts"),
        "{}",
        text(&output.stderr)
    );
    let told = succeeds(folder.path(), &["train", "--resume", "parts"]);
    assert!(told.contains("resuming after step"), "{told}");
    let model = |run: &str| {
        let steps = outcome(&folder.path().join(run))["steps"].as_u64().unwrap();
        std::fs::read(folder.path().join(format!("{run}/checkpoints/step-{steps:06}/model.bpk"))).unwrap()
    };
    assert!(model("whole") == model("parts"));
    assert!(succeeds(folder.path(), &["train", "--resume", "parts"]).contains("already ended"));
    let message = fails(folder.path(), &["train", "--resume", "parts", "--lr", "1"], 2);
    assert!(message.contains("--resume"), "{message}");
}

#[test]
#[cfg(unix)]
fn a_killed_run_resumes_with_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let train = ["train", "digits-rnn", "--epochs", "60", "--output", "run"];
    let mut child = start_long_run(folder.path(), &train, checkpoint_of(folder.path().join("run")));
    child.kill().unwrap();
    child.wait().unwrap();
    let told = succeeds(folder.path(), &train);
    assert!(told.contains("unfinished: resuming") && told.contains("resuming after step"), "{told}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_comparison_resumes_and_repeats_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    let compare = [
        "compare",
        "--workloads",
        "digits-rnn",
        "--optimizers",
        "adam,sgd:lr=0.05,momentum=0.9",
        "--seeds",
        "3",
        "--epochs",
        "10",
        "--jobs",
        "2",
        "--output",
        "out",
    ];
    let runs = folder.path().join("out/runs");
    let outcomes = || -> Vec<(PathBuf, std::time::SystemTime)> {
        let Ok(entries) = std::fs::read_dir(&runs) else { return Vec::new() };
        let files = entries.map(|entry| entry.unwrap().path().join("outcome.json"));
        let time = |file: &Path| Some(std::fs::metadata(file).ok()?.modified().unwrap());
        let mut found: Vec<_> = files.filter_map(|file| Some((file.clone(), time(&file)?))).collect();
        found.sort();
        found
    };
    let mut child = start_long_run(folder.path(), &compare, || !outcomes().is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    // The workers notice that their parent is gone, and end.
    std::thread::sleep(Duration::from_millis(500));
    let before = outcomes();
    assert!(before.len() < 6, "the comparison was over before it could be interrupted");
    let told = succeeds(folder.path(), &compare);
    assert_eq!(outcomes().len(), 6);
    for finished in &before {
        assert!(outcomes().contains(finished), "{} was run twice", finished.0.display());
    }
    assert!(told.contains("3 seeds") && told.contains("accuracy"), "{told}");
    for file in ["results.csv", "results.json", "results.md", "curves.svg"] {
        assert!(folder.path().join("out").join(file).is_file(), "{file}");
    }
    let finished = outcomes();
    succeeds(folder.path(), &compare);
    assert_eq!(outcomes(), finished, "a finished comparison was run again");
}

#[test]
fn a_comparison_continues_after_a_trial_that_diverges() {
    let folder = tempfile::tempdir().unwrap();
    let told = succeeds(
        folder.path(),
        &[
            "compare",
            "--workloads",
            "diabetes-linear",
            "--optimizers",
            "sgd:lr=1e9,sgd:lr=0.01",
            "--epochs",
            "20",
        ],
    );
    assert!(told.contains("diverged (the loss is"), "{told}");
    assert!(told.contains("1/1"), "{told}");
}

/// Copies the project's reference files into `folder/references`, and returns the path of one of them.
fn copy_references(folder: &Path, file: &str) -> PathBuf {
    for part in ["optimizers", "schedules"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("references").join(part);
        let to = folder.join("references").join(part);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    folder.join("references").join(file)
}

/// Returns the verdicts on `rule` in the table of `verify`.
fn verdicts<'a>(table: &'a str, rule: &str) -> Vec<&'a str> {
    let lines =
        table.lines().filter_map(|line| line.strip_prefix("  ")?.strip_prefix(rule)?.strip_prefix(' '));
    lines.map(str::trim_start).collect()
}

#[test]
fn schedules_are_drawn_in_the_terminal_and_as_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let specs =
        ["schedule", "warmup:steps=1ep,base=cosine", "constant", "--steps", "200", "--steps-per-epoch", "20"];
    let text = succeeds(folder.path(), &specs);
    assert!(is_empty(folder.path()));
    assert!(
        text.contains("warmup:base=cosine,steps=1ep: 0 at first") && text.contains("constant: 1 at first"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let with_picture = [&specs[..], &["--svg", "schedules.svg", "--log"]].concat();
    succeeds(folder.path(), &with_picture);
    let picture = std::fs::read_to_string(folder.path().join("schedules.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    assert_eq!(picture.matches("class=\"line ").count(), 2);
    assert!(picture.contains("prefers-color-scheme: dark"));
    let message = fails(folder.path(), &["schedule", "cosine", "--svg", "missing/file.svg"], 1);
    assert!(message.contains("cannot write missing/file.svg"), "{message}");
    // The longest possible run.
    succeeds(folder.path(), &["schedule", "cosine", "one_cycle", "--steps", "18446744073709551615"]);
}

#[test]
fn a_learning_rate_is_found_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        succeeds(folder.path(), &["lr-find", "diabetes-linear", "--optimizer", "adam", "--steps", "150"]);
    assert!(is_empty(folder.path()));
    assert!(text.contains("Learning-rate range test: diabetes-linear, adam"), "{text}");
    let suggested = text.lines().find_map(|line| line.split_once("Suggested, half its middle: ")).unwrap().1;
    let words: Vec<&str> = suggested.split(' ').collect();
    assert_eq!(words[..6], ["optlab", "train", "diabetes-linear", "--optimizer", "adam", "--lr"]);
    let lr: f64 = words[6].parse().unwrap();
    assert!((1e-4..10.0).contains(&lr), "{lr}");
    assert_eq!(text, succeeds(folder.path(), &["lr-find", "diabetes-linear", "--steps", "150"]));
    succeeds(folder.path(), &["lr-find", "diabetes-linear", "--steps", "20", "--svg", "range.svg"]);
    assert!(std::fs::read_to_string(folder.path().join("range.svg")).unwrap().contains("mean loss"));
}

fn own_names() -> Vec<&'static str> {
    // Some wrappers only select what others do, and combinators of schedules combine: they have no reference
    // file.
    let without = ["skip_non_finite", "group", "no_vector_decay", "compact"];
    let rules = optlab::optim::OptimizerSpec::all().into_iter().map(|spec| spec.name());
    let rules = rules.filter(|name| !without.contains(name));
    let schedules = optlab::schedule::ScheduleSpec::all().into_iter();
    let schedules = schedules.filter(|spec| !spec.is_combined()).map(|spec| spec.name());
    rules.chain(schedules).filter(|name| !name.starts_with("burn.")).collect()
}

#[test]
fn verify_checks_everything_against_the_bundled_references() {
    let folder = tempfile::tempdir().unwrap();
    let table = succeeds(folder.path(), &["verify"]);
    for name in own_names() {
        let found = verdicts(&table, name);
        assert!(!found.is_empty() && found.iter().all(|line| line.contains("  pass")), "{name}:\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(!table.contains('\u{1b}') && table.contains("On flex"), "{table}");
    assert!(verdicts(&table, "adam")[0].contains("PyTorch"), "{table}");
    // Burn's Lion matches; Burn's cosine rises again after its end.
    assert!(verdicts(&table, "burn.lion")[0].contains("  pass"), "{table}");
    assert!(verdicts(&table, "burn.cosine")[0].contains("  fail"), "{table}");
    assert!(table.contains("largest error at step"), "{table}");
    assert!(is_empty(folder.path()));

    let json: serde_json::Value =
        serde_json::from_str(&succeeds(folder.path(), &["verify", "--json"])).unwrap();
    let rows = json.as_array().unwrap();
    for name in own_names() {
        let row = rows.iter().find(|row| row["rule"] == name).unwrap();
        assert!(row["passed"] == true && row["share"].as_f64().unwrap() <= 1.0, "{row}");
        assert!(row["config"].is_object() && row["reason"].is_null(), "{row}");
        assert!(row["file"].as_str().unwrap().ends_with(".json") && row["reference"].is_string(), "{row}");
    }
    let burns = rows.iter().find(|row| row["rule"] == "burn.adam").unwrap();
    assert_eq!(burns["config"]["epsilon"], 1e-8);
}

#[test]
fn verify_shows_whose_numbers_each_reference_has_and_names_what_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let adam = copy_references(folder.path(), "optimizers/adam.json");
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(&adam).unwrap()).unwrap();
    file.as_object_mut().unwrap().remove("source");
    std::fs::write(&adam, file.to_string()).unwrap();
    let table = succeeds(folder.path(), &["verify", "--references", "references"]);
    for (name, source) in
        [("adopt", "  authors  iSho"), ("sgd", "  package  PyT"), ("noam", "  formula  Vas")]
    {
        assert!(verdicts(&table, name)[0].contains(source), "{name}:\n{table}");
    }
    assert!(
        verdicts(&table, "adam")[0].ends_with("pass           PyTorch 2.15.0 torch.optim.Adam"),
        "{table}"
    );
    let text = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("authors: the authors' own code computed the numbers of"), "{table}");
    let formulas = text.split_once("formula: no code of others computed the numbers of ").unwrap().1;
    let formulas = formulas.split_once('.').unwrap().0;
    assert!(formulas.contains(" inverse_sqrt, noam") && !formulas.contains("adopt"), "{table}");
    // Wrappers and combinators.
    let without = text.split_once("No reference file for ").unwrap().1.split_once('.').unwrap().0;
    let without: Vec<&str> = without.split(", ").collect();
    assert!(
        ["group", "skip_non_finite", "sequence"].iter().all(|name| without.contains(name)),
        "{without:?}"
    );
    assert!(own_names().iter().all(|name| !without.contains(name)), "{without:?}");

    let json = succeeds(folder.path(), &["verify", "--references", "references", "--json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let source = |name: &str| &rows.iter().find(|row| row["rule"] == name).unwrap()["source"];
    assert_eq!([source("adopt"), source("sgd"), source("noam")], ["authors", "package", "formula"]);
    assert!(source("adam").is_null());
    assert_eq!(source("burn.sgd"), "package");
}

#[test]
fn verify_reports_a_damaged_number_a_broken_file_and_an_unknown_rule() {
    let folder = tempfile::tempdir().unwrap();
    let verify = ["verify", "--references", "references"];
    let adam = copy_references(folder.path(), "optimizers/adam.json");
    let text = std::fs::read_to_string(&adam).unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let damaged = file["expected"]["10"][0].as_array_mut().unwrap().last_mut().unwrap();
    *damaged = (damaged.as_f64().unwrap() + 1e-3).into();
    std::fs::write(&adam, file.to_string()).unwrap();
    let message = fails(folder.path(), &verify, 1);
    assert!(
        message.contains("references/optimizers/adam.json") && message.contains("tolerance"),
        "{message}"
    );
    let table = self::text(&optlab(folder.path(), &verify).stdout);
    assert!(verdicts(&table, "adam")[0].contains("  fail"), "{table}");
    for name in own_names().into_iter().filter(|name| *name != "adam") {
        assert!(verdicts(&table, name)[0].contains("  pass"), "{name}:\n{table}");
    }
    let json = optlab(folder.path(), &[verify.as_slice(), &["--json"]].concat());
    assert_eq!(json.status.code(), Some(1));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&json.stdout).unwrap();
    let row = rows.iter().find(|row| row["rule"] == "adam").unwrap();
    assert!(row["passed"] == false && row["share"].as_f64().unwrap() > 1.0, "{row}");

    // With half of a file, the other rules still pass.
    std::fs::write(&adam, &text[..text.len() / 2]).unwrap();
    let message = fails(folder.path(), &verify, 1);
    assert!(message.contains("references/optimizers/adam.json: EOF while parsing"), "{message}");
    let table = self::text(&optlab(folder.path(), &verify).stdout);
    assert!(verdicts(&table, "adam")[0].contains("broken"), "{table}");
    assert!(verdicts(&table, "sgd")[0].contains("  pass"), "{table}");

    // A rule of another version of the program, alone or among others.
    std::fs::write(&adam, r#"{"rule": "madam", "reference": "the future"}"#).unwrap();
    let table = succeeds(folder.path(), &verify);
    assert!(verdicts(&table, "madam")[0].contains("unknown here"), "{table}");
    assert!(table.contains("No reference file for adam"), "{table}");
    for name in std::fs::read_dir(folder.path().join("references/schedules")).unwrap() {
        std::fs::remove_file(name.unwrap().path()).unwrap();
    }
    for name in std::fs::read_dir(folder.path().join("references/optimizers")).unwrap() {
        let path = name.unwrap().path();
        if path != adam {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert!(fails(folder.path(), &verify, 1).contains("nothing was checked"));
}

#[test]
fn verify_names_the_files_where_a_rule_has_several_and_what_burn_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = copy_references(folder.path(), "optimizers/adagrad.json");
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(&first).unwrap()).unwrap();
    file["config"]["initial_accumulator_value"] = 0.1.into();
    std::fs::write(first.with_file_name("adagrad-2.json"), file.to_string()).unwrap();
    let output = optlab(folder.path(), &["verify", "--references", "references"]);
    let table = text(&output.stdout);
    assert_eq!(verdicts(&table, "adagrad").len(), 2, "{table}");
    assert!(table.contains("adagrad.json") && table.contains("adagrad-2.json"), "{table}");
    assert!(table.contains("initial_accumulator_value=0.1"), "{table}");
    assert!(verdicts(&table, "burn.adagrad").iter().any(|line| line.contains("not possible")), "{table}");
    assert!(table.contains("Burn has no such field"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[test]
fn lists_name_everything_with_its_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let all = succeeds(folder.path(), &["list"]);
    for spec in optlab::optim::OptimizerSpec::all() {
        assert!(all.contains(spec.name()), "{}", spec.name());
    }
    for spec in optlab::schedule::ScheduleSpec::all() {
        assert!(all.contains(spec.name()), "{}", spec.name());
    }
    assert!(all.contains("mnist-10k-cnn") && all.contains("beta_1=0.9") && all.contains("flex"));
    let backends = succeeds(folder.path(), &["list", "backends"]);
    assert!(backends.contains("available") && !backends.contains("beta_1"));
}

#[test]
fn every_shell_gets_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeeds(folder.path(), &["completions", shell]);
        assert!(script.contains("evaluate") && script.contains("verify"), "{shell}");
    }
}
