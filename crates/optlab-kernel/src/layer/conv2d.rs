//! Two-dimensional convolution.

use crate::layer::activate::activate;
use crate::layer::activation::{Activation, add_rows, note_passed, relu_gradient};
use crate::layer::matmul::{Accum, matrix, multiply};
use crate::layer::operation::{Operation, apply_with_bias};
use crate::layer::pieces::{add_all, chunks_or_none};
use crate::layer::unfold::Unfold;
use crate::layer::window::Window;
use crate::layer::{CHANNELS_FIRST, CHANNELS_LAST};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The elements of an unfolded block: half a megabyte, which stays in a core's cache.
const BLOCK: usize = 131_072;

/// The minimal number of blocks, so that each core has one, and the fewest elements that a block of this
/// minimum has.
const BLOCKS: (usize, usize) = (16, 8192);

/// The most pieces of a batch whose gradients of the weight are computed separately and then added, and the
/// most elements that these gradients have together.
const PIECES: (usize, usize) = (32, 1 << 23);

/// Computes a 2D convolution, as cross-correlation: with `⋆` a sum over the window's pixels and the channels,
///
/// ```text
/// y = activation(x ⋆ W + b)
/// ```
///
/// It is computed as a matrix product over the image's unfolded windows, one block of them at a time.
///
/// # Shapes
/// `x`: `[batch, channels_in, height, width]`, `weight`: `[channels_out, channels_in, …window.size]`, `bias`:
/// `[channels_out]`, `y`: `[batch, channels_out, …window.places([height, width])]`. In memory the channels of
/// `y` are last.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), if the shapes do not match, or
/// if the window does not fit.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: Window,
    activation: Activation,
) -> Tensor<4> {
    let ([_, channels, ..], [_, channels_in, size @ ..]) = (x.dims(), weight.dims());
    assert_eq!(channels, channels_in, "channels of the images and of the weight");
    assert_eq!(size, window.size, "the size of the weight and of the window");
    if activation.is_smooth() {
        let y = apply_with_bias(Conv2d { window, activation: Activation::Identity }, x, weight, bias);
        return activate(y, activation);
    }
    apply_with_bias(Conv2d { window, activation }, x, weight, bias)
}

#[derive(Debug, Clone)]
struct Conv2d {
    window: Window,
    activation: Activation,
}

#[derive(Debug, Clone)]
struct Saved {
    /// `[batch, height, width, channels_in]`.
    x: HostBuffer,
    weight: HostBuffer,
    /// What a ReLU passed, `[batch, height, width, channels_out]`; empty without a ReLU.
    passed: Vec<u8>,
}

/// The division of a convolution's images into blocks and pieces.
struct Division {
    unfold: Unfold,
    batch: usize,
    channels_out: usize,
}

impl Division {
    fn new(window: Window, x: &HostBuffer, weight: &HostBuffer) -> Self {
        let [batch, height, width, channels] = x.dims();
        let [channels_out, ..] = weight.dims::<4>();
        Division { unfold: Unfold::new(window, [height, width], channels), batch, channels_out }
    }

    /// Divides `lines` lines of window positions into blocks of about equal length; returns the most lines of
    /// a block.
    fn lines_of_block(&self, lines: usize) -> usize {
        let elements = lines * self.unfold.places()[1] * self.unfold.columns();
        let blocks = elements.div_ceil(BLOCK).max((elements / BLOCKS.1).min(BLOCKS.0)).max(1);
        lines.div_ceil(blocks)
    }

    /// Returns the number of images in each piece of the batch.
    fn images_of_piece(&self) -> usize {
        let of_weight = self.unfold.columns() * self.channels_out;
        self.batch.div_ceil((PIECES.1 / of_weight).clamp(2, PIECES.0))
    }

    /// Returns the number of window positions in an image.
    fn places(&self) -> usize {
        self.unfold.places().iter().product()
    }
}

impl Conv2d {
    /// Returns `x` and `y`, both with their channels last, and if `save` is set what a ReLU passed.
    fn convolve(&self, inputs: &[HostBuffer], save: bool) -> ([HostBuffer; 2], Vec<u8>) {
        let x = inputs[0].clone().permute(CHANNELS_LAST).into_contiguous();
        let (weight, bias) = (inputs[1].clone(), inputs.get(2));
        let division = Division::new(self.window, &x, &weight);
        let Division { ref unfold, batch, channels_out } = division;
        let [down, across] = unfold.places();
        let mut y = take(batch * down * across * channels_out);
        let lines = division.lines_of_block(batch * down);
        let saved = if save && self.activation == Activation::Relu { y.len() } else { 0 };
        let mut passed = vec![0; saved];
        let weight = weight.permute(&[2, 3, 1, 0]).into_contiguous();
        x.with_slice(|x| {
            weight.with_slice(|weight| {
                HostBuffer::with_optional_slice(bias, |bias| {
                    let weight = matrix(weight, unfold.columns(), channels_out);
                    let block = lines * across * channels_out;
                    let mut of_blocks = chunks_or_none(&mut passed, block, y.len().div_ceil(block));
                    let blocks = y.par_chunks_mut(block).zip(&mut of_blocks);
                    blocks.enumerate().for_each(|(block, (y, passed))| {
                        let places = y.len() / channels_out;
                        with_scratch(places * unfold.columns(), |unfolded| {
                            unfold.read(x, block * lines, unfolded);
                            let unfolded = matrix(unfolded, places, unfold.columns());
                            multiply(y, Accum::Replace, unfolded, weight);
                        });
                        vectorized(
                            #[inline(always)]
                            || {
                                self.activation.apply(y, bias);
                                note_passed(passed, y);
                            },
                        );
                    });
                });
            });
        });
        let y = x.with_elements(y, &[batch, down, across, channels_out]);
        ([x, y], passed)
    }
}

impl<const N: usize> Operation<N> for Conv2d {
    type Saved = Saved;

    fn forward(&self, inputs: [HostBuffer; N]) -> HostBuffer {
        let ([x, y], _) = self.convolve(&inputs, false);
        drop(inputs);
        x.recycle();
        y.permute(CHANNELS_FIRST)
    }

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Saved) {
        let ([x, y], passed) = self.convolve(&inputs, true);
        let [_, weight, ..] = &inputs[..] else { unreachable!("images and a weight") };
        (y.permute(CHANNELS_FIRST), Saved { x, weight: weight.clone(), passed })
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let Saved { x, weight, passed } = saved;
        let grad = grad.permute(CHANNELS_LAST).into_contiguous();
        let of_x = wanted[0].then(|| take(x.len()));
        let (of_x, of_weight, of_bias) = self.gradients(&x, &weight, &grad, &passed, of_x);
        let (shape, [channels_out, channels_in, down, across]) = (x.shape(), weight.dims());
        let mut of_inputs = [const { None }; N];
        of_inputs[0] = of_x.map(|of_x| x.with_elements(of_x, &shape).permute(CHANNELS_FIRST));
        if wanted[1] {
            let grad = x.with_elements(of_weight, &[down, across, channels_in, channels_out]);
            of_inputs[1] = Some(grad.permute(&[3, 2, 0, 1]).into_contiguous());
        }
        if let Some(place) = of_inputs.get_mut(2) {
            *place = wanted[2].then(|| x.with_elements(of_bias, &[channels_out]));
        }
        // An input without a gradient is data: the next step does not reuse its buffer.
        if wanted[0] {
            x.recycle();
        }
        grad.recycle();
        of_inputs
    }
}

impl Conv2d {
    /// Returns the gradients of `x` (if `of_x` is given), of the unfolded weight and of the bias.
    fn gradients(
        &self,
        x: &HostBuffer,
        weight: &HostBuffer,
        grad: &HostBuffer,
        passed: &[u8],
        mut of_x: Option<Vec<f32>>,
    ) -> (Option<Vec<f32>>, Vec<f32>, Vec<f32>) {
        let division = Division::new(self.window, x, weight);
        let images = division.images_of_piece();
        let unfolded_weight = weight.clone().permute(&[2, 3, 1, 0]).into_contiguous();
        let image = x.len() / division.batch;
        let place = division.places() * division.channels_out;
        let number = division.batch.div_ceil(images);
        let mut pieces = chunks_or_none(of_x.as_deref_mut().unwrap_or_default(), images * image, number);
        let sums: Vec<[Vec<f32>; 2]> = x.with_slice(|x| {
            grad.with_slice(|grad| {
                unfolded_weight.with_slice(|weight| {
                    let of_piece = |(piece, of_x): (usize, &mut &mut [f32])| {
                        let first = piece * images;
                        let last = (first + images).min(division.batch);
                        let part = ConvPiece {
                            division: &division,
                            x: &x[first * image..last * image],
                            weight,
                            grad: &grad[first * place..last * place],
                            passed: passed.get(first * place..last * place),
                        };
                        part.gradients(of_x)
                    };
                    pieces.par_iter_mut().enumerate().map(of_piece).collect()
                })
            })
        });
        let [of_weight, of_bias] = add_all(sums);
        (of_x, of_weight, of_bias)
    }
}

/// Whole images of a batch with their gradients.
struct ConvPiece<'a> {
    division: &'a Division,
    x: &'a [f32],
    weight: &'a [f32],
    grad: &'a [f32],
    passed: Option<&'a [u8]>,
}

impl ConvPiece<'_> {
    /// Returns the gradients of the unfolded weight and of the bias. Writes the gradient of the images to
    /// `of_x` unless that is empty.
    fn gradients(&self, of_x: &mut [f32]) -> [Vec<f32>; 2] {
        let Division { ref unfold, channels_out, .. } = *self.division;
        let (columns, across) = (unfold.columns(), unfold.places()[1]);
        of_x.fill(0.0);
        let mut of_weight = vec![0.0; columns * channels_out];
        let mut of_bias = vec![0.0; channels_out];
        let lines_of_block = self.division.lines_of_block(self.grad.len() / (across * channels_out));
        let block = lines_of_block * across * channels_out;
        for (number, grad) in self.grad.chunks(block).enumerate() {
            let (first, places) = (number * lines_of_block, grad.len() / channels_out);
            with_scratch(places * columns, |unfolded| {
                with_scratch(grad.len(), |masked| {
                    let grad = match self.passed {
                        Some(passed) => {
                            let passed = &passed[number * block..][..grad.len()];
                            vectorized(
                                #[inline(always)]
                                || relu_gradient(masked, grad, passed),
                            );
                            &*masked
                        }
                        None => grad,
                    };
                    vectorized(
                        #[inline(always)]
                        || add_rows(&mut of_bias, grad),
                    );
                    unfold.read(self.x, first, unfolded);
                    let grad = matrix(grad, places, channels_out);
                    multiply(&mut of_weight, Accum::Add, matrix(unfolded, places, columns).transpose(), grad);
                    if !of_x.is_empty() {
                        let weight = matrix(self.weight, columns, channels_out);
                        multiply(unfolded, Accum::Replace, grad, weight.transpose());
                        vectorized(
                            #[inline(always)]
                            || unfold.add_to(of_x, first, unfolded),
                        );
                    }
                });
            });
        }
        [of_weight, of_bias]
    }
}
