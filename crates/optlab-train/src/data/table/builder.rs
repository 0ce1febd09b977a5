//! Collects the fields of a column in a single pass and decides at its end whether they are numbers.

use super::categories::Categories;
use super::column::{Column, Unused};
use super::number::{self, Field, Format};
use super::options::Kind;
use super::recognize::{self, Recognized};
use optlab_core::line::one_line;

/// The smallest share of numbers in a column whose texts are taken for mistakes, not for categories.
const MOSTLY_NUMBERS: f64 = 0.98;

/// A field that its column cannot have.
pub(super) struct Problem {
    /// The index of the row.
    pub row: usize,
    pub reason: String,
}

/// A column as its builder recognized it.
pub(super) enum Built {
    Column(Recognized),
    /// The column has both numbers and texts, and its numbers must be read again as they are written.
    ReadAsTexts {
        note: String,
    },
}

/// The fields of a column read so far.
pub(super) struct Builder {
    set: Option<Kind>,
    format: Format,
    rows: usize,
    missing: usize,
    number_count: usize,
    /// The sign of the first amount: of a currency, or of percent.
    sign: Option<&'static str>,
    /// Empty until the first number; then one per row, NaN for every other field.
    numbers: Vec<f64>,
    /// Empty until the first text; then one per row, missing for every other field.
    texts: Categories,
    unused: Unused,
    first_text: Option<usize>,
    not_finite: Option<(usize, String)>,
    unclear: Option<(usize, String)>,
}

impl Builder {
    /// Starts a column whose kind is `set` or to be recognized, with numbers in `format`.
    pub fn new(set: Option<Kind>, format: Format) -> Self {
        Self {
            set,
            format,
            rows: 0,
            missing: 0,
            number_count: 0,
            sign: None,
            numbers: Vec::new(),
            texts: Categories::default(),
            unused: Unused::default(),
            first_text: None,
            not_finite: None,
            unclear: None,
        }
    }

    /// Starts a column whose numbers are texts, too.
    pub fn texts() -> Self {
        Self::new(Some(Kind::Category), Format::Unclear)
    }

    /// Adds a field without surrounding spaces.
    #[inline]
    pub fn push(&mut self, field: &str, is_missing: bool) {
        match self.set {
            _ if is_missing => self.push_missing(),
            None | Some(Kind::Number) => match self.parse(field) {
                Field::Number(number) => self.push_number(number),
                Field::NotFinite => {
                    self.not_finite.get_or_insert_with(|| (self.rows, field.into()));
                    self.push_number(0.0);
                }
                Field::Text => {
                    if self.format == Format::Unclear && number::is_number_in_some_format(field) {
                        self.unclear.get_or_insert_with(|| (self.rows, field.into()));
                    }
                    self.push_text(field);
                }
            },
            Some(Kind::Ignore | Kind::Text) => self.unused.push(field),
            Some(_) => self.push_text(field),
        }
        self.rows += 1;
    }

    /// Reads a number. One in another currency than those before is a text: nobody may add the two.
    #[inline]
    fn parse(&mut self, field: &str) -> Field {
        let (digits, sign) = number::without_sign(field);
        let read = number::parse(digits, self.format);
        match (sign, read) {
            (Some(sign), Field::Number(_)) if *self.sign.get_or_insert(sign) != sign => Field::Text,
            (_, read) => read,
        }
    }

    fn push_missing(&mut self) {
        self.missing += 1;
        if !self.numbers.is_empty() {
            self.numbers.push(f64::NAN);
        }
        if !self.texts.is_empty() {
            self.texts.push_missing();
        }
        self.unused.push_missing();
    }

    #[inline]
    fn push_number(&mut self, number: f64) {
        if self.numbers.is_empty() {
            self.numbers.resize(self.rows, f64::NAN);
        }
        self.numbers.push(number);
        self.number_count += 1;
        if !self.texts.is_empty() {
            self.texts.push_missing();
        }
    }

    #[inline]
    fn push_text(&mut self, text: &str) {
        if self.texts.is_empty() {
            self.first_text = Some(self.rows);
            self.texts = Categories::missing(self.rows);
        }
        self.texts.push(text);
        if !self.numbers.is_empty() {
            self.numbers.push(f64::NAN);
        }
    }

    /// Returns the texts so far if the column has nothing else.
    pub fn only_texts(&self) -> Option<&Categories> {
        (self.number_count == 0 && !self.texts.is_empty()).then_some(&self.texts)
    }

    /// Ends the column `name`.
    pub fn finish(mut self, name: &str, day_first: Option<bool>) -> Result<Built, Problem> {
        if let Some((row, text)) = self.unclear.take() {
            let reason = format!(
                "`{}` may have a decimal separator or group thousands; set `decimal`",
                shortened(&text)
            );
            return Err(Problem { row, reason });
        }
        self.numbers.shrink_to_fit();
        self.texts.shrink();
        match self.set {
            Some(Kind::Number) => self.finish_numbers(name),
            None if self.number_count > 0 => match self.first_text {
                Some(row) if self.number_share() < MOSTLY_NUMBERS => {
                    let note = format!(
                        "column `{name}` is read as texts: {:.0} % of its values are numbers, but not `{}`",
                        100.0 * self.number_share(),
                        shortened(self.texts.text(row).unwrap_or_default())
                    );
                    Ok(Built::ReadAsTexts { note })
                }
                _ => self.finish_numbers(name),
            },
            None if self.missing == self.rows => {
                let note = Some(format!("column `{name}` has no values and is ignored"));
                Ok(Built::Column(Recognized { column: Column::Ignore(self.unused), note }))
            }
            Some(Kind::Ignore) => Ok(Built::Column(Recognized::without_note(Column::Ignore(self.unused)))),
            Some(Kind::Text) => Ok(Built::Column(Recognized::without_note(Column::Text(self.unused)))),
            set => {
                if self.texts.is_empty() {
                    self.texts = Categories::missing(self.rows);
                }
                recognize::texts(self.texts, name, set, day_first).map(Built::Column)
            }
        }
    }

    /// Ends the column `name`, whose fields were all pushed as texts, and recognizes its kind.
    pub fn finish_texts(mut self, name: &str, day_first: Option<bool>) -> Result<Recognized, Problem> {
        self.texts.shrink();
        recognize::texts(self.texts, name, None, day_first)
    }

    fn number_share(&self) -> f64 {
        self.number_count as f64 / (self.rows - self.missing) as f64
    }

    fn finish_numbers(mut self, name: &str) -> Result<Built, Problem> {
        if let Some(row) = self.first_text {
            let text = self.texts.text(row).unwrap_or_default();
            let how = match number::is_number_in_some_format(text) {
                true => "set `decimal` if it is written with another decimal separator, ".to_string(),
                false => String::new(),
            };
            let share = match self.set {
                Some(_) => String::new(),
                None => format!(", but {:.1} % of the column are", 100.0 * self.number_share()),
            };
            let text = shortened(text);
            let reason = format!(
                "`{text}` is not a number{share}; {how}set `columns.{name} = \"category\"`, or add \
                 `{text}` to `missing` if it says that there is no value"
            );
            return Err(Problem { row, reason });
        }
        if let Some((row, text)) = self.not_finite {
            let reason =
                format!("`{}` is not a finite number; add it to `missing` or correct it", shortened(&text));
            return Err(Problem { row, reason });
        }
        self.numbers.resize(self.rows, f64::NAN);
        Ok(Built::Column(Recognized::without_note(Column::Number(self.numbers))))
    }
}

/// The most characters of a text that a message shows.
const MOST_SHOWN: usize = 60;

/// Returns a text as a message shows it: in one line, and its beginning if it is long.
pub(super) fn shortened(text: &str) -> String {
    one_line(text, MOST_SHOWN)
}
