//! Draws a chart as text: each character cell has 2 × 4 dots, as in Braille.

use crate::chart::axis::tick_text;
use crate::chart::{Axis, Chart, Line};

/// Width of the numbers on the left, including the line beside them.
const LEFT: usize = 10;
const DOTS_ACROSS: usize = 2;
const DOTS_UP: usize = 4;
/// Rows of a single curve, and of each of several curves.
const ROWS: usize = 12;
const ROWS_OF_SEVERAL: usize = 7;

impl Chart {
    /// Returns the chart in at most `width` columns (at least 40): one panel per line, all with the same
    /// axes.
    pub fn terminal(&self, width: usize) -> String {
        let columns = width.max(40) - LEFT - 1;
        let rows = if self.lines.len() > 1 { ROWS_OF_SEVERAL } else { ROWS };
        let across = (0.0, (columns * DOTS_ACROSS - 1) as f64);
        let (x, y) = self.axes(across, ((rows * DOTS_UP - 1) as f64, 0.0));
        let mut text = format!("{}\n", self.title);
        for line in &self.lines {
            text.push_str(&format!("\n{:>LEFT$} {}\n", "", line.label));
            let mut canvas = Canvas::new(columns, rows);
            for mark in &self.marks {
                canvas.dotted(x.place(mark.at));
            }
            canvas.draw(line, &x, &y);
            let labels = y_labels(&y, rows);
            for (label, row) in labels.iter().zip(canvas.rows()) {
                text.push_str(format!("{label:>width$}│{row}", width = LEFT - 1).trim_end());
                text.push('\n');
            }
        }
        text.push_str(&x_labels(&x, columns));
        text.push_str(&format!("{:>LEFT$} {}: {}\n", "", self.along, self.quantity));
        for mark in &self.marks {
            text.push_str(&format!("{:>LEFT$} ┆ {}\n", "", mark.label));
        }
        text
    }
}

/// Returns the label of each row: the tick in it, if there is one.
fn y_labels(y: &Axis, rows: usize) -> Vec<String> {
    let mut labels = vec![String::new(); rows];
    for tick in y.ticks(2.0 * DOTS_UP as f64) {
        let row = (y.place(tick).max(0.0) / DOTS_UP as f64) as usize;
        if let Some(label) = labels.get_mut(row) {
            *label = tick_text(tick);
        }
    }
    labels
}

/// Returns the line below the last panel, and the numbers below that line.
fn x_labels(x: &Axis, columns: usize) -> String {
    let mut line = vec!['─'; columns];
    let mut numbers: Vec<char> = vec![' '; columns];
    for tick in x.ticks(10.0 * DOTS_ACROSS as f64) {
        let column = ((x.place(tick).max(0.0) / DOTS_ACROSS as f64) as usize).min(columns - 1);
        line[column] = '┴';
        let text = tick_text(tick);
        let begin = column.saturating_sub(text.len() / 2).min(columns.saturating_sub(text.len()));
        for (place, character) in numbers[begin..].iter_mut().zip(text.chars()) {
            *place = character;
        }
    }
    let of = |characters: Vec<char>| characters.into_iter().collect::<String>();
    format!("{:>LEFT$}{}\n{:>LEFT$}{}\n", "└", of(line), "", of(numbers).trim_end())
}

/// A grid of dots, starting at the upper left.
struct Canvas {
    columns: usize,
    cells: Vec<u8>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Canvas { columns, cells: vec![0; columns * rows] }
    }

    fn rows(&self) -> impl Iterator<Item = String> {
        // Braille patterns start with the empty one; the bits of the offset from it are the dots.
        let character = |cell: &u8| match cell {
            0 => ' ',
            dots => char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' '),
        };
        self.cells.chunks(self.columns).map(move |row| row.iter().map(character).collect())
    }

    fn dot(&mut self, across: f64, down: f64) {
        const BITS: [[u8; DOTS_ACROSS]; DOTS_UP] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if !(across >= -0.5 && down >= -0.5) {
            return;
        }
        let (across, down) = (across.round() as usize, down.round() as usize);
        let (column, row) = (across / DOTS_ACROSS, down / DOTS_UP);
        if column < self.columns
            && let Some(cell) = self.cells.get_mut(row * self.columns + column)
        {
            *cell |= BITS[down % DOTS_UP][across % DOTS_ACROSS];
        }
    }

    /// Draws a dotted line from top to bottom.
    fn dotted(&mut self, across: f64) {
        let height = self.cells.len() / self.columns * DOTS_UP;
        (0..height).step_by(2).for_each(|down| self.dot(across, down as f64));
    }

    fn draw(&mut self, line: &Line, x: &Axis, y: &Axis) {
        let mut before: Option<(f64, f64)> = None;
        for (at, value) in line.finite() {
            let here = (x.place(at), y.place(value));
            let from = before.unwrap_or(here);
            let dots = (here.0 - from.0).abs().max((here.1 - from.1).abs()).ceil().max(1.0);
            for step in 0..=dots as usize {
                let share = step as f64 / dots;
                self.dot(from.0 + (here.0 - from.0) * share, from.1 + (here.1 - from.1) * share);
            }
            before = Some(here);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Mark, Scale};

    fn chart(lines: Vec<Line>) -> Chart {
        Chart {
            title: "Rates".into(),
            subtitle: String::new(),
            along: "step".into(),
            x_scale: Scale::Linear,
            quantity: "learning rate".into(),
            y_scale: Scale::Linear,
            from_zero: true,
            lines,
            marks: Vec::new(),
        }
    }

    fn down(label: &str) -> Line {
        Line {
            label: label.into(),
            points: (0..=100).map(|t| (f64::from(t), 1.0 - f64::from(t) / 100.0)).collect(),
        }
    }

    #[test]
    fn a_line_that_falls_goes_from_the_upper_left_to_the_lower_right() {
        let text = chart(vec![down("linear")]).terminal(60);
        let rows: Vec<&str> = text.lines().filter(|line| line.contains('│')).collect();
        assert_eq!(rows.len(), ROWS);
        let first_dot = |row: &str| row.chars().skip(LEFT).position(|c| c != ' ').unwrap();
        let places: Vec<usize> = rows.iter().map(|row| first_dot(row)).collect();
        assert!(places.is_sorted() && places[0] == 0 && places[ROWS - 1] > 40, "{text}");
        assert!(rows[0].starts_with("        1│") && rows[ROWS - 1].starts_with("        0│"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.contains("└┴") && text.contains("step: learning rate"), "{text}");
    }

    #[test]
    fn several_lines_have_a_panel_each_and_marks_are_in_all_of_them() {
        let mut chart = chart(vec![down("one"), down("two")]);
        chart.marks.push(Mark { label: "the middle".into(), at: 50.0 });
        let text = chart.terminal(80);
        assert_eq!(text.lines().filter(|line| line.contains('│')).count(), 2 * ROWS_OF_SEVERAL);
        assert!(
            text.contains(" one\n") && text.contains(" two\n") && text.contains("┆ the middle"),
            "{text}"
        );
    }

    #[test]
    fn no_points_a_single_point_and_non_finite_points_can_be_drawn() {
        for points in [vec![], vec![(0.0, 0.5)], vec![(0.0, f64::NAN), (1.0, f64::INFINITY), (2.0, 3.0)]] {
            let chart = chart(vec![Line { label: "odd".into(), points }]);
            assert_eq!(chart.terminal(0).lines().filter(|line| line.contains('│')).count(), ROWS);
            assert!(!chart.svg().contains("NaN") && !chart.svg().contains("inf"));
        }
    }
}
