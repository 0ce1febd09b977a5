//! How an optimizer's state is saved and loaded.

use super::ModelOptimizer;
use super::parameter_rule::Kind;
use super::parameters::{Parameter, Parameters, State};
use crate::error::Error;
use crate::kernel::Buffer;
use crate::optim::memory::{Declared, Memory};
use burn::module::Module;
use burn::optim::{StateSink, StateSource};
use burn::tensor::{Device, TensorData};
use burn_pack::{Reader, Writer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const OPTIMIZER: &str = "optimizer";
const CONTENTS: &str = "contents";

/// The name of the average of the weights beside the buffers of the rule.
const WEIGHT_AVERAGE: &str = "weight_average";

type Shapes = BTreeMap<String, Vec<usize>>;

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

impl ModelOptimizer {
    /// The bytes of all tensors that the state consists of.
    pub fn state_bytes(&self) -> usize {
        let mut sink = StateSink::default();
        self.parameters.0.iter().for_each(|parameter| parameter.flatten(&mut sink));
        sink.tensors.iter().map(|(_, data)| data.as_bytes().len()).sum()
    }

    /// Writes the state of all parameters to a file in Burn's burnpack format, with a list of what is in it. The same
    /// state gives the same bytes.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut sink = StateSink::default();
        let mut parameters: Vec<&Parameter> = self.parameters.0.iter().collect();
        parameters.sort_by_key(|parameter| &parameter.path);
        for parameter in &parameters {
            parameter.flatten(&mut sink);
        }
        let shape_of = |(name, data): &(String, TensorData)| (name.clone(), data.shape().to_vec());
        let contents = Contents {
            parameters: self.parameters.shapes(),
            states: parameters.iter().filter(|p| p.state.is_some()).map(|p| p.path.clone()).collect(),
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
        writer.write_to_file(path).map_err(|reason| file_error(path, reason))
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
        let contents =
            reader.metadata().get(CONTENTS).ok_or_else(|| file_error(path, "no list of contents"))?;
        let contents: Contents = serde_json::from_str(contents).map_err(|reason| file_error(path, reason))?;
        let mut parameters = Parameters::of(model, &self.rules);
        check_parameters(&contents, &parameters.shapes()).map_err(|reason| file_error(path, reason))?;

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
            return Err(file_error(path, "holds something else than its list of contents says"));
        }
        for parameter in &mut parameters.0 {
            if contents.states.contains(&parameter.path) {
                parameter
                    .unflatten(&mut source, &tensors, self.average.is_some(), device)
                    .map_err(|reason| file_error(path, reason))?;
            }
        }
        // A file from before the first step knows nothing of the model.
        self.parameters = if contents.parameters.is_empty() { Parameters::default() } else { parameters };
        Ok(())
    }
}

impl Parameters {
    fn shapes(&self) -> Shapes {
        self.0.iter().map(|parameter| (parameter.path.clone(), parameter.shape.clone())).collect()
    }
}

impl Parameter {
    fn flatten(&self, sink: &mut StateSink) {
        match (&self.rule, &self.state) {
            (_, Some(State::Own(memory))) => {
                let numbers = self.declared().map_or(&[][..], |declared| declared.numbers);
                memory.flatten(numbers, &self.path, sink);
            }
            (Some(Kind::Burn(rule)), Some(State::Burn(state))) => {
                rule.state_flatten(&self.path, state, sink);
            }
            _ => {}
        }
        if let Some(average) = &self.average {
            sink.push_tensor(&self.path, WEIGHT_AVERAGE, average.clone().into_data());
        }
    }

    /// Takes its state and its average from `source`, which holds tensors of the names and shapes `saved`.
    fn unflatten(
        &mut self,
        source: &mut StateSource,
        saved: &Shapes,
        has_average: bool,
        device: &Device,
    ) -> Result<(), String> {
        let path = &self.path;
        let incomplete = || format!("the state of `{path}` is incomplete");
        let state = match (&self.rule, self.declared()) {
            (_, Some(declared)) => {
                self.check_buffers(&declared, saved)?;
                let names = declared.buffers.iter().map(|&(name, _)| name);
                let memory = Memory::unflatten(names, declared.numbers, path, source, device);
                let memory = memory.filter(|memory| memory.names.len() == declared.buffers.len());
                memory.map(State::Own)
            }
            (Some(Kind::Burn(rule)), _) => {
                rule.state_unflatten(self.shape.len(), path, source, device).map(State::Burn)
            }
            _ => None,
        };
        self.state = Some(state.ok_or_else(incomplete)?);
        let average = source.take_tensor(path, WEIGHT_AVERAGE);
        match (average, has_average) {
            (Some(average), true) => self.average = Some(Buffer::from_data(average, device)),
            (None, false) => {}
            (Some(_), false) => return Err(format!("holds an average of `{path}`, which is not asked for")),
            (None, true) => return Err(format!("holds no average of `{path}`")),
        }
        Ok(())
    }

    /// Whether every buffer that was saved is one that the rule has, and has its shape.
    fn check_buffers(&self, declared: &Declared, saved: &Shapes) -> Result<(), String> {
        let path = &self.path;
        let own = saved.iter().filter_map(|(name, shape)| {
            let name = name.strip_prefix(path)?.strip_prefix('.')?;
            (!name.contains('.')).then_some((name, shape))
        });
        for (name, shape) in own {
            let expected = match name {
                WEIGHT_AVERAGE => Some(self.shape.clone()),
                name => declared.shape_of(name, &self.shape),
            };
            match expected {
                None => return Err(format!("holds `{name}` of `{path}`, which these settings do not keep")),
                Some(expected) if *shape != expected => {
                    return Err(format!("`{name}` of `{path}` has shape {shape:?}, not {expected:?}"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether a file with `contents` is for a model with parameters of these `shapes`, or else why not.
fn check_parameters(contents: &Contents, shapes: &Shapes) -> Result<(), String> {
    let saved = &contents.parameters;
    if let Some(parameter) = contents.states.iter().find(|name| !saved.contains_key(*name)) {
        return Err(format!("`{parameter}` has state and is not in the list of parameters"));
    }
    if saved.is_empty() {
        // Saved before the first step: there is nothing to fit.
        return Ok(());
    }
    for (parameter, shape) in saved {
        match shapes.get(parameter) {
            Some(expected) if expected == shape => {}
            Some(expected) => {
                return Err(format!("`{parameter}` has shape {shape:?}, in the model {expected:?}"));
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
    Error::File { path: path.into(), reason: reason.to_string() }
}
