//! Reads the arrays of an `.npz` or a `.npy` file.

use super::header::{Header, MAGIC};
use super::number_type::NumberType;
use super::{Array, Fault};
use crate::Error;
use indexmap::IndexMap;
use optlab_core::bounded_file;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use zip::ZipArchive;

/// The largest number of values in a file: 8 GiB as `f32`.
const MOST_VALUES: usize = 1 << 31;

/// Deflate packs at most 1032 bytes into one; a size that promises more is wrong.
const LARGEST_RATIO: u64 = 1032;

/// The number of bytes that are converted at a time, a multiple of the size of each type.
const CHUNK: usize = 1 << 16;

pub(super) type Arrays = IndexMap<String, Result<Array, String>>;

/// Reads all arrays of the file at `path`; an array that cannot be used is the reason why.
pub(super) fn arrays(path: &Path) -> Result<Arrays, Error> {
    let error = |reason: String| Error::Data { path: path.into(), reason };
    let file = bounded_file::open(path, bounded_file::DATA)?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    let mut file = BufReader::new(file);
    let mut start = Vec::new();
    file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start).map_err(Error::io("read", path))?;
    file.rewind().map_err(Error::io("read", path))?;
    match start.as_slice() {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => from_archive(file, metadata.len(), path),
        _ if start == MAGIC => {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let array = match array(&mut file, metadata.len(), &mut 0) {
                Ok(array) => Ok(array),
                Err(Fault::Unusable(reason)) => Err(reason),
                Err(Fault::Damaged(reason)) => return Err(error(reason)),
            };
            Ok(IndexMap::from([(name, array)]))
        }
        [] => Err(error("is empty".into())),
        _ => Err(error(
            "is neither an .npz nor a .npy file of NumPy; write one with `numpy.savez(\"data.npz\", x=x, y=y)`"
                .into(),
        )),
    }
}

/// Reads the arrays of an archive of `length` bytes.
fn from_archive(file: BufReader<File>, length: u64, path: &Path) -> Result<Arrays, Error> {
    let error = |reason: String| Error::Data { path: path.into(), reason };
    let mut archive = ZipArchive::new(file)
        .map_err(|source| error(format!("cannot be read as .npz, is it truncated? ({source})")))?;
    let mut arrays = Arrays::new();
    let mut total = 0;
    for i in 0..archive.len() {
        let entry = archive.by_index(i);
        let mut entry = entry.map_err(|source| error(format!("cannot read entry {i}: {source}")))?;
        let name =
            entry.name().map_err(|source| error(format!("cannot read the name of entry {i}: {source}")))?;
        let Some(name) = name.strip_suffix(".npy").map(String::from) else { continue };
        let (size, packed) = (entry.size(), entry.compressed_size());
        let is_possible = packed <= length && size <= packed.saturating_mul(LARGEST_RATIO);
        let result = match is_possible {
            true => array(&mut entry, size, &mut total),
            false => Err(Fault::Damaged(format!("promises {size} bytes in {packed} packed bytes"))),
        };
        let result = match result {
            Ok(array) => Ok(array),
            Err(Fault::Unusable(reason)) => Err(reason),
            Err(Fault::Damaged(reason)) => return Err(error(format!("array `{name}`: {reason}"))),
        };
        arrays.insert(name, result);
    }
    if arrays.is_empty() {
        return Err(error("holds no array (no entry that ends with .npy)".into()));
    }
    Ok(arrays)
}

/// Reads the array in `source`, which promises `size` bytes; adds the number of its values to `total`.
fn array(source: &mut impl Read, size: u64, total: &mut usize) -> Result<Array, Fault> {
    let header = Header::read(source)?;
    let number_type = header.number_type.as_ref().map_err(|other| Fault::Unusable(other_type(other)))?;
    let count = header.count().filter(|&count| count <= MOST_VALUES - *total);
    let count = count.ok_or_else(|| {
        Fault::Damaged(format!("of shape {:?} exceeds the 2³¹ values that a file may hold", header.shape))
    })?;
    let promised = header.bytes + count as u64 * number_type.bytes() as u64;
    if promised != size {
        let what = if size < promised { "is truncated" } else { "is too long" };
        let reason = format!("{what}: its shape {:?} needs {promised} bytes, there are {size}", header.shape);
        return Err(Fault::Damaged(reason));
    }
    *total += count;
    let values = values(source, *number_type, count)?;
    let values = if header.is_fortran { in_c_order(&values, &header.shape) } else { values };
    Ok(Array { shape: header.shape, values })
}

fn values(source: &mut impl Read, number_type: NumberType, count: usize) -> Result<Vec<f32>, Fault> {
    let mut values = Vec::new();
    let reserved = values.try_reserve_exact(count);
    reserved.map_err(|_| Fault::Damaged(format!("has {count} values, which do not fit in memory")))?;
    let mut chunk = vec![0; CHUNK];
    let mut rest = count * number_type.bytes();
    while rest > 0 {
        let part = &mut chunk[..rest.min(CHUNK)];
        source.read_exact(part).map_err(Fault::from_read)?;
        number_type.append(part, &mut values)?;
        rest -= part.len();
    }
    // Reading to the end makes the archive compare the checksum.
    match source.read(&mut [0]).map_err(Fault::from_read)? {
        0 => Ok(values),
        _ => Err(Fault::damaged("is too long for its shape")),
    }
}

/// Returns the values of an array of `shape`, whose first index changes fastest, with the last one fastest.
fn in_c_order(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[place]);
        for dimension in (0..shape.len()).rev() {
            index[dimension] += 1;
            place += strides[dimension];
            if index[dimension] < shape[dimension] {
                break;
            }
            place -= strides[dimension] * shape[dimension];
            index[dimension] = 0;
        }
    }
    ordered
}

/// Returns why an array of the type `text` cannot be used, and how to save it.
fn other_type(text: &str) -> String {
    let kind = match text.trim_start_matches(['<', '>', '|', '=']).chars().next() {
        _ if text.starts_with('[') => "records",
        Some('O') => "Python objects; save it without objects",
        Some('U' | 'S' | 'a') => "texts",
        Some('M' | 'm') => "dates or durations",
        Some('c') => "complex numbers",
        _ => "no numbers of a known type",
    };
    format!("holds {kind} (type `{text}`); convert it to numbers first, as with `x.astype(\"float32\")`")
}
