//! How optimizers and schedules are named: `name` or `name:key=value,key=value` in a line of text, a table in TOML or
//! JSON. Both forms become the same JSON object, whose `tag` field holds the name.

use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What a family of specs is called in messages and which field holds the name.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// "optimizer" or "schedule".
    pub kind: &'static str,
    /// "rule" or "schedule".
    pub tag: &'static str,
}

/// Turns `name` or `name:key=value,key=value` into a JSON object `{tag: name, key: value, …}`.
///
/// Values are numbers, `true`, `false` or else text.
///
/// # Errors
/// [`Error::Usage`] if the text has another form, or a key twice.
pub fn parse_text(family: Family, text: &str) -> Result<Value, Error> {
    let (name, fields) = match text.split_once(':') {
        Some((name, fields)) => (name.trim(), fields),
        None => (text.trim(), ""),
    };
    let mut object = Map::new();
    object.insert(family.tag.into(), name.into());
    for field in fields.split(',').filter(|field| !field.trim().is_empty()) {
        let (key, value) = field.split_once('=').ok_or_else(|| {
            Error::Usage(format!(
                "{} `{text}`: `{field}` is not of the form key=value (write `{name}:key=value,key=value`)",
                family.kind
            ))
        })?;
        if object.insert(key.trim().into(), parse_value(value.trim())).is_some() {
            return Err(Error::Usage(format!("{} `{text}`: `{}` is given twice", family.kind, key.trim())));
        }
    }
    Ok(Value::Object(object))
}

fn parse_value(text: &str) -> Value {
    if let Ok(value) = text.parse::<bool>() {
        return value.into();
    }
    if let Ok(value) = text.parse::<u64>() {
        return value.into();
    }
    match text.parse::<f64>() {
        // JSON has no infinities and no NaN: they stay text, and the field's own check names them.
        Ok(value) if value.is_finite() => value.into(),
        _ => text.into(),
    }
}

/// Reads a spec from a JSON object, after checking its name against `defaults` and its fields against those of the
/// default spec of that name.
///
/// # Errors
/// [`Error::UnknownName`], [`Error::UnknownField`] with the nearest known one; [`Error::InvalidConfig`] for a value of
/// the wrong type.
pub fn from_value<T: Serialize + DeserializeOwned>(
    family: Family,
    value: &Value,
    defaults: &[T],
) -> Result<T, Error> {
    let object = value
        .as_object()
        .ok_or_else(|| Error::Usage(format!("{} must be a text or a table, not {value}", family.kind)))?;
    let name = object.get(family.tag).and_then(Value::as_str).ok_or_else(|| {
        Error::Usage(format!("a table of a {} needs its name in the field `{}`", family.kind, family.tag))
    })?;
    let known: Vec<Value> = defaults.iter().map(to_value).collect();
    let names: Vec<&str> = known.iter().filter_map(|spec| spec[family.tag].as_str()).collect();
    let default = known
        .iter()
        .find(|spec| spec[family.tag] == name)
        .and_then(Value::as_object)
        .ok_or_else(|| Error::unknown_name(family.kind, name, &names))?;
    for (field, given) in object {
        let Some(default_value) = default.get(field) else {
            let fields: Vec<&str> =
                default.keys().map(String::as_str).filter(|key| *key != family.tag).collect();
            return Err(Error::unknown_field(&format!("{} `{name}`", family.kind), field, &fields));
        };
        if default_value.is_number() && !given.is_number()
            || default_value.is_boolean() && !given.is_boolean()
        {
            let allowed = if default_value.is_number() { "a finite number" } else { "true or false" };
            return Err(Error::invalid(name, field, allowed, text_of(given)));
        }
        // The type alone, one field at a time, so that the message can name the field.
        let mut probe = default.clone();
        probe.insert(field.clone(), given.clone());
        if let Err(reason) = serde_json::from_value::<T>(Value::Object(probe)) {
            return Err(Error::invalid(
                name,
                field,
                &format!("of the right type ({reason})"),
                text_of(given),
            ));
        }
    }
    serde_json::from_value(value.clone()).map_err(|reason| Error::Usage(format!("{}: {reason}", family.kind)))
}

/// The shortest text that [`parse_text`] and [`from_value`] turn into `spec` again: the name and what differs from the
/// defaults.
pub fn to_text<T: Serialize>(family: Family, spec: &T, defaults: &[T]) -> String {
    let value = to_value(spec);
    let name = value[family.tag].as_str().unwrap_or_default();
    let default =
        defaults.iter().map(to_value).find(|default| default[family.tag] == name).unwrap_or_default();
    let fields: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| default.get(key) != Some(value))
        .map(|(key, value)| format!("{key}={}", text_of(value)))
        .collect();
    if fields.is_empty() { name.into() } else { format!("{name}:{}", fields.join(",")) }
}

/// The fields of a spec and their values, for listings.
pub fn fields<T: Serialize>(family: Family, spec: &T) -> Vec<(String, String)> {
    to_value(spec)
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != family.tag)
        .map(|(key, value)| {
            (key.clone(), if value.is_null() { "from the run".into() } else { text_of(value) })
        })
        .collect()
}

fn to_value<T: Serialize>(spec: &T) -> Value {
    // Specs are plain structs of numbers, which JSON always holds.
    serde_json::to_value(spec).unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Family = Family { kind: "optimizer", tag: "rule" };

    #[test]
    fn a_line_of_text_becomes_an_object_with_typed_values() {
        let value = parse_text(FAMILY, "sgd:momentum=0.9,nesterov=true,mode=fast,steps=3").unwrap();
        let expected =
            serde_json::json!({"rule": "sgd", "momentum": 0.9, "nesterov": true, "mode": "fast", "steps": 3});
        assert_eq!(value, expected);
    }

    #[test]
    fn a_field_without_a_value_or_given_twice_is_refused() {
        assert!(parse_text(FAMILY, "sgd:momentum").is_err());
        assert!(parse_text(FAMILY, "sgd:momentum=1,momentum=2").is_err());
    }
}
