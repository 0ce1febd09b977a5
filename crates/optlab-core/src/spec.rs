//! Specs, which name optimizers and schedules: `name` or `name:key=value,key=value` in a line of text, or a
//! table in TOML or JSON. Both forms become the same JSON object, whose `tag` field holds the name.
//!
//! The value of a field may be a spec itself. In text it is only a name, or the rest of the line from its
//! `name:` on, or stands in parentheses: `muon:other=adamw,nesterov=false`,
//! `muon:nesterov=false,other=adamw:beta_1=0.8`, `muon:other=(adamw:beta_1=0.8),nesterov=false`. In a table
//! it is a text or a table. A list stands in brackets: `multi_step:milestones=[30%,60%]`,
//! `product:schedules=[(cosine:min_lr=0.01),step]`. A spec of another family may stand in place of a number:
//! `adamw:beta_1=(linear:from=0.8,to=0.9)`.
//!
//! A text has at most [`LONGEST`] bytes and a spec at most [`MOST_LEVELS`] levels, itself included. That is
//! enough for every wrapper around every other one; what is read recursively stays within any stack.

mod limits;
mod parse;
mod shorthand;

pub use limits::{LONGEST, MOST_LEVELS, check_depth, check_length};
pub use parse::{elements, parse_text, parse_value};
pub use shorthand::Shorthand;

use crate::error::Error;
use limits::inside;
use parse::{NONE, parse_levels};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A family of specs: an enum of structs, tagged with their names.
pub trait Spec: Serialize + DeserializeOwned {
    /// The word for a spec in messages: "optimizer" or "schedule".
    const KIND: &'static str;
    /// The field that holds the name: "rule" or "schedule".
    const TAG: &'static str;
    /// The fields, of any spec, whose value is a spec of the same family or a list of them.
    const NESTED: &'static [&'static str];
    /// The fields whose value is a spec of another family, which stays a text.
    const FOREIGN: &'static [&'static str];
    /// The text in listings for a field without a default value.
    const NO_VALUE: &'static str;

    /// The wrapper whose fields may be written among the fields of its base.
    const SHORTHAND: Option<Shorthand> = None;

    /// Returns every name, in the order of listings.
    fn names() -> Vec<&'static str>;

    /// Returns the spec of that name with its default settings.
    fn default_of(name: &str) -> Option<Self>;

    /// Reads the table or text `given` for the number `field` of the spec `name`, where a spec of another
    /// family may stand in place of the number. Returns the table of that spec; `None` if `given` is none.
    fn read_for_number(_name: &str, _field: &str, _given: &Value) -> Option<Result<Value, Error>> {
        None
    }

    /// Returns the text of a table that [`read_for_number`](Self::read_for_number) returned; `None` for
    /// another table.
    fn text_for_number(_table: &Value) -> Option<String> {
        None
    }
}

/// Checks that a program may add a spec called `name`, so that texts with this name are read correctly.
///
/// # Errors
/// [`Error::InvalidConfig`] for a name with anything but letters, digits, `_`, `-` and `.`.
pub fn check_name<S: Spec>(name: &str) -> Result<(), Error> {
    check_plain_name(S::KIND, name)
}

/// Checks a name of the given kind: it can be written in text, in TOML and as the name of a file.
///
/// # Errors
/// [`Error::InvalidConfig`] unless it is letters, digits, `_`, `-` and `.`.
pub fn check_plain_name(kind: &str, name: &str) -> Result<(), Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(Error::invalid(kind, "name", "letters, digits, `_`, `-` and `.`", name));
    }
    Ok(())
}

/// Reads a spec from a JSON object or a text, after checking its name and its fields.
///
/// # Errors
/// [`Error::UnknownName`], [`Error::UnknownField`] with the nearest known one; [`Error::InvalidConfig`] for a
/// value of the wrong type; [`Error::Usage`] for a text or a value of another form. Errors of a nested spec
/// name that spec.
pub fn from_value<S: Spec>(value: &Value) -> Result<S, Error> {
    let table = checked::<S>(value, MOST_LEVELS)?;
    serde_json::from_value(table.clone()).map_err(|reason| {
        let told = || Error::Usage(format!("{}: {reason}", S::KIND));
        wrong_field::<S>(&table).unwrap_or_else(told)
    })
}

/// Returns the table of a spec of at most so many levels, whose fields are all known; nested specs become
/// tables, too.
fn checked<S: Spec>(value: &Value, levels: usize) -> Result<Value, Error> {
    let object = match value {
        Value::Object(object) => object,
        Value::String(text) => {
            check_length(S::KIND, text)?;
            return checked::<S>(&parse_levels::<S>(text, levels)?, levels);
        }
        other => {
            return Err(Error::Usage(format!("{} must be a text or a table, not {other}", S::KIND)));
        }
    };
    let name = object.get(S::TAG).and_then(Value::as_str).ok_or_else(|| {
        Error::Usage(format!("{}: its table needs the name in the field `{}`", S::KIND, S::TAG))
    })?;
    let default = default_table::<S>(name).ok_or_else(|| Error::unknown_name(S::KIND, name, &S::names()))?;
    if let Some(expanded) = shorthand::expanded::<S>(name, object, &default) {
        return checked::<S>(&expanded, levels);
    }
    let levels = inside::<S>(levels)?;
    let mut table = Map::new();
    for (field, given) in object {
        let Some(default_value) = default.get(field) else {
            let fields: Vec<&str> = default.keys().map(String::as_str).filter(|key| *key != S::TAG).collect();
            return Err(Error::unknown_field(&format!("{} `{name}`", S::KIND), field, &fields));
        };
        let is_other = S::NESTED.contains(&field.as_str()) || S::FOREIGN.contains(&field.as_str());
        let is_number = default_value.is_number() || default_value.is_null();
        if is_number
            && !is_other
            && (given.is_object() || given.is_string())
            && let Some(read) = S::read_for_number(name, field, given)
        {
            table.insert(field.clone(), read?);
            continue;
        }
        // Null may be a value of the field: the type decides, below.
        if default_value.is_number() && !given.is_number() && !given.is_null()
            || default_value.is_boolean() && !given.is_boolean()
        {
            let allowed = if default_value.is_number() { "a finite number" } else { "true or false" };
            return Err(Error::invalid(name, field, allowed, text_of_field::<S>(given)));
        }
        let value = match given {
            given if given.is_null() || !S::NESTED.contains(&field.as_str()) => given.clone(),
            Value::Array(list) => {
                let levels = inside::<S>(levels)?;
                let specs = list.iter().map(|spec| checked::<S>(spec, levels));
                Value::Array(specs.collect::<Result<_, _>>()?)
            }
            given => checked::<S>(given, levels)?,
        };
        table.insert(field.clone(), value);
    }
    Ok(Value::Object(table))
}

/// Finds the first value of the wrong type in the table of a spec, the innermost spec first, by trying one
/// field after the other; `None` if each is right by itself.
fn wrong_field<S: Spec>(table: &Value) -> Option<Error> {
    let table = table.as_object()?;
    let nested = table.iter().filter(|(field, _)| S::NESTED.contains(&field.as_str()));
    let specs = nested.flat_map(|(_, value)| match value {
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    });
    if let Some(error) = specs.into_iter().find_map(wrong_field::<S>) {
        return Some(error);
    }
    let name = table.get(S::TAG)?.as_str()?;
    let default = default_table::<S>(name)?;
    table.iter().find_map(|(field, value)| {
        let mut probe = default.clone();
        probe.insert(field.clone(), value.clone());
        let reason = serde_json::from_value::<S>(Value::Object(probe)).err()?;
        let allowed = format!("of the right type ({reason})");
        Some(Error::invalid(name, field, &allowed, text_of_field::<S>(value)))
    })
}

/// Refuses the table of a spec whose name this program does not know, in one short line: serde would list all
/// names. A program that registers the name can read the table.
///
/// # Errors
/// [`Error::UnknownName`].
pub fn check_known<S: Spec>(table: &Value) -> Result<(), Error> {
    match table.get(S::TAG).and_then(Value::as_str) {
        Some(name) if S::default_of(name).is_none() => {
            Err(Error::unknown_name(S::KIND, name, &S::names()).or_registered_elsewhere())
        }
        _ => Ok(()),
    }
}

/// Returns the fields of the spec of that name with their defaults.
fn default_table<S: Spec>(name: &str) -> Option<Map<String, Value>> {
    match to_value(&S::default_of(name)?) {
        Value::Object(table) => Some(table),
        _ => None,
    }
}

/// Returns the shortest text that [`parse_text`] and [`from_value`] turn into `spec` again: the name and the
/// fields that differ from the defaults. A nested spec with fields comes last, where it needs no parentheses.
pub fn to_text<S: Spec>(spec: &S) -> String {
    text_of_table::<S>(&to_value(spec))
}

fn text_of_table<S: Spec>(table: &Value) -> String {
    if let Some(short) = shorthand::contracted::<S>(table) {
        return text_of_table::<S>(&short);
    }
    let name = table[S::TAG].as_str().unwrap_or_default();
    let default = default_table::<S>(name);
    let differing = table
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != S::TAG)
        .filter(|(key, value)| default.as_ref().and_then(|default| default.get(*key)) != Some(value));
    let (mut fields, mut nested) = (Vec::new(), Vec::new());
    for (key, value) in differing {
        let mut text = text_of_field::<S>(value);
        let is_foreign = S::FOREIGN.contains(&key.as_str()) || S::text_for_number(value).is_some();
        if is_foreign && text.contains(':') {
            text = format!("({text})");
        }
        if value.is_object() && text.contains(':') && !is_foreign {
            nested.push((key, text));
        } else {
            fields.push(format!("{key}={text}"));
        }
    }
    let last = nested.pop().map(|(key, text)| format!("{key}={text}"));
    fields.extend(nested.into_iter().map(|(key, text)| format!("{key}=({text})")));
    fields.extend(last);
    if fields.is_empty() { name.into() } else { format!("{name}:{}", fields.join(",")) }
}

fn text_of_field<S: Spec>(value: &Value) -> String {
    match value {
        Value::Object(table) if table.contains_key(S::TAG) => text_of_table::<S>(value),
        Value::Object(_) => S::text_for_number(value).unwrap_or_else(|| text_of(value)),
        Value::Array(list) => {
            let element = |value: &Value| {
                let text = text_of_field::<S>(value);
                if value.is_object() && text.contains(':') { format!("({text})") } else { text }
            };
            format!("[{}]", list.iter().map(element).collect::<Vec<_>>().join(","))
        }
        value => text_of(value),
    }
}

/// Returns the fields of a spec and their values, for listings.
pub fn fields<S: Spec>(spec: &S) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::Null => S::NO_VALUE.into(),
        value => text_of_field::<S>(value),
    };
    to_value(spec)
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != S::TAG)
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

/// Implements reading and writing a [`Spec`] as text.
#[macro_export]
macro_rules! spec_as_text {
    ($spec:ty) => {
        impl std::str::FromStr for $spec {
            type Err = $crate::Error;

            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                $crate::spec::from_value(&$crate::spec::parse_text::<Self>(text)?)
            }
        }

        impl std::fmt::Display for $spec {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::spec::to_text(self))
            }
        }
    };
}

/// Returns the table of a spec.
pub fn to_value<T: Serialize>(spec: &T) -> Value {
    // Specs are plain structs of numbers, which JSON always holds.
    serde_json::to_value(spec).unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => NONE.into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
