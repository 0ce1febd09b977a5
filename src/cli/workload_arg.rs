//! The workload as an argument: a name, a problem's file, or a file of data with the column to predict.

use crate::Error;
use crate::cli::folder_arg::refuse_results;
use crate::cli::output;
use clap::Args;
use optlab_train::files::disk;
use optlab_train::problem::Problem;
use optlab_train::registry;
use std::path::Path;

/// A workload.
#[derive(Debug, Clone, Args)]
pub struct WorkloadArg {
    /// The workload: a name of `optlab list workloads`, a problem's file such as houses.toml, or a data file
    /// with --target
    workload: String,
    /// For a data file: the column to predict; writes a problem's file NAME.toml and uses it
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
}

impl WorkloadArg {
    /// Returns the text that plans and the registry take: a name, or the whole path of a problem's file.
    ///
    /// # Errors
    /// A folder of results; a data file without a target, or whose data are no problem; a problem's file
    /// for other data.
    pub fn text(&self) -> Result<String, Error> {
        text_of(&self.workload, self.target.as_deref())
    }

    /// Returns the argument as it was given.
    pub fn given(&self) -> &str {
        &self.workload
    }
}

/// Returns the text that plans and the registry take for an argument; see [`WorkloadArg::text`].
///
/// # Errors
/// A folder of results; a data file without a target, or whose data are no problem; a problem's file for
/// other data.
pub fn text_of(argument: &str, target: Option<&str>) -> Result<String, Error> {
    let path = Path::new(argument);
    if registry::is_path(argument) {
        return match target {
            None => absolute(path),
            Some(_) => {
                Err(Error::usage("--target is for a data file; a problem's file names its own target"))
            }
        };
    }
    refuse_results(path)?;
    let Some(key) = source_key(path) else {
        if !path.exists() && argument.contains(['/', '\\']) {
            return Err(Error::usage(format!("{argument}: no such file or folder")));
        }
        return match target {
            None => Ok(argument.into()),
            Some(_) => Err(Error::usage(format!("--target is for a data file, and `{argument}` is none"))),
        };
    };
    if !path.exists() {
        return Err(Error::usage(format!("{argument}: no such file")));
    }
    match (key, target) {
        ("images" | "text", Some(_)) => {
            return Err(Error::usage(format!("{argument}: --target is for tables and arrays")));
        }
        ("csv" | "parquet", None) => {
            return Err(Error::usage(format!(
                "{argument} holds data: name the column to predict with --target"
            )));
        }
        _ => {}
    }
    let file = format!("{}.toml", problem_name(path)?);
    let here = std::env::current_dir().map_err(Error::io("find", "."))?;
    let whole = std::path::absolute(path).map_err(Error::io("find", path))?;
    let data = whole.strip_prefix(&here).unwrap_or(&whole).to_string_lossy().into_owned();
    let whole_file = here.join(&file);
    if Problem::is_for(&whole_file, key, &data, target) {
        return absolute(&whole_file);
    }
    if whole_file.exists() {
        let reason = format!(
            "{file} exists already and is for other data or another target: name it instead of {argument}, or move \
             it away"
        );
        return Err(Error::usage(reason));
    }
    // Nothing is written for data that are no problem.
    let text = Problem::text_for(&whole_file, key, &data, target)?;
    disk::replace(Path::new(&file), text.as_bytes())?;
    output::tell(format_args!("written: {file}, the problem; edit it to change columns, model or loss"));
    absolute(&whole_file)
}

/// Returns the key of a problem's data for a file of this kind; `None` if it is no data.
fn source_key(path: &Path) -> Option<&'static str> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv" | "tsv" | "gz") => Some("csv"),
        Some("parquet") => Some("parquet"),
        Some("npz") => Some("npz"),
        Some("txt") => Some("text"),
        _ if path.is_dir() => Some("images"),
        _ => None,
    }
}

/// Returns the name of the problem of a data file: the file's, without the ends that say how it is stored.
fn problem_name(path: &Path) -> Result<String, Error> {
    let path = std::path::absolute(path).map_err(Error::io("find", path))?;
    let name = path.components().next_back().map(|last| last.as_os_str().to_string_lossy().into_owned());
    let mut name = name.unwrap_or_default();
    if !path.is_dir() {
        for end in [".gz", ".csv", ".tsv", ".parquet", ".npz", ".txt"] {
            let kept = name.len().saturating_sub(end.len());
            if name.is_char_boundary(kept) && name[kept..].eq_ignore_ascii_case(end) {
                name.truncate(kept);
            }
        }
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' };
    let plain: String = name.chars().map(plain).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    Ok(if name.trim_matches('.').is_empty() { "data".into() } else { name })
}

fn absolute(path: &Path) -> Result<String, Error> {
    let path = std::path::absolute(path).map_err(Error::io("find", path))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Returns a short name of a workload's text, for folders: the name, or that of the problem's file.
pub fn short_name(text: &str) -> String {
    if !registry::is_path(text) {
        return text.into();
    }
    Path::new(text).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
