//! AlgoPerf's performance profile of the arms, over the workloads that have a target.

use crate::report::html::number_text::rounded;
use crate::report::times;
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use optlab_stats::statistics::performance_profile::{TAU_MAX, profiles};
use serde::Serialize;

/// The profile of each arm.
#[derive(Serialize)]
pub struct Profile {
    tau_max: f64,
    workloads: usize,
    by: &'static str,
    arms: Vec<ArmProfile>,
}

#[derive(Serialize)]
struct ArmProfile {
    arm: usize,
    points: Vec<(f64, f64)>,
    score: f64,
    /// The ends of its 95 % interval.
    interval: [f64; 2],
    exact: f64,
}

impl Profile {
    /// Returns the profile by training seconds if these are comparable, else by steps; `None` if no arm
    /// reached a target.
    pub fn of(comparison: &Comparison, summaries: &[Summary]) -> Option<Self> {
        let matrix = times::matrix(comparison, summaries)?;
        let scores = times::scores(comparison, summaries, TAU_MAX).ok()?;
        let arms = profiles(&matrix).into_iter().zip(scores).enumerate().map(|(arm, (profile, score))| {
            let [score, low, high] = score.map(rounded);
            let corners = profile.corners(TAU_MAX).ok()?;
            Some(ArmProfile {
                arm,
                points: corners.into_iter().map(|(at, share)| (rounded(at), rounded(share))).collect(),
                score,
                interval: [low, high],
                exact: rounded(profile.exact_score(TAU_MAX).ok()?),
            })
        });
        Some(Profile {
            tau_max: TAU_MAX,
            workloads: matrix.workloads().len(),
            by: times::unit(comparison),
            arms: arms.collect::<Option<_>>()?,
        })
    }
}
