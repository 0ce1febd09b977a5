//! The errors of a training: wrong settings, data, devices and checkpoints.

use optlab_core::line::{self, one_line};
use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

/// An error of a training. Its message is one line of at most [`line::MOST`] characters, whatever it quotes.
///
/// [`Error::is_usage`] distinguishes a caller's mistake (a wrong name, an impossible value) from a run that
/// failed; the command line exits with code 2 for a mistake and 1 for a failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A wrong name, field, value or file, found by any crate.
    Core(#[from] optlab_core::Error),

    /// A backend that exists, but is not compiled into this program.
    BackendNotCompiled {
        /// The backend as given.
        backend: String,
        /// The cargo feature that compiles it in.
        feature: &'static str,
        /// The backends of this program, comma-separated.
        compiled: String,
    },

    /// A backend that is compiled in but finds no device.
    NoDevice {
        /// The backend as given.
        backend: String,
        /// The message of the driver, or the device that was not found.
        reason: String,
    },

    /// A data file that is missing, truncated or of another kind.
    Data {
        /// The file.
        path: PathBuf,
        /// The problem.
        reason: String,
    },

    /// A data set that could not be fetched.
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
    Checkpoint {
        /// The file or folder that is wrong.
        path: PathBuf,
        /// The problem.
        reason: String,
    },

    /// A workload whose code or data break a rule of [`Workload`](crate::workload::Workload).
    Workload {
        /// The workload's name.
        workload: String,
        /// The problem.
        reason: String,
    },

    /// A folder that another process works in.
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that owns it: "process 12 (`optlab train digits-cnn`, since 2026-11-29T21:00:00Z)".
        by: String,
    },

    /// A run that was stopped on request.
    Interrupted {
        /// Number of steps made; there is a checkpoint after the last of them.
        step: usize,
        /// The run's folder.
        directory: PathBuf,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message(), line::MOST))
    }
}

impl Error {
    /// Returns the message, of any length.
    fn message(&self) -> String {
        match self {
            Error::Core(error) => error.to_string(),
            Error::BackendNotCompiled { backend, feature, compiled } => format!(
                "backend `{backend}` is not compiled in; build with `--features {feature}` (compiled in: {compiled})"
            ),
            Error::NoDevice { backend, reason } => {
                format!(
                    "backend `{backend}` finds no device ({reason}); run on the CPU with `--backend flex`"
                )
            }
            Error::Data { path, reason } => format!("data file {}: {reason}", path.display()),
            Error::Download { data_set, url, reason, alternative } => format!(
                "cannot download {data_set} from {url}: {reason}; without a network use {alternative}"
            ),
            Error::Checkpoint { path, reason } => format!("checkpoint {}: {reason}", path.display()),
            Error::Workload { workload, reason } => format!("workload `{workload}`: {reason}"),
            Error::InUse { path, by } => {
                format!("{} is in use by {by}: wait for it or choose another folder", path.display())
            }
            Error::Interrupted { step, directory } => {
                format!("interrupted after step {step}; resume it in {}", directory.display())
            }
        }
    }

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

    /// Turns an error of reading the data file `path` into an [`Error::Data`]; made for `map_err`.
    pub(crate) fn unreadable(path: &Path) -> impl FnOnce(optlab_core::Error) -> Self {
        move |error| {
            let reason = match error {
                optlab_core::Error::Io { source, .. } => format!("cannot be read: {source}"),
                optlab_core::Error::File { reason, .. } => reason,
                other => other.to_string(),
            };
            Error::Data { path: path.into(), reason }
        }
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
