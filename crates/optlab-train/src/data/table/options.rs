//! The settings for reading a table, and the kinds of its columns.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// The texts that count as missing by default, in lower case.
const MISSING: [&str; 9] = ["", "na", "n/a", "nan", "null", "none", "?", "-", "<na>"];

/// The settings for reading a table. Each is optional: [`Table::read`](super::Table::read) recognizes what is
/// not given.
///
/// | field       | default                                                    | allowed                       |
/// |:------------|:-----------------------------------------------------------|:------------------------------|
/// | `delimiter` | recognized: comma, semicolon, tab or pipe                  | an ASCII character, no quote  |
/// | `decimal`   | recognized per column                                      | `.` or `,`                    |
/// | `header`    | recognized: a first row of only numbers is not a header    | `true` or `false`             |
/// | `missing`   | empty, NA, N/A, NaN, null, none, ?, -, `<NA>`              | any texts                     |
/// | `day_first` | recognized: a part above 12 is a day                       | `true` or `false`             |
/// | `columns`   | recognized per column                                      | names of the table's columns  |
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The character between two fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The character before the fraction of a number. The other one of `.` and `,` may then group thousands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// Whether the first row holds the names of the columns; without one they are `column_1`, `column_2`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The texts that count as missing, compared without regard to case; replaces the default texts. An empty
    /// field is always missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// Whether the day comes before the month in dates with slashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_first: Option<bool>,
    /// The kinds of columns set by hand, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Kind>,
}

impl ReadOptions {
    /// Checks the two settings that have a range.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(delimiter) = self.delimiter
            && (!delimiter.is_ascii() || delimiter.is_ascii_alphanumeric() || "\"\r\n.+-".contains(delimiter))
        {
            let allowed = "one ASCII character that is not a letter, digit, quote, sign, point or line end";
            return Err(Error::invalid("table", "delimiter", allowed, format!("{delimiter:?}")));
        }
        match self.decimal {
            None | Some('.' | ',') => Ok(()),
            Some(other) => Err(Error::invalid("table", "decimal", "`.` or `,`", format!("`{other}`"))),
        }
    }
}

/// The kind of a column: how its texts are read, and what a model is given of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers. A column of 0 and 1 is of this kind, too, unless it is set by hand.
    Number,
    /// Texts of which some occur in several rows.
    Category,
    /// Two opposite answers: yes and no, true and false, y and n, ja and nein, …
    YesNo,
    /// Dates or dates with times: `2024-12-31`, `2024-12-31T23:59:59Z`, `31.12.2024`, `12/31/2024`.
    Date,
    /// Texts that all differ. A model is not given them.
    Identifier,
    /// A column that is not used.
    Ignore,
    /// Long free texts. A model is not given them.
    Text,
}

impl Kind {
    /// All kinds, with their names in a file of options.
    pub const ALL: [(&'static str, Kind); 7] = [
        ("number", Kind::Number),
        ("category", Kind::Category),
        ("yes_no", Kind::YesNo),
        ("date", Kind::Date),
        ("identifier", Kind::Identifier),
        ("ignore", Kind::Ignore),
        ("text", Kind::Text),
    ];

    /// Returns whether a model is given the columns of this kind.
    pub fn is_input(self) -> bool {
        matches!(self, Kind::Number | Kind::Category | Kind::YesNo | Kind::Date)
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = Kind::ALL.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| *name);
        f.write_str(name)
    }
}

/// Recognizes the fields that count as missing.
#[derive(Clone)]
pub(super) struct MissingTexts {
    /// In lower case.
    texts: Vec<String>,
    longest: usize,
    /// Whether a text begins with this byte, in either case: most fields are decided by their first byte.
    begins: [bool; 256],
}

impl MissingTexts {
    pub fn new(options: &ReadOptions) -> Self {
        let mut texts: Vec<String> = match &options.missing {
            Some(texts) => texts.iter().map(|text| text.trim().to_lowercase()).collect(),
            None => MISSING.map(String::from).to_vec(),
        };
        texts.retain(|text| !text.is_empty());
        let mut begins = [false; 256];
        for text in &texts {
            for first in [text.as_bytes()[0], text.as_bytes()[0].to_ascii_uppercase()] {
                begins[usize::from(first)] = true;
            }
            // The two cases of a letter outside of ASCII may begin with different bytes.
            begins[0x80..].iter_mut().for_each(|begins| *begins |= !text.is_ascii());
        }
        // The lower case of a few letters is longer than their upper case.
        let longest = texts.iter().map(|text| 2 * text.len()).max().unwrap_or(0);
        Self { texts, longest, begins }
    }

    /// Returns whether a field without surrounding spaces is missing.
    #[inline]
    pub fn contains(&self, field: &str) -> bool {
        match field.as_bytes().first() {
            None => true,
            Some(&first) => {
                self.begins[usize::from(first)] && field.len() <= self.longest && self.is_listed(field)
            }
        }
    }

    fn is_listed(&self, field: &str) -> bool {
        if field.is_ascii() {
            return self.texts.iter().any(|text| text.eq_ignore_ascii_case(field));
        }
        let lower = field.to_lowercase();
        self.texts.contains(&lower)
    }
}
