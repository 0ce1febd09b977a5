//! Optical recognition of handwritten digits, 8 × 8 pixels (Alpaydin and Kaynak, 1998).

use crate::Error;
use crate::data::bundled::bundled;
use crate::data::{DataSet, Examples, Targets, split};

/// Loads 1,797 digits: inputs `[1, 8, 8]`, the file's 0–16 scaled to 0–1. Every fifth digit is in the test
/// part.
pub(super) fn load() -> Result<DataSet, Error> {
    let table = bundled!("small/digits.csv.gz").table(65, false)?;
    let rows = table.chunks_exact(65);
    let all = Examples {
        inputs: rows.clone().flat_map(|row| row[..64].iter().map(|pixel| pixel / 16.0)).collect(),
        input_shape: vec![1, 8, 8],
        targets: Targets::Classes { labels: rows.map(|row| row[64] as u32).collect(), classes: 10 },
    };
    let (train, test) = split::every_fifth(&all);
    Ok(DataSet { name: "digits".into(), train, test, is_series: false })
}
