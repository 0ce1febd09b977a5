//! Attributions of columns as bars.

use crate::picture::palette::{Palette, css, largest};
use crate::picture::{STYLE, number, shortened};
use optlab_core::markup::escape;
use std::fmt::Write;

/// Returns an SVG file with a bar for each of `rows`, its name and value on the left and its number at its
/// end, in the order given. Orange raises the output, blue lowers it.
pub fn bars(rows: &[(String, f64)]) -> String {
    const MOST_LETTERS: usize = 36;
    const BARS: f64 = 300.0;
    const ROW: f64 = 24.0;
    let most = largest(&rows.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let letters = rows.iter().map(|(name, _)| name.chars().count().min(MOST_LETTERS)).max().unwrap_or(0);
    let names = 7.0 * letters as f64 + 20.0;
    let has_negative = rows.iter().any(|(_, value)| *value < 0.0);
    // Room for numbers on both sides of the bars.
    let (zero, length) = if has_negative { (names + 70.0 + BARS / 2.0, BARS / 2.0) } else { (names, BARS) };
    let width = zero + length + 80.0;
    let height = ROW * rows.len() as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Attributions\">{STYLE}\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>"
    );
    for (place, (name, value)) in rows.iter().enumerate() {
        let top = 4.0 + ROW * place as f64;
        let bar = if most > 0.0 { value.abs() / most * length } else { 0.0 };
        let left = if *value < 0.0 { zero - bar } else { zero };
        let (at, class) = if *value < 0.0 { (left - 5.0, "end") } else { (left + bar + 5.0, "") };
        // Writing to a text cannot fail.
        let _ = write!(
            svg,
            "<text class=\"end\" x=\"{}\" y=\"{}\"><title>{}</title>{}</text>\
             <rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{bar:.1}\" height=\"16\" fill=\"{}\"/>\
             <text class=\"{class}\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            names - 8.0,
            top + 16.0,
            escape(name),
            escape(&shortened(name, MOST_LETTERS)),
            top + 4.0,
            css(value.signum() * 0.85, 1.0, Palette::Diverging),
            top + 16.0,
            number(*value),
        );
    }
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{zero}\" x2=\"{zero}\" y1=\"2\" y2=\"{}\"/></svg>",
        height - 2.0
    );
    svg
}
