//! Chooses the size and colours that the options leave open.

use super::Pictures;
use super::decode::{self, decode};
use super::options::{Frame, PictureColor, PictureOptions, PictureSize};
use crate::Error;
use std::collections::BTreeMap;

/// Most pictures looked at.
const MOST_SAMPLES: usize = 64;
/// Largest height and width at which pictures keep their size, and the size of larger ones.
const SMALL: u32 = 64;

impl Pictures {
    /// Returns the shape that `options` give these pictures.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `options` are invalid, and [`Error::Data`] if
    /// a picture that is looked at cannot be decoded.
    pub fn frame(&self, options: &PictureOptions) -> Result<Frame, Error> {
        options.validate()?;
        let PictureSize { height, width } = match options.size {
            Some(size) => size,
            None => self.common_size()?,
        };
        let color = match options.color {
            Some(color) => color,
            None => self.common_color()?,
        };
        let (height, width) = (height as usize, width as usize);
        Ok(Frame { channels: color.channels(), height, width, fit: options.fit })
    }

    /// Returns the indices of evenly spaced pictures.
    fn samples(&self) -> impl Iterator<Item = usize> {
        let count = self.len().min(MOST_SAMPLES);
        (0..count).map(move |i| i * self.len() / count)
    }

    /// Returns the most common size if all are small; of several the largest.
    fn common_size(&self) -> Result<PictureSize, Error> {
        let mut counts = BTreeMap::new();
        for i in self.samples() {
            let (height, width) = decode::size(&self.path(i))?;
            if height.max(width) > SMALL {
                return Ok(PictureSize { height: SMALL, width: SMALL });
            }
            *counts.entry(PictureSize { height, width }).or_insert(0) += 1;
        }
        let most = counts.into_iter().max_by_key(|&(size, count)| (count, size));
        Ok(most.map_or(PictureSize { height: SMALL, width: SMALL }, |(size, _)| size))
    }

    fn common_color(&self) -> Result<PictureColor, Error> {
        for i in self.samples() {
            if !decode(&self.path(i))?.is_grey() {
                return Ok(PictureColor::Rgb);
            }
        }
        Ok(PictureColor::Grey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::PictureFit;
    use crate::data::pictures::test_files::{folder_of, grey_png, rgb_png};
    use std::fs;

    /// Lists pictures of these contents, in two classes.
    fn pictures(files: &[Vec<u8>]) -> (tempfile::TempDir, Pictures) {
        let names: Vec<String> = (0..files.len()).map(|i| format!("{}/{i:03}.png", i % 2)).collect();
        let folder = folder_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (name, bytes) in names.iter().zip(files) {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let pictures = Pictures::list(folder.path()).unwrap();
        (folder, pictures)
    }

    fn shape(files: &[Vec<u8>]) -> [usize; 3] {
        pictures(files).1.frame(&PictureOptions::default()).unwrap().shape()
    }

    fn grey(height: u32, width: u32) -> Vec<u8> {
        grey_png(height, width, &vec![7; (height * width) as usize])
    }

    #[test]
    fn small_pictures_keep_their_most_common_size() {
        assert_eq!(shape(&[grey(28, 20), grey(28, 20), grey(5, 64)]), [1, 28, 20]);
        assert_eq!(shape(&[grey(64, 64), grey(64, 64)]), [1, 64, 64]);
        assert_eq!(shape(&[grey(8, 8), grey(9, 9)]), [1, 9, 9]);
    }

    #[test]
    fn larger_pictures_get_64_by_64() {
        assert_eq!(shape(&[grey(28, 28), grey(28, 28), grey(10, 65)]), [1, 64, 64]);
    }

    #[test]
    fn pictures_are_grey_only_if_all_are() {
        let grey_in_rgb = rgb_png(2, 2, &[9; 12]);
        assert_eq!(shape(&[grey(2, 2), grey_in_rgb.clone()]), [1, 2, 2]);
        let mut samples = [9; 12];
        samples[11] = 10;
        assert_eq!(shape(&[grey_in_rgb, rgb_png(2, 2, &samples)]), [3, 2, 2]);
    }

    #[test]
    fn what_the_options_say_is_taken_without_looking_at_the_pictures() {
        let (_folder, pictures) = pictures(&[vec![], vec![]]);
        let options = PictureOptions {
            size: Some(PictureSize { height: 4, width: 6 }),
            color: Some(PictureColor::Rgb),
            fit: PictureFit::Pad,
        };
        let frame = pictures.frame(&options).unwrap();
        assert_eq!(frame, Frame { channels: 3, height: 4, width: 6, fit: PictureFit::Pad });
        assert_eq!(frame.values(), 72);
        for options in [PictureOptions { size: None, ..options }, PictureOptions { color: None, ..options }] {
            let error = pictures.frame(&options).unwrap_err().to_string();
            assert!(error.ends_with("000.png: is neither a PNG nor a JPEG picture"), "{error}");
        }
        let size = Some(PictureSize { height: 0, width: 6 });
        assert!(pictures.frame(&PictureOptions { size, ..options }).unwrap_err().is_usage());
    }

    #[test]
    fn at_most_64_evenly_spaced_pictures_are_looked_at() {
        // Of 128, every second: the coloured one is not among them.
        let mut files = vec![grey(2, 2); 128];
        files[3] = rgb_png(2, 2, &[1, 2, 3].repeat(4));
        let (_folder, listed) = pictures(&files);
        let looked: Vec<usize> = listed.samples().collect();
        assert_eq!(looked, (0..64).map(|i| 2 * i).collect::<Vec<_>>());
        // Classes alternate in the names, so the list has the even files first.
        assert!(listed.path(64 + 1).ends_with("1/003.png"));
        assert_eq!(listed.frame(&PictureOptions::default()).unwrap().channels, 1);
    }
}
