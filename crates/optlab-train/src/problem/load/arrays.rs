//! Arrays of NumPy as data of a problem.

use crate::Error;
use crate::data::table::Task;
use crate::problem::load::RowSet;
use crate::problem::{Problem, ProblemData};
use std::path::Path;

pub(super) fn load(problem: &Problem, folder: &Path) -> Result<RowSet, Error> {
    let path = problem.data.path(folder);
    Err(Error::Data { path, reason: "NumPy files are not read yet".into() })
}

pub(super) fn guess(data: &ProblemData, folder: &Path) -> Result<Task, Error> {
    let path = data.path(folder);
    Err(Error::Data { path, reason: "NumPy files are not read yet".into() })
}
