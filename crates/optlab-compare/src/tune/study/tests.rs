use super::*;
use crate::made_up;
use crate::plan::entry::{Entry, Stage as Role};
use crate::run::events::Queue;
use crate::run::worker::{Evaluated, Measure, WorkerCommand};
use optlab_stats::search::{Pruner, Sampler};
use optlab_train::train::{Outcome, Score, Status};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A worker in the shell's own words: a learning curve of nine evaluations that depends on the trial alone.
/// Like the real one it waits for the runner after an evaluation, writes the row then, has a checkpoint after
/// some of them, and repeats the evaluations after its checkpoint. Some evaluations are not numbers, and some
/// trials diverge.
const WORKER: &str = r#"
for run; do :; done
mkdir -p "$run/checkpoints"
id=${run##*-}
v=$((0x${id%????????}))
row() {
    m="0.$(printf %05d $(( v * $1 / 9 + v * 7 * $1 % 5000 )))"
    [ $((v % 5)) = 0 ] && [ $1 = 3 ] && m=null
}
echo '{"event": "start", "metric": "accuracy", "larger_is_better": true, "target": null, "evaluations": 9}'
from=0
[ -e "$run/checkpoints/at" ] && read -r from < "$run/checkpoints/at"
# A worker that is killed while it writes leaves an empty file.
from=${from:-0}
: > "$run/history.jsonl"
e=0
while [ $e -lt 9 ]; do
    e=$((e + 1))
    row $e
    if [ $e -gt $from ]; then
        if [ $((v % 7)) = 0 ] && [ $e = 5 ]; then
            printf "$DIVERGED" > "$run/outcome.json"
            exit 0
        fi
        echo "{\"event\": \"evaluated\", \"step\": ${e}0, \"epoch\": $e, \"training_seconds\": $e, \"loss\": 0.5, \"metric\": $m}"
        case " $* " in *" --judged "*) read -r go || exit 1;; esac
    fi
    echo "{\"event\":\"evaluation\",\"step\":${e}0,\"epoch\":$e,\"training_seconds\":$e,\"part\":\"validation\",\"loss\":0.5,\"metric\":$m}" \
        >> "$run/history.jsonl"
    [ $((e % 3)) = 0 ] && echo $e > "$run/checkpoints/at"
done
printf "$GOOD" $m $m $m > "$run/outcome.json"
"#;

/// The number in the made-up outcome that the worker replaces by its own.
const METRIC: f64 = 0.123456;

struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let good = Outcome {
            best_validation: made_up::outcome(METRIC, None).final_validation,
            test: made_up::outcome(METRIC, None).final_validation,
            ..made_up::outcome(METRIC, None)
        };
        let format = |outcome: &Outcome| serde_json::to_string(outcome).unwrap().replace('%', "%%");
        let good = format(&good).replace(&METRIC.to_string(), "%s");
        let diverged = format(&made_up::lost(Status::Diverged, "the loss is NaN at step 50"));
        let script = format!("GOOD='{good}'\nDIVERGED='{diverged}'\n{WORKER}");
        std::fs::write(folder.path().join("worker.sh"), script).unwrap();
        Stage { folder }
    }

    fn runner(&self, jobs: usize) -> Runner {
        let arguments = vec![self.folder.path().join("worker.sh").into()];
        let command = WorkerCommand { program: "/bin/sh".into(), arguments };
        Runner { jobs, is_pinned: false, ..Runner::new(command) }
    }

    /// Runs a study in the folder `name`, and reports to `events`.
    fn run(
        &self,
        name: &str,
        of: (Sampler, Pruner, usize),
        events: &mut dyn RunnerEvents,
    ) -> Result<(), Error> {
        self.run_in(name, of, 1, events)
    }

    fn run_in(
        &self,
        name: &str,
        (sampler, pruner, trials): (Sampler, Pruner, usize),
        jobs: usize,
        events: &mut dyn RunnerEvents,
    ) -> Result<(), Error> {
        let space = "lr=log(1e-4,1e-1),weight_decay=log(1e-4,1)".parse().unwrap();
        self.run_space(name, &Tuning { sampler, pruner, trials, ..of_space(space) }, jobs, events)
    }

    fn run_space(
        &self,
        name: &str,
        tuning: &Tuning,
        jobs: usize,
        events: &mut dyn RunnerEvents,
    ) -> Result<(), Error> {
        let study = study(tuning)?;
        let folder = study.claim(&self.folder.path().join(name), &made_up::invocation(jobs))?;
        study.run(&folder, &self.runner(jobs), events)
    }

    /// Returns the number, the status, the name, and the point and outcome as text of each trial.
    fn results(&self, name: &str) -> Vec<(usize, Status, String, String)> {
        let path = self.folder.path().join(name);
        let result = |entry: Entry| {
            let Role::Tuning { number, .. } = entry.stage else { panic!("{entry:?}") };
            let outcome = folder::read_outcome(&folder::run_dir(&path, &entry.trial), &entry.trial);
            let outcome = outcome.unwrap().expect("an outcome");
            // As text, since a metric that is not a number does not equal itself.
            let rest = serde_json::to_string(&(entry.point, &outcome)).unwrap();
            (number, outcome.status, entry.trial.id(), rest)
        };
        folder::read_all_entries(&path).unwrap().into_iter().map(result).collect()
    }
}

fn study(tuning: &Tuning) -> Result<Study, Error> {
    let plan = Plan {
        workloads: vec!["digits-cnn".into()],
        optimizers: vec!["adamw".parse().unwrap()],
        tuning: tuning.clone(),
        ..Plan::default()
    };
    Study::new(plan, &|workload| Ok(made_up::trial(workload, "adamw", 0)))
}

fn of_space(space: Space) -> Tuning {
    Tuning { spaces: vec![("adamw".into(), space)], ..Tuning::default() }
}

/// Stops a study: with an error after a number of trials, or by a panic at an evaluation, which kills the
/// worker that waits for its judgement.
struct Stop {
    trials: usize,
    evaluations: usize,
}

impl RunnerEvents for Stop {
    fn evaluated(&mut self, _index: usize, _trial: &Trial, _evaluated: &Evaluated) {
        self.evaluations -= 1;
        if self.evaluations == 0 {
            std::panic::resume_unwind(Box::new("stopped"));
        }
    }

    fn finished(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) -> Result<(), Error> {
        self.trials -= 1;
        if self.trials == 0 { Err(Error::usage("stopped")) } else { Ok(()) }
    }
}

const NEVER: usize = usize::MAX;

#[test]
fn a_study_that_was_stopped_or_extended_has_the_same_trials_as_one_in_one_go() {
    let stage = Stage::new();
    for (pruner, sampler) in Pruner::ALL.into_iter().zip([Sampler::Tpe, Sampler::Halton].into_iter().cycle())
    {
        let of = |trials| (sampler, pruner, trials);
        let name = |what: &str| format!("{sampler}-{pruner}-{what}");
        stage.run(&name("whole"), of(18), &mut ()).unwrap();
        let whole = stage.results(&name("whole"));
        assert_eq!(whole.len(), 18);
        let count = |status| whole.iter().filter(|trial| trial.1 == status).count();
        assert_eq!(count(Status::Pruned) > 0, pruner != Pruner::None, "{sampler} {pruner}");
        assert!(count(Status::Diverged) > 0 || pruner != Pruner::None, "{sampler} {pruner}");

        stage.run(&name("longer"), of(11), &mut ()).unwrap();
        stage.run(&name("longer"), of(18), &mut ()).unwrap();
        assert_eq!(stage.results(&name("longer")), whole, "{sampler} {pruner}, 11 then 18");

        // After the first trial, and then at every fifth, sixth and seventh evaluation in turn.
        let stops = std::iter::once((1, NEVER))
            .chain([5, 6, 7].map(|evaluations| (NEVER, evaluations)).into_iter().cycle());
        let is_over = |(trials, evaluations)| {
            let stop = &mut Stop { trials, evaluations };
            let run = || stage.run(&name("stopped"), of(18), stop);
            catch_unwind(AssertUnwindSafe(run)).is_ok_and(|result| result.is_ok())
        };
        let place = stops.take(100).position(is_over).expect("an end");
        assert!(place > 3, "stopped at {place} places");
        assert_eq!(stage.results(&name("stopped")), whole, "{sampler} {pruner}, stopped");
    }
}

#[test]
fn lines_that_were_cut_from_a_study_come_back_with_their_results() {
    let stage = Stage::new();
    let of = (Sampler::Tpe, Pruner::None, 14);
    stage.run("st", of, &mut ()).unwrap();
    let whole = stage.results("st");
    let path = stage.folder.path().join("st/trials.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    // Two in the middle, one of them damaged, and the last three.
    let lines: Vec<String> = text.lines().map(String::from).collect();
    let damaged = lines[5].replacen("\"lr\":0.0", "\"lr\":0.9", 1);
    assert_ne!(damaged, lines[5]);
    let kept = [&lines[..4], &[damaged], &lines[6..11]].concat().join("\n") + "\n";
    std::fs::write(&path, kept).unwrap();
    assert!(folder::read_all_entries(&stage.folder.path().join("st")).is_err());

    struct Notes(Vec<String>, usize);
    impl RunnerEvents for Notes {
        fn noted(&mut self, note: &str) {
            self.0.push(note.into());
        }

        fn started(&mut self, _index: usize, _trial: &Trial, _attempt: usize) {
            self.1 += 1;
        }
    }
    let mut notes = Notes(Vec::new(), 0);
    stage.run("st", of, &mut notes).unwrap();
    assert!(notes.0.len() == 1 && notes.0[0].contains("lacked 5 of the trials"), "{:?}", notes.0);
    assert_eq!(notes.1, 0, "no trial runs again");
    let mut results = stage.results("st");
    results.sort_by_key(|(number, ..)| *number);
    assert_eq!(results, whole);
}

#[test]
fn trials_with_the_same_settings_run_once_also_at_the_same_time() {
    let stage = Stage::new();
    let tuning = of_space("weight_decay=choice(0.1,0.2)".parse().unwrap());
    let tuning = Tuning { trials: 9, sampler: Sampler::Random, ..tuning };
    stage.run_space("st", &tuning, 3, &mut ()).unwrap();
    let results = stage.results("st");
    let mut runs: Vec<&String> = results.iter().map(|(_, _, run, _)| run).collect();
    runs.sort();
    runs.dedup();
    assert_eq!((results.len(), runs.len()), (9, 2));
    let made = std::fs::read_dir(stage.folder.path().join("st/runs")).unwrap().count();
    assert_eq!(made, 2);
}

#[test]
fn a_study_of_another_version_of_its_workload_is_refused() {
    let stage = Stage::new();
    stage.run("st", (Sampler::Halton, Pruner::None, 1), &mut ()).unwrap();
    let path = stage.folder.path().join("st/trials.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let entry: Entry = serde_json::from_str(text.trim()).unwrap();
    let mut other = entry.clone();
    other.trial.workload.version = Some("abc".into());
    std::fs::write(&path, serde_json::to_string(&other).unwrap() + "\n").unwrap();
    let told = stage.run("st", (Sampler::Halton, Pruner::None, 2), &mut ()).unwrap_err().to_string();
    assert!(told.contains("holds trials of version abc of workload `digits-cnn`"), "{told}");
}

#[test]
fn a_trial_is_judged_by_its_evaluations_up_to_the_one_that_its_worker_repeats() {
    let asha = Pruner::Asha { minimum: 1, reduction_factor: 4 };
    let tuning = of_space("weight_decay=log(1e-4,1)".parse().unwrap());
    let study = study(&Tuning { trials: 5, pruner: asha, sampler: Sampler::Halton, ..tuning }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = study.claim(folder.path(), &made_up::invocation(1)).unwrap();
    let mut search = Search::new(&study, &folder).unwrap();
    let metric = made_up::outcome(0.5, None).metric;
    search.begins(0, &Measure { metric, evaluations: 9 });
    let mut judged = |index: usize, step: usize, metric: f64| {
        let score = Score::new(0.5, metric);
        let trial = made_up::trial("digits-cnn", "adamw", 0);
        search.prunes(index, &trial, &Evaluated { step, epoch: 1, training_seconds: 0.0, score })
    };
    assert!(!judged(0, 10, 0.5) && !judged(1, 10, 0.6) && !judged(1, 20, 0.7));
    // The rung after one evaluation, not after two.
    assert!(judged(1, 10, 0.4));
    assert!(judged(2, 10, f64::NAN), "what is not a number is worse than any number");
}
