//! Standard output and standard error that nobody reads, or that cannot be written.

use crate::program::{succeeds, text};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A standard output or standard error.
#[derive(Debug, Clone, Copy)]
enum Stream {
    /// A pipe that the test reads.
    Read,
    /// A pipe that nobody reads, as after `head` ended.
    Closed,
    /// A device without room.
    #[cfg(target_os = "linux")]
    Full,
}

impl Stream {
    fn open(self) -> Stdio {
        match self {
            Stream::Read => Stdio::piped(),
            Stream::Closed => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                writer.into()
            }
            #[cfg(target_os = "linux")]
            Stream::Full => File::options().write(true).open("/dev/full").unwrap().into(),
        }
    }
}

/// Runs the program in `folder` with these streams.
fn run(folder: &Path, arguments: &[&str], stdout: Stream, stderr: Stream) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_optlab"));
    program.current_dir(folder).args(arguments).stdin(Stdio::null());
    program.stdout(stdout.open()).stderr(stderr.open()).output().unwrap()
}

/// Prepares the folder of a test: data with a warning, a run, a comparison, a study and times to score.
fn prepare(folder: &Path) {
    let row = |i: u32| format!("{},{},{}\n", (i * 37) % 61, 3 * i, 3 * i);
    let csv: String = (0..60).map(row).collect();
    std::fs::write(folder.join("data.csv"), format!("x,copy,y\n{csv}")).unwrap();
    std::fs::write(folder.join("times.csv"), "s,a\nadam,1\nsgd,2\n").unwrap();
    let references = Path::new(env!("CARGO_MANIFEST_DIR")).join("references");
    for file in ["optimizers/sgd.json", "optimizers/stream.json", "schedules/cosine.json"] {
        let copy = folder.join("references").join(file);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(references.join(file), copy).unwrap();
    }
    for command in [
        "train data.csv --target y --steps 12 --output run",
        "compare data.toml --optimizers adam,sgd --steps 3 --output pair",
        "tune data.toml --optimizer adam --steps 3 --trials 2 --output study",
    ] {
        succeeds(folder, &words(command));
    }
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Commands whose results are nowhere else.
const PRINTED: [&str; 26] = [
    "--help",
    "--version",
    "train --help",
    "help tune",
    "completions bash",
    "list",
    "list backends",
    "list trials pair",
    "describe data.toml",
    "evaluate run",
    "inspect run",
    "predict run data.csv",
    "report pair",
    "report study",
    "compare pair pair",
    "compare data.toml --optimizers adam,sgd --print-plan",
    "compare data.toml --optimizers adam,sgd --steps 3 --output pair --cost",
    "score times.csv",
    "schedule cosine",
    "verify --references references",
    "verify --references references --json",
    "lr-find data.toml --steps 20",
    "bench --rules sgd --parameters 10",
    "bench --rules sgd --parameters 10 --json",
    "recommend data.toml --epochs 1 --budget 1s --optimizers adam --output advice",
    "calibrate data.toml --optimizer adam --steps 3 --seeds 4 --splits 10 --output errors",
];

#[test]
fn a_command_whose_output_nobody_reads_succeeds_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    for command in PRINTED {
        let output = run(folder.path(), &words(command), Stream::Closed, Stream::Read);
        let stderr = text(&output.stderr);
        let lines = stderr.lines().filter(|line| !line.starts_with("warning: column"));
        assert_eq!((output.status.code(), lines.count()), (Some(0), 0), "{command}: {stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_whose_result_does_not_fit_on_the_disk_fails_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    for command in PRINTED {
        let output = run(folder.path(), &words(command), Stream::Full, Stream::Read);
        let stderr = text(&output.stderr);
        let mut lines = stderr.lines().filter(|line| !line.starts_with("warning: column"));
        let line = lines.next().unwrap_or_default();
        assert!(
            line.starts_with("error: cannot write standard output: No space left"),
            "{command}: {stderr}"
        );
        assert_eq!((output.status.code(), lines.count()), (Some(1), 0), "{command}: {stderr}");
    }
}

/// Returns the outcome of a run without its times.
fn outcome(run: &Path) -> serde_json::Value {
    let bytes = std::fs::read(run.join("outcome.json")).unwrap();
    let mut outcome: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let has_a_time = |field: &String| {
        // The last two are of texts with times.
        let times = ["seconds", "milliseconds", "memory", "waiting", "target_reached", "history", "checksum"];
        times.iter().any(|of| field.contains(of))
    };
    outcome.as_object_mut().unwrap().retain(|field, _| !has_a_time(field));
    outcome
}

/// Standard output and standard error that nobody reads, or that have no room.
const UNWRITABLE: &[[Stream; 2]] = &[
    [Stream::Closed; 2],
    #[cfg(target_os = "linux")]
    [Stream::Full; 2],
];

#[test]
fn a_training_whose_output_cannot_be_written_leaves_the_files_of_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    for (number, &[stdout, stderr]) in UNWRITABLE.iter().enumerate() {
        let name = format!("unread-{number}");
        let train = ["train", "data.toml", "--steps", "12", "--output", &name];
        let output = run(folder, &train, stdout, stderr);
        assert_eq!(output.status.code(), Some(0), "{stdout:?}");
        assert_eq!(outcome(&folder.join(&name)), outcome(&folder.join("run")), "{stdout:?}");
        let model = |run: &str| std::fs::read(folder.join(run).join("checkpoints/step-000012/model.bpk"));
        assert!(model(&name).unwrap() == model("run").unwrap(), "{stdout:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_training_whose_output_does_not_fit_on_the_disk_warns_once_and_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let train = words("train diabetes-linear --epochs 5 --output run");
    let output = run(folder.path(), &train, Stream::Full, Stream::Read);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.starts_with("warning: cannot write standard output: No space left"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn trials_run_and_reports_are_written_where_no_output_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    for (number, &[stdout, stderr]) in UNWRITABLE.iter().enumerate() {
        // The first arm diverges, which is said on standard error.
        let compare =
            format!("compare data.toml --optimizers sgd:lr=1e30,adam --steps 30 --output c{number}");
        let tune = format!("tune data.toml --optimizer adam --steps 3 --trials 3 --output t{number}");
        for (command, name, trials) in [(&compare, "c", 2), (&tune, "t", 3)] {
            let output = run(folder, &words(command), stdout, stderr);
            assert_eq!(output.status.code(), Some(0), "{command}: {stdout:?}");
            let out = folder.join(format!("{name}{number}"));
            let results = std::fs::read(out.join("results.json")).unwrap();
            let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
            assert_eq!(results["trials"].as_array().unwrap().len(), trials, "{command}");
            assert!(out.join("report.html").is_file(), "{command}");
        }
    }
}

#[test]
fn a_mistake_has_its_exit_code_where_the_error_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    for &[stdout, stderr] in UNWRITABLE {
        let code = |command: &str| run(folder.path(), &words(command), stdout, stderr).status.code();
        assert_eq!(code("train digits-cn"), Some(2));
        assert_eq!(code("train --frobnicate"), Some(2));
        assert_eq!(code("evaluate nowhere"), Some(1));
    }
}

#[test]
fn a_worker_whose_messages_nobody_reads_ends_before_its_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, &words("train diabetes-linear --steps 12 --output run"));
    std::fs::create_dir(folder.join("worker")).unwrap();
    std::fs::copy(folder.join("run/trial.json"), folder.join("worker/trial.json")).unwrap();
    for &[stdout, stderr] in UNWRITABLE {
        let output = run(folder, &["worker", "worker"], stdout, stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(!folder.join("worker/outcome.json").exists());
    }
    succeeds(folder, &["worker", "worker"]);
    assert_eq!(outcome(&folder.join("worker")), outcome(&folder.join("run")));
}
