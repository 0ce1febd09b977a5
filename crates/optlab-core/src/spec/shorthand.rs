//! Fields of a wrapper that may be written among the fields of its base: `adamw:state=bf16` instead of
//! `compact:state=bf16,base=adamw`.

use crate::spec::{Spec, default_table};
use serde_json::{Map, Value};

/// A wrapper whose fields may be written among the fields of its base, unless the base has fields of the
/// same names.
#[derive(Debug, Clone, Copy)]
pub struct Shorthand {
    /// The name of the wrapper.
    pub name: &'static str,
    /// The field that holds the wrapped spec.
    pub base: &'static str,
    /// The other fields. A short text has the first of them.
    pub fields: &'static [&'static str],
}

/// Returns the table of the wrapper, if the table of the spec `name` has fields of it; `default` has the
/// spec's own fields.
pub(super) fn expanded<S: Spec>(
    name: &str,
    table: &Map<String, Value>,
    default: &Map<String, Value>,
) -> Option<Value> {
    let Shorthand { name: wrapper, base, fields } = S::SHORTHAND.filter(|short| short.name != name)?;
    let is_moved = |field: &str| fields.contains(&field) && !default.contains_key(field);
    if !table.keys().any(|field| is_moved(field)) {
        return None;
    }
    let (moved, kept): (Map<String, Value>, Map<String, Value>) =
        table.clone().into_iter().partition(|(field, _)| is_moved(field));
    let mut expanded = Map::new();
    expanded.insert(S::TAG.into(), wrapper.into());
    expanded.extend(moved);
    expanded.insert(base.into(), Value::Object(kept));
    Some(Value::Object(expanded))
}

/// Returns the table of the wrapped spec together with the fields of the wrapper, if `table` is the wrapper's
/// and `expanded` turns the result into it again.
pub(super) fn contracted<S: Spec>(table: &Value) -> Option<Value> {
    let Shorthand { name, base, fields } = S::SHORTHAND?;
    let table = table.as_object().filter(|table| table.get(S::TAG).is_some_and(|tag| tag == name))?;
    let wrapped = table.get(base)?.as_object()?;
    let inner = wrapped.get(S::TAG)?.as_str().filter(|inner| *inner != name)?;
    let own = default_table::<S>(inner)?;
    let default = default_table::<S>(name)?;
    if fields.iter().any(|field| own.contains_key(*field)) {
        return None;
    }
    let mut short = wrapped.clone();
    for (place, field) in fields.iter().enumerate() {
        let value = table.get(*field)?;
        if place == 0 || default.get(*field) != Some(value) {
            short.insert((*field).into(), value.clone());
        }
    }
    Some(Value::Object(short))
}
