//! The learning-rate range test (Smith, 2015): the rate rises exponentially from step to step, and the loss
//! shows which rates are useful.

use crate::data::{Batches, Source};
use crate::train::abilities;
use crate::train::batch_evaluation::BatchEvaluation;
use crate::train::run::{optimizers, prepared};
use crate::train::{Budget, Trial};
use crate::workload::Workload;
use crate::{Error, device};
use optlab_core::range::{self, ABOVE_ONE, POSITIVE, POSITIVE_BELOW_ONE};
use optlab_optim::schedule;
use std::fmt;

/// The largest number of steps.
const MOST_STEPS: usize = 1_000_000;

/// The settings of a range test.
///
/// | field       | default | range          |                                                                            |
/// |:------------|--------:|:---------------|:---------------------------------------------------------------------------|
/// | `min_lr`    |    1e-6 | `(0, ∞)`       | the rate of the first step                                                 |
/// | `max_lr`    |      10 | `(min_lr, ∞)`  | the rate of the last step                                                  |
/// | `steps`     |    2000 | 10… to 10⁶     | number of steps; with few of them the suggested rate is too high           |
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
        LrRangeTest { min_lr: 1e-6, max_lr: 10.0, steps: 2000, smoothing: 0.9, blow_up: 4.0 }
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

/// The rate that a range test suggests, and the rates it follows from.
///
/// The floor is the widest range of rates around the smallest mean loss at which the mean loss is at most a
/// tenth of its whole fall above that smallest value. Below the floor the model learns too slowly to come
/// down within the test; above it the loss rises again.
///
/// A rate that is too high to train with shows in the loss only some steps later, when the rate has risen
/// further. The upper rates of the floor are therefore too high, and the suggestion is half the middle of the
/// floor, not the middle.
///
/// The floor moves with the number of steps, most of all for a rule whose steps have the same length however
/// small the gradient is (Lion, Muon): in half the steps, the model must go the same way at twice the rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// The lowest rate of the floor.
    pub floor_start: f64,
    /// The highest rate of the floor.
    pub floor_end: f64,
    /// Why the suggestion should not be trusted; `None` if it can be.
    pub caution: Option<Caution>,
}

/// Why a suggestion should not be trusted. Displayed, it also says what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// The mean loss falls by less than the single losses scatter about it (root mean square, up to the
    /// smallest mean).
    HardlyFalls,
    /// The floor reaches the largest rate, and begins within a factor of 3 of it.
    StillFalls,
    /// The floor begins within a factor of 3 of the smallest rate.
    FallsFromTheStart,
    /// The test makes fewer than 80 steps while the rate rises by a factor of 10.
    FewSteps,
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Caution::HardlyFalls => "the loss hardly falls at any rate: try more steps, or other rates",
            Caution::StillFalls => "the loss still falls at the largest rate: raise the largest rate",
            Caution::FallsFromTheStart => "the loss falls from the smallest rate on: lower the smallest rate",
            Caution::FewSteps => "with few steps the suggestion is often too high: raise the number of steps",
        })
    }
}

/// A floor that begins within this factor of an end of the test's rates may extend beyond them.
const MARGIN: f64 = 3.0;

impl Suggestion {
    /// Returns the rate to start with: half the geometric mean of the two ends of the floor.
    pub fn lr(&self) -> f64 {
        (self.floor_start * self.floor_end).sqrt() / 2.0
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
        if !(10..=MOST_STEPS).contains(&self.steps) {
            return Err(Error::invalid(
                owner,
                "steps",
                &format!("at least 10 and at most {MOST_STEPS}"),
                self.steps,
            ));
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
    let device = device::open(&trial.backend)?.autodiff();
    let parts = prepared(workload, trial, source)?;
    let own = workload.info().batch_size;
    let sizes = trial.recipe.batch_size.sizes(own, Budget::Steps(test.steps), parts.train.len())?;
    let steps_per_epoch = sizes.steps_per_epoch();
    let mut batches = Batches::of_run(&*parts.train, sizes, trial.seed);
    let length = schedule::Run { lr: trial.lr, total_steps: test.steps, steps_per_epoch };
    let mut optimizers = optimizers(workload, trial, length)?;
    let mut model = workload.model(&parts.facts, trial.seed, &device)?;
    optimizers.iter().try_for_each(|optimizer| optimizer.check(&model))?;
    abilities::check(workload, trial, &optimizers, &model, &parts, &device)?;
    let (mut lrs, mut losses, mut blew_up) = (Vec::new(), Vec::new(), false);
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
            blew_up = true;
            break;
        }
        smallest = smallest.min(latest);
        lrs.push(lr);
        losses.push(loss);
    }
    Ok(LrRange::new(lrs, losses, test.smoothing, blew_up))
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
    /// Returns the measurements of a test with these rates and losses; `smoothing` is as in [`LrRangeTest`].
    pub fn new(lrs: Vec<f64>, losses: Vec<f64>, smoothing: f64, blew_up: bool) -> Self {
        let smoothed = smoothed(&losses, smoothing);
        LrRange { lrs, losses, smoothed, blew_up }
    }

    /// Returns the suggested rate; `None` if no loss was measured, or none is below the first.
    pub fn suggestion(&self) -> Option<Suggestion> {
        let by = |a: &usize, b: &usize| self.smoothed[*a].total_cmp(&self.smoothed[*b]);
        let minimum = (0..self.lrs.len()).min_by(by).filter(|minimum| *minimum > 0)?;
        let fall = self.smoothed[0] - self.smoothed[minimum];
        let above = |mean: &f64| *mean > self.smoothed[minimum] + 0.1 * fall;
        let start = self.smoothed[..minimum].iter().rposition(above).map_or(0, |last| last + 1);
        let length = self.smoothed[minimum..].iter().position(above);
        let end = length.map_or(self.lrs.len(), |length| minimum + length) - 1;
        let caution = self.caution(fall, start, minimum, end);
        Some(Suggestion { floor_start: self.lrs[start], floor_end: self.lrs[end], caution })
    }

    /// Returns why the floor from step `start` to step `end` is not to be trusted; `fall` is the fall of the
    /// mean loss from the first step to step `minimum`.
    fn caution(&self, fall: f64, start: usize, minimum: usize, end: usize) -> Option<Caution> {
        let falling = self.losses[..=minimum].iter().zip(&self.smoothed);
        let squares: f64 = falling.map(|(loss, mean)| (loss - mean).powi(2)).sum();
        let scatter = (squares / (minimum + 1) as f64).sqrt();
        let is_cut = !self.blew_up && end + 1 == self.lrs.len();
        if fall <= scatter {
            Some(Caution::HardlyFalls)
        } else if is_cut && self.lrs[start] * MARGIN > self.lrs[end] {
            Some(Caution::StillFalls)
        } else if self.lrs[start] < self.lrs[0] * MARGIN {
            Some(Caution::FallsFromTheStart)
        } else if 80.0 * (self.lrs[1] / self.lrs[0]).log10() > 1.0 {
            Some(Caution::FewSteps)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns 2000 rates from 1e-6 to 10, with the loss at each, a function of the rate's logarithm.
    fn range_of(loss: impl Fn(f64) -> f64, blew_up: bool) -> LrRange {
        let test = LrRangeTest::default();
        let lrs: Vec<f64> = (0..2000).map(|step| test.lr_at(step)).collect();
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

    /// Returns `range_of` for a valley with straight sides: on the logarithmic axis the loss falls from 2 at
    /// `top` to 1 at `top + 1`, and rises again from `top + 2` on.
    fn valley(top: f64) -> LrRange {
        range_of(move |x| 2.0 - (x - top).clamp(0.0, 1.0) + (x - top - 2.0).max(0.0), true)
    }

    #[test]
    fn it_suggests_half_the_middle_of_the_floor() {
        // Within a tenth of the fall of the bottom: from 10^-3.1 to 10^-1.9.
        let range = valley(-4.0);
        let suggestion = range.suggestion().unwrap();
        let spacing = 7.0 / 1999.0;
        let off = |lr: f64, exponent: f64| (lr.log10() - exponent).abs();
        assert!(off(suggestion.floor_start, -3.1) <= spacing, "{suggestion:?}");
        assert!(off(suggestion.floor_end, -1.9) <= spacing, "{suggestion:?}");
        assert!(off(2.0 * suggestion.lr(), -2.5) <= spacing, "{suggestion:?}");
        assert_eq!(suggestion.caution, None);
    }

    #[test]
    fn a_curve_that_falls_by_less_than_it_scatters_comes_with_a_caution() {
        for (scatter, caution) in [(1.1, Some(Caution::HardlyFalls)), (0.9, None)] {
            let mut range = valley(-4.0);
            let alternating = range.losses.iter_mut().enumerate();
            alternating.for_each(|(i, loss)| *loss += if i % 2 == 0 { scatter } else { -scatter });
            assert_eq!(range.suggestion().unwrap().caution, caution, "{scatter}");
        }
    }

    #[test]
    fn a_floor_at_an_end_of_the_rates_comes_with_a_caution() {
        let cut = |top: f64| LrRange { blew_up: false, ..valley(top) };
        assert_eq!(cut(-0.2).suggestion().unwrap().caution, Some(Caution::StillFalls));
        assert_eq!(valley(-0.2).suggestion().unwrap().caution, None, "the loss blew up at the largest rate");
        assert_eq!(cut(-0.5).suggestion().unwrap().caution, None, "the floor is wide enough");
        assert_eq!(valley(-6.6).suggestion().unwrap().caution, Some(Caution::FallsFromTheStart));
        assert_eq!(valley(-6.3).suggestion().unwrap().caution, None);
    }

    #[test]
    fn a_test_of_few_steps_comes_with_a_caution() {
        for (steps, caution) in [(550, Some(Caution::FewSteps)), (570, None)] {
            let test = LrRangeTest { steps, ..LrRangeTest::default() };
            let lrs: Vec<f64> = (0..steps).map(|step| test.lr_at(step)).collect();
            let smoothed: Vec<f64> = lrs.iter().map(|lr| (lr.log10() + 2.0).abs()).collect();
            let range = LrRange { losses: smoothed.clone(), lrs, smoothed, blew_up: true };
            assert_eq!(range.suggestion().unwrap().caution, caution, "{steps} steps");
        }
    }

    #[test]
    fn a_curve_that_never_falls_comes_without_a_suggestion() {
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
