//! What stands in for a part of an input that is taken away.

use crate::Question;
use crate::players::Players;
use optlab_train::Error;
use optlab_train::model::InputShape;
use serde::{Deserialize, Serialize};

/// The most background rows that stand in for a part.
pub(crate) const MOST_ROWS: usize = 50;

/// The choice of what stands for "nothing there".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Zeros where all elements are numbers, else the background.
    #[default]
    Auto,
    /// Zeros: the mean where data are standardized, black in pictures.
    Zero,
    /// The mean of the background rows; for an index the most frequent one.
    Mean,
    /// Each of up to 50 background rows in turn; the outputs are averaged.
    Background,
}

impl Baseline {
    /// Returns the rows that stand in for an input; outputs are averaged over them.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) without a background where one is needed.
    pub(crate) fn rows(self, question: &Question<'_>, method: &str) -> Result<Vec<Vec<f32>>, Error> {
        if let Some(baseline) = question.baseline {
            return Ok(vec![baseline.to_vec()]);
        }
        let model = question.model;
        let background = |most| question.background_rows(&format!("{method} with this baseline"), most);
        Ok(match self {
            Baseline::Auto if model.has_indices() => owned(background(MOST_ROWS)?),
            Baseline::Auto | Baseline::Zero => vec![vec![0.0; model.elements()]],
            Baseline::Background => owned(background(MOST_ROWS)?),
            Baseline::Mean => vec![mean(&background(usize::MAX)?, model.input())],
        })
    }
}

fn owned(rows: Vec<&[f32]>) -> Vec<Vec<f32>> {
    rows.into_iter().map(<[f32]>::to_vec).collect()
}

/// Returns the mean of rows, and the most frequent one of indices.
fn mean(rows: &[&[f32]], input: &InputShape) -> Vec<f32> {
    let is_index = |i: usize| match input {
        InputShape::Tokens { .. } => true,
        InputShape::Columns(columns) => columns[i].is_some(),
        _ => false,
    };
    let of_element = |i: usize| {
        if !is_index(i) {
            return (rows.iter().map(|row| f64::from(row[i])).sum::<f64>() / rows.len() as f64) as f32;
        }
        let mut counts = std::collections::BTreeMap::<u32, usize>::new();
        rows.iter().for_each(|row| *counts.entry(row[i] as u32).or_default() += 1);
        // The smallest of equally frequent ones.
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(0.0, |(index, _)| index as f32)
    };
    (0..input.elements()).map(of_element).collect()
}

/// Returns the mean output over `baselines` for each of `masks`: the input where the mask of a part is true,
/// the baseline elsewhere.
pub(crate) fn mean_outputs(
    question: &Question<'_>,
    row: &[f32],
    players: &Players,
    baselines: &[Vec<f32>],
    masks: &[Vec<bool>],
) -> Result<Vec<f64>, Error> {
    /// The most mixed rows that are made before they go through the model.
    const MOST: usize = 10_000;
    let at_once = (MOST / baselines.len()).max(1);
    let mut means = Vec::with_capacity(masks.len());
    for masks in masks.chunks(at_once) {
        let mut rows = Vec::with_capacity(masks.len() * baselines.len() * row.len());
        for mask in masks {
            for baseline in baselines {
                let mixed = row.iter().zip(baseline).zip(&players.of_element);
                rows.extend(mixed.map(|((own, other), &player)| if mask[player] { *own } else { *other }));
            }
        }
        let outputs = question.model.output(&rows, question.output)?;
        let mean = |outputs: &[f64]| outputs.iter().sum::<f64>() / outputs.len() as f64;
        means.extend(outputs.chunks(baselines.len()).map(mean));
    }
    Ok(means)
}
