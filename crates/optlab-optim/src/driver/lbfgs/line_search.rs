//! The line search of L-BFGS: a step that meets the strong Wolfe conditions.

/// A decrease of the loss of at least this share of the one that the slope promises.
const DECREASE: f64 = 1e-4;
/// The largest slope at the end of a step, as a share of the slope at its start.
const CURVATURE: f64 = 0.9;

/// A point on the line.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// The length of the step to it, in units of the direction.
    pub t: f64,
    pub loss: f64,
    pub gradient: Vec<f64>,
    /// The derivative of the loss along the line.
    pub slope: f64,
}

impl Trial {
    fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.slope.is_finite()
    }
}

/// The bounds of a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The length of a bracket, times the largest element of the direction, below which the search ends.
    pub tolerance: f64,
    /// The largest element of the direction.
    pub longest: f64,
    /// The most trials after the first one.
    pub evaluations: usize,
}

/// Returns a point on the line from `start` that meets the strong Wolfe conditions, or the best one found,
/// and the number of evaluations. The first trial is at `t`.
///
/// A trial whose loss or slope is not finite is too far: the search goes halfway back.
pub(super) fn strong_wolfe(
    start: &Trial,
    t: f64,
    bounds: Bounds,
    mut evaluate: impl FnMut(f64) -> Trial,
) -> (Trial, usize) {
    let meets_curvature = |trial: &Trial| trial.slope.abs() <= -CURVATURE * start.slope;
    let is_too_high = |trial: &Trial| trial.loss > start.loss + DECREASE * trial.t * start.slope;
    let (mut previous, mut newest, mut evaluations) = (start.clone(), evaluate(t), 1);
    let mut bracket = loop {
        if evaluations > bounds.evaluations {
            break [start.clone(), newest];
        }
        if !newest.is_finite() {
            newest = evaluate(f64::midpoint(previous.t, newest.t));
            evaluations += 1;
            continue;
        }
        if is_too_high(&newest) || (evaluations > 2 && newest.loss >= previous.loss) {
            break [previous, newest];
        }
        if meets_curvature(&newest) {
            return (newest, evaluations);
        }
        if newest.slope >= 0.0 {
            break [previous, newest];
        }
        let ends = (newest.t + 0.01 * (newest.t - previous.t), newest.t * 10.0);
        let t = minimum_of_cubic(&previous, &newest, ends);
        previous = newest;
        newest = evaluate(t);
        evaluations += 1;
    };
    // The bracket shrinks around a point that meets the conditions; its end with the smaller loss is `low`.
    let lower = |bracket: &[Trial; 2]| usize::from(bracket[1].loss < bracket[0].loss);
    let mut low = lower(&bracket);
    let mut is_stuck = false;
    while evaluations <= bounds.evaluations {
        let (left, right) = ordered(bracket[0].t, bracket[1].t);
        if (right - left) * bounds.longest < bounds.tolerance {
            break;
        }
        let mut t = minimum_of_cubic(&bracket[0], &bracket[1], (left, right));
        // Close to an end twice in a row, or at an end: a tenth of the bracket away from it.
        let margin = 0.1 * (right - left);
        let is_close = (right - t).min(t - left) < margin;
        if is_close && (is_stuck || t >= right || t <= left) {
            t = if (t - right).abs() < (t - left).abs() { right - margin } else { left + margin };
            is_stuck = false;
        } else {
            is_stuck = is_close;
        }
        let trial = evaluate(t);
        evaluations += 1;
        let high = 1 - low;
        if !trial.is_finite() || is_too_high(&trial) || trial.loss >= bracket[low].loss {
            bracket[high] = trial;
            low = lower(&bracket);
            continue;
        }
        let is_done = meets_curvature(&trial);
        if !is_done && trial.slope * (bracket[high].t - bracket[low].t) >= 0.0 {
            bracket[high] = bracket[low].clone();
        }
        bracket[low] = trial;
        if is_done {
            break;
        }
    }
    let [zero, one] = bracket;
    (if low == 0 { zero } else { one }, evaluations)
}

/// Returns the two numbers, the smaller one first.
fn ordered(one: f64, two: f64) -> (f64, f64) {
    if one <= two { (one, two) } else { (two, one) }
}

/// Returns the minimum of the cubic through two points with their slopes, limited to `ends`; the middle of
/// `ends` if it has none.
fn minimum_of_cubic(one: &Trial, two: &Trial, (left, right): (f64, f64)) -> f64 {
    let middle = f64::midpoint(left, right);
    let d_1 = one.slope + two.slope - 3.0 * (one.loss - two.loss) / (one.t - two.t);
    let square = d_1 * d_1 - one.slope * two.slope;
    // Written so that NaN gives the middle.
    if square.is_nan() || square < 0.0 {
        return middle;
    }
    let d_2 = square.sqrt();
    let (near, far) = if one.t <= two.t { (one, two) } else { (two, one) };
    let t = far.t - (far.t - near.t) * ((far.slope + d_2 - d_1) / (far.slope - near.slope + 2.0 * d_2));
    if t.is_nan() { middle } else { t.max(left).min(right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(f: impl Fn(f64) -> (f64, f64), t: f64, evaluations: usize) -> (Trial, usize) {
        let trial = |t: f64| {
            let (loss, slope) = f(t);
            Trial { t, loss, gradient: Vec::new(), slope }
        };
        let bounds = Bounds { tolerance: 1e-9, longest: 1.0, evaluations };
        strong_wolfe(&trial(0.0), t, bounds, trial)
    }

    #[test]
    fn the_result_meets_both_conditions_from_short_and_long_first_trials() {
        // (t − 3)⁴ / 4 + t: its minimum is at 2.
        let f = |t: f64| ((t - 3.0).powi(4) / 4.0 + t, (t - 3.0).powi(3) + 1.0);
        let (start, slope) = f(0.0);
        for t in [1e-3, 0.1, 1.0, 2.0, 5.0, 100.0, 1e6] {
            let (found, evaluations) = search(f, t, 25);
            assert!(found.loss <= start + 1e-4 * found.t * slope, "from {t}: {found:?}");
            assert!(found.slope.abs() <= -0.9 * slope, "from {t}: {found:?}");
            assert!(evaluations <= 26, "from {t}: {evaluations}");
        }
    }

    #[test]
    fn a_trial_that_is_not_finite_is_too_far() {
        // −ln(1 − t) − 3 t is NaN from 1 on; its minimum is at 2/3.
        let f = |t: f64| (-(1.0 - t).ln() - 3.0 * t, 1.0 / (1.0 - t) - 3.0);
        let (found, _) = search(f, 50.0, 25);
        assert!(found.t > 0.0 && found.t < 1.0 && found.loss < 0.0, "{found:?}");
    }

    #[test]
    fn without_any_finite_trial_or_descent_the_start_is_returned() {
        let nowhere = |t: f64| if t == 0.0 { (1.0, -1.0) } else { (f64::NAN, f64::NAN) };
        let (found, evaluations) = search(nowhere, 1.0, 5);
        assert_eq!((found.t, found.loss, evaluations), (0.0, 1.0, 6));
        let uphill = |t: f64| (1.0 + t, if t == 0.0 { -1.0 } else { 1.0 });
        assert_eq!(search(uphill, 1.0, 5).0.t, 0.0);
    }
}
