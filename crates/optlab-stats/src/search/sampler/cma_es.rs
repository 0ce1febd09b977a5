//! The covariance matrix adaptation evolution strategy (Hansen, 2016), restricted to the unit cube.

mod state;

use crate::search::sampler::Observation;
use optlab_core::random::{Purpose, stream};
use state::CmaEsState;
use std::collections::BTreeMap;

/// The number of draws for a point inside the cube; after that the point is moved to the border.
const TRIES: usize = 100;

/// Returns the point of trial `number`.
///
/// The trials `g λ … (g + 1) λ` are generation `g`, where `λ = 4 + ⌊3 ln d⌋`. The state includes the
/// generations before the trial's own, up to the first incomplete one, so the same history always gives the
/// same state. Trials without a value are ranked last; a generation without any value is left out. Whole
/// numbers and choices are cells of the cube like all other values.
pub fn point(seed: u64, dimensions: usize, number: usize, history: &[Observation]) -> Vec<f64> {
    let history: BTreeMap<usize, &Observation> = history.iter().map(|trial| (trial.number, trial)).collect();
    let mut state = CmaEsState::new(dimensions);
    let lambda = state.lambda();
    for generation in 0..number / lambda {
        let trials = generation * lambda..(generation + 1) * lambda;
        let Some(mut trials) = trials.map(|number| history.get(&number)).collect::<Option<Vec<_>>>() else {
            break;
        };
        trials.sort_by(|a, b| a.rank().total_cmp(&b.rank()));
        if trials[0].rank().is_finite() {
            let points: Vec<&[f64]> = trials.iter().map(|trial| trial.point.as_slice()).collect();
            state.tell(&points);
        }
    }
    let mut random = stream(seed, Purpose::Points, number as u64);
    let mut drawn = state.draw(&mut random);
    for _ in 1..TRIES {
        if drawn.iter().all(|x| (0.0..1.0).contains(x)) {
            break;
        }
        drawn = state.draw(&mut random);
    }
    drawn.iter().map(|x| x.clamp(0.0, 1.0 - f64::EPSILON / 2.0)).collect()
}
