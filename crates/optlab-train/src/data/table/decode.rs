//! Turns the bytes of a file into text: unpacks gzip, recognizes the encoding, refuses what is not text.

use crate::Error;
use flate2::read::MultiGzDecoder;
use optlab_core::bounded_file::{self, DATA};
use std::fs;
use std::io::Read;
use std::path::Path;

/// The characters of Windows-1252 for the bytes 0x80 to 0x9F, as in the WHATWG's encoding standard; all other
/// bytes are the same as in Latin-1. Five bytes have no character and stay control characters.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The most bytes to which a byte of a gzip file unpacks, beyond [`ALWAYS_UNPACKED`]: tables of text take a
/// tenth, those with hardly a change a hundredth.
const LARGEST_RATIO: u64 = 200;
const ALWAYS_UNPACKED: u64 = 1 << 30;

/// Reads the file at `path` as text with `\n` or `\r\n` at the ends of its lines.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io) if the file cannot be read, [`File`](optlab_core::Error::File) if it is a
/// pipe or a device, [`Error::Data`] if it is a folder, empty, a damaged gzip file or one that unpacks to far
/// more than its size, or not text.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let error = |reason: &str| Error::Data { path: path.into(), reason: reason.into() };
    if fs::metadata(path).map_err(Error::io("read", path))?.is_dir() {
        return Err(error("is a folder; name the table's file in it"));
    }
    let mut bytes = bounded_file::read(path, DATA)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let most = (bytes.len() as u64).saturating_mul(LARGEST_RATIO).clamp(ALWAYS_UNPACKED, DATA);
        bytes = unpacked(&bytes, most).map_err(|reason| error(&reason))?;
    }
    let mut text = decode(bytes).map_err(error)?;
    if text.trim_start().is_empty() {
        return Err(error("is empty"));
    }
    // A reader of CSV ends a record at \r alone, as files of old Macs have it, but counts lines by \n.
    if has_lone_return(&text) {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    Ok(text)
}

/// Unpacks gzip to at most `most` bytes.
fn unpacked(bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(most + 1)
        .read_to_end(&mut unpacked)
        .map_err(|source| format!("cannot be unpacked as gzip: {source}"))?;
    match unpacked.len() as u64 > most {
        true => Err(format!("unpacks to more than {most} bytes, which no table of its size does")),
        false => Ok(unpacked),
    }
}

fn has_lone_return(text: &str) -> bool {
    text.match_indices('\r').any(|(i, _)| text.as_bytes().get(i + 1) != Some(&b'\n'))
}

fn decode(mut bytes: Vec<u8>) -> Result<String, &'static str> {
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => return decode_utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return decode_utf_16(rest, u16::from_be_bytes),
        [b'P', b'K', 3, 4, ..] => {
            return Err("is a ZIP archive or a spreadsheet (.xlsx, .ods); save it as CSV first");
        }
        [0xef, 0xbb, 0xbf, ..] => drop(bytes.drain(..3)),
        _ => {}
    }
    // No table holds a NUL; most binary files do.
    if bytes.contains(&0) {
        return Err("is a binary file, not a table of text");
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => decode_windows_1252(error.as_bytes()),
    }
}

fn decode_utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, &'static str> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("begins like UTF-16 text but has an odd number of bytes; is it truncated?");
    }
    char::decode_utf16(pairs.iter().map(|&pair| unit(pair)))
        .collect::<Result<String, _>>()
        .map_err(|_| "begins like UTF-16 text but is not valid UTF-16")
}

fn decode_windows_1252(bytes: &[u8]) -> Result<String, &'static str> {
    let is_control = |&byte: &u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if bytes.iter().any(is_control) {
        return Err("is a binary file, not a table of text");
    }
    Ok(bytes
        .iter()
        .map(|&byte| match byte {
            0x80..0xa0 => WINDOWS_1252[usize::from(byte - 0x80)],
            _ => char::from(byte),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn a_file_that_unpacks_to_more_than_its_limit_is_refused() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&[b'1'; 100_000]).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(unpacked(&packed, 100_000).unwrap().len(), 100_000);
        assert!(unpacked(&packed, 99_999).unwrap_err().contains("more than 99999 bytes"));
        // Two members, one after the other, count together.
        assert!(unpacked(&packed.repeat(2), 199_999).is_err());
    }
}
