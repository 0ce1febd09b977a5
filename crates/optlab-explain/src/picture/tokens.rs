//! Tokens on the colours of their attributions.

use crate::picture::palette::{Palette, css, largest};
use crate::picture::{STYLE, number};
use optlab_core::markup::escape;
use std::fmt::Write;

/// Returns an SVG file with the texts of tokens in lines, each on the colour of its attribution.
///
/// # Panics
/// If there are not as many attributions as tokens.
pub fn tokens(texts: &[String], attributions: &[f64], palette: Palette) -> String {
    const WIDTH: f64 = 640.0;
    const LINE: f64 = 30.0;
    const LETTER: f64 = 9.3;
    assert_eq!(texts.len(), attributions.len());
    let most = largest(attributions);
    let (mut x, mut y) = (4.0, 4.0);
    let mut body = String::new();
    for (text, attribution) in texts.iter().zip(attributions) {
        let shown: String = text
            .chars()
            .map(|c| match c {
                ' ' => '·',
                '\n' => '⏎',
                '\t' => '⇥',
                other => other,
            })
            .collect();
        let width = LETTER * shown.chars().count().max(1) as f64 + 6.0;
        if x + width > WIDTH - 4.0 && x > 4.0 {
            (x, y) = (4.0, y + LINE);
        }
        // Writing to a text cannot fail.
        let _ = write!(
            body,
            "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{}\"/>\
             <text class=\"token mid{}\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            number(*attribution),
            LINE - 4.0,
            css(*attribution, most, palette),
            if attribution.abs() > 0.6 * most { " strong" } else { "" },
            x + width / 2.0,
            y + 18.0,
            escape(&shown)
        );
        x += width;
    }
    let height = y + LINE + 2.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Tokens and their attributions\">{STYLE}\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>{body}</svg>\n"
    )
}
