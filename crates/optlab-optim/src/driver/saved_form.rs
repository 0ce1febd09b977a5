//! The form of saved state, and whether it belongs to an optimizer and a model.

use crate::driver::beside::{Beside, Kept};
use crate::driver::parameters::Parameter;
use crate::driver::saved_state::Contents;
use crate::rule::memory::{Declared, SCALES};
use burn::tensor::DType;
use optlab_kernel::Format;
use std::collections::BTreeMap;

pub(crate) type Shapes = BTreeMap<String, Vec<usize>>;

/// The element types of saved tensors.
pub(crate) type Types = BTreeMap<String, DType>;

impl Parameter {
    /// Checks that every saved buffer is one that the rule declares, with the declared shape.
    pub fn check_buffers(&self, declared: &Declared, saved: &Shapes, kept: Kept<'_>) -> Result<(), String> {
        let path = &self.path;
        let own = saved.iter().filter_map(|(name, shape)| {
            let name = name.strip_prefix(path)?.strip_prefix('.')?;
            (!name.contains('.')).then_some((name, shape))
        });
        for (name, shape) in own {
            let expected = match name {
                name if Beside::is_known(name, kept) => Some(self.shape.clone()),
                name => declared.shape_of(name, &self.shape).or_else(|| {
                    let buffer = name.strip_suffix(SCALES)?;
                    declared.scales_of(buffer, self.shape.iter().product())
                }),
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

    /// Checks that every saved buffer is stored in as many bits as these settings keep.
    pub fn check_formats(&self, declared: &Declared, types: &Types) -> Result<(), String> {
        let path = &self.path;
        for buffer in &declared.buffers {
            let Some(saved) = types.get(&format!("{path}.{}", buffer.name)) else {
                continue;
            };
            let kept = buffer.format.map_or(DType::F32, Format::dtype);
            if bits(*saved) != bits(kept) {
                return Err(format!(
                    "holds `{}` of `{path}` in {}, and these settings keep it in {}",
                    buffer.name,
                    bits(*saved),
                    bits(kept)
                ));
            }
        }
        Ok(())
    }
}

/// Returns how a buffer is stored, for messages.
fn bits(dtype: DType) -> &'static str {
    match dtype {
        DType::U8 => "8 bits",
        DType::BF16 => "16 bits",
        _ => "32 bits or more",
    }
}

/// Checks that a file with `contents` matches a model with parameters of these `shapes`; the error says why
/// not.
pub(crate) fn check_parameters(contents: &Contents, shapes: &Shapes) -> Result<(), String> {
    let saved = &contents.parameters;
    if let Some(parameter) = contents.states.iter().find(|name| !saved.contains_key(*name)) {
        return Err(format!("`{parameter}` has state and is not in the list of parameters"));
    }
    if saved.is_empty() {
        // Saved before the first step: there is nothing to compare.
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
        Some(parameter) => Err(format!("holds no state of the model's parameter `{parameter}`")),
        None => Ok(()),
    }
}
