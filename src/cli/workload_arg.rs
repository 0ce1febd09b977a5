//! The workload as an argument: a name, a problem's file, or a file of data with the column to predict.

use crate::Error;
use crate::cli::progress_line;
use clap::Args;
use optlab_train::files::atomic_file;
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
    /// A data file without a target; a problem's file that exists already.
    pub fn text(&self) -> Result<String, Error> {
        text_of(&self.workload, self.target.as_deref())
    }
}

/// Returns the text that plans and the registry take for an argument; see [`WorkloadArg::text`].
///
/// # Errors
/// A data file without a target; a problem's file that exists already.
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
    let Some(key) = source_key(path) else {
        return match target {
            None => Ok(argument.into()),
            Some(_) => Err(Error::usage(format!("--target is for a data file, and `{argument}` is none"))),
        };
    };
    if !path.exists() {
        return Err(Error::usage(format!("{argument}: no such file")));
    }
    let line = match (key, target) {
        ("images" | "text", Some(_)) => {
            return Err(Error::usage(format!("{argument}: --target is for tables and arrays")));
        }
        ("images" | "text", None) => String::new(),
        (_, Some(target)) => format!("target = {}\n", toml::Value::from(target)),
        (_, None) => {
            return Err(Error::usage(format!(
                "{argument} holds data: name the column to predict with --target"
            )));
        }
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' }).collect();
    let file = format!("{name}.toml");
    let source = toml::Value::from(absolute(path)?);
    let text = format!("name = {}\n\n[data]\n{key} = {source}\n{line}", toml::Value::from(name));
    match std::fs::read_to_string(&file) {
        Ok(there) if there == text => {}
        Ok(_) => {
            let reason = format!("{file} exists already: name it instead of {argument}, or move it away");
            return Err(Error::usage(reason));
        }
        Err(_) => {
            atomic_file::write(Path::new(&file), text.as_bytes())?;
            progress_line!("written: {file}, the problem; edit it to change columns, model or loss");
        }
    }
    absolute(Path::new(&file))
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
