//! Weights of classes.

use crate::Error;
use crate::objective::loss::CrossEntropyConfig;
use optlab_core::range::POSITIVE;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// How much the examples of each class count in a loss.
///
/// In a file: nothing or null for none, `"balanced"`, or a list of numbers in `(0, ∞)`, one per class.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// All examples count the same.
    None,
    /// All classes count the same: the weight of a class with `count` of `n` training examples is
    /// `n / (classes · count)`.
    Balanced,
    /// The weight of each class, `(0, ∞)`.
    List(Vec<f64>),
}

impl ClassWeights {
    const ALLOWED: &'static str = "`none`, `balanced` or a list of numbers in (0, ∞)";

    /// Checks the numbers of a list, also after rounding to 32 bits.
    pub(super) fn check(&self) -> Result<(), Error> {
        let ClassWeights::List(weights) = self else { return Ok(()) };
        let outside = |weight: &&f64| !POSITIVE.contains(f64::from(**weight as f32));
        match weights.iter().find(outside) {
            Some(weight) => Err(invalid(Self::ALLOWED, weight)),
            None => Ok(()),
        }
    }

    /// Returns checked weights for a training part with `counts[c]` examples of class `c`.
    pub(super) fn resolve(&self, counts: &[usize]) -> Result<Self, Error> {
        let (n, classes) = (counts.iter().sum::<usize>() as f64, counts.len());
        match self {
            ClassWeights::Balanced => {
                if let Some(class) = counts.iter().position(|count| *count == 0) {
                    let allowed = format!("a list, since class {class} has no training example");
                    return Err(invalid(&allowed, "balanced"));
                }
                let weight = |count: &usize| n / (classes as f64 * *count as f64);
                Ok(ClassWeights::List(counts.iter().map(weight).collect()))
            }
            ClassWeights::List(weights) if weights.len() != classes => {
                Err(invalid(&format!("a list of {classes} numbers, one per class"), weights.len()))
            }
            resolved => Ok(resolved.clone()),
        }
    }
}

fn invalid(allowed: &str, given: impl std::fmt::Display) -> Error {
    Error::invalid(CrossEntropyConfig::NAME, "class_weights", allowed, given)
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ClassWeights::None => serializer.serialize_none(),
            ClassWeights::Balanced => serializer.serialize_str("balanced"),
            ClassWeights::List(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let allowed = || D::Error::custom(Self::ALLOWED);
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(ClassWeights::None),
            // A table in TOML has no null.
            Value::String(text) if text == "none" => Ok(ClassWeights::None),
            Value::String(text) if text == "balanced" => Ok(ClassWeights::Balanced),
            Value::Array(list) => {
                let weights = list.iter().map(Value::as_f64).collect::<Option<_>>();
                weights.map(ClassWeights::List).ok_or_else(allowed)
            }
            _ => Err(allowed()),
        }
    }
}
