//! The parameters of a model as the optimizer knows them: by their paths, in the order of the model.

use crate::around::wrapped_step::StepExtras;
use crate::driver::parameter_rule::Kind;
use crate::driver::{ParameterInfo, ParameterRule};
use crate::rule::memory::{Declared, Memory};
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::DynState;
use burn::tensor::Tensor;
use optlab_kernel::Buffer;

/// A parameter and what is remembered of it.
pub(crate) struct Parameter {
    pub path: String,
    pub shape: Vec<usize>,
    /// The place of its rule among those of the optimizer, and the rule. None where none is for it, or it has no elements.
    pub rule: Option<(usize, ParameterRule)>,
    /// The place of the parameter that this one is too, by another path.
    pub tied_to: Option<usize>,
    /// None before its first step.
    pub state: Option<State>,
    /// The slow weights, where they are asked for, from the first step on.
    pub slow: Option<Buffer>,
    /// The average of the weights, where it is asked for, from the first step on.
    pub average: Option<Buffer>,
}

/// What a rule remembers of a parameter.
pub(crate) enum State {
    /// Of one of our rules.
    Own(Memory),
    Burn(DynState),
}

/// All float parameters of a model, in the order in which they are visited.
#[derive(Default)]
pub(crate) struct Parameters(pub Vec<Parameter>);

impl Parameters {
    pub fn of<M: Module>(model: &M, rules: &[ParameterRule]) -> Self {
        struct Found {
            id: ParamId,
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
                self.found.push(Found { id: param.id, path: self.path.text().into(), shape, module });
            }
        }
        let mut visitor = Visitor::default();
        model.visit(&mut visitor);
        let found = visitor.found;
        let last_matrix = found.iter().rposition(|parameter| parameter.shape.len() >= 2);
        let parameters = found.iter().enumerate().map(|(place, Found { id, path, shape, module })| {
            let is_last_matrix = last_matrix == Some(place);
            let first = found.iter().position(|parameter| parameter.id == *id);
            let tied_to = first.filter(|first| *first < place);
            Parameter::new(ParameterInfo { path, shape, module, is_last_matrix }, tied_to, rules)
        });
        Parameters(parameters.collect())
    }
}

/// "Linear" of Burn's "Struct:Linear".
fn module_type(container_type: &str) -> &str {
    container_type.rsplit(':').next().unwrap_or(container_type)
}

impl Parameter {
    fn new(info: ParameterInfo<'_>, tied_to: Option<usize>, rules: &[ParameterRule]) -> Self {
        let rule = rules.iter().enumerate().find(|(_, rule)| rule.applies(&info));
        // Without elements there is nothing to move, and not every operation allows it.
        let rule = rule.filter(|_| !info.shape.contains(&0));
        Parameter {
            path: info.path.into(),
            shape: info.shape.to_vec(),
            rule: rule.map(|(place, rule)| (place, rule.clone())),
            tied_to,
            state: None,
            slow: None,
            average: None,
        }
    }

    /// How it is moved.
    pub fn kind(&self) -> Option<&Kind> {
        self.rule.as_ref().map(|(_, rule)| &rule.kind)
    }

    /// What its rule remembers of it, if the rule is one of ours.
    pub fn declared(&self) -> Option<Declared> {
        match self.kind()? {
            Kind::Elementwise(rule) => Some(rule.declared(&self.shape)),
            Kind::Tensor(rule) => Some(rule.declared(&self.shape)),
            Kind::Burn(_) => None,
        }
    }

    /// Takes out what its rule, which is one of ours, remembers of it.
    pub fn take_memory<const D: usize>(&mut self, theta: &Tensor<D>) -> Memory {
        match (self.state.take(), self.declared()) {
            (Some(State::Own(memory)), _) => memory,
            (_, declared) => Memory::new(&declared.unwrap_or_default(), theta),
        }
    }

    /// Takes out the buffers of what is beside its rule; before the first step they are the parameter.
    pub fn take_extra_buffers<const D: usize>(
        &mut self,
        extras: &StepExtras,
        theta: &Tensor<D>,
    ) -> Vec<Buffer> {
        let mut buffers = Vec::with_capacity(extras.buffers());
        if extras.lookahead.is_some() {
            buffers.push(self.slow.take().unwrap_or_else(|| Buffer::new(theta.clone())));
        }
        if extras.average.is_some() {
            buffers.push(self.average.take().unwrap_or_else(|| Buffer::new(theta.clone())));
        }
        buffers
    }

    /// Gives back what [`take_extra_buffers`](Self::take_extra_buffers) took, from the end of `buffers`.
    pub fn put_extra_buffers(&mut self, extras: &StepExtras, buffers: &mut Vec<Buffer>) {
        if extras.average.is_some() {
            self.average = buffers.pop();
        }
        if extras.lookahead.is_some() {
            self.slow = buffers.pop();
        }
    }
}

/// Where a walk over a model is: the names of the modules it is in, with dots between them.
#[derive(Debug, Default)]
pub(crate) struct Path {
    text: String,
    /// The lengths of `text` to go back to.
    lengths: Vec<usize>,
    /// The place of the next parameter, as far as one can know.
    next: usize,
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

    /// The place of the parameter that the walk is at. Walks go through them in the same order each time, so that finding
    /// one is a comparison.
    pub fn place_in(&mut self, parameters: &Parameters) -> Option<usize> {
        let is_here = |parameter: &Parameter| parameter.path == self.text;
        let expected = Some(self.next).filter(|&next| parameters.0.get(next).is_some_and(is_here));
        let place = expected.or_else(|| parameters.0.iter().position(is_here))?;
        self.next = place + 1;
        Some(place)
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}
