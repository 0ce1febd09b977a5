//! Workers that cannot resume, are stopped for a while, are judged, or lose their folder.

use super::*;
use crate::run::runner::heard::Heard;
use optlab_train::train::Score;
use optlab_train::train::history::Row;

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A line that fails where the run has a checkpoint, as a worker does that finds it damaged.
const REFUSES_CHECKPOINTS: &str = "if [ -e \"$1/checkpoints/step-000010\" ]; then \
     echo '{\"event\": \"cannot_resume\", \"reason\": \"checkpoint x: damaged\"}'; exit 0; fi; finish \"$1\"";

#[test]
fn a_run_that_cannot_be_resumed_begins_anew_and_its_folder_says_so() {
    let stage = Stage::new(1, REFUSES_CHECKPOINTS);
    let trial = &trials(1)[0];
    let run_dir = claim(&stage.output(), &trials(1)).unwrap().prepare_run(trial).unwrap();
    std::fs::create_dir_all(run_dir.join("checkpoints/step-000010")).unwrap();
    let mut events = Recorded::default();
    let outcomes = stage.run(&trials(1), &mut events).unwrap();
    assert_eq!((outcomes[0].status, stage.started().len()), (Status::Completed, 2));
    let note = format!("{} cannot be resumed and begins anew: checkpoint x: damaged", trial.id());
    assert!(text(&run_dir.join("stderr.txt")).contains(&note));
    assert!(events.lines.iter().any(|line| line.starts_with(&format!("noted {note}"))), "{:?}", events.lines);
}

#[test]
fn a_worker_that_dies_in_resuming_twice_begins_anew_with_the_next_command() {
    let script = "if [ -e \"$1/checkpoints/step-000010\" ]; then kill -9 $$; fi; finish \"$1\"";
    let stage = Stage::new(1, script);
    let trial = &trials(1)[0];
    let run_dir = claim(&stage.output(), &trials(1)).unwrap().prepare_run(trial).unwrap();
    std::fs::create_dir_all(run_dir.join("checkpoints/step-000010")).unwrap();
    // The first command may have been short of memory, so it keeps the checkpoint.
    assert_eq!(stage.run(&trials(1), &mut ()).unwrap()[0].status, Status::Failed);
    assert!(run_dir.join("checkpoints/step-000010").exists());
    assert_eq!(stage.run(&trials(1), &mut ()).unwrap()[0].status, Status::Completed);
    assert_eq!(stage.started().len(), 4);
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_is_stopped_for_longer_than_the_limit_does_not_hang() {
    let script = "echo $$ > \"$DIR/pid\"; for i in 1 2 3 4 5 6 7 8; do \
                  echo '{\"event\": \"step\", \"step\": 1, \"total_steps\": 9, \"loss\": 1}'; sleep 0.05; done; finish \"$1\"";
    let mut stage = Stage::new(1, script);
    stage.runner.stall_limit = Duration::from_millis(400);
    let pid = stage.path("pid");
    let stopping = std::thread::spawn(move || {
        while !std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n')) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let signal = |name: &str| {
            let pid = text(&pid);
            assert!(std::process::Command::new("kill").args([name, pid.trim()]).status().unwrap().success());
        };
        signal("-STOP");
        std::thread::sleep(Duration::from_millis(1200));
        signal("-CONT");
    });
    let outcomes = stage.run(&trials(1), &mut ()).unwrap();
    stopping.join().unwrap();
    assert_eq!((outcomes[0].status, stage.started().len()), (Status::Completed, 1));
}

#[test]
fn a_folder_that_is_removed_under_its_workers_is_an_error_and_does_not_come_back() {
    let stage = Stage::new(1, "case \"$1\" in *seed1*) rm -rf \"$DIR/out\";; *) finish \"$1\";; esac");
    let told = stage.run(&trials(4), &mut ()).unwrap_err().to_string();
    let expected = format!("{}: the folder was removed or replaced", stage.output().display());
    assert!(told.starts_with(&expected), "{told}");
    assert!(!stage.output().exists());
}

/// A queue of one trial that judges each evaluation and prunes at the second.
struct Judge(Pruning);

impl Queue for Judge {
    fn next(&mut self) -> Result<Next, Error> {
        self.0.next()
    }

    fn judges(&self) -> bool {
        true
    }

    fn prunes(&mut self, index: usize, trial: &Trial, evaluated: &Evaluated) -> bool {
        // Long enough for a worker that does not wait to end.
        std::thread::sleep(Duration::from_millis(100));
        self.0.prunes(index, trial, evaluated)
    }

    fn finished(&mut self, index: usize, trial: &Trial, outcome: Outcome) -> Result<(), Error> {
        self.0.finished(index, trial, outcome)
    }
}

#[test]
fn a_judged_worker_waits_for_the_judgement_and_a_pruned_run_keeps_what_it_was_judged_by() {
    let script = "for last; do :; done; \
                  echo '{\"event\": \"start\", \"metric\": \"accuracy\", \"larger_is_better\": true, \"target\": 0.9, \"evaluations\": 3}'; \
                  for e in 1 2 3; do echo \"{\\\"event\\\": \\\"evaluated\\\", \\\"step\\\": ${e}0, \\\"epoch\\\": $e, \
                  \\\"training_seconds\\\": $e, \\\"loss\\\": null, \\\"metric\\\": 0.$e}\"; \
                  case \" $* \" in *\" --judged \"*) read -r go;; esac; echo $e >> \"$DIR/epochs\"; done; finish \"$last\"";
    let stage = Stage::new(1, script);
    let trials = trials(1);
    let folder = claim(&stage.output(), &trials).unwrap();
    let mut judge = Judge(Pruning { trial: Some(trials[0].clone()), heard: Vec::new() });
    stage.runner.run_queue(&folder, &mut judge, &mut ()).unwrap();
    assert_eq!(judge.0.heard.last().unwrap(), "4 Pruned");
    assert_eq!(text(&stage.path("epochs")), "1\n", "the worker did not pass the evaluation that ended it");
    let run = RunDirectory::new(folder.run_dir(&trials[0]));
    let rows = run.read_evaluations().unwrap();
    let metrics: Vec<(usize, Option<f64>, Option<f64>)> = rows
        .iter()
        .map(|row| match row {
            Row::Evaluation { step, metric, loss, .. } => (*step, *metric, *loss),
            row => panic!("{row:?}"),
        })
        .collect();
    assert_eq!(metrics, [(10, Some(0.1), None), (20, Some(0.2), None)]);
}

#[test]
fn what_was_evaluated_before_a_checkpoint_belongs_to_a_pruned_run() {
    let evaluated = |step: usize, metric: f64| {
        let score = Score::new(0.5, metric);
        Evaluated { step, epoch: step / 10, training_seconds: 0.0, score }
    };
    let folder = tempfile::tempdir().unwrap();
    let run = RunDirectory::new(folder.path());
    let mut first = Heard::default();
    for (step, metric) in [(10, 0.9), (20, 0.4), (30, 0.5)] {
        first.note(&WorkerEvent::Evaluated(evaluated(step, metric)));
    }
    std::fs::write(folder.path().join("trial.json"), "{}").unwrap();
    first.end_pruned(&run, 30).unwrap();
    // The worker resumes after step 10, and repeats the evaluation after step 20.
    let mut second = Heard::default();
    second.begin(&run);
    second.note(&WorkerEvent::Evaluated(evaluated(20, 0.4)));
    let outcome = second.pruned(20);
    assert_eq!((outcome.best_step, outcome.steps, outcome.epochs), (Some(10), 20, 2));
    assert_eq!(
        (outcome.best_validation.unwrap().metric, outcome.final_validation.unwrap().metric),
        (0.9, 0.4)
    );
    second.end_pruned(&run, 20).unwrap();
    let steps: Vec<usize> = run.read_evaluations().unwrap().iter().map(Row::step).collect();
    assert_eq!(steps, [10, 20]);
}
