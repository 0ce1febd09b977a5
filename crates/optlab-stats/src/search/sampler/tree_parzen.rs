//! The tree-structured Parzen estimator (Bergstra et al., 2011), by the crate `tpe`.

use crate::search::distribution::Distribution;
use crate::search::sampler::Observation;
use crate::search::space::Space;
use optlab_core::random::{Purpose, stream};
use rand_chacha::ChaCha8Rng;
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, histogram_estimator, parzen_estimator, range};

/// Returns the point at which the density of the best tenth of the `finished` trials is the largest multiple
/// of the density of the others, among 24 points drawn from the first density, for each dimension separately.
///
/// Returns `None` if the estimator refuses a trial, which it does for coordinates outside `[0, 1)`.
pub fn point(seed: u64, space: &Space, number: usize, finished: &[&Observation]) -> Option<Vec<f64>> {
    let mut random = stream(seed, Purpose::Points, number as u64);
    let dimensions = space.dimensions().iter().map(|dimension| &dimension.distribution).enumerate();
    let coordinates = dimensions.map(|(place, distribution)| {
        let told = finished.iter().map(|trial| (trial.point[place], trial.rank()));
        // The estimator of choices identifies them by index, and has no notion of neighbours.
        if let Distribution::Choice(choices) = distribution {
            let told = told.map(|(u, value)| (distribution.cell(u) as f64, value));
            let chosen = ask(histogram_estimator(), choices.len() as f64, told, &mut random)?;
            return Some((chosen + 0.5) / choices.len() as f64);
        }
        ask(parzen_estimator(), 1.0, told, &mut random)
    });
    coordinates.collect()
}

/// Returns the estimator's proposal in `[0, end)`.
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
