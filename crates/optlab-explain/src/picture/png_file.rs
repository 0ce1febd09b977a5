//! Pixels as a PNG file.

use optlab_train::Error;

/// A picture of red, green and blue, row by row.
pub(super) struct Pixels {
    pub width: usize,
    pub height: usize,
    pub bytes: Vec<u8>,
}

impl Pixels {
    /// Returns a picture of one colour.
    pub fn new(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Pixels { width, height, bytes: colour.repeat(width * height) }
    }

    /// Draws the pixel at column `x` and row `y` as a square whose sides are `scale` pixels, from `left` and
    /// `top`.
    pub fn square(&mut self, [left, top]: [usize; 2], [x, y]: [usize; 2], scale: usize, colour: [u8; 3]) {
        for row in 0..scale {
            let start = ((top + y * scale + row) * self.width + left + x * scale) * 3;
            self.bytes[start..start + 3 * scale].copy_from_slice(&colour.repeat(scale));
        }
    }

    /// Returns the file.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let broken = |reason: png::EncodingError| Error::usage(format!("a picture: {reason}"));
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(broken)?;
        writer.write_image_data(&self.bytes).map_err(broken)?;
        writer.finish().map_err(broken)?;
        Ok(file)
    }
}
