//! `curves.svg`: the learning curves of a comparison in one self-contained picture, with a panel per workload
//! and a line per arm; light or dark as the reader's system.

mod legend;
mod panel;

use crate::Error;
use crate::chart::{style, svg};
use crate::report::Exporter;
use crate::report::labels::Labels;
use crate::result::comparison::Comparison;
use crate::result::curves::Curves;
use crate::result::summary::Summary;
use panel::{Line, Panel};

/// The picture's file.
pub const FILE_NAME: &str = "curves.svg";

/// The picture's width; its height follows from what it shows.
const WIDTH: f64 = 1000.0;
const HEADER: f64 = 66.0;

const HOW: &str =
    "Line: median over seeds. Band: their quartiles. ×: last evaluation of a seed that diverged.";

/// `curves.svg`.
#[derive(Debug, Clone, Copy)]
pub struct Svg;

impl Exporter for Svg {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error> {
        let labels = Labels::of(summaries);
        // An arm looks the same in each panel, whatever its rank there.
        let known = labels.all(comparison);
        let mut body = String::new();
        let mut top = HEADER;
        for (number, workload) in comparison.workloads().into_iter().enumerate() {
            let arms: Vec<&Summary> = summaries.iter().filter(|arm| arm.workload == workload).collect();
            let curves = Curves::of(comparison, &arms);
            let line = |place: usize| {
                let label = labels.label(arms[place]);
                Line {
                    place: known.iter().position(|known| *known == label).unwrap_or(place),
                    curve: &curves.arms[place],
                    failed: arms[place].failed.len(),
                    label,
                }
            };
            let panel = Panel {
                number,
                title: workload,
                curves: &curves,
                lines: (0..arms.len()).map(line).collect(),
                most_points: most_points(summaries.len()),
                subtitle: labels.shared(comparison, &arms),
            };
            body.push_str(&panel.draw(top, WIDTH));
            top += panel.height();
        }
        let most_arms = known.len();
        let title = format!("Learning curves: {}", comparison.name);
        Ok(svg::document(&title, HOW, (WIDTH, top), &style::sheet(band_opacity(most_arms)), &body))
    }
}

/// Returns the opacity of bands: many opaque bands would hide the lines.
fn band_opacity(arms: usize) -> f64 {
    match arms {
        0..=4 => 0.16,
        5..=9 => 0.1,
        _ => 0.06,
    }
}

/// Returns the number of points per line that keeps the picture within about 250 kB: three numbers of about
/// 12 bytes per point.
fn most_points(lines: usize) -> usize {
    (250_000 / 36 / lines.max(1)).clamp(16, 300)
}
