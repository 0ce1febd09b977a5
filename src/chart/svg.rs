//! A chart as SVG.

use super::axis::tick_text;
use super::{Axis, Chart, Line, escape, style};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = WIDTH - 28.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = TOP + 320.0;
/// Of the first row of the legend, below the plot.
const LEGEND: f64 = BOTTOM + 72.0;
const LEGEND_ROW: f64 = 20.0;

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let (x, y) = self.axes((LEFT, RIGHT), (BOTTOM, TOP));
        let height = LEGEND + self.lines.len() as f64 * LEGEND_ROW + 4.0;
        let (title, subtitle) = (escape(&self.title), escape(&self.subtitle));
        let mut body = self.grid(&x, &y);
        for (place, line) in self.lines.iter().enumerate() {
            body.push_str(&path(line, place, &x, &y));
            body.push_str(&legend_row(&line.label, place));
        }
        for (row, mark) in self.marks.iter().enumerate() {
            let at = x.place(mark.at);
            // On the side where there is more room.
            let (text_at, class) =
                if at > WIDTH / 2.0 { (at - 6.0, "faint end") } else { (at + 6.0, "faint") };
            body.push_str(&format!(
                "<line class=\"target\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"{class}\" x=\"{text_at:.1}\" y=\"{:.1}\">{}</text>\n",
                TOP + 12.0 + 17.0 * row as f64,
                escape(&mark.label),
            ));
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"title what\">\n<title id=\"title\">{title}</title>\n<desc id=\"what\">{subtitle}</desc>\n\
             <style>\n{}\n</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n\
             <text class=\"h1\" x=\"24\" y=\"34\">{title}</text>\n<text class=\"faint\" x=\"24\" y=\"55\">{subtitle}</text>\n\
             <text class=\"faint\" x=\"24\" y=\"78\">{}</text>\n{body}</svg>\n",
            style::sheet(0.0),
            escape(&self.quantity),
        )
    }

    fn grid(&self, x: &Axis, y: &Axis) -> String {
        let mut text = String::new();
        for tick in y.ticks(24.0) {
            let place = y.place(tick);
            text.push_str(&format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>\
                 <text class=\"faint end num\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                LEFT - 8.0,
                place + 4.0,
                tick_text(tick),
            ));
        }
        for tick in x.ticks(56.0) {
            let place = x.place(tick);
            text.push_str(&format!(
                "<line class=\"axis\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{BOTTOM}\" y2=\"{:.1}\"/>\
                 <text class=\"faint mid num\" x=\"{place:.1}\" y=\"{:.1}\">{}</text>\n",
                BOTTOM + 5.0,
                BOTTOM + 19.0,
                tick_text(tick),
            ));
        }
        text.push_str(&format!(
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\
             <text class=\"faint mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 38.0,
            escape(&self.along),
        ));
        text
    }
}

fn path(line: &Line, place: usize, x: &Axis, y: &Axis) -> String {
    let mut d = String::new();
    for (at, value) in line.finite() {
        let way = if d.is_empty() { 'M' } else { 'L' };
        d.push_str(&format!("{way}{:.1} {:.1}", x.place(at), y.place(value)));
    }
    if line.finite().count() == 1 {
        // A line without length shows as a dot, by its round cap.
        d.push_str("h0");
    }
    let class = style::line_class(place);
    format!("<path class=\"line {class}\" d=\"{d}\"><title>{}</title></path>\n", escape(&line.label))
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
