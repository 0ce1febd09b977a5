//! IDX, the format of MNIST's files: a big-endian header, then bytes.
//!
//! ```text
//! images: u32 2051, u32 count, u32 height, u32 width, count · height · width bytes
//! labels: u32 2049, u32 count, count bytes
//! ```

use crate::Error;
use std::path::Path;

/// The images of an IDX file.
pub(super) struct Images<'a> {
    pub height: usize,
    pub width: usize,
    /// `count · height · width` bytes, row by row.
    pub pixels: &'a [u8],
}

/// Reads images; `path` is only used in the error.
///
/// # Errors
/// [`Error::Data`] if `content` is not an IDX image file, or has fewer or more bytes than its header
/// promises.
pub(super) fn images<'a>(path: &Path, content: &'a [u8]) -> Result<Images<'a>, Error> {
    let ([_, height, width], pixels) = parse(path, content, 2051, "images")?;
    Ok(Images { height, width, pixels })
}

/// Reads labels; `path` is only used in the error.
///
/// # Errors
/// As for [`images`], and if a label is not below `classes`.
pub(super) fn labels<'a>(path: &Path, content: &'a [u8], classes: usize) -> Result<&'a [u8], Error> {
    let ([_], labels) = parse(path, content, 2049, "labels")?;
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(i) => Err(Error::Data {
            path: path.into(),
            reason: format!("label {i} is {}, not below {classes}", labels[i]),
        }),
        None => Ok(labels),
    }
}

/// Splits `content` into the `D` sizes of its header and the bytes after it, and checks that their number
/// matches.
fn parse<'a, const D: usize>(
    path: &Path,
    content: &'a [u8],
    magic: u32,
    kind: &str,
) -> Result<([usize; D], &'a [u8]), Error> {
    let error = |reason| Error::Data { path: path.into(), reason };
    let word = |i: usize| {
        let bytes = content.get(4 * i..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    };
    let truncated = || error(format!("is truncated: {} bytes do not hold the header", content.len()));

    let found = word(0).ok_or_else(truncated)?;
    if found != magic {
        return Err(error(format!("holds no IDX {kind}: it begins with {found:#010x}, not {magic:#010x}")));
    }
    let mut sizes = [0; D];
    for (i, size) in sizes.iter_mut().enumerate() {
        *size = word(i + 1).ok_or_else(truncated)? as usize;
    }
    let body = &content[4 * (D + 1)..];
    // A malformed header may promise more bytes than a usize can count.
    let promised = sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    if promised != Some(body.len()) {
        let sizes = sizes.map(|size| size.to_string()).join(" × ");
        return Err(error(format!(
            "is truncated or overlong: its header promises {sizes} bytes, {} follow",
            body.len()
        )));
    }
    Ok((sizes, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(words: &[u32], body: &[u8]) -> Vec<u8> {
        let mut content: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        content.extend_from_slice(body);
        content
    }

    #[test]
    fn images_and_labels_are_read() {
        let content = file(&[2051, 2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let images = images(Path::new("i"), &content).unwrap();
        assert_eq!((images.height, images.width), (1, 3));
        assert_eq!(images.pixels, [1, 2, 3, 4, 5, 6]);
        let content = file(&[2049, 2], &[7, 9]);
        assert_eq!(labels(Path::new("l"), &content, 10).unwrap(), [7, 9]);
    }

    #[test]
    fn every_kind_of_wrong_file_is_an_error_that_says_what_is_wrong() {
        let huge = u32::MAX;
        for (content, reason) in [
            (vec![], "0 bytes do not hold the header"),
            (file(&[2051, 2, 1], &[]), "12 bytes do not hold the header"),
            (file(&[2049, 2, 1, 3], &[0; 6]), "holds no IDX images: it begins with 0x00000801"),
            (file(&[2051, 2, 1, 3], &[0; 5]), "promises 2 × 1 × 3 bytes, 5 follow"),
            (file(&[2051, 2, 1, 3], &[0; 7]), "promises 2 × 1 × 3 bytes, 7 follow"),
            (file(&[2051, huge, huge, huge], &[0; 7]), "7 follow"),
        ] {
            let error = images(Path::new("dir/images"), &content).err().unwrap().to_string();
            assert!(error.contains("dir/images") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_label_outside_the_classes_is_an_error() {
        let error = labels(Path::new("l"), &file(&[2049, 3], &[1, 10, 2]), 10).unwrap_err();
        assert!(error.to_string().contains("label 1 is 10, not below 10"), "{error}");
    }
}
