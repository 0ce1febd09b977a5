//! Parses the text of a spec.

use crate::error::Error;
use crate::spec::Spec;
use crate::spec::limits::{MOST_LEVELS, check_length, inside};
use serde_json::{Map, Value};

/// The text for a field without a value.
pub(super) const NONE: &str = "none";

/// Turns `name` or `name:key=value,key=value` into a JSON object `{tag: name, key: value, …}`.
///
/// Values are numbers, `true`, `false`, `none`, nested objects of the same form, lists of these, or else
/// text.
///
/// # Errors
/// [`Error::Usage`] if the text has another form, or the same key twice, or is too long or too deep.
pub fn parse_text<S: Spec>(text: &str) -> Result<Value, Error> {
    check_length(S::KIND, text)?;
    parse_levels::<S>(text, MOST_LEVELS)
}

/// Parses a text of at most so many levels.
pub(super) fn parse_levels<S: Spec>(text: &str, levels: usize) -> Result<Value, Error> {
    let levels = inside::<S>(levels)?;
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
            split_value::<S>(after, levels)?
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

/// Splits `text` into the value at its start, of at most so many levels, and the rest.
fn split_value<S: Spec>(text: &str, levels: usize) -> Result<(Value, &str), Error> {
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
        let value = match is_list {
            true => parse_list::<S>(&inside[..end], levels)?,
            false => parse_levels::<S>(&inside[..end], levels)?,
        };
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
        return Ok((parse_levels::<S>(text, levels)?, ""));
    }
    let (value, after) = text.split_at(end);
    if value.contains(['(', ')', '[', ']']) {
        return Err(unbalanced());
    }
    Ok((parse_value(value.trim()), after))
}

/// Parses the elements between the brackets of a list. A spec with several fields stands in parentheses
/// there.
fn parse_list<S: Spec>(text: &str, levels: usize) -> Result<Value, Error> {
    // A list of lists takes a level, too.
    let levels = inside::<S>(levels)?;
    let elements = elements(text).into_iter().filter(|element| !element.trim().is_empty());
    elements.map(|element| Ok(split_value::<S>(element, levels)?.0)).collect()
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
