//! Files that are read.

use super::{array, npy, npy_with, npz, try_read};
use crate::data::npz::Npz;
use std::path::Path;
use zip::CompressionMethod;

#[test]
fn each_type_is_read_in_both_byte_orders() {
    let little = [
        ("b1", vec![0, 1, 2], vec![0.0, 1.0, 1.0]),
        ("i1", vec![0x80, 0x7f], vec![-128.0, 127.0]),
        ("u1", vec![0x80, 0xff], vec![128.0, 255.0]),
        ("i2", [-32768_i16, 258].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![-32768.0, 258.0]),
        ("u2", [65535_u16, 258].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![65535.0, 258.0]),
        ("i4", [-16777216_i32, 5].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![-16777216.0, 5.0]),
        ("u4", [1_u32 << 31, 5].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![2147483648.0, 5.0]),
        ("i8", [i64::MIN, 5].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![-(2_f32.powi(63)), 5.0]),
        ("u8", [1_u64 << 63, 5].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![2_f32.powi(63), 5.0]),
        ("f2", [0x3c00_u16, 0xc500].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![1.0, -5.0]),
        ("f4", [0.1_f32, -3.5].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![0.1, -3.5]),
        ("f8", [0.1_f64, -3.5].iter().flat_map(|n| n.to_le_bytes()).collect(), vec![0.1, -3.5]),
    ];
    for (name, bytes, values) in little {
        let size = bytes.len() / values.len();
        let shape = format!("({},)", values.len());
        let expected = (vec![values.len()], values);
        assert_eq!(array(&npy(&format!("<{name}"), false, &shape, &bytes)), expected, "<{name}");
        let big: Vec<u8> = bytes.chunks(size).flat_map(|number| number.iter().rev().copied()).collect();
        assert_eq!(array(&npy(&format!(">{name}"), false, &shape, &big)), expected, ">{name}");
    }
    assert_eq!(array(&npy("|u1", false, "()", &[7])), (vec![], vec![7.0]));
}

#[test]
fn half_precision_covers_zeros_subnormal_numbers_and_the_largest_number() {
    let bits = [0x0000_u16, 0x8000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
    let bytes: Vec<u8> = bits.iter().flat_map(|number| number.to_le_bytes()).collect();
    let (_, values) = array(&npy("<f2", false, "(9,)", &bytes));
    let tiny = 2_f32.powi(-24);
    let expected =
        [0.0, -0.0, tiny, 1023.0 * tiny, 1024.0 * tiny, 65504.0, f32::INFINITY, -f32::INFINITY, f32::NAN];
    for (value, expected) in values.iter().zip(expected) {
        assert!(value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(), "{value}");
    }
}

#[test]
fn an_array_in_fortran_order_is_transposed_to_c_order() {
    // [[0, 1, 2], [3, 4, 5]], column by column.
    assert_eq!(
        array(&npy("|u1", true, "(2, 3)", &[0, 3, 1, 4, 2, 5])),
        (vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    );
    assert_eq!(array(&npy("|u1", true, "(3,)", &[0, 1, 2])), (vec![3], vec![0.0, 1.0, 2.0]));
    assert_eq!(array(&npy("|u1", true, "(0, 3)", &[])), (vec![0, 3], vec![]));
}

#[test]
fn headers_of_versions_1_to_3_are_read() {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
    for version in 1..=3 {
        assert_eq!(array(&npy_with(version, header, &[1, 2])), (vec![2], vec![1.0, 2.0]));
    }
    // Another order of the keys, other quotes and spaces, and Python 2's long numbers.
    let header = "{\"shape\" : ( 1L ,2 ),\"fortran_order\":False,\"descr\":\"|u1\"}   \n";
    assert_eq!(array(&npy_with(1, header, &[1, 2])), (vec![1, 2], vec![1.0, 2.0]));
}

#[test]
fn an_archive_is_read_whether_stored_or_deflated() {
    let x = npy("<f4", false, "(2, 1)", &[0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
    let y = npy("|i1", false, "(2,)", &[1, 0xff]);
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let entries: [(&str, &[u8]); 3] = [("x.npy", &x), ("notes.txt", b"skipped"), ("part/y.npy", &y)];
        let file = try_read("data.bin", &npz(method, &entries)).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["x", "part/y"]);
        assert_eq!(file.array("x").unwrap().shape, [2, 1]);
        assert_eq!(file.array("x").unwrap().values, [1.0, 2.0]);
        assert_eq!(file.whole_numbers("part/y").unwrap(), [1, -1]);
    }
}

#[test]
fn an_array_longer_than_one_chunk_keeps_its_order() {
    let numbers: Vec<u16> = (0..100_000_u32).map(|i| (i % 65_521) as u16).collect();
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let (_, values) = array(&npy("<u2", false, "(100000,)", &bytes));
    assert!(values.iter().zip(&numbers).all(|(value, &number)| *value == f32::from(number)));
    assert_eq!(values.len(), numbers.len());
}

#[test]
fn a_file_made_by_numpy_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/numpy.npz");
    let file = Npz::read(path).unwrap();
    let names = ["x", "y", "fortran", "half", "mask", "single", "none", "names", "objects", "records"];
    assert_eq!(file.names().collect::<Vec<_>>(), names);

    let values = |name: &str| file.array(name).unwrap().values.clone();
    let shape = |name: &str| file.array(name).unwrap().shape.clone();
    assert_eq!((shape("x"), values("x")), (vec![2, 3, 2], (0..12_u8).map(|i| f32::from(i) / 8.0).collect()));
    assert_eq!(file.whole_numbers("y").unwrap(), [3, 0]);
    assert_eq!((shape("fortran"), values("fortran")), (vec![2, 3, 4], (0..24_u8).map(f32::from).collect()));
    assert_eq!(values("half")[..5], [0.099_975_586, -2.5, 65504.0, 5.960_464_5e-8, f32::INFINITY]);
    assert!(values("half")[5].is_nan());
    assert_eq!((shape("mask"), values("mask")), (vec![1, 2], vec![1.0, 0.0]));
    assert_eq!((shape("single"), values("single")), (vec![], vec![1.5]));
    assert_eq!((shape("none"), values("none")), (vec![0, 3], vec![]));

    for (name, kind) in [("names", "texts"), ("objects", "Python objects"), ("records", "records")] {
        let message = file.array(name).unwrap_err().to_string();
        super::assert_contains(&message, &["numpy.npz", &format!("array `{name}`"), kind]);
    }
}
