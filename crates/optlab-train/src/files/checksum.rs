//! SHA-256 checksums as text.

use crate::Error;
use optlab_core::bounded_file;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Returns the SHA-256 of `bytes` in 64 lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    in_digits(&Sha256::digest(bytes))
}

/// Returns the first 12 digits of the SHA-256 of `bytes`, for versions and names of runs: two of 10,000 have
/// the same once in five million times.
pub fn fingerprint(bytes: &[u8]) -> String {
    let mut digits = sha256(bytes);
    digits.truncate(12);
    digits
}

/// Returns the SHA-256 of a file's content, without holding it in memory.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a pipe or a device.
pub fn of_file(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut file = bounded_file::open(path, u64::MAX)?;
    std::io::copy(&mut file, &mut hash).map_err(Error::io("read", path))?;
    Ok(in_digits(&hash.finalize()))
}

/// Returns the bytes of a hash in lower-case hexadecimal digits.
pub fn in_digits(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sha256_of_abc_matches_the_standard() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::sha256(b"abc"), expected);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(super::of_file(file.path()).unwrap(), expected);
    }
}
