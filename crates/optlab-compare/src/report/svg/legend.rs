//! The legend of a panel: its lines, sorted by their final values.

use crate::chart::style;
use crate::report::number;
use crate::report::svg::panel::{LEGEND_LEFT, LEGEND_ROW, Line, Panel};
use optlab_core::markup::escape;

const LEGEND_KEY: f64 = 30.0;
/// The width of a character of the legend, in pixels; wider than most, so that text never meets its value.
const CHARACTER: f64 = 7.1;

impl Panel<'_> {
    /// Returns the legend next to a plot whose upper edge is at `top`: the best final value first, the target
    /// last.
    pub(super) fn legend(&self, top: f64, width: f64) -> String {
        let right = width - 24.0;
        let text_left = LEGEND_LEFT + LEGEND_KEY + 9.0;
        let mut text = format!(
            "<text class=\"faint end\" x=\"{right:.1}\" y=\"{:.1}\">median at the end</text>\n",
            top - 24.0
        );
        let mut middle = top + 0.25 * LEGEND_ROW;
        for line in self.sorted() {
            let value = self.value(line);
            let room = (right - text_left) / CHARACTER - value.chars().count() as f64 - 1.0;
            text.push_str(&format!(
                "<g><title>{}</title><path class=\"key {}\" d=\"M{LEGEND_LEFT:.1} {middle:.1}h{LEGEND_KEY}\"/>\
                 <text x=\"{text_left:.1}\" y=\"{:.1}\">{}</text>\
                 <text class=\"end num\" x=\"{right:.1}\" y=\"{:.1}\">{}</text></g>\n",
                escape(&line.label),
                style::line_class(line.place),
                middle + 4.0,
                escape(&shortened(&line.label, room as usize)),
                middle + 4.0,
                escape(&value),
            ));
            middle += LEGEND_ROW;
        }
        if let Some(target) = self.curves.metric.target {
            text.push_str(&format!(
                "<path class=\"target\" d=\"M{LEGEND_LEFT:.1} {middle:.1}h{LEGEND_KEY}\"/>\
                 <text class=\"faint\" x=\"{text_left:.1}\" y=\"{0:.1}\">target</text>\
                 <text class=\"faint end num\" x=\"{right:.1}\" y=\"{0:.1}\">{1}</text>\n",
                middle + 4.0,
                escape(&number::metric(&self.curves.metric, target)),
            ));
        }
        text
    }

    /// Returns the final value of a line, with the numbers of diverged and failed seeds.
    pub(super) fn value(&self, line: &Line) -> String {
        let mut parts = Vec::new();
        parts.extend(line.curve.last().map(|value| number::metric(&self.curves.metric, value)));
        if !line.curve.diverged.is_empty() {
            parts.push(format!("×{}", line.curve.diverged.len()));
        }
        if line.failed > 0 {
            parts.push(format!("{} failed", line.failed));
        }
        if parts.is_empty() { "no data".into() } else { parts.join(" ") }
    }

    /// Returns the lines, best final value first, lines without one last.
    pub(super) fn sorted(&self) -> Vec<&Line<'_>> {
        let direction = self.curves.metric.direction;
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        let rank = |line: &Line| line.curve.last().map_or(f64::INFINITY, |value| direction.cost(value));
        lines.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        lines
    }
}

/// Shortens a label in its middle, since both ends distinguish arms: `adamw lr 0.001 weight…y=0.05`.
fn shortened(label: &str, room: usize) -> String {
    const TAIL: usize = 7;
    let length = label.chars().count();
    if length <= room {
        return label.into();
    }
    let head = label.chars().take(room.saturating_sub(TAIL + 1));
    head.chain(['…']).chain(label.chars().skip(length - TAIL.min(length))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_keeps_both_ends() {
        assert_eq!(shortened("adamw lr 0.001 weight_decay=0.05", 22), "adamw lr 0.001…ay=0.05");
        assert_eq!(shortened("adamw", 5), "adamw");
        assert_eq!(shortened("adamw:beta", 0), "…mw:beta");
    }
}
