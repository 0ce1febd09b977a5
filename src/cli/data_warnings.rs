//! Warnings about the data of workloads, printed before their trials run.

use crate::Error;
use crate::cli::output;
use optlab_core::line::{self, one_line};
use optlab_train::data::Source;
use optlab_train::registry::AnyWorkload;
use std::cell::RefCell;

/// The sentences about data that a command has found so far.
///
/// They are found as soon as a workload is opened, while its table is still in memory, and printed once the
/// command is known to be valid.
#[derive(Debug)]
pub struct DataWarnings {
    is_wanted: bool,
    found: RefCell<Vec<String>>,
}

impl DataWarnings {
    /// Returns no sentences yet; with `is_wanted` false none is ever found, as in a command that resumes and
    /// has warned before.
    pub fn new(is_wanted: bool) -> Self {
        DataWarnings { is_wanted, found: RefCell::default() }
    }

    /// Adds the sentences about the data of a workload.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn find(&self, workload: &dyn AnyWorkload, source: &Source) -> Result<(), Error> {
        if self.is_wanted {
            let warnings = workload.warnings(source)?;
            // They name columns of the data.
            self.found.borrow_mut().extend(warnings.iter().map(|sentence| one_line(sentence, line::MOST)));
        }
        Ok(())
    }

    /// Prints a line on standard error for each sentence.
    pub fn print(&self) {
        for sentence in self.found.borrow_mut().drain(..) {
            output::warn(sentence);
        }
    }
}
