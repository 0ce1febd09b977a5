//! Lists the pictures of a folder that has one folder per class.

use super::{Entry, Part, Pictures};
use crate::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that Windows and macOS add to folders; other systems' begin with a dot.
const SYSTEM_FILES: [&str; 3] = ["thumbs.db", "desktop.ini", "__macosx"];
/// Names of a folder of pictures to test on, the first that exists.
const TEST_NAMES: [&str; 4] = ["test", "val", "valid", "validation"];

impl Pictures {
    /// Lists the PNG and JPEG files of `folder`, which has one folder per class, named like the class.
    ///
    /// Pictures may lie in further folders inside a class. If `folder` has nothing but a folder `train` and
    /// one of `test`, `val`, `valid` or `validation`, each has one folder per class, and
    /// [`split`](Self::split) keeps these parts. Symbolic links are followed to files and to folders of
    /// classes.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no `folder`, if it has fewer than two classes, a class has no pictures, or
    /// a class to test on is missing in `train`. [`Io`](optlab_core::Error::Io) if a folder cannot be read.
    pub fn list(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        check_folder(folder)?;
        let mut lister = Lister { folder, entries: Vec::new(), skipped: 0 };
        let names = lister.folders(Path::new(""))?;
        let classes = match test_part(folder, &names)? {
            Some(test) => {
                let classes = lister.folders(Path::new("train"))?;
                lister.classes(Path::new("train"), &classes, &classes, Some(Part::Train))?;
                let tested = lister.folders(Path::new(test))?;
                lister.classes(Path::new(test), &tested, &classes, Some(Part::Test))?;
                classes
            }
            None => {
                lister.classes(Path::new(""), &names, &names, None)?;
                names
            }
        };
        Pictures::new(folder, classes, lister.entries, lister.skipped, folder)
    }
}

/// Checks that `folder` is one.
pub(super) fn check_folder(folder: &Path) -> Result<(), Error> {
    let reason = match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => "is a file, not a folder of pictures".into(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "there is no such folder".into(),
        Err(error) => format!("cannot be opened: {error}"),
    };
    Err(Error::Data { path: folder.into(), reason })
}

/// Returns whether the name of `path` ends like that of a PNG or JPEG file.
pub(super) fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    matches!(extension.as_str(), "png" | "jpg" | "jpeg")
}

/// Returns the name of the folder to test on, if `names` are those of parts rather than classes.
fn test_part(folder: &Path, names: &[String]) -> Result<Option<&'static str>, Error> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let parts: Vec<&str> = TEST_NAMES.into_iter().filter(|name| has(name)).collect();
    if !has("train") || parts.len() + 1 != names.len() {
        return Ok(None);
    }
    match parts[..] {
        [] => Ok(None),
        [test] => Ok(TEST_NAMES.into_iter().find(|name| *name == test)),
        [first, second, ..] => {
            let reason = format!(
                "has parts `train`, `{first}` and `{second}`; move one into `train`, from which optlab takes \
                 its own validation part"
            );
            Err(Error::Data { path: folder.into(), reason })
        }
    }
}

/// Collects the pictures of a folder; its methods take paths inside that folder.
struct Lister<'a> {
    folder: &'a Path,
    entries: Vec<Entry>,
    skipped: usize,
}

impl Lister<'_> {
    /// Returns the sorted names of the folders in `parent`, of which there must be at least one.
    fn folders(&mut self, parent: &Path) -> Result<Vec<String>, Error> {
        let (mut names, mut pictures) = (Vec::new(), 0);
        for (path, is_folder) in self.read(parent, true)? {
            if is_folder {
                names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            } else {
                self.skipped += 1;
                pictures += usize::from(is_picture_name(&path));
            }
        }
        if !names.is_empty() {
            names.sort_unstable();
            return Ok(names);
        }
        let reason = if pictures > 0 {
            format!(
                "has {pictures} {} but no folder per class; move each class into its own folder, or give a \
                 label file",
                if pictures == 1 { "picture" } else { "pictures" }
            )
        } else {
            "is empty; it needs one folder per class, with PNG or JPEG pictures".into()
        };
        Err(Error::Data { path: self.folder.join(parent), reason })
    }

    /// Adds the pictures of the folders `names` in `parent`; `classes` are all classes.
    fn classes(
        &mut self,
        parent: &Path,
        names: &[String],
        classes: &[String],
        part: Option<Part>,
    ) -> Result<(), Error> {
        for name in names {
            let path = parent.join(name);
            let error = |reason| Error::Data { path: self.folder.join(&path), reason };
            let class = classes
                .iter()
                .position(|class| class == name)
                .ok_or_else(|| error(format!("`{name}` is not a class of the folder `train`")))?;
            let (before, skipped) = (self.entries.len(), self.skipped);
            self.pictures(&path, class, part)?;
            if self.entries.len() == before {
                let reason = match self.skipped - skipped {
                    0 => "has no pictures".into(),
                    others => format!("has no PNG or JPEG pictures, only {others} other file(s)"),
                };
                return Err(Error::Data { path: self.folder.join(&path), reason });
            }
        }
        Ok(())
    }

    /// Adds the pictures in `parent` and in its folders.
    fn pictures(&mut self, parent: &Path, class: usize, part: Option<Part>) -> Result<(), Error> {
        for (path, is_folder) in self.read(parent, false)? {
            if is_folder {
                self.pictures(&path, class, part)?;
            } else if is_picture_name(&path) {
                self.entries.push(Entry { path, class, part });
            } else {
                self.skipped += 1;
            }
        }
        Ok(())
    }

    /// Returns the files and folders in `parent`, and whether each is a folder.
    ///
    /// Links to folders count only if `follows_folders`: a link to a folder that it lies in has no end.
    fn read(&self, parent: &Path, follows_folders: bool) -> Result<Vec<(PathBuf, bool)>, Error> {
        let folder = self.folder.join(parent);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let entry = entry.map_err(Error::io("read", &folder))?;
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if text.starts_with('.') || SYSTEM_FILES.contains(&text.to_lowercase().as_str()) {
                continue;
            }
            let kind = entry.file_type().map_err(Error::io("read", entry.path()))?;
            let is_folder = if kind.is_symlink() {
                match fs::metadata(entry.path()) {
                    Ok(target) if target.is_dir() && !follows_folders => continue,
                    Ok(target) if !target.is_dir() && !target.is_file() => continue,
                    Ok(target) => target.is_dir(),
                    // A link to nothing is a file that cannot be read, as decoding it will tell.
                    Err(_) => false,
                }
            } else if kind.is_dir() || kind.is_file() {
                kind.is_dir()
            } else {
                // Reading a pipe or a socket would wait for its other end.
                continue;
            };
            found.push((parent.join(&name), is_folder));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::test_files::folder_of;

    fn paths(pictures: &Pictures) -> Vec<String> {
        pictures.entries.iter().map(|entry| entry.path.to_string_lossy().replace('\\', "/")).collect()
    }

    fn refused(files: &[&str]) -> String {
        let folder = folder_of(files);
        let error = Pictures::list(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Data { .. }));
        let text = error.to_string();
        assert!(!text.contains('\n') && text.contains(&*folder.path().to_string_lossy()), "{text}");
        text
    }

    #[test]
    fn classes_are_folders_and_pictures_are_in_the_order_of_their_paths() {
        let folder = folder_of(&["dog/b.png", "dog/a.JPG", "cat/z.jpeg", "cat/deep/er/x.png", "10/q.png"]);
        let pictures = Pictures::list(folder.path()).unwrap();
        assert_eq!(pictures.classes(), ["10", "cat", "dog"]);
        assert_eq!(
            paths(&pictures),
            ["10/q.png", "cat/deep/er/x.png", "cat/z.jpeg", "dog/a.JPG", "dog/b.png"]
        );
        assert_eq!(pictures.labels().collect::<Vec<_>>(), [0, 1, 1, 2, 2]);
        assert_eq!((pictures.len(), pictures.skipped(), pictures.is_empty()), (5, 0, false));
        assert_eq!(pictures.path(4), folder.path().join("dog").join("b.png"));
    }

    #[test]
    fn hidden_and_system_files_are_skipped_and_other_files_are_counted() {
        let folder = folder_of(&[
            ".git/x.png",
            "__MACOSX/cat/1.png",
            "cat/1.png",
            "cat/.DS_Store",
            "cat/._1.png",
            "cat/Thumbs.db",
            "cat/desktop.ini",
            "cat/notes.txt",
            "dog/1.png",
            "dog/1.webp",
            "README.md",
        ]);
        let pictures = Pictures::list(folder.path()).unwrap();
        assert_eq!(paths(&pictures), ["cat/1.png", "dog/1.png"]);
        assert_eq!(pictures.skipped(), 3);
    }

    #[test]
    fn a_folder_of_train_and_test_keeps_its_parts() {
        for test in TEST_NAMES {
            let path = format!("{test}/cat/1.png");
            let folder = folder_of(&["train/cat/1.png", "train/dog/1.png", &path]);
            let pictures = Pictures::list(folder.path()).unwrap();
            assert_eq!(pictures.classes(), ["cat", "dog"]);
            let tested = |entry: &&Entry| entry.part == Some(Part::Test);
            assert_eq!(pictures.entries.iter().filter(tested).count(), 1);
            assert!(pictures.entries.iter().filter(tested).all(|entry| entry.path.starts_with(test)));
        }
        // Among other classes, trains and tests are classes.
        let folder = folder_of(&["train/1.png", "test/1.png", "car/1.png"]);
        assert_eq!(Pictures::list(folder.path()).unwrap().classes(), ["car", "test", "train"]);
    }

    #[test]
    fn a_class_that_is_only_tested_is_refused() {
        let text = refused(&["train/cat/1.png", "train/dog/1.png", "test/cow/1.png"]);
        assert!(text.ends_with("cow: `cow` is not a class of the folder `train`"), "{text}");
    }

    #[test]
    fn two_parts_beside_train_are_refused() {
        let text = refused(&["train/cat/1.png", "val/cat/1.png", "test/cat/1.png"]);
        assert!(text.contains("has parts `train`, `test` and `val`"), "{text}");
    }

    #[test]
    fn a_missing_folder_and_a_file_are_refused() {
        let folder = folder_of(&["file.png"]);
        let error = Pictures::list(folder.path().join("nowhere")).unwrap_err().to_string();
        assert!(error.ends_with("nowhere: there is no such folder"), "{error}");
        let error = Pictures::list(folder.path().join("file.png")).unwrap_err().to_string();
        assert!(error.ends_with("file.png: is a file, not a folder of pictures"), "{error}");
    }

    #[test]
    fn a_folder_without_classes_is_refused() {
        assert!(refused(&[]).contains("is empty; it needs one folder per class"));
        assert!(refused(&["notes.txt"]).contains("is empty"));
        assert!(refused(&["a.png", "b.png"]).contains("has 2 pictures but no folder per class"));
    }

    #[test]
    fn one_class_is_refused() {
        assert!(refused(&["cat/1.png", "cat/2.png"]).contains("has one class, `cat`"));
        assert!(refused(&["train/cat/1.png", "test/cat/2.png"]).contains("has one class, `cat`"));
    }

    #[test]
    fn a_class_without_pictures_is_refused() {
        assert!(refused(&["cat/1.png", "dog/.hidden"]).ends_with("dog: has no pictures"));
        let text = refused(&["cat/1.png", "dog/1.gif"]);
        assert!(text.ends_with("dog: has no PNG or JPEG pictures, only 1 other file(s)"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_files_and_classes_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let folder = folder_of(&["data/cat/1.png", "data/dog/1.png", "elsewhere/x.png"]);
        let data = folder.path().join("data");
        symlink(folder.path().join("elsewhere"), data.join("cow")).unwrap();
        symlink(folder.path().join("elsewhere/x.png"), data.join("cat/x.png")).unwrap();
        symlink(&data, data.join("dog/around")).unwrap();
        let pictures = Pictures::list(&data).unwrap();
        assert_eq!(paths(&pictures), ["cat/1.png", "cat/x.png", "cow/x.png", "dog/1.png"]);
    }
}
