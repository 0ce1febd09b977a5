//! Parquet files, made by pyarrow and pandas.

use super::{assert_contains, kinds, texts};
use crate::Error;
use crate::data::table::{Column, Kind, ReadOptions, Table};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str, options: &ReadOptions) -> Result<Table, Error> {
    Table::read(fixture(name), options)
}

fn typed() -> Table {
    read("typed.parquet", &ReadOptions::default()).unwrap()
}

fn error(name: &str, options: &ReadOptions) -> String {
    read(name, options).unwrap_err().to_string()
}

#[test]
fn each_type_of_number_is_a_number_and_null_and_nan_are_missing() {
    let table = typed();
    // 2⁶³, in the digits that an f64 is written with.
    let two_to_63 = "9223372036854776000";
    for (name, expected) in [
        ("small", ["-1", "", "3", "4"]),
        ("whole", ["1", "2", "3", "9007199254740992"]),
        ("unsigned", ["0", two_to_63, "2147483648", ""]),
        ("unsigned_32", ["0", "2147483648", "4294967295", "1"]),
        ("half", ["1.5", "-2", "", "0"]),
        ("single", ["0.5", "", "", "-0.25"]),
        ("double", ["0.1", "0.2", "0.3", "0.4"]),
        ("price", ["12.5", "", "-0.01", "7"]),
        ("clock", ["3600.5"; 4]),
    ] {
        assert_eq!(table.column(name).unwrap().kind(), Kind::Number, "{name}");
        assert_eq!(texts(&table, name), expected, "{name}");
    }
    assert_eq!(table.len(), 4);
    assert_eq!((0..4).map(|row| table.line(row)).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn booleans_are_answers() {
    let names = ["false".to_string(), "true".to_string()];
    let values = vec![Some(true), Some(false), None, Some(true)];
    assert_eq!(*typed().column("answer").unwrap(), Column::YesNo { values, names });
}

#[test]
fn dates_and_timestamps_are_dates_with_a_time_where_one_has_a_time() {
    let table = typed();
    for (name, expected) in [
        ("date", ["2024-02-29", "", "1969-12-31", "1970-01-01"]),
        ("midnight", ["2024-02-29"; 4]),
        ("moment", ["2024-02-29T12:30:00", "", "2024-02-29T12:30:00", ""]),
        ("moment_utc", ["1969-12-31T23:59:59"; 4]),
        ("text_date", ["2024-12-31", "2025-01-01", "", "2025-01-01"]),
    ] {
        assert_eq!(table.column(name).unwrap().kind(), Kind::Date, "{name}");
        assert_eq!(texts(&table, name), expected, "{name}");
    }
    let Column::Date { seconds, .. } = table.column("moment").unwrap() else { panic!() };
    assert_eq!(seconds[0], 1_709_209_800.25);
    let old = read("int96.parquet", &ReadOptions::default()).unwrap();
    assert_eq!(texts(&old, "old"), ["2024-02-29T12:00:00", ""]);
}

#[test]
fn texts_are_recognized_as_in_csv_but_numbers_stay_texts() {
    let table = typed();
    for (name, kind, expected) in [
        ("city", Kind::Category, ["Bonn", "Köln", "Bonn", ""]),
        ("text_answer", Kind::YesNo, ["yes", "no", "yes", "no"]),
        ("code", Kind::Category, ["01", "02", "01", "02"]),
        ("id", Kind::Identifier, ["a1", "b2", "c3", "d4"]),
    ] {
        assert_eq!(table.column(name).unwrap().kind(), kind, "{name}");
        assert_eq!(texts(&table, name), expected, "{name}");
    }
    assert!(table.notes().iter().any(|note| note.contains("set `columns.code = \"number\"`")));
}

#[test]
fn columns_without_values_and_the_index_of_pandas_are_ignored() {
    let table = typed();
    for name in ["nothing", "null"] {
        assert_eq!(table.column(name).unwrap().kind(), Kind::Ignore);
        assert!(table.notes().iter().any(|note| note.contains(&format!("`{name}` has no values"))));
    }
    let frame = read("pandas.parquet", &ReadOptions::default()).unwrap();
    assert_eq!(frame.column("__index_level_0__").unwrap().kind(), Kind::Ignore);
    assert_contains(&frame.notes()[0], &["`__index_level_0__`", "index of pandas"]);
    let wanted = read("pandas.parquet", &kinds(&[("__index_level_0__", Kind::Number)])).unwrap();
    assert_eq!(texts(&wanted, "__index_level_0__"), ["5", "7", "9"]);
}

#[test]
fn a_kind_set_by_hand_overrides_the_type_of_the_column() {
    let options = kinds(&[
        ("small", Kind::Category),
        ("code", Kind::Number),
        ("answer", Kind::Number),
        ("date", Kind::Category),
        ("double", Kind::Ignore),
        ("nothing", Kind::Number),
    ]);
    let table = read("typed.parquet", &options).unwrap();
    for (name, kind, expected) in [
        ("small", Kind::Category, ["-1", "", "3", "4"]),
        ("code", Kind::Number, ["1", "2", "1", "2"]),
        ("answer", Kind::Number, ["1", "0", "", "1"]),
        ("date", Kind::Category, ["2024-02-29", "", "1969-12-31", "1970-01-01"]),
        ("double", Kind::Ignore, [""; 4]),
        ("nothing", Kind::Number, [""; 4]),
    ] {
        assert_eq!(table.column(name).unwrap().kind(), kind, "{name}");
        assert_eq!(texts(&table, name), expected, "{name}");
    }
    let message = error("typed.parquet", &kinds(&[("city", Kind::Number)]));
    assert_contains(&message, &["typed.parquet", "row 1, column `city`", "`Bonn` is not a number"]);
    let message = error("typed.parquet", &kinds(&[("cities", Kind::Number)]));
    assert_contains(&message, &["unknown column `cities`", "did you mean `city`?"]);
}

#[test]
fn a_file_read_alike_has_the_same_columns() {
    let table = typed();
    let again = table.read_alike(table.path()).unwrap();
    for name in table.names() {
        let (column, other) = (table.column(name).unwrap(), again.column(name).unwrap());
        assert_eq!(column.kind(), other.kind(), "{name}");
        assert_eq!(texts(&table, name), texts(&again, name), "{name}");
    }
}

#[test]
fn nested_columns_are_an_error_unless_they_are_ignored() {
    let message = error("nested.parquet", &ReadOptions::default());
    assert_contains(&message, &["nested.parquet", "column `tags` holds a list, map or struct", "ignore"]);
    let message = error("nested.parquet", &kinds(&[("tags", Kind::Ignore)]));
    assert_contains(&message, &["column `place` holds"]);
    let table = read("nested.parquet", &kinds(&[("tags", Kind::Ignore), ("place", Kind::Ignore)])).unwrap();
    assert_eq!(texts(&table, "x"), ["1", "2"]);
    assert_eq!(table.column("place").unwrap().len(), 2);
}

#[test]
fn values_that_a_table_cannot_hold_are_an_error_with_their_row() {
    let message = error("odd.parquet", &kinds(&[("bytes", Kind::Ignore)]));
    assert_contains(&message, &["row 2, column `bytes`", "UTF-8"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("infinite.parquet");
    // The same file without the byte that is no text.
    let mut bytes = std::fs::read(fixture("odd.parquet")).unwrap();
    bytes.iter_mut().filter(|byte| **byte == 0xff).for_each(|byte| *byte = b'b');
    std::fs::write(&path, bytes).unwrap();
    let message = Table::read(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert_contains(&message, &["row 2, column `number`", "`inf` is not a finite number"]);
}

#[test]
fn a_file_packed_with_zstd_says_how_to_convert_it() {
    let message = error("zstd.parquet", &ReadOptions::default());
    assert_contains(&message, &["zstd.parquet", "column `x` is packed with zstd", "compression=\"snappy\""]);
}

#[test]
fn the_first_bytes_decide_and_a_truncated_or_changed_file_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let whole = std::fs::read(fixture("pandas.parquet")).unwrap();
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Table::read(&path, &ReadOptions::default()).unwrap().len(), 3);
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let message = Table::read(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert_contains(&message, &["table.csv"]);
    }
    for place in (0..whole.len()).step_by(5) {
        let mut changed = whole.clone();
        changed[place] ^= 0x55;
        std::fs::write(&path, changed).unwrap();
        if let Err(error) = Table::read(&path, &ReadOptions::default()) {
            assert_contains(&error.to_string(), &["table.csv"]);
        }
    }
}
