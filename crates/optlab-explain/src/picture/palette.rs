//! Colours of attributions.

/// How colours show numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// From blue over gray to orange: below, at and above zero.
    Diverging,
    /// From gray to orange: sizes.
    Sizes,
}

/// Blue, gray and orange. Blue and orange differ in normal vision and in protanopia, deuteranopia and
/// tritanopia, and are equally dark.
const NEGATIVE: [f64; 3] = [26.0, 92.0, 204.0];
const ZERO: [f64; 3] = [236.0, 236.0, 236.0];
const POSITIVE: [f64; 3] = [214.0, 84.0, 0.0];

/// Returns red, green and blue of `value` where `most` is the largest size: gray for zero.
pub fn colour(value: f64, most: f64, palette: Palette) -> [u8; 3] {
    let share = if most > 0.0 { (value / most).clamp(-1.0, 1.0) } else { 0.0 };
    let end = match palette {
        Palette::Diverging if share < 0.0 => NEGATIVE,
        Palette::Diverging | Palette::Sizes => POSITIVE,
    };
    let share = share.abs();
    [0, 1, 2].map(|i| (ZERO[i] + share * (end[i] - ZERO[i])).round() as u8)
}

/// Returns a colour as CSS writes it.
pub(super) fn css(value: f64, most: f64, palette: Palette) -> String {
    let [red, green, blue] = colour(value, most, palette);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Returns the largest size of some numbers.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}
