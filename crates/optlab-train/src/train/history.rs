//! The history of a run, written as it happens: one line of JSON per step or evaluation.

use crate::Error;
use crate::diagnosis::Diagnosis;
use crate::files::checksum;
use crate::files::disk::{self, Appender};
use optlab_core::bounded_file::Lines;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// One row of `history.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Row {
    /// One optimizer step.
    Step {
        /// Steps made, this one included: the first is 1.
        step: usize,
        /// The mean loss of the batch, without penalties; null if it is not finite.
        loss: Option<f64>,
        /// The learning rate of the step.
        lr: f64,
        /// The learning rate of each parameter group, by its patterns, including its factor; for a group
        /// inside another, the outer group's factor is not included.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        group_lr: BTreeMap<String, f64>,
        /// The norm of all gradients together before clipping; only if they are clipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gradient_norm: Option<f64>,
        /// Whether the step was skipped because a gradient was not finite.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        skipped: bool,
    },
    /// A checkpoint was saved.
    Checkpoint {
        /// Steps made before it.
        step: usize,
        /// The seconds for which the training paused; those of writing are among them unless it was written
        /// in the background.
        pause_seconds: f64,
    },
    /// The diagnostics of a step.
    Diagnosis(Diagnosis),
    /// The loss was not finite, and the run returned to an earlier checkpoint. The rows of the steps that it
    /// makes again are gone.
    Rollback {
        /// The step that it returned to.
        step: usize,
        /// The step at which it diverged.
        from: usize,
        /// The factor of the learning rate from here on, all returns together.
        lr_factor: f64,
        /// What was not finite.
        reason: String,
    },
    /// One evaluation of a part of the data.
    Evaluation {
        /// Steps made before the evaluation.
        step: usize,
        /// Epochs begun before the evaluation.
        epoch: usize,
        /// Training seconds before the evaluation.
        training_seconds: f64,
        /// "train" (the mean over the epoch's examples, each before its batch's step), "validation" or
        /// "test".
        part: Part,
        /// Mean loss; null if it is not finite.
        loss: Option<f64>,
        /// The workload's metric; null where it was not computed.
        metric: Option<f64>,
        /// The workload's other measures, by name; those that are not finite are left out.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        others: BTreeMap<String, f64>,
    },
}

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The part that the model learns from.
    Train,
    /// The part that a run is evaluated on while it trains.
    Validation,
    /// The part that only the finished model sees.
    Test,
}

impl Row {
    /// Returns the number of steps made when the row was written.
    pub fn step(&self) -> usize {
        match self {
            Row::Step { step, .. }
            | Row::Evaluation { step, .. }
            | Row::Checkpoint { step, .. }
            | Row::Rollback { step, .. } => *step,
            Row::Diagnosis(diagnosis) => diagnosis.step,
        }
    }
}

/// The content of a history up to some row, by which a reader knows it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of these bytes.
    pub sha256: String,
}

impl Mark {
    /// Checks that a history of this many `bytes` with this `hash` is the one that the mark is of.
    fn check(&self, bytes: u64, hash: &Sha256, path: &Path) -> Result<(), Error> {
        if bytes < self.bytes {
            let reason = format!("{bytes} of the {} bytes that its run has written are there", self.bytes);
            return Err(Error::file(path, reason));
        }
        if bytes > self.bytes || checksum::in_digits(&hash.clone().finalize()) != self.sha256 {
            return Err(Error::file(path, "was changed or belongs to another run: its checksum is another"));
        }
        Ok(())
    }
}

/// The history file, open for writing. It is only appended to.
#[derive(Debug)]
pub struct History {
    file: Appender,
    /// Rows that are not yet handed to the operating system.
    buffer: Vec<u8>,
    bytes: u64,
    hash: Sha256,
}

/// The number of bytes that a history keeps before it hands them to the operating system.
const BUFFERED: usize = 1 << 16;

impl History {
    /// Creates the empty history of a new run at `path`.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = Appender::create(path)?;
        Ok(History { file, buffer: Vec::new(), bytes: 0, hash: Sha256::new() })
    }

    /// Opens the history at `path` of a run that resumes after `step` steps, and keeps what `mark` is of:
    /// later rows, which the run wrote after the checkpoint it resumes from, are cut off. Without a mark, as
    /// in checkpoints from before there were marks, the rows up to and including `step` are kept.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) if the file lacks what the mark is
    /// of, or without a mark if a line is not a row.
    pub fn resume(path: &Path, step: usize, mark: Option<&Mark>) -> Result<Self, Error> {
        if step == 0 {
            return Self::create(path);
        }
        let walked = walk(path, mark, |number, line| match (mark, serde_json::from_slice::<Row>(line)) {
            (Some(_), _) => Ok(true),
            (None, Ok(row)) => Ok(row.step() <= step && line.ends_with(b"\n")),
            (None, Err(_)) if !line.ends_with(b"\n") => Ok(false),
            (None, Err(reason)) => Err(Error::file(path, format!("line {number}: {reason}"))),
        });
        let (bytes, hash) = match walked {
            Err(error) if error.is_not_found() => {
                let nothing = (0, Sha256::new());
                mark.map_or(Ok(()), |mark| mark.check(nothing.0, &nothing.1, path))?;
                nothing
            }
            walked => walked?,
        };
        let file = if bytes == 0 { Appender::create(path) } else { Appender::open(path, bytes) };
        Ok(History { file: file?, buffer: Vec::new(), bytes, hash })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn append(&mut self, row: &Row) -> Result<(), Error> {
        // A row holds numbers and names, which JSON can always express.
        serde_json::to_writer(&mut self.buffer, row)
            .map_err(|reason| Error::file("history.jsonl", reason))?;
        self.buffer.push(b'\n');
        if self.buffer.len() > BUFFERED { self.flush() } else { Ok(()) }
    }

    /// Hands all rows to the operating system.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.file.append(&self.buffer)?;
        self.hash.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Synchronizes all rows, so that they survive a power failure, and returns the mark of all of them.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn synchronize(&mut self) -> Result<Mark, Error> {
        self.flush()?;
        self.file.synchronize()?;
        Ok(Mark { bytes: self.bytes, sha256: checksum::in_digits(&self.hash.clone().finalize()) })
    }
}

/// Writes a whole history in place of the one at `path`, and returns its mark.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full.
pub(super) fn write(path: &Path, rows: &[Row]) -> Result<Mark, Error> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row).map_err(|reason| Error::file(path, reason))?;
        lines.push(b'\n');
    }
    disk::replace(path, &lines)?;
    Ok(Mark { bytes: lines.len() as u64, sha256: checksum::sha256(&lines) })
}

/// Passes the lines of a history to `is_kept`, with their numbers from 1, up to the first that it does not
/// keep, or up to what `mark` is of, which must be there. Returns the number of bytes of those that it keeps,
/// and their hash.
fn walk(
    path: &Path,
    mark: Option<&Mark>,
    mut is_kept: impl FnMut(usize, &[u8]) -> Result<bool, Error>,
) -> Result<(u64, Sha256), Error> {
    let mut lines = Lines::open(path)?;
    let (mut bytes, mut hash) = (0, Sha256::new());
    while mark.is_none_or(|mark| bytes < mark.bytes) {
        let Some((number, line)) = lines.next_line()? else { break };
        if !is_kept(number, line)? {
            break;
        }
        bytes += line.len() as u64;
        hash.update(line);
    }
    if let Some(mark) = mark {
        mark.check(bytes, &hash, path)?;
    }
    Ok((bytes, hash))
}

/// Reads all rows of a history. A last line that was cut short by a crash is skipped.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) if a line in the middle is not a row.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    read_to(path, None)
}

/// Reads all rows of a history as [`read`] does, up to what `mark` is of, if there is one.
pub(super) fn read_to(path: &Path, mark: Option<&Mark>) -> Result<Vec<Row>, Error> {
    rows(path, mark, |_| true)
}

/// Reads only the evaluations of a history, up to what `mark` is of, if there is one. Other rows, which are
/// most of it, are skipped without parsing.
///
/// # Errors
/// As for [`read`], except for errors in rows of steps; [`File`](optlab_core::Error::File) if the file lacks
/// what the mark is of.
pub fn read_evaluations(path: &Path, mark: Option<&Mark>) -> Result<Vec<Row>, Error> {
    rows(path, mark, |line| !OTHERS.iter().any(|start| line.starts_with(start)))
}

/// The starts of rows that are no evaluations.
const OTHERS: [&[u8]; 4] = [
    b"{\"event\":\"step\"",
    b"{\"event\":\"checkpoint\"",
    b"{\"event\":\"diagnosis\"",
    b"{\"event\":\"rollback\"",
];

fn rows(path: &Path, mark: Option<&Mark>, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    walk(path, mark, |number, line| {
        if is_wanted(line) {
            match serde_json::from_slice::<Row>(line) {
                Ok(row) => rows.push(row),
                Err(_) if !line.ends_with(b"\n") => {}
                Err(reason) => return Err(Error::file(path, format!("line {number}: {reason}"))),
            }
        }
        Ok(true)
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn step(step: usize) -> Row {
        Row::Step {
            step,
            loss: Some(0.5),
            lr: 0.1,
            group_lr: BTreeMap::new(),
            gradient_norm: Some(2.0),
            skipped: false,
        }
    }

    /// Returns the path of a history of five steps in `folder`, and its marks after each of them.
    fn five_steps(folder: &Path) -> (PathBuf, Vec<Mark>) {
        let path = folder.join("history.jsonl");
        let mut history = History::create(&path).unwrap();
        let mark_after = |number| {
            history.append(&step(number)).unwrap();
            history.synchronize().unwrap()
        };
        let marks = (1..=5).map(mark_after).collect();
        (path, marks)
    }

    #[test]
    fn a_resumed_history_goes_on_after_its_mark_or_without_one_after_the_step() {
        let folder = tempfile::tempdir().unwrap();
        for with_mark in [true, false] {
            let (path, marks) = five_steps(folder.path());
            let before = std::fs::read(&path).unwrap();
            let mut history = History::resume(&path, 3, with_mark.then_some(&marks[2])).unwrap();
            assert!(before.starts_with(&std::fs::read(&path).unwrap()), "it was written anew");
            history.append(&step(4)).unwrap();
            assert_eq!(history.synchronize().unwrap(), marks[3]);
            assert_eq!(read(&path).unwrap(), (1..=4).map(step).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_history_that_lacks_what_its_run_knows_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, marks) = five_steps(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let cut = whole[..marks[2].bytes as usize - 1].to_vec();
        let mut changed = whole.clone();
        changed[20] ^= 1;
        for damaged in [Vec::new(), cut, changed] {
            std::fs::write(&path, &damaged).unwrap();
            History::resume(&path, 3, Some(&marks[2])).unwrap_err();
            read_evaluations(&path, Some(&marks[2])).unwrap_err();
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
        std::fs::remove_file(&path).unwrap();
        let error = History::resume(&path, 3, Some(&marks[2])).unwrap_err().to_string();
        assert!(error.contains("0 of the "), "{error}");
    }

    #[test]
    fn a_run_that_begins_again_has_an_empty_history() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = five_steps(folder.path());
        History::resume(&path, 0, None).unwrap();
        assert_eq!(read(&path).unwrap(), []);
    }

    #[test]
    fn evaluations_are_read_without_the_steps_between_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut history = History::create(&path).unwrap();
        let evaluation = |step| Row::Evaluation {
            step,
            epoch: 1,
            training_seconds: 0.5,
            part: Part::Validation,
            loss: Some(0.25),
            metric: None,
            others: BTreeMap::new(),
        };
        for row in [step(1), step(2), evaluation(2), step(3), evaluation(3)] {
            history.append(&row).unwrap();
        }
        history.flush().unwrap();
        assert_eq!(read_evaluations(&path, None).unwrap(), [evaluation(2), evaluation(3)]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        assert_eq!(read_evaluations(&path, None).unwrap(), [evaluation(2)]);
        std::fs::write(&path, [b"{\"event\":\"eval\n", whole.as_slice()].concat()).unwrap();
        assert!(read_evaluations(&path, None).unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn a_last_line_cut_short_is_left_out_and_a_broken_one_in_the_middle_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let row = serde_json::to_string(&step(1)).unwrap();
        std::fs::write(&path, format!("{row}\n{}", &row[..9])).unwrap();
        assert_eq!(read(&path).unwrap(), vec![step(1)]);
        std::fs::write(&path, format!("{}\n{row}\n", &row[..9])).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
