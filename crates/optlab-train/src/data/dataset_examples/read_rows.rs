//! Reads rows of a data set; a failure becomes an error that names the row.

use crate::Error;
use burn::data::dataset::Dataset;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the items of these rows, in this order.
///
/// # Errors
/// [`Error::Workload`] with the row, if [`Dataset::get`] fails or panics there.
pub(super) fn read_rows<I>(workload: &str, dataset: &dyn Dataset<I>, rows: &[u32]) -> Result<Vec<I>, Error> {
    rows.iter().map(|&row| read_row(workload, dataset, row)).collect()
}

fn read_row<I>(workload: &str, dataset: &dyn Dataset<I>, row: u32) -> Result<I, Error> {
    // A panic leaves no half-changed value behind: the item is dropped, and the run ends with the error.
    let read = catch_unwind(AssertUnwindSafe(|| dataset.get(row as usize)));
    let reason = match read {
        Ok(Ok(item)) => return Ok(item),
        Ok(Err(error)) => format!("row {row} of its data cannot be read: {error}"),
        Err(panic) => format!("reading row {row} of its data panicked: {}", message(&*panic)),
    };
    // An error is one line.
    let reason = reason.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    Err(Error::Workload { workload: workload.into(), reason })
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
