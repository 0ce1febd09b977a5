//! What the curves and diagnostics of a run mean, each with its evidence, its threshold and a remedy.

mod curves;
mod data;
mod network;
mod step;

use crate::diagnosis::Case;
use crate::train::Trial;
use serde::Serialize;

/// Something that the history of a run shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The kind.
    pub kind: Kind,
    /// Whether it is a fault, or only worth knowing.
    pub is_fault: bool,
    /// What it is, in a sentence.
    pub what: String,
    /// The numbers that show it.
    pub evidence: String,
    /// The threshold beyond which it is told.
    pub threshold: String,
    /// What to do.
    pub remedy: String,
    /// The trial with the remedy, if it is a setting.
    #[serde(skip)]
    pub trial: Option<Trial>,
}

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The loss became NaN or infinite.
    Diverged,
    /// The loss ended far above its start or its best.
    Unstable,
    /// Steps are too long for the parabola along them.
    Oscillation,
    /// The model learns the training examples, and loses on others.
    Overfitting,
    /// The training loss hardly falls.
    Underfitting,
    /// The training loss falls, and nothing of it carries over to other examples.
    NothingCarriesOver,
    /// The loss was still falling at the end.
    StillFalling,
    /// Gradients become small on their way back.
    VanishingGradients,
    /// Gradients become large on their way back.
    ExplodingGradients,
    /// Units that are 0 for every example.
    DeadUnits,
    /// Units at the ends of their range.
    Saturation,
    /// Tensors that do not move.
    Frozen,
    /// The model's first outputs are far too large, or all the same.
    Initialization,
    /// Validation examples that the model has seen.
    Leak,
    /// A validation part that is too small to tell trials apart.
    SmallValidation,
    /// The batch is far from the noise scale.
    BatchSize,
    /// Steps were skipped, or the run went back.
    Interventions,
}

/// Returns what the run shows: its faults; without any, what is worth knowing.
pub fn findings(case: &Case) -> Vec<Finding> {
    let parts = [step::findings, network::findings, curves::findings, data::findings];
    let mut findings: Vec<Finding> = parts.into_iter().flat_map(|part| part(case)).collect();
    findings.sort_by_key(|finding| !finding.is_fault);
    if findings.iter().any(|finding| finding.is_fault) {
        // What is worth knowing of a healthy run means little in one with a fault.
        findings.retain(|finding| finding.is_fault || finding.kind == Kind::Interventions);
    }
    findings
}

/// Returns the median; NaN for no values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (len, middle) if len % 2 == 1 => sorted[middle],
        (_, middle) => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// Returns `trial` with another learning rate, rounded to two digits.
fn with_lr(trial: &Trial, lr: f64) -> Trial {
    let lr = format!("{lr:.1e}").parse().unwrap_or(lr);
    Trial { lr, ..trial.clone() }
}
