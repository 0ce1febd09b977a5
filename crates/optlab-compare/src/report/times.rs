//! `times.csv`: times to target, as `optlab score` reads them.

use crate::Error;
use crate::report::labels::Labels;
use crate::report::{Exporter, unwritable, words};
use crate::result::comparison::Comparison;
use crate::result::summary::{Quartiles, Summary};
use optlab_stats::statistics::performance_profile::TimeMatrix;

const FILE_NAME: &str = "times.csv";

/// `times.csv`: a row per arm and a column per workload, with the median time to target over the seeds; empty
/// if that median is infinite because too many seeds missed the target.
#[derive(Debug, Clone, Copy)]
pub struct Times;

impl Exporter for Times {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error> {
        let (arms, times) = times(comparison, summaries);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = std::iter::once("arm").chain(comparison.workloads());
        writer.write_record(header).map_err(|reason| unwritable(FILE_NAME, reason))?;
        for (arm, times) in arms.iter().zip(times) {
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
    let (arms, times) = times(comparison, summaries);
    if times.iter().flatten().all(|time| !time.is_finite()) {
        return None;
    }
    let workloads = comparison.workloads().into_iter().map(String::from).collect();
    TimeMatrix::new(arms, workloads, times).ok()
}

/// Returns the labels of the arms in the plan's order, and each arm's median times to the targets of the
/// workloads.
fn times(comparison: &Comparison, summaries: &[Summary]) -> (Vec<String>, Vec<Vec<f64>>) {
    let labels = Labels::of(summaries);
    let arms = labels.all(comparison);
    let workloads = comparison.workloads();
    let by_seconds = words::times_compare(comparison);
    let mut times = vec![vec![f64::INFINITY; workloads.len()]; arms.len()];
    for arm in summaries {
        let label = labels.label(arm);
        let row = arms.iter().position(|known| *known == label);
        let column = workloads.iter().position(|name| *name == arm.workload);
        let time: Option<Quartiles> = if by_seconds { arm.seconds_to_target } else { arm.steps_to_target };
        if let (Some(row), Some(column), Some(time)) = (row, column, time) {
            times[row][column] = time.median;
        }
    }
    (arms, times)
}
