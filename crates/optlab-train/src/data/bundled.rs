//! Unpacks gzip files, such as those that ship inside the program, and reads the tables among these.

use crate::Error;
use flate2::read::MultiGzDecoder;
use optlab_core::bounded_file;
use std::io::Read;
use std::path::Path;

/// The most bytes of a file, packed and unpacked: a few kilobytes of gzip can unpack to gigabytes. The
/// largest real file has 47 MB.
pub(super) const LARGEST: u64 = 64 << 20;

/// A compressed file, with the path that error messages show.
pub(super) struct Bundled {
    pub path: &'static str,
    pub packed: &'static [u8],
}

/// Makes a [`Bundled`] of the file at this path in the crate's `data` folder.
macro_rules! bundled {
    ($path:literal) => {
        $crate::data::bundled::Bundled {
            path: $path,
            packed: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/", $path)),
        }
    };
}
pub(super) use bundled;

impl Bundled {
    /// Returns the unpacked content.
    pub fn unpack(&self) -> Result<Vec<u8>, Error> {
        unpack(Path::new(self.path), self.packed)
    }

    /// Returns the numbers of a CSV file, row by row, `columns` per row; skips the header line if there is
    /// one.
    pub fn table(&self, columns: usize, has_header: bool) -> Result<Vec<f32>, Error> {
        let content = self.unpack()?;
        let mut reader = csv::ReaderBuilder::new().has_headers(has_header).from_reader(content.as_slice());
        let mut numbers = Vec::new();
        for (i, row) in reader.records().enumerate() {
            let row = row.map_err(|error| self.error(error.to_string()))?;
            if row.len() != columns {
                return Err(self.error(format!("row {i} has {} columns, not {columns}", row.len())));
            }
            for field in &row {
                let number = field.trim().parse::<f32>().ok().filter(|number| number.is_finite());
                numbers.push(number.ok_or_else(|| self.error(format!("row {i}: `{field}` is no number")))?);
            }
        }
        Ok(numbers)
    }

    fn error(&self, reason: String) -> Error {
        Error::Data { path: self.path.into(), reason }
    }
}

/// Reads and unpacks the gzip file at `path`.
///
/// # Errors
/// [`Error::Data`] if it is not a gzip file, is truncated, or unpacks to more than 64 MiB; a file that cannot
/// be read.
pub fn read_gzip(path: &Path) -> Result<Vec<u8>, Error> {
    unpack(path, &bounded_file::read(path, LARGEST)?)
}

/// Unpacks a gzip file; `path` is only used in the error.
///
/// # Errors
/// [`Error::Data`] if `packed` is not a gzip file, is truncated, or unpacks to more than 64 MiB.
pub(super) fn unpack(path: &Path, packed: &[u8]) -> Result<Vec<u8>, Error> {
    let error = |reason| Error::Data { path: path.into(), reason };
    let mut content = Vec::new();
    MultiGzDecoder::new(packed)
        .take(LARGEST + 1)
        .read_to_end(&mut content)
        .map_err(|source| error(format!("cannot be unpacked as gzip: {source}")))?;
    if content.len() as u64 > LARGEST {
        return Err(error(format!("unpacks to more than {LARGEST} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_or_foreign_gzip_file_is_an_error_with_its_name() {
        let packed = bundled!("small/sunspots.csv.gz").packed;
        for wrong in [&packed[..packed.len() / 2], b"PK\x03\x04 something else", b""] {
            let error = unpack(Path::new("some/file.gz"), wrong).unwrap_err();
            assert!(matches!(error, Error::Data { .. }), "{error}");
            assert!(error.to_string().contains("some/file.gz"), "{error}");
        }
    }

    #[test]
    fn a_file_that_unpacks_to_far_too_much_is_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let megabyte = vec![0; 1 << 20];
        for _ in 0..65 {
            std::io::Write::write_all(&mut encoder, &megabyte).unwrap();
        }
        let error = unpack(Path::new("bomb.gz"), &encoder.finish().unwrap()).unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
    }

    #[test]
    fn a_table_with_the_wrong_number_of_columns_is_an_error() {
        let error = bundled!("small/sunspots.csv.gz").table(3, true).unwrap_err();
        assert!(error.to_string().contains("has 2 columns, not 3"), "{error}");
    }

    #[test]
    fn a_table_with_words_in_it_is_an_error() {
        let error = bundled!("small/sunspots.csv.gz").table(2, false).unwrap_err();
        assert!(error.to_string().contains("`YEAR` is no number"), "{error}");
    }
}
