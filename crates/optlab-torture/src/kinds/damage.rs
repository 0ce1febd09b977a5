//! A file of a run is damaged: bits flip, its end is missing, it is empty, gone, or another run's.

use crate::kinds::{Kind, Shown};
use crate::subject;
use optlab_core::random::{Purpose, stream};
use optlab_train::files::disk;
use optlab_train::train::RunDirectory;
use optlab_train::train::checkpoint::Checkpoint;
use rand::RngExt;
use std::path::{Path, PathBuf};

/// Damages a file of a stopped or a finished run. What goes on ends with the right result, or says what is
/// wrong.
#[derive(Debug)]
pub struct Damage {
    folder: tempfile::TempDir,
}

impl Default for Damage {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        subject::record(&subject::trial(), &folder.path().join("whole"), false, None).expect("a run");
        subject::record(&subject::trial(), &folder.path().join("part"), false, Some(23)).expect("a run");
        Damage { folder }
    }
}

impl Kind for Damage {
    fn name(&self) -> &'static str {
        "damage"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 1);
        let is_part = random.random();
        let run = folder.join("run");
        let whole = self.folder.path().join("whole");
        copy(&if is_part { self.folder.path().join("part") } else { whole.clone() }, &run);
        let files = files(&run);
        let file = &files[random.random_range(0..files.len())];
        let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
        let at = random.random_range(0..bytes.len().max(1));
        let what = random.random_range(0..4);
        match what {
            0 if !bytes.is_empty() => {
                let mut bytes = bytes;
                bytes[at] ^= 1 << random.random_range(0..8);
                std::fs::write(file, bytes)
            }
            1 => std::fs::write(file, &bytes[..at.min(bytes.len())]),
            2 => std::fs::write(file, b""),
            _ => std::fs::remove_file(file),
        }
        .map_err(|error| error.to_string())?;
        let name = file.strip_prefix(&run).unwrap_or(file).display().to_string();
        let wrong = |difference: String| format!("{name} damaged ({what} at byte {at}): {difference}");
        if is_part {
            // Refused with a reason, or gone on with to the right result.
            return match subject::go_on(&subject::trial(), &run) {
                Ok(_) => subject::compare(&whole, &run).map_err(wrong),
                Err(_) => Ok(()),
            };
        }
        believed_checkpoints(&whole, &run).map_err(wrong)?;
        let directory = RunDirectory::new(&run);
        if !matches!(directory.read_outcome(), Ok(Some(_))) || directory.read_evaluations().is_err() {
            return Ok(());
        }
        // The reader believes outcome and evaluations, so they are the right ones.
        let evaluations =
            |run: &Path| RunDirectory::new(run).read_evaluations().map_err(|error| error.to_string());
        match RunDirectory::new(&whole).read_outcome().ok() == directory.read_outcome().ok()
            && evaluations(&whole)? == evaluations(&run)?
        {
            true => Ok(()),
            false => Err(wrong("another result is believed".into())),
        }
    }
}

/// Checks that each checkpoint of `run` that opens, from which evaluations and predictions are computed, is
/// the one of `whole`.
fn believed_checkpoints(whole: &Path, run: &Path) -> Result<(), String> {
    let (whole, run) = (RunDirectory::new(whole).checkpoints(), RunDirectory::new(run).checkpoints());
    for path in disk::entries(&run).map_err(|error| error.to_string())? {
        if Checkpoint::open(&path).is_err() {
            continue;
        }
        let expected = whole.join(path.file_name().unwrap_or_default());
        for file in disk::entries(&path).map_err(|error| error.to_string())? {
            let other = expected.join(file.file_name().unwrap_or_default());
            if std::fs::read(&file).ok() != std::fs::read(&other).ok() {
                return Err(format!("another {} is believed", file.display()));
            }
        }
    }
    Ok(())
}

/// Returns the files of a run that decide something; not the lock and the description of the machine.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => all.extend(files(&path)),
            false if path.ends_with(".lock") || path.ends_with("environment.json") => {}
            false => all.push(path),
        }
    }
    all
}

/// Copies a folder.
///
/// # Panics
/// If a file cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().unwrap_or_default());
        match path.is_dir() {
            true => copy(&path, &to),
            false => {
                std::fs::copy(&path, to).expect("a file");
            }
        }
    }
}
