//! The search space: the hyper-parameters by name, and the distribution of each.

use crate::Error;
use crate::search::distribution::Distribution;
use optlab_core::spec;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// The most dimensions of a space.
const MOST_DIMENSIONS: usize = 1000;

/// One hyper-parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// The field of a rule, with dots for a field of a nested rule, or a setting of the trial.
    pub name: String,
    /// The distribution of its values.
    pub distribution: Distribution,
}

/// The hyper-parameters of a search. The coordinates of its points are in the same order.
///
/// The text form is `name=distribution,name=distribution`, with the distributions that [`Distribution`]
/// lists. A file may have a table instead, `lr = "log(1e-4,1e-1)"`; the order is then the order in which the
/// file's reader returns the fields.
///
/// ```
/// use optlab_stats::search::Space;
///
/// let space: Space = "lr=log(1e-4,1e-1),momentum=uniform(0.5,0.99),nesterov=choice(true,false)".parse()?;
/// let [lr, momentum, nesterov] = &space.values(&[0.5, 0.5, 0.0])[..] else { unreachable!() };
/// assert_eq!(
///     (lr.1.as_f64(), momentum.1.as_f64(), nesterov.1.as_bool()),
///     (Some(0.003162), Some(0.745), Some(true))
/// );
/// # Ok::<(), optlab_stats::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    dimensions: Vec<Dimension>,
}

impl Space {
    /// Creates a space of these dimensions.
    ///
    /// # Errors
    /// [`Error::Usage`] if there are no dimensions, more than a thousand, or two of the same name;
    /// [`Error::InvalidConfig`] if a name is not letters, digits, `_`, `-` and `.`. Also the errors of
    /// [`Distribution::check`].
    pub fn new(dimensions: Vec<Dimension>) -> Result<Self, Error> {
        if dimensions.is_empty() {
            return Err(Error::Usage("a search space needs a dimension, as lr=log(1e-4,1e-1)".into()));
        }
        if dimensions.len() > MOST_DIMENSIONS {
            let count = dimensions.len();
            return Err(Error::Usage(format!(
                "a search space of {count} dimensions, more than {MOST_DIMENSIONS}"
            )));
        }
        for (place, Dimension { name, distribution }) in dimensions.iter().enumerate() {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if name.is_empty() || !name.chars().all(is_plain) {
                let allowed = "letters, digits, `_`, `-` and `.`";
                return Err(Error::invalid("search space", "name", allowed, format!("`{name}`")));
            }
            if dimensions[..place].iter().any(|earlier| earlier.name == *name) {
                return Err(Error::Usage(format!("search space: `{name}` is given twice")));
            }
            distribution.check(name)?;
        }
        Ok(Space { dimensions })
    }

    /// Creates a space of dimensions that are known to be valid.
    pub fn of(dimensions: Vec<Dimension>) -> Self {
        Space { dimensions }
    }

    /// Returns the dimensions, at least one.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Returns the name and the value of each dimension at a point of `[0, 1)^d`, where `d` is the number of
    /// dimensions.
    ///
    /// # Panics
    /// If the point has another number of coordinates.
    pub fn values(&self, point: &[f64]) -> Vec<(String, Value)> {
        assert_eq!(point.len(), self.dimensions.len(), "a point of another search space");
        let values = self.dimensions.iter().zip(point);
        values.map(|(dimension, u)| (dimension.name.clone(), dimension.distribution.at(*u))).collect()
    }
}

impl FromStr for Space {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        spec::check_length("search space", text)?;
        let elements = spec::elements(text).into_iter().filter(|element| !element.trim().is_empty());
        let dimensions = elements.map(|element| {
            let (name, distribution) = element.split_once('=').ok_or_else(|| {
                let element = element.trim();
                Error::Usage(format!("search space: `{element}` is not of the form lr=log(1e-4,1e-1)"))
            })?;
            dimension(name, distribution)
        });
        Space::new(dimensions.collect::<Result<_, _>>()?)
    }
}

fn dimension(name: &str, distribution: &str) -> Result<Dimension, Error> {
    let name = name.trim();
    Ok(Dimension { name: name.into(), distribution: Distribution::read(name, distribution)? })
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Dimension { name, distribution }) in self.dimensions.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{name}={distribution}")?;
        }
        Ok(())
    }
}

impl Serialize for Space {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Space {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Space;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a search space, as lr=log(1e-4,1e-1), or a table of distributions")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Space, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Space, A::Error> {
                let mut dimensions = Vec::new();
                while let Some((name, distribution)) = table.next_entry::<String, String>()? {
                    dimensions.push(dimension(&name, &distribution).map_err(de::Error::custom)?);
                }
                Space::new(dimensions).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "lr=log(1e-4,1e-1),momentum=uniform(0.5,0.99),nesterov=choice(true,false)";

    #[test]
    fn a_space_is_read_and_written_alike() {
        for text in
            [TEXT, "lr=log(3e-5,3e0)", "other.beta_1=complement(0.5,0.98),schedule.warmup=choice(2%,5%)"]
        {
            let space: Space = text.parse().unwrap();
            assert_eq!(space.to_string(), text);
            assert_eq!(serde_json::to_value(&space).unwrap(), json!(text));
            assert_eq!(serde_json::from_value::<Space>(json!(text)).unwrap(), space);
        }
        let spaced: Space = " lr = log( 1e-4, 0.1 ) , n = int(1,2), ".parse().unwrap();
        assert_eq!(spaced.to_string(), "lr=log(1e-4,1e-1),n=int(1,2)");
    }

    #[test]
    fn a_table_of_distributions_is_a_space() {
        let table = r#"{"nesterov": "choice(true,false)", "lr": "log(1e-4,1e-1)"}"#;
        let space: Space = serde_json::from_str(table).unwrap();
        assert_eq!(space.to_string(), "nesterov=choice(true,false),lr=log(1e-4,1e-1)");
        for (table, said) in [
            (json!({}), "needs a dimension"),
            (json!({"lr": "log(1,0)"}), "`lr` must be log(low,high) with 0 < low < high, not log(1,0)"),
            (json!({"lr": 0.1}), "invalid type"),
            (json!(0.1), "a search space, as lr=log(1e-4,1e-1), or a table of distributions"),
        ] {
            let error = serde_json::from_value::<Space>(table).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let twice = r#"{"lr": "log(1,2)", "lr": "log(1,2)"}"#;
        assert!(
            serde_json::from_str::<Space>(twice).unwrap_err().to_string().contains("`lr` is given twice")
        );
    }

    #[test]
    fn a_point_gives_the_values_in_order() {
        let space: Space = TEXT.parse().unwrap();
        let values = space.values(&[0.0, 0.5, 0.5]);
        let expected = [("lr", json!(1e-4)), ("momentum", json!(0.745)), ("nesterov", json!(false))];
        assert_eq!(values, expected.map(|(name, value)| (name.into(), value)));
    }

    #[test]
    #[should_panic(expected = "a point of another search space")]
    fn a_point_of_another_length_panics() {
        TEXT.parse::<Space>().unwrap().values(&[0.5, 0.5]);
    }

    #[test]
    fn dimensions_from_code_are_checked_too() {
        let distribution = Distribution::Uniform { low: 1.0, high: f64::NAN };
        let error = Space::new(vec![Dimension { name: "x".into(), distribution }]).unwrap_err();
        assert!(error.to_string().contains("`x` must be uniform(low,high) with low < high"), "{error}");
    }

    #[test]
    fn each_error_is_one_line() {
        for (text, said) in [
            ("", "a search space needs a dimension, as lr=log(1e-4,1e-1)"),
            (" , ", "a search space needs a dimension"),
            ("lr", "`lr` is not of the form lr=log(1e-4,1e-1)"),
            ("lr=log(1,2),lr=int(1,2)", "search space: `lr` is given twice"),
            ("=log(1,2)", "search space: `name` must be letters, digits, `_`, `-` and `.`, not ``"),
            ("a b=log(1,2)", "`name` must be letters"),
            ("lr=log(1,2),m=unform(0,1)", "unknown distribution `unform`, did you mean `uniform`?"),
            ("lr=0.1", "unknown distribution `0.1`"),
            ("lr=log(0,1)", "`lr` must be log(low,high) with 0 < low < high, not log(0,1)"),
        ] {
            let error = text.parse::<Space>().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
            assert!(!error.to_string().contains('\n'));
        }
    }
}
