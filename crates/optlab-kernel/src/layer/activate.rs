//! An activation by itself.

use crate::layer::activation::Activation;
use crate::layer::operation::{Operation, apply};
use crate::layer::pieces::chunks_or_none;
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::memory::source::PIECE;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// Applies an activation to each number of `x`.
///
/// # Panics
/// If `x` is not [on the host](crate::is_on_host).
pub fn activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::Identity => x,
        _ => Tensor::from_dispatch(apply(Activate { activation }, [x.into_dispatch()])),
    }
}

#[derive(Debug, Clone)]
struct Activate {
    activation: Activation,
}

impl Activate {
    /// Returns the result and the derivative at each number; a ReLU's is 0 or 1.
    fn compute(&self, x: &HostBuffer, save: bool) -> (HostBuffer, Vec<f32>) {
        let mut y = take(x.len());
        let mut slopes = take(if save { x.len() } else { 0 });
        // Without slopes the second iterator must have as many pieces.
        let number = y.len().div_ceil(PIECE);
        let mut kept = chunks_or_none(&mut slopes, PIECE, number);
        x.with_slice(|x| {
            let pieces = y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).zip(&mut kept);
            pieces.for_each(|((y, x), slopes)| {
                y.copy_from_slice(x);
                vectorized(
                    #[inline(always)]
                    || match (self.activation.is_smooth(), slopes.is_empty()) {
                        (true, false) => self.activation.apply_with_slopes(y, slopes, None),
                        _ => {
                            self.activation.apply(y, None);
                            for (slope, y) in slopes.iter_mut().zip(&*y) {
                                *slope = if *y <= 0.0 { 0.0 } else { 1.0 };
                            }
                        }
                    },
                );
            });
        });
        (x.with_elements(y, &x.shape()), slopes)
    }
}

impl Operation<1> for Activate {
    type Saved = Vec<f32>;

    fn forward(&self, [x]: [HostBuffer; 1]) -> HostBuffer {
        self.compute(&x, false).0
    }

    fn forward_and_save(&self, [x]: [HostBuffer; 1]) -> (HostBuffer, Vec<f32>) {
        self.compute(&x, true)
    }

    fn backward(&self, mut slopes: Vec<f32>, grad: HostBuffer, _: [bool; 1]) -> [Option<HostBuffer>; 1] {
        grad.with_slice(|grad| {
            slopes.par_chunks_mut(PIECE).zip(grad.par_chunks(PIECE)).for_each(|(slopes, grad)| {
                vectorized(
                    #[inline(always)]
                    || slopes.iter_mut().zip(grad).for_each(|(slope, grad)| *slope *= grad),
                );
            });
        });
        let shape = grad.shape();
        let of_x = grad.with_elements(slopes, &shape);
        grad.recycle();
        [Some(of_x)]
    }
}
