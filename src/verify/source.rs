//! Whose work the numbers of a reference file are.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose code computed the numbers of a reference file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The code of the authors of the rule or schedule.
    Authors,
    /// A package of others.
    Package,
    /// None: they were computed from the formula of a paper or of a definition.
    Formula,
}

impl Source {
    /// All sources, the most independent first.
    pub const ALL: [Source; 3] = [Source::Authors, Source::Package, Source::Formula];
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Source::Authors => "authors",
            Source::Package => "package",
            Source::Formula => "formula",
        })
    }
}
