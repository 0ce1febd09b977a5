//! Rows of a table for tokens.

use crate::layer::operation::{Operation, apply};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::vectorize::vectorized;
use burn::tensor::{Int, Tensor};

/// Returns the row of `weight` for each token, plus the row of `positions` for its place in the sequence:
///
/// ```text
/// yᵦₜ = W[xᵦₜ] + P[t]
/// ```
///
/// The gradient of a row of the weight is the sum over the tokens that it stands for, in their order.
///
/// # Shapes
/// `tokens`: `[batch, time]`, each in `[0, vocabulary)`; `weight`: `[vocabulary, width]`, `positions`:
/// `[time or more, width]`, `y`: `[batch, time, width]`.
///
/// # Panics
/// If the weight is not [on the host](crate::is_on_host), if a token is not in the vocabulary, or if there
/// are fewer positions than places.
pub fn embedding(tokens: &Tensor<2, Int>, weight: Tensor<2>, positions: Option<Tensor<2>>) -> Tensor<3> {
    let ([batch, time], [vocabulary, width]) = (tokens.dims(), weight.dims());
    let rows: Vec<usize> = tokens.to_data().iter::<i64>().map(|token| token as usize).collect();
    assert!(rows.iter().all(|row| *row < vocabulary), "each token is one of {vocabulary}");
    let operation = Embedding { rows, shape: [batch, time, width] };
    let weight = weight.into_dispatch();
    Tensor::from_dispatch(match positions {
        None => apply(operation, [weight]),
        Some(positions) => {
            let [places, of_place] = positions.dims();
            assert!(places >= time && of_place == width, "a row of the same width for each place");
            apply(operation, [weight, positions.into_dispatch()])
        }
    })
}

#[derive(Debug, Clone)]
struct Embedding {
    /// The row of the weight for each token.
    rows: Vec<usize>,
    /// The shape of the result.
    shape: [usize; 3],
}

/// The rows of the weight and of the positions.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    vocabulary: usize,
    places: usize,
}

impl<const N: usize> Operation<N> for Embedding {
    type Saved = Sizes;

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Sizes) {
        let [_, time, width] = self.shape;
        let mut y = take(self.rows.len() * width);
        inputs[0].with_slice(|weight| {
            HostBuffer::with_optional_slice(inputs.get(1), |positions| {
                for (place, (y, row)) in y.chunks_exact_mut(width).zip(&self.rows).enumerate() {
                    let of_token = &weight[row * width..(row + 1) * width];
                    match positions {
                        None => y.copy_from_slice(of_token),
                        Some(positions) => {
                            let of_place = &positions[place % time * width..][..width];
                            for ((y, token), place) in y.iter_mut().zip(of_token).zip(of_place) {
                                *y = token + place;
                            }
                        }
                    }
                }
            });
        });
        let rows = |input: &HostBuffer| input.len() / width.max(1);
        let sizes = Sizes { vocabulary: rows(&inputs[0]), places: inputs.get(1).map_or(0, rows) };
        (inputs[0].with_elements(y, &self.shape), sizes)
    }

    fn backward(&self, sizes: Sizes, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let [_, time, width] = self.shape;
        let sum = |rows: usize, row_of: &dyn Fn(usize) -> usize| {
            let mut sum = vec![0.0; rows * width];
            grad.with_slice(|grad| {
                vectorized(
                    #[inline(always)]
                    || {
                        for (place, grad) in grad.chunks_exact(width).enumerate() {
                            let row = &mut sum[row_of(place) * width..][..width];
                            row.iter_mut().zip(grad).for_each(|(sum, grad)| *sum += grad);
                        }
                    },
                );
            });
            grad.with_elements(sum, &[rows, width])
        };
        let mut of_inputs = [const { None }; N];
        of_inputs[0] = wanted[0].then(|| sum(sizes.vocabulary, &|place| self.rows[place]));
        if let Some(of_positions) = of_inputs.get_mut(1) {
            *of_positions = wanted[1].then(|| sum(sizes.places, &|place| place % time));
        }
        grad.recycle();
        of_inputs
    }
}
