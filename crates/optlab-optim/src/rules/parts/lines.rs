//! The elements of tensors on the host, and the lines of a tensor along one of its dimensions.

use burn::tensor::{DType, Device, Element, Tensor, TensorData};
use optlab_kernel::matrix::{self, Matrix, Real, View};

/// The number of elements that one piece of a pass covers.
pub(crate) const PIECE: usize = 16_384;

/// Returns all elements of a tensor, row-major; without a copy if they are of type `T` and nothing else holds
/// them.
pub(crate) fn values<T: Element, const D: usize>(tensor: Tensor<D>) -> Vec<T> {
    let data = tensor.into_data().convert::<T>();
    data.try_into_vec().expect("the elements were converted to this type")
}

/// Returns a tensor with the given elements, row-major, of the given type on `device`; without a copy in host
/// memory if they are of that type.
pub(crate) fn tensor<T: Element, const D: usize>(
    values: Vec<T>,
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, dtype))
}

/// The lines of a tensor along one of its dimensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    /// The product of the dimensions before.
    outer: usize,
    /// The length of a line.
    len: usize,
    /// The product of the dimensions after.
    inner: usize,
}

impl Lines {
    /// Returns the lines along `dim` of a tensor of that shape.
    pub fn of(shape: &[usize], dim: usize) -> Self {
        let (before, after) = (&shape[..dim], &shape[dim + 1..]);
        Lines { outer: before.iter().product(), len: shape[dim], inner: after.iter().product() }
    }

    /// Returns the number of lines.
    pub fn count(self) -> usize {
        self.outer * self.inner
    }

    /// Calls `with` with the tensor as a matrix with a line in each column. The order of the columns depends
    /// on the shape alone.
    pub fn unfolded<T: Real, R>(self, values: &[T], with: impl FnOnce(View<'_, T>) -> R) -> R {
        let Lines { outer, len, inner } = self;
        if outer == 1 {
            with(View::new(values, len, inner))
        } else if inner == 1 {
            with(View::new(values, outer, len).t())
        } else {
            with(View::new(&self.swapped(values, outer, len), len, self.count()))
        }
    }

    /// Replaces the lower triangle of `out` by `keep · out + factor · G Gᵀ`, where `G` is the unfolded
    /// tensor.
    pub fn add_gram<T: Real>(self, values: &[T], out: &mut [T], keep: f64, factor: f64) {
        self.unfolded(values, |view| matrix::add_gram(out, T::of(keep), T::of(factor), view));
    }

    /// Returns the elements of the tensor that is unfolded to `matrix`.
    pub fn folded<T: Real>(self, matrix: Matrix<T>) -> Vec<T> {
        let Lines { outer, len, inner } = self;
        if outer == 1 {
            matrix.into_values()
        } else if inner == 1 {
            matrix::transpose(matrix.view())
        } else {
            self.swapped(matrix.values(), len, outer)
        }
    }

    /// Multiplies each line by a square matrix.
    pub fn multiplied<T: Real>(self, values: &[T], matrix: View<'_, T>) -> Vec<T> {
        let Lines { outer, len, inner } = self;
        let mut out = vec![T::ZERO; values.len()];
        if inner == 1 {
            matrix::multiply(&mut out, View::new(values, outer, len), matrix.t());
            return out;
        }
        self.unfolded(values, |view| matrix::multiply(&mut out, matrix, view));
        if outer == 1 { out } else { self.swapped(&out, len, outer) }
    }

    /// Returns the lines with their elements in another order: element `i` is element `order[i]` of before.
    pub fn reordered<T: Real>(self, values: &[T], order: &[usize]) -> Vec<T> {
        let mut out = Vec::with_capacity(values.len());
        for block in values.chunks((self.len * self.inner).max(1)) {
            order.iter().for_each(|&place| out.extend_from_slice(&block[place * self.inner..][..self.inner]));
        }
        out
    }

    /// Returns blocks of `inner` elements in the order of a transposed matrix of `rows` and `columns` blocks.
    fn swapped<T: Real>(self, values: &[T], rows: usize, columns: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(values.len());
        for column in 0..columns {
            for row in 0..rows {
                out.extend_from_slice(&values[(row * columns + column) * self.inner..][..self.inner]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_along_any_dimension_are_multiplied_folded_and_reordered() {
        let shape = [2, 3, 4];
        let values: Vec<f64> = (0..24).map(|i| (f64::from(i) * 0.9).sin()).collect();
        for dim in 0..3 {
            let (lines, len) = (Lines::of(&shape, dim), shape[dim]);
            // Element l of the line through a place, and the place's own index in its line.
            let stride: usize = shape[dim + 1..].iter().product();
            let index = |place: usize| place / stride % len;
            let other = |place: usize, l: usize| values[place - index(place) * stride + l * stride];
            let matrix = Matrix::from_fn(len, len, |i, j| (i as f64 - 2.0 * j as f64) * 0.3);
            let product = lines.multiplied(&values, matrix.view());
            for (place, given) in product.iter().enumerate() {
                let expected: f64 = (0..len).map(|l| matrix[(index(place), l)] * other(place, l)).sum();
                assert!((given - expected).abs() < 1e-12, "dimension {dim}");
            }
            let unfolded = lines.unfolded(&values, Matrix::from_view);
            assert_eq!((unfolded.nrows(), unfolded.ncols()), (len, 24 / len));
            assert_eq!(lines.folded(unfolded), values);
            let order: Vec<usize> = (0..len).rev().collect();
            let reordered = lines.reordered(&values, &order);
            assert!((0..24).all(|place| reordered[place] == other(place, len - 1 - index(place))));
            let mut gram = Matrix::zeros(len, len);
            lines.add_gram(&values, gram.values_mut(), 0.0, 2.0);
            for i in 0..len {
                for j in 0..=i {
                    let starts = (0..24).filter(|&place| index(place) == 0);
                    let expected: f64 = starts.map(|place| 2.0 * other(place, i) * other(place, j)).sum();
                    assert!((gram[(i, j)] - expected).abs() < 1e-12, "dimension {dim}");
                }
            }
        }
    }
}
