//! Files: delimiters, quotes, headers, encodings, line numbers and what is refused.

use super::{assert_contains, file, read, read_error, texts, try_read};
use crate::data::table::{Kind, ReadOptions, Table};
use optlab_core::random::{Purpose, stream};
use rand::Rng;
use std::io::Write;

#[test]
fn comma_semicolon_tab_and_pipe_are_recognized() {
    for delimiter in [",", ";", "\t", "|"] {
        let table = read("name,age,note\nAda,36,x\nBob,41,x\n".replace(',', delimiter));
        assert_eq!(table.names(), ["name", "age", "note"], "{delimiter:?}");
        assert_eq!(texts(&table, "age"), ["36", "41"], "{delimiter:?}");
    }
}

#[test]
fn a_semicolon_between_numbers_with_decimal_commas_is_the_delimiter() {
    let table = read("1,5;2,5\n3,5;4,5\n");
    assert_eq!(table.names(), ["column_1", "column_2"]);
    assert_eq!(texts(&table, "column_2"), ["2.5", "4.5"]);
}

#[test]
fn delimiters_within_quotes_and_texts_do_not_count() {
    let table = read("a,b\n\"x; y; z\",1\n\"p, q\",2\n\"say \"\"hi\"\"\",3\nx;y,3\n");
    assert_eq!(texts(&table, "a"), ["x; y; z", "p, q", "say \"hi\"", "x;y"]);
    assert_eq!(texts(&table, "b"), ["1", "2", "3", "3"]);
}

#[test]
fn a_delimiter_may_be_given() {
    let options = ReadOptions { delimiter: Some(':'), ..ReadOptions::default() };
    assert_eq!(try_read("a:b\n1:2\n", &options).unwrap().names(), ["a", "b"]);
    for delimiter in ['ä', '"', '\n', '1', 'x', '.'] {
        let options = ReadOptions { delimiter: Some(delimiter), ..ReadOptions::default() };
        let error = try_read("a\n1\n", &options).unwrap_err();
        assert!(error.is_usage());
        assert_contains(&error.to_string(), &["`delimiter`"]);
    }
}

#[test]
fn a_table_may_have_one_column() {
    assert_eq!(texts(&read("age\n3\n4\n"), "age"), ["3", "4"]);
    assert_eq!(texts(&read("3\n4\n"), "column_1"), ["3", "4"]);
}

#[test]
fn a_first_row_of_only_numbers_is_no_header_unless_it_is_said_to_be_one() {
    let table = read("1,2.5,\n3,4.5,1\n");
    assert_eq!(table.names(), ["column_1", "column_2", "column_3"]);
    assert_eq!(texts(&table, "column_1"), ["1", "3"]);
    assert_eq!(table.line(0), 1);
    assert_contains(&table.notes()[0], &["first row", "`header`"]);
    let with_header = ReadOptions { header: Some(true), ..ReadOptions::default() };
    assert_eq!(try_read("2020,2021\n1,2\n", &with_header).unwrap().names(), ["2020", "2021"]);
    let without = ReadOptions { header: Some(false), ..ReadOptions::default() };
    assert_eq!(texts(&try_read("x,y\nx,z\n", &without).unwrap(), "column_2"), ["y", "z"]);
    assert_eq!(read("id,2020\n7,1\n").names(), ["id", "2020"]);
}

#[test]
fn a_column_without_a_name_is_named_by_its_place() {
    assert_eq!(read(",height, \n1,2,3\n").names(), ["column_1", "height", "column_3"]);
}

#[test]
fn names_and_fields_lose_surrounding_spaces() {
    let table = read(" a , b\n 1, x \n2 ,x\n");
    assert_eq!(table.names(), ["a", "b"]);
    assert_eq!(texts(&table, "a"), ["1", "2"]);
    assert_eq!(texts(&table, "b"), ["x", "x"]);
}

#[test]
fn line_ends_of_windows_and_old_macs_are_read() {
    for end in ["\r\n", "\r", "\n"] {
        let table = read("a,b\n1,2\n3,4".replace('\n', end));
        assert_eq!(texts(&table, "b"), ["2", "4"], "{end:?}");
        assert_eq!((table.line(0), table.line(1)), (2, 3), "{end:?}");
    }
    let mixed = read("a,b\r\n1,2\r3,4\n\n5,6\r\r\n7,8");
    let lines: Vec<usize> = (0..mixed.len()).map(|row| mixed.line(row)).collect();
    assert_eq!(lines, [2, 3, 5, 7]);
}

#[test]
fn every_encoding_gives_the_same_table() {
    let text = "Straße,Preis €\nMünchen,1\nKöln – Süd,2\nKöln – Süd,3\n";
    let utf_16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect()
    };
    // By the code page's table: € is 0x80, – is 0x96, ß 0xDF, ü 0xFC, ö 0xF6.
    let windows =
        b"Stra\xdfe,Preis \x80\nM\xfcnchen,1\nK\xf6ln \x96 S\xfcd,2\nK\xf6ln \x96 S\xfcd,3\n".to_vec();
    let utf_8_with_mark = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let expected = read(text);
    assert_eq!(expected.names(), ["Straße", "Preis €"]);
    for bytes in [utf_8_with_mark, utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes), windows] {
        let table = read(bytes);
        assert_eq!(table.names(), expected.names());
        assert_eq!(table.columns(), expected.columns());
    }
}

#[test]
fn a_gzip_file_is_unpacked_whatever_its_name_and_a_damaged_one_is_refused() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"a,b\n1,2\n").unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(texts(&read(&packed), "b"), ["2"]);
    assert_contains(&read_error(&packed[..packed.len() / 2]), &["table.csv", "gzip"]);
}

#[test]
fn files_that_are_no_tables_are_refused_with_the_reason() {
    for (content, reason) in [
        (&b""[..], "is empty"),
        (b" \r\n\n \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\n", "has a header but no rows"),
        (b"\n\na,b\n\n", "has a header but no rows"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a binary file"),
        (b"\xff\x01\x02\x03", "is a binary file"),
        (b"PK\x03\x04 and more", ".xlsx"),
        (b"\xff\xfea", "odd number of bytes"),
        (b"\xff\xfe\x00\xd8a\x00", "not valid UTF-16"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 are both named `a`"),
        (b"column_2,\n1,2\n", "columns 1 and 2 are both named `column_2`"),
    ] {
        assert_contains(&read_error(content), &["table.csv", reason]);
    }
}

#[test]
fn a_folder_and_a_file_that_is_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = ReadOptions::default();
    assert_contains(&Table::read(folder.path(), &options).unwrap_err().to_string(), &["is a folder"]);
    let error = Table::read(folder.path().join("none.csv"), &options).unwrap_err();
    assert!(error.is_not_found());
    assert_contains(&error.to_string(), &["none.csv"]);
}

#[test]
fn a_row_of_another_length_is_an_error_with_its_line() {
    for (content, reason) in [
        ("a,b\n1,2\n3\n", "row 3: 1 field, but the first row has 2"),
        ("a,b\n1,2,3\n3,4\n", "row 2: 3 fields, but the first row has 2"),
        ("a,b\n\n\n1,2\n\n1,2,3\n", "row 6: 3 fields"),
        ("a,b\n\"x\ny\nz\",1\nw,1,2\n", "row 5: 3 fields"),
        ("a,b\r\n\"x\r\ny\",1\r\n\r\nw,1,2\r\n", "row 5: 3 fields"),
    ] {
        assert_contains(&read_error(content), &[reason]);
    }
}

#[test]
fn rows_with_line_ends_in_quotes_and_empty_lines_keep_the_lines_of_the_file() {
    let table = read("\na,b\n\n\"one\ntwo\n\nfour\",1\nx,2\n\n\nx,3\n\"p\nq\",4\nx,5");
    let lines: Vec<usize> = (0..table.len()).map(|row| table.line(row)).collect();
    //                        line 2 has the header
    assert_eq!(lines, [4, 8, 11, 12, 14]);
    assert_eq!(texts(&table, "a")[0], "one\ntwo\n\nfour");
}

#[test]
fn a_quote_that_is_never_closed_is_an_error_with_the_line_it_is_opened_on() {
    assert_contains(&read_error("a,b\n1,x\n2,\"y\n3,z\n4,w\n"), &["row 3", "never closed"]);
    // A quote within a text is a character.
    assert_eq!(texts(&read("a,b\n1,5\" pipe\n2,5\" pipe\n"), "b"), ["5\" pipe", "5\" pipe"]);
}

#[test]
fn missing_texts_are_recognized_in_any_case_and_may_be_replaced() {
    let content = "a,b\n1,x\n,NA\nn/a,\nNaN,null\nNONE,?\n-,x\n-1,y\n";
    let table = read(content);
    assert_eq!(texts(&table, "a"), ["1", "", "", "", "", "", "-1"]);
    assert_eq!(texts(&table, "b"), ["x", "", "", "", "", "x", "y"]);
    assert_eq!(table.column("a").unwrap().missing_count(), 5);

    let options = |missing: &[&str]| ReadOptions {
        missing: Some(missing.iter().map(|text| text.to_string()).collect()),
        ..ReadOptions::default()
    };
    let table =
        try_read("a,b\n-999,na\n1,na\n,UNBEKANNT\n2,ÄRGER\n", &options(&["-999", "unbekannt", "ärger"]));
    let table = table.unwrap();
    assert_eq!(texts(&table, "a"), ["", "1", "", "2"]);
    assert_eq!(texts(&table, "b"), ["na", "na", "", ""]);
    assert_eq!(texts(&try_read("a,b\n,x\n1,x\n", &options(&[])).unwrap(), "a"), ["", "1"]);
}

#[test]
fn options_keep_their_values_in_a_file_and_unknown_ones_are_refused() {
    let text = r#"{"delimiter": ";", "decimal": ",", "header": true, "missing": ["x"], "day_first": true,
        "columns": {"age": "number", "member": "yes_no"}}"#;
    let options: ReadOptions = serde_json::from_str(text).unwrap();
    let expected = ReadOptions {
        delimiter: Some(';'),
        decimal: Some(','),
        header: Some(true),
        missing: Some(vec!["x".into()]),
        day_first: Some(true),
        ..super::kinds(&[("age", Kind::Number), ("member", Kind::YesNo)])
    };
    assert_eq!(options, expected);
    assert_eq!(
        serde_json::from_str::<ReadOptions>(&serde_json::to_string(&options).unwrap()).unwrap(),
        options
    );
    assert_eq!(serde_json::from_str::<ReadOptions>("{}").unwrap(), ReadOptions::default());
    let error = serde_json::from_str::<ReadOptions>(r#"{"separator": ";"}"#).unwrap_err().to_string();
    assert_contains(&error, &["separator"]);
    for (name, kind) in Kind::ALL {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{name}\""));
        assert_eq!(kind.to_string(), name);
    }
}

#[test]
fn an_unknown_column_is_an_error_with_the_nearest_name() {
    let error = try_read("height,weight\n1,2\n", &super::kinds(&[("wieght", Kind::Number)])).unwrap_err();
    assert!(error.is_usage());
    assert_contains(&error.to_string(), &["unknown column `wieght`", "did you mean `weight`?"]);
    assert_contains(&read("height,weight\n1,2\n").column("hight").unwrap_err().to_string(), &["`height`"]);
}

#[test]
fn another_file_is_read_alike_with_the_options_of_the_first() {
    // Alone, the second file's codes are numbers and its date has day and month unclear.
    let first = read("code,when,n\nA1,31/12/2020,1\n7,01/02/2020,2\nA1,01/02/2020,2\n");
    let (_folder, path) = file(b"code,when,n\n7,03/04/2021,\n");
    let second = Table::read(&path, &first.options()).unwrap();
    let kinds = |table: &Table| table.columns().iter().map(|column| column.kind()).collect::<Vec<_>>();
    assert_eq!(kinds(&second), [Kind::Category, Kind::Date, Kind::Number]);
    assert_eq!(kinds(&second), kinds(&first));
    assert_eq!(texts(&second, "when"), ["2021-04-03"]);
}

#[test]
fn any_text_is_read_or_refused_without_a_panic_and_lines_ascend() {
    let mut random = stream(1, Purpose::Order, 0);
    let mut read = 0;
    for _ in 0..3000 {
        let length = random.next_u64() % 40;
        let bytes: Vec<u8> = (0..length)
            .map(|_| b"aab1122..,,;\t\"\"\n\n\n\r-+/:eT\xe4\xc3\xa4"[random.next_u64() as usize % 28])
            .collect();
        let Ok(table) = try_read(&bytes, &ReadOptions::default()) else { continue };
        read += 1;
        let lines: Vec<usize> = (0..table.len()).map(|row| table.line(row)).collect();
        assert!(!lines.is_empty() && lines.is_sorted_by(|a, b| a < b), "{bytes:?}");
        // The beginning of each row's line is the end of another: counted from the bytes alone.
        let line_ends = bytes.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count();
        assert!(lines.last() <= Some(&(line_ends + 1)), "{bytes:?}");
        assert!(table.columns().iter().all(|column| column.len() == table.len()), "{bytes:?}");
    }
    assert!(read > 300, "{read}");
}

#[test]
fn a_quote_that_is_never_closed_is_refused_in_the_last_field_too() {
    assert_contains(&read_error("a,b\n1,x\n2,\"y"), &["row 3", "a quote is opened here and never closed"]);
    assert_contains(&read_error("a;b\n1;x\n\"2;y\n"), &["row 3", "never closed"]);
    // Inches are no quotes.
    assert_eq!(texts(&read("size,n\n5\",1\n6\",2\n5\",3"), "size"), ["5\"", "6\"", "5\""]);
}

#[test]
fn a_message_about_a_name_or_text_of_the_data_has_one_short_line() {
    let message = read_error("\"x\ny\",b\n1,2\n2,3,4\n");
    assert!(!message.contains('\n'), "{message}");
    let rows: String = (0..100).map(|i| format!("{i}\n")).collect();
    let message = read_error(format!("\"x\ny\"\n{rows}{}\n", "a".repeat(100_000)));
    assert!(!message.contains('\n') && message.chars().count() < 700, "{message}");
}
