//! Lists the pictures of a label file: a table of file names and classes.

use super::list::{check_folder, is_picture_name};
use super::{Entry, Pictures};
use crate::Error;
use csv::StringRecord;
use optlab_core::bounded_file;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The most bytes of a label file: some ten million pictures.
const LARGEST: u64 = 1 << 30;
/// Names of the column of file names.
const FILE_COLUMNS: [&str; 3] = ["file", "filename", "image"];
/// Names of the column of classes.
const CLASS_COLUMNS: [&str; 2] = ["label", "class"];
/// Endings tried for a name without one.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "JPEG"];

impl Pictures {
    /// Lists the pictures that the CSV file `labels` names, with paths relative to `folder`.
    ///
    /// The file names stand in the column `file`, `filename` or `image`, the classes in the column `label` or
    /// `class`; without these names in the first row, they are the first two columns. The first row is then
    /// skipped if its first value is neither the name of a file in `folder` nor ends like that of a picture.
    /// A name without an ending may leave out `.png`, `.jpg` or `.jpeg`.
    ///
    /// # Errors
    /// [`Error::Data`] if a file or the folder is missing, if a row has no file name or no class, names a
    /// file that is not there, or one that an earlier row names, or if there are fewer than two classes.
    pub fn from_labels(labels: impl AsRef<Path>, folder: impl AsRef<Path>) -> Result<Self, Error> {
        let (labels, folder) = (labels.as_ref(), folder.as_ref());
        check_folder(folder)?;
        let rows = Rows::read(labels, folder)?;

        let mut named: BTreeMap<PathBuf, (u64, String)> = BTreeMap::new();
        for record in &rows.records {
            let row = record.position().map_or(0, csv::Position::line);
            let error = |problem: String| Error::Data {
                path: labels.into(),
                reason: format!("row {row}: {problem}"),
            };
            let value = |column: usize| record.get(column).filter(|text| !text.is_empty());
            let name = value(rows.file).ok_or_else(|| error("has no file name".into()))?;
            let class = value(rows.class).ok_or_else(|| error(format!("`{name}` has no class")))?;
            let path = find(folder, name).ok_or_else(|| {
                error(format!("there is no picture `{name}` in the folder {}", folder.display()))
            })?;
            if let Some((earlier, _)) = named.insert(path, (row, class.into())) {
                return Err(error(format!("`{name}` is named in row {earlier} already")));
            }
        }

        let mut classes: Vec<String> = named.values().map(|(_, class)| class.clone()).collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.is_empty() {
            return Err(Error::Data { path: labels.into(), reason: "names no pictures".into() });
        }
        let entries = named.into_iter().map(|(path, (_, class))| Entry {
            path,
            class: classes.partition_point(|other| *other < class),
            part: None,
        });
        let entries = entries.collect();
        Pictures::new(folder, classes, entries, 0, labels)
    }
}

/// The rows of a label file below its names, and the positions of the two columns.
struct Rows {
    records: Vec<StringRecord>,
    file: usize,
    class: usize,
}

impl Rows {
    fn read(labels: &Path, folder: &Path) -> Result<Self, Error> {
        let unreadable = |source: csv::Error| {
            let reason = format!("cannot be read as CSV: {source}").replace('\n', " ");
            Error::Data { path: labels.into(), reason }
        };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bounded_file::open(labels, LARGEST).map_err(Error::unreadable(labels))?);
        let mut records: Vec<StringRecord> =
            reader.records().collect::<Result<_, _>>().map_err(unreadable)?;

        let Some(first) = records.first() else { return Ok(Self { records, file: 0, class: 1 }) };
        let column = |names: &[&str]| {
            // Spreadsheets put a byte order mark before the first name; the csv crate removes it.
            first.iter().position(|name| names.contains(&name.to_lowercase().as_str()))
        };
        let (file, class, has_names) = match (column(&FILE_COLUMNS), column(&CLASS_COLUMNS)) {
            (Some(file), Some(class)) => (file, class, true),
            _ => {
                let name = first.get(0).unwrap_or_default();
                (0, 1, !is_picture_name(Path::new(name)) && find(folder, name).is_none())
            }
        };
        if has_names {
            records.remove(0);
        }
        Ok(Self { records, file, class })
    }
}

/// Returns the path inside `folder` of the picture `name`, if there is one.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let path: PathBuf = Path::new(name).components().filter(|part| *part != Component::CurDir).collect();
    let exists = |path: &PathBuf| folder.join(path).is_file();
    if exists(&path) {
        return Some(path);
    }
    if is_picture_name(&path) || name.is_empty() {
        return None;
    }
    ENDINGS.iter().map(|ending| PathBuf::from(format!("{}.{ending}", path.display()))).find(exists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::test_files::folder_of;
    use std::fs;

    const FILES: [&str; 4] = ["a.png", "b.jpg", "deep/c.png", "d.jpeg"];

    fn listed(text: &str) -> Result<Pictures, Error> {
        let folder = folder_of(&FILES);
        let labels = folder.path().join("labels.csv");
        fs::write(&labels, text).unwrap();
        Pictures::from_labels(labels, folder.path())
    }

    /// Returns the path and class of each picture.
    fn pairs(pictures: &Pictures) -> Vec<(String, &str)> {
        let pair = |entry: &Entry| {
            (entry.path.to_string_lossy().replace('\\', "/"), pictures.classes[entry.class].as_str())
        };
        pictures.entries.iter().map(pair).collect()
    }

    #[test]
    fn columns_are_found_by_their_names_or_are_the_first_two() {
        let expected = [("a.png".to_string(), "cat"), ("b.jpg".to_string(), "dog")];
        for text in [
            "file,label\nb.jpg,dog\na.png,cat\n",
            "Class,x,Image\ndog,1,b.jpg\ncat,2,a.png\n",
            "\u{feff}filename,class\nb.jpg, dog\na.png,cat\n",
            "b.jpg,dog\r\n./a.png,cat\r\n",
            "id,breed\nb,dog\na,cat\n",
            "b,dog,more\na,cat\n",
        ] {
            assert_eq!(pairs(&listed(text).unwrap()), expected, "{text:?}");
        }
    }

    #[test]
    fn pictures_are_in_the_order_of_their_paths_and_classes_are_sorted() {
        let pictures = listed("d.jpeg,2\ndeep/c.png,10\na.png,2\n").unwrap();
        assert_eq!(pictures.classes(), ["10", "2"]);
        let expected = [("a.png".to_string(), "2"), ("d.jpeg".into(), "2"), ("deep/c.png".into(), "10")];
        assert_eq!(pairs(&pictures), expected);
        assert!(pictures.path(2).ends_with("deep/c.png"));
    }

    #[test]
    fn a_row_that_is_wrong_is_refused_with_its_number() {
        for (text, problem) in [
            ("file,label\na.png,cat\nz.png,dog\n", "row 3: there is no picture `z.png` in the folder "),
            ("z.png,dog\na.png,cat\n", "row 1: there is no picture `z.png`"),
            ("a.png,cat\nnone,dog\n", "row 2: there is no picture `none`"),
            ("a.png,cat\nb.jpg\n", "row 2: `b.jpg` has no class"),
            ("a.png,cat\nb.jpg,\n", "row 2: `b.jpg` has no class"),
            ("a.png,cat\n,dog\n", "row 2: has no file name"),
            ("a.png,cat\nb.jpg,dog\n./a.png,cat\n", "row 3: `./a.png` is named in row 1 already"),
        ] {
            let error = listed(text).unwrap_err().to_string();
            assert!(error.contains("labels.csv: ") && error.contains(problem), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_label_file_that_is_missing_or_names_too_little_is_refused() {
        let folder = folder_of(&FILES);
        let error = Pictures::from_labels(folder.path().join("no.csv"), folder.path()).unwrap_err();
        assert!(error.to_string().contains("no.csv: cannot be read: "), "{error}");
        let error = Pictures::from_labels("labels.csv", folder.path().join("nowhere")).unwrap_err();
        assert!(error.to_string().ends_with("nowhere: there is no such folder"), "{error}");
        assert!(listed("").unwrap_err().to_string().contains("names no pictures"));
        assert!(listed("file,label\n").unwrap_err().to_string().contains("names no pictures"));
        assert!(listed("a.png,cat\nb.jpg,cat\n").unwrap_err().to_string().contains("has one class, `cat`"));
    }
}
