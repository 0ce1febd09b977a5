//! Maps values to positions on the picture, with ticks that people would choose.

/// How values are spaced along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// Equal differences are equal distances.
    Linear,
    /// Equal ratios are equal distances.
    Log,
    /// Equal ratios of the distance to 1 are equal distances: 90 %, 99 % and 99.9 % are equally far apart.
    Missing,
}

/// An axis from `low` to `high` on the picture.
#[derive(Debug, Clone)]
pub struct Axis {
    scale: Scale,
    /// The ends after the scale's transformation.
    ends: (f64, f64),
    /// The positions of the ends, in pixels.
    places: (f64, f64),
    /// The smallest value (for [`Scale::Missing`], distance to 1) with its own position; smaller ones are
    /// drawn there.
    floor: f64,
}

impl Axis {
    /// Returns an axis that contains all `values`, with a little room at the ends if `is_padded`.
    ///
    /// No values, and values that are all the same, also give an axis.
    pub fn new(scale: Scale, values: &[f64], places: (f64, f64), is_padded: bool) -> Self {
        let sizes = values.iter().map(|value| if scale == Scale::Missing { 1.0 - value } else { *value });
        // Zero has no logarithm: it is drawn at half the smallest positive value.
        let smallest = sizes.filter(|size| *size > 0.0).fold(f64::INFINITY, f64::min);
        let floor = if smallest.is_finite() { smallest / 2.0 } else { 1e-3 };
        let mut axis = Axis { scale, ends: (f64::INFINITY, f64::NEG_INFINITY), places, floor };
        for value in values {
            let at = axis.transform(*value);
            axis.ends = (axis.ends.0.min(at), axis.ends.1.max(at));
        }
        if !axis.ends.0.is_finite() || !axis.ends.1.is_finite() {
            axis.ends = (0.0, 1.0);
        }
        let width = axis.ends.1 - axis.ends.0;
        let room = match (width > 0.0, is_padded) {
            (false, _) => axis.ends.0.abs().max(1.0) * 0.1,
            (true, true) => width * 0.04,
            (true, false) => 0.0,
        };
        axis.ends = (axis.ends.0 - room, axis.ends.1 + room);
        axis
    }

    /// Returns the position of `value` in pixels; beyond the ends for a value that is beyond them.
    pub fn place(&self, value: f64) -> f64 {
        let share = (self.transform(value) - self.ends.0) / (self.ends.1 - self.ends.0);
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// Returns round values at least `distance` pixels apart.
    pub fn ticks(&self, distance: f64) -> Vec<f64> {
        let mut ticks: Vec<f64> = Vec::new();
        let length = (self.places.1 - self.places.0).abs();
        let (low, high) = (self.places.0.min(self.places.1), self.places.0.max(self.places.1));
        for candidate in self.candidates((length / distance / 1.5).clamp(2.0, 12.0)) {
            let place = self.place(candidate);
            let is_inside = (low - 0.5..=high + 0.5).contains(&place);
            if is_inside && ticks.iter().all(|tick| (self.place(*tick) - place).abs() >= distance) {
                ticks.push(candidate);
            }
        }
        ticks.sort_by(f64::total_cmp);
        ticks
    }

    /// Returns values that may become ticks, preferred ones first.
    fn candidates(&self, count: f64) -> Vec<f64> {
        let mut candidates = Vec::new();
        let digits = |digits: &[f64]| -> Vec<f64> {
            let decades = (-12..=12).map(|decade| 10f64.powi(decade));
            decades.flat_map(|decade| digits.iter().map(move |digit| digit * decade)).collect()
        };
        match self.scale {
            Scale::Linear => {}
            Scale::Log => {
                candidates.extend([digits(&[1.0]), digits(&[5.0]), digits(&[2.0])].concat());
            }
            Scale::Missing => {
                candidates.push(1.0);
                let sizes = [digits(&[1.0]), digits(&[5.0]), digits(&[2.0]), digits(&[3.0, 7.0])].concat();
                candidates.extend(sizes.iter().filter(|size| **size < 1.0).map(|size| 1.0 - size));
                candidates.push(0.0);
            }
        }
        let (low, high) = (self.inverse(self.ends.0), self.inverse(self.ends.1));
        candidates.extend(round_values(low.min(high), low.max(high), count));
        candidates
    }

    fn transform(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.floor).log10(),
            Scale::Missing => -(1.0 - value).max(self.floor).log10(),
        }
    }

    fn inverse(&self, at: f64) -> f64 {
        match self.scale {
            Scale::Linear => at,
            Scale::Log => 10f64.powf(at),
            Scale::Missing => 1.0 - 10f64.powf(-at),
        }
    }
}

/// Returns a tick's text, with as few digits as it needs.
pub fn tick_text(value: f64) -> String {
    if value.abs() >= 1e6 || (value != 0.0 && value.abs() < 1e-4) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// Returns about `count` multiples of 1, 2 or 5 times a power of ten between `low` and `high`.
fn round_values(low: f64, high: f64, count: f64) -> Vec<f64> {
    let rough = (high - low) / count;
    if !(rough > 0.0 && rough.is_finite()) {
        return vec![low];
    }
    let decade = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * decade)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<String> {
        axis.ticks(24.0).into_iter().map(tick_text).collect()
    }

    #[test]
    fn the_ends_of_an_axis_are_where_its_values_are() {
        let axis = Axis::new(Scale::Linear, &[1.0, 5.0, 3.0], (100.0, 500.0), false);
        assert_eq!([axis.place(1.0), axis.place(3.0), axis.place(5.0)], [100.0, 300.0, 500.0]);
        assert_eq!(texts(&axis), ["1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"]);
    }

    #[test]
    fn accuracies_near_one_are_spread_by_their_distance_to_one() {
        let axis = Axis::new(Scale::Missing, &[0.1, 0.9, 0.99], (300.0, 0.0), false);
        let (bad, good, best) = (axis.place(0.1), axis.place(0.9), axis.place(0.99));
        assert!((bad - 300.0).abs() < 1e-9 && best.abs() < 1e-9);
        assert!((good - best) > (bad - good), "{bad} {good} {best}");
        assert_eq!(texts(&axis), ["0.2", "0.5", "0.7", "0.8", "0.9", "0.95", "0.97", "0.98", "0.99"]);
    }

    #[test]
    fn a_perfect_accuracy_has_a_position_and_a_tick() {
        let axis = Axis::new(Scale::Missing, &[0.5, 0.99, 1.0], (300.0, 0.0), false);
        assert!(axis.place(1.0).abs() < 1e-9);
        assert_eq!(texts(&axis).last().unwrap(), "1");
    }

    #[test]
    fn no_value_and_a_single_one_still_give_an_axis() {
        for scale in [Scale::Linear, Scale::Log, Scale::Missing] {
            for values in [&[][..], &[0.5], &[0.5, 0.5], &[0.0], &[1.0]] {
                let axis = Axis::new(scale, values, (300.0, 0.0), true);
                assert!(axis.place(0.5).is_finite(), "{scale:?} {values:?}");
                assert!(axis.ticks(24.0).len() < 30);
            }
        }
    }
}
