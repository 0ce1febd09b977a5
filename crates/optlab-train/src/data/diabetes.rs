//! The diabetes data set: a patient's disease progression over one year, from ten measurements (Efron,
//! Hastie, Johnstone, Tibshirani, 2004).

use crate::Error;
use crate::data::bundled::bundled;
use crate::data::{DataSet, Examples, Targets, split};

/// The names of the inputs. `bp` is the mean blood pressure; `s1` to `s6` are measurements of the serum:
/// total cholesterol, LDL, HDL, their ratio, the logarithm of triglycerides, glucose.
pub const COLUMNS: [&str; 10] = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"];

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
