//! L-BFGS: the direction from the latest steps, and the iterations of a step.

mod line_search;
mod of_model;
mod state;

use crate::rules::LbfgsConfig;
use line_search::{Bounds, Trial, strong_wolfe};
pub(crate) use of_model::elements;
pub(crate) use state::LbfgsState;

/// The smallest product of a step and its change of the gradient that enters the history.
const LEAST_CURVATURE: f64 = 1e-10;

/// L-BFGS with the state of the latest step.
#[derive(Clone)]
pub(crate) struct Lbfgs {
    config: LbfgsConfig,
    pub state: LbfgsState,
}

impl Lbfgs {
    pub fn new(config: &LbfgsConfig) -> Self {
        Lbfgs { config: config.clone(), state: LbfgsState::default() }
    }

    /// Makes the iterations of one step, from a point with the given loss and gradient. `evaluate` moves the
    /// point by `t` times a direction, from where the iteration started, and returns loss and gradient there;
    /// `accept` makes the moved point the start of the next iteration.
    fn iterate(&mut self, lr: f64, loss: f64, gradient: Vec<f64>, line: &mut impl Line) {
        let config = self.config.clone();
        let most = config.most_evaluations();
        let (mut loss, mut gradient, mut evaluations) = (loss, gradient, 1);
        if largest(&gradient) <= config.tolerance_gradient {
            return;
        }
        for iteration in 1..=config.max_iterations {
            let direction = self.state.direction(&gradient, config.history, line.is_double());
            let slope = dot(&gradient, &direction);
            let t = if self.state.iterations == 1 {
                lr * (1.0 / gradient.iter().map(|value| value.abs()).sum::<f64>()).min(1.0)
            } else {
                lr
            };
            // Written so that NaN ends the step.
            if slope.is_nan() || slope > -config.tolerance_change {
                self.state.remember(gradient, direction, 0.0);
                return;
            }
            let start = Trial { t: 0.0, loss, gradient: gradient.clone(), slope };
            let mut evaluate = |t: f64| {
                let (loss, gradient) = line.evaluate(t, &direction);
                let slope = dot(&gradient, &direction);
                Trial { t, loss, gradient, slope }
            };
            let longest = largest(&direction);
            let found = if config.searches() {
                let tolerance = config.tolerance_change;
                let bounds = Bounds { tolerance, longest, evaluations: most.saturating_sub(evaluations) };
                let (found, made) = strong_wolfe(&start, t, bounds, evaluate);
                evaluations += made;
                found
            } else if iteration < config.max_iterations {
                evaluations += 1;
                evaluate(t)
            } else {
                // Nothing uses the loss and the gradient after the last iteration.
                Trial { t, ..start.clone() }
            };
            line.accept(found.t, &direction);
            self.state.remember(gradient, direction, found.t);
            let change = (found.loss - loss).abs();
            (loss, gradient) = (found.loss, found.gradient);
            if evaluations >= most
                || largest(&gradient) <= config.tolerance_gradient
                || longest * found.t <= config.tolerance_change
                || change < config.tolerance_change
            {
                return;
            }
        }
    }
}

/// The parameters along a direction.
trait Line {
    /// Returns the loss and the gradient at `t` times `direction` from the current point.
    fn evaluate(&mut self, t: f64, direction: &[f64]) -> (f64, Vec<f64>);

    /// Moves the current point by `t` times `direction`.
    fn accept(&mut self, t: f64, direction: &[f64]);

    /// Returns whether the history is to be kept in 64 bits.
    fn is_double(&self) -> bool;
}

/// Returns the largest absolute value; NaN if there is a NaN.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| if value.abs() <= largest { largest } else { value.abs() })
}

/// Returns the scalar product, added in an order that does not depend on the machine.
fn dot(one: &[f64], two: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (ones, twos) = (one.chunks_exact(LANES), two.chunks_exact(LANES));
    let rest: f64 = ones.remainder().iter().zip(twos.remainder()).map(|(one, two)| one * two).sum();
    for (one, two) in ones.zip(twos) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * two[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}
