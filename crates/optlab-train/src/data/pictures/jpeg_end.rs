//! Finds out whether the data of a JPEG file are complete.

/// End of image.
const END: u8 = 0xD9;

/// Returns whether the JPEG file `bytes` has its end marker.
///
/// Walks from marker to marker (ITU-T T.81, annex B), because a thumbnail in the Exif data has an end marker,
/// too, and because bytes may follow the end.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let mut at = 0;
    loop {
        // The next marker; in compressed data, 0xFF 0x00 is a byte of data.
        let Some(found) = bytes.get(at..).and_then(next_marker) else { return false };
        let marker = bytes[at + found + 1];
        at += found + 2;
        match marker {
            END => return true,
            // Start of image, restarts and the temporary marker stand alone.
            0x01 | 0xD0..=0xD8 => {}
            _ => {
                let Some(&[high, low]) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
}

/// Returns the position of the next marker in `bytes`.
fn next_marker(bytes: &[u8]) -> Option<usize> {
    bytes.array_windows().position(|&[first, second]| first == 0xFF && second != 0x00 && second != 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one segment with a thumbnail's end marker inside, and a scan with a stuffed byte and a
    /// restart.
    const FILE: [u8; 20] =
        [0xFF, 0xD8, 0xFF, 0xE1, 0, 4, 0xFF, 0xD9, 0xFF, 0xDA, 0, 3, 7, 0xFF, 0, 1, 0xFF, 0xD0, 0xFF, 0xD9];

    #[test]
    fn a_file_has_its_end_only_if_it_is_whole() {
        assert!(has_end(&FILE));
        for length in 0..FILE.len() {
            assert!(!has_end(&FILE[..length]), "{length}");
        }
    }

    #[test]
    fn a_marker_may_follow_fill_bytes() {
        let (before, end) = FILE.split_at(18);
        assert!(has_end(&[before, &[0xFF, 0xFF], end].concat()));
    }

    #[test]
    fn bytes_after_the_end_do_not_matter() {
        assert!(has_end(&[&FILE[..], &[0, 0, 7]].concat()));
    }
}
