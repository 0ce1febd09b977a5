//! The errors of a training: wrong settings, data, devices and checkpoints.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// An error of a training, with a message of one line.
///
/// [`Error::is_usage`] distinguishes a caller's mistake (a wrong name, an impossible value) from a run that
/// failed; the command line exits with code 2 for a mistake and 1 for a failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A wrong name, field, value or file, found by any crate.
    #[error(transparent)]
    Core(#[from] optlab_core::Error),

    /// A backend that exists, but is not compiled into this program.
    #[error(
        "backend `{backend}` is not compiled in; build with `--features {feature}` (compiled in: {compiled})"
    )]
    BackendNotCompiled {
        /// The backend as given.
        backend: String,
        /// The cargo feature that compiles it in.
        feature: &'static str,
        /// The backends of this program, comma-separated.
        compiled: String,
    },

    /// A backend that is compiled in but finds no device.
    #[error("backend `{backend}` finds no device ({reason}); run on the CPU with `--backend flex`")]
    NoDevice {
        /// The backend as given.
        backend: String,
        /// The message of the driver, or the device that was not found.
        reason: String,
    },

    /// A data file that is missing, truncated or of another kind.
    #[error("data file {}: {}", path.display(), one_line(reason, MOST_SHOWN))]
    Data {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },

    /// A data set that could not be fetched.
    #[error("cannot download {data_set} from {url}: {reason}; without a network use {alternative}")]
    Download {
        /// The data set.
        data_set: &'static str,
        /// The address that did not answer.
        url: String,
        /// The reason.
        reason: String,
        /// The alternative that works without a network.
        alternative: &'static str,
    },

    /// A checkpoint that cannot be trusted.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The file or folder that is wrong.
        path: PathBuf,
        /// The problem.
        reason: String,
    },

    /// A workload whose code or data break a rule of [`Workload`](crate::workload::Workload).
    #[error("workload `{workload}`: {reason}")]
    Workload {
        /// The workload's name.
        workload: String,
        /// The problem.
        reason: String,
    },

    /// A folder that another process works in.
    #[error("{} is in use by {by}: wait for it or choose another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that owns it: "process 12 (`optlab train digits-cnn`, since 2026-11-29T21:00:00Z)".
        by: String,
    },

    /// A run that was stopped on request.
    #[error("interrupted after step {step}; resume it in {}", directory.display())]
    Interrupted {
        /// Number of steps made; there is a checkpoint after the last of them.
        step: usize,
        /// The run's folder.
        directory: PathBuf,
    },
}

/// The most characters of a reason: it may quote a name or a text of the data.
pub(crate) const MOST_SHOWN: usize = 600;

/// Returns at most `most` characters of a text that may come from a file, in one line.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for character in text.chars().take(most) {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

impl Error {
    /// Returns whether the caller asked for something impossible, as opposed to a run that failed.
    pub fn is_usage(&self) -> bool {
        match self {
            Error::Core(error) => error.is_usage(),
            Error::BackendNotCompiled { .. } | Error::InUse { .. } => true,
            _ => false,
        }
    }

    /// Returns an [`InvalidConfig`](optlab_core::Error::InvalidConfig).
    pub fn invalid(owner: &str, field: &str, allowed: &str, given: impl Display) -> Self {
        optlab_core::Error::invalid(owner, field, allowed, given).into()
    }

    /// Returns an [`UnknownName`](optlab_core::Error::UnknownName) that suggests the nearest of `known`.
    pub fn unknown_name(kind: &'static str, name: &str, known: &[&str]) -> Self {
        optlab_core::Error::unknown_name(kind, name, known).into()
    }

    /// Returns an [`UnknownField`](optlab_core::Error::UnknownField) that suggests the nearest of `known`.
    pub fn unknown_field(owner: &str, field: &str, known: &[&str]) -> Self {
        optlab_core::Error::unknown_field(owner, field, known).into()
    }

    /// Returns a [`Usage`](optlab_core::Error::Usage).
    pub fn usage(message: impl Into<String>) -> Self {
        optlab_core::Error::Usage(message.into()).into()
    }

    /// Returns a [`File`](optlab_core::Error::File).
    pub fn file(path: impl Into<PathBuf>, reason: impl Display) -> Self {
        optlab_core::Error::file(path, reason).into()
    }

    /// Turns an [`io::Error`] into an [`Io`](optlab_core::Error::Io); made for `map_err`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let error = optlab_core::Error::io(action, path);
        move |source| error(source).into()
    }

    /// Returns whether a file or folder was not found.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Error::Core(optlab_core::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound
        )
    }
}
