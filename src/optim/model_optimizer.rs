//! What the training loop drives: a rule, its state for each parameter, and how both are saved.

use crate::error::Error;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{DynOptimizer, DynState, GradientsParams, Optimizer, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use burn_pack::{Reader, Scalar, Writer};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const RANK: &str = "rank";

/// A rule and the parameters it is for.
#[derive(Clone)]
pub struct ParameterRule {
    applies: fn(path: &str, rank: usize) -> bool,
    rule: Arc<dyn DynOptimizer>,
}

impl ParameterRule {
    /// `rule` for the parameters that `applies` accepts, by their path in the module and their rank.
    pub fn new(rule: impl Optimizer, applies: fn(path: &str, rank: usize) -> bool) -> Self {
        ParameterRule {
            applies,
            rule: Arc::new(rule),
        }
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
}

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
        ModelOptimizer {
            name: name.into(),
            rules,
            states: BTreeMap::new(),
        }
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
        let optimizer = self;
        model.map(&mut Step {
            path: Vec::new(),
            optimizer,
            gradients,
            lr,
        })
    }

    /// The model to evaluate while training goes on: for the rules so far, the model itself.
    pub fn for_evaluation<M: Module>(&self, model: &M) -> M {
        model.valid()
    }

    fn rule_for(&self, path: &str, rank: usize) -> Option<&Arc<dyn DynOptimizer>> {
        self.rules
            .iter()
            .find(|group| (group.applies)(path, rank))
            .map(|group| &group.rule)
    }

    /// Writes the state of all parameters to a file in Burn's burnpack format.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut tensors = Vec::new();
        let mut scalars = BTreeMap::new();
        for (parameter, state) in &self.states {
            let Some(rule) = self.rule_for(parameter, state.rank()) else {
                continue;
            };
            let mut sink = StateSink::default();
            rule.state_flatten(parameter, state, &mut sink);
            scalars.insert(format!("{parameter}.{RANK}"), Scalar::from(state.rank()));
            scalars.extend(sink.scalars);
            for (name, data) in sink.tensors {
                let (bytes, shape, dtype) = data.into_parts();
                tensors.push(burn_pack::Tensor::new(name, dtype, shape, None, bytes));
            }
        }
        let mut writer = Writer::new(tensors)
            .with_metadata("optimizer", &self.name)
            .overwrite(true);
        for (name, value) in scalars {
            writer = writer.with_scalar(&name, value);
        }
        writer
            .write_to_file(path)
            .map_err(|reason| file_error(path, reason))
    }

    /// Loads what [`save`](Self::save) wrote, for the parameters of `model`.
    ///
    /// # Errors
    /// [`Error::File`] if the file is damaged, of another optimizer, of other parameters or of other shapes.
    pub fn load<M: Module>(&mut self, path: &Path, model: &M, device: &Device) -> Result<(), Error> {
        let refuse = |reason: String| Error::File {
            path: path.into(),
            reason,
        };
        let reader = Reader::from_file(path).map_err(|reason| file_error(path, reason))?;
        match reader.metadata().get("optimizer") {
            Some(name) if *name == self.name => {}
            Some(name) => {
                return Err(refuse(format!(
                    "state of optimizer `{name}`, not of `{}`",
                    self.name
                )));
            }
            None => return Err(refuse("no optimizer's state".into())),
        }
        let scalars = reader.scalars().clone();
        let shapes = parameter_shapes(model);
        let mut source = StateSource::new(scalars.clone());
        for tensor in reader.into_tensors().map_err(|reason| file_error(path, reason))? {
            let (name, dtype, shape, _, bytes) =
                tensor.into_parts().map_err(|reason| file_error(path, reason))?;
            let data = TensorData::from_bytes(bytes, shape, dtype);
            let fits = shapes.iter().any(|(parameter, expected)| {
                name.strip_prefix(parameter.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
                    && (data.shape().as_slice() == expected.as_slice() || data.num_elements() <= 1)
            });
            if !fits {
                return Err(refuse(format!(
                    "`{name}` of shape {:?} fits no parameter",
                    data.shape()
                )));
            }
            source.insert_tensor(name, data);
        }
        let mut states = BTreeMap::new();
        for (name, rank) in &scalars {
            let Some(parameter) = name.strip_suffix(&format!(".{RANK}")) else {
                continue;
            };
            let rank = usize::try_from(*rank).map_err(|_| refuse(format!("`{name}` is no rank")))?;
            let expected = shapes
                .get(parameter)
                .ok_or_else(|| refuse(format!("the model has no parameter `{parameter}`")))?;
            if expected.len() != rank {
                return Err(refuse(format!(
                    "`{parameter}` has rank {}, its state {rank}",
                    expected.len()
                )));
            }
            let state = self
                .rule_for(parameter, rank)
                .and_then(|rule| rule.state_unflatten(rank, parameter, &mut source, device))
                .ok_or_else(|| refuse(format!("the state of `{parameter}` is incomplete")))?;
            states.insert(parameter.to_string(), state);
        }
        self.states = states;
        Ok(())
    }
}

fn file_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::File {
        path: path.into(),
        reason: reason.to_string(),
    }
}

/// The shape of every float parameter, by its path.
fn parameter_shapes<M: Module>(model: &M) -> BTreeMap<String, Vec<usize>> {
    #[derive(Default)]
    struct Shapes {
        path: Vec<String>,
        shapes: BTreeMap<String, Vec<usize>>,
    }
    impl ModuleVisitor for Shapes {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.shapes
                .insert(self.path.join("."), param.lazy_shape().to_vec());
        }
    }
    let mut shapes = Shapes::default();
    model.visit(&mut shapes);
    shapes.shapes
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
        let tensor = match (
            self.gradients.remove::<D>(id),
            self.optimizer.rule_for(&path, D).cloned(),
        ) {
            (Some(gradient), Some(rule)) => {
                let require_grad = tensor.is_require_grad();
                let checkpointing = tensor.gradient_checkpointing_strategy();
                let state = self.optimizer.states.remove(&path);
                let (moved, state) = rule.step_dyn(
                    D,
                    self.lr,
                    tensor.inner().into_bridge(),
                    gradient.into_bridge(),
                    state,
                );
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
