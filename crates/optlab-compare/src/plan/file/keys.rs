//! Reads a TOML table key by key, so that each mistake gives one line with the file, the key and what is
//! allowed.

use crate::Error;
use crate::plan::Seeds;
use crate::plan::size::MOST_ITEMS;
use optlab_stats::search::Space;
use optlab_train::model::ModelPatch;
use optlab_train::train::{RecipePatch, RecipeSetting};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// A TOML table of a plan file, with the names that error messages use for it.
pub struct Keys {
    /// Owner of the keys in error messages: `plan my.toml`.
    pub owner: String,
    path: String,
    /// Prefix of the keys in error messages: `tuning.`.
    prefix: &'static str,
    /// The keys and their values.
    pub table: toml::Table,
}

impl Keys {
    /// Parses `text`, the content of `path`, and refuses keys other than `known`.
    pub fn parse(text: &str, path: &Path, known: &[&str]) -> Result<Self, Error> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            Error::file(path, format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        })?;
        let path = path.display().to_string();
        Keys { owner: format!("plan {path}"), path, prefix: "", table }.with_known(known)
    }

    fn with_known(self, known: &[&str]) -> Result<Self, Error> {
        let Some(unknown) = self.table.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(self);
        };
        let named = |key: &str| format!("{}{key}", self.prefix);
        let known: Vec<String> = known.iter().map(|key| named(key)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(Error::unknown_field(&self.owner, &named(unknown), &known))
    }

    /// Returns the table under `key` and refuses keys other than `known`; error messages put `prefix` before
    /// its keys.
    pub fn table(&self, key: &str, prefix: &'static str, known: &[&str]) -> Result<Option<Keys>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let table = value.as_table().cloned().ok_or_else(|| self.refuse(key, "a table"))?;
        Keys { owner: self.owner.clone(), path: self.path.clone(), prefix, table }.with_known(known).map(Some)
    }

    /// Returns `error` with the path of the file before its message.
    pub fn located(&self, error: &impl std::fmt::Display) -> Error {
        Error::usage(format!("{}: {error}", self.path))
    }

    /// Returns an error about the value of `key`.
    pub fn refuse(&self, key: &str, allowed: &str) -> Error {
        let given = self.table.get(key).map_or_else(String::new, toml::Value::to_string);
        Error::invalid(&self.owner, &format!("{}{key}", self.prefix), allowed, given)
    }

    /// Returns the whole number under `key`; `None` without that key.
    pub fn count(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let count = value.as_integer().and_then(|count| usize::try_from(count).ok());
        count.map(Some).ok_or_else(|| self.refuse(key, "a whole number"))
    }

    /// Sets `setting` in `recipe`, if the file has its key.
    pub fn set(&self, recipe: &mut RecipePatch, setting: &RecipeSetting) -> Result<(), Error> {
        match self.table.get(setting.name) {
            None => Ok(()),
            Some(value) => recipe
                .set(setting.name, &to_json(value))
                .map_err(|_| self.refuse(setting.name, setting.allowed)),
        }
    }

    /// Returns the text under `key`; `None` without that key.
    pub fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        value.as_str().map(Some).ok_or_else(|| self.refuse(key, "a text"))
    }

    /// Returns the settings of the model under `model`; none without that key.
    pub fn model(&self) -> Result<ModelPatch, Error> {
        let read = |value| {
            ModelPatch::from_value(&to_json(value))
                .map_err(|error| Error::usage(format!("{}: `{}model`: {error}", self.path, self.prefix)))
        };
        self.table.get("model").map_or_else(|| Ok(ModelPatch::default()), read)
    }

    /// Reads a search space from `value`, a text or a table; `key` is for error messages.
    pub fn space(&self, key: &str, value: &toml::Value) -> Result<Space, Error> {
        let refuse = |reason| Error::usage(format!("{}: `{}{key}`: {reason}", self.path, self.prefix));
        serde_json::from_value(to_json(value)).map_err(refuse)
    }

    /// Reads the variant of an enum that is named under `key`; `allowed` lists the names for the error
    /// message.
    pub fn choice<T: DeserializeOwned>(&self, key: &str, allowed: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        serde_json::from_value(to_json(value)).map(Some).map_err(|_| self.refuse(key, allowed))
    }

    /// Returns the list of tables under `key`, each an arm.
    pub fn tables(&self, key: &str) -> Result<Vec<Keys>, Error> {
        let table = |item: &toml::Value| {
            let table = item.as_table().cloned().ok_or_else(|| self.refuse(key, "a list of tables"))?;
            let keys = Keys { owner: self.owner.clone(), path: self.path.clone(), prefix: "arms.", table };
            let settings = RecipePatch::SETTINGS.iter().map(|setting| setting.name);
            let own = ["name", "optimizer", "schedule", "space", "model"];
            keys.with_known(&own.into_iter().chain(settings).collect::<Vec<_>>())
        };
        self.items(key)?.unwrap_or_default().iter().map(table).collect()
    }

    /// Returns the items of the list under `key`; a single value is a list of one.
    fn items(&self, key: &str) -> Result<Option<&[toml::Value]>, Error> {
        match self.table.get(key) {
            Some(toml::Value::Array(items)) if items.len() > MOST_ITEMS => {
                let allowed = format!("a list of at most {MOST_ITEMS}");
                Err(Error::invalid(&self.owner, key, &allowed, format!("a list of {}", items.len())))
            }
            Some(toml::Value::Array(items)) => Ok(Some(items.as_slice())),
            single => Ok(single.map(std::slice::from_ref)),
        }
    }

    /// Returns the list of texts under `key`; a single text is a list of one.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        let text = |item: &toml::Value| match item.as_str() {
            Some(text) => Ok(text.to_string()),
            None => Err(Error::invalid(&self.owner, key, "a list of texts", item)),
        };
        self.items(key)?.map(|items| items.iter().map(text).collect()).transpose()
    }

    /// Reads each item of the list under `key`, a text or a table, with `read`.
    pub fn specs<T>(
        &self,
        key: &str,
        read: impl Fn(&Value) -> Result<T, optlab_core::Error>,
    ) -> Result<Option<Vec<T>>, Error> {
        let spec = |item: &toml::Value| {
            // The error of a spec names the rule, but not the file.
            read(&to_json(item)).map_err(|error| self.located(&error))
        };
        self.items(key)?.map(|items| items.iter().map(spec).collect()).transpose()
    }

    /// Reads `seeds`, a count or a list.
    pub fn seeds(&self) -> Result<Option<Seeds>, Error> {
        let seed = |item: &toml::Value| {
            let number = item.as_integer().and_then(|seed| u64::try_from(seed).ok());
            let allowed = "a count or a list of whole numbers";
            number.ok_or_else(|| Error::invalid(&self.owner, "seeds", allowed, item))
        };
        match self.table.get("seeds") {
            None => Ok(None),
            Some(toml::Value::Array(items)) => {
                let seeds: Result<Vec<u64>, Error> = items.iter().map(seed).collect();
                Ok(Some(Seeds::List(seeds?)))
            }
            Some(count) => Ok(Some(Seeds::Count(seed(count)?))),
        }
    }
}

/// Converts a TOML value to JSON.
pub fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        // JSON has no infinities and no NaN: they become text, and the check of the field reports them.
        toml::Value::Float(number) if number.is_finite() => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
        other => Value::from(other.to_string()),
    }
}
