//! Recognizes the kind of a column of texts: answers, dates, identifiers, free texts or categories.

use super::builder::{Problem, shortened};
use super::categories::Categories;
use super::column::{Column, EXAMPLES, Unused};
use super::date::{self, SlashOrder};
use super::options::Kind;

/// The two answers, no and yes, in the languages that are recognized; the first of a text decides its
/// opposite.
const ANSWERS: [(&str, &str); 9] = [
    ("no", "yes"),
    ("false", "true"),
    ("n", "y"),
    ("nein", "ja"),
    ("n", "j"),
    ("f", "t"),
    ("non", "oui"),
    ("no", "sí"),
    ("no", "si"),
];

/// Longer texts on average, in characters, are free texts rather than identifiers or categories.
const LONG_TEXT: usize = 50;

/// A column, and what the user should know about it.
pub(super) struct Recognized {
    pub column: Column,
    pub note: Option<String>,
}

impl Recognized {
    pub fn without_note(column: Column) -> Self {
        Self { column, note: None }
    }
}

/// Returns the order of day and month in dates with slashes that the columns `all` prove together; `None` if
/// they prove none or both.
pub(super) fn day_first<'a>(all: impl Iterator<Item = &'a Categories>) -> Option<bool> {
    let (mut day_first, mut month_first) = (false, false);
    for texts in all {
        let orders: Option<Vec<SlashOrder>> = texts.values().map(date::slash_order).collect();
        for order in orders.unwrap_or_default() {
            day_first |= order == SlashOrder::DayFirst;
            month_first |= order == SlashOrder::MonthFirst;
        }
    }
    (day_first != month_first).then_some(day_first)
}

/// Returns the column `name` of `texts` as the kind `set`, or as the kind that fits them.
pub(super) fn texts(
    texts: Categories,
    name: &str,
    set: Option<Kind>,
    day_first: Option<bool>,
) -> Result<Recognized, Problem> {
    match set {
        Some(Kind::YesNo) => {
            return yes_no(&texts, true).map(Recognized::without_note).map_err(|code| {
                problem(&texts, code, "is neither yes nor no (true and false, y and n, 1 and 0, …)")
            });
        }
        Some(Kind::Date) => {
            return dates(&texts, day_first).map(Recognized::without_note).map_err(|code| {
                let is_unclear = texts.values().nth(code).and_then(date::slash_order).is_some();
                problem(
                    &texts,
                    code,
                    match (is_unclear, day_first) {
                        (true, None) => "may have the day or the month first; set `day_first`",
                        (true, Some(true)) => "is not a date with the day first",
                        (true, Some(false)) => "is not a date with the month first",
                        _ => "is not a date (YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS, DD.MM.YYYY or MM/DD/YYYY)",
                    },
                )
            });
        }
        Some(Kind::Identifier) => return Ok(Recognized::without_note(Column::Identifier(texts))),
        Some(_) => return Ok(Recognized::without_note(Column::Category(texts))),
        None => {}
    }
    if let Ok(column) = yes_no(&texts, false).or_else(|_| dates(&texts, day_first)) {
        return Ok(Recognized::without_note(column));
    }
    let present = texts.len() - texts.missing_count();
    let different = texts.values().len();
    let characters: usize = texts.values().map(|text| text.chars().count()).sum();
    if characters > LONG_TEXT * different && 2 * different > present {
        let note = format!("column `{name}` holds long texts and is ignored");
        let examples = texts.values().take(EXAMPLES).map(String::from).collect();
        let unused = Unused { rows: texts.len(), missing: texts.missing_count(), examples };
        return Ok(Recognized { column: Column::Text(unused), note: Some(note) });
    }
    // A column with few values may have different ones by chance; one value is a constant.
    if different == present && 2 * present > texts.len() && present > 1 {
        let note =
            format!("column `{name}` has a different text in each row and is ignored as an identifier");
        return Ok(Recognized { column: Column::Identifier(texts), note: Some(note) });
    }
    let is_unclear_date = texts.values().all(|text| date::slash_order(text).is_some());
    let note = is_unclear_date.then(|| {
        format!(
            "column `{name}` is read as a category: whether its dates have the day or the month first is \
             unclear; set `day_first`"
        )
    });
    Ok(Recognized { column: Column::Category(texts), note })
}

fn problem(texts: &Categories, code: usize, reason: &str) -> Problem {
    let text = texts.values().nth(code).unwrap_or_default();
    Problem { row: texts.first_row(code).unwrap_or(0), reason: format!("`{}` {reason}", shortened(text)) }
}

/// Returns `texts` as answers, or the code of a text that is none; 1 and 0 are answers if `with_digits`.
fn yes_no(texts: &Categories, with_digits: bool) -> Result<Column, usize> {
    let mut names = [None, None];
    let mut answers = Vec::new();
    for (code, text) in texts.values().enumerate() {
        let answer = answer(text).or(match text {
            "0" if with_digits => Some(false),
            "1" if with_digits => Some(true),
            _ => None,
        });
        let answer = answer.ok_or(code)?;
        names[usize::from(answer)].get_or_insert_with(|| text.to_string());
        answers.push(answer);
    }
    let opposite = |name: &Option<String>, is_yes: bool| {
        let name = name.as_deref().map(str::to_lowercase);
        let pair = ANSWERS.iter().find(|(no, yes)| name.as_deref() == Some(if is_yes { yes } else { no }));
        let (no, yes) = pair.unwrap_or(if name.is_some() { &("0", "1") } else { &ANSWERS[0] });
        (if is_yes { no } else { yes }).to_string()
    };
    let [no, yes] = &names;
    let names = [
        no.clone().unwrap_or_else(|| opposite(yes, true)),
        yes.clone().unwrap_or_else(|| opposite(no, false)),
    ];
    let values = (0..texts.len()).map(|row| texts.code(row).map(|code| answers[code])).collect();
    Ok(Column::YesNo { values, names })
}

fn answer(text: &str) -> Option<bool> {
    let text = text.to_lowercase();
    ANSWERS.iter().find_map(|&(no, yes)| match text.as_str() {
        text if text == no => Some(false),
        text if text == yes => Some(true),
        _ => None,
    })
}

/// Returns `texts` as dates, or the code of a text that is none.
fn dates(texts: &Categories, day_first: Option<bool>) -> Result<Column, usize> {
    let moments = texts
        .values()
        .enumerate()
        .map(|(code, text)| date::parse(text, day_first).ok_or(code))
        .collect::<Result<Vec<_>, _>>()?;
    let seconds =
        (0..texts.len()).map(|row| texts.code(row).map_or(f64::NAN, |code| moments[code].seconds)).collect();
    Ok(Column::Date { seconds, has_time: moments.iter().any(|moment| moment.has_time) })
}
