//! The parameters of a model as the optimizer knows them: by their paths, in the order of the model.

use super::parameter_rule::{Kind, ParameterRule};
use crate::kernel::Buffer;
use crate::optim::elementwise::RuleState;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::DynState;
use burn::tensor::Tensor;

/// A parameter and what is remembered of it.
pub(super) struct Parameter {
    pub path: String,
    pub shape: Vec<usize>,
    /// None where no rule applies to it.
    pub rule: Option<Kind>,
    /// None before its first step.
    pub state: Option<State>,
    /// The average of the weights, where it is asked for, from the first step on.
    pub average: Option<Buffer>,
}

/// What a rule remembers of a parameter.
pub(super) enum State {
    Elementwise(RuleState),
    Burn(DynState),
}

/// All float parameters of a model. They are visited in the same order each time, so that finding one is a comparison.
#[derive(Default)]
pub(super) struct Parameters(pub Vec<Parameter>);

impl Parameters {
    pub fn of<M: Module>(model: &M, rules: &[ParameterRule]) -> Self {
        struct Visitor<'a> {
            path: Path,
            rules: &'a [ParameterRule],
            parameters: Parameters,
        }
        impl ModuleVisitor for Visitor<'_> {
            fn enter_module(&mut self, name: &str, _container_type: &str) {
                self.path.enter(name);
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.path.exit();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let shape = param.lazy_shape().to_vec();
                self.parameters.0.push(Parameter::new(self.path.text(), shape, self.rules));
            }
        }
        let mut visitor = Visitor { path: Path::default(), rules, parameters: Parameters::default() };
        model.visit(&mut visitor);
        visitor.parameters
    }

    /// The place of the parameter at `path`, which is probably `expected`.
    pub fn find(&self, path: &str, expected: usize) -> Option<usize> {
        match self.0.get(expected) {
            Some(parameter) if parameter.path == path => Some(expected),
            _ => self.0.iter().position(|parameter| parameter.path == path),
        }
    }
}

impl Parameter {
    pub fn new(path: &str, shape: Vec<usize>, rules: &[ParameterRule]) -> Self {
        let rule = rules.iter().find(|rule| rule.applies(path, shape.len()));
        Parameter {
            path: path.into(),
            shape,
            rule: rule.map(|rule| rule.kind.clone()),
            state: None,
            average: None,
        }
    }
}

/// Where a walk over a model is: the names of the modules it is in, with dots between them.
#[derive(Debug, Default)]
pub(super) struct Path {
    text: String,
    /// The lengths of `text` to go back to.
    lengths: Vec<usize>,
}

impl Path {
    pub fn enter(&mut self, name: &str) {
        self.lengths.push(self.text.len());
        if !self.text.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(name);
    }

    pub fn exit(&mut self) {
        self.text.truncate(self.lengths.pop().unwrap_or(0));
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}
