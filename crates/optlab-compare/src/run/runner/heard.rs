//! The messages of a trial's worker, and the outcome and history that follow from them.

use crate::Error;
use crate::run::worker::{Evaluated, Measure, WorkerEvent};
use optlab_core::Metric;
use optlab_train::train::history::{Part, Row};
use optlab_train::train::{Outcome, RunDirectory, Score, Status};

/// The messages of a worker so far, and the evaluations of the run that it resumed.
#[derive(Debug, Default)]
pub(super) struct Heard {
    measure: Option<Measure>,
    evaluated: Vec<Evaluated>,
    /// Whether the latest worker has made a step.
    pub has_progressed: bool,
}

impl Heard {
    /// Prepares for a worker that resumes the run in `run`: earlier workers' evaluations are in its history.
    pub fn begin(&mut self, run: &RunDirectory) {
        self.has_progressed = false;
        self.evaluated = evaluations(run);
    }

    /// Records a message.
    pub fn note(&mut self, told: &WorkerEvent) {
        self.has_progressed |= matches!(told, WorkerEvent::Step(_) | WorkerEvent::Evaluated(_));
        match told {
            WorkerEvent::Start(measure) => self.measure = Some(measure.clone()),
            WorkerEvent::Step(_) | WorkerEvent::CannotResume { .. } => {}
            WorkerEvent::Evaluated(evaluated) => {
                // A worker repeats the evaluations after the checkpoint that it resumed from.
                self.evaluated.retain(|earlier| earlier.step < evaluated.step);
                self.evaluated.push(evaluated.clone());
            }
        }
    }

    /// Returns the metric; unknown if the worker died before it reported it.
    fn metric(&self) -> Metric {
        self.measure.as_ref().map_or_else(Metric::unknown, |measure| measure.metric.clone())
    }

    /// Returns the outcome of a failed trial. The metric of a worker that died at once may be unknown.
    pub fn failed(&self, reason: String) -> Outcome {
        Outcome::failed(reason, self.metric())
    }

    fn until(&self, step: usize) -> impl DoubleEndedIterator<Item = &Evaluated> {
        self.evaluated.iter().filter(move |evaluated| evaluated.step <= step)
    }

    /// Returns the outcome of a trial that was pruned after `step`. Work done after the pruning decision is
    /// discarded.
    pub fn pruned(&self, step: usize) -> Outcome {
        let direction = self.metric().direction;
        let cost = |it: &Evaluated| Some(direction.cost(it.score.metric)).filter(|cost| !cost.is_nan());
        let latest = self.until(step).next_back();
        // `min_by` returns the first of equal evaluations.
        let best = self.until(step).min_by(|a, b| {
            let [a, b] = [a, b].map(|it| cost(it).unwrap_or(f64::INFINITY));
            a.total_cmp(&b)
        });
        Outcome {
            status: Status::Pruned,
            reason: None,
            steps: step,
            epochs: latest.map_or(0, |latest| latest.epoch),
            training_seconds: latest.map_or(0.0, |latest| latest.training_seconds),
            final_validation: latest.map(|latest| latest.score.clone()),
            best_validation: best.map(|best| best.score.clone()),
            best_step: best.map(|best| best.step),
            ..self.failed(String::new())
        }
    }

    /// Ends the run in `run`, which was pruned after `step`, with the evaluations up to then as its history.
    /// Its worker was stopped before it wrote the last of them, and a search that resumes decides by them
    /// about other trials.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn end_pruned(&self, run: &RunDirectory, step: usize) -> Result<Outcome, Error> {
        let rows: Vec<Row> = self.until(step).map(row).collect();
        run.end_with(&rows, &self.pruned(step))
    }
}

/// Returns the evaluations of the validation part in the history of a run; none if it cannot be read, which
/// its worker reports.
fn evaluations(run: &RunDirectory) -> Vec<Evaluated> {
    let evaluated = |row| match row {
        Row::Evaluation { step, epoch, training_seconds, part: Part::Validation, loss, metric, others } => {
            let [loss, metric] = [loss, metric].map(|value| value.unwrap_or(f64::NAN));
            Some(Evaluated { step, epoch, training_seconds, score: Score { loss, metric, others } })
        }
        _ => None,
    };
    run.read_evaluations().unwrap_or_default().into_iter().filter_map(evaluated).collect()
}

fn row(evaluated: &Evaluated) -> Row {
    let finite = |value: f64| value.is_finite().then_some(value);
    let Evaluated { step, epoch, training_seconds, score } = evaluated;
    let others = score.others.iter().filter_map(|(name, value)| Some((name.clone(), finite(*value)?)));
    Row::Evaluation {
        step: *step,
        epoch: *epoch,
        training_seconds: *training_seconds,
        part: Part::Validation,
        loss: finite(score.loss),
        metric: finite(score.metric),
        others: others.collect(),
    }
}
