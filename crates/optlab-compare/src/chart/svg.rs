//! Draws a chart as SVG.

use crate::chart::axis::tick_text;
use crate::chart::{Axis, Chart, Line, style};
use optlab_core::markup::escape;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = WIDTH - 28.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = TOP + 320.0;
/// Vertical position of the first row of the legend, below the plot.
const LEGEND: f64 = BOTTOM + 72.0;
const LEGEND_ROW: f64 = 20.0;

impl Chart {
    /// Returns the chart as an SVG document.
    pub fn svg(&self) -> String {
        let (x, y) = self.axes((LEFT, RIGHT), (BOTTOM, TOP));
        let height = LEGEND + self.lines.len() as f64 * LEGEND_ROW + 4.0;
        let mut body = self.grid(&x, &y);
        for (place, line) in self.lines.iter().enumerate() {
            body.push_str(&path(line, place, &x, &y));
            body.push_str(&legend_row(&line.label, place));
        }
        for (row, mark) in self.marks.iter().enumerate() {
            let at = x.place(mark.at);
            // The label is on the side with more room.
            let (text_at, class) =
                if at > WIDTH / 2.0 { (at - 6.0, "faint end") } else { (at + 6.0, "faint") };
            body.push_str(&format!(
                "<line class=\"target\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"{class}\" x=\"{text_at:.1}\" y=\"{:.1}\">{}</text>\n",
                TOP + 12.0 + 17.0 * row as f64,
                escape(&mark.label),
            ));
        }
        body.insert_str(
            0,
            &format!("<text class=\"faint\" x=\"24\" y=\"78\">{}</text>\n", escape(&self.quantity)),
        );
        document(&self.title, &self.subtitle, (WIDTH, height), &style::sheet(0.0), &body)
    }

    fn grid(&self, x: &Axis, y: &Axis) -> String {
        let mut text = String::new();
        for tick in y.ticks(24.0) {
            text.push_str(&row(y.place(tick), (LEFT, RIGHT), &tick_text(tick)));
        }
        for tick in x.ticks(56.0) {
            text.push_str(&column(x.place(tick), BOTTOM, &tick_text(tick)));
        }
        text.push_str(&baseline(BOTTOM, (LEFT, RIGHT), 38.0, &self.along));
        text
    }
}

fn path(line: &Line, place: usize, x: &Axis, y: &Axis) -> String {
    curve(place, line.finite().map(|(at, value)| (x.place(at), y.place(value))), &escape(&line.label))
}

fn legend_row(label: &str, place: usize) -> String {
    let top = LEGEND + place as f64 * LEGEND_ROW;
    format!(
        "<path class=\"key {}\" d=\"M{LEFT} {:.1}h26\"/><text x=\"{:.1}\" y=\"{top:.1}\">{}</text>\n",
        style::line_class(place),
        top - 4.0,
        LEFT + 36.0,
        escape(label),
    )
}

/// Returns a whole SVG document, on paper of that width and height.
pub(crate) fn document(
    title: &str,
    what: &str,
    (width, height): (f64, f64),
    sheet: &str,
    body: &str,
) -> String {
    let (title, what) = (escape(title), escape(what));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"title what\">\n<title id=\"title\">{title}</title>\n<desc id=\"what\">{what}</desc>\n\
         <style>\n{sheet}\n</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n\
         <text class=\"h1\" x=\"24\" y=\"34\">{title}</text>\n\
         <text class=\"faint\" x=\"24\" y=\"55\">{what}</text>\n{body}</svg>\n"
    )
}

/// Returns a grid line at a tick of the left axis, with the tick's text.
pub(crate) fn row(place: f64, (left, right): (f64, f64), tick: &str) -> String {
    format!(
        "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>\
         <text class=\"faint end num\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
        left - 8.0,
        place + 4.0,
        escape(tick),
    )
}

/// Returns a tick of the bottom axis, with its text.
pub(crate) fn column(place: f64, bottom: f64, tick: &str) -> String {
    format!(
        "<line class=\"axis\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>\
         <text class=\"faint mid num\" x=\"{place:.1}\" y=\"{:.1}\">{}</text>\n",
        bottom + 5.0,
        bottom + 19.0,
        escape(tick),
    )
}

/// Returns the bottom axis, with the label `along` placed `below` pixels under it.
pub(crate) fn baseline(bottom: f64, (left, right): (f64, f64), below: f64, along: &str) -> String {
    format!(
        "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>\
         <text class=\"faint mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
        (left + right) / 2.0,
        bottom + below,
        escape(along),
    )
}

/// Returns the curve in the colour and dashes of `place`, with a title already escaped for XML; empty without
/// points.
pub(crate) fn curve(place: usize, points: impl Iterator<Item = (f64, f64)>, title: &str) -> String {
    let points: Vec<(f64, f64)> = points.collect();
    if points.is_empty() {
        return String::new();
    }
    // A line of length zero shows as a dot, by its round cap.
    let dot = if points.len() == 1 { "h0" } else { "" };
    let d = way(points.into_iter());
    format!(
        "<path class=\"line {}\" d=\"{d}{dot}\"><title>{title}</title></path>\n",
        style::line_class(place)
    )
}

/// Returns the path data of straight lines from position to position.
pub(crate) fn way(places: impl Iterator<Item = (f64, f64)>) -> String {
    let mut d = String::new();
    for (left, top) in places {
        d.push_str(&format!("{}{left:.1} {top:.1}", if d.is_empty() { "M" } else { "L" }));
    }
    d
}
