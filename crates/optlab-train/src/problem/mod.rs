//! Problems: workloads that a file describes, without any Rust.
//!
//! ```text
//! problem.toml ──> read.rs ──> Problem ──> resolve.rs   task, measures and model that were left out
//!                                 │
//!                                 └──> ProblemWorkload ──> load/   table, pictures, arrays, text, data set
//!                                                          facts.rs: what predictions need, saved with a run
//! ```

mod describe;
mod explain;
mod facts;
mod load;
mod predict;
mod read;
mod resolve;
mod row_model;
mod source;
mod spec;
mod workload;
mod write;

pub use facts::{Prepared, ProblemFacts};
pub use source::{ProblemData, SourceKind, TestPart};
pub use spec::WorkloadSpec;
pub use workload::ProblemWorkload;

use crate::Error;
use crate::data::table::Task;
use crate::data::{SERIES, Source};
use crate::files::checksum;
use crate::model::ModelSpec;
use crate::objective::{LossSpec, MeasureSpec};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A problem as its file describes it.
///
/// | key          | default                                           | meaning                                     |
/// |:-------------|:--------------------------------------------------|:--------------------------------------------|
/// | `name`       | the file's name                                   | the name in tables and folders              |
/// | `task`       | by the target                                     | `regression`, `classification`, `multi_label` |
/// | `data`       | (required)                                        | a table: [`ProblemData`]                    |
/// | `model`      | `mlp = [64, 64]`; by the data                     | a table: [`ModelSpec`]                      |
/// | `loss`       | `mse`, `cross_entropy`, `multi_label`             | a [`LossSpec`]                              |
/// | `measures`   | [`MeasureSpec::defaults`]                         | a list; the first judges trials             |
/// | `goal`       | none                                              | value of the first measure that is success  |
/// | `batch_size` | 32; 128 from 10,000 examples on                   | examples per step                           |
/// | `epochs`     | 50; 20 from 10,000 examples on                    | passes over the training part               |
///
/// # Example
/// ```
/// use optlab_train::problem::Problem;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("line.toml");
/// # std::fs::write(folder.path().join("line.csv"), "x,y\n1,2\n2,4\n3,6\n4,8\n5,10\n")?;
/// std::fs::write(&path, "[data]\ncsv = \"line.csv\"\ntarget = \"y\"\n[model]\nlinear = true\n")?;
/// let problem = Problem::open(&path)?;
/// assert_eq!((problem.name.as_str(), problem.measures[0].name()), ("line", "rmse"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The name in tables and folders.
    pub name: String,
    /// What is predicted.
    pub task: Task,
    /// The data.
    pub data: ProblemData,
    /// The model.
    pub model: ModelSpec,
    /// The loss.
    pub loss: LossSpec,
    /// The measures; the first judges trials.
    pub measures: Vec<MeasureSpec>,
    /// The value of the first measure on the validation part that counts as success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<f64>,
    /// Default number of examples per step.
    pub batch_size: usize,
    /// Default number of epochs.
    pub epochs: usize,
    /// Where the problem's file is; it decides no result.
    #[serde(default)]
    pub origin: Origin,
}

/// The path of a problem's file. Two problems that differ in nothing else are equal: the data are known by
/// their checksums.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(pub PathBuf);

impl PartialEq for Origin {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Problem {
    /// Returns the path of the problem's file.
    pub fn path(&self) -> &Path {
        &self.origin.0
    }

    /// Returns the files of the data; for pictures all of them.
    ///
    /// # Errors
    /// Files that cannot be found.
    pub fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        let folder = load::folder(self, source);
        let test = match &self.data.test {
            TestPart::File(file) => Some(folder.join(file)),
            TestPart::Share(_) => None,
        };
        let mut files = match self.data.source {
            SourceKind::Set => Vec::new(),
            SourceKind::Images => {
                let pictures = load::list_pictures(&self.data, &folder)?;
                (0..pictures.len()).map(|i| pictures.path(i)).collect()
            }
            _ => vec![self.data.path(&folder)],
        };
        files.extend(self.data.labels.iter().map(|labels| folder.join(labels)));
        files.extend(test);
        Ok(files)
    }

    /// Returns whether a recipe's `split` draws the test part. It does not if the problem names a file or the
    /// folder has a part `test`, if the end of a series, a text or a column of times is the test part, or if
    /// there is none.
    ///
    /// # Errors
    /// Pictures that cannot be found.
    pub fn resamples(&self, source: &Source) -> Result<bool, Error> {
        let data = &self.data;
        let has_share = matches!(data.test, TestPart::Share(share) if share > 0.0);
        Ok(match data.source {
            SourceKind::Set => !SERIES.contains(&data.file.as_str()),
            SourceKind::Text => false,
            SourceKind::Images => {
                has_share && !load::list_pictures(data, &load::folder(self, source))?.has_parts()
            }
            SourceKind::Csv | SourceKind::Parquet | SourceKind::Npz => has_share && data.time.is_none(),
        })
    }

    /// Returns the fingerprint of the data: the start of the SHA-256 of all files' checksums, and of the
    /// paths of pictures, which say their classes.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn version(&self, source: &Source) -> Result<String, Error> {
        let files = self.data_files(source)?;
        let mut sums = files.iter().map(|file| checksum::of_file(file)).collect::<Result<Vec<_>, Error>>()?;
        if self.data.source == SourceKind::Images {
            let folder = self.data.path(&load::folder(self, source));
            let paths = files.iter().map(|file| file.strip_prefix(&folder).unwrap_or(file));
            sums.extend(paths.map(|path| path.to_string_lossy().replace('\\', "/")));
        }
        Ok(checksum::fingerprint(sums.join("\n").as_bytes()))
    }

    /// Returns this problem without its place, as it is a part of a trial's identity.
    pub fn without_origin(&self) -> Self {
        Problem { origin: Origin::default(), ..self.clone() }
    }
}
