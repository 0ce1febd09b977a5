use super::references::File;
use super::tolerance::{self, larger};
use crate::error::Error;
use crate::schedule::{Run, ScheduleSpec};
use serde::Deserialize;

/// The rates of a schedule.
#[derive(Debug)]
pub(super) struct Rates {
    expected: Vec<f64>,
    /// What the reference has lost to computing in 32 bits.
    rounding: f64,
}

/// What is in a file of a schedule, beside what every reference file has.
#[derive(Deserialize)]
struct ScheduleFile {
    reference: Option<String>,
    expected: Vec<f64>,
}

impl Rates {
    /// Reads `file`.
    ///
    /// # Errors
    /// [`Error::File`] if there are no rates in it.
    pub fn read(file: &File) -> Result<Self, Error> {
        let ScheduleFile { reference, expected } = file.parse()?;
        if expected.is_empty() {
            return Err(file.broken("`expected` has no rates"));
        }
        // optax computes in 32 bits: half a unit in the last place of its largest rate.
        let is_in_32_bits = reference.is_some_and(|reference| reference.contains("optax"));
        let largest = expected.iter().copied().fold(0.0, larger);
        let rounding = if is_in_32_bits { largest * f64::from(f32::EPSILON) / 2.0 } else { 0.0 };
        Ok(Rates { expected, rounding })
    }

    /// The largest error of the schedule as a share of its tolerance.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] and the like for settings that the schedule refuses.
    pub fn share(&self, spec: &ScheduleSpec) -> Result<f64, Error> {
        // For settings that are neither in the file nor have a default.
        let run = Run { lr: self.expected[0], total_steps: self.expected.len() };
        let schedule = spec.build(run)?;
        let shares = self.expected.iter().enumerate().map(|(step, &expected)| {
            let tolerance = tolerance::of_rate(expected, self.rounding);
            tolerance::share(schedule.lr_at(step), expected, tolerance)
        });
        Ok(shares.fold(0.0, larger))
    }
}
