//! An arm's learning curves, in columns.

use crate::report::html::number_text::rounded;
use crate::result::comparison::Run;
use crate::result::curves::{Curve as Points, Quantity};
use serde::Serialize;

/// The largest number of points per curve: more could not be told apart on a screen.
const MOST_PLACES: usize = 100;

/// The three curves of an arm.
#[derive(Serialize)]
pub struct Curves {
    train_loss: Curve,
    validation_loss: Curve,
    metric: Curve,
}

/// The points of a curve: where they are, and the values of the seeds there.
#[derive(Serialize, Default)]
struct Curve {
    step: Vec<usize>,
    epoch: Vec<usize>,
    seconds: Vec<f64>,
    median: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Curves {
    /// Returns the curves of an arm's final runs, thinned so that the curves of `curves` arms fit into the
    /// page.
    pub fn of(runs: &[&Run], curves: usize) -> Self {
        // About 45 bytes per point, three curves per arm, 600 kB in total.
        let most = (600_000 / 45 / 3 / curves.max(1)).clamp(8, MOST_PLACES);
        let curve = |quantity| Curve::of(&Points::of(runs, quantity), most);
        Curves {
            train_loss: curve(Quantity::TrainLoss),
            validation_loss: curve(Quantity::ValidationLoss),
            metric: curve(Quantity::Metric),
        }
    }
}

impl Curve {
    fn of(points: &Points, most: usize) -> Self {
        let points = &points.points;
        let stride = points.len().div_ceil(most).max(1);
        let mut curve = Curve::default();
        for (number, point) in points.iter().enumerate() {
            // The last point is always kept.
            if number % stride != 0 && number + 1 != points.len() {
                continue;
            }
            curve.step.push(point.at.step);
            curve.epoch.push(point.at.epoch);
            curve.seconds.push(rounded(point.at.seconds));
            curve.median.push(rounded(point.median));
            curve.low.push(rounded(point.low));
            curve.high.push(rounded(point.high));
        }
        curve
    }
}
