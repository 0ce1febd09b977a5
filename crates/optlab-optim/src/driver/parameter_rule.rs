//! Which rule moves which parameter.

use crate::driver::LearningRates;
use crate::driver::any_rule::{AnyElementwise, AnyEstimate, AnyTensor, Global, Single};
use crate::rule::{Curvature, ElementwiseRule, GlobalRule, TensorRule};
use burn::optim::{DynOptimizer, Optimizer};
use std::sync::Arc;

/// A rule and the parameters it is for.
#[derive(Clone)]
pub struct ParameterRule {
    applies: Arc<dyn Fn(&ParameterInfo<'_>) -> bool + Send + Sync>,
    /// What the learning rate is multiplied by.
    lr_factor: f64,
    /// The place of the group whose schedule gives the learning rate; none for the run's.
    rate_of_group: Option<usize>,
    /// Whether the penalties around the rule are for its parameters.
    pub(crate) decays: bool,
    pub(crate) kind: Kind,
}

/// What a rule may be chosen by.
#[derive(Debug, Clone, Copy)]
pub struct ParameterInfo<'a> {
    /// Its path in the model: the names of the fields, with dots between them.
    pub path: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// The type of the module that holds it, as "Linear" or "Embedding".
    pub module: &'a str,
    /// Whether no parameter of two dimensions or more comes after it in the model.
    pub is_last_matrix: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    /// Run here: all parameters that are on the host in one parallel region.
    Elementwise(Arc<dyn AnyElementwise>),
    /// Run here, parameter by parameter, in tensor operations.
    Tensor(Arc<dyn AnyTensor>),
    /// Run by Burn, parameter by parameter.
    Burn(Arc<dyn DynOptimizer>),
}

impl Kind {
    /// The rule, if it goes by the element.
    pub fn elementwise(&self) -> Option<&dyn AnyElementwise> {
        match self {
            Kind::Elementwise(rule) => Some(&**rule),
            Kind::Tensor(_) | Kind::Burn(_) => None,
        }
    }

    /// The curvature that the rule divides by, if it does.
    pub fn curvature(&self) -> Option<Curvature> {
        self.elementwise()?.curvature()
    }

    /// The estimate that all parameters of the rule share, if they do.
    pub fn estimate(&self) -> Option<&dyn AnyEstimate> {
        self.elementwise()?.estimate()
    }
}

impl ParameterRule {
    /// Any of Burn's optimizers, for all parameters.
    pub fn burn(rule: impl Optimizer) -> Self {
        Self::of(Kind::Burn(Arc::new(rule)))
    }

    /// An element-wise rule, for all parameters.
    pub fn elementwise(rule: impl ElementwiseRule) -> Self {
        Self::of(Kind::Elementwise(Arc::new(Single(rule))))
    }

    /// A rule with one estimate for all parameters together. Its parameters make one estimate, and those of another
    /// [`ParameterRule`] another.
    pub fn global(rule: impl GlobalRule) -> Self {
        Self::of(Kind::Elementwise(Arc::new(Global(rule))))
    }

    /// A rule in tensor operations, for all parameters.
    pub fn tensor(rule: impl TensorRule) -> Self {
        Self::of(Kind::Tensor(Arc::new(rule)))
    }

    fn of(kind: Kind) -> Self {
        ParameterRule { applies: Arc::new(|_| true), lr_factor: 1.0, rate_of_group: None, decays: true, kind }
    }

    /// For those of its parameters that `applies` accepts.
    pub fn for_parameters(
        self,
        applies: impl Fn(&ParameterInfo<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let before = self.applies;
        ParameterRule { applies: Arc::new(move |parameter| before(parameter) && applies(parameter)), ..self }
    }

    /// With the learning rate multiplied by `factor`.
    pub fn with_lr_factor(self, factor: f64) -> Self {
        ParameterRule { lr_factor: self.lr_factor * factor, ..self }
    }

    /// With the learning rate of the group at that place.
    pub(crate) fn with_rate_of_group(self, place: usize) -> Self {
        ParameterRule { rate_of_group: Some(place), ..self }
    }

    /// The learning rate in a step.
    pub(crate) fn lr(&self, rates: LearningRates<'_>) -> f64 {
        let of_group = self.rate_of_group.and_then(|place| rates.groups.get(place));
        of_group.unwrap_or(&rates.base) * self.lr_factor
    }

    /// Without the penalties that are around the rule: those of the [`GradientTransform`](crate::around::GradientTransform)
    /// and of the [`Extras`](crate::around::Extras).
    pub fn without_penalties(self) -> Self {
        ParameterRule { decays: false, ..self }
    }

    pub(crate) fn applies(&self, parameter: &ParameterInfo<'_>) -> bool {
        (self.applies)(parameter)
    }
}
