//! The end of a run: the test part, the first value that was not finite, the outcome.

use crate::Error;
use crate::train::checkpoint::{Checkpoint, State};
use crate::train::history::Part;
use crate::train::step_loop::{Divergence, Training};
use crate::train::{Outcome, Score, Status, environment};
use crate::workload::Workload;

impl<W: Workload> Training<'_, W> {
    /// Evaluates the test part and returns the outcome.
    pub(super) fn finish(
        &mut self,
        model: W::Model,
        divergence: Option<Divergence>,
    ) -> Result<Outcome, Error> {
        self.finish_saving()?;
        let test = if divergence.is_none() { self.test(&model)? } else { None };
        let trace = match divergence.is_some() && self.options.traces_divergence {
            true => self.trace()?,
            false => None,
        };
        let history = self.history.synchronize()?;
        let info = self.workload.info();
        let State { step, clock, latest, best, target_reached, stopped_early, .. } = self.state.clone();
        let State { training_loss, rollbacks, .. } = self.state;
        let status = match (&divergence, stopped_early) {
            (Some(_), _) => Status::Diverged,
            (None, true) => Status::StoppedEarly,
            (None, false) => Status::Completed,
        };
        Ok(Outcome {
            status,
            reason: divergence.map(|Divergence(reason)| reason),
            steps: step,
            epochs: self.batches.sizes().epochs_begun(step),
            training_seconds: clock.training_seconds,
            first_step_seconds: clock.first_step_seconds,
            step_milliseconds: (clock.timed_steps > 0)
                .then(|| clock.training_seconds / clock.timed_steps as f64 * 1e3),
            metric: info.metric(),
            target_reached,
            final_validation: latest,
            best_step: best.as_ref().map(|best| best.step),
            best_validation: best.map(|best| best.score),
            test,
            skipped_steps: self.skipped_steps(),
            peak_memory_bytes: environment::peak_memory(),
            waiting_share: environment::waiting_share(),
            training_loss: Some(training_loss),
            trace,
            rollbacks,
            history: Some(history),
        })
    }

    /// Evaluates the test part, with the best checkpoint if there is one, else with the current model.
    fn test(&mut self, model: &W::Model) -> Result<Option<Score>, Error> {
        let model = match &self.state.best {
            Some(best) if best.step != self.state.step => {
                let checkpoint = Checkpoint::at(&self.options.directory.checkpoints(), best.step)?;
                let model = self.workload.model(&self.parts.facts, self.trial.seed, &self.device)?;
                checkpoint.load_evaluated(model)?
            }
            _ => self.evaluated(model)?,
        };
        let score = self.evaluate(&model, &*self.parts.test, "test")?;
        if let Some(score) = &score {
            self.write_evaluation(Part::Test, score.loss, Some(score))?;
        }
        Ok(score)
    }
}
