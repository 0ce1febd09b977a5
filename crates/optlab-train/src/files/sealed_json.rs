//! JSON files that end with a checksum of their text and of what they belong to.
//!
//! ```text
//! {
//!   "status": "completed",
//!   …
//!   "checksum": "5f1c…"
//! }
//! ```
//!
//! The checksum is the SHA-256 of the bytes that the file belongs to, such as those of a run's `trial.json`,
//! and of the file's own text before the last comma. So a reader notices a digit that changed, and a file
//! that was copied from elsewhere.

use crate::Error;
use crate::files::{disk, json_file};
use optlab_core::bounded_file;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What stands before and after the digits of a checksum.
const BEFORE: &str = ",\n  \"checksum\": \"";
const AFTER: &str = "\"\n}\n";

/// The number of digits of a checksum.
const DIGITS: usize = 64;

/// Writes `value`, which must be an object with members, with a checksum that ties it to `belongs_to`.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full or the folder read-only.
pub fn write<T: Serialize>(path: &Path, value: &T, belongs_to: &[u8]) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(|reason| json_file::broken(path, &reason))?;
    let Some(members) = text.strip_suffix("\n}") else {
        return Err(Error::file(path, "only an object can have a checksum"));
    };
    let checksum = checksum(belongs_to, members.as_bytes());
    disk::replace(path, format!("{members}{BEFORE}{checksum}{AFTER}").as_bytes())
}

/// Reads a file that [`write`](write()) wrote, or one from before there were checksums, which has none.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) if the file does not contain a `T`, was
/// changed, or does not belong to `belongs_to`.
pub fn read<T: DeserializeOwned>(path: &Path, belongs_to: &[u8]) -> Result<T, Error> {
    let text = bounded_file::read(path, bounded_file::SMALL)?;
    match parts(&text) {
        Some((members, digits)) if checksum(belongs_to, members).as_bytes() == digits => {}
        None if !has_digits(&text) => {}
        _ => return Err(Error::file(path, "was changed or belongs to another run: its checksum is another")),
    }
    serde_json::from_slice(&text).map_err(|reason| json_file::broken(path, &reason))
}

/// Returns whether a file has a checksum, or had one before it was damaged.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn has_checksum(path: &Path) -> Result<bool, Error> {
    Ok(has_digits(&bounded_file::read(path, bounded_file::SMALL)?))
}

/// Returns the text before the checksum, and its digits.
fn parts(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_suffix(AFTER.as_bytes())?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    Some((rest.strip_suffix(BEFORE.as_bytes())?, digits))
}

/// Returns whether the text has as many hexadecimal digits in a row as half a checksum has, so that it had
/// one before it was damaged.
fn has_digits(text: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_hexdigit()).any(|digits| digits.len() >= DIGITS / 2 - 1)
}

fn checksum(belongs_to: &[u8], members: &[u8]) -> String {
    let hash = Sha256::new().chain_update(belongs_to).chain_update(members).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn example() -> BTreeMap<String, f64> {
        BTreeMap::from([("a".into(), 0.1), ("b".into(), 25.0)])
    }

    #[test]
    fn a_sealed_file_is_read_back_and_is_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, &example(), b"owner").unwrap();
        assert_eq!(read::<BTreeMap<String, serde_json::Value>>(&path, b"owner").unwrap()["b"], 25.0);
        let text = std::fs::read(&path).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).unwrap()["a"], 0.1);
    }

    #[test]
    fn each_changed_byte_and_another_owner_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, &example(), b"owner").unwrap();
        let read = |belongs_to| read::<serde_json::Value>(&path, belongs_to);
        assert!(read(b"another").unwrap_err().to_string().contains("belongs to another run"));
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for change in [1, 32, 128] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                std::fs::write(&path, &changed).unwrap();
                assert!(read(b"owner").is_err(), "{at}: {}", String::from_utf8_lossy(&changed));
            }
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(read(b"owner").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_file_from_before_there_were_checksums_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        json_file::write(&path, &example()).unwrap();
        assert_eq!(read::<BTreeMap<String, f64>>(&path, b"owner").unwrap(), example());
    }
}
