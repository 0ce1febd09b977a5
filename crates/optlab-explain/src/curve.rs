//! Deletion and insertion: does the output follow an attribution?

use crate::players::Players;
use crate::{Baseline, Question};
use optlab_train::Error;
use serde::Serialize;

/// The output while the elements of an input go, or come, one after the other.
///
/// ```text
/// deletion    y after 0, 1, … n elements are replaced by the baseline, the largest attribution first
/// insertion   y of the baseline after 0, 1, … n elements of the input come back, in the same order
/// area        ∫ y over the share of elements, by trapezoids
/// ```
///
/// A good attribution has a small area of deletion and a large one of insertion. The model's outputs should
/// be probabilities of the class (`with a softmax`), so that areas of different inputs compare. Removed
/// elements make inputs that no training example looks like, so part of a fall may come from that: compare
/// with random orders.
///
/// # Reference
/// Petsiuk, Das & Saenko, *RISE*, 2018, <https://arxiv.org/abs/1806.07421>
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// The output after each removal, from none removed to all: one more number than steps.
    pub deletion: Vec<f64>,
    /// The output after each insertion, from none to all.
    pub insertion: Vec<f64>,
}

impl Curves {
    /// Returns the area below the deletion curve.
    pub fn deletion_area(&self) -> f64 {
        area(&self.deletion)
    }

    /// Returns the area below the insertion curve.
    pub fn insertion_area(&self) -> f64 {
        area(&self.insertion)
    }
}

/// Returns the integral over `[0, 1]` by trapezoids.
fn area(values: &[f64]) -> f64 {
    let sum: f64 = values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum();
    sum / (values.len() - 1) as f64
}

/// Removes and inserts the elements of `row` in the order of `scores`, the largest first and of equal ones
/// the earliest, `per_step` at a time.
///
/// The elements of a group, such as the categories of a column, stay together: their scores are summed. The
/// baseline is the question's, or zeros, or the background where elements are indices.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for scores that are not one per element;
/// [`Usage`](optlab_core::Error::Usage) for indices without a background.
pub fn curves(
    question: &Question<'_>,
    row: &[f32],
    scores: &[f64],
    per_step: usize,
) -> Result<Curves, Error> {
    question.check(row)?;
    if scores.len() != row.len() || scores.iter().any(|score| score.is_nan()) {
        let given = format!("{} numbers, or one that is NaN", scores.len());
        return Err(Error::invalid("curves", "scores", &format!("{} numbers", row.len()), given));
    }
    let of_element = question.model.groups().to_vec();
    let players = Players { count: of_element.iter().max().map_or(0, |last| last + 1), of_element };
    let mut sums = vec![0.0; players.count];
    players.of_element.iter().zip(scores).for_each(|(player, score)| sums[*player] += score);
    let mut order: Vec<usize> = (0..players.count).collect();
    order.sort_by(|a, b| sums[*b].total_cmp(&sums[*a]));
    let baselines = Baseline::Auto.rows(question, "curves")?;
    let masks = |first: bool| {
        let mut mask = vec![first; players.count];
        let mut masks = vec![mask.clone()];
        for players in order.chunks(per_step.max(1)) {
            players.iter().for_each(|player| mask[*player] = !first);
            masks.push(mask.clone());
        }
        masks
    };
    let outputs =
        |first| crate::replacement::mean_outputs(question, row, &players, &baselines, &masks(first));
    Ok(Curves { deletion: outputs(true)?, insertion: outputs(false)? })
}
