//! What the training loop drives: a rule and its state for each parameter.

mod saved_state;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{DynOptimizer, DynState, GradientsParams, Optimizer};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule and the parameters it is for.
#[derive(Clone)]
pub struct ParameterRule {
    applies: fn(path: &str, rank: usize) -> bool,
    rule: Arc<dyn DynOptimizer>,
}

impl ParameterRule {
    /// `rule` for the parameters that `applies` accepts, by their path in the module and their rank.
    pub fn new(rule: impl Optimizer, applies: fn(path: &str, rank: usize) -> bool) -> Self {
        ParameterRule { applies, rule: Arc::new(rule) }
    }
}

/// An optimizer for a whole model.
///
/// Unlike Burn's `ModuleOptimizer` it keys its state by the parameter's path, so that saved state does not depend on
/// random ids; it saves the same bytes for the same state; and loading a state that does not fit is an error, never a
/// silent restart.
pub struct ModelOptimizer {
    name: String,
    rules: Vec<ParameterRule>,
    states: BTreeMap<String, DynState>,
    /// The shape of every parameter of the model, by its path, once a step was made.
    shapes: Shapes,
}

type Shapes = BTreeMap<String, Vec<usize>>;

impl std::fmt::Debug for ModelOptimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelOptimizer")
            .field("name", &self.name)
            .field("states", &self.states.len())
            .finish()
    }
}

impl ModelOptimizer {
    /// One rule for all parameters. `name` is written into saved state, and state of another name is refused.
    pub fn new(name: &str, rule: impl Optimizer) -> Self {
        Self::with_rules(name, vec![ParameterRule::new(rule, |_, _| true)])
    }

    /// Several rules; each parameter gets the first that applies to it, and stays as it is where none does.
    pub fn with_rules(name: &str, rules: Vec<ParameterRule>) -> Self {
        ModelOptimizer { name: name.into(), rules, states: BTreeMap::new(), shapes: Shapes::new() }
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
    pub fn apply<M: Module>(&mut self, lr: f64, model: M, gradients: &mut GradientsParams) -> M {
        if self.shapes.is_empty() {
            self.shapes = parameter_shapes(&model);
        }
        let optimizer = self;
        model.map(&mut Step { path: Vec::new(), optimizer, gradients, lr })
    }

    /// The model to evaluate while training goes on: for the rules so far, the model itself.
    pub fn for_evaluation<M: Module>(&self, model: &M) -> M {
        model.valid()
    }

    fn rule_for(&self, path: &str, rank: usize) -> Option<&Arc<dyn DynOptimizer>> {
        self.rules.iter().find(|group| (group.applies)(path, rank)).map(|group| &group.rule)
    }
}

/// The shape of every float parameter, by its path.
fn parameter_shapes<M: Module>(model: &M) -> Shapes {
    #[derive(Default)]
    struct Visitor {
        path: Vec<String>,
        shapes: Shapes,
    }
    impl ModuleVisitor for Visitor {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.shapes.insert(self.path.join("."), param.lazy_shape().to_vec());
        }
    }
    let mut visitor = Visitor::default();
    model.visit(&mut visitor);
    visitor.shapes
}

/// Walks the model and moves each parameter that has a gradient.
struct Step<'a> {
    path: Vec<String>,
    optimizer: &'a mut ModelOptimizer,
    gradients: &'a mut GradientsParams,
    lr: f64,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let path = self.path.join(".");
        let tensor = match (self.gradients.remove::<D>(id), self.optimizer.rule_for(&path, D).cloned()) {
            (Some(gradient), Some(rule)) => {
                let require_grad = tensor.is_require_grad();
                let checkpointing = tensor.gradient_checkpointing_strategy();
                let state = self.optimizer.states.remove(&path);
                let (moved, state) =
                    rule.step_dyn(D, self.lr, tensor.inner().into_bridge(), gradient.into_bridge(), state);
                if let Some(state) = state {
                    self.optimizer.states.insert(path, state);
                }
                let mut moved = Tensor::from_inner(Tensor::<D>::from_bridge(moved));
                if let Some(strategy) = checkpointing {
                    moved = moved.with_gradient_checkpointing_strategy(strategy);
                }
                if require_grad { moved.require_grad() } else { moved }
            }
            _ => tensor,
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

#[cfg(test)]
mod tests;
