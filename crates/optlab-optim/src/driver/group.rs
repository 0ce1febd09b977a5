//! Groups of parameters, by their names.

use std::fmt;
use std::sync::Arc;
use wildmatch::WildMatch;

/// A group of a [`GroupConfig`](crate::around::groups::GroupConfig), as far as it is more than rules of its own.
#[derive(Debug, Clone)]
pub struct Group {
    /// Which parameters it has.
    pub patterns: Patterns,
    /// What the learning rate is multiplied by.
    pub lr_factor: f64,
    /// The text of the schedule that gives the learning rate in place of the run's.
    pub schedule: Option<String>,
}

/// The learning rates of a step: one for all, or others for groups of parameters with a schedule of their own.
///
/// A number alone is the rate of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRates<'a> {
    /// The rate where nothing else is said.
    pub base: f64,
    /// The rate of each group, in the order of [`ModelOptimizer::groups`](crate::driver::ModelOptimizer::groups), without its
    /// factor. Of those without a schedule of their own it is left alone.
    pub groups: &'a [f64],
}

impl From<f64> for LearningRates<'_> {
    fn from(base: f64) -> Self {
        LearningRates { base, groups: &[] }
    }
}

/// Patterns of the paths of parameters, with `*` for anything and `?` for one character; several with `|` between them.
#[derive(Debug, Clone)]
pub struct Patterns {
    text: Arc<str>,
    any_of: Arc<[WildMatch]>,
}

impl Patterns {
    /// None if there is no pattern in `text`.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let patterns = text.split('|').map(str::trim).filter(|pattern| !pattern.is_empty());
        let any_of: Arc<[WildMatch]> = patterns.map(WildMatch::new).collect();
        (!any_of.is_empty()).then(|| Patterns { text: text.into(), any_of })
    }

    /// Whether one of them matches the path as a whole.
    pub fn matches(&self, path: &str) -> bool {
        self.any_of.iter().any(|pattern| pattern.matches(path))
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
