//! The one error of the crate: who was wrong, in which field, what was allowed, what was given.

use std::cmp::Ordering;
use std::path::PathBuf;

/// Everything that can go wrong, one line each.
///
/// [`Error::is_usage`] tells a caller's mistake (a wrong name, an impossible value) from a run that failed; the command
/// line turns the first into exit code 2 and the second into 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that nothing answers to.
    #[error("unknown {kind} `{name}`{hint}; known: {known}", hint = did_you_mean(.nearest))]
    UnknownName {
        /// What the name was to be: "optimizer", "workload", …
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The known name closest to it, if one is close.
        nearest: Option<String>,
        /// All known names, comma-separated.
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

    /// A name that is to be given a second time.
    #[error("there is {kind} `{name}` already; choose another name")]
    NameTaken {
        /// What is called so: "optimizer".
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

    /// A request that makes no sense as a whole.
    #[error("{0}")]
    Usage(String),

    /// A backend that exists, but not in this program.
    #[error(
        "backend `{backend}` is not compiled in; build with `--features {feature}` (compiled in: {compiled})"
    )]
    BackendNotCompiled {
        /// The backend as given.
        backend: String,
        /// The cargo feature that brings it.
        feature: &'static str,
        /// The backends of this program, comma-separated.
        compiled: String,
    },

    /// A backend that is compiled in and finds no device.
    #[error("backend `{backend}` finds no device ({reason}); run on the CPU with `--backend flex`")]
    NoDevice {
        /// The backend as given.
        backend: String,
        /// What the driver said, or what was looked for.
        reason: String,
    },

    /// A data file that is missing, truncated or something else.
    #[error("data file {}: {reason}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A data set that could not be fetched.
    #[error("cannot download {data_set} from {url}: {reason}; without a network use {alternative}")]
    Download {
        /// The data set.
        data_set: &'static str,
        /// The address that did not answer.
        url: String,
        /// What went wrong.
        reason: String,
        /// What works without a network.
        alternative: &'static str,
    },

    /// A checkpoint that cannot be trusted.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The file or folder that is wrong.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A file of a run or a plan that cannot be understood.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A run that was told to stop.
    #[error("interrupted after step {step}; go on with --resume {}", directory.display())]
    Interrupted {
        /// Steps made; there is a checkpoint of them.
        step: usize,
        /// The run's folder.
        directory: PathBuf,
    },

    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "write", "create", …
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the caller asked for something impossible, as opposed to a run that failed.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::UnknownName { .. }
                | Error::UnknownField { .. }
                | Error::NameTaken { .. }
                | Error::InvalidConfig { .. }
                | Error::Usage(_)
                | Error::BackendNotCompiled { .. }
        )
    }

    /// An [`Error::InvalidConfig`].
    pub fn invalid(owner: &str, field: &str, allowed: &str, given: impl std::fmt::Display) -> Self {
        Error::InvalidConfig {
            owner: owner.into(),
            field: field.into(),
            allowed: allowed.into(),
            given: given.to_string(),
        }
    }

    /// An [`Error::UnknownName`] that suggests the nearest of `known`.
    pub fn unknown_name(kind: &'static str, name: &str, known: &[&str]) -> Self {
        Error::UnknownName { kind, name: name.into(), nearest: nearest(name, known), known: known.join(", ") }
    }

    /// An [`Error::UnknownField`] that suggests the nearest of `known`.
    pub fn unknown_field(owner: &str, field: &str, known: &[&str]) -> Self {
        Error::UnknownField {
            owner: owner.into(),
            field: field.into(),
            nearest: nearest(field, known),
            known: if known.is_empty() { "none".into() } else { known.join(", ") },
        }
    }

    /// Turns an [`std::io::Error`] into an [`Error::Io`]; made for `map_err`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}

/// The one of `known` that is closest to `name`, if it is close enough to be what was meant: few edits or swapped
/// letters away, or begun alike.
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
    fn a_name_like_no_other_suggests_nothing() {
        let error = Error::unknown_name("optimizer", "qqq", &["sgd", "adam"]);
        assert_eq!(error.to_string(), "unknown optimizer `qqq`; known: sgd, adam");
    }
}
