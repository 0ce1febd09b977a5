//! The data of a problem, as its file describes them.

use crate::Error;
use crate::data;
use crate::data::pictures::PictureOptions;
use crate::data::table::{EncoderOptions, ReadOptions, Split};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The data of a problem: one source, its target, and which examples are held out for the final test.
///
/// | key                     | for                 | meaning                                                           |
/// |:------------------------|:--------------------|:------------------------------------------------------------------|
/// | `csv`, `parquet`        | tables              | the file; columns are recognized, see [`ReadOptions`]             |
/// | `images`                | pictures            | a folder with a sub-folder per class                              |
/// | `labels`                | pictures            | a CSV of file names and classes, instead of sub-folders           |
/// | `npz`                   | arrays              | a NumPy file with an array of inputs and one of targets           |
/// | `text`                  | characters          | a text file: the next character is predicted from the `context` before it |
/// | `set`                   | bundled data        | a data set of `optlab`: mnist-10k, mnist, digits, diabetes, sunspots |
/// | `inputs`                | arrays              | the array of inputs, default `inputs`                             |
/// | `target`                | tables, arrays      | the column to predict, or a list of them; the array, default `target` |
/// | `test`                  | all but `set`       | the share of the test part, default 0.2, or a file of its own (tables) |
/// | `time`, `group`         | tables              | the column by which rows belong together, see [`Split`]           |
/// | `delimiter`, …          | tables              | how to read the file, see [`ReadOptions`]                         |
/// | `max_one_hot`, …        | tables              | how columns become features, see [`EncoderOptions`]               |
/// | `size`, `color`, `fit`  | pictures            | the common shape, see [`PictureOptions`]                          |
/// | `shape`                 | arrays, `set`       | the shape of one input, as `[1, 28, 28]`                          |
/// | `standardize`           | arrays, pictures, `set` | whether inputs and numeric targets get mean 0 and deviation 1; default true for arrays |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProblemData {
    /// The kind of source.
    pub source: SourceKind,
    /// The file or folder, relative to the folder of the problem's file; for `set` the name.
    pub file: String,
    /// A CSV of file names and classes of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The array of inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// The columns or arrays to predict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// The part for the final test.
    #[serde(default)]
    pub test: TestPart,
    /// The column that orders the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column whose values keep rows together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How a table is read.
    #[serde(default)]
    pub read: ReadOptions,
    /// How columns become features.
    #[serde(default)]
    pub encode: EncoderOptions,
    /// The common shape of pictures.
    #[serde(default)]
    pub pictures: PictureOptions,
    /// The shape of one input of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// Number of characters before the one to predict.
    #[serde(default = "default_context")]
    pub context: usize,
    /// Whether inputs and numeric targets are standardized.
    pub standardize: bool,
}

/// The default number of characters before the one to predict.
pub(super) fn default_context() -> usize {
    32
}

/// The kind of a problem's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A CSV file.
    Csv,
    /// A Parquet file.
    Parquet,
    /// A folder of pictures.
    Images,
    /// A NumPy file of arrays.
    Npz,
    /// A text, predicted character by character.
    Text,
    /// A data set that comes with the program.
    Set,
}

impl SourceKind {
    /// All kinds, with their keys.
    pub const ALL: [(&'static str, SourceKind); 6] = [
        ("csv", SourceKind::Csv),
        ("parquet", SourceKind::Parquet),
        ("images", SourceKind::Images),
        ("npz", SourceKind::Npz),
        ("text", SourceKind::Text),
        ("set", SourceKind::Set),
    ];

    /// Returns whether the data are rows of a table.
    pub fn is_table(self) -> bool {
        matches!(self, SourceKind::Csv | SourceKind::Parquet)
    }
}

/// The examples of the final test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TestPart {
    /// A share of the data, `[0, 1)`.
    Share(f64),
    /// A file of its own.
    File(String),
}

impl Default for TestPart {
    fn default() -> Self {
        TestPart::Share(0.2)
    }
}

impl ProblemData {
    /// Returns the path of the source, relative to `folder`, the folder of the problem's file.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.file)
    }

    /// Returns whether the examples are pictures.
    pub(super) fn are_pictures(&self) -> bool {
        match (&self.shape, self.source) {
            (_, SourceKind::Images) => true,
            (Some(shape), _) => shape.len() == 3,
            (None, SourceKind::Set) => data::OF_PICTURES.contains(&self.file.as_str()),
            _ => false,
        }
    }

    /// Returns the rule by which rows are held out.
    pub(super) fn split(&self) -> Split {
        let test = match self.test {
            TestPart::Share(share) => share,
            TestPart::File(_) => 0.0,
        };
        Split { test, time: self.time.clone(), group: self.group.clone(), seed: 0 }
    }

    /// Returns the share of the test part of a source that cannot have a file of its own for it.
    pub(super) fn test_share(&self) -> Result<f64, Error> {
        match &self.test {
            TestPart::Share(share) if (0.0..1.0).contains(share) => Ok(*share),
            TestPart::Share(share) => Err(Error::invalid("problem", "data.test", "in [0, 1)", share)),
            TestPart::File(file) => {
                let allowed = "a share in [0, 1); only tables have a test part in a file of its own";
                Err(Error::invalid("problem", "data.test", allowed, file))
            }
        }
    }
}
