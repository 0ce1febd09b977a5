//! Evaluates one step's batch for an optimizer: loss and gradients, any number of times.

use crate::Error;
use crate::data::Batches;
use crate::diagnosis::{Gradients, Layout};
use crate::nn::{Mode, largest_scores};
use crate::train::{Trial, input_gradient};
use crate::workload::Workload;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use optlab_core::random::{Purpose, stream};
use optlab_optim::{Evaluate, LearningRates, ModelOptimizer, StatisticsAverage};
use rand::Rng;

/// The batch of a step, and the workload to evaluate on it.
pub(crate) struct BatchEvaluation<'a, W: Workload> {
    workload: &'a W,
    facts: &'a W::Facts,
    /// The micro-batches with their numbers of examples; one if the batch goes through the model at once.
    parts: Vec<(W::Batch, usize)>,
    /// Number of examples of all parts.
    len: usize,
    seed: u64,
    step: u64,
    /// The weight of the penalty on input gradients.
    penalty: f64,
    /// The largest score of attention after whose excess queries and keys are scaled.
    qk_clip: Option<f64>,
    /// Whether the workload cannot say what that penalty needs.
    lacks_penalty: bool,
    /// The turn of the step whose loss and gradients are evaluated.
    turn: usize,
    /// The shape of a loss that was not one number.
    wrong_shape: Option<[usize; 1]>,
    /// Reads the gradients of the first evaluation, if there is one.
    watcher: Option<GradientWatcher<'a>>,
}

/// Reads the gradients that an optimizer asks for first, as the trained tensors of a model are laid out.
pub(crate) struct GradientWatcher<'a> {
    pub layout: &'a Layout,
    /// The gradients of the step; those of several turns together.
    pub read: Option<Gradients>,
    /// The turn after the latest that was read.
    next_turn: usize,
}

impl<'a> GradientWatcher<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        GradientWatcher { layout, read: None, next_turn: 0 }
    }

    fn see<M: Module>(&mut self, turn: usize, model: &M, gradients: &GradientsParams) {
        if turn < self.next_turn {
            return;
        }
        self.next_turn = turn + 1;
        let new = self.layout.gradients(model, gradients);
        match &mut self.read {
            None => self.read = Some(new),
            Some(read) => read.add(&new),
        }
    }
}

impl<'a, W: Workload> BatchEvaluation<'a, W> {
    /// Prepares step `step` of a trial whose model is on `device`.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn of_step(
        workload: &'a W,
        facts: &'a W::Facts,
        trial: &Trial,
        step: usize,
        batches: &mut Batches<'_, W::Batch>,
        device: &Device,
    ) -> Result<Self, Error> {
        // For models that use the backend's own generator, as Burn's dropout does.
        let size = trial.recipe.micro_batch_size.unwrap_or(usize::MAX);
        Self::in_parts(workload, facts, trial, step, batches, device, size)
    }

    /// Prepares step `step`, whose batch goes through the model in parts of at most `size` examples.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn in_parts(
        workload: &'a W,
        facts: &'a W::Facts,
        trial: &Trial,
        step: usize,
        batches: &mut Batches<'_, W::Batch>,
        device: &Device,
        size: usize,
    ) -> Result<Self, Error> {
        device.seed(stream(trial.seed, Purpose::Backend, step as u64).next_u64());
        let parts = batches.parts(step, size, device)?;
        let len = parts.iter().map(|(_, len)| len).sum();
        let (seed, step) = (trial.seed, step as u64);
        let penalty = trial.recipe.input_gradient_penalty;
        Ok(BatchEvaluation {
            workload,
            facts,
            parts,
            len,
            seed,
            step,
            turn: 0,
            penalty,
            qk_clip: trial.recipe.qk_clip,
            lacks_penalty: false,
            wrong_shape: None,
            watcher: None,
        })
    }

    /// Returns this evaluation, which shows its gradients to `watcher`.
    pub fn watched_by(self, watcher: GradientWatcher<'a>) -> Self {
        BatchEvaluation { watcher: Some(watcher), ..self }
    }

    /// Returns the gradients that were read since.
    pub fn take_gradients(&mut self) -> Option<Gradients> {
        self.watcher.take()?.read
    }

    /// Returns the gradients of the first turn at `model`, with the random numbers that the step had.
    pub fn gradients_again(&mut self, model: &W::Model, layout: &Layout, device: &Device) -> Gradients {
        device.seed(stream(self.seed, Purpose::Backend, self.step).next_u64());
        self.turn = 0;
        let (_, gradients) = self.evaluate(model);
        layout.gradients(model, &gradients)
    }

    /// Returns the gradients of each part at `model`, with its number of examples.
    pub fn gradients_of_parts(&self, model: &W::Model, layout: &Layout) -> Vec<(Vec<f32>, usize)> {
        let of_part = |(number, (part, len)): (usize, &(W::Batch, usize))| {
            let (_, gradients) = self.workload.gradients(0, model, part, self.facts, self.mode(number));
            (layout.gradients(model, &gradients).values, *len)
        };
        self.parts.iter().enumerate().map(of_part).collect()
    }

    /// Makes the update of each turn with its optimizer, and returns the model and the sum of the turns'
    /// losses. With `qk_clip`, the scores of attention of the model are clipped after them.
    pub fn make_turns<'r>(
        &mut self,
        optimizers: &mut [ModelOptimizer],
        rates: impl Into<LearningRates<'r>>,
        model: W::Model,
    ) -> (W::Model, Tensor<1>) {
        let rates = rates.into();
        match self.qk_clip {
            None => self.make_turns_unclipped(optimizers, rates, model),
            Some(threshold) => {
                let ((model, loss), largest) =
                    largest_scores(|| self.make_turns_unclipped(optimizers, rates, model));
                (self.workload.with_clipped_scores(model, largest, threshold), loss)
            }
        }
    }

    fn make_turns_unclipped(
        &mut self,
        optimizers: &mut [ModelOptimizer],
        rates: LearningRates<'_>,
        mut model: W::Model,
    ) -> (W::Model, Tensor<1>) {
        let mut sum: Option<Tensor<1>> = None;
        for (turn, optimizer) in optimizers.iter_mut().enumerate() {
            self.turn = turn;
            let (moved, loss) = optimizer.step_with(rates, model, self);
            model = moved;
            sum = Some(match sum {
                None => loss,
                Some(sum) => sum + loss,
            });
        }
        (model, sum.expect("a step has at least one turn"))
    }

    /// Adds the statistics of the batch, or of each micro-batch, to `average`, if it has `len` examples.
    pub fn add_statistics(&self, len: usize, average: &mut StatisticsAverage<W::Model>) {
        for (number, (part, of_part)) in self.parts.iter().enumerate() {
            if *of_part == len {
                let mode = self.mode(number);
                average.pass(|model| self.workload.pass_forward(model, part, self.facts, mode));
            }
        }
    }

    /// Returns the mode of micro-batch `number`; each has its own dropout masks.
    fn mode(&self, number: usize) -> Mode {
        Mode::Train { seed: self.seed.wrapping_add((number as u64) << 40), step: self.step }
    }

    /// Checks that every loss was one number, and that the workload can do what the recipe asks for.
    ///
    /// # Errors
    /// [`Workload`](Error::Workload) naming the shape or the penalty.
    pub fn check(&self) -> Result<(), Error> {
        if self.lacks_penalty {
            return Err(Error::Workload {
                workload: self.workload.info().name,
                reason: "it has no gradient with respect to its inputs, which `input_gradient_penalty` needs"
                    .into(),
            });
        }
        match self.wrong_shape {
            None => Ok(()),
            Some(shape) => Err(Error::Workload {
                workload: self.workload.info().name,
                reason: format!("its loss has the shape {shape:?}; a loss is one number, such as a mean"),
            }),
        }
    }

    /// Returns the batch mean of the loss and its gradients; `of_part` returns both for a part.
    fn mean(
        &mut self,
        model: &W::Model,
        mut of_part: impl FnMut(&W, &W::Batch, Mode) -> (Tensor<1>, GradientsParams),
    ) -> (Tensor<1>, GradientsParams) {
        let mut sum: Option<Tensor<1>> = None;
        let mut gradients = GradientsAccumulator::new();
        for (number, (part, len)) in self.parts.iter().enumerate() {
            let (loss, of_part) = of_part(self.workload, part, self.mode(number));
            if loss.dims() != [1] {
                self.wrong_shape = Some(loss.dims());
            }
            if *len == self.len {
                return (loss, of_part);
            }
            let share = *len as f64 / self.len as f64;
            gradients.accumulate(model, scaled(model, of_part, share));
            let loss = loss.mul_scalar(share);
            sum = Some(sum.map_or(loss.clone(), |sum| sum + loss));
        }
        (sum.expect("a batch has examples"), gradients.grads())
    }
}

/// Returns `gradients` times `factor`.
fn scaled<M: Module>(model: &M, gradients: GradientsParams, factor: f64) -> GradientsParams {
    struct Scale {
        gradients: GradientsParams,
        factor: f64,
    }
    impl ModuleVisitor for Scale {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.remove::<D>(param.id) {
                self.gradients.register(param.id, gradient.mul_scalar(self.factor));
            }
        }
    }
    let mut scale = Scale { gradients, factor };
    model.visit(&mut scale);
    scale.gradients
}

impl<W: Workload> Evaluate<W::Model> for BatchEvaluation<'_, W> {
    type Measured = Tensor<1>;

    fn evaluate(&mut self, model: &W::Model) -> (Tensor<1>, GradientsParams) {
        let (turn, facts) = (self.turn, self.facts);
        let (penalty, mut lacks_penalty) = (self.penalty, false);
        let (loss, gradients) = self.mean(model, |workload, part, mode| {
            let (loss, gradients) = workload.gradients(turn, model, part, facts, mode);
            if penalty == 0.0 || lacks_penalty {
                return (loss, gradients);
            }
            let score = |model: &W::Model, rows| workload.sum_of_log_probabilities(model, rows, facts, mode);
            let rows = workload.rows(part).map(|rows| &rows.inputs);
            match rows.and_then(|rows| input_gradient::of_batch(model, rows, penalty, score)) {
                Some((_, of_penalty)) => {
                    let mut sum = GradientsAccumulator::new();
                    sum.accumulate(model, gradients);
                    sum.accumulate(model, of_penalty);
                    (loss, sum.grads())
                }
                None => {
                    lacks_penalty = true;
                    (loss, gradients)
                }
            }
        });
        self.lacks_penalty |= lacks_penalty;
        if let Some(watcher) = &mut self.watcher {
            watcher.see(turn, model, &gradients);
        }
        (loss, gradients)
    }

    fn evaluate_sampled(&mut self, model: &W::Model) -> Option<(GradientsParams, usize)> {
        let mut random = stream(self.seed, Purpose::Labels, self.step);
        let facts = self.facts;
        let mut is_supported = true;
        let (_, gradients) = self.mean(model, |workload, part, mode| {
            let loss = workload.sampled_loss(model, part, facts, mode, &mut random).unwrap_or_else(|| {
                is_supported = false;
                workload.loss(model, part, facts, mode)
            });
            (loss.clone().inner(), GradientsParams::from_grads(loss.backward(), model))
        });
        is_supported.then_some((gradients, self.len))
    }
}
