//! Which rule moves which parameter.

use crate::driver::LearningRates;
use crate::driver::any_rule::{AnyElementwise, AnyEstimate, AnyTensor, Global, Single};
use crate::rule::{Curvature, ElementwiseRule, GlobalRule, StateBits, TensorRule};
use burn::optim::{DynOptimizer, Optimizer};
use std::sync::Arc;

/// A rule and the parameters that it moves.
#[derive(Clone)]
pub struct ParameterRule {
    applies: Arc<dyn Fn(&ParameterInfo<'_>) -> bool + Send + Sync>,
    /// Factor of the learning rate.
    lr_factor: f64,
    /// Index of the group whose schedule sets the learning rate; `None` for the run's schedule.
    rate_of_group: Option<usize>,
    /// Whether the penalties of wrappers apply to its parameters.
    pub(crate) decays: bool,
    /// The number of bits of the state, if the rule is element-wise.
    pub(crate) state: StateBits,
    /// Whether parameters in bfloat16 are rounded stochastically.
    pub(crate) rounds_stochastically: bool,
    /// Whether the rule leaves rows without a gradient as they are.
    pub(crate) is_lazy: bool,
    pub(crate) kind: Kind,
}

/// The facts about a parameter by which its rule is chosen.
#[derive(Debug, Clone, Copy)]
pub struct ParameterInfo<'a> {
    /// Its path in the model: the names of the fields, separated by dots.
    pub path: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// The type of the module that holds it, such as "Linear" or "Embedding".
    pub module: &'a str,
    /// Whether no parameter of two or more dimensions comes after it in the model.
    pub is_last_matrix: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    /// Runs here, with all parameters on the host in one parallel region.
    Elementwise(Arc<dyn AnyElementwise>),
    /// Runs here, parameter by parameter, in tensor operations; on the host all parameters in one parallel
    /// region.
    Tensor(Arc<dyn AnyTensor>),
    /// Runs in Burn, parameter by parameter.
    Burn(Arc<dyn DynOptimizer>),
    /// Moved by L-BFGS, all parameters together.
    Lbfgs,
}

impl Kind {
    /// Returns the rule if it is element-wise.
    pub fn elementwise(&self) -> Option<&dyn AnyElementwise> {
        match self {
            Kind::Elementwise(rule) => Some(&**rule),
            Kind::Tensor(_) | Kind::Burn(_) | Kind::Lbfgs => None,
        }
    }

    /// Returns whether a model is evaluated with parameters other than the trained ones.
    pub fn has_evaluation(&self) -> bool {
        match self {
            Kind::Elementwise(rule) => rule.has_evaluation(),
            Kind::Tensor(rule) => rule.has_evaluation(),
            Kind::Burn(_) | Kind::Lbfgs => false,
        }
    }

    /// Returns the curvature that the rule divides by, if it has one.
    pub fn curvature(&self) -> Option<Curvature> {
        self.elementwise()?.curvature()
    }

    /// Returns whether the rule needs the loss of a step.
    pub fn needs_loss(&self) -> bool {
        self.estimate().is_some_and(AnyEstimate::needs_loss)
    }

    /// Returns the estimate that all parameters of the rule share, if there is one.
    pub fn estimate(&self) -> Option<&dyn AnyEstimate> {
        self.elementwise()?.estimate()
    }
}

impl ParameterRule {
    /// Returns one of Burn's optimizers, for all parameters.
    pub fn burn(rule: impl Optimizer) -> Self {
        Self::of(Kind::Burn(Arc::new(rule)))
    }

    /// Returns an element-wise rule, for all parameters.
    pub fn elementwise(rule: impl ElementwiseRule) -> Self {
        Self::of(Kind::Elementwise(Arc::new(Single(rule))))
    }

    /// Returns a rule with one estimate for all its parameters together. Each [`ParameterRule`] has its own
    /// estimate.
    pub fn global(rule: impl GlobalRule) -> Self {
        Self::of(Kind::Elementwise(Arc::new(Global(rule))))
    }

    /// Returns a rule in tensor operations, for all parameters.
    pub fn tensor(rule: impl TensorRule) -> Self {
        Self::of(Kind::Tensor(Arc::new(rule)))
    }

    /// Returns the mark of the parameters that L-BFGS moves.
    pub(crate) fn lbfgs() -> Self {
        Self::of(Kind::Lbfgs)
    }

    /// Returns whether L-BFGS moves its parameters.
    pub(crate) fn is_lbfgs(&self) -> bool {
        matches!(self.kind, Kind::Lbfgs)
    }

    /// Returns whether a group's schedule sets its learning rate.
    pub(crate) fn has_own_schedule(&self) -> bool {
        self.rate_of_group.is_some()
    }

    fn of(kind: Kind) -> Self {
        ParameterRule {
            applies: Arc::new(|_| true),
            lr_factor: 1.0,
            rate_of_group: None,
            decays: true,
            state: StateBits::F32,
            rounds_stochastically: false,
            is_lazy: false,
            kind,
        }
    }

    /// Restricts the rule to those of its parameters that `applies` accepts.
    pub fn for_parameters(
        self,
        applies: impl Fn(&ParameterInfo<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let before = self.applies;
        ParameterRule { applies: Arc::new(move |parameter| before(parameter) && applies(parameter)), ..self }
    }

    /// Multiplies the learning rate by `factor`.
    pub fn with_lr_factor(self, factor: f64) -> Self {
        ParameterRule { lr_factor: self.lr_factor * factor, ..self }
    }

    /// Uses the learning rate of the group with index `place`.
    pub(crate) fn with_rate_of_group(self, place: usize) -> Self {
        ParameterRule { rate_of_group: Some(place), ..self }
    }

    /// Returns the learning rate in a step.
    pub(crate) fn lr(&self, rates: LearningRates<'_>) -> f64 {
        let of_group = self.rate_of_group.and_then(|place| rates.groups.get(place));
        of_group.unwrap_or(&rates.base) * self.lr_factor
    }

    /// Exempts the parameters from the penalties of wrappers: those of the
    /// [`GradientTransform`](crate::around::GradientTransform) and of the [`Extras`](crate::around::Extras).
    pub fn without_penalties(self) -> Self {
        ParameterRule { decays: false, ..self }
    }

    /// Stores the state of an element-wise rule in that many bits, and rounds parameters in bfloat16
    /// stochastically if `rounds_stochastically`; [`CompactConfig`](crate::around::CompactConfig) says how.
    pub fn compact(self, state: StateBits, rounds_stochastically: bool) -> Self {
        ParameterRule { state, rounds_stochastically, ..self }
    }

    /// Leaves rows of matrices whose gradient is 0 everywhere, and their state, as they are, if the rule is
    /// element-wise; [`LazyConfig`](crate::around::LazyConfig) says more.
    pub fn lazy(self) -> Self {
        ParameterRule { is_lazy: true, decays: false, ..self }
    }

    /// Returns whether the rule can be [`lazy`](Self::lazy).
    pub(crate) fn may_be_lazy(&self) -> bool {
        matches!(&self.kind, Kind::Elementwise(rule) if rule.estimate().is_none())
            && self.state == StateBits::F32
    }

    pub(crate) fn applies(&self, parameter: &ParameterInfo<'_>) -> bool {
        (self.applies)(parameter)
    }
}
