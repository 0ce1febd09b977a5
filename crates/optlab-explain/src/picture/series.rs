//! A series as a line whose points have the colours of their attributions.

use crate::picture::palette::{Palette, css, largest};
use crate::picture::{STYLE, number};
use optlab_core::markup::escape;
use std::fmt::Write;

/// Returns an SVG file with the `values` of a series from left to right, joined by a line, and a bar below
/// for each attribution. `names` are the names of the steps.
///
/// # Panics
/// If there are not as many names and attributions as values.
pub fn series(values: &[f64], attributions: &[f64], names: &[String], palette: Palette) -> String {
    const WIDTH: f64 = 640.0;
    const LEFT: f64 = 56.0;
    const CURVE: f64 = 180.0;
    const BARS: f64 = 110.0;
    assert_eq!((attributions.len(), names.len()), (values.len(), values.len()));
    let height = CURVE + BARS + 44.0;
    let (least, most) =
        values.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
    let largest = largest(attributions);
    let step = (WIDTH - LEFT - 12.0) / values.len().max(1) as f64;
    let x = |i: usize| LEFT + (i as f64 + 0.5) * step;
    let y = |value: f64| {
        let share = if most > least { (value - least) / (most - least) } else { 0.5 };
        12.0 + (1.0 - share) * (CURVE - 24.0)
    };
    let points: Vec<String> =
        values.iter().enumerate().map(|(i, value)| format!("{:.1},{:.1}", x(i), y(*value))).collect();
    let zero = CURVE + BARS / 2.0 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"A series and its attributions\">{STYLE}\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\
         <text class=\"end faint\" x=\"{0}\" y=\"{1:.1}\">{2}</text>\
         <text class=\"end faint\" x=\"{0}\" y=\"{3:.1}\">{4}</text>\
         <text class=\"end faint\" x=\"{0}\" y=\"{5:.1}\">±{6}</text>\
         <polyline class=\"line\" points=\"{7}\"/><line class=\"axis\" x1=\"{LEFT}\" x2=\"{8}\" y1=\"{zero}\" \
         y2=\"{zero}\"/>",
        LEFT - 8.0,
        y(most) + 4.0,
        number(most),
        y(least) + 4.0,
        number(least),
        zero + 4.0,
        number(largest),
        points.join(" "),
        WIDTH - 12.0,
    );
    for (i, (value, attribution)) in values.iter().zip(attributions).enumerate() {
        let bar = if largest > 0.0 { attribution.abs() / largest * BARS / 2.0 } else { 0.0 };
        let top = if *attribution < 0.0 { zero } else { zero - bar };
        let colour = css(*attribution, largest, palette);
        // Writing to a text cannot fail.
        let _ = write!(
            svg,
            "<g><title>{}: {}, attribution {}</title><rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
             height=\"{bar:.1}\" fill=\"{}\"/><circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\" fill=\"{colour}\" \
             stroke=\"#59636e\" stroke-width=\"0.7\"/></g>",
            escape(&names[i]),
            number(*value),
            number(*attribution),
            x(i) - step * 0.35,
            step * 0.7,
            css(attribution.signum() * 0.85, 1.0, palette),
            x(i),
            y(*value),
        );
    }
    if let (Some(first), Some(last)) = (names.first(), names.last()) {
        let (left, right, at) = (x(0), x(values.len() - 1), height - 8.0);
        let _ = write!(
            svg,
            "<text class=\"faint\" x=\"{:.1}\" y=\"{at}\">{}</text><text class=\"faint end\" x=\"{:.1}\" \
             y=\"{at}\">{}</text>",
            left - step * 0.4,
            escape(first),
            right + step * 0.4,
            escape(last)
        );
    }
    svg.push_str("</svg>\n");
    svg
}
