//! Normalization of rows.

use crate::layer::operation::{Operation, apply};
use crate::layer::pieces::{add_all, chunks_or_none};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::memory::source::PIECE;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// Normalizes each row of `x` by its mean and variance (Ba et al., 2016, <https://arxiv.org/abs/1607.06450>):
///
/// ```text
/// y = γ (x − μ) / √(σ² + ε) + β
/// ```
///
/// # Shapes
/// `x`, `y`: `[…, features]`, `gamma`, `beta`: `[features]`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<D> {
    assert_eq!(x.dims()[D - 1], gamma.dims()[0], "features of the rows and of the scale");
    let operation = Norm { epsilon: epsilon as f32, is_centered: true };
    let (x, gamma) = (x.into_dispatch(), gamma.into_dispatch());
    Tensor::from_dispatch(match beta {
        Some(beta) => apply(operation, [x, gamma, beta.into_dispatch()]),
        None => apply(operation, [x, gamma]),
    })
}

/// Divides each row of `x` by its root mean square (Zhang & Sennrich, 2019,
/// <https://arxiv.org/abs/1910.07467>):
///
/// ```text
/// y = γ x / √(mean(x²) + ε)
/// ```
///
/// # Shapes
/// `x`, `y`: `[…, features]`, `gamma`: `[features]`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn rms_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, epsilon: f64) -> Tensor<D> {
    assert_eq!(x.dims()[D - 1], gamma.dims()[0], "features of the rows and of the scale");
    let operation = Norm { epsilon: epsilon as f32, is_centered: false };
    Tensor::from_dispatch(apply(operation, [x.into_dispatch(), gamma.into_dispatch()]))
}

#[derive(Debug, Clone)]
struct Norm {
    epsilon: f32,
    /// Whether the mean is subtracted.
    is_centered: bool,
}

#[derive(Debug, Clone)]
struct Saved {
    x: HostBuffer,
    gamma: HostBuffer,
    /// Mean and inverse deviation of each row.
    rows: Vec<[f32; 2]>,
}

/// The numbers that are added side by side.
const LANES: usize = 16;

/// Returns the sum of `term` over the places below `len`, in an order that vectors allow.
#[inline(always)]
fn sum(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let whole = len - len % LANES;
    for first in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(first + lane);
        }
    }
    let rest: f32 = (whole..len).map(term).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Returns how many rows of that many features are in a piece.
fn rows_of_piece(features: usize) -> usize {
    (PIECE / features.max(1)).max(1)
}

impl Norm {
    /// Returns mean and inverse deviation of a row.
    #[inline(always)]
    fn of_row(&self, x: &[f32]) -> [f32; 2] {
        let len = x.len() as f32;
        let mean = if self.is_centered { sum(x.len(), |i| x[i]) / len } else { 0.0 };
        let square = |i: usize| (x[i] - mean) * (x[i] - mean);
        [mean, 1.0 / (sum(x.len(), square) / len + self.epsilon).sqrt()]
    }

    /// Writes the gradient of a row to `of_x`, and adds those of `γ` and `β`.
    #[inline(always)]
    fn row_gradient(
        &self,
        [x, grad, gamma]: [&[f32]; 3],
        [mean, scale]: [f32; 2],
        of_x: &mut [f32],
        [of_gamma, of_beta]: [&mut [f32]; 2],
    ) {
        let len = x.len();
        let (grad, gamma) = (&grad[..len], &gamma[..len]);
        let (of_gamma, of_beta) = (&mut of_gamma[..len], &mut of_beta[..len]);
        for i in 0..len {
            of_gamma[i] += grad[i] * (x[i] - mean) * scale;
            of_beta[i] += grad[i];
        }
        if of_x.is_empty() {
            return;
        }
        let along = sum(len, |i| grad[i] * gamma[i] * (x[i] - mean)) * scale * scale / len as f32;
        let of_mean = if self.is_centered { sum(len, |i| grad[i] * gamma[i]) / len as f32 } else { 0.0 };
        let of_x = &mut of_x[..len];
        for i in 0..len {
            of_x[i] = scale * (grad[i] * gamma[i] - of_mean - (x[i] - mean) * along);
        }
    }
}

/// Some rows, their gradient, their means and deviations, and the place of the gradient.
type Part<'a, 'b> = (((&'a [f32], &'a [f32]), &'a [[f32; 2]]), &'a mut &'b mut [f32]);

impl<const N: usize> Operation<N> for Norm {
    type Saved = Saved;

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Saved) {
        let x = inputs[0].clone().into_contiguous();
        let gamma = inputs[1].clone().into_contiguous();
        let features = gamma.len();
        let count = x.len() / features.max(1);
        let mut y = take(x.len());
        let mut rows = vec![[0.0; 2]; count];
        let of_piece = rows_of_piece(features);
        x.with_slice(|x| {
            gamma.with_slice(|gamma| {
                HostBuffer::with_optional_slice(inputs.get(2), |beta| {
                    let pieces = y.par_chunks_mut(of_piece * features).zip(x.par_chunks(of_piece * features));
                    pieces.zip(rows.par_chunks_mut(of_piece)).for_each(|((y, x), rows)| {
                        vectorized(
                            #[inline(always)]
                            || {
                                let both = y.chunks_exact_mut(features).zip(x.chunks_exact(features));
                                for ((y, x), row) in both.zip(&mut *rows) {
                                    *row = self.of_row(x);
                                    let [mean, scale] = *row;
                                    match beta {
                                        Some(beta) => {
                                            for (((y, x), gamma), beta) in
                                                y.iter_mut().zip(x).zip(gamma).zip(beta)
                                            {
                                                *y = (x - mean) * scale * gamma + beta;
                                            }
                                        }
                                        None => {
                                            for ((y, x), gamma) in y.iter_mut().zip(x).zip(gamma) {
                                                *y = (x - mean) * scale * gamma;
                                            }
                                        }
                                    }
                                }
                            },
                        );
                    });
                });
            });
        });
        (x.with_elements(y, &x.shape()), Saved { x, gamma, rows })
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let Saved { x, gamma, rows } = saved;
        let features = gamma.len();
        let of_piece = rows_of_piece(features);
        let mut of_x = take(if wanted[0] { x.len() } else { 0 });
        let mut pieces = chunks_or_none(&mut of_x, of_piece * features, rows.len().div_ceil(of_piece));
        let sums: Vec<[Vec<f32>; 2]> = x.with_slice(|x| {
            grad.with_slice(|grad| {
                gamma.with_slice(|gamma| {
                    let parts = x.par_chunks(of_piece * features).zip(grad.par_chunks(of_piece * features));
                    let parts = parts.zip(rows.par_chunks(of_piece)).zip(&mut pieces);
                    let of_part = |(((x, grad), rows), of_x): Part<'_, '_>| {
                        let mut of_gamma = vec![0.0; features];
                        let mut of_beta = vec![0.0; features];
                        vectorized(
                            #[inline(always)]
                            || {
                                let both = x.chunks_exact(features).zip(grad.chunks_exact(features));
                                for (place, ((x, grad), row)) in both.zip(rows).enumerate() {
                                    let of_x = match of_x.is_empty() {
                                        true => &mut [][..],
                                        false => &mut of_x[place * features..(place + 1) * features],
                                    };
                                    let sums = [&mut of_gamma[..], &mut of_beta[..]];
                                    self.row_gradient([x, grad, gamma], *row, of_x, sums);
                                }
                            },
                        );
                        [of_gamma, of_beta]
                    };
                    parts.map(of_part).collect()
                })
            })
        });
        let [of_gamma, of_beta] = if sums.is_empty() { [vec![], vec![]] } else { add_all(sums) };
        let mut of_inputs = [const { None }; N];
        of_inputs[0] = wanted[0].then(|| x.with_elements(of_x, &x.shape()));
        of_inputs[1] = wanted[1].then(|| x.with_elements(of_gamma, &[features]));
        if let Some(place) = of_inputs.get_mut(2) {
            *place = wanted[2].then(|| x.with_elements(of_beta, &[features]));
        }
        if wanted[0] {
            x.recycle();
        }
        grad.recycle();
        of_inputs
    }
}
