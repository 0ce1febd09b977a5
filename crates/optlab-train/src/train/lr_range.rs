//! The learning-rate range test (Smith, 2015): the rate rises exponentially from step to step, and the loss
//! shows which rates are useful.

use crate::data::{Batches, Source};
use crate::train::Trial;
use crate::train::batch_evaluation::BatchEvaluation;
use crate::train::run::{optimizers, prepared};
use crate::workload::Workload;
use crate::{Error, device};
use optlab_core::range::{self, ABOVE_ONE, POSITIVE, POSITIVE_BELOW_ONE};

/// The settings of a range test.
///
/// | field       | default | range          |                                                                            |
/// |:------------|--------:|:---------------|:---------------------------------------------------------------------------|
/// | `min_lr`    |    1e-6 | `(0, ∞)`       | the rate of the first step                                                 |
/// | `max_lr`    |      10 | `(min_lr, ∞)`  | the rate of the last step                                                  |
/// | `steps`     |     300 | 10…            | number of steps                                                            |
/// | `smoothing` |     0.9 | `(0, 1)`       | the weight of a loss in the smoothed loss of a neighbouring step           |
/// | `blow_up`   |       4 | `(1, ∞)`       | the test stops if the mean loss exceeds the smallest one times this factor |
#[derive(Debug, Clone, PartialEq)]
pub struct LrRangeTest {
    /// The rate of the first step.
    pub min_lr: f64,
    /// The rate of the last step.
    pub max_lr: f64,
    /// Number of steps.
    pub steps: usize,
    /// The weight of a loss in the smoothed loss of a neighbouring step.
    pub smoothing: f64,
    /// The test stops if the mean loss exceeds the smallest one times this factor.
    pub blow_up: f64,
}

impl Default for LrRangeTest {
    fn default() -> Self {
        LrRangeTest { min_lr: 1e-6, max_lr: 10.0, steps: 300, smoothing: 0.9, blow_up: 4.0 }
    }
}

/// The measurements of a range test.
#[derive(Debug, Clone, PartialEq)]
pub struct LrRange {
    /// The rate of each step.
    pub lrs: Vec<f64>,
    /// The loss before that step.
    pub losses: Vec<f64>,
    /// The mean of the losses around that step, with weights that fall exponentially to both sides. A mean of
    /// the past losses alone would lag, and suggest rates that are too large.
    pub smoothed: Vec<f64>,
    /// Whether the loss blew up before the last step.
    pub blew_up: bool,
}

/// The rates that a range test suggests.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// The rate at which the mean loss falls fastest along the logarithm of the rate.
    pub steepest: f64,
    /// A tenth of the rate at which the mean loss is smallest.
    pub tenth_of_minimum: f64,
    /// Why neither should be trusted; `None` if both can be.
    pub caution: Option<String>,
}

impl Suggestion {
    /// Returns the rate to start with: the geometric mean of the two.
    pub fn lr(&self) -> f64 {
        (self.steepest * self.tenth_of_minimum).sqrt()
    }
}

impl LrRangeTest {
    /// Checks the fields against their ranges.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a field out of its range or NaN.
    pub fn validate(&self) -> Result<(), Error> {
        let owner = "lr-find";
        range::check(
            owner,
            [("min_lr", self.min_lr, POSITIVE), ("smoothing", self.smoothing, POSITIVE_BELOW_ONE)],
        )?;
        if !(self.max_lr > self.min_lr && self.max_lr.is_finite()) {
            return Err(Error::invalid(owner, "max_lr", &format!("in ({}, ∞)", self.min_lr), self.max_lr));
        }
        range::check(owner, [("blow_up", self.blow_up, ABOVE_ONE)])?;
        if self.steps < 10 {
            return Err(Error::invalid(owner, "steps", "at least 10", self.steps));
        }
        Ok(())
    }

    fn lr_at(&self, step: usize) -> f64 {
        let share = step as f64 / (self.steps - 1) as f64;
        self.min_lr * (self.max_lr / self.min_lr).powf(share)
    }
}

/// Runs a range test of the trial's optimizer on its workload. Nothing is written, and the model is
/// discarded.
///
/// The trial's own rate, schedule and budget are ignored; batches, initial weights and everything else are
/// the trial's.
///
/// # Errors
/// As for [`LrRangeTest::validate`]; a trial out of range, a backend without a device, data that cannot be
/// read.
pub fn find_lr<W: Workload>(
    workload: &W,
    trial: &Trial,
    test: &LrRangeTest,
    source: &Source,
) -> Result<LrRange, Error> {
    test.validate()?;
    trial.validate()?;
    let mut optimizers = optimizers(workload, trial)?;
    let device = device::open(&trial.backend)?.autodiff();
    let parts = prepared(workload, trial, source)?;
    let mut batches = Batches::new(&*parts.train, trial.recipe.batch_size, trial.seed);
    let mut model = workload.model(&parts.facts, trial.seed, &device)?;
    optimizers.iter().try_for_each(|optimizer| optimizer.check(&model))?;
    let mut seen = LrRange { lrs: Vec::new(), losses: Vec::new(), smoothed: Vec::new(), blew_up: false };
    let (mut mean, mut smallest) = (0.0, f64::INFINITY);
    for step in 0..test.steps {
        let lr = test.lr_at(step);
        let mut evaluation =
            BatchEvaluation::of_step(workload, &parts.facts, trial, step, &mut batches, &device)?;
        let (moved, loss) = evaluation.make_turns(&mut optimizers, lr, model);
        evaluation.check()?;
        model = moved;
        let loss = f64::from(loss.into_scalar::<f32>());
        mean = test.smoothing * mean + (1.0 - test.smoothing) * loss;
        let latest = mean / (1.0 - test.smoothing.powf(step as f64 + 1.0));
        if !loss.is_finite() || latest > test.blow_up * smallest {
            seen.blew_up = true;
            break;
        }
        smallest = smallest.min(latest);
        seen.lrs.push(lr);
        seen.losses.push(loss);
    }
    seen.smoothed = smoothed(&seen.losses, test.smoothing);
    Ok(seen)
}

/// Returns `Σⱼ β^|i−j| xⱼ / Σⱼ β^|i−j|` for each `i`.
fn smoothed(values: &[f64], beta: f64) -> Vec<f64> {
    // Sums of the values and of the weights on one side, the value itself included.
    let one_side = |values: &mut dyn Iterator<Item = f64>| -> Vec<(f64, f64)> {
        let sums = values.scan((0.0, 0.0), |(sum, weight), value| {
            (*sum, *weight) = (beta * *sum + value, beta * *weight + 1.0);
            Some((*sum, *weight))
        });
        sums.collect()
    };
    let before = one_side(&mut values.iter().copied());
    let after = one_side(&mut values.iter().rev().copied());
    let both = before.iter().zip(after.iter().rev()).zip(values);
    both.map(|((before, after), value)| (before.0 + after.0 - value) / (before.1 + after.1 - 1.0)).collect()
}

impl LrRange {
    /// Returns the suggested rates; `None` if no loss was measured, or none is below the first.
    pub fn suggestion(&self) -> Option<Suggestion> {
        let by = |a: &usize, b: &usize| self.smoothed[*a].total_cmp(&self.smoothed[*b]);
        let minimum = (0..self.lrs.len()).min_by(by).filter(|minimum| *minimum > 0)?;
        let slope = |i: usize| {
            (self.smoothed[i + 1] - self.smoothed[i - 1]) / (self.lrs[i + 1] / self.lrs[i - 1]).ln()
        };
        let falling = 1..minimum;
        let steepest = falling.min_by(|&a, &b| slope(a).total_cmp(&slope(b)));
        let start = self.smoothed[0];
        let caution = if steepest.is_none() || self.smoothed[minimum] > 0.9 * start {
            Some("the loss hardly falls at any rate".to_string())
        } else if !self.blew_up && minimum + 1 == self.lrs.len() {
            Some("the loss still falls at the largest rate: raise the largest rate".to_string())
        } else {
            None
        };
        let steepest = steepest.unwrap_or(minimum);
        let tenth_of_minimum = self.lrs[minimum] / 10.0;
        Some(Suggestion { steepest: self.lrs[steepest], tenth_of_minimum, caution })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns 100 rates from 1e-6 to 10, with the loss at each.
    fn range_of(loss: impl Fn(f64) -> f64, blew_up: bool) -> LrRange {
        let test = LrRangeTest { steps: 100, ..LrRangeTest::default() };
        let lrs: Vec<f64> = (0..100).map(|step| test.lr_at(step)).collect();
        let smoothed: Vec<f64> = lrs.iter().map(|&lr| loss(lr.log10())).collect();
        LrRange { losses: smoothed.clone(), lrs, smoothed, blew_up }
    }

    #[test]
    fn rates_rise_by_the_same_factor_from_the_first_to_the_last() {
        let test = LrRangeTest { min_lr: 1e-4, max_lr: 1.0, steps: 11, ..LrRangeTest::default() };
        for step in 0..11 {
            assert!((test.lr_at(step).log10() - (-4.0 + 0.4 * step as f64)).abs() < 1e-12);
        }
    }

    #[test]
    fn a_loss_is_smoothed_to_both_sides() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        for (i, given) in smoothed(&values, 0.7).into_iter().enumerate() {
            let weight = |j: usize| 0.7_f64.powi((i as i32 - j as i32).abs());
            let sum: f64 = (0..8).map(|j| weight(j) * values[j]).sum();
            let expected = sum / (0..8).map(weight).sum::<f64>();
            assert!((given - expected).abs() < 1e-12, "{i}: {given}, not {expected}");
        }
        assert!(smoothed(&[], 0.7).is_empty());
    }

    #[test]
    fn it_suggests_where_the_loss_falls_fastest_and_a_tenth_of_where_it_is_smallest() {
        // A valley at 10^-1 whose left side is steepest at 10^-2: −exp(−(x + 1)² / 2).
        let range = range_of(|x| 2.0 - (-(x + 1.0).powi(2) / 2.0).exp(), true);
        let Suggestion { steepest, tenth_of_minimum, caution } = range.suggestion().unwrap();
        let spacing = 7.0 / 99.0;
        assert!(
            (steepest.log10() + 2.0).abs() <= spacing && (tenth_of_minimum.log10() + 2.0).abs() <= spacing
        );
        assert_eq!(caution, None);
        let lr = range.suggestion().unwrap().lr();
        assert!((lr - (steepest * tenth_of_minimum).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_curve_that_hardly_falls_comes_with_a_caution_and_one_that_never_falls_without_a_suggestion() {
        for (range, said) in [
            (range_of(|x| 2.3 - 0.01 * x, true), "hardly falls"),
            (range_of(|x| -x, false), "raise the largest rate"),
        ] {
            let caution = range.suggestion().unwrap().caution.unwrap();
            assert!(caution.contains(said), "{caution}");
        }
        let nothing = LrRange { lrs: vec![], losses: vec![], smoothed: vec![], blew_up: true };
        assert_eq!(nothing.suggestion(), None);
        assert_eq!(range_of(|x| 2.3 + x, true).suggestion(), None, "the loss falls at no rate");
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let default = LrRangeTest::default;
        for (test, field) in [
            (LrRangeTest { min_lr: 0.0, ..default() }, "min_lr"),
            (LrRangeTest { min_lr: f64::NAN, ..default() }, "min_lr"),
            (LrRangeTest { max_lr: 1e-6, ..default() }, "max_lr"),
            (LrRangeTest { max_lr: f64::INFINITY, ..default() }, "max_lr"),
            (LrRangeTest { smoothing: 1.0, ..default() }, "smoothing"),
            (LrRangeTest { blow_up: 1.0, ..default() }, "blow_up"),
            (LrRangeTest { steps: 9, ..default() }, "steps"),
        ] {
            assert!(test.validate().unwrap_err().to_string().contains(&format!("`{field}`")), "{field}");
        }
        default().validate().unwrap();
    }
}
