//! Explanations as text, and as pictures, JSON and a page in a folder.

use crate::Error;
use crate::cli::explain::asked::Asked;
use crate::cli::folder_arg::Held;
use comfy_table::{CellAlignment, Table, TableComponent};
use optlab_core::line::one_line;
use optlab_explain::data_set::Importance;
use optlab_explain::page::{Document, Explanation, Picture, page};
use optlab_explain::picture::{Palette, bars, contact_sheet, difference, heat_map, number, series, tokens};
use optlab_explain::{MethodSpec, Question};
use optlab_train::files::disk;
use optlab_train::model::InputShape;
use std::path::Path;

/// The page's file.
pub const PAGE: &str = "index.html";
/// The most characters of a name, and of a line, in a terminal.
const MOST: usize = 60;
const MOST_OF_LINE: usize = 200;
/// The file of all numbers.
const DATA: &str = "explanations.json";

/// Checks that a folder can take explanations: it is new, empty, or holds some already.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for a file, and for a folder that holds anything else.
pub fn check(folder: &Path) -> Result<(), Error> {
    let is_free = match Held::at(folder)? {
        Held::Missing => true,
        Held::Other => folder.join(DATA).is_file() || disk::entries(folder)?.is_empty(),
        Held::File | Held::Run | Held::Trials(_) => false,
    };
    if is_free {
        return Ok(());
    }
    let shown = folder.display();
    Err(Error::usage(format!("{shown} holds something else; choose a new folder for --output")))
}

/// Returns a picture of attributions: a heat map, a series, tokens or bars.
pub fn picture(
    asked: &Asked<'_>,
    method: &MethodSpec,
    row: &[f32],
    values: &[f64],
    question: &Question<'_>,
) -> Result<Option<Picture>, Error> {
    let palette = if method.is_unsigned() { Palette::Sizes } else { Palette::Diverging };
    let elements = &asked.rows.elements;
    Ok(Some(match asked.rows.input {
        InputShape::Image { channels, height, width } => match method {
            // Without a channel, all channels of the layer are shown.
            MethodSpec::ActivationMap(config) if config.channel.is_none() => {
                let maps = config.maps(question, row)?;
                Picture::Png(contact_sheet(&maps.values, maps.shape)?)
            }
            _ => Picture::Png(heat_map(row, values, [channels, height, width], palette)?),
        },
        InputShape::Sequence { time, features } => {
            let own = |i: usize| elements[i].unit.mean + elements[i].unit.scale * f64::from(row[i]);
            // Several features of a step are shown by the first, with the sum of the attributions.
            let steps: Vec<f64> = (0..time).map(|step| own(step * features)).collect();
            let sums: Vec<f64> = values.chunks(features).map(|of_step| of_step.iter().sum()).collect();
            let names: Vec<String> = (1..=time).map(|step| format!("step {step}")).collect();
            Picture::Svg(series(&steps, &sums, &names, palette))
        }
        InputShape::Tokens { .. } => {
            let texts: Vec<String> =
                elements.iter().zip(row).map(|(element, value)| element.shown(*value)).collect();
            Picture::Svg(tokens(&texts, values, palette))
        }
        InputShape::Columns(_) => {
            let rows = asked.largest(row, values, 30);
            let named = rows.into_iter().map(|(name, value, part)| (format!("{name} = {value}"), part));
            Picture::Svg(bars(&named.collect::<Vec<_>>()))
        }
    }))
}

/// Returns a picture of importance.
pub fn picture_of_importance(asked: &Asked<'_>, importance: &Importance) -> Result<Option<Picture>, Error> {
    let sizes = &importance.mean_absolute;
    Ok(Some(match asked.rows.input {
        InputShape::Image { channels, height, width } => {
            let sizes_as_input: Vec<f32> = importance.mean.iter().map(|mean| *mean as f32).collect();
            Picture::Png(heat_map(&sizes_as_input, sizes, [channels, height, width], Palette::Sizes)?)
        }
        _ => {
            let rows = asked.ranked(importance, 30);
            Picture::Svg(bars(&rows.into_iter().map(|(name, size, ..)| (name, size)).collect::<Vec<_>>()))
        }
    }))
}

/// Returns the explanations as tables for a terminal.
pub fn text(document: &Document) -> String {
    let mut text = String::new();
    for importance in &document.importance {
        text += &format!(
            "importance over {} examples: {} of the {}\n",
            importance.examples, importance.method, importance.target
        );
        let mut table = empty_table(&["element", "mean size", "±", "mean"]);
        for (name, size, error, mean) in &importance.rows {
            table.add_row([one_line(name, MOST), number(*size), number(*error), number(*mean)]);
        }
        text += &finished(table, &[1, 2, 3]);
    }
    let mut last = "";
    for explanation in &document.explanations {
        if last != explanation.example {
            let truth =
                explanation.truth.as_ref().map(|truth| format!("; it is {truth}")).unwrap_or_default();
            let line = format!("{}: predicted {}{truth}", explanation.example, explanation.prediction);
            text += &(one_line(&line, MOST_OF_LINE) + "\n");
            last = &explanation.example;
        }
        text += &headline(explanation);
        let mut table = empty_table(&["largest", "value", "attribution"]);
        for (name, value, part) in &explanation.largest {
            table.add_row([one_line(name, MOST), one_line(value, MOST), number(*part)]);
        }
        text += &finished(table, &[1, 2]);
    }
    text
}

/// Returns the line of an explanation: the output, where it starts from, and how far off the sum is.
fn headline(explanation: &Explanation) -> String {
    let attribution = &explanation.attribution;
    let output = match attribution.baseline_output {
        None => number(attribution.output),
        Some(baseline) => difference(attribution.output, baseline),
    };
    let target = one_line(&explanation.target, MOST);
    let mut line = format!("{}: {target} {output}", explanation.method);
    if let Some(gap) = explanation.completeness_gap {
        line += &format!("; the sum of attributions is {:.2} % off", 100.0 * gap);
    }
    if let Some(fit) = attribution.local_fit {
        line += &format!("; R² of the linear model {fit:.2}");
    }
    line + "\n"
}

fn empty_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(header);
    table.set_style(TableComponent::VerticalLines, ' ');
    table
}

fn finished(mut table: Table, right: &[usize]) -> String {
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.to_string();
    lines.lines().map(|line| format!("  {}\n", line.trim_end())).collect::<String>() + "\n"
}

/// Writes pictures, numbers and the page to a folder; pictures of an earlier call stay.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(folder: &Path, document: &Document) -> Result<(), Error> {
    disk::create_folder(folder)?;
    let mut document = document.clone();
    let mut number = 0;
    let pictures =
        document.explanations.iter_mut().map(|e| (&e.example, &e.method, &e.content, &mut e.picture));
    for (example, method, content, file) in pictures {
        number += 1;
        *file = write_picture(folder, &format!("{number:03}-{example}-{method}"), content.as_ref())?;
    }
    for importance in &mut document.importance {
        number += 1;
        let name = format!("{number:03}-importance-{}", importance.method);
        importance.picture = write_picture(folder, &name, importance.content.as_ref())?;
    }
    let broken = |reason: serde_json::Error| Error::usage(format!("{DATA}: {reason}"));
    let data = serde_json::to_string_pretty(&document).map_err(broken)? + "\n";
    disk::replace(&folder.join(DATA), data.as_bytes())?;
    disk::replace(&folder.join(PAGE), page(&document).as_bytes())
}

/// Writes a picture under a name of letters, digits and hyphens, and returns the file's name.
fn write_picture(folder: &Path, name: &str, content: Option<&Picture>) -> Result<Option<String>, Error> {
    /// The most characters of a name.
    const MOST: usize = 80;
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(MOST).collect();
    let (file, bytes) = match content {
        None => return Ok(None),
        Some(Picture::Png(bytes)) => (format!("{plain}.png"), bytes.as_slice()),
        Some(Picture::Svg(text)) => (format!("{plain}.svg"), text.as_bytes()),
    };
    disk::replace(&folder.join(&file), bytes)?;
    Ok(Some(file))
}
