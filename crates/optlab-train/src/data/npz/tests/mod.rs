//! Tests of the readers of NumPy's files; the bytes are written by hand, but for one file made by NumPy.

mod damaged;
mod read;

use super::Npz;
use crate::Error;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Returns the bytes of a `.npy` file of version 1.
fn npy(descr: &str, is_fortran: bool, shape: &str, values: &[u8]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    npy_with(1, &format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"), values)
}

/// Returns the bytes of a `.npy` file with a header of its own.
fn npy_with(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header.bytes());
    bytes.extend(values);
    bytes
}

/// Returns the bytes of an `.npz` file of these entries.
fn npz(method: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(method).large_file(true);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn try_read(name: &str, bytes: &[u8]) -> Result<Npz, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Npz::read(&path)
}

/// Returns the shape and values of the one array in `bytes`.
fn array(bytes: &[u8]) -> (Vec<usize>, Vec<f32>) {
    let file = try_read("x.npy", bytes).unwrap();
    let array = file.array("x").unwrap();
    (array.shape.clone(), array.values.clone())
}

/// Returns the message with which the one array in `bytes` is refused.
fn array_error(bytes: &[u8]) -> String {
    try_read("x.npy", bytes).unwrap().array("x").unwrap_err().to_string()
}

fn assert_contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
    assert!(!message.contains('\n'), "{message}");
}
