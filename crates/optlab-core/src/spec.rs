//! Specs, which name optimizers and schedules: `name` or `name:key=value,key=value` in a line of text, or a
//! table in TOML or JSON. Both forms become the same JSON object, whose `tag` field holds the name.
//!
//! The value of a field may be a spec itself. In text it is only a name, or the rest of the line from its
//! `name:` on, or stands in parentheses: `muon:other=adamw,nesterov=false`,
//! `muon:nesterov=false,other=adamw:beta_1=0.8`, `muon:other=(adamw:beta_1=0.8),nesterov=false`. In a table
//! it is a text or a table. A list stands in brackets: `multi_step:milestones=[30%,60%]`,
//! `product:schedules=[(cosine:min_lr=0.01),step]`.

use crate::error::Error;
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

    /// Returns every name, in the order of listings.
    fn names() -> Vec<&'static str>;

    /// Returns the spec of that name with its default settings.
    fn default_of(name: &str) -> Option<Self>;
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

/// The text for a field without a value.
const NONE: &str = "none";

/// Turns `name` or `name:key=value,key=value` into a JSON object `{tag: name, key: value, …}`.
///
/// Values are numbers, `true`, `false`, `none`, nested objects of the same form, lists of these, or else
/// text.
///
/// # Errors
/// [`Error::Usage`] if the text has another form, or the same key twice.
pub fn parse_text<S: Spec>(text: &str) -> Result<Value, Error> {
    let (name, mut rest) = text.split_once(':').unwrap_or((text, ""));
    let name = name.trim();
    let mut object = Map::new();
    object.insert(S::TAG.into(), name.into());
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return Ok(Value::Object(object));
        }
        let field = rest.split(',').next().unwrap_or(rest);
        let (key, _) = field.split_once('=').ok_or_else(|| {
            Error::Usage(format!(
                "{} `{text}`: `{field}` is not of the form key=value (write `{name}:key=value,key=value`)",
                S::KIND
            ))
        })?;
        let value;
        let after = &rest[key.len() + 1..];
        (value, rest) = if S::FOREIGN.contains(&key.trim()) {
            split_foreign::<S>(after)?
        } else {
            split_value::<S>(after)?
        };
        if object.insert(key.trim().into(), value).is_some() {
            return Err(Error::Usage(format!("{} `{text}`: `{}` is given twice", S::KIND, key.trim())));
        }
    }
}

/// Splits `text` into the spec of another family at its start, which is a name or in parentheses, and the
/// rest.
fn split_foreign<S: Spec>(text: &str) -> Result<(Value, &str), Error> {
    let given = elements(text)[0];
    let after = &text[given.len()..];
    let given = given.trim();
    let inside = given.strip_prefix('(').filter(|inside| closing(inside) == Some(inside.len() - 1));
    let spec = inside.map_or(given, |inside| inside[..inside.len() - 1].trim());
    if inside.is_none() && spec.contains([':', '(', ')', '[', ']']) {
        return Err(Error::Usage(format!("{}: `{spec}` must be in parentheses", S::KIND)));
    }
    Ok((if spec == NONE { Value::Null } else { spec.into() }, after))
}

/// Splits `text` into the value at its start and the rest.
fn split_value<S: Spec>(text: &str) -> Result<(Value, &str), Error> {
    let unbalanced = || Error::Usage(format!("{}: unmatched parenthesis or bracket in `{text}`", S::KIND));
    if let Some(inside) = text.trim_start().strip_prefix(['(', '[']) {
        let end = closing(inside).ok_or_else(unbalanced)?;
        let is_list = text.trim_start().starts_with('[');
        if is_list != inside[end..].starts_with(']') {
            return Err(unbalanced());
        }
        let after = inside[end + 1..].trim_start();
        if !after.is_empty() && !after.starts_with(',') {
            return Err(Error::Usage(format!(
                "{}: there must be a comma between `{}{}` and `{after}`",
                S::KIND,
                if is_list { '[' } else { '(' },
                &inside[..=end]
            )));
        }
        let value = if is_list { parse_list::<S>(&inside[..end])? } else { parse_text::<S>(&inside[..end])? };
        return Ok((value, after));
    }
    let end = text.find([',', ':']).unwrap_or(text.len());
    if text[end..].starts_with(':') {
        let name = text[..end].trim();
        // Names begin with a letter; before anything else the colon stands in place of a comma.
        if name.is_empty() || !parse_value(name).is_string() {
            return Err(Error::Usage(format!(
                "{}: a comma separates settings, not the colon in `{}` (write name:key=value,key=value)",
                S::KIND,
                text.trim()
            )));
        }
        return Ok((parse_text::<S>(text)?, ""));
    }
    let (value, after) = text.split_at(end);
    if value.contains(['(', ')', '[', ']']) {
        return Err(unbalanced());
    }
    Ok((parse_value(value.trim()), after))
}

/// Parses the elements between the brackets of a list. A spec with several fields stands in parentheses
/// there.
fn parse_list<S: Spec>(text: &str) -> Result<Value, Error> {
    let elements = elements(text).into_iter().filter(|element| !element.trim().is_empty());
    elements.map(|element| Ok(split_value::<S>(element)?.0)).collect()
}

/// Splits a text at the commas that are outside of parentheses and brackets.
pub fn elements(text: &str) -> Vec<&str> {
    let mut open = 0;
    let is_comma = |c: char| {
        open += opens(c);
        open == 0 && c == ','
    };
    text.split(is_comma).collect()
}

/// Returns the position in `text` of the parenthesis or bracket that closes the one opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    text.char_indices().find_map(|(place, c)| {
        open += opens(c);
        (open == 0).then_some(place)
    })
}

/// Returns how `c` changes the number of open parentheses and brackets.
fn opens(c: char) -> i32 {
    match c {
        '(' | '[' => 1,
        ')' | ']' => -1,
        _ => 0,
    }
}

/// Reads a single value of a field: none, a flag or a number where the text is one, else the text itself.
pub fn parse_value(text: &str) -> Value {
    if text == NONE {
        return Value::Null;
    }
    if let Ok(value) = text.parse::<bool>() {
        return value.into();
    }
    if let Ok(value) = text.parse::<u64>() {
        return value.into();
    }
    match text.parse::<f64>() {
        // JSON has no infinities and no NaN: they stay text, and the check of the field reports them.
        Ok(value) if value.is_finite() => value.into(),
        _ => text.into(),
    }
}

/// Reads a spec from a JSON object or a text, after checking its name and its fields.
///
/// # Errors
/// [`Error::UnknownName`], [`Error::UnknownField`] with the nearest known one; [`Error::InvalidConfig`] for a
/// value of the wrong type; [`Error::Usage`] for a text or a value of another form. Errors of a nested spec
/// name that spec.
pub fn from_value<S: Spec>(value: &Value) -> Result<S, Error> {
    let table = checked::<S>(value)?;
    serde_json::from_value(table).map_err(|reason| Error::Usage(format!("{}: {reason}", S::KIND)))
}

/// Returns the table of a spec whose fields are all known and of the right type; nested specs become tables,
/// too.
fn checked<S: Spec>(value: &Value) -> Result<Value, Error> {
    let object = match value {
        Value::Object(object) => object,
        Value::String(text) => return checked::<S>(&parse_text::<S>(text)?),
        other => {
            return Err(Error::Usage(format!("{} must be a text or a table, not {other}", S::KIND)));
        }
    };
    let name = object.get(S::TAG).and_then(Value::as_str).ok_or_else(|| {
        Error::Usage(format!("{}: its table needs the name in the field `{}`", S::KIND, S::TAG))
    })?;
    let default = default_table::<S>(name).ok_or_else(|| Error::unknown_name(S::KIND, name, &S::names()))?;
    let mut table = Map::new();
    for (field, given) in object {
        let Some(default_value) = default.get(field) else {
            let fields: Vec<&str> = default.keys().map(String::as_str).filter(|key| *key != S::TAG).collect();
            return Err(Error::unknown_field(&format!("{} `{name}`", S::KIND), field, &fields));
        };
        // Null may be a value of the field: the type decides, below.
        if default_value.is_number() && !given.is_number() && !given.is_null()
            || default_value.is_boolean() && !given.is_boolean()
        {
            let allowed = if default_value.is_number() { "a finite number" } else { "true or false" };
            return Err(Error::invalid(name, field, allowed, text_of_field::<S>(given)));
        }
        let value = match given {
            given if given.is_null() || !S::NESTED.contains(&field.as_str()) => given.clone(),
            Value::Array(list) => Value::Array(list.iter().map(checked::<S>).collect::<Result<_, _>>()?),
            given => checked::<S>(given)?,
        };
        table.insert(field.clone(), value);
    }
    check_types::<S>(name, &default, &table)?;
    Ok(Value::Object(table))
}

/// Checks the types of the values in `table`. If one is wrong, tries them one by one to name the field.
fn check_types<S: Spec>(
    name: &str,
    default: &Map<String, Value>,
    table: &Map<String, Value>,
) -> Result<(), Error> {
    if serde_json::from_value::<S>(Value::Object(table.clone())).is_ok() {
        return Ok(());
    }
    for (field, value) in table {
        let mut probe = default.clone();
        probe.insert(field.clone(), value.clone());
        if let Err(reason) = serde_json::from_value::<S>(Value::Object(probe)) {
            let allowed = format!("of the right type ({reason})");
            return Err(Error::invalid(name, field, &allowed, text_of_field::<S>(value)));
        }
    }
    Ok(())
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
        if S::FOREIGN.contains(&key.as_str()) && text.contains(':') {
            text = format!("({text})");
        }
        if value.is_object() && text.contains(':') {
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
