//! Numbers as short as the page can do with.

/// With 5 significant digits: more than a pixel can show, and half of the bytes.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}
