//! Tensors in reference files: nested lists of numbers, read row-major.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// The numbers of a tensor, row-major: a list of numbers, however deeply nested, or one number alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Flat(pub Vec<f64>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = Vec::new();
        Append(&mut values).deserialize(deserializer)?;
        Ok(Flat(values))
    }
}

/// Appends the numbers that it reads.
struct Append<'a>(&'a mut Vec<f64>);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.push(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Append(self.0))?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_are_read_row_by_row() {
        let read = |text: &str| serde_json::from_str::<Flat>(text).map(|flat| flat.0);
        assert_eq!(read("[[1, -2.5], [3e2, 4]]").unwrap(), [1.0, -2.5, 300.0, 4.0]);
        assert_eq!(read("[]").unwrap(), [0.0; 0]);
        assert_eq!(read("-7").unwrap(), [-7.0]);
        for wrong in ["null", "[1, null]", "[\"1\"]", "[[1], {}]", "[1e999]", "[NaN]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let message = read("[1,\n true]").unwrap_err().to_string();
        assert!(message.contains("a number or a list of numbers at line 2"), "{message}");
    }
}
