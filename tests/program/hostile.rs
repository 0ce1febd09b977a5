//! Hostile input: pipes and devices in place of files, files of any size, specs of any depth, numbers of any
//! size. Every command refuses them at once, in one line of at most 500 characters.

use crate::program::text;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs the program, checks that it refuses its arguments before long, and returns its line of error.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let shown: Vec<String> = arguments.iter().map(|argument| argument.chars().take(60).collect()).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_optlab"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("{shown:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{shown:?}: {:?} {said}", output.status);
    assert_eq!(said.lines().count(), 1, "{shown:?}: {said}");
    assert!(said.starts_with("error: "), "{shown:?}: {said}");
    let line = said.trim_end();
    assert!(line.chars().count() <= 500, "{shown:?}: {} characters", line.chars().count());
    assert!(!line.contains(char::is_control), "{shown:?}: {line:?}");
    said
}

/// Writes problems whose data are each of these files, and returns the commands that read them.
fn commands_that_read(folder: &Path, file: &str) -> Vec<Vec<String>> {
    let problem = |name: &str, data: String| {
        fs::write(folder.join(name), format!("[data]\n{data}")).unwrap();
    };
    problem("of_table.toml", format!("csv = \"{file}\"\ntarget = \"y\"\n"));
    problem("of_columns.toml", format!("parquet = \"{file}\"\ntarget = \"y\"\n"));
    problem("of_arrays.toml", format!("npz = \"{file}\"\n"));
    problem("of_text.toml", format!("text = \"{file}\"\n"));
    problem("of_pictures.toml", format!("images = \".\"\nlabels = \"{file}\"\n"));
    for run in ["run", "run/checkpoints"] {
        fs::create_dir_all(folder.join(run)).unwrap();
    }
    let commands = [
        "compare FILE.toml",
        "train FILE.toml",
        "train digits-cnn --config FILE.toml",
        "score FILE.toml",
        "train of_table.toml",
        "train of_columns.toml",
        "train of_arrays.toml",
        "train of_text.toml",
        "train of_pictures.toml",
        "describe of_table.toml",
        "evaluate run",
        "worker run",
        "report run",
        "verify --references FILE.toml",
    ];
    let name = file.trim_end_matches(".toml");
    commands.iter().map(|line| line.replace("FILE", name).split(' ').map(String::from).collect()).collect()
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_in_place_of_a_file_is_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pipe = folder.join("pipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", folder.join("zero.toml")).unwrap();
    for file in ["pipe.toml", "zero.toml"] {
        for arguments in commands_that_read(folder, file) {
            for link in ["trial.json", "trials.jsonl", "plan.toml"] {
                let path = folder.join("run").join(link);
                let _ = fs::remove_file(&path);
                std::os::unix::fs::symlink(folder.join(file), path).unwrap();
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            refused(folder, &arguments);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_to_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for run in ["a", "b"] {
        fs::create_dir(folder.join(run)).unwrap();
        assert!(Command::new("mkfifo").arg(folder.join(run).join(".lock")).status().unwrap().success());
    }
    let train = "train diabetes-linear --steps 2 --output a";
    let compare = "compare diabetes-linear --optimizers sgd --steps 2 --output b";
    for command in [train, compare] {
        let said = refused(folder, &command.split(' ').collect::<Vec<_>>());
        assert!(said.contains(".lock: is a pipe"), "{said}");
    }
}

#[test]
fn a_file_of_a_terabyte_is_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    File::create(folder.join("huge.toml")).unwrap().set_len(1 << 40).unwrap();
    for arguments in commands_that_read(folder, "huge.toml") {
        for name in ["trial.json", "trials.jsonl", "plan.toml"] {
            File::create(folder.join("run").join(name)).unwrap().set_len(1 << 40).unwrap();
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = refused(folder, &arguments);
        let has_no_such_file = ["verify", "report"].contains(&arguments[0]);
        assert!(has_no_such_file || said.contains("1099511627776"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_spec_of_any_depth_or_length_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let deep = |count: usize| format!("{}adam", "ema:base=".repeat(count));
    let of_schedules = format!("{}cosine", "scale:base=".repeat(10_000));
    let parentheses = "ema:base=(".repeat(5_000);
    let long = format!("adam:{}", "beta_1=0.9,".repeat(10_000));
    let model = format!("mlp={}", "[".repeat(10_000));
    let layers = format!("mlp=[{}]", "1,".repeat(8_000));
    let control = "adam\u{1b}[2J\u{202e}\n".repeat(1_000);
    for arguments in [
        vec!["train", "digits-cnn", "--optimizer", &deep(1_000)],
        vec!["train", "digits-cnn", "--optimizer", &deep(10_000)],
        vec!["train", "digits-cnn", "--optimizer", &parentheses],
        vec!["train", "digits-cnn", "--optimizer", &long],
        vec!["train", "digits-cnn", "--optimizer", &control],
        vec!["train", "digits-cnn", "--schedule", &of_schedules],
        vec!["train", "digits-cnn", "--model", &model],
        vec!["train", "digits-cnn", "--model", &layers],
        vec!["train", "digits-cnn", "--model", "transformer=18446744073709551615"],
        vec!["train", "digits-cnn", "--model", "mlp=[18446744073709551615]"],
        vec!["train", "digits-cnn", "--model", "cnn=[18446744073709551615],kernel=18446744073709551615"],
        vec!["schedule", &of_schedules],
        vec!["compare", "digits-cnn", "--optimizers", &deep(1_000)],
        vec!["tune", "digits-cnn", "--optimizer", "adam", "--space", &control],
        vec!["tune", "digits-cnn", "--optimizer", "adam", "--space", &long],
        vec!["bench", "--rules", &deep(1_000)],
        vec!["train", &control],
        vec![&control],
        vec!["train", "digits-cnn", "--backend", &control],
    ] {
        refused(folder.path(), &arguments);
    }
}

#[test]
fn a_number_that_no_run_can_have_is_refused_by_every_argument() {
    let folder = tempfile::tempdir().unwrap();
    let huge = ["18446744073709551616", "18446744073709551615", "9223372036854775808", "-1", "nan", "1e308"];
    let counts = [
        "train digits-cnn --seed",
        "train digits-cnn --epochs",
        "train digits-cnn --steps",
        "train digits-cnn --batch-size",
        "train digits-cnn --micro-batch-size",
        "train digits-cnn --split",
        "train digits-cnn --early-stopping",
        "train digits-cnn --shift",
        "train digits-cnn --rotation",
        "train digits-cnn --crop",
        "train digits-cnn --color",
        "train digits-cnn --validation",
        "compare digits-cnn --optimizers adam --seeds",
        "compare digits-cnn --optimizers adam --tune",
        "compare digits-cnn --optimizers adam --jobs",
        "compare digits-cnn --optimizers adam --split",
        "compare digits-cnn --optimizers adam --batch-size",
        "tune digits-cnn --optimizer adam --seed",
        "tune digits-cnn --optimizer adam --trials",
        "tune digits-cnn --optimizer adam --jobs",
        "recommend digits-cnn --seed",
        "recommend digits-cnn --jobs",
        "recommend digits-cnn --budget",
        "calibrate digits-cnn --optimizer adam --seeds",
        "calibrate digits-cnn --optimizer adam --splits",
        "calibrate digits-cnn --optimizer adam --tune",
        "lr-find digits-cnn --seed",
        "lr-find digits-cnn --steps",
        "lr-find digits-cnn --batch-size",
        "bench --parameters",
        "bench --tensors",
    ];
    for command in counts {
        for number in huge {
            let words: Vec<&str> = command.split(' ').chain([number]).collect();
            let said = refused(folder.path(), &words);
            let is_too_large = command.ends_with("--seed") && number == "9223372036854775808";
            assert!(!is_too_large || said.contains("at most 9223372036854775807"), "{command}: {said}");
        }
    }
    for command in [
        "train digits-cnn --lr",
        "train digits-cnn --l1",
        "train digits-cnn --l2",
        "train digits-cnn --clip-norm",
        "train digits-cnn --clip-value",
        "lr-find digits-cnn --min-lr",
        "lr-find digits-cnn --max-lr",
        "calibrate digits-cnn --planted",
        "score none.csv --tau-max",
        "schedule cosine --lr",
    ] {
        for number in ["-1", "nan", "inf", "1e400"] {
            let words: Vec<&str> = command.split(' ').chain([number]).collect();
            refused(folder.path(), &words);
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a refused command wrote something");
}

#[test]
fn a_plan_with_numbers_that_no_comparison_can_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let grid = "workloads = [\"digits-cnn\"]\noptimizers = [\"adam\"]\n";
    let largest = "9223372036854775807";
    for (content, expected) in [
        (format!("{grid}seeds = {largest}\n"), "`seeds`"),
        (format!("{grid}seeds = 100000\n[tuning]\ntrials = 1000000\n"), "trials, more than 1000000"),
        (format!("{grid}epochs = {largest}\n"), "`epochs`"),
        (format!("{grid}batch_size = {largest}\n"), "`batch_size`"),
        (format!("{grid}[tuning]\ntrials = {largest}\n"), "`tuning.trials`"),
        (format!("{grid}[tuning]\nseeds = {largest}\n"), "`tuning.seeds`"),
        (format!("{grid}seeds = [1, 9223372036854775808]\n"), "line 3"),
        (format!("{grid}lr = {}\n", "9".repeat(100_000)), "line 3"),
        (format!("{grid}x = {}{}\n", "[".repeat(10_000), "]".repeat(10_000)), "line 3"),
        (format!("{grid}{}\n", "x".repeat(1_000_000)), "line 3"),
        (format!("{grid}arms = [{}]\n", "{optimizer = \"adam\"},".repeat(20_000)), "at most 10000"),
        (format!("{grid}[[arms]]\nname = \"two\\nlines\"\noptimizer = \"adam\"\n"), "one line"),
        (format!("{grid}[[arms]]\nname = \"{}\"\noptimizer = \"adam\"\n", "x".repeat(201)), "200 characters"),
    ] {
        fs::write(folder.join("plan.toml"), &content).unwrap();
        let said = refused(folder, &["compare", "plan.toml"]);
        let beginning: String = content.chars().skip(grid.len()).take(60).collect();
        assert!(said.contains(expected), "{beginning}: {said}");
    }
}

#[test]
fn a_table_of_one_endless_line_or_of_too_many_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("p.toml"), "[data]\ncsv = \"d.csv\"\ntarget = \"y\"\n").unwrap();
    for (content, expected) in [
        ("x".repeat(30_000_000), "has a header but no rows"),
        (format!("{}\n1\n", "x".repeat(1_000_000)), "has a name of 1000000 bytes"),
        (format!("{}\n{}\n", "x,".repeat(200_000), "1,".repeat(200_000)), "200001 columns"),
        (format!("y\n{}", "\"".repeat(1_000_001)), "a quote is opened"),
    ] {
        fs::write(folder.join("d.csv"), content).unwrap();
        let said = refused(folder, &["train", "p.toml"]);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
