//! What a model predicts, apart from the numbers themselves.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of the targets of a data set, with their number; losses and measures are for one kind each.
///
/// | kind    | an example's target                | in a batch                                             |
/// |:--------|:-----------------------------------|:-------------------------------------------------------|
/// | classes | one of `n` classes                 | [`BatchTargets::Classes`] `[batch]`, in `0..n`         |
/// | values  | `n` numbers                        | [`BatchTargets::Values`] `[batch, n]`                  |
/// | labels  | any of `n` labels, or none of them | [`BatchTargets::Values`] `[batch, n]`, each 0 or 1     |
///
/// [`BatchTargets::Classes`]: crate::data::BatchTargets::Classes
/// [`BatchTargets::Values`]: crate::data::BatchTargets::Values
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// One class of this many.
    Classes(usize),
    /// This many numbers.
    Values(usize),
    /// This many labels, each present or absent.
    Labels(usize),
}

impl fmt::Display for TargetKind {
    /// Writes the number and the kind: "3 classes", "1 number", "4 labels".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, one, several) = match *self {
            TargetKind::Classes(count) => (count, "class", "classes"),
            TargetKind::Values(count) => (count, "number", "numbers"),
            TargetKind::Labels(count) => (count, "label", "labels"),
        };
        write!(f, "{count} {}", if count == 1 { one } else { several })
    }
}
