//! The measure that a workload is judged by.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The unit of a share, which is shown as a percentage.
pub const PERCENT: &str = "%";

/// The measure that a workload is judged by.
///
/// It serializes as the fields `metric`, `unit`, `larger_is_better` and `target`, which stand among those of
/// an outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// The name: "accuracy" or "rmse"; empty if a run failed before it knew.
    #[serde(rename = "metric")]
    pub name: String,
    /// The unit: [`PERCENT`] for a share in `[0, 1]`, which is shown times 100; empty for the target's own
    /// unit.
    pub unit: String,
    /// Which values are better.
    #[serde(rename = "larger_is_better")]
    pub direction: Direction,
    /// The value on the validation part that counts as success.
    pub target: Option<f64>,
}

impl Metric {
    /// Returns a metric without a target; `unit` is [`PERCENT`] for a share in `[0, 1]`.
    pub fn new(name: &str, unit: &str, direction: Direction) -> Self {
        Metric { name: name.into(), unit: unit.into(), direction, target: None }
    }

    /// Returns the metric with the value that counts as success.
    pub fn with_target(self, target: f64) -> Self {
        Metric { target: Some(target), ..self }
    }

    /// Returns the metric of a run that failed before it knew its own.
    pub fn unknown() -> Self {
        Metric::new("", "", Direction::Larger)
    }

    /// Returns whether the metric is known.
    pub fn is_known(&self) -> bool {
        !self.name.is_empty()
    }

    /// Returns whether it is a share in `[0, 1]`.
    pub fn is_share(&self) -> bool {
        self.unit == PERCENT
    }

    /// Returns whether `value` is the target or better.
    pub fn reaches_target(&self, value: f64) -> bool {
        self.target.is_some_and(|target| value == target || self.direction.is_better(value, target))
    }
}

impl fmt::Display for Metric {
    /// Writes the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Metric {
    /// Reads the fields; a file from before `unit` was written has that of its metric's name.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            metric: String,
            unit: Option<String>,
            larger_is_better: Direction,
            target: Option<f64>,
        }
        let Fields { metric: name, unit, larger_is_better: direction, target } =
            Fields::deserialize(deserializer)?;
        let of_name = || if name == "accuracy" { PERCENT.into() } else { String::new() };
        Ok(Metric { unit: unit.unwrap_or_else(of_name), name, direction, target })
    }
}

/// Which values of a metric are better. In files it is the answer to "is larger better?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Larger values, as of an accuracy.
    Larger,
    /// Smaller values, as of an error.
    Smaller,
}

impl Direction {
    /// Returns whether `a` is better than `b`; nothing is better than its equal, and NaN is better than
    /// nothing.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        match self {
            Direction::Larger => a > b,
            Direction::Smaller => a < b,
        }
    }

    /// Returns `value` turned such that smaller is better.
    pub fn cost(self, value: f64) -> f64 {
        match self {
            Direction::Larger => -value,
            Direction::Smaller => value,
        }
    }

    /// Returns the value that is worse than any number.
    pub fn worst(self) -> f64 {
        self.cost(f64::INFINITY)
    }

    /// Returns "larger" or "smaller".
    pub fn name(self) -> &'static str {
        match self {
            Direction::Larger => "larger",
            Direction::Smaller => "smaller",
        }
    }

    /// Returns whether larger values are better.
    pub fn is_larger(self) -> bool {
        self == Direction::Larger
    }
}

impl Serialize for Direction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.is_larger())
    }
}

impl<'de> Deserialize<'de> for Direction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(if bool::deserialize(deserializer)? { Direction::Larger } else { Direction::Smaller })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_direction_decides_what_is_better_and_nan_never_is() {
        let (larger, smaller) = (Direction::Larger, Direction::Smaller);
        assert!(larger.is_better(2.0, 1.0) && !larger.is_better(1.0, 2.0) && !larger.is_better(1.0, 1.0));
        assert!(smaller.is_better(1.0, 2.0) && !smaller.is_better(2.0, 1.0));
        for direction in [larger, smaller] {
            assert!(!direction.is_better(f64::NAN, 1.0) && !direction.is_better(1.0, f64::NAN));
            assert_eq!(direction.cost(direction.worst()), f64::INFINITY);
        }
        assert_eq!((larger.cost(3.0), smaller.cost(3.0)), (-3.0, 3.0));
    }

    #[test]
    fn a_metric_is_written_as_the_fields_of_an_outcome_and_read_from_older_ones() {
        let accuracy = Metric {
            name: "accuracy".into(),
            unit: PERCENT.into(),
            direction: Direction::Larger,
            target: Some(0.97),
        };
        let written = json!({"metric": "accuracy", "unit": "%", "larger_is_better": true, "target": 0.97});
        assert_eq!(serde_json::to_value(&accuracy).unwrap(), written);
        assert_eq!(serde_json::from_value::<Metric>(written).unwrap(), accuracy);
        let older = json!({"metric": "accuracy", "larger_is_better": true, "target": 0.97});
        assert_eq!(serde_json::from_value::<Metric>(older).unwrap(), accuracy);
        let older = json!({"metric": "rmse", "larger_is_better": false, "target": 58.0});
        let rmse: Metric = serde_json::from_value(older).unwrap();
        assert_eq!((rmse.unit.as_str(), rmse.direction, rmse.is_share()), ("", Direction::Smaller, false));
        assert!(rmse.reaches_target(58.0) && rmse.reaches_target(57.0) && !rmse.reaches_target(58.5));
        assert!(accuracy.reaches_target(0.98) && !accuracy.reaches_target(f64::NAN));
        assert!(!Metric::unknown().is_known() && !Metric::unknown().reaches_target(1.0));
    }
}
