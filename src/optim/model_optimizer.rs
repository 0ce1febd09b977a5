//! What the training loop drives: a rule and its state for each parameter.

mod parameter_rule;
mod parameters;
mod saved_state;
mod walk;

pub use parameter_rule::{ParameterInfo, ParameterRule};

use crate::error::Error;
use crate::kernel::in_one_region;
use crate::optim::ElementwiseRule;
use crate::optim::gradient_transform::{Factor, GradientTransform, Norm};
use crate::range::{self, BELOW_ONE};
use burn::module::Module;
use burn::optim::{GradientsParams, Optimizer};
use parameter_rule::Settings;
use parameters::{Parameters, Path};
use walk::{Job, Put, PutAverages, Take};

/// An optimizer for a whole model.
///
/// An [`ElementwiseRule`] moves all parameters that are on the host in one parallel region and one pass over memory, and
/// what comes before and after the rule is part of that pass: the [`GradientTransform`], with its clipping by the norm of
/// all gradients, and the average of the weights. Parameters are moved in place where the model holds them alone.
///
/// Unlike Burn's `ModuleOptimizer` it keys its state by the parameter's path, so that saved state does not depend on
/// random ids; it saves the same bytes for the same state; and loading a state that does not fit is an error, never a
/// silent restart.
pub struct ModelOptimizer {
    name: String,
    rules: Vec<ParameterRule>,
    transform: GradientTransform,
    /// Decay of the average of the weights.
    average: Option<f64>,
    /// Empty before the first step.
    parameters: Parameters,
    /// Of the gradients of the latest step.
    norm: Option<Norm>,
    /// Empty but during a step; kept for its memory.
    jobs: Vec<Job>,
}

impl std::fmt::Debug for ModelOptimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelOptimizer")
            .field("name", &self.name)
            .field("parameters", &self.parameters.0.len())
            .finish_non_exhaustive()
    }
}

impl ModelOptimizer {
    /// One of Burn's optimizers for all parameters. `name` is written into saved state, and state of another name is
    /// refused.
    pub fn new(name: &str, rule: impl Optimizer) -> Self {
        Self::with_rules(name, vec![ParameterRule::burn(rule)])
    }

    /// An element-wise rule for all parameters, in one pass over them. `name` is as for [`new`](Self::new).
    pub fn elementwise(name: &str, rule: impl ElementwiseRule) -> Self {
        Self::with_rules(name, vec![ParameterRule::elementwise(rule)])
    }

    /// Several rules; each parameter gets the first that applies to it, and stays as it is where none does.
    pub fn with_rules(name: &str, rules: Vec<ParameterRule>) -> Self {
        ModelOptimizer {
            name: name.into(),
            rules,
            transform: GradientTransform::default(),
            average: None,
            parameters: Parameters::default(),
            norm: None,
            jobs: Vec::new(),
        }
    }

    /// Does that to the gradients of every step first.
    pub fn with_gradient_transform(self, transform: GradientTransform) -> Self {
        ModelOptimizer { transform, ..self }
    }

    /// Keeps an exponential moving average of the weights, `a ← δ a + (1 − δ) θ` after each step, from `a = θ` before the
    /// first, which [`for_evaluation`](Self::for_evaluation) puts in their place. It is saved with the rule's state.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless the decay `δ` is in `[0, 1)`.
    pub fn with_weight_average(self, decay: f64) -> Result<Self, Error> {
        range::check("weight average", [("decay", decay, BELOW_ONE)])?;
        Ok(ModelOptimizer { average: Some(decay), ..self })
    }

    /// One step: evaluates the model, then moves its parameters.
    ///
    /// `evaluate` gives whatever it measured (a loss) and the gradients at the model it is given. A rule may call it as
    /// often as it needs; all rules so far call it once. What the first call measured is returned.
    pub fn step<M: Module, T>(
        &mut self,
        lr: f64,
        model: M,
        mut evaluate: impl FnMut(&M) -> (T, GradientsParams),
    ) -> (M, T) {
        let (measured, mut gradients) = evaluate(&model);
        (self.apply(lr, model, &mut gradients), measured)
    }

    /// Moves the parameters of `model` along `gradients`. Parameters without a gradient stay as they are.
    ///
    /// # Panics
    /// If the model is another one than in earlier steps.
    pub fn apply<M: Module>(&mut self, lr: f64, model: M, gradients: &mut GradientsParams) -> M {
        if self.parameters.0.is_empty() {
            self.parameters = Parameters::of(&model, &self.rules);
        }
        self.norm = self.transform.norm(&model, gradients);
        let factor = self.norm.as_ref().map(|norm| self.transform.factor(norm));
        let settings = Settings {
            lr,
            transform: self.transform,
            factor: if let Some(Factor::Host(factor)) = factor { factor } else { 1.0 },
            average: self.average,
        };
        let model = model.map(&mut Take {
            path: Path::default(),
            next: 0,
            parameters: &mut self.parameters,
            gradients,
            settings,
            factor: factor.as_ref(),
            jobs: &mut self.jobs,
        });
        if self.jobs.is_empty() {
            return model;
        }
        in_one_region(&mut self.jobs, |job| &job.operands, |job| job.run(&settings));
        let has_average = self.average.is_some();
        let jobs = self.jobs.drain(..).peekable();
        model.map(&mut Put { parameters: &mut self.parameters, jobs, has_average })
    }

    /// The Euclidean norm of all gradients of the latest step together, before it was clipped; none where the
    /// [`GradientTransform`] does not clip it. Waits for the device that computes it.
    pub fn gradient_norm(&self) -> Option<f64> {
        self.norm.as_ref().map(Norm::value)
    }

    /// The model to evaluate while training goes on: the model itself, or with the average of its weights.
    pub fn for_evaluation<M: Module>(&self, model: &M) -> M {
        let model = model.valid();
        if self.average.is_none() {
            return model;
        }
        model.map(&mut PutAverages { path: Path::default(), next: 0, parameters: &self.parameters })
    }
}

#[cfg(test)]
mod tests;
