//! Numbers: decimal points and commas, groups of thousands, and what cannot be decided.

use super::{assert_contains, file, read, read_error, texts, try_read};
use crate::data::table::number::{Field, Format, parse};
use crate::data::table::{Column, Kind, ReadOptions, Table};

/// Returns the numbers of a column that is read as numbers.
#[track_caller]
fn numbers(table: &Table, column: &str) -> Vec<f64> {
    match table.column(column).unwrap() {
        Column::Number(values) => values.clone(),
        other => panic!("`{column}` is of kind {}", other.kind()),
    }
}

#[test]
fn each_format_reads_its_own_numbers_and_nothing_else() {
    use Field::{NotFinite, Number, Text};
    let point = Format::Point { groups: false };
    let comma = Format::Comma { groups: false };
    for (text, format, expected) in [
        ("1.5", point, Number(1.5)),
        ("-0.25", point, Number(-0.25)),
        ("+3", point, Number(3.0)),
        (".5", point, Number(0.5)),
        ("1e-3", point, Number(0.001)),
        ("1,234.5", point, Number(1234.5)),
        ("-1,234,567", point, Number(-1_234_567.0)),
        ("1,234", point, Text),
        ("1,234", Format::Point { groups: true }, Number(1234.0)),
        ("1,23", Format::Point { groups: true }, Text),
        ("1234,567.5", point, Text),
        (",234.5", point, Text),
        ("1.5,234", point, Text),
        ("1,5", comma, Number(1.5)),
        ("-0,25", comma, Number(-0.25)),
        (",5", comma, Number(0.5)),
        ("1,5e3", comma, Number(1500.0)),
        ("1.234,5", comma, Number(1234.5)),
        ("1.234.567", comma, Number(1_234_567.0)),
        ("1.234", comma, Text),
        ("1.234", Format::Comma { groups: true }, Number(1234.0)),
        ("1.5", comma, Text),
        ("12", comma, Number(12.0)),
        ("12", Format::Unclear, Number(12.0)),
        ("1,234", Format::Unclear, Text),
        ("1.5", Format::Unclear, Text),
        ("inf", point, NotFinite),
        ("-Infinity", comma, NotFinite),
        ("NaN", point, NotFinite),
        ("1e999", point, NotFinite),
        ("1,5e999", comma, NotFinite),
        ("", point, Text),
        ("-", point, Text),
        ("1 000", point, Text),
        ("12%", point, Text),
        ("0x10", point, Text),
        ("1.2.3", point, Text),
        ("2024-01-02", point, Text),
    ] {
        assert_eq!(parse(text, format), expected, "`{text}` {format:?}");
    }
}

#[test]
fn decimal_commas_are_recognized_between_other_delimiters_and_in_quotes() {
    assert_eq!(texts(&read("a;b\n1,5;x\n2;x\n-0,25;x\n"), "a"), ["1.5", "2", "-0.25"]);
    assert_eq!(texts(&read("a\tb\n1,5\tx\n2,75\tx\n"), "a"), ["1.5", "2.75"]);
    assert_eq!(texts(&read("a,b\n\"1,5\",x\n\"2,75\",x\n"), "a"), ["1.5", "2.75"]);
    assert_eq!(texts(&read("a;b\n1.234,5;x\n12,5;x\n1.234;x\n"), "a"), ["1234.5", "12.5", "1234"]);
}

#[test]
fn decimal_points_are_recognized_between_semicolons_and_beside_groups_of_thousands() {
    assert_eq!(texts(&read("a;b\n1.5;x\n2.75;x\n"), "a"), ["1.5", "2.75"]);
    assert_eq!(texts(&read("a,b\n\"1,234.50\",x\n\"1,234\",x\n0.5,x\n"), "a"), ["1234.5", "1234", "0.5"]);
    assert_eq!(texts(&read("a,b\n1.234,x\n2.345,x\n"), "a"), ["1.234", "2.345"]);
}

#[test]
fn a_comma_before_three_digits_is_decided_by_the_delimiter_or_another_column() {
    assert_eq!(texts(&read("a;b\n1,234;x\n5,678;x\n"), "a"), ["1.234", "5.678"]);
    assert_eq!(texts(&read("a\tb\n1,234\t0,5\n5,678\t0,5\n"), "a"), ["1.234", "5.678"]);
    // A leading zero groups nothing.
    assert_eq!(texts(&read("a\tb\n0,234\tx\n1,678\tx\n"), "a"), ["0.234", "1.678"]);
}

#[test]
fn a_number_that_can_be_read_in_two_ways_is_an_error_until_decimal_is_given() {
    for content in [
        "a,b\n7,x\n\"1,234\",x\n",
        "a\tb\n7\tx\n1,234\tx\n",
        "a\tb\n7\t0.5\n1,234\t0.5\n",
        "a\tb\n7\t0,5\n1.234\t0,5\n",
    ] {
        let message = read_error(content);
        assert_contains(&message, &["row 3, column `a`", "234`", "set `decimal`"]);
    }
    let decimal = |decimal| ReadOptions { decimal: Some(decimal), ..ReadOptions::default() };
    let content = "a,b\n7,x\n\"1,234\",x\n";
    assert_eq!(texts(&try_read(content, &decimal('.')).unwrap(), "a"), ["7", "1234"]);
    assert_eq!(texts(&try_read(content, &decimal(',')).unwrap(), "a"), ["7", "1.234"]);
    let error = try_read(content, &decimal(';')).unwrap_err();
    assert!(error.is_usage());
    assert_contains(&error.to_string(), &["`decimal`", "`;`"]);
}

#[test]
fn numbers_keep_all_digits_of_f64() {
    let table = read("a,b\n0.1,16777217\n123456789.123456789,9007199254740993\n");
    assert_eq!(texts(&table, "a"), ["0.1", "123456789.12345679"]);
    assert_eq!(texts(&table, "b"), ["16777217", "9007199254740992"]);
}

#[test]
fn infinite_numbers_and_nan_are_errors_with_their_place() {
    for text in ["inf", "-Infinity", "1e400"] {
        let message = read_error(format!("a,b\n1,2\n3,{text}\n"));
        assert_contains(&message, &["row 3, column `b`", text, "not a finite number", "`missing`"]);
    }
    let options = ReadOptions { missing: Some(Vec::new()), ..super::kinds(&[("a", Kind::Number)]) };
    assert_contains(
        &try_read("a\nNaN\n", &options).unwrap_err().to_string(),
        &["row 2, column `a`", "`NaN`"],
    );
}

#[test]
fn amounts_are_numbers_if_all_have_the_same_sign() {
    let dollars = read("a;price\n1;\"$8,526\"\n2;\"$1,250\"\n3;$-7\n");
    assert_eq!(numbers(&dollars, "price"), [8526.0, 1250.0, -7.0]);
    let euros = read("a;price;share\n1;1.234,50 €;5 %\n2;99,00 €;12,5%\n3;7,25 €;100 %\n");
    assert_eq!(numbers(&euros, "price"), [1234.5, 99.0, 7.25]);
    assert_eq!(numbers(&euros, "share"), [5.0, 12.5, 100.0]);
    let mixed = read("a,price\n1,$5\n2,$6\n3,7 €\n4,8 €\n");
    assert!(!matches!(mixed.column("price").unwrap(), Column::Number(_)));
    let names = read("a,name\n1,$x\n2,$y\n3,$x\n");
    assert_eq!(texts(&names, "name"), ["$x", "$y", "$x"]);
}

#[test]
fn a_later_file_is_read_with_the_decimal_separator_of_the_first() {
    let (_folder, first) = file(b"price;area\n1.107,50;3,5\n2.250,00;4,1\n990,00;2,0\n");
    let first = Table::read(first, &ReadOptions::default()).unwrap();
    // Alone, these would be 1.107 and 2.25.
    let (_folder, later) = file(b"price;area\n1.107;3\n2.250;4\n");
    let later = first.read_alike(later).unwrap();
    assert_eq!(numbers(&later, "price"), [1107.0, 2250.0]);
    assert_eq!(first.options().decimal, Some(','));
    assert_eq!(read("a,b\n1.5,2\n2.5,3\n").options().decimal, Some('.'));
    assert_eq!(read("a,b\n1,2\n2,3\n").options().decimal, None);
}
