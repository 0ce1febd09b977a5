//! The covariance of gradients as a Kronecker product of two factors, estimated so that the Kullback-Leibler
//! divergence of the normal distributions is small.
//!
//! A parameter is a matrix: a vector is one column, a kernel `[out, in, …]` has `out` rows.

use crate::rule::{Start, TensorMemory};
use crate::rules::parts::linear_algebra::{
    eigen, gram, multiply_along, of_dimension, orthonormal, read, write,
};
use crate::rules::parts::moments::moving_average;
use burn::tensor::Tensor;

/// The names of the buffers: the factor of each dimension, its basis, and the inverse roots of its
/// eigenvalues.
pub(crate) const BUFFERS: [&str; 6] =
    ["preconditioner_0", "preconditioner_1", "basis_0", "basis_1", "inverse_root_0", "inverse_root_1"];

/// The smallest upper bound of an inverse root, and the largest: in between, the dimension itself is it.
const BOUNDS: (usize, usize) = (10, 4000);

fn factor(dim: usize) -> &'static str {
    BUFFERS[dim]
}

fn basis(dim: usize) -> &'static str {
    BUFFERS[2 + dim]
}

fn inverse_root(dim: usize) -> &'static str {
    BUFFERS[4 + dim]
}

/// Returns the parameter as a matrix.
pub(crate) fn as_matrix<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let shape = matrix_shape(&tensor.dims());
    tensor.reshape(shape)
}

fn matrix_shape(shape: &[usize]) -> [usize; 2] {
    let rows = shape.first().copied().unwrap_or(1);
    [rows, shape.iter().skip(1).product()]
}

/// The settings of the factors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KlFactors {
    pub beta: f64,
    pub frequency: usize,
    pub max_dim: usize,
    pub init_factor: f64,
}

impl KlFactors {
    /// Returns the start of a buffer of a factor; `None` if it is not in use.
    pub fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        let (kind, dim) = of_dimension(buffer)?;
        if dim > 0 && shape.len() < 2 {
            return None;
        }
        let size = matrix_shape(shape)[dim];
        match kind {
            "inverse_root" => Some(Start::Zeros(vec![size])),
            _ => (shape.len() > 1 && size <= self.max_dim).then(|| Start::Zeros(vec![size; 2])),
        }
    }

    /// Updates the factors in step `t` with a gradient. The first step initializes them.
    pub fn update(&self, grad: &Tensor<2>, memory: &mut TensorMemory<'_>) {
        let dims = dims(memory);
        if memory.t() == 1 {
            dims.for_each(|dim| self.initialize(dim, grad, memory));
            return;
        }
        let inside = into_basis(grad.clone(), memory);
        let changes: Vec<_> = dims.map(|dim| self.change(dim, grad, &inside, memory)).collect();
        let is_due = (memory.t() - 1).is_multiple_of(self.frequency as u64);
        for (dim, (square, root)) in changes.into_iter().enumerate() {
            memory.set(inverse_root(dim), root);
            if let Some(square) = square {
                memory.update(factor(dim), |mean: Tensor<2>| moving_average(&mean, square, self.beta));
                if is_due {
                    turn_basis(dim, memory);
                }
            }
        }
    }

    /// Sets the factor from the first gradient, its basis to the eigenvectors, and its eigenvalues to equal
    /// numbers.
    fn initialize(&self, dim: usize, grad: &Tensor<2>, memory: &mut TensorMemory<'_>) {
        let (device, dtype) = (grad.device(), grad.dtype());
        let root = 1.0 / self.init_factor.sqrt();
        memory.set(inverse_root(dim), Tensor::<1>::full([grad.dims()[dim]], root, (&device, dtype)));
        if memory.has(basis(dim)) {
            let mean = gram(grad.clone(), dim) * ((1.0 - self.beta) / grad.dims()[1 - dim] as f64);
            memory.set(factor(dim), mean.clone());
            memory.set(basis(dim), write(&eigen(read(mean)).1, &device, dtype));
        }
    }

    /// Returns the square that is averaged in the factor of a dimension, if it has a basis, and the new
    /// inverse roots of its eigenvalues. `inside` is the gradient in the bases.
    fn change(
        &self,
        dim: usize,
        grad: &Tensor<2>,
        inside: &Tensor<2>,
        memory: &TensorMemory<'_>,
    ) -> (Option<Tensor<2>>, Tensor<1>) {
        let other = 1 - dim;
        let whitened =
            |x: Tensor<2>| if memory.has(inverse_root(other)) { scaled(x, other, memory) } else { x };
        let square = memory.has(basis(dim)).then(|| {
            let turned = if memory.has(basis(other)) {
                multiply_along(memory.get::<2>(basis(other)).transpose(), grad.clone(), other)
            } else {
                grad.clone()
            };
            gram(whitened(turned), dim) * (1.0 / grad.dims()[other] as f64)
        });
        let size = grad.dims()[dim];
        let mean = whitened(inside.clone()).square().mean_dim(other).reshape([size]);
        let eigenvalues = inverse_square(memory.get::<1>(inverse_root(dim)));
        let eigenvalues = moving_average(&eigenvalues, mean, self.beta);
        let bound = size.clamp(BOUNDS.0, BOUNDS.1) as f64;
        (square, inverse_square(eigenvalues.sqrt()).sqrt().clamp_max(bound))
    }
}

/// Returns the dimensions of the parameter as a matrix that have a factor.
fn dims(memory: &TensorMemory<'_>) -> impl Iterator<Item = usize> + use<> {
    0..if memory.has(inverse_root(1)) { 2 } else { 1 }
}

/// Returns `1 / x²`; 0 where `x` is not positive.
fn inverse_square(x: Tensor<1>) -> Tensor<1> {
    let is_not_positive = x.clone().lower_equal_elem(0.0);
    x.square().recip().mask_fill(is_not_positive, 0.0)
}

/// Transforms a gradient into the bases.
pub(crate) fn into_basis(tensor: Tensor<2>, memory: &TensorMemory<'_>) -> Tensor<2> {
    (0..2)
        .filter(|&dim| memory.has(basis(dim)))
        .fold(tensor, |tensor, dim| multiply_along(memory.get::<2>(basis(dim)).transpose(), tensor, dim))
}

/// Inverts [`into_basis`].
pub(crate) fn out_of_basis(tensor: Tensor<2>, memory: &TensorMemory<'_>) -> Tensor<2> {
    (0..2)
        .filter(|&dim| memory.has(basis(dim)))
        .fold(tensor, |tensor, dim| multiply_along(memory.get(basis(dim)), tensor, dim))
}

/// Returns the inverse roots of the eigenvalues of the product of the factors.
pub(crate) fn inverse_roots(memory: &TensorMemory<'_>, like: &Tensor<2>) -> Tensor<2> {
    dims(memory).fold(like.ones_like(), |product, dim| scaled(product, dim, memory))
}

/// Multiplies each line along a dimension, in its basis, by the inverse roots of its eigenvalues.
fn scaled(tensor: Tensor<2>, dim: usize, memory: &TensorMemory<'_>) -> Tensor<2> {
    let root = memory.get::<1>(inverse_root(dim));
    let size = tensor.dims()[dim];
    tensor * root.reshape(if dim == 0 { [size, 1] } else { [1, size] })
}

/// Makes one iteration towards the eigenvectors of a factor.
fn turn_basis(dim: usize, memory: &mut TensorMemory<'_>) {
    let matrix = memory.get::<2>(factor(dim));
    let (device, dtype) = (matrix.device(), matrix.dtype());
    let product = &read(matrix) * &read(memory.get(basis(dim)));
    memory.set(basis(dim), write(&orthonormal(product), &device, dtype));
}
