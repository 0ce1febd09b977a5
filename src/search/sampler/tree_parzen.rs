//! The tree-structured Parzen estimator (Bergstra et al., 2011), by the crate `tpe`.

use crate::random::{Purpose, stream};
use crate::search::distribution::Distribution;
use crate::search::sampler::Observation;
use crate::search::space::Space;
use rand_chacha::ChaCha8Rng;
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, histogram_estimator, parzen_estimator, range};

/// A point where the density of the best tenth of the `finished` trials is the largest multiple of that of the others, among
/// 24 points drawn from the first; each dimension by itself.
///
/// None if the estimator refuses a trial, which it does for coordinates outside of `[0, 1)`.
pub fn point(seed: u64, space: &Space, number: usize, finished: &[&Observation]) -> Option<Vec<f64>> {
    let mut random = stream(seed, Purpose::Points, number as u64);
    let dimensions = space.dimensions().iter().map(|dimension| &dimension.distribution).enumerate();
    let coordinates = dimensions.map(|(place, distribution)| {
        let told = finished.iter().map(|trial| (trial.point[place], trial.rank()));
        // The estimator of choices knows them by their place, and nothing of neighbours.
        if let Distribution::Choice(choices) = distribution {
            let told = told.map(|(u, value)| (distribution.cell(u) as f64, value));
            let chosen = ask(histogram_estimator(), choices.len() as f64, told, &mut random)?;
            return Some((chosen + 0.5) / choices.len() as f64);
        }
        ask(parzen_estimator(), 1.0, told, &mut random)
    });
    coordinates.collect()
}

/// What the estimator proposes from 0 to below `end`.
fn ask(
    estimator: DefaultEstimatorBuilder,
    end: f64,
    told: impl Iterator<Item = (f64, f64)>,
    random: &mut ChaCha8Rng,
) -> Option<f64> {
    let mut optimizer = TpeOptimizer::new(estimator, range(0.0, end).ok()?);
    for (parameter, value) in told {
        optimizer.tell(parameter, value).ok()?;
    }
    let Ok(proposed) = optimizer.ask(random);
    Some(proposed)
}
