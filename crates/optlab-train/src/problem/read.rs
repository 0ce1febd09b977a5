//! Reads a problem's file: each mistake gives one line with the file, the key and what is allowed.

use crate::Error;
use crate::data::table::Task;
use crate::model::ModelSpec;
use crate::objective::{LossSpec, MeasureSpec};
use crate::problem::source::default_context;
use crate::problem::{Origin, Problem, ProblemData, SourceKind, TestPart};
use optlab_core::bounded_file::{self, WRITTEN_BY_HAND};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::Path;

/// The keys of a problem.
const KEYS: [&str; 9] = ["name", "task", "data", "model", "loss", "measures", "goal", "batch_size", "epochs"];

/// The keys of `data`, apart from the sources.
const OWN: [&str; 9] =
    ["labels", "inputs", "target", "test", "time", "group", "shape", "context", "standardize"];

/// Returns the keys among [`OWN`] that a source of this kind has.
fn own_keys(source: SourceKind) -> &'static [&'static str] {
    match source {
        SourceKind::Csv | SourceKind::Parquet => &["target", "test", "time", "group"],
        SourceKind::Images => &["labels", "test", "standardize"],
        SourceKind::Npz => &["inputs", "target", "test", "shape", "standardize"],
        SourceKind::Text => &["test", "context"],
        SourceKind::Set => &["shape", "standardize"],
    }
}

const READ: [&str; 6] = ["delimiter", "decimal", "header", "missing", "day_first", "columns"];
const ENCODE: [&str; 3] = ["max_one_hot", "drop_missing_target", "exclude"];
const PICTURES: [&str; 3] = ["size", "color", "fit"];

/// A problem as far as its file says it.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub name: String,
    pub task: Option<Task>,
    pub data: ProblemData,
    pub model: Option<ModelSpec>,
    pub loss: Option<LossSpec>,
    pub measures: Option<Vec<MeasureSpec>>,
    pub goal: Option<f64>,
    pub batch_size: Option<usize>,
    pub epochs: Option<usize>,
    pub origin: Origin,
}

impl Problem {
    /// Reads a problem's file and its data, from which it takes what the file leaves out: the task, the
    /// measures, the model.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) naming line or key;
    /// [`UnknownField`](optlab_core::Error::UnknownField) with the nearest known key; the errors of reading
    /// the data, and of loss, measures and model that do not fit them.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = bounded_file::read_text(path, WRITTEN_BY_HAND).map_err(|error| {
            if bounded_file::is_missing(&error) {
                Error::usage(format!("{}: no such file", path.display()))
            } else {
                error.into()
            }
        })?;
        read(&text, path)?.resolve()
    }
}

/// Reads the text of a problem's file at `path`.
pub(super) fn read(text: &str, path: &Path) -> Result<Draft, Error> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        Error::usage(format!("{}: line {line}: {}", path.display(), error.message().trim()))
    })?;
    let Value::Object(mut table) = serde_json::to_value(table).unwrap_or_default() else {
        return Err(Error::file(path, "is no table"));
    };
    let owner = path.display().to_string();
    check_keys(&owner, &table, &KEYS)?;
    let data = match table.remove("data") {
        Some(Value::Object(data)) => data,
        other => {
            let given = other.map_or_else(|| "left out".into(), |value| shown(&value));
            return Err(Error::invalid(&owner, "data", "a table with the source of the data", given));
        }
    };
    let reader = Reader { owner: &owner };
    let of_file = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let spec = |key: &str, message: &str| reader.located(key, message);
    let model = table
        .remove("model")
        .map(|value| ModelSpec::from_value(&value).map_err(|error| spec("model", &error.to_string())));
    let loss = table
        .remove("loss")
        .map(|value| LossSpec::from_value(&value).map_err(|error| spec("loss", &error.to_string())));
    let measures = table.remove("measures").map(|value| {
        let list = if let Value::Array(list) = value { list } else { vec![value] };
        let read = |value: &Value| {
            MeasureSpec::from_value(value).map_err(|error| spec("measures", &error.to_string()))
        };
        list.iter().map(read).collect::<Result<Vec<_>, _>>()
    });
    Ok(Draft {
        name: reader.value(&mut table, "name", "a text")?.unwrap_or(of_file),
        task: reader.value(&mut table, "task", "regression, classification or multi_label")?,
        data: reader.data(data)?,
        model: model.transpose()?,
        loss: loss.transpose()?,
        measures: measures.transpose()?,
        goal: reader.value(&mut table, "goal", "a number")?,
        batch_size: reader.value(&mut table, "batch_size", "a whole number")?,
        epochs: reader.value(&mut table, "epochs", "a whole number")?,
        origin: Origin(std::path::absolute(path).map_err(Error::io("find", path))?),
    })
}

struct Reader<'a> {
    owner: &'a str,
}

impl Reader<'_> {
    /// Takes the value of a key, of which `allowed` says what it may be.
    fn value<T: DeserializeOwned>(
        &self,
        table: &mut Map<String, Value>,
        key: &str,
        allowed: &str,
    ) -> Result<Option<T>, Error> {
        let Some(value) = table.remove(key) else { return Ok(None) };
        let given = shown(&value);
        serde_json::from_value(value).map(Some).map_err(|_| Error::invalid(self.owner, key, allowed, given))
    }

    /// Returns an error about a key, from the message of another.
    fn located(&self, key: &str, message: &str) -> Error {
        Error::usage(format!("{}: `{key}`: {message}", self.owner))
    }

    fn data(&self, mut table: Map<String, Value>) -> Result<ProblemData, Error> {
        let sources = SourceKind::ALL.map(|(key, _)| key);
        let known: Vec<&str> = [&sources[..], &OWN[..], &READ[..], &ENCODE[..], &PICTURES[..]].concat();
        check_keys(&format!("{}: data", self.owner), &table, &known)?;
        let given: Vec<(&str, SourceKind)> =
            SourceKind::ALL.into_iter().filter(|(key, _)| table.contains_key(*key)).collect();
        let [(key, source)] = given[..] else {
            let allowed = format!("exactly one source: {}", sources.join(", "));
            let given = if given.is_empty() {
                "none".into()
            } else {
                given.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" and ")
            };
            return Err(Error::invalid(self.owner, "data", &allowed, given));
        };
        let of_tables: &[&str] =
            if source.is_table() { &[READ.as_slice(), ENCODE.as_slice()].concat() } else { &[] };
        let of_pictures: &[&str] = if source == SourceKind::Images { &PICTURES } else { &[] };
        let fitting = [&[key], own_keys(source), of_tables, of_pictures].concat();
        if let Some(other) = table.keys().find(|other| !fitting.contains(&other.as_str())) {
            let known = fitting[1..].join(", ");
            let reason = format!("{}: `data.{other}` is not for `{key}`, which has {known}", self.owner);
            return Err(Error::usage(reason));
        }
        let file = self.value(&mut table, key, "a path as text")?.unwrap_or_default();
        let target = match table.remove("target") {
            None => Vec::new(),
            Some(Value::String(name)) => vec![name],
            Some(list) => self.only("target", list, "a name or a list of names")?,
        };
        let default = source == SourceKind::Npz;
        let standardize = self.value(&mut table, "standardize", "true or false")?.unwrap_or(default);
        let test = match table.remove("test") {
            None => TestPart::default(),
            Some(value) => self.only("test", value, "a share in [0, 1) or the path of a file")?,
        };
        Ok(ProblemData {
            source,
            file,
            labels: self.value(&mut table, "labels", "the path of a CSV file")?,
            inputs: self.value(&mut table, "inputs", "the name of an array")?,
            target,
            test,
            time: self.value(&mut table, "time", "the name of a column")?,
            group: self.value(&mut table, "group", "the name of a column")?,
            shape: self.value(&mut table, "shape", "a list of whole numbers")?,
            context: self.value(&mut table, "context", "a whole number")?.unwrap_or_else(default_context),
            standardize,
            read: self.part(&mut table, &READ)?,
            encode: self.part(&mut table, &ENCODE)?,
            pictures: self.part(&mut table, &PICTURES)?,
        })
    }

    fn only<T: DeserializeOwned>(&self, key: &str, value: Value, allowed: &str) -> Result<T, Error> {
        let given = shown(&value);
        serde_json::from_value(value)
            .map_err(|_| Error::invalid(self.owner, &format!("data.{key}"), allowed, given))
    }

    /// Takes the settings `keys`; an error names the one that is wrong.
    fn part<T: DeserializeOwned + Default>(
        &self,
        table: &mut Map<String, Value>,
        keys: &[&str],
    ) -> Result<T, Error> {
        let taken: Map<String, Value> =
            keys.iter().filter_map(|key| Some((key.to_string(), table.remove(*key)?))).collect();
        for (key, value) in &taken {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            if let Err(reason) = serde_json::from_value::<T>(Value::Object(alone)) {
                return Err(Error::usage(format!("{}: `data.{key}`: {reason}", self.owner)));
            }
        }
        Ok(serde_json::from_value(Value::Object(taken)).unwrap_or_default())
    }
}

/// Returns a value of the file as text. TOML has NaN and infinity, and nothing else becomes null.
fn shown(value: &Value) -> String {
    if value.is_null() { "NaN or infinite".into() } else { value.to_string() }
}

fn check_keys(owner: &str, table: &Map<String, Value>, known: &[&str]) -> Result<(), Error> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Error::unknown_field(owner, key, known)),
        None => Ok(()),
    }
}
