//! The parameters of a model as the optimizer tracks them: by path, in the order of the model.

use crate::driver::beside::Beside;
use crate::driver::parameter_rule::Kind;
use crate::driver::{ParameterInfo, ParameterRule};
use crate::rule::StateBits;
use crate::rule::memory::{Declared, Memory};
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::DynState;
use burn::tensor::Tensor;

/// A parameter and its state.
pub(crate) struct Parameter {
    pub path: String,
    pub shape: Vec<usize>,
    /// Index and rule that update this parameter; `None` if no rule matches or the tensor is empty.
    pub rule: Option<(usize, ParameterRule)>,
    /// Index of the parameter that this one is tied to: the same tensor under another path.
    pub tied_to: Option<usize>,
    /// The rule's state; `None` before the first step.
    pub state: Option<ParameterState>,
    /// The state of the operations around the rule.
    pub beside: Beside,
    /// Whether a step has had a gradient for it. Frozen parameters and running statistics never have one.
    pub is_moved: bool,
}

/// The state that a rule keeps for a parameter.
pub(crate) enum ParameterState {
    /// State of a rule of this crate.
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

/// Returns the paths of a model's float parameters, as groups match them, with their shapes, in the model's
/// order.
pub fn parameter_shapes<M: Module>(model: &M) -> Vec<(String, Vec<usize>)> {
    let parameters = Parameters::of(model, &[]).0;
    parameters.into_iter().map(|parameter| (parameter.path, parameter.shape)).collect()
}

/// Returns "Linear" for Burn's "Struct:Linear".
fn module_type(container_type: &str) -> &str {
    container_type.rsplit(':').next().unwrap_or(container_type)
}

impl Parameter {
    fn new(info: ParameterInfo<'_>, tied_to: Option<usize>, rules: &[ParameterRule]) -> Self {
        let rule = rules.iter().enumerate().find(|(_, rule)| rule.applies(&info));
        // An empty tensor needs no update, and not every operation accepts one.
        let rule = rule.filter(|_| !info.shape.contains(&0));
        Parameter {
            path: info.path.into(),
            shape: info.shape.to_vec(),
            rule: rule.map(|(place, rule)| (place, rule.clone())),
            tied_to,
            state: None,
            beside: Beside::default(),
            is_moved: false,
        }
    }

    /// Returns the kind of its rule.
    pub fn kind(&self) -> Option<&Kind> {
        self.rule.as_ref().map(|(_, rule)| &rule.kind)
    }

    /// Returns whether its state may be in fewer than 32 bits.
    pub fn is_compact(&self) -> bool {
        self.rule.as_ref().is_some_and(|(_, rule)| rule.state != StateBits::F32)
    }

    /// Returns the number of its rows, if those without a gradient stay as they are.
    pub fn lazy_rows(&self) -> Option<usize> {
        let (_, rule) = self.rule.as_ref()?;
        (rule.is_lazy && rule.may_be_lazy() && self.shape.len() > 1).then(|| self.shape[0])
    }

    /// Returns whether it is rounded stochastically if it is in bfloat16.
    pub fn rounds_stochastically(&self) -> bool {
        self.rule.as_ref().is_some_and(|(_, rule)| rule.rounds_stochastically)
    }

    /// Returns the state that its rule declares for it, if it is a rule of this crate.
    pub fn declared(&self) -> Option<Declared> {
        let (_, rule) = self.rule.as_ref()?;
        match &rule.kind {
            Kind::Elementwise(of_kind) => Some(of_kind.declared(rule.state, &self.shape)),
            Kind::Tensor(rule) => Some(rule.declared(&self.shape)),
            Kind::Burn(_) | Kind::Lbfgs => None,
        }
    }

    /// Returns the operations of a step, as [`TensorRule::operations`](crate::rule::TensorRule::operations).
    pub fn operations(&self) -> f64 {
        match self.kind() {
            Some(Kind::Tensor(rule)) => rule.operations(&self.shape),
            _ => 0.0,
        }
    }

    /// Takes the memory that its rule, a rule of this crate, keeps for it.
    pub fn take_memory<const D: usize>(&mut self, theta: &Tensor<D>) -> Memory {
        match (self.state.take(), self.declared()) {
            (Some(ParameterState::Own(memory)), _) => memory,
            (_, declared) => Memory::new(&declared.unwrap_or_default(), theta),
        }
    }
}

/// The position of a walk over a model: the names of the enclosing modules, separated by dots.
#[derive(Debug, Default)]
pub(crate) struct Path {
    text: String,
    /// The lengths to which `text` is truncated when modules are left.
    lengths: Vec<usize>,
    /// The expected index of the next parameter.
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

    /// Returns the index of the parameter at the current position. Walks visit parameters in the same order
    /// each time, so usually one comparison finds it.
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
