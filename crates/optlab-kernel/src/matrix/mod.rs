//! Dense matrices in host memory, and their products, orthonormal bases, eigenvectors and inverse roots.
//!
//! Everything is generic over 32-bit and 64-bit floats. Work is divided by the shapes alone, and each piece
//! runs on one thread, so results have the same bits for every number of threads. Calls from several threads
//! share the same pool, so the matrices of several parameters can be processed in one parallel region.

mod band;
mod basis;
mod blocks;
mod eigen;
mod product;
mod real;
mod root;

pub use basis::orthonormalize_rows;
pub use eigen::symmetric_eigen;
pub use product::{View, add_gram, add_product, mirror, multiply, operations_per_second, transpose};
pub use real::Real;
pub use root::{inverse_root_times, pseudo_inverse_root_times};
use std::fmt;
use std::ops::{Add, Index, IndexMut, Mul, Sub};

/// A dense matrix, row-major.
#[derive(Clone, PartialEq)]
pub struct Matrix<T = f64> {
    values: Vec<T>,
    rows: usize,
    columns: usize,
}

impl<T: Real> Matrix<T> {
    /// Returns a matrix with the given elements, row-major.
    ///
    /// # Panics
    /// If there are not `rows · columns` elements.
    pub fn from_vec(values: Vec<T>, rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "elements of a matrix");
        Matrix { values, rows, columns }
    }

    /// Returns a matrix with the given element in each row and column.
    pub fn from_fn(rows: usize, columns: usize, mut of: impl FnMut(usize, usize) -> T) -> Self {
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        Matrix { values: places.map(|(row, column)| of(row, column)).collect(), rows, columns }
    }

    /// Copies a view.
    pub fn from_view(view: View<'_, T>) -> Self {
        Matrix { values: view.to_vec(), rows: view.rows(), columns: view.columns() }
    }

    /// Returns the matrix in 64 bits.
    pub fn to_64_bits(&self) -> Matrix<f64> {
        let values = self.values.iter().map(|value| value.to_f64()).collect();
        Matrix { values, rows: self.rows, columns: self.columns }
    }

    /// Returns a matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Matrix { values: vec![T::ZERO; rows * columns], rows, columns }
    }

    /// Returns the identity of `n` rows.
    pub fn identity(n: usize) -> Self {
        Matrix::from_fn(n, n, |row, column| if row == column { T::ONE } else { T::ZERO })
    }

    /// Returns the number of rows.
    pub fn nrows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn ncols(&self) -> usize {
        self.columns
    }

    /// Returns the elements, row-major.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Returns the elements, row-major, to be modified.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Returns the elements, row-major.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// Returns a row.
    pub fn row(&self, row: usize) -> &[T] {
        &self.values[row * self.columns..][..self.columns]
    }

    /// Returns a view, to be multiplied without a copy.
    pub fn view(&self) -> View<'_, T> {
        View::new(&self.values, self.rows, self.columns)
    }

    /// Returns the transpose, in memory of its own. A product takes `view().t()` instead.
    pub fn transpose(&self) -> Self {
        Matrix { values: transpose(self.view()), rows: self.columns, columns: self.rows }
    }

    /// Returns the product of two views.
    pub fn product(left: View<'_, T>, right: View<'_, T>) -> Self {
        let mut out = Matrix::zeros(left.rows(), right.columns());
        multiply(&mut out.values, left, right);
        out
    }

    /// Returns the same matrix multiplied by a number.
    pub fn scaled(mut self, factor: T) -> Self {
        self.values.iter_mut().for_each(|value| *value *= factor);
        self
    }

    /// Returns the largest absolute value.
    pub fn amax(&self) -> T {
        self.values.iter().fold(T::ZERO, |most, value| if value.abs() > most { value.abs() } else { most })
    }
}

impl<T: Real> Index<(usize, usize)> for Matrix<T> {
    type Output = T;

    fn index(&self, (row, column): (usize, usize)) -> &T {
        &self.values[row * self.columns + column]
    }
}

impl<T: Real> IndexMut<(usize, usize)> for Matrix<T> {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut T {
        &mut self.values[row * self.columns + column]
    }
}

impl<T: Real> Mul for &Matrix<T> {
    type Output = Matrix<T>;

    fn mul(self, right: Self) -> Matrix<T> {
        Matrix::product(self.view(), right.view())
    }
}

impl<T: Real> Add<&Self> for Matrix<T> {
    type Output = Self;

    fn add(mut self, right: &Self) -> Self {
        assert_eq!((self.rows, self.columns), (right.rows, right.columns), "shapes of a sum");
        self.values.iter_mut().zip(&right.values).for_each(|(left, right)| *left += *right);
        self
    }
}

impl<T: Real> Sub<&Self> for Matrix<T> {
    type Output = Self;

    fn sub(mut self, right: &Self) -> Self {
        assert_eq!((self.rows, self.columns), (right.rows, right.columns), "shapes of a difference");
        self.values.iter_mut().zip(&right.values).for_each(|(left, right)| *left -= *right);
        self
    }
}

impl<T: Real> fmt::Debug for Matrix<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.rows).map(|row| self.row(row))).finish()
    }
}
