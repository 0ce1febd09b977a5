//! The yearly sunspot number from 1700 to 2008, to be forecast from the previous twenty years.

use crate::Error;
use crate::data::bundled::bundled;
use crate::data::{DataSet, Examples, Targets};

/// Years that a forecast is based on.
const WINDOW: usize = 20;
/// Years at the end that are in the test part only.
const TEST_YEARS: usize = 50;

/// Loads windows of 20 years: inputs `[20, 1]` from old to new, each with the following year as target; 239
/// to train on (targets 1720 to 1958) and 50 for the test (1959 to 2008).
pub(super) fn load() -> Result<DataSet, Error> {
    let table = bundled!("small/sunspots.csv.gz").table(2, true)?;
    let numbers: Vec<f32> = table.chunks_exact(2).map(|row| row[1]).collect();
    let windows = numbers.len().saturating_sub(WINDOW);
    let first_test = windows.saturating_sub(TEST_YEARS);
    Ok(DataSet {
        name: "sunspots".into(),
        train: windows_from(&numbers, 0..first_test),
        test: windows_from(&numbers, first_test..windows),
        is_series: true,
    })
}

/// Returns the windows that begin at `starts`.
fn windows_from(numbers: &[f32], starts: std::ops::Range<usize>) -> Examples {
    Examples {
        inputs: starts.clone().flat_map(|start| &numbers[start..start + WINDOW]).copied().collect(),
        input_shape: vec![WINDOW, 1],
        targets: Targets::numbers(starts.map(|start| numbers[start + WINDOW]).collect()),
    }
}
