//! How long and how deep a spec may be.

use crate::error::Error;
use crate::spec::Spec;
use serde_json::Value;

/// The most bytes of the text of a spec: a schedule may list a thousand milestones.
pub const LONGEST: usize = 16 << 10;

/// The most levels of specs within specs, the outermost included.
pub const MOST_LEVELS: usize = 16;

/// The most levels of a table or list: each spec within a list of specs takes two.
const MOST_TABLE_LEVELS: usize = 2 * MOST_LEVELS + 2;

/// Refuses a text that is too long for a spec, a model or a search space.
///
/// # Errors
/// [`Error::Usage`] for a text of more than [`LONGEST`] bytes.
pub fn check_length(kind: &str, text: &str) -> Result<(), Error> {
    match text.len() > LONGEST {
        true => Err(Error::Usage(format!("{kind}: a text of {} bytes, more than {LONGEST}", text.len()))),
        false => Ok(()),
    }
}

/// Refuses tables and lists that are nested too deep for a spec.
///
/// # Errors
/// [`Error::Usage`].
pub fn check_depth(kind: &str, value: &Value) -> Result<(), Error> {
    fn is_within(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(list) => levels > 0 && list.iter().all(|value| is_within(value, levels - 1)),
            Value::Object(table) => levels > 0 && table.values().all(|value| is_within(value, levels - 1)),
            _ => true,
        }
    }
    if is_within(value, MOST_TABLE_LEVELS) { Ok(()) } else { Err(too_deep(kind)) }
}

fn too_deep(kind: &str) -> Error {
    Error::Usage(format!("{kind}: more than {MOST_LEVELS} levels, one within the other"))
}

/// Returns the number of levels that are left inside a spec with `levels`.
pub(super) fn inside<S: Spec>(levels: usize) -> Result<usize, Error> {
    levels.checked_sub(1).ok_or_else(|| too_deep(S::KIND))
}
