//! Writes the file of a problem for data that have none yet.

use crate::Error;
use crate::problem::load;
use crate::problem::read::read;
use crate::problem::{Problem, SourceKind, TestPart};
use optlab_core::bounded_file::{self, WRITTEN_BY_HAND};
use std::path::Path;

impl Problem {
    /// Returns the text of a problem's file for data of a user, after reading them: the file would stand at
    /// `file`, `key` is the source's key, and `data` its path, relative to the file's folder. What was taken
    /// from the data stands in comments.
    ///
    /// Rows without a target are left out, and a line of the text says so. `target` is a column, or several
    /// with commas between them; an array for `npz`.
    ///
    /// # Errors
    /// The errors of [`Problem::open`] for a file with the text.
    pub fn text_for(file: &Path, key: &str, data: &str, target: Option<&str>) -> Result<String, Error> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut own = format!("{key} = {}\n", toml::Value::from(data));
        let minimal = |own: &str| format!("name = {}\n[data]\n{own}", toml::Value::from(name.as_str()));
        let source = read(&minimal(&own), file)?.data;
        let table = if source.source.is_table() {
            Some(load::read_table(&source, file.parent().unwrap_or(Path::new("")))?)
        } else {
            None
        };
        if let Some(target) = target {
            let names = table.as_ref().map_or(&[][..], |table| table.names());
            own += &format!("target = {}\n", target_value(target, names));
        }
        if let Some(table) = table {
            let target = read(&minimal(&own), file)?.data.target;
            let columns: Vec<_> = target.iter().filter_map(|name| table.column(name).ok()).collect();
            let missing = (0..table.len()).filter(|&row| columns.iter().any(|c| c.is_missing(row))).count();
            if missing > 0 && missing < table.len() {
                let rows = table.len();
                own += &format!("drop_missing_target = true    # {missing} of {rows} rows have no target\n");
            }
        }
        Ok(read(&minimal(&own), file)?.resolve()?.as_text(&own))
    }

    /// Returns the problem's file: its own lines of `data`, and what was taken from the data as comments.
    fn as_text(&self, own: &str) -> String {
        let list = |texts: Vec<String>| toml::Value::from(texts).to_string();
        let task = serde_json::to_value(self.task).unwrap_or_default();
        let test = match &self.data.test {
            TestPart::Share(share) if self.data.source != SourceKind::Set => format!("# test = {share}\n"),
            _ => String::new(),
        };
        let model = serde_json::to_value(&self.model).ok();
        let model = model.and_then(|model| toml::to_string(&model).ok()).unwrap_or_default();
        let model: String = model.lines().map(|line| format!("# {line}\n")).collect();
        format!(
            "# Lines that begin with # show what was taken from the data: remove the # to change them.\n\
             name = {}\ntask = {task}\n# loss = {}\n# measures = {}\n# batch_size = {}\n# epochs = {}\n\n\
             [data]\n{own}{test}\n# [model]\n{model}",
            toml::Value::from(self.name.as_str()),
            toml::Value::from(self.loss.to_string()),
            list(self.measures.iter().map(ToString::to_string).collect()),
            self.batch_size,
            self.epochs,
        )
    }

    /// Returns whether the problem's file at `file` describes these data with this target.
    pub fn is_for(file: &Path, key: &str, data: &str, target: Option<&str>) -> bool {
        let Ok(text) = bounded_file::read_text(file, WRITTEN_BY_HAND) else { return false };
        let Ok(draft) = read(&text, file) else { return false };
        let own_key = SourceKind::ALL.iter().find(|(_, kind)| *kind == draft.data.source);
        let targets = draft.data.target.join(",");
        own_key.is_some_and(|(own, _)| *own == key)
            && draft.data.file == data
            && target.is_none_or(|target| target == targets)
    }
}

/// Returns the value of `target`: a column, or a list if commas separate names of columns.
fn target_value(target: &str, names: &[String]) -> toml::Value {
    let several: Vec<&str> = target.split(',').map(str::trim).collect();
    let is_known = |name: &str| names.iter().any(|other| other == name);
    if !is_known(target) && several.len() > 1 && several.iter().all(|name| is_known(name)) {
        return several.into();
    }
    target.into()
}
