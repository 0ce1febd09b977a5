mod resuming;

use super::*;
use crate::made_up;
use crate::plan::Plan;
use crate::plan::entry::Entry;
use crate::result::comparison::Comparison;
use crate::run::folder::Kind;
use crate::run::worker::{Evaluated, Measure, Progress};
use optlab_train::train::{RunDirectory, Status};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A comparison folder and a shell script that plays the worker. The script finds the run's folder in `$1`
/// and the test's folder in `$DIR`, and ends well with `finish`.
struct Stage {
    folder: tempfile::TempDir,
    runner: Runner,
}

impl Stage {
    fn new(jobs: usize, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage {
            runner: Runner {
                jobs,
                is_pinned: false,
                ..Runner::new(WorkerCommand {
                    // The script runs through `sh`, since a file that another thread's fork still has open
                    // cannot be executed.
                    program: "/bin/sh".into(),
                    arguments: vec![folder.path().join("worker.sh").into()],
                })
            },
            folder,
        };
        let outcome = serde_json::to_string(&made_up::outcome(0.9, None)).unwrap();
        std::fs::write(stage.path("good.json"), outcome).unwrap();
        stage.play(script);
        stage
    }

    fn play(&self, script: &str) {
        let dir = self.folder.path().display();
        let script = format!(
            "DIR='{dir}'\nfinish() {{ cp \"$DIR/good.json\" \"$1/outcome.json\"; }}\n\
             echo \"$1\" >> \"$DIR/log\"\n{script}"
        );
        std::fs::write(self.path("worker.sh"), script).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn output(&self) -> PathBuf {
        self.path("out")
    }

    fn run(&self, trials: &[Trial], events: &mut dyn RunnerEvents) -> Result<Vec<Outcome>, Error> {
        let folder = claim(&self.output(), trials)?;
        self.runner.run(&folder, trials, events)
    }

    /// Returns the runs for which a worker was started, one entry per start.
    fn started(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("log")).unwrap();
        log.lines().map(|line| Path::new(line).file_name().unwrap().to_string_lossy().into()).collect()
    }
}

fn claim(path: &Path, trials: &[Trial]) -> Result<Folder, Error> {
    let entries: Vec<Entry> = trials.iter().map(|trial| Entry::of_final("adamw", trial.clone())).collect();
    Folder::claim(path, Kind::Comparison, &Plan::default().to_toml()?, &entries, &made_up::invocation(2))
}

fn trials(seeds: u64) -> Vec<Trial> {
    (0..seeds).map(|seed| made_up::trial("digits-cnn", "adamw", seed)).collect()
}

#[derive(Default)]
struct Recorded {
    lines: Vec<String>,
    fail_at: Option<usize>,
}

impl RunnerEvents for Recorded {
    fn skipped(&mut self, index: usize, _trial: &Trial, _outcome: &Outcome) {
        self.lines.push(format!("skipped {index}"));
    }

    fn noted(&mut self, note: &str) {
        self.lines.push(format!("noted {note}"));
    }

    fn started(&mut self, index: usize, _trial: &Trial, attempt: usize) {
        self.lines.push(format!("started {index} {attempt}"));
    }

    fn progress(&mut self, index: usize, _trial: &Trial, progress: Progress) {
        self.lines.push(format!("progress {index} {}/{}", progress.step, progress.total_steps));
    }

    fn finished(&mut self, index: usize, _trial: &Trial, outcome: &Outcome) -> Result<(), Error> {
        self.lines.push(format!("finished {index} {:?}", outcome.status));
        match self.fail_at == Some(index) {
            true => Err(Error::usage("no more")),
            false => Ok(()),
        }
    }
}

#[test]
fn each_trial_runs_once_and_a_second_call_runs_nothing() {
    let stage = Stage::new(
        3,
        "echo '{\"event\": \"step\", \"step\": 3, \"total_steps\": 9, \"loss\": null}'; echo noise; finish \"$1\"",
    );
    let trials = trials(5);
    let mut events = Recorded::default();
    let outcomes = stage.run(&trials, &mut events).unwrap();
    assert_eq!(outcomes.len(), 5);
    assert!(outcomes.iter().all(|outcome| outcome.status == Status::Completed));
    let mut started = stage.started();
    started.sort();
    let mut expected: Vec<String> = trials.iter().map(Trial::id).collect();
    expected.sort();
    assert_eq!(started, expected);
    for event in ["started 4 1", "progress 4 3/9", "finished 4 Completed"] {
        assert!(events.lines.iter().any(|line| line == event), "{event} in {:?}", events.lines);
    }
    assert!(!stage.output().join("runs").join(trials[0].id()).join("stderr.txt").exists());

    let mut events = Recorded::default();
    assert_eq!(stage.run(&trials, &mut events).unwrap(), outcomes);
    assert_eq!(stage.started().len(), 5);
    assert_eq!(events.lines, (0..5).map(|index| format!("skipped {index}")).collect::<Vec<_>>());
    assert_eq!(Comparison::read(&stage.output()).unwrap().runs.len(), 5);
}

#[test]
fn as_many_workers_as_jobs_run_at_once_and_never_more() {
    let script = "mkdir -p \"$DIR/alive\"; touch \"$DIR/alive/$$\"; sleep 0.15; ls \"$DIR/alive\" | wc -l >> \
                  \"$DIR/counts\"; rm \"$DIR/alive/$$\"; finish \"$1\"";
    let stage = Stage::new(2, script);
    stage.run(&trials(6), &mut ()).unwrap();
    let counts = std::fs::read_to_string(stage.path("counts")).unwrap();
    let most = counts.lines().map(|line| line.trim().parse::<usize>().unwrap()).max();
    assert_eq!(most, Some(2));
}

#[test]
fn a_worker_that_dies_is_started_once_more_and_the_comparison_continues() {
    let script = "case \"$1\" in *seed1*) echo '{\"event\": \"step\", \"step\": 7, \"total_steps\": 9, \"loss\": 1}'; \
                  echo 'error: no memory' >&2; kill -9 $$;; *) finish \"$1\";; esac";
    let stage = Stage::new(1, script);
    let trials = trials(3);
    let mut events = Recorded::default();
    let outcomes = stage.run(&trials, &mut events).unwrap();
    let statuses: Vec<Status> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses, [Status::Completed, Status::Failed, Status::Completed]);
    let reason = outcomes[1].reason.as_deref().unwrap();
    assert_eq!(reason, "error: no memory (worker: killed by signal 9, out of memory?)");
    assert_eq!((outcomes[1].steps, stage.started().len()), (7, 4));
    assert!(events.lines.contains(&"started 1 2".to_string()));
    let run_dir = stage.output().join("runs").join(trials[1].id());
    assert_eq!(std::fs::read_to_string(run_dir.join("stderr.txt")).unwrap().lines().count(), 2);

    // The next call runs only the failed trial again.
    stage.play("finish \"$1\"");
    let outcomes = stage.run(&trials, &mut ()).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.status == Status::Completed));
    assert_eq!(stage.started().len(), 5);
    assert!(!run_dir.join("stderr.txt").exists());
}

#[test]
fn a_worker_that_dies_once_and_then_finishes_is_not_a_failure() {
    let stage =
        Stage::new(1, "if [ -e \"$1/tried\" ]; then finish \"$1\"; else touch \"$1/tried\"; exit 3; fi");
    let outcomes = stage.run(&trials(1), &mut ()).unwrap();
    assert_eq!((outcomes[0].status, stage.started().len()), (Status::Completed, 2));
}

#[test]
fn a_diverged_trial_is_a_result_and_is_not_run_again() {
    let stage = Stage::new(1, "finish \"$1\"; exit 1");
    let diverged = made_up::lost(Status::Diverged, "loss is NaN at step 17");
    std::fs::write(stage.path("good.json"), serde_json::to_string(&diverged).unwrap()).unwrap();
    for _ in 0..2 {
        assert_eq!(stage.run(&trials(1), &mut ()).unwrap()[0], diverged);
    }
    assert_eq!(stage.started().len(), 1);
}

#[test]
fn a_trial_with_a_damaged_outcome_is_resumed() {
    let stage = Stage::new(1, "finish \"$1\"");
    stage.run(&trials(1), &mut ()).unwrap();
    let path = stage.output().join("runs").join(trials(1)[0].id()).join("outcome.json");
    std::fs::write(&path, "{\"status\": \"comp").unwrap();
    let outcomes = stage.run(&trials(1), &mut ()).unwrap();
    assert_eq!((outcomes[0].status, stage.started().len()), (Status::Completed, 2));
}

#[test]
fn an_error_ends_the_run_and_leaves_no_worker_alive() {
    let script = "case \"$1\" in *seed0*) while [ ! -s \"$DIR/pid\" ]; do sleep 0.01; done; finish \"$1\";; \
                  *) echo $$ > \"$DIR/pid\"; exec sleep 60;; esac";
    let stage = Stage::new(2, script);
    let mut events = Recorded { fail_at: Some(0), ..Recorded::default() };
    let begin = Instant::now();
    assert_eq!(stage.run(&trials(3), &mut events).unwrap_err().to_string(), "no more");
    assert!(begin.elapsed() < Duration::from_secs(30));
    let pid = std::fs::read_to_string(stage.path("pid")).unwrap();
    let alive = std::process::Command::new("kill").args(["-0", pid.trim()]).output().unwrap();
    assert!(!alive.status.success(), "worker {pid} is still alive");
    // The trial whose worker was killed has not failed: the next call runs it.
    let seeds = Comparison::read(&stage.output()).unwrap().runs;
    assert_eq!(seeds.iter().filter(|run| run.outcome.is_some()).count(), 1);
}

#[test]
fn an_interrupted_worker_stops_the_comparison_and_counts_as_not_run() {
    let stage = Stage::new(1, "kill -INT $$; sleep 5");
    let error = stage.run(&trials(2), &mut ()).unwrap_err().to_string();
    assert!(error.starts_with("cannot finish ") && error.ends_with("interrupted"), "{error}");
    assert!(Comparison::read(&stage.output()).unwrap().runs.iter().all(|run| run.outcome.is_none()));
}

#[test]
fn a_missing_worker_program_is_one_error_and_not_many_failed_trials() {
    let mut stage = Stage::new(2, "");
    stage.runner.command.program = "/no/such/program".into();
    let error = stage.run(&trials(2), &mut ()).unwrap_err().to_string();
    assert!(error.starts_with("cannot start /no/such/program: "), "{error}");
    assert!(
        Runner { jobs: 0, ..stage.runner.clone() }
            .run(&claim(&stage.output(), &trials(2)).unwrap(), &[], &mut ())
            .is_err()
    );
}

#[test]
fn a_worker_gets_its_share_of_the_cores() {
    let stage = Stage::new(1, "echo $RAYON_NUM_THREADS > \"$DIR/threads\"; finish \"$1\"");
    stage.run(&trials(1), &mut ()).unwrap();
    let expected = std::env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| stage.runner.threads().to_string());
    assert_eq!(std::fs::read_to_string(stage.path("threads")).unwrap().trim(), expected);
    let many = Runner { jobs: 10_000, ..stage.runner.clone() };
    assert_eq!(many.threads(), 1);
}

#[test]
fn seeds_can_be_added_to_a_folder_and_another_plan_is_refused() {
    let stage = Stage::new(2, "finish \"$1\"");
    stage.run(&trials(2), &mut ()).unwrap();
    stage.run(&trials(4), &mut ()).unwrap();
    assert_eq!(stage.started().len(), 4);
    let error = stage.run(&trials(3), &mut ()).unwrap_err();
    assert!(error.is_usage());
    assert!(
        error.to_string().contains("another plan's comparison: 1 of its trials (digits-cnn-adamw-seed3-"),
        "{error}"
    );
}

#[test]
fn a_folder_with_other_files_and_a_folder_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.toml"), "mine").unwrap();
    let error = claim(folder.path(), &trials(1)).unwrap_err().to_string();
    assert!(error.ends_with("is not empty and holds no comparison; choose another output folder"), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("plan.toml")).unwrap(), "mine");

    let path = folder.path().join("out");
    let first = claim(&path, &trials(1)).unwrap();
    let error = claim(&path, &trials(1)).unwrap_err().to_string();
    assert!(error.contains(" is in use by process "), "{error}");
    drop(first);
    claim(&path, &trials(1)).unwrap();
}

/// A queue of one trial that prunes it at its second evaluation.
struct Pruning {
    trial: Option<Trial>,
    heard: Vec<String>,
}

impl Queue for Pruning {
    fn next(&mut self) -> Result<Next, Error> {
        Ok(self.trial.take().map_or(Next::Wait, |trial| Next::Trial { index: 4, trial: Box::new(trial) }))
    }

    fn begins(&mut self, index: usize, measure: &Measure) {
        self.heard.push(format!("{index} measures {} {} times", measure.metric, measure.evaluations));
    }

    fn prunes(&mut self, index: usize, _trial: &Trial, evaluated: &Evaluated) -> bool {
        self.heard.push(format!("{index} at {} {}", evaluated.epoch, evaluated.score.metric));
        evaluated.epoch == 2
    }

    fn finished(&mut self, index: usize, _trial: &Trial, outcome: Outcome) -> Result<(), Error> {
        self.heard.push(format!("{index} {:?}", outcome.status));
        Ok(())
    }
}

#[test]
fn a_pruned_trial_ends_where_it_was_pruned_and_is_not_run_again() {
    let evaluated = |epoch: usize, metric: f64| {
        format!(
            "echo '{{\"event\": \"evaluated\", \"step\": {}, \"epoch\": {epoch}, \"training_seconds\": {epoch}, \
             \"loss\": 0.5, \"metric\": {metric}}}'",
            10 * epoch
        )
    };
    let start = "echo '{\"event\": \"start\", \"metric\": \"accuracy\", \"larger_is_better\": true, \"target\": 0.97, \
                 \"evaluations\": 30}'";
    let (first, second, third) = (evaluated(1, 0.6), evaluated(2, 0.4), evaluated(3, 0.9));
    let stage = Stage::new(1, &format!("{start}; {first}; {second}; {third}; exec sleep 60"));
    let trials = trials(1);
    let folder = claim(&stage.output(), &trials).unwrap();
    let mut queue = Pruning { trial: Some(trials[0].clone()), heard: Vec::new() };
    let began = Instant::now();
    stage.runner.run_queue(&folder, &mut queue, &mut ()).unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "the worker was stopped");
    assert_eq!(queue.heard, ["4 measures accuracy 30 times", "4 at 1 0.6", "4 at 2 0.4", "4 Pruned"]);
    let outcome = folder.read_outcome(&trials[0]).unwrap().unwrap();
    assert_eq!((outcome.status, outcome.steps, outcome.epochs), (Status::Pruned, 20, 2));
    assert_eq!(
        (outcome.final_validation.as_ref().unwrap().metric, outcome.best_validation.as_ref().unwrap().metric),
        (0.4, 0.6)
    );
    assert_eq!(
        (outcome.best_step, outcome.metric.target, outcome.metric.name.as_str()),
        (Some(10), Some(0.97), "accuracy")
    );
    assert_eq!(stage.runner.run(&folder, &trials, &mut ()).unwrap(), [outcome]);
    assert_eq!(stage.started().len(), 1);
}

#[test]
fn a_worker_that_hangs_is_started_once_more_and_then_its_trial_has_failed() {
    let mut stage = Stage::new(1, "case \"$1\" in *seed0*) sleep 60;; *) finish \"$1\";; esac");
    stage.runner.stall_limit = Duration::from_millis(300);
    let outcomes = stage.run(&trials(2), &mut ()).unwrap();
    assert_eq!((outcomes[0].status, outcomes[1].status), (Status::Failed, Status::Completed));
    assert_eq!(outcomes[0].reason.as_deref(), Some("worker: hung: no step in 300ms"));
    assert_eq!(stage.started().len(), 3);
}

#[test]
fn a_worker_that_keeps_reporting_does_not_count_as_hanging() {
    let step = "echo '{\"event\": \"step\", \"step\": 1, \"total_steps\": 9, \"loss\": 1}'; sleep 0.2";
    let mut stage = Stage::new(1, &format!("{step}; {step}; {step}; {step}; finish \"$1\""));
    stage.runner.stall_limit = Duration::from_millis(600);
    let outcomes = stage.run(&trials(1), &mut ()).unwrap();
    assert_eq!((outcomes[0].status, stage.started().len()), (Status::Completed, 1));
}

#[test]
#[cfg(target_os = "linux")]
fn several_workers_are_pinned_to_their_own_processors_and_a_single_worker_is_not() {
    let cores = cores::available().len();
    let script = "echo \"$*\" >> \"$DIR/arguments\"; sleep 0.1; for last; do :; done; finish \"$last\"";
    let mut stage = Stage::new(cores, script);
    stage.runner.is_pinned = true;
    stage.run(&trials(2 * cores as u64), &mut ()).unwrap();
    let arguments = std::fs::read_to_string(stage.path("arguments")).unwrap();
    let mut used: Vec<&str> =
        arguments.lines().filter_map(|line| line.split("--cores ").nth(1)?.split(' ').next()).collect();
    used.sort();
    used.dedup();
    assert_eq!(used.len(), if cores == 1 { 0 } else { cores }, "{arguments}");

    let mut alone = Stage::new(1, script);
    alone.runner.is_pinned = true;
    alone.run(&trials(1), &mut ()).unwrap();
    assert!(!std::fs::read_to_string(alone.path("arguments")).unwrap().contains("--cores"));
}

#[test]
fn a_trial_that_is_listed_twice_runs_once_and_its_outcome_is_returned_twice() {
    let stage = Stage::new(2, "finish \"$1\"");
    let twice = [trials(2), trials(1)].concat();
    let outcomes = stage.run(&twice, &mut ()).unwrap();
    assert_eq!((outcomes.len(), stage.started().len()), (3, 2));
    assert_eq!(outcomes[0], outcomes[2]);
}

#[test]
fn more_tuning_may_change_the_final_trials_of_an_arm_but_not_drop_a_tuning_trial() {
    let folder = tempfile::tempdir().unwrap();
    let tuning = |number, lr| Entry {
        arm: "adamw".into(),
        stage: crate::plan::entry::Stage::Tuning { number, replicate: None },
        point: Vec::new(),
        trial: Trial { lr, ..made_up::trial("digits-cnn", "adamw", 1_000_000) },
    };
    let chosen = |lr| Entry::of_final("adamw", Trial { lr, ..made_up::trial("digits-cnn", "adamw", 0) });
    let claim = |entries: &[Entry]| {
        Folder::claim(folder.path(), Kind::Comparison, "seeds = 1", entries, &made_up::invocation(1))
    };
    let first = claim(&[tuning(0, 0.5)]).unwrap();
    first.write_entries(&[tuning(0, 0.5), chosen(0.5)]).unwrap();
    drop(first);
    let more = claim(&[tuning(0, 0.5), tuning(1, 0.25)]).unwrap();
    more.write_entries(&[tuning(0, 0.5), tuning(1, 0.25), chosen(0.25)]).unwrap();
    // A trial without an outcome has no result to lose, so a smaller plan may leave it out, as after an
    // estimate.
    drop(more);
    drop(claim(&[tuning(1, 0.25)]).unwrap());
    let all = claim(&[tuning(0, 0.5), tuning(1, 0.25)]).unwrap();
    let run_dir = all.prepare_run(&tuning(0, 0.5).trial).unwrap();
    std::fs::write(run_dir.join("outcome.json"), "{}").unwrap();
    drop(all);
    let error = claim(&[tuning(1, 0.25)]).unwrap_err().to_string();
    assert!(error.contains("another plan's comparison: 1 of its trials"), "{error}");
}
