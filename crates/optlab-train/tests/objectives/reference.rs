//! The file of references/objectives/.

use crate::tensors::Targets;
use optlab_train::data::TargetUnit;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The numbers of scikit-learn and PyTorch.
#[derive(Debug, Deserialize)]
pub struct Reference {
    pub measures: Vec<Case>,
    pub losses: Vec<Case>,
}

/// Outputs, targets and what is expected of them.
#[derive(Debug, Deserialize)]
pub struct Case {
    pub name: String,
    pub loss: String,
    pub kind: String,
    pub outputs: Vec<Vec<f64>>,
    targets: serde_json::Value,
    pub expected: BTreeMap<String, f64>,
    /// The gradient of the outputs.
    pub gradient: Option<Vec<Vec<f64>>>,
    /// Number of classes.
    pub count: Option<usize>,
    #[serde(default)]
    units: Vec<(f64, f64)>,
    /// The examples of each class, and the balanced weights.
    pub counts: Option<Vec<usize>>,
    pub weights: Option<Vec<f64>>,
}

impl Case {
    pub fn targets(&self) -> Targets {
        match self.kind.as_str() {
            "classes" => Targets::Classes(serde_json::from_value(self.targets.clone()).unwrap()),
            _ => Targets::Values(serde_json::from_value(self.targets.clone()).unwrap()),
        }
    }

    pub fn units(&self) -> Vec<TargetUnit> {
        self.units.iter().map(|&(mean, scale)| TargetUnit { mean, scale }).collect()
    }
}

/// Reads the file.
pub fn reference() -> Reference {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../references/objectives/objectives.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
