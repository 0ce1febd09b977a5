//! The error type of the workspace: its messages name the owner, the field, the allowed range and the given
//! value.

use std::cmp::Ordering;
use std::path::PathBuf;

/// Any error, with a message of one line.
///
/// [`Error::is_usage`] distinguishes a caller's mistake (a wrong name, an impossible value) from a run that
/// failed; the command line turns the first into exit code 2 and the second into 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that does not exist.
    #[error("unknown {kind} `{name}`{hint}; {known}", hint = did_you_mean(.nearest))]
    UnknownName {
        /// The kind of name: "optimizer", "workload", …
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The known name closest to it, if one is close.
        nearest: Option<String>,
        /// "known: " and all known names, comma-separated; where to list them if they are many.
        known: String,
    },

    /// A field that its owner does not have.
    #[error("{owner} has no field `{field}`{hint}; it has: {known}", hint = did_you_mean(.nearest))]
    UnknownField {
        /// The rule, schedule or file that was given the field.
        owner: String,
        /// The field as given.
        field: String,
        /// The owner's field closest to it, if one is close.
        nearest: Option<String>,
        /// All fields of the owner, comma-separated.
        known: String,
    },

    /// A name that already exists.
    #[error("there is {kind} `{name}` already; choose another name")]
    NameTaken {
        /// The kind of name: "optimizer".
        kind: &'static str,
        /// The name.
        name: String,
    },

    /// A value outside of its range.
    #[error("{owner}: `{field}` must be {allowed}, not {given}")]
    InvalidConfig {
        /// The rule, schedule, trial or file that was given the value.
        owner: String,
        /// The field.
        field: String,
        /// The range, in words or as an interval.
        allowed: String,
        /// The value as given.
        given: String,
    },

    /// A request that is invalid as a whole.
    #[error("{0}")]
    Usage(String),

    /// A file of a run or a plan that cannot be understood.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },

    /// An operation that the operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation: "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// The largest number of known names that a message lists.
const MOST_LISTED: usize = 20;

impl Error {
    /// Returns whether the caller made a mistake, as opposed to a run that failed.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::UnknownName { .. }
                | Error::UnknownField { .. }
                | Error::NameTaken { .. }
                | Error::InvalidConfig { .. }
                | Error::Usage(_)
        )
    }

    /// Returns an [`Error::InvalidConfig`].
    pub fn invalid(owner: &str, field: &str, allowed: &str, given: impl std::fmt::Display) -> Self {
        Error::InvalidConfig {
            owner: owner.into(),
            field: field.into(),
            allowed: allowed.into(),
            given: given.to_string(),
        }
    }

    /// Returns an [`Error::UnknownName`] that suggests the nearest of `known`.
    pub fn unknown_name(kind: &'static str, name: &str, known: &[&str]) -> Self {
        let known_names = match kind {
            "optimizer" | "schedule" if known.len() > MOST_LISTED => format!("see `optlab list {kind}s`"),
            _ => format!("known: {}", known.join(", ")),
        };
        Error::UnknownName { kind, name: name.into(), nearest: nearest(name, known), known: known_names }
    }

    /// Adds to an [`Error::UnknownName`] that a program of the user may have registered the name.
    pub(crate) fn or_registered_elsewhere(mut self) -> Self {
        if let Error::UnknownName { known, .. } = &mut self {
            known.push_str("; if a program of yours registers it, use that program");
        }
        self
    }

    /// Returns an [`Error::UnknownField`] that suggests the nearest of `known`.
    pub fn unknown_field(owner: &str, field: &str, known: &[&str]) -> Self {
        Error::UnknownField {
            owner: owner.into(),
            field: field.into(),
            nearest: nearest(field, known),
            known: if known.is_empty() { "none".into() } else { known.join(", ") },
        }
    }

    /// Returns an [`Error::File`].
    pub fn file(path: impl Into<PathBuf>, reason: impl std::fmt::Display) -> Self {
        Error::File { path: path.into(), reason: reason.to_string() }
    }

    /// Returns a function for `map_err` that turns an [`std::io::Error`] into an [`Error::Io`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}

/// Returns the name in `known` that is closest to `name`, if it is close enough to be the intended one: a few
/// edits or swapped letters away, or with a similar beginning.
fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let name = name.to_lowercase();
    let similarity = |candidate: &str| {
        let edits = strsim::normalized_damerau_levenshtein(&name, candidate);
        let beginning = strsim::jaro_winkler(&name, candidate);
        (edits.max(beginning - 0.2), beginning)
    };
    known
        .iter()
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|((similarity, _), _)| *similarity > 0.55)
        .max_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(Ordering::Equal))
        .map(|(_, candidate)| candidate.to_string())
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest_known_one() {
        let error = Error::unknown_name("optimizer", "sdg", &["adam", "sgd", "adamw"]);
        assert!(error.to_string().contains("did you mean `sgd`?"), "{error}");
        let error = Error::unknown_name("optimizer", "adamv", &["sgd", "adam", "adamw"]);
        assert!(error.to_string().contains("did you mean `adamw`?") || error.to_string().contains("`adam`?"));
        assert!(error.is_usage());
    }

    #[test]
    fn an_unknown_name_unlike_all_known_names_gets_no_suggestion() {
        let error = Error::unknown_name("optimizer", "qqq", &["sgd", "adam"]);
        assert_eq!(error.to_string(), "unknown optimizer `qqq`; known: sgd, adam");
    }

    #[test]
    fn many_known_names_are_not_listed() {
        let known = ["adam"; MOST_LISTED + 1];
        let error = Error::unknown_name("optimizer", "adamm", &known);
        let message = "unknown optimizer `adamm`, did you mean `adam`?; see `optlab list optimizers`";
        assert_eq!(error.to_string(), message);
    }
}
