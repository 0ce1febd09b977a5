//! The reference files, bundled or in a folder.

use crate::Error;
use crate::verify::bundled;
use optlab_core::bounded_file;
use optlab_train::files::json_file;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The most bytes of a reference file.
const LARGEST: u64 = 64 << 20;

/// Reference files, bundled or of a folder. Their contents are read when a check needs them.
#[derive(Debug, Clone)]
pub struct References {
    pub(super) optimizers: Vec<File>,
    pub(super) schedules: Vec<File>,
}

/// A file and its content.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub path: PathBuf,
    pub content: Cow<'static, [u8]>,
}

impl References {
    /// Returns the bundled files; their paths are relative to the project's `references/`.
    pub fn bundled() -> Self {
        let files = |folder: &str, files: &[(&str, &'static [u8])]| {
            let file = |(name, content): &(&str, &'static [u8])| File {
                path: Path::new(folder).join(name),
                content: Cow::Borrowed(content),
            };
            files.iter().map(file).collect()
        };
        References {
            optimizers: files("optimizers", bundled::OPTIMIZERS),
            schedules: files("schedules", bundled::SCHEDULES),
        }
    }

    /// Reads the JSON files of `folder/optimizers` and `folder/schedules`, sorted by name; one of the two may
    /// be missing.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) for a folder or a file that cannot be read;
    /// [`File`](optlab_core::Error::File) if neither has a JSON file.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
        let references = References {
            optimizers: json_files(&folder.join("optimizers"))?,
            schedules: json_files(&folder.join("schedules"))?,
        };
        if references.optimizers.is_empty() && references.schedules.is_empty() {
            let reason = "holds no reference files, which are optimizers/*.json and schedules/*.json";
            return Err(Error::file(folder, reason));
        }
        Ok(references)
    }

    /// Keeps one file of each rule and schedule: `adamw.json`, and not `adamw-2.json`, which has other
    /// settings.
    pub fn one_of_each(mut self) -> Self {
        let is_first = |file: &File| {
            let name = file.path.file_stem().unwrap_or_default().to_string_lossy();
            name.rsplit_once('-').is_none_or(|(_, number)| number.parse::<u32>().is_err())
        };
        self.optimizers.retain(is_first);
        self.schedules.retain(is_first);
        self
    }
}

fn json_files(folder: &Path) -> Result<Vec<File>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let file = |path: PathBuf| {
        let content = bounded_file::read(&path, LARGEST)?;
        Ok(File { path, content: content.into() })
    };
    paths.into_iter().map(file).collect()
}

impl File {
    /// Parses the content.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the content is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.content).map_err(|reason| json_file::broken(&self.path, &reason))
    }

    /// Returns a [`File`](optlab_core::Error::File) error about the content.
    pub fn broken(&self, reason: impl std::fmt::Display) -> Error {
        Error::file(self.path.clone(), reason)
    }

    /// Returns the file of `files` that is called `name`.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if none of them has that name.
    pub fn beside<'a>(&self, name: &str, files: &'a [File]) -> Result<&'a File, Error> {
        let found = files.iter().find(|file| file.path.file_name().is_some_and(|other| other == name));
        found.ok_or_else(|| self.broken(format!("its folder has no file `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn one_file_of_each_rule_leaves_no_rule_out_and_no_rule_twice() {
        let rules = |references: &References| -> Vec<String> {
            let rule =
                |file: &File| file.parse::<serde_json::Value>().ok()?["rule"].as_str().map(String::from);
            references.optimizers.iter().filter_map(rule).collect()
        };
        let (all, once) = (rules(&References::bundled()), rules(&References::bundled().one_of_each()));
        let distinct: BTreeSet<&String> = all.iter().collect();
        assert_eq!(once.len(), distinct.len(), "{once:?}");
        assert_eq!(once.iter().collect::<BTreeSet<_>>(), distinct);
        assert!(all.len() > once.len());
    }

    #[test]
    fn json_files_are_read_in_the_order_of_their_names_and_others_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("schedules");
        std::fs::create_dir(&part).unwrap();
        for name in ["b.json", "a.json", "README.md"] {
            std::fs::write(part.join(name), name).unwrap();
        }
        let references = References::of_folder(folder.path()).unwrap();
        let paths: Vec<&Path> = references.schedules.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(paths, [part.join("a.json"), part.join("b.json")]);
        assert!(references.optimizers.is_empty());
        assert!(references.schedules[0].beside("b.json", &references.schedules).is_ok());
        let error = references.schedules[0].beside("c.json", &references.schedules).unwrap_err();
        assert!(error.to_string().contains("a.json: its folder has no file `c.json`"), "{error}");
    }

    #[test]
    fn a_folder_that_is_missing_or_empty_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let empty = References::of_folder(folder.path()).unwrap_err().to_string();
        assert!(
            empty.contains("holds no reference files") && empty.contains(folder.path().to_str().unwrap())
        );
        let missing = References::of_folder(&folder.path().join("nowhere")).unwrap_err().to_string();
        assert!(missing.contains("cannot read") && missing.contains("nowhere"), "{missing}");
    }
}
