//! The report in the terminal: a table per workload, as wide as the terminal allows.

use crate::report::columns::{self, Column};
use crate::report::labels::{self, Labels};
use crate::report::{number, words};
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use comfy_table::{CellAlignment, Table, TableComponent};

/// The largest width of a line of text.
const MOST_IN_A_LINE: usize = 120;

/// The largest width of a cell in a table that is too wide.
const SHORT_CELL: usize = 26;

/// Returns the tables of all workloads, best arm first, at most `width` characters wide (80 or more).
///
/// Leaves out the least important columns of a table that is too wide; `results.md` has all columns.
pub fn render(comparison: &Comparison, summaries: &[Summary], width: usize) -> String {
    let labels = Labels::of(summaries);
    let mut text = String::new();
    for workload in comparison.workloads() {
        let arms: Vec<&Summary> = summaries.iter().filter(|arm| arm.workload == workload).collect();
        if arms.is_empty() {
            let line = format!("{workload}: {}", words::without_finalists(comparison, workload));
            text.push_str(&format!("{}\n\n", wrapped(&line, width)));
            continue;
        }
        text.push_str(&heading(comparison, &labels, &arms));
        text.push_str("\n\n");
        text.push_str(&table(columns::columns(&labels, &arms), width));
        text.push('\n');
        for line in labels::lost_seeds(&labels, &arms) {
            text.push_str(&format!("  {line}\n"));
        }
        for line in words::verdicts(&labels, &arms) {
            text.push_str(&format!("{}\n", wrapped(&line, width)));
        }
        text.push('\n');
    }
    // A terminal would obey the control characters of a name.
    text.replace(|character: char| character.is_control() && character != '\n', " ")
}

/// Returns the heading of a workload's table, in two lines.
fn heading(comparison: &Comparison, labels: &Labels, arms: &[&Summary]) -> String {
    let Some(arm) = arms.first() else {
        return String::new();
    };
    let mut heading = arm.workload.clone();
    if arm.metric.is_known() {
        let better = arm.metric.direction.name();
        heading.push_str(&format!(": {}, {better} is better", arm.metric));
    }
    if let Some(target) = arm.metric.target {
        heading.push_str(&format!(", target {}", number::metric(&arm.metric, target)));
    }
    format!("{heading}\n{}", labels.shared(comparison, arms))
}

fn table(mut columns: Vec<Column>, width: usize) -> String {
    loop {
        let text = draw(&columns);
        if text.lines().all(|line| line.chars().count() <= width) {
            return text;
        }
        let is_long = |column: &Column| column.cells.iter().any(|cell| cell.chars().count() > SHORT_CELL);
        let least = columns.iter().map(|column| column.rank).max().unwrap_or(0);
        if let Some(long) = columns.iter_mut().find(|column| is_long(column)) {
            long.cells.iter_mut().for_each(shorten);
        } else if least > 0 {
            columns.retain(|column| column.rank < least);
        } else {
            // Too narrow for the columns that always stay: the terminal wraps the lines.
            return text;
        }
    }
}

/// Wraps a sentence into lines of at most `width` characters, and at most [`MOST_IN_A_LINE`].
fn wrapped(sentence: &str, width: usize) -> String {
    let width = width.min(MOST_IN_A_LINE);
    let mut text = String::new();
    let mut column = 0;
    for word in sentence.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            text.push_str("\n  ");
            column = 2;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

fn shorten(cell: &mut String) {
    if cell.chars().count() > SHORT_CELL {
        *cell = cell.chars().take(SHORT_CELL - 1).chain(['…']).collect();
    }
}

fn draw(columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(columns.iter().map(|column| column.title.as_str()));
    let rows = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..rows {
        table.add_row(columns.iter().map(|column| column.cells[row].as_str()));
    }
    for (place, column) in columns.iter().enumerate() {
        if let Some(drawn) = table.column_mut(place).filter(|_| !column.is_text) {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}
