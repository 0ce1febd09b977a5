//! Upper triangular factors of preconditioners.

use burn::tensor::{Tensor, TensorData};

/// Returns `X R⁻¹` for a matrix `X` and an upper triangular matrix `R` with a diagonal without zeros, computed
/// in 64 bits on the host.
pub(crate) fn solved_from_right(x: Tensor<2>, r: Tensor<2>) -> Tensor<2> {
    let (device, dtype) = (x.device(), x.dtype());
    let [rows, n] = x.dims();
    let mut x: Vec<f64> = x.into_data().iter::<f64>().collect();
    let r: Vec<f64> = r.into_data().iter::<f64>().collect();
    for row in x.chunks_exact_mut(n) {
        // y R = x: the first element of y is known, and what it adds to the others is taken from them.
        for l in 0..n {
            let y = row[l] / r[l * n + l];
            row[l] = y;
            for (x, r) in row[l + 1..].iter_mut().zip(&r[l * n + l + 1..(l + 1) * n]) {
                *x -= y * r;
            }
        }
    }
    Tensor::from_data(TensorData::new(x, [rows, n]), (&device, dtype))
}

/// Returns a lower bound of the largest singular value of a symmetric matrix whose largest element is
/// `largest`: its length after two products with it, from its longest column.
pub(crate) fn norm_bound(matrix: Tensor<2>, largest: Tensor<1>) -> Tensor<1> {
    let a = matrix / largest.clone().unsqueeze();
    let longest = a.clone().square().sum_dim(0).argmax(1).reshape([1]);
    let column = a.clone().select(1, longest);
    let x = column.transpose().matmul(a.clone());
    let x = x.clone() / x.square().sum().sqrt().unsqueeze();
    a.matmul(x.transpose()).square().sum().sqrt() * largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn a_solution_times_the_matrix_is_the_right_hand_side() {
        let device = Device::default();
        let r = Tensor::<2>::from_floats([[2.0, -1.0, 0.5], [0.0, 0.5, 3.0], [0.0, 0.0, -4.0]], &device);
        let x = Tensor::<2>::from_floats([[1.0, 2.0, 3.0], [-5.0, 0.25, 8.0]], &device);
        let product = solved_from_right(x.clone(), r.clone()).matmul(r);
        assert!((product - x).abs().max().into_scalar::<f32>() < 1e-6);
    }

    #[test]
    fn the_bound_of_a_matrix_of_rank_one_is_its_norm() {
        let device = Device::default();
        // (3, 4) (3, 4)ᵀ has the singular value 25.
        let matrix = Tensor::<2>::from_floats([[9.0, 12.0], [12.0, 16.0]], &device);
        let bound: f32 = norm_bound(matrix, Tensor::from_floats([16.0], &device)).into_scalar();
        assert!((bound - 25.0).abs() < 1e-5, "{bound}");
        // diag(1, 3): the longest column is an eigenvector.
        let matrix = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 3.0]], &device);
        let bound: f32 = norm_bound(matrix, Tensor::from_floats([3.0], &device)).into_scalar();
        assert!((bound - 3.0).abs() < 1e-6, "{bound}");
    }
}
