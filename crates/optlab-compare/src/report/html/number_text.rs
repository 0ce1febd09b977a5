//! Numbers rounded for the page.

/// Rounds to 5 significant digits: finer than a pixel, and half of the bytes.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}
