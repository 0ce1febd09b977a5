//! AlgoPerf's performance profile of the arms, over the workloads that have a target.

use super::Known;
use super::number_text::rounded;
use crate::compare::{Comparison, Quartiles, Summary};
use crate::report::labels::Labels;
use crate::report::words;
use crate::statistics::performance_profile::{TAU_MAX, TimeMatrix, profiles};
use serde::Serialize;

/// The profile of each arm.
#[derive(Serialize)]
pub struct Profile {
    tau_max: f64,
    workloads: usize,
    by: &'static str,
    arms: Vec<Arm>,
}

#[derive(Serialize)]
struct Arm {
    arm: usize,
    points: Vec<(f64, f64)>,
    score: f64,
    exact: f64,
}

impl Profile {
    /// By training seconds where these compare, else by steps. None where no arm reached a target.
    pub fn of(
        comparison: &Comparison,
        labels: &Labels,
        known: &Known,
        summaries: &[Summary],
    ) -> Option<Self> {
        let by_seconds = words::times_compare(comparison);
        let time = |arm: &Summary| if by_seconds { arm.seconds_to_target } else { arm.steps_to_target };
        let matrix = time_matrix(comparison, labels, known, summaries, time)?;
        let arms = profiles(&matrix).into_iter().enumerate().map(|(arm, profile)| {
            Some(Arm {
                arm,
                points: profile
                    .corners(TAU_MAX)
                    .ok()?
                    .into_iter()
                    .map(|(at, share)| (rounded(at), rounded(share)))
                    .collect(),
                score: rounded(profile.score(TAU_MAX).ok()?),
                exact: rounded(profile.exact_score(TAU_MAX).ok()?),
            })
        });
        Some(Profile {
            tau_max: TAU_MAX,
            workloads: matrix.workloads().len(),
            by: if by_seconds { "seconds" } else { "steps" },
            arms: arms.collect::<Option<_>>()?,
        })
    }
}

/// A row for each arm and a column for each workload: the median time to its target over the seeds.
fn time_matrix(
    comparison: &Comparison,
    labels: &Labels,
    known: &Known,
    summaries: &[Summary],
    time: impl Fn(&Summary) -> Option<Quartiles>,
) -> Option<TimeMatrix> {
    let workloads = comparison.workloads();
    let mut times = vec![vec![f64::INFINITY; workloads.len()]; known.0.len()];
    for arm in summaries {
        let column = workloads.iter().position(|name| *name == arm.workload)?;
        times[known.place(&labels.label(arm))][column] = time(arm).map_or(f64::INFINITY, |time| time.median);
    }
    if times.iter().flatten().all(|time| !time.is_finite()) {
        return None;
    }
    let workloads = workloads.into_iter().map(String::from).collect();
    TimeMatrix::new(known.0.clone(), workloads, times).ok()
}
