//! The density of a dimension's coordinates on cells.

use crate::search::distribution::Distribution;
use crate::statistics::describe::{Spread, quantile};

/// The cells of a continuous dimension, and the most cells of a dimension of whole numbers.
const CELLS: usize = 50;
/// The smallest deviation of a density, in cells: nine tenths of a trial stay in its cell.
const NARROWEST: f64 = 0.5 / 1.64;

/// The cell of each trial in one dimension, and the density of all trials.
pub struct Grid {
    /// The number of cells.
    cells: usize,
    /// Whether neighbouring cells are alike: not so for choices.
    is_smooth: bool,
    /// The cell of each trial.
    places: Vec<usize>,
    /// The density of all trials.
    all: Vec<f64>,
}

impl Grid {
    /// Creates the grid of the trials with these coordinates.
    pub fn new(distribution: &Distribution, coordinates: impl Iterator<Item = f64>) -> Self {
        let is_smooth = !matches!(distribution, Distribution::Choice(_));
        let values = distribution.cells();
        let cells = if is_smooth { values.unwrap_or(CELLS).min(CELLS) } else { values.unwrap_or(1) };
        let cell = |u: f64| ((u * cells as f64) as usize).min(cells - 1);
        // A whole number is in the middle of its own cell, whatever its coordinate.
        let place = |u: f64| match values {
            Some(values) => cell((distribution.cell(u) as f64 + 0.5) / values as f64),
            None => cell(u),
        };
        let mut grid = Grid { cells, is_smooth, places: coordinates.map(place).collect(), all: Vec::new() };
        grid.all = grid.density(&(0..grid.places.len()).collect::<Vec<_>>());
        grid
    }

    /// Returns whether all trials are in one cell.
    pub fn is_constant(&self) -> bool {
        self.places.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Returns the Pearson divergence between the density of these trials and of all trials.
    pub fn divergence(&self, trials: &[usize]) -> f64 {
        let densities = self.density(trials).into_iter().zip(&self.all);
        densities.map(|(p, q)| q * (p / q - 1.0).powi(2)).sum()
    }

    /// Returns the density of these trials and one that is spread evenly. It does not depend on their order,
    /// not even in the last bit, so equal sets of cells have equal divergences.
    fn density(&self, trials: &[usize]) -> Vec<f64> {
        let mut counts = vec![0.0; self.cells];
        trials.iter().for_each(|trial| counts[self.places[*trial]] += 1.0);
        let mut density = vec![1.0 / self.cells as f64; self.cells];
        if !self.is_smooth {
            density.iter_mut().zip(&counts).for_each(|(density, count)| *density += count);
        } else {
            let width = bandwidth(&counts).max(NARROWEST);
            let heights: Vec<f64> =
                (0..self.cells).map(|distance| (-0.5 * (distance as f64 / width).powi(2)).exp()).collect();
            let sums: Vec<f64> = heights
                .iter()
                .scan(0.0, |sum, height| {
                    *sum += height;
                    Some(*sum)
                })
                .collect();
            for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
                // The cells on both sides of the trial, and its own twice.
                let scale = count / (sums[place] + sums[self.cells - 1 - place] - heights[0]);
                let heights = heights[..=place].iter().rev().chain(&heights[1..self.cells - place]);
                density.iter_mut().zip(heights).for_each(|(density, height)| *density += scale * height);
            }
        }
        density.iter().map(|density| density / (trials.len() + 1) as f64).collect()
    }
}

/// Returns the deviation of a trial's density, in cells.
fn bandwidth(counts: &[f64]) -> f64 {
    let places = counts.iter().enumerate();
    let places: Vec<f64> =
        places.flat_map(|(place, count)| std::iter::repeat_n(place as f64, *count as usize)).collect();
    let quartile = |share| quantile(&places, share).unwrap_or(0.0);
    let deviation = Spread::of(&places).and_then(|spread| spread.deviation).unwrap_or(0.0);
    let robust = (quartile(0.75) - quartile(0.25)) / 1.34;
    1.059 * robust.min(deviation) * (places.len() as f64).powf(-0.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_at_one_point_have_the_density_of_a_cell() {
        let dimension = Distribution::Uniform { low: 0.0, high: 1.0 };
        let density = Grid::new(&dimension, [0.51; 9].into_iter()).all;
        // Nine trials in cell 25 of 50, and one spread out. In the neighbouring cell the normal density with
        // a deviation of 0.5 / 1.64 cells is e^(−2 · 1.64²) = 0.0046115 as high: 9 (1 / 1.0092230) / 10 +
        // 0.002.
        assert!((density[25] - 0.8937751).abs() < 1e-6, "{}", density[25]);
        assert!((density.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let many = Distribution::Integer { low: 0, high: 999 };
        assert_eq!(Grid::new(&many, [0.5; 9].into_iter()).all.len(), 50);
    }

    #[test]
    fn a_whole_number_has_one_cell_for_all_its_coordinates() {
        let dimension = Distribution::Integer { low: 0, high: 74 };
        // The coordinates of 37, [37/75, 38/75), reach into cells 24 and 25 of 50.
        assert_eq!(Grid::new(&dimension, [0.494, 0.4999, 0.501, 0.506].into_iter()).places, [25; 4]);
        assert_eq!(Grid::new(&Distribution::Choice(vec![1.into()]), [0.1, 0.9].into_iter()).all, [1.0]);
    }

    #[test]
    fn a_divergence_does_not_depend_on_the_order_of_the_trials() {
        let dimension = Distribution::Uniform { low: 0.0, high: 1.0 };
        let grid = Grid::new(&dimension, (0..100).map(|trial| (f64::from(trial) * 0.6180339887).fract()));
        let here = grid.divergence(&[3, 14, 15, 92, 65, 35, 89]);
        assert_eq!(here.to_bits(), grid.divergence(&[89, 35, 65, 92, 15, 14, 3]).to_bits());
    }
}
