//! Pictures of a user's own: listed with a class each, decoded to one shape, cached, split.
//!
//! ```text
//! folder per class ── list.rs ──┐                        ┌── split.rs: rows to train on, rows to test on
//! label file ─────── labels.rs ─┴─> Pictures ────────────┤
//! PictureOptions ─── options.rs ──> choose.rs ──> Frame ─┴── pixels.rs, cache.rs ──> Pixels
//!                                                            decode.rs, resize.rs: one picture
//! ```

mod cache;
mod choose;
mod decode;
mod jpeg_end;
mod labels;
mod list;
mod options;
mod pixels;
mod resize;
mod split;
#[cfg(test)]
mod test_files;

pub use options::{Frame, PictureColor, PictureFit, PictureOptions, PictureSize};
pub use pixels::{Pixels, decode_file};
pub use split::PictureSplit;

use crate::Error;
use std::path::{Path, PathBuf};

/// PNG and JPEG files of two or more classes, in the order of their paths.
///
/// # Example
/// ```no_run
/// use optlab_train::data::pictures::{PictureOptions, Pictures};
/// use std::path::Path;
///
/// let pictures = Pictures::list("flowers")?;
/// println!("{} pictures of {}", pictures.len(), pictures.classes().join(", "));
/// let split = pictures.split(0.2, None)?;
/// let pixels = pictures.open_cached(&PictureOptions::default(), Path::new("cache"))?;
/// let mut first = vec![0.0; pixels.frame().values()];
/// pixels.read(split.train[0], &mut first);
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    folder: PathBuf,
    classes: Vec<String>,
    entries: Vec<Entry>,
    skipped: usize,
}

/// One picture of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Its path inside the folder.
    path: PathBuf,
    /// The index of its class.
    class: usize,
    /// The part that the folder puts it in; `None` if the folder has no parts.
    part: Option<Part>,
}

/// A part of the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Train,
    Test,
}

impl Pictures {
    /// Returns the number of pictures, at least 2.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there are no pictures, which no constructor allows.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the names of the classes, sorted by their bytes: `10` comes before `2`.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns the class of each picture, an index of [`classes`](Self::classes).
    pub fn labels(&self) -> impl ExactSizeIterator<Item = usize> {
        self.entries.iter().map(|entry| entry.class)
    }

    /// Returns the path of picture `i`.
    ///
    /// # Panics
    /// If there is no picture `i`.
    pub fn path(&self, i: usize) -> PathBuf {
        self.folder.join(&self.entries[i].path)
    }

    /// Returns the folder of the pictures.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the number of files that were skipped because their names do not end in `.png`, `.jpg` or
    /// `.jpeg`. Hidden files and the files that systems add to folders are not counted.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Sorts `entries` and checks that a model can learn from them; `source` is named in an error.
    fn new(
        folder: &Path,
        classes: Vec<String>,
        mut entries: Vec<Entry>,
        skipped: usize,
        source: &Path,
    ) -> Result<Self, Error> {
        if let [class] = classes.as_slice() {
            let reason = format!("has one class, `{class}`; a classifier needs at least two");
            return Err(Error::Data { path: source.into(), reason });
        }
        entries.sort_unstable();
        Ok(Self { folder: folder.into(), classes, entries, skipped })
    }
}
