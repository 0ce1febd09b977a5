//! `optlab describe`: shows the data and the model of a workload.

use crate::cli::trial_settings::model_patch;
use crate::cli::workload_arg::WorkloadArg;
use crate::cli::{Exit, output};
use clap::Args;
use comfy_table::{Table, presets};
use optlab_train::data::Source;
use optlab_train::model::ModelPatch;
use optlab_train::registry;
use optlab_train::workload::Section;
use std::path::PathBuf;

/// Arguments of `optlab describe`.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    workload: WorkloadArg,
    /// Settings of the model that differ from the workload's, as mlp=[32],dropout=0.2
    #[arg(long, value_name = "SPEC", value_parser = model_patch)]
    model: Option<ModelPatch>,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs `optlab describe`.
///
/// # Errors
/// Data that cannot be read; a model that does not fit them.
pub fn run(args: &DescribeArgs) -> Result<(), Exit> {
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    let mut trial = registry::trial(&args.workload.text()?, &source)?;
    trial.model = args.model.clone().unwrap_or_default();
    let workload = registry::open_trial(&trial)?;
    let info = workload.info();
    let sections = workload.describe(&source)?;
    let title = format!("{}: {}\n", info.name, info.summary);
    let texts: Vec<String> = sections.iter().map(text).collect();
    output::print(format!("{title}\n{}", texts.join("\n")));
    Ok(())
}

/// Returns a section as text: a title, and an aligned table or a line per sentence.
pub(super) fn text(section: &Section) -> String {
    let Section { title, columns, rows } = section;
    if columns.is_empty() {
        let lines: String = rows.iter().map(|row| format!("  {}\n", row.join(" "))).collect();
        return format!("{}\n{lines}", title.to_uppercase());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(columns);
    for row in rows {
        table.add_row(row);
    }
    let lines: String = table.lines().map(|line| format!(" {}\n", line.trim_end())).collect();
    format!("{}\n{lines}", title.to_uppercase())
}
