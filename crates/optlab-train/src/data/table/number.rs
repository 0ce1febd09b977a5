//! Reads numbers with a decimal point or a decimal comma, and recognizes which of the two a column has.

use std::ops::AddAssign;

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// With a decimal point.
    Point {
        /// Whether `1,234` is 1234; otherwise it is no number.
        groups: bool,
    },
    /// With a decimal comma.
    Comma {
        /// Whether `1.234` is 1234; otherwise it is no number.
        groups: bool,
    },
    /// Either way: only fields without point and comma are numbers.
    Unclear,
}

/// A field that was read as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field {
    Number(f64),
    /// Infinity, NaN, or too large for `f64`.
    NotFinite,
    /// Not a number.
    Text,
}

/// The signs that an amount may have before or after its number.
const SIGNS: [&str; 5] = ["%", "€", "$", "£", "¥"];

/// Returns `field` without the sign of a currency or of percent, and that sign: `$8,526`, `1.234 €`, `12 %`.
#[inline]
pub(super) fn without_sign(field: &str) -> (&str, Option<&'static str>) {
    let (Some(first), Some(last)) = (field.bytes().next(), field.bytes().last()) else {
        return (field, None);
    };
    if first.is_ascii_digit() && last.is_ascii_digit() {
        return (field, None);
    }
    let stripped = SIGNS.iter().find_map(|sign| {
        let rest = field.strip_suffix(sign).or_else(|| field.strip_prefix(sign))?;
        Some((rest.trim_matches([' ', '\u{a0}', '\u{202f}']), Some(*sign)))
    });
    // What is left has to begin as a number does, so that `$name` stays a text.
    let is_number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit() || "-+.,".contains(c));
    stripped.filter(|(rest, _)| is_number(rest)).unwrap_or((field, None))
}

/// Reads `field`, which has no surrounding spaces and no sign of an amount.
///
/// Thousands may be grouped in any column where the field shows by itself that they are: `1,234.5` and
/// `1,234,567` with a decimal point, `1.234,5` and `1.234.567` with a decimal comma.
#[inline]
pub(super) fn parse(field: &str, format: Format) -> Field {
    let Some(first) = field.bytes().next() else { return Field::Text };
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.' | b',')) {
        return if is_not_finite(field) { Field::NotFinite } else { Field::Text };
    }
    let as_it_is = || match field.parse::<f64>() {
        Ok(number) if number.is_finite() => Field::Number(number),
        Ok(_) => Field::NotFinite,
        Err(_) => Field::Text,
    };
    match format {
        Format::Point { groups } => match as_it_is() {
            Field::Text if field.contains(',') => parse_separated(field, '.', ',', groups),
            number => number,
        },
        _ if !field.contains(['.', ',']) => as_it_is(),
        Format::Comma { groups } => parse_separated(field, ',', '.', groups),
        Format::Unclear => Field::Text,
    }
}

/// Reads a field that has a decimal comma or groups of thousands.
fn parse_separated(field: &str, point: char, group: char, groups: bool) -> Field {
    let ungrouped = if !field.contains(group) {
        field.to_owned()
    } else {
        match ungroup(field, point, group) {
            Some((ungrouped, is_proven)) if is_proven || groups => ungrouped,
            _ => return Field::Text,
        }
    };
    match ungrouped.replace(point, ".").parse::<f64>() {
        Ok(number) if number.is_finite() => Field::Number(number),
        Ok(_) => Field::NotFinite,
        Err(_) => Field::Text,
    }
}

/// Removes `group` from `field` if it separates groups of three digits before `point`; also returns whether
/// `group` cannot be a decimal separator.
fn ungroup(field: &str, point: char, group: char) -> Option<(String, bool)> {
    let whole_end = field.find(point).unwrap_or(field.len());
    let (whole, fraction) = field.split_at(whole_end);
    let mut groups = whole.trim_start_matches(['+', '-']).split(group);
    let first = groups.next()?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = groups.clone().count();
    let are_groups = groups.all(|digits| digits.len() == 3 && is_digits(digits));
    let is_grouped = count > 0 && are_groups && first.len() <= 3 && is_digits(first);
    (is_grouped && !fraction.contains(group))
        .then(|| (field.replace(group, ""), count > 1 || !fraction.is_empty()))
}

fn is_not_finite(field: &str) -> bool {
    ["inf", "infinity", "nan"]
        .iter()
        .any(|name| field.trim_start_matches(['+', '-']).eq_ignore_ascii_case(name))
}

/// Counts of fields that show how the numbers of a column are written.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Evidence {
    /// Fields as `1,5`, `0,125` and `1.234,5`.
    comma: usize,
    /// Fields as `1.5`, `0.125` and `1,234.5`.
    point: usize,
    /// Fields as `1,234`.
    unclear_comma: usize,
    /// Fields as `1.234`.
    unclear_point: usize,
}

impl Evidence {
    /// Counts `field`, which has no surrounding spaces.
    pub fn add(&mut self, field: &str) {
        let (field, sign) = without_sign(field);
        let digits = field.trim_start_matches(['+', '-']);
        let groups = |point, group| ungroup(digits, point, group).filter(|_| !digits.starts_with('0'));
        let is_number = |format| matches!(parse(digits, format), Field::Number(_));
        let count = match (digits.matches('.').count(), digits.matches(',').count()) {
            (0, 0) => return,
            (1, 0) if groups(',', '.').is_some() => &mut self.unclear_point,
            // Where these are paid with, a comma groups thousands.
            (0, 1) if groups('.', ',').is_some() && matches!(sign, Some("$" | "£" | "¥")) => {
                &mut self.point
            }
            (0, 1) if groups('.', ',').is_some() => &mut self.unclear_comma,
            _ if is_number(Format::Comma { groups: false }) => &mut self.comma,
            _ if is_number(Format::Point { groups: false }) => &mut self.point,
            _ => return,
        };
        *count += 1;
    }

    /// Returns the character before fractions; `None` without a proof, and if there are proofs of both.
    pub fn decimal(&self) -> Option<char> {
        match (self.comma, self.point) {
            (1.., 0) => Some(','),
            (0, 1..) => Some('.'),
            _ => None,
        }
    }

    /// Returns how the numbers of a column with this evidence are written, in a file with the evidence `all`
    /// and the delimiter `delimiter`.
    ///
    /// A column's own proof counts, then the file's. `1,234` alone has a decimal comma between semicolons,
    /// which spreadsheets use only where the comma is taken.
    pub fn format(&self, all: &Evidence, delimiter: u8) -> Format {
        match (self.comma, self.point) {
            (0, 0) => {}
            (_, 0) => return Format::Comma { groups: true },
            (0, _) => return Format::Point { groups: true },
            (comma, point) if comma > point => return Format::Comma { groups: false },
            _ => return Format::Point { groups: false },
        }
        let comma = Format::Comma { groups: false };
        let point = Format::Point { groups: false };
        let file_has_commas = all.comma > 0 && all.point == 0;
        let file_has_points = all.point > 0 && all.comma == 0;
        match (self.unclear_comma > 0, self.unclear_point > 0) {
            (false, false) if file_has_commas => comma,
            (false, false) => point,
            (true, false) if file_has_commas || !file_has_points && delimiter == b';' => comma,
            (false, true) if !file_has_commas => point,
            _ => Format::Unclear,
        }
    }
}

impl AddAssign for Evidence {
    fn add_assign(&mut self, other: Self) {
        self.comma += other.comma;
        self.point += other.point;
        self.unclear_comma += other.unclear_comma;
        self.unclear_point += other.unclear_point;
    }
}

/// Returns whether `field` is a number with a decimal point or with a decimal comma.
pub(super) fn is_number_in_some_format(field: &str) -> bool {
    let (field, _) = without_sign(field);
    [Format::Point { groups: true }, Format::Comma { groups: true }]
        .iter()
        .any(|&format| matches!(parse(field, format), Field::Number(_)))
}
