//! The parameters of a model as the optimizer knows them: by their paths, in the order of the model.

use super::parameter_rule::{Kind, ParameterInfo, ParameterRule};
use crate::kernel::Buffer;
use crate::optim::memory::{Declared, Memory};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::DynState;
use burn::tensor::Tensor;

/// A parameter and what is remembered of it.
pub(super) struct Parameter {
    pub path: String,
    pub shape: Vec<usize>,
    /// None where no rule applies to it.
    pub rule: Option<Kind>,
    /// What its learning rate is multiplied by.
    pub lr_factor: f64,
    /// None before its first step.
    pub state: Option<State>,
    /// The average of the weights, where it is asked for, from the first step on.
    pub average: Option<Buffer>,
}

/// What a rule remembers of a parameter.
pub(super) enum State {
    /// Of one of our rules.
    Own(Memory),
    Burn(DynState),
}

/// All float parameters of a model. They are visited in the same order each time, so that finding one is a comparison.
#[derive(Default)]
pub(super) struct Parameters(pub Vec<Parameter>);

impl Parameters {
    pub fn of<M: Module>(model: &M, rules: &[ParameterRule]) -> Self {
        struct Found {
            path: String,
            shape: Vec<usize>,
            module: String,
        }
        #[derive(Default)]
        struct Visitor {
            path: Path,
            modules: Vec<String>,
            found: Vec<Found>,
        }
        impl ModuleVisitor for Visitor {
            fn enter_module(&mut self, name: &str, container_type: &str) {
                self.path.enter(name);
                self.modules.push(container_type.into());
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.path.exit();
                self.modules.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let module = self.modules.last().map_or("", |module| module_type(module)).into();
                let shape = param.lazy_shape().to_vec();
                self.found.push(Found { path: self.path.text().into(), shape, module });
            }
        }
        let mut visitor = Visitor::default();
        model.visit(&mut visitor);
        let found = visitor.found;
        let last_matrix = found.iter().rposition(|parameter| parameter.shape.len() >= 2);
        let parameters = found.iter().enumerate().map(|(place, Found { path, shape, module })| {
            let is_last_matrix = last_matrix == Some(place);
            Parameter::new(ParameterInfo { path, shape, module, is_last_matrix }, rules)
        });
        Parameters(parameters.collect())
    }

    /// The place of the parameter at `path`, which is probably `expected`.
    pub fn find(&self, path: &str, expected: usize) -> Option<usize> {
        match self.0.get(expected) {
            Some(parameter) if parameter.path == path => Some(expected),
            _ => self.0.iter().position(|parameter| parameter.path == path),
        }
    }
}

/// "Linear" of Burn's "Struct:Linear".
fn module_type(container_type: &str) -> &str {
    container_type.rsplit(':').next().unwrap_or(container_type)
}

impl Parameter {
    fn new(info: ParameterInfo<'_>, rules: &[ParameterRule]) -> Self {
        let rule = rules.iter().find(|rule| rule.applies(&info));
        Parameter {
            path: info.path.into(),
            shape: info.shape.to_vec(),
            rule: rule.map(|rule| rule.kind.clone()),
            lr_factor: rule.map_or(1.0, |rule| rule.lr_factor),
            state: None,
            average: None,
        }
    }

    /// What its rule remembers of it, if the rule is one of ours.
    pub fn declared(&self) -> Option<Declared> {
        match &self.rule {
            Some(Kind::Elementwise(rule)) => Some(rule.declared(&self.shape)),
            Some(Kind::Tensor(rule)) => Some(rule.declared(&self.shape)),
            Some(Kind::Burn(_)) | None => None,
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
