//! `times.csv`: times to target, as `optlab score` reads them.

use crate::Error;
use crate::report::labels::Labels;
use crate::report::{Exporter, unwritable, words};
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use optlab_core::random::{Purpose, stream};
use optlab_stats::statistics::describe::{median, quantile};
use optlab_stats::statistics::performance_profile::{TimeMatrix, profiles};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};

const FILE_NAME: &str = "times.csv";

/// Number of resamples of an interval of scores.
const RESAMPLES: u64 = 500;

/// `times.csv`: a row per arm and a column per workload, with the median time to target over the seeds; empty
/// if that median is infinite because too many seeds missed the target.
#[derive(Debug, Clone, Copy)]
pub struct Times;

impl Exporter for Times {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error> {
        let times = SeedTimes::of(comparison, summaries);
        let medians = times.medians(as_they_are);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = std::iter::once("arm").chain(comparison.workloads());
        writer.write_record(header).map_err(|reason| unwritable(FILE_NAME, reason))?;
        for (arm, times) in times.arms.iter().zip(medians) {
            let cell = |time: f64| if time.is_finite() { time.to_string() } else { String::new() };
            let row = std::iter::once(arm.clone()).chain(times.into_iter().map(cell));
            writer.write_record(row).map_err(|reason| unwritable(FILE_NAME, reason))?;
        }
        let bytes = writer.into_inner().map_err(|reason| unwritable(FILE_NAME, reason))?;
        String::from_utf8(bytes).map_err(|reason| unwritable(FILE_NAME, reason))
    }
}

/// Returns the unit of a comparison's times: "seconds" if its times are comparable, else "steps".
pub fn unit(comparison: &Comparison) -> &'static str {
    if words::times_compare(comparison) { "seconds" } else { "steps" }
}

/// Returns the time matrix of a comparison; `None` if no arm reached a target.
pub fn matrix(comparison: &Comparison, summaries: &[Summary]) -> Option<TimeMatrix> {
    let times = SeedTimes::of(comparison, summaries);
    let medians = times.medians(|count| (0..count).collect());
    if medians.iter().flatten().all(|time| !time.is_finite()) {
        return None;
    }
    TimeMatrix::new(times.arms, times.workloads, medians).ok()
}

/// Returns the score of each arm of [`matrix`] with the ends of its 95 % interval, by drawing the seeds with
/// replacement, the same for all arms.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a `tau_max` of 1 or less.
pub fn scores(comparison: &Comparison, summaries: &[Summary], tau_max: f64) -> Result<Vec<[f64; 3]>, Error> {
    let times = SeedTimes::of(comparison, summaries);
    let scores = |matrix: &TimeMatrix| -> Result<Vec<f64>, Error> {
        profiles(matrix).iter().map(|profile| Ok(profile.score(tau_max)?)).collect()
    };
    let own = scores(&times.matrix(as_they_are)?)?;
    let mut drawn: Vec<Vec<f64>> = vec![Vec::new(); own.len()];
    for resample in 0..RESAMPLES {
        let mut random = stream(0, Purpose::Resamples, resample);
        let matrix =
            times.matrix(|count| (0..count).map(|_| random.random_range(0..count)).collect::<Vec<_>>())?;
        drawn.iter_mut().zip(scores(&matrix)?).for_each(|(drawn, score)| drawn.push(score));
    }
    let end = |drawn: &[f64], share, own| quantile(drawn, share).unwrap_or(own);
    let interval = |(own, drawn): (f64, Vec<f64>)| [own, end(&drawn, 0.025, own), end(&drawn, 0.975, own)];
    Ok(own.into_iter().zip(drawn).map(interval).collect())
}

/// Draws each of `count` seeds once.
fn as_they_are(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// The times to target of all seeds; infinite for a seed that missed the target.
struct SeedTimes {
    arms: Vec<String>,
    workloads: Vec<String>,
    /// The seeds of each workload.
    seeds: Vec<Vec<u64>>,
    /// For each arm and workload, the time of each seed; without an entry for a seed that was not run.
    by_seed: Vec<Vec<BTreeMap<u64, f64>>>,
}

impl SeedTimes {
    fn of(comparison: &Comparison, summaries: &[Summary]) -> Self {
        let labels = Labels::of(summaries);
        let arms = labels.all(comparison);
        let workloads: Vec<String> = comparison.workloads().into_iter().map(String::from).collect();
        let by_seconds = words::times_compare(comparison);
        let mut by_seed = vec![vec![BTreeMap::new(); workloads.len()]; arms.len()];
        for arm in summaries {
            let label = labels.label(arm);
            let row = arms.iter().position(|known| *known == label);
            let column = workloads.iter().position(|name| *name == arm.workload);
            let (Some(row), Some(column)) = (row, column) else { continue };
            for run in comparison.runs_of(arm) {
                let Some(outcome) = &run.outcome else { continue };
                let time = outcome.target_reached.map_or(f64::INFINITY, |reached| match by_seconds {
                    true => reached.training_seconds,
                    false => reached.step as f64,
                });
                by_seed[row][column].insert(run.trial.seed, time);
            }
        }
        let seeds = |column: usize| {
            let all: BTreeSet<u64> = by_seed.iter().flat_map(|row| row[column].keys().copied()).collect();
            all.into_iter().collect()
        };
        SeedTimes { seeds: (0..workloads.len()).map(seeds).collect(), arms, workloads, by_seed }
    }

    /// Returns the median times over the seeds at the places that `draw` returns for a number of seeds.
    fn medians(&self, mut draw: impl FnMut(usize) -> Vec<usize>) -> Vec<Vec<f64>> {
        let drawn: Vec<Vec<u64>> = self
            .seeds
            .iter()
            .map(|seeds| draw(seeds.len()).into_iter().map(|place| seeds[place]).collect())
            .collect();
        let cell = |(of_arm, seeds): (&BTreeMap<u64, f64>, &Vec<u64>)| {
            let times: Vec<f64> = seeds.iter().filter_map(|seed| of_arm.get(seed).copied()).collect();
            median(&times).unwrap_or(f64::INFINITY)
        };
        self.by_seed.iter().map(|row| row.iter().zip(&drawn).map(cell).collect()).collect()
    }

    fn matrix(&self, draw: impl FnMut(usize) -> Vec<usize>) -> Result<TimeMatrix, Error> {
        Ok(TimeMatrix::new(self.arms.clone(), self.workloads.clone(), self.medians(draw))?)
    }
}
