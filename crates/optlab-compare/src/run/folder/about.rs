//! The facts about a folder besides its trials.

use crate::Error;
use optlab_train::files::json_file;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// The file of these facts.
pub(super) const ABOUT: &str = "comparison.json";

/// The purpose of a folder's trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// To compare arms.
    #[default]
    Comparison,
    /// To find the best settings of one optimizer.
    Study,
    /// To find the best optimizer within a time limit.
    Recommendation,
    /// To compare an arm with itself.
    Calibration,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Comparison => "comparison",
            Kind::Study => "study",
            Kind::Recommendation => "recommendation",
            Kind::Calibration => "calibration",
        })
    }
}

/// One command that worked on a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The command line.
    pub command: String,
    /// Number of trials that ran at once; more than one disturb each other's times.
    pub jobs: usize,
    /// Whether trials that ran at once were each pinned to their own processors.
    #[serde(default)]
    pub is_pinned: bool,
    /// Whether the final trials ran one at a time, regardless of `jobs`.
    #[serde(default)]
    pub is_timed_alone: bool,
    /// The commit of the repository in which the command was given, with `+` if files in it differed from the
    /// commit.
    #[serde(default)]
    pub commit: Option<String>,
}

/// The facts about a folder besides its trials.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The purpose of its trials.
    #[serde(default)]
    pub kind: Kind,
    /// The command lines that worked on it, the latest last.
    pub invocations: Vec<Invocation>,
}

/// Reads the purpose of the trials of the comparison at `path`, and the command lines that worked on it.
///
/// # Errors
/// [`File`](optlab_core::Error::File) for a damaged file; [`Io`](optlab_core::Error::Io).
pub fn read_about(path: &Path) -> Result<About, Error> {
    Ok(about_if_there(path)?.unwrap_or_default())
}

/// Reads the same file; `None` if it does not exist, as after a stop while the folder was made.
pub(super) fn about_if_there(path: &Path) -> Result<Option<About>, Error> {
    json_file::read_if_there(&path.join(ABOUT))
}
