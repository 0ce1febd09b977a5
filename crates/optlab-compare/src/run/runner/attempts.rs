//! Runs one trial, in up to two workers, in the thread of the trial.

use crate::Error;
use crate::run::folder::{self, Ended, Folder};
use crate::run::runner::heard::Heard;
use crate::run::runner::{Message, Pruned, RunnerShared};
use crate::run::worker;
use optlab_core::bounded_file;
use optlab_train::files::disk;
use optlab_train::train::{Outcome, RunDirectory, Status, Trial};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// The largest number of attempts for a trial whose worker dies.
const ATTEMPTS: usize = 2;

/// The index of a trial, the slot of its worker, and whether it was pruned.
pub(super) struct Place {
    pub index: usize,
    pub slot: usize,
    pub pruned: Arc<Pruned>,
}

impl RunnerShared<'_> {
    /// Runs one trial and returns its outcome; `None` if the whole run was stopped meanwhile.
    pub fn run_trial(
        &self,
        at: &Place,
        trial: &Trial,
        sender: &Sender<Message>,
    ) -> Result<Option<Outcome>, Error> {
        let outcome = self.attempt(at, trial, sender);
        // Explains errors and failures, and an outcome that is not in the folder is none.
        self.folder.check_in_place()?;
        outcome
    }

    fn attempt(&self, at: &Place, trial: &Trial, sender: &Sender<Message>) -> Result<Option<Outcome>, Error> {
        let index = at.index;
        let run_dir = self.folder.prepare_run(trial)?;
        let run = RunDirectory::new(&run_dir);
        let stderr = run_dir.join("stderr.txt");
        let had_failed = has_failed(self.folder, trial)?;
        // Both are from an earlier run; an old failed outcome would be taken for the new one.
        run.remove_outcome()?;
        disk::remove(&stderr)?;
        let conditions = self.runner.conditions(at.slot, self.is_judged);
        let mut heard = Heard::default();
        let mut reason = String::new();
        let mut steps = 0;
        for attempt in 1..=ATTEMPTS {
            // Sending fails only if the run is being stopped, which the next check notices.
            let tell = |message| sender.send(message).is_ok();
            if self.children.is_stopped() || !tell(Message::Started { index, attempt }) {
                return Ok(None);
            }
            heard.begin(&run);
            let command = &self.runner.command;
            let ended =
                worker::run(command, &conditions, &run_dir, &stderr, &self.children, index, |told| {
                    heard.note(&told);
                    tell(Message::Event { index, event: Box::new(told) });
                })?;
            if let Some(step) = at.pruned.after() {
                return self.prune(&heard, &run, step).map(Some);
            }
            if let Some(outcome) = folder::read_outcome(&run_dir, trial)? {
                return Ok(Some(outcome));
            }
            if self.children.is_stopped() {
                return Ok(None);
            }
            if ended.is_interrupted() {
                let interrupted = std::io::Error::new(ErrorKind::Interrupted, "interrupted");
                return Err(Error::io("finish", run_dir)(interrupted));
            }
            reason = ended.reason();
            steps = ended.last_step;
            let cannot_resume = ended.cannot_resume.is_some() || had_failed && !heard.has_progressed;
            if attempt < ATTEMPTS && cannot_resume && has_begun(&run)? {
                self.folder.check_in_place()?;
                let note = format!("{} cannot be resumed and begins anew: {reason}", trial.id());
                run.start_over(trial)?;
                append_line(&stderr, &note)?;
                tell(Message::Noted { note });
            }
        }
        let outcome = Outcome { steps, ..heard.failed(reason) };
        self.folder.check_in_place()?;
        run.write_outcome(&outcome)?;
        Ok(Some(outcome))
    }

    /// Ends a trial that was pruned after `step`. Its history is on the disk before its outcome, so that a
    /// search that finds the outcome knows what it was decided by.
    fn prune(&self, heard: &Heard, run: &RunDirectory, step: usize) -> Result<Outcome, Error> {
        if self.runner.is_brief {
            run.remove_checkpoints()?;
        }
        heard.end_pruned(run, step)
    }
}

/// Returns whether an earlier command left the trial as failed.
fn has_failed(folder: &Folder, trial: &Trial) -> Result<bool, Error> {
    let ended = folder::ended(&folder.run_dir(trial), trial)?;
    Ok(matches!(ended, Ended::With(outcome) if outcome.status == Status::Failed))
}

/// Returns whether there is something to resume from.
fn has_begun(run: &RunDirectory) -> Result<bool, Error> {
    Ok(!disk::entries(&run.checkpoints())?.is_empty() || run.history().exists())
}

fn append_line(path: &Path, line: &str) -> Result<(), Error> {
    let mut file = bounded_file::open_to_write(path, File::options().create(true).append(true))?;
    writeln!(file, "{line}").map_err(Error::io("write", path))
}
