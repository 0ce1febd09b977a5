//! Saving and loading an optimizer's state.

use crate::Error;
use crate::around::Extras;
use crate::driver::any_rule::SharedNumbers;
use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{Parameter, ParameterState, Parameters};
use crate::driver::saved_form::{SLOW_WEIGHTS, Shapes, Types, WEIGHT_AVERAGE, check_parameters};
use crate::driver::{Method, ModelOptimizer};
use crate::rule::memory::Memory;
use burn::module::Module;
use burn::optim::{LBFGS, StateSink, StateSource};
use burn::tensor::{Bytes, Device, TensorData};
use burn_pack::{Reader, Scalar, Writer};
use optlab_kernel::Buffer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const OPTIMIZER: &str = "optimizer";
const CONTENTS: &str = "contents";

/// A saved file's list of its own contents. Burn silently skips missing entries, so a file is checked against
/// this list before anything is read from it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// Every parameter of the model, with or without state.
    pub parameters: Shapes,
    /// The parameters that have state.
    pub states: BTreeSet<String>,
    tensors: Shapes,
    scalars: BTreeSet<String>,
}

/// The state of an optimizer in the memory of the processor.
#[derive(Debug)]
pub struct StateRecord {
    optimizer: String,
    parameters: Shapes,
    states: BTreeSet<String>,
    tensors: Vec<(String, TensorData)>,
    scalars: Vec<(String, Scalar)>,
}

impl StateRecord {
    /// Writes the state to a file, as [`ModelOptimizer::save`] does.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(self, path: &Path) -> Result<(), Error> {
        let StateRecord { optimizer, parameters, states, tensors, scalars } = self;
        let shape_of = |(name, data): &(String, TensorData)| (name.clone(), data.shape().to_vec());
        let contents = Contents {
            parameters,
            states,
            tensors: tensors.iter().map(shape_of).collect(),
            scalars: scalars.iter().map(|(name, _)| name.clone()).collect(),
        };
        let contents = serde_json::to_string(&contents).map_err(|reason| file_error(path, reason))?;
        let tensors = tensors.into_iter().map(|(name, data)| {
            let (bytes, shape, dtype) = data.into_parts();
            burn_pack::Tensor::new(name, dtype, shape, None, bytes)
        });
        let mut writer = Writer::new(tensors.collect())
            .with_metadata(OPTIMIZER, &optimizer)
            .with_metadata(CONTENTS, &contents)
            .auto_extension(false)
            .overwrite(true);
        for (name, value) in scalars {
            writer = writer.with_scalar(&name, value);
        }
        writer.write_to_file(path).map_err(|reason| file_error(path, reason))
    }
}

impl ModelOptimizer {
    /// Returns the number of bytes of all tensors in the state.
    pub fn state_bytes(&self) -> usize {
        let Ok(shared_state) = self.shared_state() else {
            return 0;
        };
        let sink = flatten(&self.parameters, &shared_state);
        sink.tensors.iter().map(|(_, data)| data.as_bytes().len()).sum()
    }

    /// Writes the state of all parameters to a file in Burn's burnpack format, with a list of its contents.
    /// The same state gives the same bytes.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.record()?.save(path)
    }

    /// Copies the state of all parameters to the memory of the processor, from where it can be written while
    /// the optimizer goes on.
    ///
    /// # Errors
    /// [`Error::Usage`] if Burn's L-BFGS cannot record its state.
    pub fn record(&self) -> Result<StateRecord, Error> {
        let StateSink { tensors, scalars, .. } = flatten(&self.parameters, &self.shared_state()?);
        let has_state = |parameter: &&Parameter| parameter.state.is_some();
        let states = self.parameters.0.iter().filter(has_state).map(|parameter| parameter.path.clone());
        Ok(StateRecord {
            optimizer: self.name.clone(),
            parameters: self.parameters.shapes(),
            states: states.collect(),
            tensors,
            scalars,
        })
    }

    /// Loads a file that [`save`](Self::save) wrote, for the parameters of `model`. After an error the
    /// optimizer is unchanged.
    ///
    /// # Errors
    /// [`Error::File`] if the file is damaged or incomplete, or belongs to another optimizer or to parameters
    /// with other names or shapes.
    pub fn load<M: Module>(&mut self, path: &Path, model: &M, device: &Device) -> Result<(), Error> {
        let reader = Reader::from_file_exact(path).map_err(|reason| file_error(path, reason))?;
        match reader.metadata().get(OPTIMIZER) {
            Some(name) if *name == self.name => {}
            Some(name) => {
                let reason = format!("state of optimizer `{name}`, not of `{}`", self.name);
                return Err(file_error(path, reason));
            }
            None => return Err(file_error(path, "holds no optimizer state")),
        }
        let contents =
            reader.metadata().get(CONTENTS).ok_or_else(|| file_error(path, "has no list of contents"))?;
        let contents: Contents = serde_json::from_str(contents).map_err(|reason| file_error(path, reason))?;
        let mut parameters = Parameters::of(model, &self.rules);
        check_parameters(&contents, &parameters.shapes()).map_err(|reason| file_error(path, reason))?;

        let mut source = StateSource::new(reader.scalars().clone());
        let scalars: BTreeSet<String> = reader.scalars().keys().cloned().collect();
        let (mut tensors, mut types) = (Shapes::new(), Types::new());
        for tensor in reader.into_tensors().map_err(|reason| file_error(path, reason))? {
            let (name, dtype, shape, _, bytes) =
                tensor.into_parts().map_err(|reason| file_error(path, reason))?;
            tensors.insert(name.clone(), shape.to_vec());
            types.insert(name.clone(), dtype);
            source.insert_tensor(name, TensorData::from_bytes(bytes, shape, dtype));
        }
        if tensors != contents.tensors || scalars != contents.scalars {
            return Err(file_error(path, "its contents differ from its list of contents"));
        }
        for parameter in &mut parameters.0 {
            if contents.states.contains(&parameter.path) {
                parameter
                    .unflatten(&mut source, &tensors, &types, &self.extras, device)
                    .map_err(|reason| file_error(path, reason))?;
            }
        }
        // A file saved before the first step contains nothing about the model.
        if contents.parameters.is_empty() {
            parameters = Parameters::default();
        }
        let shared_state = SharedState::unflatten(&self.shared_state()?, &mut source);
        let shared_state = shared_state.ok_or_else(|| file_error(path, "the shared state is incomplete"))?;
        // An entry that would not be saved again was not understood.
        let again = flatten(&parameters, &shared_state);
        let known = |name: &String| again.tensors.iter().any(|(known, _)| known == name);
        if let Some(name) = tensors.keys().find(|name| !known(name)) {
            return Err(file_error(path, format!("`{name}` does not belong to these settings")));
        }
        if let (Method::Lbfgs(lbfgs), Some(data)) = (&mut self.method, &shared_state.lbfgs) {
            let bytes = Bytes::from_bytes_vec(data.as_bytes().to_vec());
            let loaded = LBFGS::clone(lbfgs).from_bytes(bytes);
            **lbfgs = loaded.map_err(|reason| file_error(path, reason))?;
        }
        self.parameters = parameters;
        let SharedState { steps, skipped, shared, .. } = shared_state;
        (self.steps, self.skipped, self.shared) = (steps, skipped, shared);
        Ok(())
    }

    fn shared_state(&self) -> Result<SharedState, Error> {
        let lbfgs = match &self.method {
            Method::Lbfgs(lbfgs) => {
                let bytes = lbfgs.into_bytes().map_err(|reason| Error::Usage(reason.to_string()))?;
                Some(TensorData::new(bytes.to_vec(), [bytes.len()]))
            }
            Method::Once | Method::Sharpness(_) => None,
        };
        Ok(SharedState { steps: self.steps, skipped: self.skipped, shared: self.shared.clone(), lbfgs })
    }
}

/// The state that does not belong to a parameter. Its prefix cannot be the name of a model's field.
struct SharedState {
    steps: u64,
    skipped: u64,
    shared: Vec<Option<Arc<SharedNumbers>>>,
    /// L-BFGS state as the bytes of Burn's own file.
    lbfgs: Option<TensorData>,
}

const TOGETHER: &str = "*";
const STEPS: &str = "steps";
const SKIPPED: &str = "skipped_steps";
const LBFGS_STATE: &str = "lbfgs";

impl SharedState {
    fn flatten(&self, sink: &mut StateSink) {
        sink.push_scalar(TOGETHER, STEPS, Scalar::from(self.steps));
        sink.push_scalar(TOGETHER, SKIPPED, Scalar::from(self.skipped));
        for (place, shared) in self.shared.iter().enumerate() {
            let Some(shared) = shared else {
                continue;
            };
            let prefix = shared_prefix(place);
            sink.push_scalar(&prefix, STEPS, Scalar::from(shared.step));
            for (name, number) in shared.names.iter().zip(&shared.numbers) {
                sink.push_scalar(&prefix, name, Scalar::from(*number));
            }
        }
        if let Some(lbfgs) = &self.lbfgs {
            sink.push_tensor(TOGETHER, LBFGS_STATE, lbfgs.clone());
        }
    }

    /// Reads the shared state from `source`, with the same structure as `like`.
    fn unflatten(like: &Self, source: &mut StateSource) -> Option<Self> {
        let count = |source: &mut StateSource, prefix: &str, name: &str| {
            u64::try_from(source.take_scalar(prefix, name)?).ok()
        };
        let mut shared = Vec::new();
        for (place, like) in like.shared.iter().enumerate() {
            let prefix = shared_prefix(place);
            shared.push(match like {
                None => None,
                Some(like) => {
                    let number = |name: &&str| f64::try_from(source.take_scalar(&prefix, name)?).ok();
                    let numbers = like.names.iter().map(number).collect::<Option<Vec<f64>>>()?;
                    let step = count(source, &prefix, STEPS)?;
                    Some(Arc::new(SharedNumbers { step, names: like.names.clone(), numbers }))
                }
            });
        }
        let steps = count(source, TOGETHER, STEPS)?;
        let skipped = count(source, TOGETHER, SKIPPED)?;
        let lbfgs = match &like.lbfgs {
            Some(_) => Some(source.take_tensor(TOGETHER, LBFGS_STATE)?),
            None => None,
        };
        Some(SharedState { steps, skipped, shared, lbfgs })
    }
}

fn shared_prefix(rule: usize) -> String {
    format!("{TOGETHER}.rule-{rule}")
}

/// Collects everything that is saved, with the parameters in the order of their paths.
fn flatten(parameters: &Parameters, shared_state: &SharedState) -> StateSink {
    let mut sink = StateSink::default();
    shared_state.flatten(&mut sink);
    let mut parameters: Vec<&Parameter> = parameters.0.iter().collect();
    parameters.sort_by_key(|parameter| &parameter.path);
    parameters.iter().for_each(|parameter| parameter.flatten(&mut sink));
    sink
}

impl Parameters {
    fn shapes(&self) -> Shapes {
        self.0.iter().map(|parameter| (parameter.path.clone(), parameter.shape.clone())).collect()
    }
}

impl Parameter {
    fn flatten(&self, sink: &mut StateSink) {
        match (self.kind(), &self.state) {
            (_, Some(ParameterState::Own(memory))) => {
                let numbers = self.declared().map_or(&[][..], |declared| declared.numbers);
                memory.flatten(numbers, &self.path, sink);
            }
            (Some(Kind::Burn(rule)), Some(ParameterState::Burn(state))) => {
                rule.state_flatten(&self.path, state, sink);
            }
            _ => {}
        }
        for (name, buffer) in [(SLOW_WEIGHTS, &self.slow), (WEIGHT_AVERAGE, &self.average)] {
            if let Some(buffer) = buffer {
                sink.push_tensor(&self.path, name, buffer.clone().into_data());
            }
        }
    }

    /// Reads its state and its average from `source`, which holds tensors with the names and shapes in
    /// `saved` and the element types in `types`.
    fn unflatten(
        &mut self,
        source: &mut StateSource,
        saved: &Shapes,
        types: &Types,
        extras: &Extras,
        device: &Device,
    ) -> Result<(), String> {
        let path = &self.path;
        let incomplete = || format!("the state of `{path}` is incomplete");
        let state = match (self.kind(), self.declared()) {
            (_, Some(declared)) => {
                self.check_formats(&declared, types)?;
                self.check_buffers(&declared, saved)?;
                let names = declared.buffers.iter().map(|buffer| (buffer.name, buffer.format));
                let memory = Memory::unflatten(names, declared.numbers, path, source, device);
                let memory = memory.filter(|memory| memory.names.len() == declared.buffers.len());
                memory.map(ParameterState::Own)
            }
            (Some(Kind::Burn(rule)), _) => {
                rule.state_unflatten(self.shape.len(), path, source, device).map(ParameterState::Burn)
            }
            _ => None,
        };
        self.state = Some(state.ok_or_else(incomplete)?);
        for (name, buffer, is_kept) in [
            (SLOW_WEIGHTS, &mut self.slow, extras.lookahead.is_some()),
            (WEIGHT_AVERAGE, &mut self.average, extras.average.is_some()),
        ] {
            *buffer = match (source.take_tensor(path, name), is_kept) {
                (Some(data), true) => Some(Buffer::from_data(data, device)),
                (None, false) => None,
                (Some(_), false) => {
                    return Err(format!("holds `{name}` of `{path}`, which these settings do not keep"));
                }
                (None, true) => return Err(format!("holds no `{name}` of `{path}`")),
            };
        }
        Ok(())
    }
}

fn file_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::File { path: path.into(), reason: reason.to_string() }
}
