//! Models named by a text or a table: `mlp=[64,64],dropout=0.1` or `{ mlp = [64, 64], dropout = 0.1 }`.

mod choice;
mod fields;
mod layer_spec;
mod network;
mod patch;
mod slot;
mod text;

pub use choice::{Activation, Cell, Norm, Padding, Pool, Pooling, Positions};
pub use fields::ModelField;
pub use layer_spec::LayerSpec;
pub use network::{CnnSpec, GptSpec, MlpSpec, NetworkSpec, RecurrentSpec, TransformerSpec};
pub use patch::ModelPatch;
pub(crate) use text::OWNER;

use crate::Error;
use fields::{FIELDS, KINDS};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use slot::{Field, Slot};
use std::fmt;
use std::str::FromStr;
use text::text_of;

/// A model: its kind and the fields of this kind.
///
/// One field names the kind and says how large it is; the others have defaults. [`ModelSpec::fields`] lists
/// all of them.
///
/// | kind                                 | model                                                        |
/// |:-------------------------------------|:-------------------------------------------------------------|
/// | `linear`                             | one dense layer                                                |
/// | `mlp = [units, …]`                   | dense layers, [`MlpSpec`]                                      |
/// | `cnn = [filters, …]`                 | convolutions, then dense layers, [`CnnSpec`]                   |
/// | `rnn`, `gru`, `lstm = units` or a list | recurrent layers, [`RecurrentSpec`]                            |
/// | `transformer = blocks`               | attention blocks, [`TransformerSpec`]                          |
/// | `gpt = blocks`                       | a decoder for workloads that predict the next token, [`GptSpec`] |
/// | `layers = [layer, …]`                | these layers, then a dense layer of outputs, [`LayerSpec`]     |
///
/// In JSON and TOML it is a table with every field; a text or a table may leave out fields with their
/// default. Equal specs have equal JSON.
///
/// # Example
/// ```
/// use optlab_train::model::ModelSpec;
///
/// let mut spec: ModelSpec = "mlp=[64,64],dropout=0.1".parse()?;
/// spec.set("dropout", &0.2.into())?;
/// assert_eq!(spec.to_string(), "mlp=[64,64],dropout=0.2");
/// let error = spec.set("dropout", &1.0.into()).unwrap_err();
/// assert_eq!(error.to_string(), "model: `dropout` must be in [0, 1), not 1");
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The kind, with its fields.
    pub network: NetworkSpec,
    /// Width of the embedding of tokens and of each category, at least 1; `None` for half the number of
    /// tokens or categories, rounded up, at most 50 — for the tokens of a transformer, its width.
    pub embedding: Option<usize>,
}

impl ModelSpec {
    /// Returns the kind called `kind` with the default of every field. The default of `layers` is an empty
    /// list, which is no model yet.
    ///
    /// # Errors
    /// [`UnknownName`](optlab_core::Error::UnknownName).
    pub fn default_of(kind: &str) -> Result<Self, Error> {
        let network =
            NetworkSpec::default_of(kind).ok_or_else(|| Error::unknown_name(OWNER, kind, &KINDS))?;
        Ok(ModelSpec { network, embedding: None })
    }

    /// Returns the fields of all kinds, in the order of listings.
    pub fn fields() -> &'static [ModelField] {
        &FIELDS
    }

    /// Returns all kinds, in the order of listings.
    pub fn kinds() -> &'static [&'static str] {
        &KINDS
    }

    /// Returns the name of its kind.
    pub fn kind(&self) -> &'static str {
        self.network.kind()
    }

    /// Reads a text or a table.
    ///
    /// # Errors
    /// [`UnknownField`](optlab_core::Error::UnknownField) with the nearest known one,
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a value of the wrong type or out of its
    /// range, [`Usage`](optlab_core::Error::Usage) without a kind, with two kinds or for a malformed text.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        ModelPatch::from_value(value)?.into_spec()
    }

    /// Sets one field: one of its kind's, or the field of another kind, which changes the kind and keeps the
    /// fields that both have. `units` is the list of an `mlp`, a `cnn` or recurrent layers.
    ///
    /// Changes nothing if there is an error.
    ///
    /// # Errors
    /// [`UnknownField`](optlab_core::Error::UnknownField) for a field that the kind does not have,
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a value of the wrong type or out of its
    /// range.
    pub fn set(&mut self, field: &str, value: &Value) -> Result<(), Error> {
        let mut changed = self.clone();
        let has_units =
            matches!(self.network, NetworkSpec::Mlp(_) | NetworkSpec::Cnn(_) | NetworkSpec::Recurrent(_));
        let field = if field == "units" && has_units { self.kind() } else { field };
        if KINDS.contains(&field) && field != self.kind() {
            changed = self.with_kind(field)?;
        }
        changed.put(field, value)?;
        *self = changed;
        Ok(())
    }

    /// Checks every field; a program may have set one to anything of its type.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for the first field out of its range or NaN.
    pub fn check(&self) -> Result<(), Error> {
        let kind = self.kind();
        let mut spec = self.clone();
        spec.slots().into_iter().try_for_each(|(field, slot)| slot.check(kind, field))?;
        match &self.network {
            NetworkSpec::Transformer(TransformerSpec { heads, width, .. }) if width % heads != 0 => {
                let allowed = format!("a multiple of `heads`, {heads}");
                Err(Error::invalid(OWNER, "width", &allowed, width))
            }
            NetworkSpec::Gpt(GptSpec { heads, width, positions, .. }) => {
                let multiple = heads * if *positions == Positions::Rotary { 2 } else { 1 };
                match width % multiple {
                    0 => Ok(()),
                    _ => Err(Error::invalid(OWNER, "width", &format!("a multiple of {multiple}"), width)),
                }
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, field: &str, value: &Value) -> Result<(), Error> {
        let kind = self.kind();
        let mut slots = self.slots();
        let known: Vec<&str> = slots.iter().map(|(name, _)| *name).collect();
        let place = known.iter().position(|name| *name == field);
        let place = place.ok_or_else(|| Error::unknown_field(&format!("{OWNER} `{kind}`"), field, &known))?;
        slots.swap_remove(place).1.put(kind, field, value)
    }

    /// Returns the kind called `kind`, with the values of this model for the fields that both kinds have.
    fn with_kind(&self, kind: &str) -> Result<Self, Error> {
        let mut changed = ModelSpec::default_of(kind)?;
        for (field, value) in self.values().into_iter().skip(1) {
            // The last of the two dropout probabilities of a `cnn` is the one after dense layers.
            let last = value.as_array().and_then(|list| list.last());
            let value = if field == "dropout" && kind != "cnn" { last.unwrap_or(&value) } else { &value };
            if changed.slots().iter().any(|(known, _)| *known == field) {
                changed.put(field, value)?;
            }
        }
        Ok(changed)
    }

    /// Returns the fields; the first names the kind.
    fn slots(&mut self) -> Vec<Field<'_>> {
        // The tokens of a decoder have its width.
        let has_embedding = !matches!(self.network, NetworkSpec::Gpt(_));
        let mut fields = self.network.fields();
        if has_embedding {
            fields.push(("embedding", Slot::OptionalCount(&mut self.embedding)));
        }
        fields
    }

    /// Returns name and value of each field that is not left to its default.
    fn values(&self) -> Vec<(&'static str, Value)> {
        let mut spec = self.clone();
        let values = spec.slots().into_iter().map(|(name, slot)| Some((name, slot.value()?)));
        values.flatten().collect()
    }
}

impl fmt::Display for ModelSpec {
    /// Writes the shortest text of the spec: its kind and the fields that differ from their defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = ModelSpec::default_of(self.kind()).map(|spec| spec.values()).unwrap_or_default();
        for (place, (name, value)) in self.values().into_iter().enumerate() {
            match place {
                0 if value == true => f.write_str(name)?,
                0 => write!(f, "{name}={}", text_of(&value))?,
                _ if default.contains(&(name, value.clone())) => {}
                _ => write!(f, ",{name}={}", text_of(&value))?,
            }
        }
        Ok(())
    }
}

impl FromStr for ModelSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse::<ModelPatch>()?.into_spec()
    }
}

impl Serialize for ModelSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values())
    }
}

impl<'de> Deserialize<'de> for ModelSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ModelSpec::from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
