//! The coefficients of a linear model in the data's own units.

use crate::data::TargetUnit;
use crate::model::{ModelSpec, NetworkSpec, Stack};
use crate::problem::{Prepared, ProblemFacts};
use crate::workload::Section;

/// Returns a section with the coefficients of a linear model, one column per output; nothing for other
/// models.
///
/// ```text
/// ŷ = b + Σ w x    x = (own − μ) / σ    ŷ = (own − m) / s
/// coefficient = w s / σ        intercept = m + s (b − Σ w μ / σ)
/// ```
pub(super) fn coefficients(spec: &ModelSpec, model: &Stack, facts: &ProblemFacts) -> Option<Section> {
    let NetworkSpec::Linear = spec.network else { return None };
    let features = features(facts)?;
    let output = model.output_layer();
    let [inputs, outputs] = output.weight.dims();
    if inputs != features.len() {
        return None;
    }
    let numbers = |tensor: burn::tensor::TensorData| tensor.iter::<f64>().collect::<Vec<f64>>();
    let weights = numbers(output.weight.val().into_data());
    let biases =
        output.bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| numbers(bias.val().into_data()));
    let names = (0..outputs).map(|i| facts.names.get(i).cloned().unwrap_or_else(|| i.to_string()));
    let mut columns = vec!["feature".to_string()];
    columns.extend(names);
    let mut section =
        Section { title: "Coefficients in the data's own units".into(), columns, rows: Vec::new() };
    let mut intercepts = biases;
    for (i, (name, unit)) in features.iter().enumerate() {
        let mut row = vec![name.clone()];
        for (output, intercept) in intercepts.iter_mut().enumerate() {
            let slope = weights[i * outputs + output] / unit.scale;
            *intercept -= slope * unit.mean;
            row.push(format!("{:.6}", slope * target(facts, output).scale));
        }
        section.rows.push(row);
    }
    let mut row = vec!["intercept".to_string()];
    for (output, intercept) in intercepts.iter().enumerate() {
        let unit = target(facts, output);
        row.push(format!("{:.6}", unit.mean + unit.scale * intercept));
    }
    section.rows.push(row);
    Some(section)
}

fn target(facts: &ProblemFacts, output: usize) -> TargetUnit {
    facts.units.get(output).copied().unwrap_or_default()
}

/// Returns the name of each feature, and how it was standardized; `None` if inputs are no separate features.
fn features(facts: &ProblemFacts) -> Option<Vec<(String, TargetUnit)>> {
    match &facts.prepared {
        Prepared::Table(encoder) => {
            let feature = |feature: crate::data::table::Feature| {
                let unit = TargetUnit { mean: feature.scale.mean, scale: feature.scale.deviation };
                (feature.name, unit)
            };
            Some(encoder.features().into_iter().map(feature).collect())
        }
        Prepared::Rows { shape, standardizer } if shape.len() == 1 => {
            let units = match standardizer {
                Some(standardizer) => standardizer.input_units(),
                None => vec![TargetUnit::default(); shape[0]],
            };
            Some(units.into_iter().enumerate().map(|(i, unit)| (format!("input {i}"), unit)).collect())
        }
        _ => None,
    }
}
