//! Curves as pictures: SVG that needs nothing else, light or dark as the reader's system is, and dots in a terminal.

pub(crate) mod axis;
pub(crate) mod style;
pub(crate) mod svg;
mod terminal;

pub use axis::{Axis, Scale};

/// Curves over one pair of axes.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What the picture shows.
    pub title: String,
    /// More about it, in a line.
    pub subtitle: String,
    /// What runs from left to right.
    pub along: String,
    /// How that spreads.
    pub x_scale: Scale,
    /// What runs upwards.
    pub quantity: String,
    /// How that spreads.
    pub y_scale: Scale,
    /// Whether zero is in the picture, so that what falls to a tenth does not look as if it fell to nothing.
    pub from_zero: bool,
    /// The curves.
    pub lines: Vec<Line>,
    /// Places from left to right that have a name.
    pub marks: Vec<Mark>,
}

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub label: String,
    /// Its points from left to right; those that are no finite numbers are left out.
    pub points: Vec<(f64, f64)>,
}

/// A place with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its name.
    pub label: String,
    /// Where it is.
    pub at: f64,
}

impl Chart {
    /// Axes with room for all that is shown, between these places from left to right and from bottom to top.
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

/// Text as XML holds it.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no way to write the other control characters.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
