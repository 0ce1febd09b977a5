//! Saving and loading an optimizer's state.

use crate::Error;
use crate::driver::beside::{Beside, Kept};
use crate::driver::lbfgs::{self, LbfgsState};
use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{Parameter, ParameterState, Parameters};
use crate::driver::saved_form::{Shapes, Types, check_parameters};
use crate::driver::shared_state::SharedState;
use crate::driver::{Method, ModelOptimizer};
use crate::rule::memory::Memory;
use burn::module::Module;
use burn::optim::{LBFGS, StateSink, StateSource};
use burn::tensor::{Bytes, Device, TensorData};
use burn_pack::{Reader, Scalar, Writer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

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
        let sink = flatten(&self.parameters, &shared_state, self.kept());
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
        let StateSink { tensors, scalars, .. } =
            flatten(&self.parameters, &self.shared_state()?, self.kept());
        let has_state = |parameter: &&Parameter| parameter.state.is_some() || !parameter.beside.is_empty();
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
                parameter.is_moved = true;
                parameter
                    .unflatten(&mut source, &tensors, &types, self.kept(), device)
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
        let again = flatten(&parameters, &shared_state, self.kept());
        let known = |name: &String| again.tensors.iter().any(|(known, _)| known == name);
        if let Some(name) = tensors.keys().find(|name| !known(name)) {
            return Err(file_error(path, format!("`{name}` does not belong to these settings")));
        }
        let lbfgs_len = shared_state.lbfgs.as_ref().and_then(LbfgsState::len);
        if lbfgs_len.is_some_and(|len| len != lbfgs::elements(model, &parameters)) {
            return Err(file_error(path, "its L-BFGS has another number of elements"));
        }
        let learned = shared_state.factors.0.len();
        if self.extras.mechanic.is_some_and(|mechanic| learned > 0 && learned != mechanic.decays) {
            return Err(file_error(path, format!("its `mechanic` has {learned} `decays`")));
        }
        if let (Method::Lbfgs(lbfgs), Some(state)) = (&mut self.method, &shared_state.lbfgs) {
            lbfgs.state = state.clone();
        }
        if let (Method::BurnLbfgs(lbfgs), Some(data)) = (&mut self.method, &shared_state.burns_lbfgs) {
            let bytes = Bytes::from_bytes_vec(data.as_bytes().to_vec());
            let loaded = LBFGS::clone(lbfgs).from_bytes(bytes);
            **lbfgs = loaded.map_err(|reason| file_error(path, reason))?;
        }
        self.parameters = parameters;
        let SharedState { steps, skipped, largest_lr, factors, shared, .. } = shared_state;
        (self.steps, self.skipped, self.shared) = (steps, skipped, shared);
        (self.largest_lr, self.factors) = (largest_lr.unwrap_or(0.0), factors);
        self.follow_schedules(steps.saturating_sub(1));
        Ok(())
    }

    fn kept(&self) -> Kept<'_> {
        Kept { extras: &self.extras, filter: self.filter }
    }

    fn shared_state(&self) -> Result<SharedState, Error> {
        let lbfgs = match &self.method {
            Method::Lbfgs(lbfgs) => Some(lbfgs.state.clone()),
            _ => None,
        };
        let burns_lbfgs = match &self.method {
            Method::BurnLbfgs(lbfgs) => {
                let bytes = lbfgs.into_bytes().map_err(|reason| Error::Usage(reason.to_string()))?;
                Some(TensorData::new(bytes.to_vec(), [bytes.len()]))
            }
            _ => None,
        };
        let (steps, skipped, shared) = (self.steps, self.skipped, self.shared.clone());
        let largest_lr = self.extras.ema_nesterov.map(|_| self.largest_lr);
        let factors = self.factors.clone();
        Ok(SharedState { steps, skipped, largest_lr, factors, shared, lbfgs, burns_lbfgs })
    }
}

/// Collects everything that is saved, with the parameters in the order of their paths.
fn flatten(parameters: &Parameters, shared_state: &SharedState, kept: Kept<'_>) -> StateSink {
    let mut sink = StateSink::default();
    shared_state.flatten(&mut sink);
    let mut parameters: Vec<&Parameter> = parameters.0.iter().collect();
    parameters.sort_by_key(|parameter| &parameter.path);
    parameters.iter().for_each(|parameter| parameter.flatten(kept, &mut sink));
    sink
}

impl Parameters {
    fn shapes(&self) -> Shapes {
        self.0.iter().map(|parameter| (parameter.path.clone(), parameter.shape.clone())).collect()
    }
}

impl Parameter {
    fn flatten(&self, kept: Kept<'_>, sink: &mut StateSink) {
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
        self.beside.flatten(&self.path, kept, sink);
    }

    /// Reads its state and that of the operations around its rule from `source`, which holds tensors with the
    /// names and shapes in `saved` and the element types in `types`.
    fn unflatten(
        &mut self,
        source: &mut StateSource,
        saved: &Shapes,
        types: &Types,
        kept: Kept<'_>,
        device: &Device,
    ) -> Result<(), String> {
        let path = &self.path;
        let incomplete = || format!("the state of `{path}` is incomplete");
        let state = match (self.kind(), self.declared()) {
            (_, Some(declared)) => {
                self.check_formats(&declared, types)?;
                self.check_buffers(&declared, saved, kept)?;
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
        // Some of Burn's rules keep nothing for a parameter, and L-BFGS keeps everything together.
        let may_lack = matches!(self.kind(), Some(Kind::Burn(_) | Kind::Lbfgs));
        self.state = if may_lack { state } else { Some(state.ok_or_else(incomplete)?) };
        self.beside = Beside::unflatten(path, kept, source, device)?;
        Ok(())
    }
}

fn file_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::File { path: path.into(), reason: reason.to_string() }
}
