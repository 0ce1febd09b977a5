//! Values of fields as text, and the text of values.

use crate::Error;
use optlab_core::spec::{check_length, elements, parse_value};
use serde_json::Value;
use std::collections::HashSet;

/// The owner that errors about models name.
pub(crate) const OWNER: &str = "model";

/// The most levels of lists within lists; a list of layers has one.
const MOST_LEVELS: usize = 4;

/// Splits `key=value,key=value` into its fields; a field without a value, like `linear`, has the value true.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) if a bracket has no partner, a field stands twice, or the text is too
/// long.
pub(super) fn parse_fields(text: &str) -> Result<Vec<(String, Value)>, Error> {
    check_length(OWNER, text)?;
    let (mut fields, mut names) = (Vec::new(), HashSet::new());
    for element in elements(text).into_iter().filter(|element| !element.trim().is_empty()) {
        let (name, value) = match element.split_once('=') {
            Some((name, value)) => (name.trim(), parse(value)?),
            None => (element.trim(), Value::Bool(true)),
        };
        if !names.insert(name) {
            return Err(Error::usage(format!("model `{text}`: `{name}` is given twice")));
        }
        fields.push((name.into(), value));
    }
    Ok(fields)
}

/// Reads a single value, or a list in brackets.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) if a bracket has no partner or there are too many, one within the
/// other.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    parse_levels(text, MOST_LEVELS)
}

fn parse_levels(text: &str, levels: usize) -> Result<Value, Error> {
    let text = text.trim();
    let Some(inside) = text.strip_prefix('[') else {
        let text = text.trim_matches('"');
        return if text.contains(['[', ']']) { Err(unmatched(text)) } else { Ok(parse_value(text)) };
    };
    let inside = inside.strip_suffix(']').ok_or_else(|| unmatched(text))?;
    let elements = elements(inside).into_iter().filter(|element| !element.trim().is_empty());
    let levels = levels.checked_sub(1).ok_or_else(|| {
        Error::usage(format!("{OWNER}: more than {MOST_LEVELS} lists, one within the other"))
    })?;
    elements.map(|element| parse_levels(element, levels)).collect()
}

fn unmatched(text: &str) -> Error {
    Error::usage(format!("model: unmatched bracket in `{text}`"))
}

/// Returns the text that [`parse`] reads as `value`.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        // JSON writes -1 and 0 as -1.0 and 0.0 if they are no whole numbers by their type.
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        Value::Array(list) => format!("[{}]", list.iter().map(text_of).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
