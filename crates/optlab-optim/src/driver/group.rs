//! Groups of parameters, selected by name.

use std::fmt;
use std::sync::Arc;
use wildmatch::WildMatch;

/// A group of a [`GroupConfig`](crate::around::GroupConfig), without its rules.
#[derive(Debug, Clone)]
pub struct Group {
    /// The patterns of the group's parameters.
    pub patterns: Patterns,
    /// Factor of the learning rate.
    pub lr_factor: f64,
    /// Text of the schedule that replaces the run's schedule.
    pub schedule: Option<String>,
}

/// The learning rates of a step: one for all parameters, and others for groups with their own schedule.
///
/// A plain number is the rate of all parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRates<'a> {
    /// The rate of all parameters without a group rate.
    pub base: f64,
    /// The rate of each group, in the order of
    /// [`ModelOptimizer::groups`](crate::driver::ModelOptimizer::groups), without its factor. The entries of
    /// groups without their own schedule are ignored.
    pub groups: &'a [f64],
}

impl From<f64> for LearningRates<'_> {
    fn from(base: f64) -> Self {
        LearningRates { base, groups: &[] }
    }
}

/// Patterns of parameter paths, separated by `|`; `*` matches anything and `?` one character.
#[derive(Debug, Clone)]
pub struct Patterns {
    text: Arc<str>,
    any_of: Arc<[WildMatch]>,
}

impl Patterns {
    /// Reads the patterns in `text`; `None` if there are none.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let patterns = text.split('|').map(str::trim).filter(|pattern| !pattern.is_empty());
        let any_of: Arc<[WildMatch]> = patterns.map(WildMatch::new).collect();
        (!any_of.is_empty()).then(|| Patterns { text: text.into(), any_of })
    }

    /// Returns whether one of the patterns matches the whole path.
    pub fn matches(&self, path: &str) -> bool {
        self.any_of.iter().any(|pattern| pattern.matches(path))
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
