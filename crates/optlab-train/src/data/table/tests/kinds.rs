//! Kinds of columns: recognized, set by hand, and refused.

use super::{assert_contains, kinds, read, read_error, texts, try_read};
use crate::data::table::{Column, Kind, ReadOptions};

fn kind(content: &str, column: &str) -> Kind {
    read(content).column(column).unwrap().kind()
}

/// A column `x` of the given texts beside a column of ones.
fn column(values: &[&str]) -> String {
    values.iter().fold("x,one\n".into(), |content, value| format!("{content}{value},1\n"))
}

#[test]
fn each_kind_is_recognized() {
    for (values, expected) in [
        (&["1", "2.5", ""][..], Kind::Number),
        (&["0", "1", "1"], Kind::Number),
        (&["red", "blue", "red"], Kind::Category),
        (&["yes", "No", "yes"], Kind::YesNo),
        (&["TRUE", "FALSE", ""], Kind::YesNo),
        (&["y", "n", "n"], Kind::YesNo),
        (&["ja", "nein"], Kind::YesNo),
        (&["yes", "no", "maybe", "no"], Kind::Category),
        (&["2024-01-02", "2023-05-06T10:00:00Z", "NA"], Kind::Date),
        (&["02.01.2024", "1.2.2024"], Kind::Date),
        (&["13/01/2024", "01/02/2024"], Kind::Date),
        (&["2024-01-02", "soon", "soon"], Kind::Category),
        (&["a", "b", "c"], Kind::Identifier),
        (&["a", "b", ""], Kind::Identifier),
        (&["a", "b", "", "", ""], Kind::Category),
        (&["", "NA"], Kind::Ignore),
    ] {
        assert_eq!(kind(&column(values), "x"), expected, "{values:?}");
    }
}

#[test]
fn long_texts_are_ignored_and_said_so() {
    let long = |i: usize| format!("a sentence of more than fifty characters with the number {i}");
    let table = read(column(&[&long(1), &long(2), &long(3), &long(1)]));
    assert_eq!(table.column("x").unwrap().kind(), Kind::Text);
    assert_contains(&table.notes()[0], &["`x`", "long texts", "ignored"]);
    // Few long texts in many rows are categories.
    assert_eq!(kind(&column(&[&long(1), &long(2), &long(1), &long(2), &long(2)]), "x"), Kind::Category);
    // 50 characters are not long: all differ, so these identify the rows.
    let fifty = |i: usize| format!("{i:050}x").replace('0', "é")[2..].to_string();
    assert_eq!(fifty(1).chars().count(), 50);
    assert_eq!(kind(&column(&[&fifty(1), &fifty(2)]), "x"), Kind::Identifier);
}

#[test]
fn ignored_columns_are_said_so() {
    assert_contains(&read(column(&["a", "b"])).notes()[0], &["`x`", "different text in each row", "ignored"]);
    assert_contains(&read(column(&["", ""])).notes()[0], &["`x`", "no values", "ignored"]);
}

#[test]
fn yes_and_no_keep_the_spelling_of_the_file() {
    let table = read(column(&["Ja", "Nein", "", "ja"]));
    let expected = Column::YesNo {
        values: vec![Some(true), Some(false), None, Some(true)],
        names: ["Nein".into(), "Ja".into()],
    };
    assert_eq!(table.column("x").unwrap(), &expected);
    for (value, opposite) in [("false", "true"), ("y", "n"), ("ja", "nein"), ("no", "yes")] {
        let table = read(column(&[value, value]));
        let Column::YesNo { names, .. } = table.column("x").unwrap() else { panic!("{value}") };
        assert!(names.contains(&value.to_string()) && names.contains(&opposite.to_string()), "{names:?}");
    }
}

#[test]
fn a_kind_set_by_hand_is_taken() {
    let content = "x,one\n1,1\n0,1\n1,1\n,1\n";
    for (name, kind) in Kind::ALL.into_iter().filter(|(name, _)| *name != "date") {
        let table = try_read(content, &kinds(&[("x", kind)])).unwrap();
        assert_eq!(table.column("x").unwrap().kind(), kind, "{name}");
        assert_eq!(table.column("x").unwrap().missing_count(), 1, "{name}");
        assert_eq!(table.notes().len(), 0, "{name}");
    }
    let as_category = try_read("x,one\n007,1\n7.0,1\n", &kinds(&[("x", Kind::Category)])).unwrap();
    assert_eq!(texts(&as_category, "x"), ["007", "7.0"]);
    let dates = try_read(
        "x,one\n01/02/2024,1\n,1\n",
        &ReadOptions { day_first: Some(true), ..kinds(&[("x", Kind::Date)]) },
    );
    assert_eq!(texts(&dates.unwrap(), "x"), ["2024-02-01", ""]);
    for kind in [Kind::Number, Kind::Date, Kind::YesNo, Kind::Category] {
        let table = try_read("x,one\n,1\n,1\n", &kinds(&[("x", kind)])).unwrap();
        assert_eq!(
            (table.column("x").unwrap().kind(), table.column("x").unwrap().missing_count()),
            (kind, 2)
        );
    }
}

#[test]
fn a_text_that_does_not_fit_the_kind_set_by_hand_is_an_error_with_its_place() {
    for (kind, parts) in [
        (Kind::Number, &["`soon` is not a number", "columns.x = \"category\""][..]),
        (Kind::YesNo, &["`2024-01-02` is neither yes nor no"]),
        (Kind::Date, &["`soon` is not a date"]),
    ] {
        let content = "x,one\n2024-01-02,1\n\"so\non\",1\nsoon,1\nsoon,1\n".replace("\"so\non\"", "\"\n\"");
        let content = if kind == Kind::Number { content.replace("2024-01-02", "2024") } else { content };
        let error = try_read(content, &kinds(&[("x", kind)])).unwrap_err().to_string();
        let row = if kind == Kind::YesNo { "row 2, column `x`" } else { "row 5, column `x`" };
        assert_contains(&error, &["table.csv", row]);
        assert_contains(&error, parts);
    }
}

#[test]
fn a_few_texts_among_numbers_are_an_error_that_says_how_to_continue() {
    let mut values = vec!["7"; 98];
    values.extend(["", "unknown", "unknown"]);
    let message = read_error(column(&values));
    assert_contains(
        &message,
        &[
            "row 101, column `x`",
            "`unknown` is not a number, but 98.0 % of the column are",
            "set `columns.x = \"category\"`",
            "add `unknown` to `missing`",
        ],
    );
    let as_category = try_read(column(&values), &kinds(&[("x", Kind::Category)])).unwrap();
    assert_eq!(texts(&as_category, "x")[96..], ["7", "7", "", "unknown", "unknown"]);
    let missing = ReadOptions { missing: Some(vec!["unknown".into()]), ..ReadOptions::default() };
    assert_eq!(try_read(column(&values), &missing).unwrap().column("x").unwrap().kind(), Kind::Number);
    // 97 of 99 are less than 98 %.
    assert_eq!(kind(&column(&values[1..]), "x"), Kind::Category);
}

#[test]
fn a_number_with_another_decimal_separator_than_its_column_is_an_error_that_says_so() {
    let mut values = vec!["7.5"; 99];
    values.push("\"7,25\"");
    assert_contains(&read_error(column(&values)), &["row 101", "`7,25`", "set `decimal`"]);
}

#[test]
fn a_column_of_numbers_and_many_texts_keeps_the_numbers_as_they_are_written() {
    let table = read(column(&["007", "1.50", "abc", "abc", "", "1.50"]));
    assert_eq!(texts(&table, "x"), ["007", "1.50", "abc", "abc", "", "1.50"]);
    assert_eq!(table.column("x").unwrap().kind(), Kind::Category);
    assert_contains(&table.notes()[0], &["`x`", "60 %", "`abc`"]);
}

#[test]
fn dates_with_unclear_day_and_month_are_decided_by_another_column_or_not_at_all() {
    let table = read("a,b\n01/02/2024,25/12/2023\n03/04/2024,01/01/2024\n01/02/2024,01/01/2024\n");
    assert_eq!(texts(&table, "a"), ["2024-02-01", "2024-04-03", "2024-02-01"]);
    let unclear = read(column(&["01/02/2024", "03/04/2024", "01/02/2024"]));
    assert_eq!(unclear.column("x").unwrap().kind(), Kind::Category);
    assert_contains(&unclear.notes()[0], &["`x`", "day or the month first", "`day_first`"]);
    // Both orders are proven: neither can be assumed.
    let both = read(column(&["13/02/2024", "03/14/2024", "13/02/2024"]));
    assert_eq!(both.column("x").unwrap().kind(), Kind::Category);
    let error = try_read(column(&["01/02/2024", "03/04/2024"]), &kinds(&[("x", Kind::Date)])).unwrap_err();
    assert_contains(&error.to_string(), &["row 2, column `x`", "`01/02/2024`", "set `day_first`"]);
    let american = ReadOptions { day_first: Some(false), ..ReadOptions::default() };
    let table = try_read(column(&["01/02/2024", "03/04/2024"]), &american).unwrap();
    assert_eq!(texts(&table, "x"), ["2024-01-02", "2024-03-04"]);
}
