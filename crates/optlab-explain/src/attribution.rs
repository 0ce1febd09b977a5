//! The answer of a method.

use serde::Serialize;

/// The part of an output that each element of an input is held responsible for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attribution {
    /// A number for each element, in row-major order of the input. Positive elements raise the output, except
    /// for methods that give sizes alone (`saliency`, `activation_map`, `attention_rollout`).
    pub values: Vec<f64>,
    /// Standard errors of the numbers, for methods that draw samples and know them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<Vec<f64>>,
    /// The output that is explained.
    pub output: f64,
    /// The output that the attributions start from, for methods whose attributions should sum to the
    /// difference: `output − baseline_output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_output: Option<f64>,
    /// The share of the variance of outputs nearby that the local linear model of `lime` explains, R².
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_fit: Option<f64>,
}

impl Attribution {
    /// Returns attributions of sizes without a baseline.
    pub(crate) fn of(values: Vec<f64>, output: f64) -> Self {
        Attribution { values, standard_errors: None, output, baseline_output: None, local_fit: None }
    }

    /// Returns the sum of the attributions.
    pub fn sum(&self) -> f64 {
        self.values.iter().sum()
    }

    /// Returns how far the sum is from the difference of outputs, as a share of that difference; `None` for a
    /// method that promises no sum, or if both outputs are equal.
    ///
    /// ```text
    /// gap = |Σ attributions − (output − baseline output)| / |output − baseline output|
    /// ```
    pub fn completeness_gap(&self) -> Option<f64> {
        let difference = self.output - self.baseline_output?;
        (difference != 0.0).then(|| ((self.sum() - difference) / difference).abs())
    }
}
