//! AlgoPerf's performance profiles and the scores computed from them.
//!
//! ```text
//! r(s, w) = t(s, w) / min over s′ of t(s′, w)             how many times as long as the fastest
//! ρₛ(τ)   = #{w : r(s, w) ≤ τ} / n                        the profile, over all n workloads
//! Bₛ      = 1 / (τ_max − 1) · ∫ ρₛ(τ) dτ from 1 to τ_max  the score, in [0, 1]; τ_max = 4
//! ```
//!
//! A target that was not reached has `r = ∞`. A workload that no submission reached stays in `n`, so it
//! counts for no submission. A score is only comparable within its group: another submission may be faster
//! somewhere and lower the scores of all others.
//!
//! AlgoPerf takes the integral by the trapezoidal rule over 100 evenly spaced points, and its leaderboards
//! are computed this way ([`PerformanceProfile::score`]). As `ρ` is a step function there is an exact value
//! too ([`PerformanceProfile::exact_score`]). Each workload changes the difference of the two by at most half
//! the distance between two points: they differ by at most 1 / 198.
//!
//! # References
//! - Dolan & Moré, *Benchmarking optimization software with performance profiles*, 2002,
//!   <https://arxiv.org/abs/cs/0102001>: `r` and `ρ`.
//! - Dahl et al., *Benchmarking neural network training algorithms*, 2023,
//!   <https://arxiv.org/abs/2306.07179>, and "Scoring" in `docs/DOCUMENTATION.md` of
//!   <https://github.com/mlcommons/algorithmic-efficiency>: `B`.
//! - `scoring/performance_profile.py` of <https://github.com/mlcommons/submissions_algorithms>: the number
//!   and position of the points, and the treatment of a target that was not reached.

mod best_trial;
mod time_matrix;

pub use best_trial::best_trial_by_time;
pub use time_matrix::TimeMatrix;

use crate::Error;
use optlab_core::range::{self, ABOVE_ONE};

/// AlgoPerf's `τ_max`: more than four times the time of the fastest counts as not having reached the target.
pub const TAU_MAX: f64 = 4.0;

/// The number of points of the trapezoidal rule.
const POINTS: usize = 100;

/// The performance profile `ρ` of a submission.
///
/// ```
/// use optlab_stats::statistics::performance_profile::{TimeMatrix, profiles};
///
/// let csv = "submission,mnist,wmt\nadam,100,90\nsgd,250,inf\n";
/// let matrix = TimeMatrix::parse(csv, "times.csv".as_ref())?;
/// let sgd = &profiles(&matrix)[1];
/// assert_eq!([sgd.at(2.0), sgd.at(2.5)], [0.0, 0.5]);
/// assert_eq!(sgd.exact_score(4.0)?, 0.25);
/// # Ok::<(), optlab_stats::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceProfile {
    /// `r` of the workloads whose target was reached, in ascending order.
    ratios: Vec<f64>,
    workloads: usize,
}

/// Returns the profiles of all submissions, in the order of the matrix.
pub fn profiles(matrix: &TimeMatrix) -> Vec<PerformanceProfile> {
    let workloads = matrix.workloads().len();
    let fastest =
        |workload: usize| matrix.times().iter().map(|times| times[workload]).fold(f64::INFINITY, f64::min);
    let fastest: Vec<f64> = (0..workloads).map(fastest).collect();
    let of = |times: &Vec<f64>| {
        let reached = times.iter().zip(&fastest).filter(|(time, _)| time.is_finite());
        // A ratio that overflows still belongs to a reached target.
        let mut ratios: Vec<f64> = reached.map(|(time, fastest)| (time / fastest).min(f64::MAX)).collect();
        ratios.sort_by(f64::total_cmp);
        PerformanceProfile { ratios, workloads }
    };
    matrix.times().iter().map(of).collect()
}

/// Returns `ρₛ(τ)` of all submissions, in the order of the matrix.
pub fn profile(matrix: &TimeMatrix, tau: f64) -> Vec<f64> {
    profiles(matrix).iter().map(|profile| profile.at(tau)).collect()
}

/// Returns all `τ` at which the profile of any submission steps up, in ascending order without repetitions.
pub fn breakpoints(matrix: &TimeMatrix) -> Vec<f64> {
    let mut all: Vec<f64> = profiles(matrix).into_iter().flat_map(|profile| profile.ratios).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

impl PerformanceProfile {
    /// Returns `ρ(τ)`: the share of the workloads whose target was reached in at most `τ` times the time of
    /// the fastest, in `[0, 1]`.
    pub fn at(&self, tau: f64) -> f64 {
        self.ratios.partition_point(|ratio| *ratio <= tau) as f64 / self.workloads as f64
    }

    /// Returns the ratios `r ≥ 1` at which `ρ` steps up, in ascending order, one for each workload whose
    /// target was reached.
    pub fn ratios(&self) -> &[f64] {
        &self.ratios
    }

    /// Returns the number of workloads, reached or not.
    pub fn workloads(&self) -> usize {
        self.workloads
    }

    /// Returns the score as AlgoPerf publishes it, in `[0, 1]`: the trapezoidal rule over 100 points from 1
    /// to `tau_max`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if `tau_max` is not in `(1, ∞)`.
    pub fn score(&self, tau_max: f64) -> Result<f64, Error> {
        check(tau_max)?;
        let distance = (tau_max - 1.0) / (POINTS - 1) as f64;
        let tau = |point: usize| match point {
            // Exactly, because a ratio may be exactly `tau_max`.
            point if point == POINTS - 1 => tau_max,
            point => 1.0 + point as f64 * distance,
        };
        let trapezoid = |point: usize| {
            let (left, right) = (tau(point - 1), tau(point));
            (right - left) * (self.at(left) + self.at(right)) / 2.0
        };
        Ok((1..POINTS).map(trapezoid).sum::<f64>() / (tau_max - 1.0))
    }

    /// Returns the score with the integral in closed form, in `[0, 1]`: each workload contributes `τ_max − r`
    /// if it is positive.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if `tau_max` is not in `(1, ∞)`.
    pub fn exact_score(&self, tau_max: f64) -> Result<f64, Error> {
        check(tau_max)?;
        // `sum` of an empty iterator is −0.
        let area =
            self.ratios.iter().map(|ratio| (tau_max - ratio).max(0.0)).fold(0.0, |sum, part| sum + part);
        Ok(area / self.workloads as f64 / (tau_max - 1.0))
    }

    /// Returns the corners `(τ, ρ)` of the profile from 1 to `tau_max`, from left to right, to be connected
    /// by straight lines.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if `tau_max` is not in `(1, ∞)`.
    pub fn corners(&self, tau_max: f64) -> Result<Vec<(f64, f64)>, Error> {
        check(tau_max)?;
        let mut corners = vec![(1.0, self.at(1.0))];
        let mut height = self.at(1.0);
        for &tau in self.ratios.iter().filter(|ratio| **ratio > 1.0 && **ratio <= tau_max) {
            corners.extend([(tau, height), (tau, self.at(tau))]);
            height = self.at(tau);
        }
        corners.push((tau_max, height));
        Ok(corners)
    }
}

fn check(tau_max: f64) -> Result<(), Error> {
    range::check("performance profile", [("tau_max", tau_max, ABOVE_ONE)])
}

#[cfg(test)]
mod tests;
