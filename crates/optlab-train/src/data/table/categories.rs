//! Texts stored as numbers: each different text once, and a code per row.

use indexmap::IndexMap;
use indexmap::map::raw_entry_v1::{RawEntryApiV1, RawEntryMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The code of a row without a value.
const MISSING: u32 = u32::MAX;

/// A column of texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Categories {
    codes: Vec<u32>,
    #[serde(serialize_with = "as_list", deserialize_with = "from_list")]
    values: IndexMap<Box<str>, ()>,
}

fn as_list<S: Serializer>(values: &IndexMap<Box<str>, ()>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.keys())
}

fn from_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IndexMap<Box<str>, ()>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().map(|value| (value, ())).collect())
}

impl Categories {
    /// Starts a column with `rows` missing values.
    pub(super) fn missing(rows: usize) -> Self {
        Self { codes: vec![MISSING; rows], values: IndexMap::new() }
    }

    pub(super) fn push(&mut self, text: &str) {
        // Looks up once; IndexMap::entry would need an owned text even where there is one already.
        let code = match self.values.raw_entry_mut_v1().from_key(text) {
            RawEntryMut::Occupied(entry) => entry.index(),
            RawEntryMut::Vacant(entry) => {
                let code = entry.index();
                entry.insert(text.into(), ());
                code
            }
        };
        // A table has fewer than u32::MAX rows, so there are fewer different texts, too.
        self.codes.push(code as u32);
    }

    pub(super) fn push_missing(&mut self) {
        self.codes.push(MISSING);
    }

    pub(super) fn shrink(&mut self) {
        self.codes.shrink_to_fit();
        self.values.shrink_to_fit();
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Returns the code of the text in `row`, an index into [`values`](Self::values); `None` if it is
    /// missing.
    ///
    /// # Panics
    /// If there is no row `row`.
    pub fn code(&self, row: usize) -> Option<usize> {
        Some(self.codes[row]).filter(|&code| code != MISSING).map(|code| code as usize)
    }

    /// Returns the text in `row`, `None` if it is missing.
    ///
    /// # Panics
    /// If there is no row `row`.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.values.get_index(self.code(row)?).map(|(value, ())| &**value)
    }

    /// Returns the different texts, in order of their first row.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.keys().map(|value| &**value)
    }

    /// Returns the number of rows without a value.
    pub fn missing_count(&self) -> usize {
        self.codes.iter().filter(|&&code| code == MISSING).count()
    }

    /// Returns the first row with the text of `code`.
    pub(super) fn first_row(&self, code: usize) -> Option<usize> {
        self.codes.iter().position(|&other| other as usize == code)
    }
}
