//! Which arm is better than which, as far as the seeds show it.
//!
//! The arms of a workload on a backend are one family of comparisons: each with the plan's reference, or, without one, each
//! with each. The probability that any of a family is called better or worse than one that it does not differ from is at
//! most [`ALPHA`], however many arms there are. Every family is by itself: with several workloads, an error in any of them
//! is that much more likely.

use crate::compare::summary::Summary;
use crate::statistics::verdict::{self, Comparison};
use serde::Serialize;
use std::collections::HashMap;

/// The probability of a wrong verdict in a family.
pub const ALPHA: f64 = 0.05;

/// An arm against another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// The other: the plan's reference, or the best arm of the workload.
    pub arm: String,
    /// What the comparison shows; none of the other with itself.
    pub comparison: Option<Comparison>,
    /// The arms that this one is better than.
    pub better_than: Vec<String>,
    /// The arms that this one is worse than.
    pub worse_than: Vec<String>,
}

/// Compares the arms of a workload, of which the best is the first, on the seeds that both of a pair have an outcome of.
pub(super) fn add(arms: &mut [Summary], reference: Option<&str>) {
    let backends: Vec<String> = arms.iter().map(|arm| arm.backend.clone()).collect();
    let mut seen: Vec<&String> = Vec::new();
    for backend in &backends {
        if !seen.contains(&backend) {
            seen.push(backend);
            let places: Vec<usize> =
                (0..arms.len()).filter(|&place| arms[place].backend == *backend).collect();
            add_to_family(arms, &places, reference);
        }
    }
}

fn add_to_family(arms: &mut [Summary], places: &[usize], reference: Option<&str>) {
    let named = reference.and_then(|name| places.iter().copied().find(|&place| arms[place].arm == name));
    let Some(other) = named.or(places.first().copied()) else { return };
    let pairs: Vec<(usize, usize)> = match named {
        Some(other) => {
            places.iter().copied().filter(|&place| place != other).map(|place| (place, other)).collect()
        }
        None => all_pairs(places),
    };
    let values: Vec<(Vec<f64>, Vec<f64>)> =
        pairs.iter().map(|&(a, b)| arms[a].paired_with(&arms[b])).collect();
    // A pair without a common seed has nothing to say, and is no comparison.
    let told: Vec<usize> = (0..pairs.len()).filter(|&pair| !values[pair].0.is_empty()).collect();
    let family: Vec<(&[f64], &[f64])> =
        told.iter().map(|&pair| (values[pair].0.as_slice(), values[pair].1.as_slice())).collect();
    let larger_is_better = arms[other].larger_is_better;
    // Seeds are in pairs and no metric is NaN, so nothing is refused.
    let comparisons = verdict::compare(&family, larger_is_better, ALPHA).unwrap_or_default();
    let mut against: HashMap<usize, Against> = HashMap::new();
    let name = arms[other].arm.clone();
    for &place in places {
        let arm = name.clone();
        against.insert(place, Against { arm, comparison: None, better_than: vec![], worse_than: vec![] });
    }
    for (&pair, comparison) in told.iter().zip(comparisons) {
        let (a, b) = pairs[pair];
        let (better, worse) = match comparison.verdict {
            verdict::Verdict::Better => (Some(a), Some(b)),
            verdict::Verdict::Worse => (Some(b), Some(a)),
            verdict::Verdict::NotShown => (None, None),
        };
        if let (Some(better), Some(worse)) = (better, worse) {
            let names = (arms[worse].arm.clone(), arms[better].arm.clone());
            against.entry(better).and_modify(|of| of.better_than.push(names.0));
            against.entry(worse).and_modify(|of| of.worse_than.push(names.1));
        }
        if b == other {
            against.entry(a).and_modify(|of| of.comparison = Some(comparison));
        }
    }
    for (place, of) in against {
        arms[place].against = Some(of);
    }
}

/// Each with each; the second of a pair is the one that is ranked before.
fn all_pairs(places: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (rank, &b) in places.iter().enumerate() {
        pairs.extend(places[rank + 1..].iter().map(|&a| (a, b)));
    }
    pairs
}
