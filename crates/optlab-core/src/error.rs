//! The error type of the workspace: its messages name the owner, the field, the allowed range and the given
//! value.

use crate::line::{self, one_line};
use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

/// Any error. Its message is one line of at most [`line::MOST`] characters, whatever it quotes.
///
/// [`Error::is_usage`] distinguishes a caller's mistake (a wrong name, an impossible value) from a run that
/// failed; the command line turns the first into exit code 2 and the second into 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that does not exist.
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
    NameTaken {
        /// The kind of name: "optimizer".
        kind: &'static str,
        /// The name.
        name: String,
    },

    /// A value outside of its range.
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
    Usage(String),

    /// A file of a run or a plan that cannot be understood.
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },

    /// An operation that the operating system refused.
    Io {
        /// The operation: "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message(), line::MOST))
    }
}

/// The largest number of known names that a message lists.
const MOST_LISTED: usize = 20;

/// The most characters of a name for which a similar known one is sought; the time grows with its square.
const LONGEST_NAME: usize = 100;

impl Error {
    /// Returns the message, of any length.
    fn message(&self) -> String {
        match self {
            Error::UnknownName { kind, name, nearest, known } => {
                format!("unknown {kind} `{}`{}; {known}", quoted(name), did_you_mean(nearest))
            }
            Error::UnknownField { owner, field, nearest, known } => {
                let hint = did_you_mean(nearest);
                format!("{owner} has no field `{}`{hint}; it has: {known}", quoted(field))
            }
            Error::NameTaken { kind, name } => {
                format!("there is {kind} `{}` already; choose another name", quoted(name))
            }
            Error::InvalidConfig { owner, field, allowed, given } => {
                format!("{owner}: `{}` must be {allowed}, not {}", quoted(field), quoted(given))
            }
            Error::Usage(message) => message.clone(),
            Error::File { path, reason } => format!("{}: {reason}", path.display()),
            Error::Io { action, path, source } => format!("cannot {action} {}: {source}", path.display()),
        }
    }

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
    pub fn invalid(owner: &str, field: &str, allowed: &str, given: impl fmt::Display) -> Self {
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
    pub fn file(path: impl Into<PathBuf>, reason: impl fmt::Display) -> Self {
        Error::File { path: path.into(), reason: reason.to_string() }
    }

    /// Returns a function for `map_err` that turns an [`std::io::Error`] into an [`Error::Io`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}

/// Returns a name or value so short that the rest of its message is shown, too.
fn quoted(given: &str) -> String {
    /// The most characters of a quoted name or value.
    const MOST: usize = 200;
    one_line(given, MOST)
}

/// Returns the name in `known` that is closest to `name`, if it is close enough to be the intended one: a few
/// edits or swapped letters away, or with a similar beginning.
fn nearest(name: &str, known: &[&str]) -> Option<String> {
    if name.len() > LONGEST_NAME {
        return None;
    }
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

    #[test]
    fn every_message_is_one_line_of_at_most_500_characters_whatever_it_quotes() {
        let huge = format!("a\n\u{1b}[2J{}", "é".repeat(2_000_000));
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, huge.clone());
        for error in [
            Error::unknown_name("optimizer", &huge, &["sgd", "adam"]),
            Error::unknown_name("workload", "x", &[&huge]),
            Error::unknown_field(&huge, &huge, &["sgd", "adam"]),
            Error::NameTaken { kind: "optimizer", name: huge.clone() },
            Error::invalid(&huge, &huge, &huge, &huge),
            Error::Usage(huge.clone()),
            Error::file(&huge, &huge),
            Error::io("read", &huge)(missing()),
        ] {
            let line = error.to_string();
            assert!(line.chars().count() <= line::MOST && !line.contains(char::is_control), "{line}");
        }
        let error = Error::unknown_name("optimizer", &huge, &["sgd", "adam"]).to_string();
        assert!(error.ends_with("; known: sgd, adam"), "{error}");
        let error = Error::invalid("adam", "beta_1", "in [0, 1)", &huge).to_string();
        assert!(error.starts_with("adam: `beta_1` must be in [0, 1), not a\\n"), "{error}");
    }
}
