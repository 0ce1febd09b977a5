//! The panel of a workload: curves on the left, legend on the right, sorted by final value.

use crate::chart::axis::tick_text;
use crate::chart::{Axis, Scale, style, svg};
use crate::result::curves::{Curve, Curves, Point};
use optlab_core::markup::escape;

const LEFT: f64 = 72.0;
const PLOT_WIDTH: f64 = 570.0;
const ABOVE_PLOT: f64 = 74.0;
const BELOW_PLOT: f64 = 62.0;
const LEAST_PLOT_HEIGHT: f64 = 310.0;
/// The left edge of the legend.
pub(super) const LEGEND_LEFT: f64 = LEFT + PLOT_WIDTH + 28.0;
/// The height of a row of the legend.
pub(super) const LEGEND_ROW: f64 = 19.0;
/// Above this accuracy the axis is logarithmic in 1 − accuracy.
const GOOD_ACCURACY: f64 = 0.85;
/// Cut-offs of the axis where smaller is better, as multiples of the middle value: for any value, and for
/// final values of arms. A bad start or a bad arm must not flatten the other curves.
const CUT_OFF: f64 = 4.0;
const CUT_OFF_ENDS: f64 = 20.0;

/// A workload's panel.
pub struct Panel<'a> {
    /// The index of the panel.
    pub number: usize,
    /// The workload's name.
    pub title: &'a str,
    /// The settings that all arms share.
    pub subtitle: String,
    /// The curves, with their axis and target.
    pub curves: &'a Curves,
    /// The lines.
    pub lines: Vec<Line<'a>>,
    /// The largest number of points per line.
    pub most_points: usize,
}

/// An arm's line.
pub struct Line<'a> {
    /// The arm's index in the plan, which decides its colour and dash.
    pub place: usize,
    /// The arm's name.
    pub label: String,
    /// The curve.
    pub curve: &'a Curve,
    /// The number of failed seeds.
    pub failed: usize,
}

impl Panel<'_> {
    /// Returns the panel's height, in pixels.
    pub fn height(&self) -> f64 {
        ABOVE_PLOT + self.plot_height() + BELOW_PLOT
    }

    /// Draws the panel with its upper edge at `top`.
    pub fn draw(&self, top: f64, width: f64) -> String {
        let plot = (top + ABOVE_PLOT, top + ABOVE_PLOT + self.plot_height());
        let places = self
            .curves
            .arms
            .iter()
            .flat_map(|arm| arm.points.iter().map(|point| self.curves.place(point.at)));
        let x = Axis::new(Scale::Linear, &places.collect::<Vec<_>>(), (LEFT, LEFT + PLOT_WIDTH), false);
        let (y, scale) = self.y_axis(plot);
        let mut text = format!(
            "<text class=\"h2\" x=\"24\" y=\"{:.1}\">{}</text>\n<text class=\"faint end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n\
             <text class=\"faint\" x=\"24\" y=\"{:.1}\">{}</text>\n",
            top + 24.0,
            escape(self.title),
            width - 24.0,
            top + 24.0,
            escape(&self.subtitle),
            top + 50.0,
            escape(&self.quantity(scale)),
        );
        text.push_str(&self.grid(&x, &y, plot));
        text.push_str(&self.marks(&x, &y, plot));
        text.push_str(&self.legend(plot.0, width));
        text
    }

    fn plot_height(&self) -> f64 {
        let legend = (self.lines.len() as f64 + 1.0) * LEGEND_ROW;
        legend.max(LEAST_PLOT_HEIGHT)
    }

    fn quantity(&self, scale: Scale) -> String {
        let better = self.curves.metric.direction.name();
        let spread = match scale {
            Scale::Linear => "",
            Scale::Log => ", log scale",
            Scale::Missing => ", log scale of the error",
        };
        format!("{} ({better} is better{spread})", self.curves.quantity)
    }

    fn y_axis(&self, plot: (f64, f64)) -> (Axis, Scale) {
        let mut middles: Vec<f64> = Vec::new();
        let mut values: Vec<f64> = self.curves.metric.target.into_iter().collect();
        for arm in &self.curves.arms {
            middles.extend(arm.points.iter().map(|point| point.median));
            values.extend(arm.points.iter().flat_map(|point| [point.low, point.high]));
        }
        middles.sort_by(f64::total_cmp);
        let best = middles.last().copied().unwrap_or(0.0);
        let middle = middles.get(middles.len() / 2).copied().unwrap_or(0.0);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let scale = if self.curves.metric.is_share() {
            if best > GOOD_ACCURACY { Scale::Missing } else { Scale::Linear }
        } else {
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if smallest > 0.0 && largest > 4.0 * smallest { Scale::Log } else { Scale::Linear }
        };
        if !self.curves.metric.direction.is_larger() && middle > 0.0 {
            let ends = self.curves.arms.iter().filter_map(Curve::last).fold(0.0, f64::max);
            let most = (1.2 * ends).clamp(CUT_OFF * middle, CUT_OFF_ENDS * middle);
            values.iter_mut().for_each(|value| *value = value.min(most));
        }
        (Axis::new(scale, &values, (plot.1, plot.0), true), scale)
    }

    fn grid(&self, x: &Axis, y: &Axis, plot: (f64, f64)) -> String {
        let right = LEFT + PLOT_WIDTH;
        let mut text = String::new();
        for tick in y.ticks(24.0) {
            let is_share = self.curves.metric.is_share();
            let label = if is_share { format!("{} %", tick_text(tick * 100.0)) } else { tick_text(tick) };
            text.push_str(&svg::row(y.place(tick), (LEFT, right), &label));
        }
        // Steps and epochs of evaluations are whole numbers.
        for tick in x.ticks(56.0).into_iter().filter(|tick| tick.fract() == 0.0) {
            text.push_str(&svg::column(x.place(tick), plot.1, &tick.to_string()));
        }
        text.push_str(&svg::baseline(plot.1, (LEFT, right), 37.0, self.curves.along));
        text
    }

    /// Draws bands below lines below marks, and the best line above the others.
    fn marks(&self, x: &Axis, y: &Axis, plot: (f64, f64)) -> String {
        let clip = format!("plot-{}", self.number);
        let mut bands = String::new();
        let mut lines = String::new();
        let mut crosses = String::new();
        for line in self.sorted().into_iter().rev() {
            let points = thinned(&line.curve.points, self.most_points);
            let along = |point: &Point| x.place(self.curves.place(point.at));
            bands.push_str(&band(&points, along, y, line.place));
            lines.push_str(&self.path(&points, x, y, line));
            for (at, value) in &line.curve.diverged {
                // A seed that was never evaluated is marked at the edge of the bad values.
                let bad_edge = if self.curves.metric.direction.is_larger() { plot.1 } else { plot.0 };
                let right = value.map_or(bad_edge, |value| y.place(value)).clamp(plot.0, plot.1);
                let left = x.place(self.curves.place(*at)).clamp(LEFT, LEFT + PLOT_WIDTH);
                crosses.push_str(&format!(
                    "<path class=\"mark {}\" d=\"M{:.1} {:.1}l9 9m0 -9l-9 9\"/>\n",
                    style::mark_class(line.place),
                    left - 4.5,
                    right - 4.5,
                ));
            }
        }
        let height = plot.1 - plot.0;
        format!(
            "<clipPath id=\"{clip}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/></clipPath>\n\
             <g clip-path=\"url(#{clip})\">\n{bands}{}{lines}</g>\n{crosses}",
            LEFT - 2.0,
            plot.0,
            PLOT_WIDTH + 4.0,
            self.target_line(y),
        )
    }

    fn path(&self, points: &[Point], x: &Axis, y: &Axis, line: &Line) -> String {
        let places = points.iter().map(|point| (x.place(self.curves.place(point.at)), y.place(point.median)));
        svg::curve(line.place, places, &format!("{}: {}", escape(&line.label), escape(&self.value(line))))
    }

    fn target_line(&self, y: &Axis) -> String {
        self.curves.metric.target.map_or_else(String::new, |target| {
            let place = y.place(target);
            let right = LEFT + PLOT_WIDTH;
            format!(
                "<line class=\"target\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>\n"
            )
        })
    }
}

/// Draws the area between the quartiles, if they differ anywhere.
fn band(points: &[Point], along: impl Fn(&Point) -> f64, y: &Axis, place: usize) -> String {
    if points.len() < 2 || points.iter().all(|point| point.low == point.high) {
        return String::new();
    }
    let there = points.iter().map(|point| (along(point), y.place(point.high)));
    let back = points.iter().rev().map(|point| (along(point), y.place(point.low)));
    format!("<path class=\"band {}\" d=\"{}Z\"/>\n", style::band_class(place), svg::way(there.chain(back)))
}

/// Returns about `most` of the points, always with the last.
fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    let stride = points.len().div_ceil(most).max(1);
    let last = points.len().saturating_sub(1);
    let is_kept = |index: usize| index.is_multiple_of(stride) || index == last;
    points.iter().enumerate().filter(|(index, _)| is_kept(*index)).map(|(_, point)| *point).collect()
}
