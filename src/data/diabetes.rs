//! How a patient's diabetes went on over a year, from ten measurements (Efron, Hastie, Johnstone, Tibshirani, 2004).

use super::bundled::bundled;
use super::{DataSet, Examples, Targets, split};
use crate::error::Error;

/// 442 patients; inputs `[10]` in their own units (years, kg/m², mmHg, mg/dl …), the target 25 to 346. Every fifth is for
/// the test.
pub(super) fn load() -> Result<DataSet, Error> {
    let table = bundled!("small/diabetes.csv.gz").table(11, true)?;
    let rows = table.chunks_exact(11);
    let all = Examples {
        inputs: rows.clone().flat_map(|row| row[..10].iter().copied()).collect(),
        input_shape: vec![10],
        targets: Targets::Values(rows.map(|row| row[10]).collect()),
    };
    let (train, test) = split::every_fifth(&all);
    Ok(DataSet { name: "diabetes", train, test, is_series: false })
}
