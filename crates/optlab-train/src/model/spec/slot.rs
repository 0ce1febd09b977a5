//! One field of a model's table: reads, writes and checks its value.

use crate::Error;
use crate::model::spec::choice::Choice;
use crate::model::spec::fields::allowed;
use crate::model::spec::layer_spec::LayerSpec;
use crate::model::spec::text::{OWNER, parse, text_of};
use optlab_core::range::{self, BELOW_ONE};
use serde_json::{Value, json};

/// The place of a field's value in a spec.
pub(super) enum Slot<'a> {
    /// `true`, the value of `linear`.
    Present,
    Count(&'a mut usize),
    /// `None` is the default, which depends on other sizes.
    OptionalCount(&'a mut Option<usize>),
    /// Counts, at least one of them if `is_required`; a list of one is written as a number if `is_plain`.
    Counts {
        counts: &'a mut Vec<usize>,
        is_required: bool,
        is_plain: bool,
    },
    /// A number in `[0, 1)`.
    Share(&'a mut f64),
    /// Two numbers in `[0, 1)`; two equal ones are written as one.
    TwoShares(&'a mut [f64; 2]),
    Flag(&'a mut bool),
    Choice(&'a mut dyn Choice),
    Layers(&'a mut Vec<LayerSpec>),
}

/// A field's name and its place.
pub(super) type Field<'a> = (&'static str, Slot<'a>);

impl Slot<'_> {
    /// Returns the value as JSON; `None` for a field that is left to its default.
    pub fn value(&self) -> Option<Value> {
        Some(match self {
            Slot::Present => json!(true),
            Slot::Count(count) => json!(count),
            Slot::OptionalCount(count) => json!((**count)?),
            Slot::Counts { counts, is_plain: true, .. } if counts.len() == 1 => json!(counts[0]),
            Slot::Counts { counts, .. } => json!(counts),
            Slot::Share(share) => json!(share),
            Slot::TwoShares([first, second]) if first == second => json!(first),
            Slot::TwoShares(shares) => json!(shares),
            Slot::Flag(flag) => json!(flag),
            Slot::Choice(choice) => json!(choice.chosen()),
            Slot::Layers(layers) => layers.iter().map(|layer| json!(layer.to_string())).collect(),
        })
    }

    /// Puts `value` into the field called `field` of a `kind` of model.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a value of another type or out of its range.
    pub fn put(self, kind: &str, field: &str, value: &Value) -> Result<(), Error> {
        if let Slot::Layers(layers) = self {
            return put_layers(layers, value);
        }
        // A list may stand in a text: a search lists its values so.
        let list = value.as_str().filter(|text| text.trim_start().starts_with('[')).map(parse).transpose()?;
        let value = list.as_ref().unwrap_or(value);
        let is_put = match self {
            Slot::Present => *value == json!(true),
            Slot::Count(count) => put(count, read_count(value)),
            Slot::OptionalCount(count) => match value {
                Value::Null => put(count, Some(None)),
                value => put(count, read_count(value).map(Some)),
            },
            Slot::Counts { counts, is_required, .. } => {
                let read = read_list(value, read_count);
                put(counts, read.filter(|counts| !(is_required && counts.is_empty())))
            }
            Slot::Share(share) => put(share, read_share(value)),
            Slot::TwoShares(shares) => {
                let read = match read_list(value, read_share).as_deref() {
                    Some(&[both]) => Some([both; 2]),
                    Some(&[first, second]) => Some([first, second]),
                    _ => None,
                };
                put(shares, read)
            }
            Slot::Flag(flag) => put(flag, value.as_bool()),
            // In a text `none` is the absent value.
            Slot::Choice(choice) => {
                choice.choose(if value.is_null() { "none" } else { value.as_str().unwrap_or_default() })
            }
            Slot::Layers(_) => unreachable!("layers are read above"),
        };
        if is_put { Ok(()) } else { Err(Error::invalid(OWNER, field, allowed(kind, field), text_of(value))) }
    }

    /// Checks the value, which a program may have set to anything of its type.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if it is out of its range.
    pub fn check(self, kind: &str, field: &str) -> Result<(), Error> {
        match self {
            Slot::Share(share) => Ok(range::check(OWNER, [(field, *share, BELOW_ONE)])?),
            Slot::TwoShares(shares) => {
                Ok(range::check(OWNER, shares.map(|share| (field, share, BELOW_ONE)))?)
            }
            Slot::Layers(layers) if !layers.is_empty() => layers.iter().try_for_each(LayerSpec::check),
            slot => match slot.value() {
                Some(value) => slot.put(kind, field, &value),
                None => Ok(()),
            },
        }
    }
}

/// Reads a list of layer texts.
fn put_layers(layers: &mut Vec<LayerSpec>, value: &Value) -> Result<(), Error> {
    let parsed = value.as_str().map(parse).transpose()?;
    let value = parsed.as_ref().unwrap_or(value);
    let invalid = || Error::invalid(OWNER, "layers", allowed("layers", "layers"), text_of(value));
    let list = value.as_array().filter(|list| !list.is_empty()).ok_or_else(invalid)?;
    let read = list.iter().map(|layer| layer.as_str().ok_or_else(invalid)?.parse());
    *layers = read.collect::<Result<_, _>>()?;
    Ok(())
}

fn put<T>(place: &mut T, value: Option<T>) -> bool {
    let is_some = value.is_some();
    if let Some(value) = value {
        *place = value;
    }
    is_some
}

/// Reads a whole number of at least 1; a search gives some of them as 3.0.
fn read_count(value: &Value) -> Option<usize> {
    let whole = |number: f64| (number.fract() == 0.0 && number < 1e15).then_some(number as u64);
    let count = value.as_u64().or_else(|| value.as_f64().filter(|number| *number >= 1.0).and_then(whole))?;
    usize::try_from(count).ok().filter(|count| *count >= 1)
}

fn read_share(value: &Value) -> Option<f64> {
    value.as_f64().filter(|share| BELOW_ONE.contains(*share))
}

/// Reads a list, or a value alone as a list of one.
fn read_list<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::Array(list) => list.iter().map(read).collect(),
        value => Some(vec![read(value)?]),
    }
}
