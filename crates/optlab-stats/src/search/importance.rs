//! The importance of each hyper-parameter for the result.

use crate::search::distribution::Distribution;
use crate::search::sampler::Observation;
use crate::search::space::Space;
use crate::statistics::describe::{Spread, quantile};
use serde::Serialize;

/// The influence of one hyper-parameter on whether a trial is good.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The name of the dimension.
    pub name: String,
    /// Its share of the sum of all dimensions' divergences, `[0, 1]`.
    pub share: f64,
    /// The difference between the distributions of the good trials and of all trials, at least 0: the Pearson
    /// divergence.
    pub divergence: f64,
}

/// With fewer trials no importance is computed.
pub const FEWEST_TRIALS: usize = 20;
/// The fewest good trials.
const FEWEST_GOOD: usize = 5;
/// The cells of a continuous dimension, and the most cells of a dimension of whole numbers.
const CELLS: usize = 50;
/// The smallest deviation of a density, in cells: nine tenths of a trial stay in its cell.
const NARROWEST: f64 = 0.5 / 1.64;

/// Computes PED-ANOVA (Watanabe et al., 2023): a hyper-parameter is important if its values in the good
/// trials differ from its values in all trials.
///
/// ```text
/// D = Σ_c q_c (p_c / q_c − 1)²
/// ```
///
/// `p` and `q` are the densities of the good trials and of all trials on 50 cells, or on the cells of a whole
/// number or a choice. Each trial is a normal density with the deviation `1.059 min(IQR / 1.34, s) n^(−1/5)`
/// (Scott, 1992), cut at the ends; one additional trial is spread evenly. The trials of a choice are counted.
/// The good trials are the best tenth, at least 5, including ties with the last of them. A trial without a
/// value is never good.
///
/// Shares compare the dimensions of one search with each other: they sum to 1 even if no dimension matters,
/// and the part that is due to chance falls with the number of trials. A dimension with an effect that
/// depends on another dimension, but none on average, has a low share.
///
/// Returns `None` for fewer than [`FEWEST_TRIALS`] trials, for fewer than 5 trials with a value, and if the
/// good trials have the same distribution as all trials.
///
/// # Panics
/// If a point has another number of coordinates than the space.
///
/// # Reference
/// Watanabe, Bansal & Hutter, *PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
/// Subspaces*, 2023, <https://arxiv.org/abs/2304.10255>. Differs from it: the prior is even, not a wide
/// normal density.
pub fn importance(space: &Space, trials: &[Observation]) -> Option<Vec<Importance>> {
    let good = good(trials)?;
    let divergence = |(place, distribution): (usize, &Distribution)| {
        let density = |trials: &mut dyn Iterator<Item = &Observation>| {
            density(distribution, &trials.map(|trial| trial.point[place]).collect::<Vec<_>>())
        };
        let (p, q) = (density(&mut good.iter().copied()), density(&mut trials.iter()));
        p.iter().zip(&q).map(|(p, q)| q * (p / q - 1.0).powi(2)).sum::<f64>()
    };
    let distributions = space.dimensions().iter().map(|dimension| &dimension.distribution);
    let divergences: Vec<f64> = distributions.enumerate().map(divergence).collect();
    let total: f64 = divergences.iter().sum();
    let named = space.dimensions().iter().zip(divergences);
    let shares = named.map(|(dimension, divergence)| Importance {
        name: dimension.name.clone(),
        share: divergence / total,
        divergence,
    });
    (total > 0.0).then(|| shares.collect())
}

fn good(trials: &[Observation]) -> Option<Vec<&Observation>> {
    if trials.len() < FEWEST_TRIALS {
        return None;
    }
    let mut values: Vec<f64> = trials.iter().map(Observation::rank).collect();
    values.sort_by(f64::total_cmp);
    let last = values[trials.len().div_ceil(10).max(FEWEST_GOOD) - 1];
    last.is_finite().then(|| trials.iter().filter(|trial| trial.rank() <= last).collect())
}

/// Returns the density of the coordinates on the cells of the distribution.
fn density(distribution: &Distribution, coordinates: &[f64]) -> Vec<f64> {
    let mut density;
    if let Distribution::Choice(choices) = distribution {
        density = vec![1.0 / choices.len() as f64; choices.len()];
        coordinates.iter().for_each(|u| density[distribution.cell(*u)] += 1.0);
    } else {
        let cells = distribution.cells().unwrap_or(CELLS).min(CELLS);
        density = vec![1.0 / cells as f64; cells];
        // A whole number is in the middle of its cell, whatever its coordinate.
        let middle = |u: &f64| match distribution.cells() {
            Some(cells) => (distribution.cell(*u) as f64 + 0.5) / cells as f64,
            None => *u,
        };
        let coordinates: Vec<f64> = coordinates.iter().map(middle).collect();
        let width = bandwidth(&coordinates).max(NARROWEST / cells as f64);
        for u in coordinates {
            let distances = (0..cells).map(|cell| (cell as f64 + 0.5) / cells as f64 - u);
            let heights: Vec<f64> = distances.map(|x| (-0.5 * (x / width).powi(2)).exp()).collect();
            let sum: f64 = heights.iter().sum();
            density.iter_mut().zip(&heights).for_each(|(density, height)| *density += height / sum);
        }
    }
    density.iter().map(|density| density / (coordinates.len() + 1) as f64).collect()
}

fn bandwidth(coordinates: &[f64]) -> f64 {
    let quartile = |share| quantile(coordinates, share).unwrap_or(0.0);
    let deviation = Spread::of(coordinates).and_then(|spread| spread.deviation).unwrap_or(0.0);
    let robust = (quartile(0.75) - quartile(0.25)) / 1.34;
    1.059 * robust.min(deviation) * (coordinates.len() as f64).powf(-0.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "a=uniform(0,1),b=log(1e-4,1),c=int(1,6),d=choice(x,y,z)";

    /// Returns the trials of `references/search/ped_anova.py`.
    fn trials(count: usize) -> Vec<Observation> {
        let trial = |number: usize| {
            let steps = [0.6180339887, 0.4142135623, 0.7320508075, 0.2360679774];
            let point = steps.map(|step| (number as f64 * step).fract());
            let [a, b, c, d] = point;
            let (c, d) = ((c * 6.0).floor(), (d * 3.0).floor());
            let value = (a - 0.3_f64).powi(2) + 0.05 * b + 0.01 * c + if d == 1.0 { 0.03 } else { 0.0 };
            Observation { number, point: point.to_vec(), value: (number != 7).then_some(value) }
        };
        (0..count).map(trial).collect()
    }

    #[test]
    fn divergences_match_the_reference() {
        // python3 references/search/ped_anova.py
        let expected = [
            ("a", 2.669706023168296, 0.6870449107687159),
            ("b", 0.09371943273265874, 0.024118557901251416),
            ("c", 0.2699628086804188, 0.06947453097498517),
            ("d", 0.852392681210415, 0.21936200035504747),
        ];
        let importances = importance(&SPACE.parse().unwrap(), &trials(60)).unwrap();
        assert_eq!(importances.len(), expected.len());
        for (importance, (name, divergence, share)) in importances.iter().zip(expected) {
            assert_eq!(importance.name, name);
            assert!((importance.divergence / divergence - 1.0).abs() < 1e-9, "{importance:?}");
            assert!((importance.share / share - 1.0).abs() < 1e-9, "{importance:?}");
        }
    }

    #[test]
    fn the_only_dimension_with_an_effect_has_nearly_all_importance() {
        let space: Space =
            "a=log(1e-4,1),b=log(1e-4,1),c=int(1,8),d=choice(x,y),e=choice(x)".parse().unwrap();
        for decides in 0..4 {
            let trial = |number: usize| {
                let point: Vec<f64> =
                    [0.618, 0.4142, 0.732, 0.236, 0.5].map(|step| (number as f64 * step).fract()).to_vec();
                let value = (point[decides] - 0.2).abs();
                Observation { number, point, value: Some(value) }
            };
            let importances = importance(&space, &(0..200).map(trial).collect::<Vec<_>>()).unwrap();
            assert!(importances[decides].share > 0.75, "{decides}: {importances:?}");
            assert_eq!(importances[4].share, 0.0, "a choice of one decides nothing");
            let sum: f64 = importances.iter().map(|importance| importance.share).sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn too_few_trials_have_no_importance() {
        let space: Space = SPACE.parse().unwrap();
        assert!(importance(&space, &trials(FEWEST_TRIALS)).is_some());
        assert_eq!(importance(&space, &trials(FEWEST_TRIALS - 1)), None);
        let mut lost = trials(30);
        lost.iter_mut().skip(5).for_each(|trial| trial.value = None);
        assert!(importance(&space, &lost).is_some());
        lost[4].value = Some(f64::NAN);
        assert_eq!(importance(&space, &lost), None);
        // If all values are equal, all trials are good.
        let mut alike = trials(30);
        alike.iter_mut().for_each(|trial| trial.value = Some(1.0));
        assert_eq!(importance(&space, &alike), None);
    }

    #[test]
    fn good_trials_are_a_tenth_and_at_least_five_with_ties() {
        let count = |count, value: fn(usize) -> f64| {
            let mut trials = trials(count);
            trials.iter_mut().for_each(|trial| trial.value = Some(value(trial.number)));
            good(&trials).unwrap().len()
        };
        assert_eq!([20, 50, 51, 60, 61].map(|trials| count(trials, |number| number as f64)), [5, 5, 6, 6, 7]);
        assert_eq!(count(40, |number| (number / 4) as f64), 8);
    }

    #[test]
    fn good_trials_at_one_point_have_the_density_of_a_cell() {
        let dimension = Distribution::Uniform { low: 0.0, high: 1.0 };
        let density = density(&dimension, &[0.51; 9]);
        // Nine trials in the middle of cell 25 of 50, and one spread out. In the neighbouring cell the normal
        // density with a deviation of 0.5 / 1.64 cells is e^(−2 · 1.64²) = 0.0046115 as high: 9 (1 /
        // 1.0092230) / 10 + 0.002.
        assert!((density[25] - 0.8937751).abs() < 1e-6, "{}", density[25]);
        assert!((density.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let many = Distribution::Integer { low: 0, high: 999 };
        assert_eq!(super::density(&many, &[0.5; 9]).len(), 50);
    }
}
