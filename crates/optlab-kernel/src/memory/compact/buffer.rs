//! A buffer in 16 or 8 bits, and its parts for one pass.

use crate::memory::compact::float8::Sign;
use crate::memory::compact::rounding::PieceBits;
use crate::memory::compact::{BLOCK, Rounding, STRIP, bfloat16, float8};
use crate::memory::source::PIECE;
use crate::vectorize::vectorized;
use burn::tensor::{DType, TensorData, bf16};
use rayon::prelude::*;

/// How a [`CompactBuffer`] stores its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As bfloat16: 2 bytes a number, with a relative error below 2⁻⁷.
    BFloat16,
    /// As 8-bit floats with a sign, and a scale for each 256 numbers.
    Signed8,
    /// As 8-bit floats without a sign, and a scale for each 256 numbers. A positive number never becomes 0; a
    /// negative one does.
    Positive8,
}

impl Format {
    /// Returns the element type of the codes.
    pub fn dtype(self) -> DType {
        match self {
            Format::BFloat16 => DType::BF16,
            Format::Signed8 | Format::Positive8 => DType::U8,
        }
    }

    /// Returns the number of scales for a buffer of `len` numbers, if the format has scales.
    pub fn scales(self, len: usize) -> Option<usize> {
        match self {
            Format::BFloat16 => None,
            Format::Signed8 | Format::Positive8 => Some(len.div_ceil(BLOCK)),
        }
    }

    fn sign(self) -> Sign {
        if self == Format::Positive8 { Sign::Positive } else { Sign::Signed }
    }
}

/// A tensor's numbers in fewer than 32 bits, in host memory, row-major.
///
/// Numbers are rounded stochastically when they are stored: to one of the two neighbours that the format
/// holds, so that the mean over many steps is right. The random bits are a function of the
/// [`Rounding`], of the buffer's index among the buffers of a parameter, and of the element.
///
/// # Example
/// ```
/// use optlab_kernel::{CompactBuffer, Format, Rounding};
///
/// let mut buffer = CompactBuffer::filled(Format::BFloat16, &[1000], 0.0);
/// // bfloat16 has 1 and 1.0078125, and nothing between them.
/// buffer.encode(&[1.001; 1000], Rounding::new(0, 1), 0);
/// let mean = buffer.decode().iter().sum::<f32>() / 1000.0;
/// assert!((mean - 1.001).abs() < 5e-4);
/// ```
#[derive(Debug, Clone)]
pub struct CompactBuffer {
    shape: Vec<usize>,
    format: Format,
    /// The codes in 16 bits; empty in 8 bits.
    halves: Vec<bf16>,
    /// The codes in 8 bits; empty in 16 bits.
    bytes: Vec<u8>,
    /// A scale for each block in 8 bits; empty in 16 bits.
    scales: Vec<f32>,
}

impl CompactBuffer {
    /// Returns a buffer with `value` in every element, rounded.
    pub fn filled(format: Format, shape: &[usize], value: f32) -> Self {
        let len = shape.iter().product();
        let (halves, bytes) = if format == Format::BFloat16 { (len, 0) } else { (0, len) };
        let mut buffer = CompactBuffer {
            shape: shape.to_vec(),
            format,
            halves: vec![bf16::from_bits(0); halves],
            bytes: vec![0; bytes],
            scales: vec![0.0; format.scales(len).unwrap_or(0)],
        };
        if value != 0.0 {
            buffer.encode(&vec![value; len], Rounding::default(), 0);
        }
        buffer
    }

    /// Returns the buffer with the given codes and scales, as [`into_data`](Self::into_data) returns them;
    /// `None` if their types or lengths do not belong to the format.
    pub fn from_data(format: Format, codes: TensorData, scales: Option<TensorData>) -> Option<Self> {
        let shape = codes.shape().to_vec();
        let len = shape.iter().product();
        let (halves, bytes) = match format {
            Format::BFloat16 => (codes.try_into_vec().ok()?, Vec::new()),
            Format::Signed8 | Format::Positive8 => (Vec::new(), codes.try_into_vec().ok()?),
        };
        let scales = scales.map_or(Some(Vec::new()), |scales| scales.try_into_vec().ok())?;
        let is_whole = halves.len() + bytes.len() == len && scales.len() == format.scales(len).unwrap_or(0);
        is_whole.then_some(CompactBuffer { shape, format, halves, bytes, scales })
    }

    /// Returns the codes, in the shape of the buffer, and the scales, if the format has any.
    pub fn into_data(self) -> (TensorData, Option<TensorData>) {
        let CompactBuffer { shape, format, halves, bytes, scales } = self;
        if format == Format::BFloat16 {
            return (TensorData::new(halves, shape), None);
        }
        let blocks = [scales.len()];
        (TensorData::new(bytes, shape), Some(TensorData::new(scales, blocks)))
    }

    /// Returns the format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        self.halves.len() + self.bytes.len()
    }

    /// Returns whether the buffer has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the numbers as 32-bit floats, row-major.
    pub fn decode(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.len()];
        let codes = self.codes();
        values.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
            vectorized(
                #[inline(always)]
                || {
                    for (block, values) in values.chunks_mut(BLOCK).enumerate() {
                        codes.decode_block(piece * (PIECE / BLOCK) + block, values);
                    }
                },
            );
        });
        values
    }

    /// Replaces all numbers, in the same order; `index` is the buffer's index among those of its parameter.
    ///
    /// # Panics
    /// If there is another number of values than of elements.
    pub fn encode(&mut self, values: &[f32], rounding: Rounding, index: usize) {
        assert_eq!(values.len(), self.len(), "another number of values than the buffer has");
        encode_pieces(self.codes_mut(), values, rounding, index, 0);
    }

    /// Returns the codes, to be read.
    pub(crate) fn codes(&self) -> CodesRef<'_> {
        match self.format {
            Format::BFloat16 => Codes::Halves(&self.halves),
            format => Codes::Bytes { sign: format.sign(), codes: &self.bytes, scales: &self.scales },
        }
    }

    /// Returns the codes, to be replaced.
    pub(crate) fn codes_mut(&mut self) -> CodesMut<'_> {
        match self.format {
            Format::BFloat16 => Codes::Halves(&mut self.halves),
            format => Codes::Bytes { sign: format.sign(), codes: &mut self.bytes, scales: &mut self.scales },
        }
    }
}

/// Codes to be read.
pub(crate) type CodesRef<'a> = Codes<&'a [bf16], &'a [u8], &'a [f32]>;

/// Codes to be replaced.
pub(crate) type CodesMut<'a> = Codes<&'a mut [bf16], &'a mut [u8], &'a mut [f32]>;

/// Codes of some neighbouring blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codes<H, B, S> {
    /// In 16 bits.
    Halves(H),
    /// In 8 bits.
    Bytes { sign: Sign, codes: B, scales: S },
}

impl CodesRef<'_> {
    /// Decodes block `block`, which has as many elements as `values`.
    #[inline(always)]
    pub fn decode_block(&self, block: usize, values: &mut [f32]) {
        let elements = block * BLOCK..block * BLOCK + values.len();
        match *self {
            Codes::Halves(codes) => bfloat16::decode(&codes[elements], values),
            Codes::Bytes { sign, codes, scales } => {
                float8::decode(sign, &codes[elements], scales[block], values);
            }
        }
    }
}

impl CodesMut<'_> {
    /// Returns the same codes, to be read.
    #[inline(always)]
    pub fn read(&self) -> CodesRef<'_> {
        match self {
            Codes::Halves(codes) => Codes::Halves(codes),
            Codes::Bytes { sign, codes, scales } => Codes::Bytes { sign: *sign, codes, scales },
        }
    }

    /// Splits the codes before element `middle`, which begins a block.
    pub fn split_at(self, middle: usize) -> (Self, Self) {
        match self {
            Codes::Halves(codes) => {
                let (left, right) = codes.split_at_mut(middle);
                (Codes::Halves(left), Codes::Halves(right))
            }
            Codes::Bytes { sign, codes, scales } => {
                let (left, right) = codes.split_at_mut(middle);
                let (scales, right_scales) = scales.split_at_mut(middle / BLOCK);
                let of = |codes, scales| Codes::Bytes { sign, codes, scales };
                (of(left, scales), of(right, right_scales))
            }
        }
    }

    /// Encodes `values` as block `block`; the codes begin with the piece to which `bits` belong.
    #[inline(always)]
    pub fn encode_block(&mut self, block: usize, values: &[f32], bits: PieceBits) {
        let start = block * BLOCK;
        let elements = start..start + values.len();
        match self {
            Codes::Halves(codes) => {
                let strips = values.chunks(STRIP).zip(codes[elements].chunks_mut(STRIP));
                for (strip, (values, codes)) in strips.enumerate() {
                    bfloat16::encode(values, codes, bits.of_strip(start + strip * STRIP));
                }
            }
            Codes::Bytes { sign, codes, scales } => {
                scales[block] = float8::encode(*sign, values, &mut codes[elements], bits, start);
            }
        }
    }
}

/// Encodes `values`, which begin with element `first` of a buffer, on several threads if there are many.
fn encode_pieces(mut codes: CodesMut<'_>, values: &[f32], rounding: Rounding, index: usize, first: usize) {
    if values.len() > PIECE {
        let middle = values.len().div_ceil(PIECE).div_ceil(2) * PIECE;
        let (left, right) = codes.split_at(middle);
        let (values, values_right) = values.split_at(middle);
        rayon::join(
            || encode_pieces(left, values, rounding, index, first),
            || encode_pieces(right, values_right, rounding, index, first + middle),
        );
        return;
    }
    let bits = rounding.of_piece(index, first);
    vectorized(
        #[inline(always)]
        || {
            for (block, values) in values.chunks(BLOCK).enumerate() {
                codes.encode_block(block, values, bits);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [Format; 3] = [Format::BFloat16, Format::Signed8, Format::Positive8];

    fn values(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 % 1009) as f32 / 1009.0).powi(3) + 1e-4).collect()
    }

    #[test]
    fn every_length_is_decoded_near_what_was_encoded() {
        for format in FORMATS {
            for len in [0, 1, 255, 256, 257, 16_384, 16_385, 50_001] {
                let mut buffer = CompactBuffer::filled(format, &[len], 0.0);
                let given = values(len);
                buffer.encode(&given, Rounding::new(3, 4), 1);
                let decoded = buffer.decode();
                assert_eq!((decoded.len(), buffer.len()), (len, len));
                let is_near = |(x, y): (&f32, &f32)| (x - y).abs() <= x.abs() / 8.0;
                assert!(given.iter().zip(&decoded).all(is_near), "{format:?}, {len} elements");
            }
        }
    }

    #[test]
    fn codes_and_scales_read_back_and_those_of_another_format_are_refused() {
        for format in FORMATS {
            let mut buffer = CompactBuffer::filled(format, &[3, 200], 0.5);
            assert!(buffer.decode().iter().all(|value| *value == 0.5));
            buffer.encode(&values(600), Rounding::new(1, 1), 0);
            let (codes, scales) = buffer.clone().into_data();
            assert_eq!((codes.dtype(), codes.shape().to_vec()), (format.dtype(), vec![3, 200]));
            let read = CompactBuffer::from_data(format, codes.clone(), scales.clone()).unwrap();
            assert_eq!(read.decode(), buffer.decode());
            let other = if format == Format::BFloat16 { Format::Signed8 } else { Format::BFloat16 };
            assert!(CompactBuffer::from_data(other, codes.clone(), scales.clone()).is_none());
            if scales.is_some() {
                assert!(CompactBuffer::from_data(format, codes, None).is_none());
            }
        }
    }

    #[test]
    fn the_codes_depend_on_the_key_and_the_index_but_not_on_the_threads() {
        for format in FORMATS {
            let encoded = |step, index, threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut buffer = CompactBuffer::filled(format, &[70_000], 0.0);
                pool.install(|| buffer.encode(&values(70_000), Rounding::new(2, step), index));
                buffer.decode()
            };
            let first = encoded(1, 0, 1);
            assert_eq!(first, encoded(1, 0, 2));
            assert_eq!(first, encoded(1, 0, 7));
            assert_ne!(first, encoded(2, 0, 2));
            assert_ne!(first, encoded(1, 1, 2));
        }
    }
}
