//! Checks of documented ranges: at both ends, outside of them, and with NaN.

use optlab_optim::Error;
use serde_json::Value;
use std::collections::BTreeSet;

/// Values at or just inside both ends, and values just outside.
pub struct Ends {
    pub inside: [f64; 2],
    pub outside: [f64; 2],
}

pub const SHARE: Ends = Ends { inside: [0.0, 1.0], outside: [1.000001, -1e-9] };
pub const NON_NEGATIVE: Ends = Ends { inside: [0.0, 1e30], outside: [f64::INFINITY, -1e-9] };
pub const POSITIVE: Ends = Ends { inside: [1e-30, 1e30], outside: [f64::INFINITY, 0.0] };
pub const POSITIVE_BELOW_ONE: Ends = Ends { inside: [1e-30, 0.999999], outside: [1.0, 0.0] };

type Build = Box<dyn Fn(f64) -> (&'static str, Result<(), Error>)>;

pub struct Row {
    pub field: &'static str,
    pub ends: Ends,
    /// Closure that builds the default settings with the given value of the field; returns the name of the
    /// schedule and the result.
    pub build: Build,
}

/// Checks the range of each row, and returns the names and fields that the rows cover.
pub fn assert_ranges(rows: Vec<Row>) -> BTreeSet<(&'static str, &'static str)> {
    let mut covered = BTreeSet::new();
    for row in rows {
        for value in row.ends.inside {
            let (name, built) = (row.build)(value);
            assert!(built.is_ok(), "{name}: {} = {value} is refused: {built:?}", row.field);
            covered.insert((name, row.field));
        }
        for value in row.ends.outside.into_iter().chain([f64::NAN]) {
            let (name, built) = (row.build)(value);
            match built {
                Err(Error::InvalidConfig { owner, field, .. }) => {
                    assert_eq!((owner.as_str(), field.as_str()), (name, row.field));
                }
                other => panic!("{name}: {} = {value} gives {other:?}", row.field),
            }
        }
    }
    covered
}

/// Returns the fields of a spec and their default values.
pub fn fields(spec: impl serde::Serialize) -> serde_json::Map<String, Value> {
    match serde_json::to_value(spec).unwrap() {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}
