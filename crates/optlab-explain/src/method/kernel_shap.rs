//! KernelSHAP: Shapley values by a weighted regression.

use crate::players::Players;
use crate::regression::solve;
use crate::replacement::mean_outputs;
use crate::{Attribution, Question};
use optlab_core::random::{Purpose, stream};
use optlab_core::settings;
use optlab_train::Error;
use rand::Rng;

use super::{shuffle, unit};

settings! {
    /// Settings of KernelSHAP: Shapley values of the parts of an input (Lundberg & Lee, 2017).
    ///
    /// ```text
    /// v(S) = mean output of the background rows with the parts S of the input in place of their own
    /// minimize  Σ_S π(S) (v(S) − v(∅) − Σ_{i ∈ S} aᵢ)²   with   Σ aᵢ = v(all) − v(∅)
    /// π(S) = (M − 1) / (C(M, s) s (M − s))        M parts, s of them in S
    /// ```
    ///
    /// With at least `2^M − 2` samples every set of parts is visited, and the values are exact Shapley
    /// values. Else small and large sets are visited completely as far as they fit, and sets between them
    /// are drawn in complementary pairs. `samples · background` passes forward. The parts are the columns of
    /// a table, squares of pixels, time steps or tokens.
    ///
    /// # Reference
    /// Lundberg & Lee, *A Unified Approach to Interpreting Model Predictions*, 2017,
    /// <https://arxiv.org/abs/1705.07874>; `shap`'s `KernelExplainer` with `l1_reg=False`; Covert & Lee,
    /// *Improving KernelSHAP*, 2021, <https://arxiv.org/abs/2012.01536>, for the pairs
    pub struct KernelShapConfig {
        /// Number of sets of parts.
        samples: Option<usize> = None, in COUNT;
        /// The most background rows.
        background: usize = 50, in COUNT;
        /// Side of the squares of pixels, or number of time steps, that are one part.
        window: Option<usize> = None, in COUNT;
    }
}

impl KernelShapConfig {
    pub(super) const NAME: &'static str = "kernel_shap";

    /// Returns the number of sets of `parts` parts that are visited by default, as `shap` does: `2 M + 2048`.
    pub fn samples_of(&self, parts: usize) -> usize {
        self.samples.unwrap_or(2 * parts + 2048)
    }

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        question.check(row)?;
        let players = Players::of(question.model, Self::NAME, self.window)?;
        let background = match question.baseline {
            Some(baseline) => vec![baseline.to_vec()],
            None => {
                let rows = question.background_rows(Self::NAME, self.background)?;
                rows.into_iter().map(<[f32]>::to_vec).collect()
            }
        };
        let count = players.count;
        let ends = [vec![true; count], vec![false; count]];
        let of_ends = mean_outputs(question, row, &players, &background, &ends)?;
        let (output, none) = (of_ends[0], of_ends[1]);
        let values = match count {
            1 => vec![output - none],
            _ => {
                let sets = self.sets(count, question.seed)?;
                let (masks, weights): (Vec<Vec<bool>>, Vec<f64>) = sets.into_iter().unzip();
                let outputs = mean_outputs(question, row, &players, &background, &masks)?;
                fit(&masks, &weights, &outputs, output, none)?
            }
        };
        let baseline_output = Some(none);
        Ok(Attribution { baseline_output, ..Attribution::of(players.spread(&values), output) })
    }

    /// Returns the sets to visit, without the empty and the complete one, with their weights.
    fn sets(&self, count: usize, seed: u64) -> Result<Vec<(Vec<bool>, f64)>, Error> {
        let samples = self.samples_of(count);
        if samples < count && samples + 2 < 1 << count.min(30) {
            let allowed = format!("at least {count}, the number of parts");
            return Err(Error::invalid(Self::NAME, "samples", &allowed, samples));
        }
        // The weight of all sets of each size, of which smaller and larger ones are visited first.
        let share = |size: usize| (count as f64 - 1.0) / (size as f64 * (count - size) as f64);
        let mut sets = Vec::new();
        let mut left = samples;
        let mut size = 1;
        while 2 * size <= count {
            let of_size = binomial(count, size);
            let pair = if 2 * size == count { 1.0 } else { 2.0 };
            if of_size * pair > left as f64 {
                break;
            }
            for chosen in combinations(count, size) {
                let weight = share(size) / of_size;
                if 2 * size != count {
                    sets.push((chosen.iter().map(|is| !is).collect(), weight));
                }
                sets.push((chosen, weight));
                left -= pair as usize;
            }
            size += 1;
        }
        if 2 * size > count || left < 2 {
            return Ok(sets);
        }
        // Sets of the sizes between, drawn by the weight of their size, share its whole weight evenly.
        let sizes: Vec<usize> = (size..=count - size).collect();
        let total: f64 = sizes.iter().map(|size| share(*size)).sum();
        let mut random = stream(seed, Purpose::Explanation, 0);
        let weight = total / (left / 2 * 2) as f64;
        for _ in 0..left / 2 {
            let mut at = unit(&mut random) * total;
            let drawn = sizes.iter().find(|size| {
                at -= share(**size);
                at < 0.0
            });
            let drawn = *drawn.or(sizes.last()).unwrap_or(&size);
            let mut chosen: Vec<bool> = (0..count).map(|i| i < drawn).collect();
            shuffle(&mut chosen, &mut random as &mut dyn Rng);
            sets.push((chosen.iter().map(|is| !is).collect(), weight));
            sets.push((chosen, weight));
        }
        Ok(sets)
    }
}

/// Fits the values of the parts, whose sum is fixed: the last one is the rest.
fn fit(
    masks: &[Vec<bool>],
    weights: &[f64],
    outputs: &[f64],
    all: f64,
    none: f64,
) -> Result<Vec<f64>, Error> {
    let width = masks[0].len() - 1;
    let mut matrix = vec![0.0; width * width];
    let mut right = vec![0.0; width];
    for ((mask, weight), output) in masks.iter().zip(weights).zip(outputs) {
        let number = |is: bool| f64::from(u8::from(is));
        let last = number(mask[width]);
        let target = output - none - last * (all - none);
        for i in 0..width {
            let x = number(mask[i]) - last;
            if x == 0.0 {
                continue;
            }
            right[i] += weight * x * target;
            for j in 0..=i {
                matrix[i * width + j] += weight * x * (number(mask[j]) - last);
            }
        }
    }
    let mut values = solve(matrix, right)?;
    values.push(all - none - values.iter().sum::<f64>());
    Ok(values)
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64).round()
}

/// Returns all sets of `size` of `count` parts.
fn combinations(count: usize, size: usize) -> Vec<Vec<bool>> {
    let mut sets = Vec::new();
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        let mut set = vec![false; count];
        chosen.iter().for_each(|i| set[*i] = true);
        sets.push(set);
        // The last one that can move on, and all after it.
        let Some(moving) = (0..size).rev().find(|&i| chosen[i] < count - size + i) else { return sets };
        chosen[moving] += 1;
        (moving + 1..size).for_each(|i| chosen[i] = chosen[i - 1] + 1);
    }
}
