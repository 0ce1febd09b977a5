//! The history of a run, written as it happens: one line of JSON per step or evaluation.

use crate::Error;
use optlab_core::bounded_file::Lines;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

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
    /// One evaluation of a part of the data.
    Evaluation {
        /// Steps made before the evaluation.
        step: usize,
        /// Epochs begun before the evaluation.
        epoch: usize,
        /// Training seconds before the evaluation.
        training_seconds: f64,
        /// "train" (the mean over the epoch's batches), "validation" or "test".
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
            Row::Step { step, .. } | Row::Evaluation { step, .. } => *step,
        }
    }
}

/// The history file, open for writing.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    file: BufWriter<File>,
}

impl History {
    /// Opens the history at `path` and keeps the rows up to and including `keep_until_step`; later rows,
    /// which a run wrote after the checkpoint it resumes from, are removed.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) if a line before the checkpoint is
    /// not a row.
    pub fn open(path: &Path, keep_until_step: usize) -> Result<Self, Error> {
        let kept = if keep_until_step > 0 && path.exists() {
            read_while(path, |row| row.step() <= keep_until_step)?
        } else {
            Vec::new()
        };
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path);
        let file = file.map_err(Error::io("write", path))?;
        let mut history = History { path: path.into(), file: BufWriter::new(file) };
        for row in &kept {
            history.append(row)?;
        }
        Ok(history)
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn append(&mut self, row: &Row) -> Result<(), Error> {
        serde_json::to_writer(&mut self.file, row)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(Error::io("write", &self.path))
    }

    /// Hands all rows to the operating system.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::io("write", &self.path))
    }
}

/// Reads all rows of a history. A last line that was cut short by a crash is skipped.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) if a line in the middle is not a row.
pub fn read(path: &Path) -> Result<Vec<Row>, Error> {
    read_while(path, |_| true)
}

/// Reads only the evaluations of a history. Rows of steps, which are most of it, are skipped without parsing.
///
/// # Errors
/// As for [`read`], except for errors in rows of steps.
pub fn read_evaluations(path: &Path) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut lines = Lines::open(path)?;
    while let Some((number, line)) = lines.next_line()? {
        if line.starts_with(STEP) {
            continue;
        }
        match serde_json::from_slice::<Row>(line) {
            Ok(row) => rows.push(row),
            Err(_) if !line.ends_with(b"\n") => {}
            Err(reason) => {
                return Err(Error::file(path, format!("line {number}: {reason}")));
            }
        }
    }
    Ok(rows)
}

/// Start of a step's row.
const STEP: &[u8] = b"{\"event\":\"step\"";

fn read_while(path: &Path, keep: impl Fn(&Row) -> bool) -> Result<Vec<Row>, Error> {
    let mut lines = Lines::open(path)?;
    let mut rows = Vec::new();
    let mut broken: Option<String> = None;
    while let Some((number, line)) = lines.next_line()? {
        if let Some(reason) = broken.take() {
            return Err(Error::file(path, reason));
        }
        match serde_json::from_slice::<Row>(line) {
            Ok(row) if keep(&row) => rows.push(row),
            Ok(_) => break,
            Err(reason) => broken = Some(format!("line {number}: {reason}")),
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn reopening_a_history_at_a_checkpoint_removes_the_later_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut history = History::open(&path, 0).unwrap();
        (1..=5).for_each(|number| history.append(&step(number)).unwrap());
        drop(history);
        let mut history = History::open(&path, 3).unwrap();
        history.append(&step(4)).unwrap();
        drop(history);
        assert_eq!(read(&path).unwrap(), (1..=4).map(step).collect::<Vec<_>>());
    }

    #[test]
    fn evaluations_are_read_without_the_steps_between_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut history = History::open(&path, 0).unwrap();
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
        assert_eq!(read_evaluations(&path).unwrap(), [evaluation(2), evaluation(3)]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        assert_eq!(read_evaluations(&path).unwrap(), [evaluation(2)]);
        std::fs::write(&path, [b"{\"event\":\"eval\n", whole.as_slice()].concat()).unwrap();
        assert!(read_evaluations(&path).unwrap_err().to_string().contains("line 1"));
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
