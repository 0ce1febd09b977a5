//! What a run does once its loss is not finite: it returns to its last good checkpoint, or looks for the
//! first value that was not finite.

use crate::Error;
use crate::data::Batches;
use crate::diagnosis::{Layout, Trace, Tracer};
use crate::train::checkpoint::{self, Checkpoint, State};
use crate::train::history::{History, Row};
use crate::train::rates::Rates;
use crate::train::run;
use crate::train::step_loop::{Divergence, Training};
use crate::train::{OnDivergence, evaluate, statistics};
use crate::workload::Workload;
use optlab_optim::ModelOptimizer;
use optlab_optim::schedule::Measured;

/// The beginning of the rest of a run: a checkpoint, or its start.
struct Beginning<M> {
    model: M,
    optimizers: Vec<ModelOptimizer>,
    state: State,
}

impl<W: Workload> Training<'_, W> {
    /// Returns to the newest checkpoint whose parameters are finite, or to the start, with a smaller learning
    /// rate, and returns the model there. `None` if the run is to end.
    ///
    /// A run that is killed after it has returned, and before its next checkpoint, diverges and returns once
    /// more when it is resumed: nothing about it needs to be saved.
    ///
    /// # Errors
    /// Checkpoints that cannot be read; a history that cannot be written.
    pub(super) fn roll_back(&mut self, divergence: &Divergence) -> Result<Option<W::Model>, Error> {
        let OnDivergence::Rollback { retries, .. } = self.trial.recipe.on_divergence else {
            return Ok(None);
        };
        if self.state.rollbacks >= retries {
            return Ok(None);
        }
        self.finish_saving()?;
        self.history.flush()?;
        // The loss of the step after a checkpoint is that of its parameters, whatever the rate: if it is not
        // finite, that checkpoint is not good.
        let Beginning { model, optimizers, state } = self.beginning(self.state.step.saturating_sub(2))?;
        let from = self.state.step;
        self.rates = Rates::of(&self.trial.schedule, optimizers[0].groups(), self.length)?;
        if state.step > 0 {
            self.rates.load_state(&state.schedule)?;
        }
        self.optimizers = optimizers;
        let path = self.options.directory.history();
        self.history = History::resume(&path, state.step, state.history.as_ref())?;
        self.state = State {
            // The time of steps that were made in vain counts.
            clock: self.state.clock,
            rollbacks: self.state.rollbacks + 1,
            checkpoint_every: self.state.checkpoint_every,
            schedule: self.rates.state(),
            ..state
        };
        self.unread.clear();
        self.unwritten_rows.clear();
        let (step, lr_factor) = (self.state.step, self.lr_factor());
        let reason = divergence.0.clone();
        self.history.append(&Row::Rollback { step, from, lr_factor, reason: reason.clone() })?;
        self.observer.rollback(from, step, lr_factor, &reason);
        Ok(Some(model))
    }

    /// Returns the factor of the learning rate after the returns so far.
    pub(super) fn lr_factor(&self) -> f64 {
        match self.trial.recipe.on_divergence {
            OnDivergence::Stop => 1.0,
            OnDivergence::Rollback { factor, .. } => factor.powi(self.state.rollbacks as i32),
        }
    }

    /// Loads the newest checkpoint of this run up to `step` whose parameters are finite; without one the
    /// start of the run.
    fn beginning(&self, step: usize) -> Result<Beginning<W::Model>, Error> {
        let Training { workload, trial, parts, training_device, .. } = self;
        let fresh = || workload.model(&parts.facts, trial.seed, training_device);
        let mut optimizers = run::optimizers(*workload, trial, self.length)?;
        let checkpoints = self.options.directory.checkpoints();
        for saved in checkpoint::steps(&checkpoints)?.into_iter().rev().filter(|&saved| saved <= step) {
            // A damaged checkpoint, or another trial's, is as good as none.
            let Ok(checkpoint) = Checkpoint::at(&checkpoints, saved) else { continue };
            if !checkpoint.trial()?.is_same_as(trial) {
                continue;
            }
            let model = checkpoint.load_model(fresh()?)?;
            if Layout::of(&model).parameters(&model).iter().all(|value| value.is_finite()) {
                checkpoint.load_optimizers(&mut optimizers, &model, &self.device)?;
                return Ok(Beginning { model, optimizers, state: checkpoint.state()? });
            }
        }
        Ok(Beginning { model: fresh()?, optimizers, state: State::default() })
    }

    /// Makes the steps since the last good checkpoint again, and returns the first value that was not finite;
    /// `None` if all were, as on a device whose results differ from time to time.
    ///
    /// # Errors
    /// Checkpoints or data that cannot be read.
    pub(super) fn trace(&self) -> Result<Option<Trace>, Error> {
        let Training { workload, trial, parts, training_device, .. } = self;
        let last = self.state.step;
        // At least one step before the last, whose values are shown beside.
        let Beginning { mut model, mut optimizers, state } = self.beginning(last.saturating_sub(2))?;
        let rates = Rates::of(&trial.schedule, optimizers[0].groups(), self.length)?;
        if state.step > 0 {
            rates.load_state(&state.schedule)?;
        }
        let sizes = self.batches.sizes();
        let mut batches = Batches::of_run(&*parts.train, sizes.clone(), trial.seed);
        let mut tracer = Tracer::new(*workload, &parts.facts, trial, training_device);
        for step in state.step..last {
            let rates_here = rates.at(step).times(self.lr_factor());
            let (moved, trace) =
                tracer.step(step, &mut batches, &mut optimizers, rates_here.for_optimizer(), model)?;
            if trace.is_some() {
                return Ok(trace);
            }
            model = moved;
            if sizes.is_end(step + 1) && !parts.validation.is_empty() {
                let subject = (*trial, sizes.of_step(0));
                let evaluated =
                    statistics::evaluated(*workload, subject, &optimizers, &model, parts, training_device)?;
                let score = tracer.evaluation(step, sizes, || {
                    evaluate(*workload, &evaluated, &*parts.validation, &parts.facts, &self.device)
                })?;
                match score {
                    Err(trace) => return Ok(Some(trace)),
                    Ok(Some(score)) => {
                        let measured = Measured { loss: score.loss, metric: Some(score.metric) };
                        rates.observe(step, measured);
                    }
                    Ok(None) => {}
                }
            }
        }
        Ok(None)
    }
}
