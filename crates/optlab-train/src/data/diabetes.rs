//! The diabetes data set: a patient's disease progression over one year, from ten measurements (Efron,
//! Hastie, Johnstone, Tibshirani, 2004).

use crate::Error;
use crate::data::bundled::bundled;
use crate::data::{DataSet, Examples, Targets, split};

/// Loads 442 patients: inputs `[10]` in their own units (years, kg/m², mmHg, mg/dl …), targets from 25 to
/// 346. Every fifth patient is in the test part.
pub(super) fn load() -> Result<DataSet, Error> {
    let table = bundled!("small/diabetes.csv.gz").table(11, true)?;
    let rows = table.chunks_exact(11);
    let all = Examples {
        inputs: rows.clone().flat_map(|row| row[..10].iter().copied()).collect(),
        input_shape: vec![10],
        targets: Targets::numbers(rows.map(|row| row[10]).collect()),
    };
    let (train, test) = split::every_fifth(&all);
    Ok(DataSet { name: "diabetes".into(), train, test, is_series: false })
}
