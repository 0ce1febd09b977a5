//! What the training loop drives: a rule, its state for each parameter, and how both are saved.

use crate::error::Error;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{DynOptimizer, DynState, GradientsParams, Optimizer, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use burn_pack::{Reader, Writer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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
    /// The shape of every parameter of the model, by its path, once a step was made.
    shapes: Shapes,
}

type Shapes = BTreeMap<String, Vec<usize>>;

const OPTIMIZER: &str = "optimizer";
const CONTENTS: &str = "contents";

/// What a file of saved state says is in it. Burn leaves out what it cannot find, so a file is held to its own list
/// before anything is read from it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Contents {
    /// Every parameter of the model, with or without state.
    parameters: Shapes,
    /// The parameters that have state.
    states: BTreeSet<String>,
    tensors: Shapes,
    scalars: BTreeSet<String>,
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
            shapes: Shapes::new(),
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
        if self.shapes.is_empty() {
            self.shapes = parameter_shapes(&model);
        }
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

    /// Writes the state of all parameters to a file in Burn's burnpack format, with a list of what is in it. The same
    /// state gives the same bytes.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut sink = StateSink::default();
        for (parameter, state) in &self.states {
            if let Some(rule) = self.rule_for(parameter, state.rank()) {
                rule.state_flatten(parameter, state, &mut sink);
            }
        }
        let shape_of = |(name, data): &(String, TensorData)| (name.clone(), data.shape().to_vec());
        let contents = Contents {
            parameters: self.shapes.clone(),
            states: self.states.keys().cloned().collect(),
            tensors: sink.tensors.iter().map(shape_of).collect(),
            scalars: sink.scalars.iter().map(|(name, _)| name.clone()).collect(),
        };
        let contents = serde_json::to_string(&contents).map_err(|reason| file_error(path, reason))?;
        let tensors = sink.tensors.into_iter().map(|(name, data)| {
            let (bytes, shape, dtype) = data.into_parts();
            burn_pack::Tensor::new(name, dtype, shape, None, bytes)
        });
        let mut writer = Writer::new(tensors.collect())
            .with_metadata(OPTIMIZER, &self.name)
            .with_metadata(CONTENTS, &contents)
            .auto_extension(false)
            .overwrite(true);
        for (name, value) in sink.scalars {
            writer = writer.with_scalar(&name, value);
        }
        writer
            .write_to_file(path)
            .map_err(|reason| file_error(path, reason))
    }

    /// Loads what [`save`](Self::save) wrote, for the parameters of `model`. After an error the optimizer is as before.
    ///
    /// # Errors
    /// [`Error::File`] if the file is damaged, of another optimizer, of other parameters or of other shapes, or if
    /// anything is missing that was saved.
    pub fn load<M: Module>(&mut self, path: &Path, model: &M, device: &Device) -> Result<(), Error> {
        let reader = Reader::from_file_exact(path).map_err(|reason| file_error(path, reason))?;
        match reader.metadata().get(OPTIMIZER) {
            Some(name) if *name == self.name => {}
            Some(name) => {
                let reason = format!("state of optimizer `{name}`, not of `{}`", self.name);
                return Err(file_error(path, reason));
            }
            None => return Err(file_error(path, "no optimizer's state")),
        }
        let contents = reader
            .metadata()
            .get(CONTENTS)
            .ok_or_else(|| file_error(path, "no list of contents"))?;
        let contents: Contents = serde_json::from_str(contents).map_err(|reason| file_error(path, reason))?;
        check_parameters(&contents, &parameter_shapes(model)).map_err(|reason| file_error(path, reason))?;

        let mut source = StateSource::new(reader.scalars().clone());
        let scalars: BTreeSet<String> = reader.scalars().keys().cloned().collect();
        let mut tensors = Shapes::new();
        for tensor in reader.into_tensors().map_err(|reason| file_error(path, reason))? {
            let (name, dtype, shape, _, bytes) =
                tensor.into_parts().map_err(|reason| file_error(path, reason))?;
            tensors.insert(name.clone(), shape.to_vec());
            source.insert_tensor(name, TensorData::from_bytes(bytes, shape, dtype));
        }
        if tensors != contents.tensors || scalars != contents.scalars {
            return Err(file_error(
                path,
                "holds something else than its list of contents says",
            ));
        }
        let mut states = BTreeMap::new();
        for parameter in &contents.states {
            let rank = contents.parameters[parameter].len();
            let state = self
                .rule_for(parameter, rank)
                .and_then(|rule| rule.state_unflatten(rank, parameter, &mut source, device))
                .ok_or_else(|| file_error(path, format!("the state of `{parameter}` is incomplete")))?;
            states.insert(parameter.clone(), state);
        }
        self.states = states;
        self.shapes = contents.parameters;
        Ok(())
    }
}

/// Whether a file with `contents` is for a model with parameters of these `shapes`, or else why not.
fn check_parameters(contents: &Contents, shapes: &Shapes) -> Result<(), String> {
    let saved = &contents.parameters;
    if let Some(parameter) = contents.states.iter().find(|name| !saved.contains_key(*name)) {
        return Err(format!(
            "`{parameter}` has state and is not in the list of parameters"
        ));
    }
    if saved.is_empty() {
        // Saved before the first step: there is nothing to fit.
        return Ok(());
    }
    for (parameter, shape) in saved {
        match shapes.get(parameter) {
            Some(expected) if expected == shape => {}
            Some(expected) => {
                return Err(format!(
                    "`{parameter}` has shape {shape:?}, in the model {expected:?}"
                ));
            }
            None => return Err(format!("the model has no parameter `{parameter}`")),
        }
    }
    match shapes.keys().find(|parameter| !saved.contains_key(*parameter)) {
        Some(parameter) => Err(format!("nothing is known of the model's parameter `{parameter}`")),
        None => Ok(()),
    }
}

fn file_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::File {
        path: path.into(),
        reason: reason.to_string(),
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
            self.shapes
                .insert(self.path.join("."), param.lazy_shape().to_vec());
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

#[cfg(test)]
mod tests;
