//! Values of fields as text, and the text of values.

use crate::Error;
use optlab_core::spec::{elements, parse_value};
use serde_json::Value;

/// The owner that errors about models name.
pub(crate) const OWNER: &str = "model";

/// Splits `key=value,key=value` into its fields; a field without a value, like `linear`, has the value true.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) if a bracket has no partner or a field stands twice.
pub(super) fn parse_fields(text: &str) -> Result<Vec<(String, Value)>, Error> {
    let mut fields: Vec<(String, Value)> = Vec::new();
    for element in elements(text).into_iter().filter(|element| !element.trim().is_empty()) {
        let (name, value) = match element.split_once('=') {
            Some((name, value)) => (name.trim(), parse(value)?),
            None => (element.trim(), Value::Bool(true)),
        };
        if fields.iter().any(|(other, _)| other == name) {
            return Err(Error::usage(format!("model `{text}`: `{name}` is given twice")));
        }
        fields.push((name.into(), value));
    }
    Ok(fields)
}

/// Reads a single value, or a list in brackets.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) if a bracket has no partner.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    let text = text.trim();
    let Some(inside) = text.strip_prefix('[') else {
        let text = text.trim_matches('"');
        return if text.contains(['[', ']']) { Err(unmatched(text)) } else { Ok(parse_value(text)) };
    };
    let inside = inside.strip_suffix(']').ok_or_else(|| unmatched(text))?;
    let elements = elements(inside).into_iter().filter(|element| !element.trim().is_empty());
    elements.map(parse).collect()
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
