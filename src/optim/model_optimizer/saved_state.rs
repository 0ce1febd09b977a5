//! How an optimizer's state is saved and loaded.

use super::{ModelOptimizer, Shapes, parameter_shapes};
use crate::error::Error;
use burn::module::Module;
use burn::optim::{StateSink, StateSource};
use burn::tensor::{Device, TensorData};
use burn_pack::{Reader, Writer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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

impl ModelOptimizer {
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
            return Err(file_error(path, "holds something else than its list of contents says"));
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
