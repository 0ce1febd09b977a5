//! Band matrices as blocks, and their Cholesky factors.

use crate::matrix::band::{BAND, Band};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatRef, Par};

/// The blocks of a band matrix with `ε` added to its diagonal.
pub(super) struct Blocks {
    diagonal: Vec<Mat<f64>>,
    /// The blocks directly below the blocks of the diagonal.
    below: Vec<Mat<f64>>,
}

impl Blocks {
    pub fn of(band: &Band, epsilon: f64) -> Self {
        let n = band.n;
        let values = MatRef::from_column_major_slice(&band.values, n, n);
        let mut blocks = Blocks { diagonal: Vec::new(), below: Vec::new() };
        for first in (0..n).step_by(BAND) {
            let size = BAND.min(n - first);
            let block = values.subcols(first, size);
            let of = |row: usize, column: usize| block[(first + row.max(column), row.min(column))];
            blocks.diagonal.push(Mat::from_fn(size, size, |row, column| {
                of(row, column) + if row == column { epsilon } else { 0.0 }
            }));
            let start = first + size;
            let next = BAND.min(n - start);
            if next == 0 {
                break;
            }
            let is_reduced = blocks.below.len() < band.factors.len();
            blocks.below.push(Mat::from_fn(next, size, |row, column| {
                // Below the diagonal of a reduced block are its reflections.
                if is_reduced && row > column { 0.0 } else { block[(start + row, column)] }
            }));
        }
        blocks
    }

    /// Returns an upper bound of the eigenvalues.
    pub fn bound(&self) -> f64 {
        let mut bound: f64 = 0.0;
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            for row in 0..diagonal.nrows() {
                let mut sum: f64 = diagonal.row(row).iter().map(|x| x.abs()).sum();
                if place > 0 {
                    sum += self.below[place - 1].row(row).iter().map(|x| x.abs()).sum::<f64>();
                }
                if let Some(below) = self.below.get(place) {
                    sum += below.col(row).iter().map(|x| x.abs()).sum::<f64>();
                }
                bound = bound.max(sum);
            }
        }
        bound
    }

    /// Returns the Cholesky factor of the matrix plus `shift` times the identity; `None` if it has none.
    pub fn factored(&self, shift: f64) -> Option<Factored> {
        let mut factored = Factored { inverses: Vec::new(), below: Vec::new() };
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            let mut diagonal = diagonal.clone();
            let size = diagonal.nrows();
            (0..size).for_each(|row| diagonal[(row, row)] += shift);
            if place > 0 {
                let inverse: &Mat<f64> = &factored.inverses[place - 1];
                let mut below = Mat::zeros(size, inverse.nrows());
                matmul(
                    below.as_mut(),
                    Accum::Replace,
                    &self.below[place - 1],
                    inverse.transpose(),
                    1.0,
                    Par::Seq,
                );
                matmul(diagonal.as_mut(), Accum::Add, &below, below.transpose(), -1.0, Par::Seq);
                factored.below.push(below);
            }
            let mut memory =
                MemBuffer::new(cholesky_in_place_scratch::<f64>(size, Par::Seq, Default::default()));
            let stack = MemStack::new(&mut memory);
            cholesky_in_place(diagonal.as_mut(), Default::default(), Par::Seq, stack, Default::default())
                .ok()?;
            let mut inverse = Mat::zeros(size, size);
            invert_lower_triangular(inverse.as_mut(), diagonal.as_ref(), Par::Seq);
            factored.inverses.push(inverse);
        }
        Some(factored)
    }

    /// Returns the product of the matrix and `columns`.
    pub fn times(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = Mat::zeros(columns.nrows(), columns.ncols());
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            let first = place * BAND;
            let of = |place: usize, size| columns.subrows(place * BAND, size);
            let mut rows = out.as_mut().subrows_mut(first, diagonal.nrows());
            matmul(rows.rb_mut(), Accum::Replace, diagonal, of(place, diagonal.ncols()), 1.0, Par::Seq);
            if place > 0 {
                let below = &self.below[place - 1];
                matmul(rows.rb_mut(), Accum::Add, below, of(place - 1, below.ncols()), 1.0, Par::Seq);
            }
            if let Some(below) = self.below.get(place) {
                matmul(rows, Accum::Add, below.transpose(), of(place + 1, below.nrows()), 1.0, Par::Seq);
            }
        }
        out
    }
}

/// The Cholesky factor of a band matrix: the inverses of its blocks on the diagonal, and the blocks below.
pub(super) struct Factored {
    inverses: Vec<Mat<f64>>,
    below: Vec<Mat<f64>>,
}

impl Factored {
    /// Returns the product of the inverse of the matrix and `columns`.
    pub fn solve(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let count = columns.ncols();
        let mut out = columns.to_owned();
        let mut block = Mat::zeros(BAND, count);
        for (place, inverse) in self.inverses.iter().enumerate() {
            let (before, mut rest) = out.as_mut().split_at_row_mut(place * BAND);
            let mut rows = rest.rb_mut().subrows_mut(0, inverse.nrows());
            if place > 0 {
                let above = before.rb().subrows((place - 1) * BAND, BAND);
                matmul(rows.rb_mut(), Accum::Add, &self.below[place - 1], above, -1.0, Par::Seq);
            }
            let mut block = block.as_mut().subrows_mut(0, inverse.nrows());
            matmul(block.rb_mut(), Accum::Replace, inverse, rows.rb(), 1.0, Par::Seq);
            rows.copy_from(block.rb());
        }
        for (place, inverse) in self.inverses.iter().enumerate().rev() {
            let (mut before, after) = out.as_mut().split_at_row_mut(place * BAND + inverse.nrows());
            let mut rows = before.rb_mut().subrows_mut(place * BAND, inverse.nrows());
            if let Some(below) = self.below.get(place) {
                let under = after.rb().subrows(0, below.nrows());
                matmul(rows.rb_mut(), Accum::Add, below.transpose(), under, -1.0, Par::Seq);
            }
            let mut block = block.as_mut().subrows_mut(0, inverse.nrows());
            matmul(block.rb_mut(), Accum::Replace, inverse.transpose(), rows.rb(), 1.0, Par::Seq);
            rows.copy_from(block.rb());
        }
        out
    }
}
