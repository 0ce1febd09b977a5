//! Verdicts on which arms are better than others, from their paired seeds.
//!
//! The arms of a workload on a backend are one family of comparisons: each arm with the plan's reference or,
//! without a reference, all pairs of arms. The probability that any arm of a family is called better or worse
//! than an arm from which it does not differ is at most [`ALPHA`], for any number of arms. This holds per
//! family: with several workloads, an error in any of them is more likely.

use optlab_core::Direction;
use optlab_stats::statistics::paired_test::Test;
use optlab_stats::statistics::verdict::{self, Comparison};
use serde::Serialize;
use std::collections::HashMap;

pub use crate::plan::ALPHA;

/// The comparison of an arm with another arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// The other arm: the plan's reference, or the best arm of the workload.
    pub arm: String,
    /// The result of the comparison; `None` for the other arm itself, and without a common seed.
    pub comparison: Option<Comparison>,
    /// The arms that this one is better than.
    pub better_than: Vec<String>,
    /// The arms that this one is worse than.
    pub worse_than: Vec<String>,
}

/// The data of an arm on one workload and backend that a verdict needs.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The arm's name.
    pub arm: &'a str,
    /// The backend and device.
    pub backend: &'a str,
    /// The metric of each seed that has an outcome; infinite for a lost seed.
    pub values: &'a [(u64, f64)],
}

impl Candidate<'_> {
    /// Returns the metrics of this arm and of `other` on the seeds for which both have an outcome.
    pub fn paired_with(self, other: Candidate<'_>) -> (Vec<f64>, Vec<f64>) {
        let of_other: HashMap<u64, f64> = other.values.iter().copied().collect();
        self.values.iter().filter_map(|(seed, value)| Some((*value, *of_other.get(seed)?))).unzip()
    }
}

/// Judges the arms of a workload, sorted from best to worst, within each backend: against the arm
/// `reference`, or all pairs if no arm has that name. Returns one entry per arm, in order.
pub fn judge(
    arms: &[Candidate],
    direction: Direction,
    reference: Option<&str>,
    test: Test,
) -> Vec<Option<Against>> {
    let mut judged = vec![None; arms.len()];
    let mut seen: Vec<&str> = Vec::new();
    for arm in arms {
        if !seen.contains(&arm.backend) {
            seen.push(arm.backend);
            let places: Vec<usize> =
                (0..arms.len()).filter(|&place| arms[place].backend == arm.backend).collect();
            for (place, against) in judge_family(arms, &places, direction, reference, test) {
                judged[place] = Some(against);
            }
        }
    }
    judged
}

/// Judges the arms at the indices `places`, which share a backend.
fn judge_family(
    arms: &[Candidate],
    places: &[usize],
    direction: Direction,
    reference: Option<&str>,
    test: Test,
) -> HashMap<usize, Against> {
    let named = reference.and_then(|name| places.iter().copied().find(|&place| arms[place].arm == name));
    let Some(other) = named.or(places.first().copied()) else { return HashMap::new() };
    let pairs: Vec<(usize, usize)> = match named {
        Some(other) => {
            places.iter().copied().filter(|&place| place != other).map(|place| (place, other)).collect()
        }
        None => all_pairs(places),
    };
    let values: Vec<(Vec<f64>, Vec<f64>)> =
        pairs.iter().map(|&(a, b)| arms[a].paired_with(arms[b])).collect();
    // A pair without a common seed cannot be compared.
    let comparable: Vec<usize> = (0..pairs.len()).filter(|&pair| !values[pair].0.is_empty()).collect();
    let family: Vec<(&[f64], &[f64])> =
        comparable.iter().map(|&pair| (values[pair].0.as_slice(), values[pair].1.as_slice())).collect();
    // Seeds are paired and no metric is NaN, so `compare` returns no error.
    let comparisons = verdict::compare(&family, direction, ALPHA, test).unwrap_or_default();
    let unjudged =
        || Against { arm: arms[other].arm.into(), comparison: None, better_than: vec![], worse_than: vec![] };
    let mut against: HashMap<usize, Against> = places.iter().map(|&place| (place, unjudged())).collect();
    for (&pair, comparison) in comparable.iter().zip(comparisons) {
        let (a, b) = pairs[pair];
        let (better, worse) = match comparison.verdict {
            verdict::Verdict::Better => (Some(a), Some(b)),
            verdict::Verdict::Worse => (Some(b), Some(a)),
            verdict::Verdict::NotShown => (None, None),
        };
        if let (Some(better), Some(worse)) = (better, worse) {
            against.entry(better).and_modify(|of| of.better_than.push(arms[worse].arm.into()));
            against.entry(worse).and_modify(|of| of.worse_than.push(arms[better].arm.into()));
        }
        if b == other {
            against.entry(a).and_modify(|of| of.comparison = Some(comparison));
        }
    }
    against
}

/// Returns all pairs of indices; the second of a pair ranks before the first.
fn all_pairs(places: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (rank, &b) in places.iter().enumerate() {
        pairs.extend(places[rank + 1..].iter().map(|&a| (a, b)));
    }
    pairs
}
