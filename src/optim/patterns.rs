//! Parameters by name.

use std::fmt;
use std::sync::Arc;
use wildmatch::WildMatch;

/// Patterns of the paths of parameters, with `*` for anything and `?` for one character; several with `|` between them.
#[derive(Clone)]
pub(super) struct Patterns {
    text: Arc<str>,
    any_of: Arc<[WildMatch]>,
}

impl Patterns {
    /// None if there is no pattern in `text`.
    pub fn of(text: &str) -> Option<Self> {
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
