//! Draws curves: as self-contained SVG, light or dark like the reader's system, and as dots in a terminal.

pub(crate) mod axis;
pub(crate) mod style;
pub(crate) mod svg;
mod terminal;

pub use axis::{Axis, Scale};

/// Curves over one pair of axes.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The picture's title.
    pub title: String,
    /// One line of detail below the title.
    pub subtitle: String,
    /// Label of the horizontal axis.
    pub along: String,
    /// Scale of the horizontal axis.
    pub x_scale: Scale,
    /// Label of the vertical axis.
    pub quantity: String,
    /// Scale of the vertical axis.
    pub y_scale: Scale,
    /// Whether the vertical axis includes zero, so that a fall to a tenth does not look like a fall to zero.
    pub from_zero: bool,
    /// The curves.
    pub lines: Vec<Line>,
    /// Labelled positions on the horizontal axis.
    pub marks: Vec<Mark>,
}

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub label: String,
    /// Its points from left to right; non-finite points are skipped.
    pub points: Vec<(f64, f64)>,
}

/// A labelled position on the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its name.
    pub label: String,
    /// Its value on the horizontal axis.
    pub at: f64,
}

impl Chart {
    /// Returns axes that contain everything shown, between these positions from left to right and from bottom
    /// to top.
    fn axes(&self, across: (f64, f64), up: (f64, f64)) -> (Axis, Axis) {
        let points: Vec<(f64, f64)> = self.lines.iter().flat_map(Line::finite).collect();
        let places: Vec<f64> =
            points.iter().map(|point| point.0).chain(self.marks.iter().map(|mark| mark.at)).collect();
        let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
        if self.from_zero {
            values.push(0.0);
        }
        (Axis::new(self.x_scale, &places, across, false), Axis::new(self.y_scale, &values, up, false))
    }
}

impl Line {
    fn finite(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.iter().copied().filter(|(at, value)| at.is_finite() && value.is_finite())
    }
}
