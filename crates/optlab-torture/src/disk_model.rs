//! A disk that is rebuilt from the changes that were made to it: as a killed process leaves it, and as a
//! power failure may leave it.
//!
//! A power failure keeps what was synchronized. Of the rest it keeps, for each folder, the names after any
//! number of the changes since the folder was synchronized, and of each file any length between that which
//! was synchronized and the last one. This is more than journaling file systems lose.

use optlab_train::files::disk::Change;
use rand::{Rng, RngExt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a name stands for: the place of a file or of a folder in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Folder(usize),
}

type Names = BTreeMap<String, Entry>;

/// The content of a file.
#[derive(Debug, Clone, Default)]
struct Content {
    now: Vec<u8>,
    synchronized: Vec<u8>,
}

/// The names in a folder: as they were synchronized, then after each change.
#[derive(Debug, Clone)]
struct Folder {
    since: Vec<Names>,
}

impl Folder {
    fn now(&self) -> &Names {
        &self.since[self.since.len() - 1]
    }
}

/// A disk.
#[derive(Debug, Clone)]
pub struct DiskModel {
    root: PathBuf,
    files: Vec<Content>,
    folders: Vec<Folder>,
}

impl DiskModel {
    /// Returns an empty disk whose root stands for the folder `root`.
    pub fn new(root: &Path) -> Self {
        let empty = Folder { since: vec![Names::new()] };
        DiskModel { root: root.into(), files: Vec::new(), folders: vec![empty] }
    }

    /// Makes a change. A change outside of the root is ignored.
    ///
    /// # Panics
    /// If the change is not possible, such as one of a file that does not exist.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::FolderCreated(path) => {
                self.folders.push(Folder { since: vec![Names::new()] });
                self.set(path, Some(Entry::Folder(self.folders.len() - 1)));
            }
            Change::FileCreated(path) => match self.find(path) {
                Some(Entry::File(file)) => self.files[file].now.clear(),
                _ => {
                    self.files.push(Content::default());
                    self.set(path, Some(Entry::File(self.files.len() - 1)));
                }
            },
            Change::Appended { path, bytes } => self.content(path).now.extend(bytes),
            Change::Cut { path, length } => {
                let content = self.content(path);
                content.now.truncate(*length as usize);
            }
            Change::Renamed { from, to } => {
                let entry = self.find(from).unwrap_or_else(|| panic!("no {}", from.display()));
                if from.parent() == to.parent() {
                    // One change of the folder.
                    let (folder, _) = self.place(from).expect("within the root");
                    let mut names = self.folders[folder].now().clone();
                    names.remove(&name(from));
                    names.insert(name(to), entry);
                    self.folders[folder].since.push(names);
                } else {
                    self.set(to, Some(entry));
                    self.set(from, None);
                }
            }
            Change::Removed(path) => self.set(path, None),
            Change::Synchronized(path) => match self.find(path) {
                Some(Entry::File(file)) => self.files[file].synchronized = self.files[file].now.clone(),
                Some(Entry::Folder(folder)) => {
                    let now = self.folders[folder].now().clone();
                    self.folders[folder].since = vec![now];
                }
                None => {}
            },
        }
    }

    fn content(&mut self, path: &Path) -> &mut Content {
        match self.find(path) {
            Some(Entry::File(file)) => &mut self.files[file],
            _ => panic!("no file {}", path.display()),
        }
    }

    /// Returns the folder that holds `path`, and its name there; `None` outside of the root.
    fn place(&self, path: &Path) -> Option<(usize, String)> {
        match self.find(path.parent()?)? {
            Entry::Folder(folder) => Some((folder, name(path))),
            Entry::File(_) => None,
        }
    }

    fn find(&self, path: &Path) -> Option<Entry> {
        let mut entry = Entry::Folder(0);
        for part in path.strip_prefix(&self.root).ok()? {
            let Entry::Folder(folder) = entry else { return None };
            entry = *self.folders[folder].now().get(&*part.to_string_lossy())?;
        }
        Some(entry)
    }

    fn set(&mut self, path: &Path, entry: Option<Entry>) {
        let Some((folder, name)) = self.place(path) else { return };
        let mut names = self.folders[folder].now().clone();
        match entry {
            Some(entry) => names.insert(name, entry),
            None => names.remove(&name),
        };
        self.folders[folder].since.push(names);
    }

    /// Writes below `to` what is there after the process was killed.
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn write_after_kill(&self, to: &Path) {
        self.write(to, 0, &mut |folder| folder.now().clone(), &mut |content| content.now.clone());
    }

    /// Writes below `to` what a power failure leaves that keeps nothing but what was synchronized.
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn write_synchronized(&self, to: &Path) {
        let names = &mut |folder: &Folder| folder.since[0].clone();
        self.write(to, 0, names, &mut |content| content.synchronized.clone());
    }

    /// Writes below `to` what a power failure may leave that keeps a part of the rest, too.
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn write_after_power_failure(&self, to: &Path, random: &mut impl Rng) {
        let random = std::cell::RefCell::new(random);
        let mut names = |folder: &Folder| {
            let kept = random.borrow_mut().random_range(0..folder.since.len());
            folder.since[kept].clone()
        };
        let mut bytes = |content: &Content| {
            let Content { now, synchronized } = content;
            let mut random = random.borrow_mut();
            if !now.starts_with(synchronized) {
                // It was cut or emptied since.
                return if random.random() { now.clone() } else { synchronized.clone() };
            }
            let length = random.random_range(synchronized.len()..=now.len());
            let mut kept = now[..length].to_vec();
            // The length of a file may reach the disk before its bytes.
            if random.random() {
                kept[synchronized.len()..].fill(0);
            }
            kept
        };
        self.write(to, 0, &mut names, &mut bytes);
    }

    fn write(
        &self,
        to: &Path,
        folder: usize,
        names: &mut dyn FnMut(&Folder) -> Names,
        bytes: &mut dyn FnMut(&Content) -> Vec<u8>,
    ) {
        std::fs::create_dir_all(to).expect("a folder");
        for (name, entry) in names(&self.folders[folder]) {
            match entry {
                Entry::File(file) => {
                    std::fs::write(to.join(name), bytes(&self.files[file])).expect("a file");
                }
                Entry::Folder(folder) => self.write(&to.join(name), folder, names, bytes),
            }
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(changes: &[Change]) -> DiskModel {
        let mut disk = DiskModel::new(Path::new("/r"));
        changes.iter().for_each(|change| disk.apply(change));
        disk
    }

    fn tree(write: impl Fn(&Path)) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> =
            entries.map(|path| (name(&path), std::fs::read_to_string(path).unwrap())).collect();
        all.sort();
        all
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.into(), text.into())
    }

    #[test]
    fn a_power_failure_loses_what_was_not_synchronized_and_a_kill_nothing() {
        let path = PathBuf::from("/r/a");
        let written =
            [Change::FileCreated(path.clone()), Change::Appended { path: path.clone(), bytes: b"12".into() }];
        let [file, root] = [Change::Synchronized(path.clone()), Change::Synchronized("/r".into())];
        let more = Change::Appended { path, bytes: b"3".into() };
        let all = |end: &[Change]| disk(&[&written[..], end].concat());
        assert_eq!(tree(|to| all(&[]).write_after_kill(to)), [pair("a", "12")]);
        assert_eq!(tree(|to| all(std::slice::from_ref(&file)).write_synchronized(to)), []);
        assert_eq!(tree(|to| all(std::slice::from_ref(&root)).write_synchronized(to)), [pair("a", "")]);
        let end = [file, root, more];
        assert_eq!(tree(|to| all(&end).write_synchronized(to)), [pair("a", "12")]);
    }

    #[test]
    fn a_rename_in_a_folder_happens_as_a_whole_or_not_at_all() {
        let [a, b, root] = ["/r/a", "/r/b", "/r"].map(PathBuf::from);
        let disk = disk(&[
            Change::FileCreated(a.clone()),
            Change::Appended { path: a.clone(), bytes: b"1".into() },
            Change::Synchronized(a.clone()),
            Change::Synchronized(root),
            Change::Renamed { from: a, to: b },
        ]);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let mut random = optlab_core::random::stream(seed, optlab_core::random::Purpose::Order, 0);
            let random = std::cell::RefCell::new(&mut random);
            seen.insert(tree(|to| disk.write_after_power_failure(to, &mut **random.borrow_mut())));
        }
        assert_eq!(Vec::from_iter(seen), [[pair("a", "1")], [pair("b", "1")]]);
    }
}
