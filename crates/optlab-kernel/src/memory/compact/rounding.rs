//! The random bits of stochastic rounding: a pure function of a key, a buffer and an element, so the same for
//! any number of threads and after a resume.

use crate::memory::compact::STRIP;
use crate::memory::source::PIECE;

/// Half a strip: two elements at this distance share a random word.
const HALF: usize = STRIP / 2;

/// The key of the random bits with which the buffers of one parameter are rounded in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rounding(u64);

impl Rounding {
    /// Returns the key of step `step` of the parameter whose own key is `parameter`.
    pub fn new(parameter: u64, step: u64) -> Self {
        Rounding(mixed(mixed(parameter).wrapping_add(step)))
    }

    /// Returns the bits of the piece that begins with element `first` of the buffer with index `buffer`.
    pub(crate) fn of_piece(self, buffer: usize, first: usize) -> PieceBits {
        let piece = (first / PIECE) as u64;
        let key = mixed(self.0 ^ mixed((buffer as u64) << 48 | piece));
        PieceBits { first: key as u32, key: (key >> 32) as u32 }
    }
}

/// The random bits of the elements of a piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PieceBits {
    first: u32,
    key: u32,
}

impl PieceBits {
    /// Returns the bits of the strip that begins with element `start` of the piece.
    #[inline(always)]
    pub fn of_strip(self, start: usize) -> StripBits {
        StripBits { first: self.first.wrapping_add((start / 2) as u32), key: self.key }
    }
}

/// The random bits of the elements of a strip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StripBits {
    first: u32,
    key: u32,
}

impl StripBits {
    /// Returns 16 random bits for each of two elements of the strip: for number `pair` and for the one half a
    /// strip after it.
    ///
    /// A hash of a counter: two rounds of multiplication and shift, with the constants of Wellons' search for
    /// integer hashes, <https://github.com/skeeto/hash-prospector>. Half of the key is the start of the
    /// counter and half is added between the rounds.
    #[inline(always)]
    fn of_pair(self, pair: u32) -> (u32, u32) {
        let mut word = self.first.wrapping_add(pair);
        word ^= word >> 16;
        word = word.wrapping_mul(0x21F0_AAAD).wrapping_add(self.key);
        word ^= word >> 15;
        word = word.wrapping_mul(0x735A_2D97);
        word ^= word >> 15;
        (word & 0xFFFF, word >> 16)
    }

    /// Returns 16 random bits for element `element` of the strip.
    #[inline(always)]
    fn of_element(self, element: usize) -> u32 {
        let (first, second) = self.of_pair((element % HALF) as u32);
        if element < HALF { first } else { second }
    }

    /// Sets each of `codes` to the code of the value at its place and of 16 random bits.
    #[inline(always)]
    pub fn encode<T>(self, values: &[f32], codes: &mut [T], code: impl Fn(f32, u32) -> T) {
        if values.len() < STRIP {
            for (element, (target, value)) in codes.iter_mut().zip(values).enumerate() {
                *target = code(*value, self.of_element(element));
            }
            return;
        }
        let (values, values_after) = values[..STRIP].split_at(HALF);
        let (codes, codes_after) = codes[..STRIP].split_at_mut(HALF);
        for pair in 0..HALF {
            let (first, second) = self.of_pair(pair as u32);
            codes[pair] = code(values[pair], first);
            codes_after[pair] = code(values_after[pair], second);
        }
    }
}

/// Mixes the bits of a word: the finalizer of SplitMix64 (Steele, Lea & Flood, 2014,
/// <https://doi.org/10.1145/2714064.2660195>).
fn mixed(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the 16-bit numbers of the first pieces of a buffer.
    fn numbers(rounding: Rounding, buffer: usize, pieces: usize) -> Vec<f64> {
        let of_strip = |strip: usize| {
            let bits = rounding.of_piece(buffer, strip * STRIP).of_strip(strip * STRIP % PIECE);
            let mut numbers = [0.0; STRIP];
            bits.encode(&[0.0; STRIP], &mut numbers, |_, random| f64::from(random) / 65536.0);
            numbers
        };
        (0..pieces * PIECE / STRIP).flat_map(of_strip).collect()
    }

    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let len = values.len() as f64;
        values.sum::<f64>() / len
    }

    #[test]
    fn the_bits_are_spread_evenly_over_their_range() {
        let numbers = numbers(Rounding::new(1, 2), 0, 16);
        let mut counts = [0_u32; 64];
        numbers.iter().for_each(|number| counts[(number * 64.0) as usize] += 1);
        let expected = numbers.len() as f64 / 64.0;
        let chi_square: f64 = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        // Chi-square with 63 degrees of freedom: 0.01 % of random counts exceed 113.
        assert!(chi_square < 113.0, "{chi_square}");
    }

    #[test]
    fn steps_parameters_buffers_and_pieces_have_unrelated_bits() {
        let of = |parameter, step, buffer| numbers(Rounding::new(parameter, step), buffer, 2);
        let first = of(1, 1, 0);
        let others = [of(1, 2, 0), of(2, 1, 0), of(1, 1, 1), of(1, 1, 6), of(3, 2, 2)];
        let piece = PIECE;
        let pairs = others.iter().map(|other| (&first[..], &other[..]));
        let pieces = [(&first[..piece], &first[piece..]), (&first[1..], &first[..first.len() - 1])];
        for (left, right) in pairs.chain(pieces) {
            let centred = left.iter().zip(right).map(|(x, y)| (x - 0.5) * (y - 0.5) * 12.0);
            // The standard deviation of this correlation is 1/√16384 or less.
            assert!(mean(centred).abs() < 4.0 / 128.0);
        }
    }

    #[test]
    fn a_part_of_a_strip_has_the_bits_of_the_whole_strip() {
        let bits = Rounding::new(1, 2).of_piece(0, 0).of_strip(128);
        let encoded = |len: usize| {
            let mut words = vec![0; len];
            bits.encode(&vec![0.0; len], &mut words, |_, random| random);
            words
        };
        for len in [1, 31, 32, 33, 63] {
            assert_eq!(encoded(len), encoded(STRIP)[..len]);
        }
    }

    #[test]
    fn the_same_key_gives_the_same_bits_at_every_place() {
        let rounding = Rounding::new(5, 9);
        assert_eq!(numbers(rounding, 3, 2), numbers(rounding, 3, 2));
        assert_ne!(Rounding::new(5, 9), Rounding::new(5, 10));
        assert_ne!(Rounding::new(5, 9), Rounding::new(6, 9));
    }
}
