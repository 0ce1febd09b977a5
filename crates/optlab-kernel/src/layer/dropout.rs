//! Dropout with a mask that is a pure function of seed, step and layer.

use crate::layer::operation::{Operation, apply};
use crate::layer::philox::{LANES, philox};
use crate::layer::{CHANNELS_FIRST, CHANNELS_LAST};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::memory::source::PIECE;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The choice of dropped elements: a pure function of these four fields and the element's index.
///
/// ```text
/// mₑ = 0 with probability p, else 1 / (1 − p)
/// ```
///
/// An element is dropped if its 16 bits of Philox 4×32-10 are below `p · 2¹⁶`. The seed is the key; step,
/// layer and part of the element's index are the counter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropoutMask {
    /// The fraction `p` of elements set to 0, in `[0, 1)`, to a precision of 1/65536.
    pub probability: f64,
    /// The trial's seed.
    pub seed: u64,
    /// The step, from 0.
    pub step: u64,
    /// The number of the layer, different for each layer of a model; below 2³².
    pub layer: u32,
}

/// Multiplies `x` by the mask: in place unless the memory is shared.
///
/// Elements are indexed row-major, except that images `[batch, channels, height, width]` are indexed with the
/// channels last, as the other operations store them in memory.
///
/// # Panics
/// If `x` is not [on the host](crate::is_on_host).
pub fn dropout<const D: usize>(x: Tensor<D>, mask: DropoutMask) -> Tensor<D> {
    Tensor::from_dispatch(apply(Dropout { mask }, [x.into_dispatch()]))
}

/// The elements that are drawn at once: each of 16 counters has four words of two draws.
const GROUP: usize = 8 * LANES;

impl DropoutMask {
    /// Returns the factors of the elements with indices below `elements`.
    pub fn factors(&self, elements: usize) -> Vec<f32> {
        let mut factors = vec![1.0; elements];
        self.multiply(&mut factors);
        factors
    }

    fn multiply(&self, x: &mut [f32]) {
        x.par_chunks_mut(PIECE).enumerate().for_each(|(piece, x)| {
            vectorized(
                #[inline(always)]
                || {
                    for (group, x) in x.chunks_mut(GROUP).enumerate() {
                        self.multiply_group(piece * (PIECE / GROUP) + group, x);
                    }
                },
            );
        });
    }

    #[inline(always)]
    fn multiply_group(&self, group: usize, x: &mut [f32]) {
        // The lowest 7 bits of an element's index choose among the draws of a group, so the index can have 39
        // bits.
        let first = (group * LANES) as u32;
        let counters = std::array::from_fn(|lane| first.wrapping_add(lane as u32));
        let counters =
            [counters, [self.layer; LANES], [self.step as u32; LANES], [(self.step >> 32) as u32; LANES]];
        let words = philox(counters, [self.seed as u32, (self.seed >> 32) as u32]);
        let threshold = (self.probability * 65536.0).round() as u32;
        let kept = (1.0 / (1.0 - self.probability)) as f32;
        for (part, x) in x.chunks_mut(LANES).enumerate() {
            let (words, shift) = (&words[part / 2], 16 * (part % 2));
            for (x, word) in x.iter_mut().zip(words) {
                let draw = (word >> shift) & 0xffff;
                *x *= if draw < threshold { 0.0 } else { kept };
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Dropout {
    mask: DropoutMask,
}

impl Dropout {
    fn multiply(&self, x: HostBuffer) -> HostBuffer {
        let is_image = x.shape().len() == 4;
        let x = if is_image { x.permute(CHANNELS_LAST) } else { x };
        let mut x = x.into_contiguous();
        let y = match x.slice_mut_in_place() {
            Some(elements) => {
                self.mask.multiply(elements);
                x
            }
            None => {
                let mut y = take(x.len());
                x.with_slice(|x| y.copy_from_slice(x));
                self.mask.multiply(&mut y);
                x.with_elements(y, &x.shape())
            }
        };
        if is_image { y.permute(CHANNELS_FIRST) } else { y }
    }
}

impl Operation<1> for Dropout {
    type Saved = ();

    fn forward_and_save(&self, [x]: [HostBuffer; 1]) -> (HostBuffer, ()) {
        (self.multiply(x), ())
    }

    fn backward(&self, (): (), grad: HostBuffer, _: [bool; 1]) -> [Option<HostBuffer>; 1] {
        [Some(self.multiply(grad))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: DropoutMask = DropoutMask { probability: 0.5, seed: 2, step: 3, layer: 1 };

    #[test]
    fn a_mask_drops_its_share_and_keeps_the_mean() {
        for probability in [0.1, 0.25, 0.5, 0.9] {
            let mask = DropoutMask { probability, ..MASK }.factors(100_000);
            let dropped = mask.iter().filter(|factor| **factor == 0.0).count() as f64 / 1e5;
            let mean = mask.iter().map(|factor| f64::from(*factor)).sum::<f64>() / 1e5;
            assert!((dropped - probability).abs() < 0.01, "{dropped} dropped for p = {probability}");
            assert!((mean - 1.0).abs() < 0.04, "mean {mean} for p = {probability}");
        }
    }

    #[test]
    fn a_mask_depends_on_seed_step_layer_and_element_and_on_nothing_else() {
        let here = MASK.factors(64);
        assert_eq!(here, MASK.factors(1000)[..64]);
        for other in [
            DropoutMask { seed: 3, ..MASK },
            DropoutMask { seed: 2 | 1 << 32, ..MASK },
            DropoutMask { step: 2, ..MASK },
            DropoutMask { step: 3 | 1 << 32, ..MASK },
            DropoutMask { layer: 0, ..MASK },
        ] {
            assert_ne!(here, other.factors(64), "{other:?}");
        }
        // Elements of one group, of two groups and of two pieces.
        let mask = MASK.factors(2 * PIECE);
        assert_ne!(mask[..16], mask[16..32]);
        assert_ne!(mask[..128], mask[128..256]);
        assert_ne!(mask[..PIECE], mask[PIECE..]);
    }
}
