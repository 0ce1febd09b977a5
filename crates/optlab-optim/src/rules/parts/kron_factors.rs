//! The factors of a Kronecker product that preconditions a parameter as a matrix.

use crate::rule::TensorMemory;
use crate::rules::parts::triangular::solved_from_right;
use burn::tensor::Tensor;

/// The names of the buffers with the factors.
pub(crate) const FACTORS: [&str; 2] = ["factor_0", "factor_1"];

/// A factor of the preconditioner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factor {
    pub dim: usize,
    pub size: usize,
    pub is_triangular: bool,
}

impl Factor {
    /// Returns the matrix with this factor's dimension as rows, and inverts itself.
    pub fn rows(self, matrix: Tensor<2>) -> Tensor<2> {
        if self.dim == 0 { matrix } else { matrix.transpose() }
    }

    /// Multiplies each line along the dimension by the factor.
    pub fn of(self, memory: &TensorMemory<'_>, matrix: Tensor<2>) -> Tensor<2> {
        if self.is_triangular {
            self.rows(memory.get::<2>(FACTORS[self.dim]).matmul(self.rows(matrix)))
        } else {
            matrix * self.rows(memory.get::<1>(FACTORS[self.dim]).reshape([self.size, 1]))
        }
    }

    /// Multiplies each line along the dimension by the transpose of the factor times the factor.
    pub fn of_gram(self, memory: &TensorMemory<'_>, matrix: Tensor<2>) -> Tensor<2> {
        let once = self.of(memory, matrix);
        if self.is_triangular {
            self.rows(memory.get::<2>(FACTORS[self.dim]).transpose().matmul(self.rows(once)))
        } else {
            self.of(memory, once)
        }
    }

    /// Multiplies each line along the dimension by the inverse of the transpose of the factor.
    pub fn of_inverse(self, memory: &TensorMemory<'_>, matrix: Tensor<2>) -> Tensor<2> {
        if self.is_triangular {
            let lines = self.rows(matrix).transpose();
            self.rows(solved_from_right(lines, memory.get(FACTORS[self.dim])).transpose())
        } else {
            matrix / self.rows(memory.get::<1>(FACTORS[self.dim]).reshape([self.size, 1]))
        }
    }
}

/// Returns the number of rows and of columns of a parameter as a matrix.
pub(crate) fn matrix_shape(shape: &[usize]) -> [usize; 2] {
    match *shape {
        [] => [1, 1],
        [size] => [size, 1],
        [inputs, outputs] => [outputs, inputs],
        [first, ..] => [first, shape[1..].iter().product()],
    }
}

/// Returns the tensor as a matrix.
pub(crate) fn as_matrix<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let shape = matrix_shape(&tensor.dims());
    if D == 2 { tensor.reshape([shape[1], shape[0]]).transpose() } else { tensor.reshape(shape) }
}

/// Inverts [`as_matrix`].
pub(crate) fn from_matrix<const D: usize>(matrix: Tensor<2>, shape: [usize; D]) -> Tensor<D> {
    if D == 2 { matrix.transpose().reshape(shape) } else { matrix.reshape(shape) }
}

/// Gives the largest elements of both factors the same size, without changing their product.
pub(crate) fn balance(memory: &mut TensorMemory<'_>, factors: &[Factor]) {
    let largest = |memory: &TensorMemory<'_>, factor: &Factor| -> Tensor<1> {
        if factor.is_triangular {
            memory.get::<2>(FACTORS[factor.dim]).abs().max()
        } else {
            memory.get::<1>(FACTORS[factor.dim]).abs().max()
        }
    };
    let sizes: Vec<Tensor<1>> = factors.iter().map(|factor| largest(memory, factor)).collect();
    let mean = (sizes[0].clone() * sizes[1].clone()).sqrt();
    for (factor, size) in factors.iter().zip(sizes) {
        let ratio = mean.clone() / size;
        if factor.is_triangular {
            memory.update(FACTORS[factor.dim], |q: Tensor<2>| q * ratio.unsqueeze());
        } else {
            memory.update(FACTORS[factor.dim], |q: Tensor<1>| q * ratio);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FACTORS, Factor, balance, matrix_shape};
    use crate::rule::memory::{Declared, DeclaredBuffer, Memory};
    use crate::rule::{Start, TensorMemory};
    use burn::tensor::{Device, Tensor};

    #[test]
    fn balancing_gives_both_factors_the_same_largest_element_and_keeps_their_product() {
        let device = Device::default();
        let buffers = [(FACTORS[0], vec![2, 2]), (FACTORS[1], vec![3])]
            .map(|(name, shape)| DeclaredBuffer { name, start: Start::Zeros(shape), format: None })
            .to_vec();
        let declared = Declared { buffers, numbers: &[] };
        let mut memory = Memory::new(&declared, &Tensor::<2>::zeros([2, 3], &device));
        let mut memory = TensorMemory::of(&mut memory);
        memory.set(FACTORS[0], Tensor::<2>::from_floats([[8.0, -2.0], [0.0, 4.0]], &device));
        memory.set(FACTORS[1], Tensor::<1>::from_floats([0.25, -0.5, 0.125], &device));
        let factors = [
            Factor { dim: 0, size: 2, is_triangular: true },
            Factor { dim: 1, size: 3, is_triangular: false },
        ];
        balance(&mut memory, &factors);
        // The geometric mean of 8 and 0.5 is 2.
        let [first, second]: [Vec<f32>; 2] = [
            memory.get::<2>(FACTORS[0]).into_data().try_to_vec().unwrap(),
            memory.get::<1>(FACTORS[1]).into_data().try_to_vec().unwrap(),
        ];
        assert_eq!(first, [2.0, -0.5, 0.0, 1.0]);
        assert_eq!(second, [1.0, -2.0, 0.5]);
    }

    #[test]
    fn the_rows_of_a_matrix_are_its_outputs() {
        assert_eq!(matrix_shape(&[4, 2, 3, 3]), [4, 18]);
        assert_eq!(matrix_shape(&[7]), [7, 1]);
        assert_eq!(matrix_shape(&[3, 5]), [5, 3]);
    }
}
