//! Files and arrays that are refused.

use super::{array_error, assert_contains, npy, npy_with, npz, try_read};
use crate::data::npz::Npz;
use zip::CompressionMethod;

fn read_error(name: &str, bytes: &[u8]) -> String {
    try_read(name, bytes).unwrap_err().to_string()
}

#[test]
fn an_unknown_name_suggests_the_nearest_one() {
    let x = npy("|u1", false, "(1,)", &[0]);
    let file = npz(CompressionMethod::Stored, &[("images.npy", &x), ("labels.npy", &x)]);
    let error = try_read("data.npz", &file).unwrap().array("image").unwrap_err();
    assert!(error.is_usage());
    assert_contains(&error.to_string(), &["unknown array `image`, did you mean `images`?", "labels"]);
}

#[test]
fn an_array_of_other_things_than_numbers_says_how_to_save_it() {
    let objects = npy("|O", false, "(1,)", &[0x80, 4]);
    assert_contains(&array_error(&objects), &["x.npy", "array `x`", "save it without objects", "astype"]);
    for (descr, kind) in [("<U3", "texts"), ("<M8[ns]", "dates"), ("<c8", "complex"), ("<f16", "`<f16`")] {
        assert_contains(&array_error(&npy(descr, false, "(0,)", &[])), &["array `x`", kind]);
    }
    let header = "{'descr': [('a', '<i4', (2,)), ('b', '<f4')], 'fortran_order': False, 'shape': (0,), }";
    assert_contains(&array_error(&npy_with(1, header, &[])), &["array `x`: holds records"]);
}

#[test]
fn a_whole_number_that_f32_cannot_hold_is_an_error() {
    for (descr, bytes, number) in [
        ("<i4", 16_777_217_i32.to_le_bytes().to_vec(), "16777217"),
        ("<u4", u32::MAX.to_le_bytes().to_vec(), "4294967295"),
        ("<i8", (-16_777_217_i64).to_le_bytes().to_vec(), "-16777217"),
        ("<i8", i64::MAX.to_le_bytes().to_vec(), "9223372036854775807"),
        ("<u8", u64::MAX.to_le_bytes().to_vec(), "18446744073709551615"),
    ] {
        let message = array_error(&npy(descr, false, "(1,)", &bytes));
        assert_contains(&message, &["array `x`", &format!("holds {number}"), "2²⁴", "float32"]);
    }
    let message = array_error(&npy("<f8", false, "(1,)", &1e39_f64.to_le_bytes()));
    assert_contains(&message, &["array `x`", "1e39", "too large for f32"]);
}

#[test]
fn one_array_that_cannot_be_used_leaves_the_others_usable() {
    let x = npy("|u1", false, "(1,)", &[9]);
    let ids = npy("<i8", false, "(1,)", &i64::MAX.to_le_bytes());
    let file = npz(CompressionMethod::Deflated, &[("ids.npy", &ids), ("x.npy", &x)]);
    let file = try_read("data.npz", &file).unwrap();
    assert_eq!(file.array("x").unwrap().values, [9.0]);
    assert!(file.array("ids").is_err());
}

#[test]
fn labels_with_a_fraction_or_without_a_value_are_an_error() {
    for value in [0.5_f32, f32::NAN, f32::INFINITY, 2_f32.powi(63)] {
        let bytes: Vec<u8> = [1.0, value].iter().flat_map(|number| number.to_le_bytes()).collect();
        let file = try_read("y.npy", &npy("<f4", false, "(2,)", &bytes)).unwrap();
        let message = file.whole_numbers("y").unwrap_err().to_string();
        assert_contains(&message, &["y.npy", "array `y`: value 1 is", "not a whole number"]);
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let x = npy("<f4", false, "(2, 3)", &[1; 24]);
    for length in 0..x.len() {
        assert_contains(&read_error("x.npy", &x[..length]), &["x.npy"]);
    }
    assert_contains(&read_error("x.npy", &x[..x.len() - 1]), &["is truncated", "[2, 3]"]);
    assert_contains(&read_error("x.npy", &[x, vec![0]].concat()), &["is too long"]);
    let x = npy("<f4", false, "(2, 3)", &[1; 24]);
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let file = npz(method, &[("x.npy", &x)]);
        for length in 0..file.len() {
            assert!(try_read("x.npz", &file[..length]).is_err(), "{length} of {} bytes", file.len());
        }
    }
}

#[test]
fn a_changed_byte_in_an_archive_is_found_by_its_checksum() {
    let x = npy("|u1", false, "(100,)", &[1; 100]);
    let mut file = npz(CompressionMethod::Stored, &[("x.npy", &x)]);
    let place = file.windows(100).position(|window| window == [1; 100]).unwrap();
    file[place + 50] = 2;
    assert_contains(&read_error("x.npz", &file), &["x.npz", "array `x`", "checksum"]);
}

#[test]
fn sizes_that_exceed_the_limits_are_an_error_before_memory_is_taken() {
    for shape in [
        "(18446744073709551615, 2)",
        "(4294967296, 4294967296)",
        "(2147483649,)",
        "(0, 99999999999999999999)",
    ] {
        let message = read_error("x.npy", &npy("|u1", false, shape, &[]));
        assert!(message.contains("2³¹") || message.contains("header"), "{message}");
    }
    let shape = format!("({})", "1, ".repeat(65));
    assert_contains(&read_error("x.npy", &npy("|u1", false, &shape, &[0])), &["header that cannot be read"]);
    let long = npy_with(2, &" ".repeat(100_000), &[]);
    assert_contains(&read_error("x.npy", &long), &["a header of 100000 bytes"]);
    // An archive that promises 2 GiB in a few bytes: the size stands in its directory.
    let x = npy("|u1", false, "(4,)", &[0; 4]);
    let mut file = npz(CompressionMethod::Deflated, &[("x.npy", &x)]);
    let directory = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    file[directory + 24..directory + 28].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    assert_contains(&read_error("x.npz", &file), &["array `x`: promises 2147483647 bytes"]);
}

#[test]
fn a_header_that_is_no_dictionary_of_an_array_is_an_error() {
    for header in [
        "",
        "{",
        "[]",
        "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'other': 1}",
        "{'descr': [('a', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1",
    ] {
        assert_contains(&read_error("x.npy", &npy_with(1, header, &[0; 4])), &["header that cannot be read"]);
    }
    assert_contains(&read_error("x.npy", &npy_with(4, "", &[])), &["version 4"]);
}

#[test]
fn other_files_are_an_error_that_says_how_to_write_one() {
    assert_contains(&read_error("x.npz", b"a,b\n1,2\n"), &["x.npz", "numpy.savez"]);
    assert_contains(&read_error("x.npz", b""), &["is empty"]);
    let empty = npz(CompressionMethod::Stored, &[("a.txt", b"text")]);
    assert_contains(&read_error("x.npz", &empty), &["holds no array"]);
    let not_an_array = npz(CompressionMethod::Stored, &[("a.npy", b"textual content")]);
    assert_contains(&read_error("x.npz", &not_an_array), &["array `a`: does not begin"]);
    let folder = tempfile::tempdir().unwrap();
    assert_contains(&Npz::read(folder.path()).unwrap_err().to_string(), &["is a folder"]);
    assert!(Npz::read(folder.path().join("none.npz")).unwrap_err().is_not_found());
}
