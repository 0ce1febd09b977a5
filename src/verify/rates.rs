//! Reference files of schedules: the expected rate of each step.

use crate::Error;
use crate::verify::references::File;
use crate::verify::tolerance::{self, Deviation};
use optlab_optim::schedule::Run;
use optlab_optim::schedule::ScheduleSpec;
use serde::Deserialize;

/// The rates of a schedule.
#[derive(Debug)]
pub(super) struct Rates {
    expected: Vec<f64>,
    /// The metric measured after each step, for schedules that observe it.
    metrics: Vec<f64>,
    /// The rounding error of a reference that computes in 32 bits.
    rounding: f64,
}

/// The fields of a schedule's file, besides the [`Head`](super::subject::Head) of every reference file.
#[derive(Deserialize)]
struct ScheduleFile {
    reference: Option<String>,
    expected: Vec<f64>,
    #[serde(default)]
    metrics: Vec<f64>,
}

impl Rates {
    /// Reads `file`.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if it holds no rates.
    pub fn read(file: &File) -> Result<Self, Error> {
        let ScheduleFile { reference, expected, metrics } = file.parse()?;
        if expected.is_empty() {
            return Err(file.broken("`expected` has no rates"));
        }
        // optax computes in 32 bits unless told otherwise: half a unit in the last place of its largest rate.
        let is_in_32_bits =
            reference.is_some_and(|reference| reference.contains("optax") && !reference.contains("64 bits"));
        let largest = expected.iter().copied().fold(0.0, f64::max);
        let rounding = if is_in_32_bits { largest * f64::from(f32::EPSILON) / 2.0 } else { 0.0 };
        Ok(Rates { expected, metrics, rounding })
    }

    /// Returns the largest error of the schedule.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) and the like for settings that the schedule
    /// refuses.
    pub fn deviation(&self, spec: &ScheduleSpec) -> Result<Deviation, Error> {
        // The run supplies settings that are neither in the file nor have a default.
        let run = Run::new(self.expected[0], self.expected.len());
        let schedule = spec.build(run)?;
        let mut largest = Deviation::default();
        for (step, &expected) in self.expected.iter().enumerate() {
            let tolerance = tolerance::of_rate(expected, self.rounding);
            largest.include(tolerance::share(schedule.lr_at(step), expected, tolerance), step, None);
            if let Some(&metric) = self.metrics.get(step) {
                schedule.observe(step, metric.into());
            }
        }
        Ok(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(content: Value) -> Result<Rates, Error> {
        let content = content.to_string().into_bytes().into();
        Rates::read(&File { path: "schedules/wrong.json".into(), content })
    }

    fn deviation(content: Value, spec: &str) -> Deviation {
        read(content).unwrap().deviation(&spec.parse().unwrap()).unwrap()
    }

    #[test]
    fn missing_settings_come_from_the_expected_rates() {
        let right = json!({"expected": [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]});
        assert_eq!(deviation(right, "step:gamma=0.5"), Deviation::default());
        let wrong = deviation(json!({"expected": [0.5, 0.5, 0.25, 0.26]}), "step:gamma=0.5,step_size=2");
        assert!(wrong.share > 1e4 && wrong.place() == "at step 3", "{wrong:?}");
    }

    #[test]
    fn rates_of_optax_in_32_bits_are_allowed_the_rounding_of_their_largest() {
        // The last is 5e-9 off; half a unit in the last place of 0.1 is 6e-9.
        let expected = json!([0.0, 0.1, 5e-9]);
        let spec = "warmup_cosine:peak_lr=0.1,warmup_steps=1,total_steps=2";
        let optax = json!({"reference": "optax 0.2.8", "expected": expected});
        for exact in ["definition", "optax 0.2.8, in 64 bits"] {
            let exact = json!({"reference": exact, "expected": expected});
            assert!(deviation(exact, spec).share > 1.0);
        }
        let share = deviation(optax, spec).share;
        assert!((0.5..1.0).contains(&share), "{share}");
    }

    #[test]
    fn a_file_without_rates_is_an_error_with_its_name() {
        for (expected, reason) in [
            (json!([]), "`expected` has no rates"),
            (json!([0.1, null]), "invalid type: null"),
            (json!(0.1), "invalid type: floating point"),
            (json!(null), "invalid type: null"),
        ] {
            let error = read(json!({"expected": expected})).unwrap_err().to_string();
            assert!(error.starts_with("schedules/wrong.json: ") && error.contains(reason), "{error}");
        }
    }
}
