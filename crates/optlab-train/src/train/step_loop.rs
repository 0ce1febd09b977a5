//! The training loop. Comparisons depend on its clock, its determinism and its exact resume.

use crate::Error;
use crate::data::{Batches, ExampleSet};
use crate::diagnosis::Probe;
use crate::train::batch_evaluation::BatchEvaluation;
use crate::train::checkpoint::{Best, State};
use crate::train::evaluate::evaluate;
use crate::train::history::{History, Part, Row};
use crate::train::observer::{EpochReport, Observer};
use crate::train::rates::{Rates, StepRates};
use crate::train::snapshot::{Saver, Snapshot};
use crate::train::statistics;
use crate::train::{Outcome, RunOptions, Score, TargetReached, Trial};
use crate::workload::{Parts, Workload};
use burn::tensor::{Device, Tensor};
use optlab_optim::schedule::{self, Measured};
use optlab_optim::{GradientNorm, ModelOptimizer};
use std::time::Instant;

/// The largest number of steps between writes to the history.
const STEPS_BETWEEN_WRITES: usize = 100;

/// Number of steps in a row that are skipped because their gradients are not finite, after which the run has
/// diverged.
const MOST_SKIPPED_IN_A_ROW: usize = 100;

/// The measurements of a step, which a device may still be computing.
pub(super) struct Unread {
    step: usize,
    rates: StepRates,
    loss: Tensor<1>,
    /// Number of examples in the batch.
    examples: usize,
    gradient_norm: Option<GradientNorm>,
    skipped: bool,
}

/// The reason why a run diverged.
pub(super) struct Divergence(pub String);

/// A run in progress.
pub(super) struct Training<'a, W: Workload> {
    pub workload: &'a W,
    pub trial: &'a Trial,
    pub options: &'a RunOptions,
    pub observer: &'a mut dyn Observer,
    pub parts: &'a Parts<W::Batch, W::Facts>,
    pub batches: Batches<'a, W::Batch>,
    pub rates: Rates,
    pub length: schedule::Run,
    pub total_steps: usize,
    pub device: Device,
    pub training_device: Device,
    pub reads_losses_at_once: usize,
    /// One for each turn of a step.
    pub optimizers: Vec<ModelOptimizer>,
    pub state: State,
    pub history: History,
    pub saver: Saver,
    pub unread: Vec<Unread>,
    pub unwritten_rows: Vec<Row>,
}

impl<W: Workload> Training<'_, W> {
    /// Makes all remaining steps and returns the outcome.
    pub fn run(&mut self, mut model: W::Model) -> Result<Outcome, Error> {
        let mut divergence = None;
        let mut is_first_step = true;
        let mut interrupted = false;
        while self.state.step < self.total_steps && !self.state.stopped_early && divergence.is_none() {
            if interrupted {
                self.save(&model, None)?;
                self.finish_saving()?;
                return Err(Error::Interrupted {
                    step: self.state.step,
                    directory: self.options.directory.path().into(),
                });
            }
            let pause = self.next_pause(is_first_step);
            let began = Instant::now();
            let first = self.state.step;
            while self.state.step < pause && divergence.is_none() && !interrupted {
                model = self.step(model)?;
                interrupted = self.observer.interrupts();
                if self.unread.len() >= self.reads_losses_at_once {
                    divergence = self.read_losses();
                }
            }
            if divergence.is_none() {
                divergence = self.read_losses();
            }
            self.synchronize()?;
            let seconds = began.elapsed().as_secs_f64();
            if is_first_step {
                self.state.clock.first_step_seconds += if first == 0 { seconds } else { 0.0 };
                is_first_step = false;
            } else {
                self.state.clock.training_seconds += seconds;
                self.state.clock.timed_steps += self.state.step - first;
            }
            self.write_rows()?;
            if divergence.is_none() {
                divergence = self.pause(&model)?;
            }
            self.history.flush()?;
            if let Some(reason) = &divergence
                && let Some(earlier) = self.roll_back(reason)?
            {
                model = earlier;
                divergence = None;
            }
        }
        self.finish(model, divergence)
    }

    /// Returns the step after which the clock stops: at the end of the epoch, for a checkpoint, to write
    /// rows, or after the first step, which is timed separately.
    fn next_pause(&self, is_first_step: bool) -> usize {
        let next_multiple = |of: usize| (self.state.step / of + 1).saturating_mul(of);
        let sizes = self.batches.sizes();
        let mut pause = self.total_steps.min(sizes.steps_of(sizes.epoch_of(self.state.step)).end);
        pause = pause.min(next_multiple(STEPS_BETWEEN_WRITES));
        if let Some(every) = self.state.checkpoint_every {
            pause = pause.min(next_multiple(every));
        }
        if is_first_step { self.state.step + 1 } else { pause }
    }

    fn step(&mut self, model: W::Model) -> Result<W::Model, Error> {
        let step = self.state.step;
        let rates = self.rates.at(step).times(self.lr_factor());
        let skipped = self.skipped_steps();
        let (batches, device) = (&mut self.batches, &self.training_device);
        let (workload, facts, trial) = (self.workload, &self.parts.facts, self.trial);
        let due = trial.recipe.diagnose.and_then(|diagnose| diagnose.due(step + 1));
        let (model, loss) = match due {
            None => {
                let mut evaluation = BatchEvaluation::of_step(workload, facts, trial, step, batches, device)?;
                let made = evaluation.make_turns(&mut self.optimizers, rates.for_optimizer(), model);
                evaluation.check()?;
                made
            }
            Some(due) => {
                let probe = Probe { workload, facts, trial, device };
                let optimizers = &mut self.optimizers;
                let made = probe.step(step, due, batches, optimizers, rates.for_optimizer(), model)?;
                self.unwritten_rows.push(Row::Diagnosis(made.diagnosis));
                (made.model, made.loss)
            }
        };
        self.state.step += 1;
        self.unread.push(Unread {
            step: self.state.step,
            rates,
            loss,
            examples: self.batches.batch_len(step),
            gradient_norm: self.optimizers[0].gradient_norm(),
            skipped: self.skipped_steps() > skipped,
        });
        Ok(model)
    }

    pub(super) fn skipped_steps(&self) -> u64 {
        self.optimizers.iter().map(ModelOptimizer::skipped_steps).sum()
    }

    /// Reads the losses of the latest steps from the device, and returns a divergence if there is one.
    fn read_losses(&mut self) -> Option<Divergence> {
        for Unread { step, rates, loss, examples, gradient_norm, skipped } in std::mem::take(&mut self.unread)
        {
            let loss = f64::from(loss.into_scalar::<f32>());
            let finite = loss.is_finite().then_some(loss);
            self.state.training_loss.first = self.state.training_loss.first.or(finite);
            let gradient_norm = gradient_norm.map(|norm| norm.value()).filter(|norm| norm.is_finite());
            let StepRates { base: lr, by_group: group_lr, .. } = rates;
            if self.options.records_steps {
                let row = Row::Step { step, loss: finite, lr, group_lr, gradient_norm, skipped };
                self.unwritten_rows.push(row);
            }
            self.observer.step(step, loss);
            self.state.skipped_in_a_row = if skipped { self.state.skipped_in_a_row + 1 } else { 0 };
            if skipped && self.state.skipped_in_a_row < MOST_SKIPPED_IN_A_ROW {
                // The mean of the epoch leaves out a loss that is not finite.
                finite.into_iter().for_each(|loss| self.state.epoch_loss.add(loss, examples));
                continue;
            }
            self.state.epoch_loss.add(loss, examples);
            let reason = match (skipped, finite) {
                (true, _) => {
                    format!(
                        "the gradients of {MOST_SKIPPED_IN_A_ROW} steps in a row were not finite, up to step {step}"
                    )
                }
                (false, None) => format!("the loss is {loss} at step {step}"),
                (false, Some(_)) => continue,
            };
            self.state.step = step;
            self.unwritten_rows.retain(|row| row.step() <= step);
            return Some(Divergence(reason));
        }
        None
    }

    fn write_rows(&mut self) -> Result<(), Error> {
        self.unwritten_rows.drain(..).try_for_each(|row| self.history.append(&row))
    }

    fn synchronize(&self) -> Result<(), Error> {
        self.device.sync().map_err(|error| Error::NoDevice {
            backend: self.trial.backend.clone(),
            reason: format!("it stopped answering: {error:?}"),
        })
    }

    /// Evaluates, reports and saves between steps, while the clock is stopped.
    fn pause(&mut self, model: &W::Model) -> Result<Option<Divergence>, Error> {
        let step = self.state.step;
        let mut is_best = false;
        // Computed once for the evaluation and the checkpoint. It must not outlive this pause: the optimizer
        // moves tensors in place that only it holds.
        let mut evaluated = None;
        if self.batches.sizes().is_end(step) || step == self.total_steps {
            let score = self.validate(model, &mut evaluated)?;
            let divergence = score
                .as_ref()
                .filter(|score| !score.loss.is_finite())
                .map(|score| Divergence(format!("the validation loss is {} after step {step}", score.loss)));
            if divergence.is_some() {
                return Ok(divergence);
            }
            is_best = score.as_ref().is_some_and(|score| self.observe(score));
            let measured = score.as_ref().map(|score| (score.loss, score.metric));
            let train_loss = self.report_epoch(score, is_best)?;
            // Without a validation part only the training loss is known.
            let measured =
                measured.map_or(train_loss.into(), |(loss, metric)| Measured { loss, metric: Some(metric) });
            self.rates.observe(step - 1, measured);
            self.state.schedule = self.rates.state();
        }
        let is_due = self.state.checkpoint_every.is_some_and(|every| step.is_multiple_of(every));
        if is_best || is_due || step == self.total_steps || self.state.stopped_early {
            self.save(model, evaluated)?;
        }
        Ok(None)
    }

    /// Evaluates the validation part, and puts the model that it used into `evaluated`.
    fn validate(&self, model: &W::Model, evaluated: &mut Option<W::Model>) -> Result<Option<Score>, Error> {
        if self.parts.validation.is_empty() {
            return Ok(None);
        }
        let model = evaluated.insert(self.evaluated(model)?);
        self.evaluate(model, &*self.parts.validation, "validation")
    }

    /// Returns the model to evaluate while training continues.
    pub(super) fn evaluated(&self, model: &W::Model) -> Result<W::Model, Error> {
        let Training { workload, trial, optimizers, parts, training_device, .. } = self;
        let batch_size = self.batches.sizes().of_step(0);
        statistics::evaluated(*workload, (*trial, batch_size), optimizers, model, parts, training_device)
    }

    /// Evaluates a part. Trials are judged by the first measure, so it must be defined there.
    pub(super) fn evaluate(
        &self,
        model: &W::Model,
        part: &dyn ExampleSet<W::Batch>,
        name: &str,
    ) -> Result<Option<Score>, Error> {
        let score = evaluate(self.workload, model, part, &self.parts.facts, &self.device)?;
        match &score {
            Some(score) if score.metric.is_nan() && score.loss.is_finite() => {
                let info = self.workload.info();
                let reason = format!(
                    "measure `{}` is not defined on the {} examples of the {name} part; judge by another \
                     measure, or hold out other examples",
                    info.metric().name,
                    part.len()
                );
                Err(Error::Workload { workload: info.name, reason })
            }
            _ => Ok(score),
        }
    }

    /// Records an evaluation of the validation part, and returns whether it is the best so far.
    fn observe(&mut self, score: &Score) -> bool {
        let metric = self.workload.info().metric();
        let step = self.state.step;
        let is_best = self.state.best.as_ref().is_none_or(|best| {
            let (new, old) = (score.metric, best.score.metric);
            // Between equal metrics the smaller loss is better.
            if new == old { score.loss < best.score.loss } else { metric.direction.is_better(new, old) }
        });
        if is_best {
            self.state.best = Some(Best { step, score: score.clone() });
        }
        if self.state.target_reached.is_none() && metric.reaches_target(score.metric) {
            let training_seconds = self.state.clock.training_seconds;
            self.state.target_reached = Some(TargetReached { step, training_seconds });
        }
        if let Some(patience) = self.trial.recipe.early_stopping {
            self.state.stopped_early = self.state.early_stopping.observe(score.loss, patience);
        }
        self.state.latest = Some(score.clone());
        is_best
    }

    /// Reports the end of an epoch, and returns its mean training loss; NaN if every step was skipped for a
    /// loss that was not finite.
    fn report_epoch(&mut self, validation: Option<Score>, is_best: bool) -> Result<f64, Error> {
        let step = self.state.step;
        let report = EpochReport {
            epoch: self.batches.sizes().epochs_begun(step),
            step,
            train_loss: std::mem::take(&mut self.state.epoch_loss).mean().unwrap_or(f64::NAN),
            validation,
            lr: self.rates.at(step - 1).base * self.lr_factor(),
            training_seconds: self.state.clock.training_seconds,
            is_best,
        };
        let train_loss = report.train_loss;
        if !train_loss.is_nan() {
            self.state.training_loss.observe_epoch(train_loss);
        }
        self.write_evaluation(Part::Train, train_loss, None)?;
        if let Some(score) = &report.validation {
            self.write_evaluation(Part::Validation, score.loss, Some(score))?;
        }
        self.observer.epoch(&report);
        Ok(train_loss)
    }

    pub(super) fn write_evaluation(
        &mut self,
        part: Part,
        loss: f64,
        score: Option<&Score>,
    ) -> Result<(), Error> {
        let finite = |value: f64| value.is_finite().then_some(value);
        let others = score.into_iter().flat_map(|score| &score.others);
        self.history.append(&Row::Evaluation {
            step: self.state.step,
            epoch: self.batches.sizes().epochs_begun(self.state.step),
            training_seconds: self.state.clock.training_seconds,
            part,
            loss: finite(loss),
            metric: score.and_then(|score| finite(score.metric)),
            others: others.filter_map(|(name, value)| Some((name.clone(), finite(*value)?))).collect(),
        })
    }

    /// Saves a checkpoint; `evaluated` is the model to evaluate, if it is known already.
    fn save(&mut self, model: &W::Model, evaluated: Option<W::Model>) -> Result<(), Error> {
        let began = Instant::now();
        self.state.history = Some(self.history.synchronize()?);
        let is_other = self.optimizers.iter().any(ModelOptimizer::has_evaluation_mode);
        let evaluated = match evaluated.filter(|_| is_other) {
            None if is_other => Some(self.evaluated(model)?),
            known => known,
        };
        let snapshot = Snapshot::take(self.trial, &self.state, model, evaluated.as_ref(), &self.optimizers)?;
        let saved = self.saver.save(snapshot)?;
        saved.iter().for_each(|saved| self.observer.checkpoint(saved.path()));
        if self.options.records_steps {
            let pause_seconds = began.elapsed().as_secs_f64();
            self.history.append(&Row::Checkpoint { step: self.state.step, pause_seconds })?;
        }
        Ok(())
    }

    /// Waits until all checkpoints are written.
    pub(super) fn finish_saving(&mut self) -> Result<(), Error> {
        let saved = self.saver.wait()?;
        saved.iter().for_each(|saved| self.observer.checkpoint(saved.path()));
        Ok(())
    }
}
