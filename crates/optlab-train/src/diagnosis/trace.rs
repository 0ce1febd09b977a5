//! Finds the first value of a training that is not finite.

use crate::Error;
use crate::data::{BatchSizes, Batches};
use crate::diagnosis::flat::Layout;
use crate::nn::tap::{self, Largest};
use crate::train::batch_evaluation::{BatchEvaluation, GradientWatcher};
use crate::train::{Score, Trial};
use crate::workload::Workload;
use burn::tensor::Device;
use optlab_optim::{LearningRates, ModelOptimizer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first value of a run that was not finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The step in which it was computed, counted from 1.
    pub step: usize,
    /// The epoch of the step, counted from 1.
    pub epoch: usize,
    /// The batch of the step in its epoch, counted from 1.
    pub batch: usize,
    /// What was not finite.
    pub what: NotFinite,
    /// The largest absolute values of the step before it, the largest first: results inside the model,
    /// gradients and parameters.
    pub before: Vec<LargestValue>,
}

/// A result of a training that is not finite. Later ones follow from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFinite {
    /// A result inside the model, in the forward pass of a training step, by its tap.
    Activation(String),
    /// The loss, after results that were finite.
    Loss,
    /// The gradient of a tensor, in the backward pass: the first one on the way back from the loss.
    Gradient(String),
    /// A parameter after the optimizer moved it by a finite gradient.
    Parameter(String),
    /// A result inside the model, or the loss, in the evaluation of the validation part.
    Evaluation(String),
}

/// The largest absolute value of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LargestValue {
    /// What it is the largest of: "conv_1", "gradient of dense.weight".
    pub name: String,
    /// The value.
    pub value: f64,
}

/// Number of largest values that are kept.
const KEPT: usize = 5;

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotFinite::Activation(name) => write!(f, "the result of `{name}` in the forward pass"),
            NotFinite::Loss => f.write_str("the loss, after finite outputs of the model"),
            NotFinite::Gradient(path) => write!(f, "the gradient of `{path}` in the backward pass"),
            NotFinite::Parameter(path) => write!(f, "the parameter `{path}` after a finite gradient"),
            NotFinite::Evaluation(name) => write!(f, "the result of `{name}` in the evaluation"),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trace { step, epoch, batch, what, before } = self;
        write!(f, "first not finite: {what}, in step {step} (epoch {epoch}, batch {batch})")?;
        if before.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> =
            before.iter().map(|LargestValue { name, value }| format!("{name} {value:.2e}")).collect();
        write!(f, "; largest values in the step before: {}", shown.join(", "))
    }
}

/// Makes the steps of a run again, and looks at every value.
pub(crate) struct Tracer<'a, W: Workload> {
    workload: &'a W,
    facts: &'a W::Facts,
    trial: &'a Trial,
    device: &'a Device,
    before: Vec<LargestValue>,
}

impl<'a, W: Workload> Tracer<'a, W> {
    pub fn new(workload: &'a W, facts: &'a W::Facts, trial: &'a Trial, device: &'a Device) -> Self {
        Tracer { workload, facts, trial, device, before: Vec::new() }
    }

    /// Makes step `step`, counted from 0, and returns the model, and the first value that is not finite.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn step(
        &mut self,
        step: usize,
        batches: &mut Batches<'_, W::Batch>,
        optimizers: &mut [ModelOptimizer],
        rates: LearningRates<'_>,
        model: W::Model,
    ) -> Result<(W::Model, Option<Trace>), Error> {
        let Tracer { workload, facts, trial, device, .. } = *self;
        let layout = Layout::of(&model);
        let evaluation = BatchEvaluation::of_step(workload, facts, trial, step, batches, device)?;
        let mut evaluation = evaluation.watched_by(GradientWatcher::new(&layout));
        let ((model, loss), passed) = tap::watch(|| evaluation.make_turns(optimizers, rates, model));
        let loss = f64::from(loss.into_scalar::<f32>());
        let parameters = layout.parameters(&model);
        let gradients = evaluation.take_gradients().map(|gradients| gradients.values).unwrap_or_default();
        let of_tensors = |values: &[f32]| -> Vec<LargestValue> {
            let places = layout.places.iter();
            let values = places.filter_map(|place| {
                let values = values.get(place.start..place.start + place.len)?;
                Some(LargestValue { name: place.path.clone(), value: largest(values) })
            });
            values.collect()
        };
        let (gradients, parameters) = (of_tensors(&gradients), of_tensors(&parameters));
        let is_bad = |largest: &&LargestValue| !largest.value.is_finite();
        let what = first_of(&passed)
            .map(NotFinite::Activation)
            .or_else(|| (!loss.is_finite()).then_some(NotFinite::Loss))
            .or_else(|| gradients.iter().rev().find(is_bad).map(|bad| NotFinite::Gradient(bad.name.clone())))
            .or_else(|| parameters.iter().find(is_bad).map(|bad| NotFinite::Parameter(bad.name.clone())));
        if let Some(what) = what {
            let trace = self.trace(step, batches.sizes(), what);
            return Ok((model, Some(trace)));
        }
        let named = |prefix: &'static str, of: Vec<LargestValue>| {
            of.into_iter()
                .map(move |largest| LargestValue { name: format!("{prefix} of {}", largest.name), ..largest })
        };
        let passed = passed.into_iter().map(|Largest { name, value }| LargestValue { name, value });
        let mut before: Vec<LargestValue> =
            passed.chain(named("gradient", gradients)).chain(named("parameter", parameters)).collect();
        before.sort_by(|a, b| b.value.total_cmp(&a.value));
        before.truncate(KEPT);
        self.before = before;
        Ok((model, None))
    }

    /// Evaluates after step `step`, counted from 0, and returns the score, or the first value that is not
    /// finite.
    ///
    /// # Errors
    /// The errors of `evaluate`.
    pub fn evaluation(
        &self,
        step: usize,
        sizes: &BatchSizes,
        evaluate: impl FnOnce() -> Result<Option<Score>, Error>,
    ) -> Result<Result<Option<Score>, Trace>, Error> {
        let (score, passed) = tap::watch(evaluate);
        let score = score?;
        let of_loss = score.as_ref().filter(|score| !score.loss.is_finite()).map(|_| "loss".to_string());
        Ok(match first_of(&passed).or(of_loss) {
            Some(name) => Err(self.trace(step, sizes, NotFinite::Evaluation(name))),
            None => Ok(score),
        })
    }

    fn trace(&self, step: usize, sizes: &BatchSizes, what: NotFinite) -> Trace {
        let epoch = sizes.epoch_of(step);
        let batch = step - sizes.steps_of(epoch).start + 1;
        Trace { step: step + 1, epoch: epoch + 1, batch, what, before: self.before.clone() }
    }
}

/// Returns the name of the first tap whose values are not all finite.
fn first_of(passed: &[Largest]) -> Option<String> {
    passed.iter().find(|largest| !largest.value.is_finite()).map(|largest| largest.name.clone())
}

/// Returns the largest absolute value; NaN if one is NaN.
fn largest(values: &[f32]) -> f64 {
    match values.iter().any(|value| value.is_nan()) {
        true => f64::NAN,
        false => values.iter().fold(0.0f32, |largest, value| largest.max(value.abs())).into(),
    }
}
