//! The quantity that is explained: a logit, a probability, a number in its own unit.

use crate::Error;
use burn::tensor::{Device, Tensor, TensorData};
use optlab_explain::Model;
use optlab_explain::data_set::{Importance, largest};
use optlab_train::model::InputShape;
use optlab_train::objective::{LossSpec, TargetKind};
use optlab_train::workload::{RowModel, RowTarget, rounded};

/// A trained model with the quantity that is asked for.
pub struct Asked<'a> {
    /// The quantity for each class, label or target column.
    pub model: Model<'a>,
    /// Probabilities, scores, or numbers in their own units.
    answers: Model<'a>,
    /// The trained model.
    pub rows: &'a RowModel<'a>,
    /// The group of each element: a column of a table.
    groups: Vec<usize>,
    has_probability: bool,
}

impl<'a> Asked<'a> {
    /// Asks for logits, or with `probability` for probabilities; numbers are in their own units.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for probabilities of a model that has none.
    pub fn new(rows: &'a RowModel<'a>, device: &Device, probability: bool) -> Result<Self, Error> {
        let has_none = matches!(rows.targets, TargetKind::Values(_)) || rows.loss == LossSpec::Hinge;
        if probability && has_none {
            let allowed = "false for a model without probabilities";
            return Err(Error::invalid("explain", "probability", allowed, true));
        }
        let groups = groups(rows);
        let model = |probability: bool| {
            let function = move |input: Tensor<2>| quantity(rows, input, probability);
            Model::new(rows.input.clone(), device, function).with_groups(groups.clone())
        };
        let (model, answers) = (model(probability), model(!has_none));
        Ok(Asked { model, answers, rows, groups, has_probability: probability })
    }

    /// Returns the method for this kind of input.
    pub fn default_method(&self) -> &'static str {
        match &self.rows.input {
            InputShape::Columns(_) if self.model.has_indices() => "kernel_shap",
            _ => "integrated_gradients",
        }
    }

    /// Returns probabilities, scores or numbers for each class, label or target column of each input.
    ///
    /// # Errors
    /// An output that is not finite.
    pub fn answers(&self, rows: &[f32]) -> Result<Vec<f64>, Error> {
        self.answers.outputs(rows)
    }

    /// Returns the output called `name`, or the one with the largest of an input's `answers`.
    ///
    /// # Errors
    /// [`UnknownName`](optlab_core::Error::UnknownName); [`Usage`](optlab_core::Error::Usage) if there are
    /// several target columns and none is named.
    pub fn output(&self, name: Option<&str>, answers: &[f64]) -> Result<usize, Error> {
        let names: Vec<&str> = self.rows.outputs.iter().map(String::as_str).collect();
        match (name, self.rows.targets) {
            (Some(name), targets) => {
                let kind = if matches!(targets, TargetKind::Classes(_)) { "class" } else { "target" };
                let unknown = || Error::unknown_name(kind, name, &names);
                names.iter().position(|known| *known == name).ok_or_else(unknown)
            }
            (None, TargetKind::Classes(_)) => Ok(largest(answers, 1).first().copied().unwrap_or(0)),
            (None, _) if names.len() == 1 => Ok(0),
            (None, _) => Err(Error::usage(format!(
                "the model predicts several targets; say --of with one of: {}",
                names.join(", ")
            ))),
        }
    }

    /// Returns the name of the quantity for an output.
    pub fn name_of(&self, output: usize) -> String {
        let name = self.shown_output(output);
        match self.rows.targets {
            TargetKind::Values(_) => name,
            _ => format!("{} of {name}", self.kind()),
        }
    }

    /// Returns the name of the quantity for the output that is predicted.
    pub fn name_of_predicted(&self) -> String {
        match self.rows.targets {
            TargetKind::Classes(_) => format!("{} of the predicted class", self.kind()),
            _ => self.name_of(0),
        }
    }

    /// Returns the name of a class, label or target column; a space or a line break in quotes.
    fn shown_output(&self, output: usize) -> String {
        self.rows.outputs.get(output).map_or_else(|| output.to_string(), |name| visible(name))
    }

    fn kind(&self) -> &'static str {
        match self.has_probability {
            true => "probability",
            false if self.rows.loss == LossSpec::Hinge => "score",
            false => "logit",
        }
    }

    /// Returns the prediction of an input in words.
    pub fn prediction(&self, answers: &[f64]) -> String {
        let name = |i: usize| self.shown_output(i);
        match self.rows.targets {
            TargetKind::Classes(_) if self.rows.loss == LossSpec::Hinge => match largest(answers, 1)[..] {
                [first] => format!("{} (score {:.3})", name(first), answers[first]),
                _ => "nothing".into(),
            },
            TargetKind::Classes(_) => match largest(answers, 2)[..] {
                [first, second] => {
                    let percent = |i: usize| 100.0 * answers[i];
                    format!(
                        "{} ({:.1} %), else {} ({:.1} %)",
                        name(first),
                        percent(first),
                        name(second),
                        percent(second)
                    )
                }
                _ => "nothing".into(),
            },
            _ => {
                let each = answers.iter().enumerate();
                each.map(|(i, value)| format!("{} {}", name(i), rounded(*value)))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        }
    }

    /// Returns the target of an input in words.
    pub fn truth(&self, target: &RowTarget) -> String {
        match target {
            RowTarget::Class(class) => self.shown_output(*class),
            RowTarget::Values(values) => {
                let own = self.own(values).into_iter().map(rounded);
                own.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Returns targets in their own units.
    pub fn own(&self, values: &[f32]) -> Vec<f64> {
        let own = |(i, value): (usize, &f32)| {
            let unit = self.rows.units.get(i).copied().unwrap_or_default();
            unit.mean + unit.scale * f64::from(*value)
        };
        values.iter().enumerate().map(own).collect()
    }

    /// Returns the columns or places with the largest sizes of attributions: name, value of the input,
    /// attribution.
    pub fn largest(&self, row: &[f32], values: &[f64], most: usize) -> Vec<(String, String, f64)> {
        let parts = self.parts();
        let sum = |part: &Vec<usize>| part.iter().map(|&i| values[i]).sum::<f64>();
        let sums: Vec<f64> = parts.iter().map(sum).collect();
        let sizes: Vec<f64> = sums.iter().map(|sum| sum.abs()).collect();
        let of_part = |i: usize| (self.name_of_part(&parts[i]), self.value_of_part(&parts[i], row), sums[i]);
        largest(&sizes, most).into_iter().map(of_part).collect()
    }

    /// Returns the columns or places of the largest importance: name, mean size, its error, mean.
    pub fn ranked(&self, importance: &Importance, most: usize) -> Vec<(String, f64, f64, f64)> {
        let parts = self.parts();
        let sizes: Vec<f64> = parts.iter().map(|part| importance.mean_absolute[part[0]]).collect();
        let of_part = |i: usize| {
            let (part, first) = (&parts[i], parts[i][0]);
            (self.name_of_part(part), sizes[i], importance.standard_errors[first], importance.mean[first])
        };
        largest(&sizes, most).into_iter().map(of_part).collect()
    }

    /// Returns the elements of each group.
    fn parts(&self) -> Vec<Vec<usize>> {
        let count = self.groups.iter().max().map_or(0, |last| last + 1);
        let mut parts = vec![Vec::new(); count];
        self.groups.iter().enumerate().for_each(|(element, group)| parts[*group].push(element));
        parts
    }

    fn name_of_part(&self, part: &[usize]) -> String {
        let first = &self.rows.elements[part[0]];
        if part.len() > 1 { first.column.clone() } else { first.name.clone() }
    }

    /// Returns the value of a column: of several elements the categories that are present.
    fn value_of_part(&self, part: &[usize], row: &[f32]) -> String {
        let elements = &self.rows.elements;
        let own = |i: usize| visible(&elements[i].shown(row[i]));
        let prefix = format!("{} = ", elements[part[0]].column);
        let category = |i: &usize| elements[*i].name.strip_prefix(&prefix).filter(|_| row[*i] == 1.0);
        match part.len() {
            1 => own(part[0]),
            _ => match part.iter().find_map(category) {
                Some(category) => category.into(),
                None => own(part[0]),
            },
        }
    }
}

/// Returns a text, in quotes if it is a space or a control character.
fn visible(text: &str) -> String {
    match text.trim().is_empty() || text.contains(char::is_control) {
        true => format!("{text:?}"),
        false => text.into(),
    }
}

/// Returns the group of each element: its column, numbered in the order of the columns.
fn groups(rows: &RowModel<'_>) -> Vec<usize> {
    let InputShape::Columns(_) = rows.input else { return (0..rows.elements.len()).collect() };
    let mut columns: Vec<&str> = Vec::new();
    let mut groups = Vec::with_capacity(rows.elements.len());
    for element in &rows.elements {
        let place = columns.iter().position(|known| *known == element.column);
        groups.push(place.unwrap_or(columns.len()));
        if place.is_none() {
            columns.push(&element.column);
        }
    }
    groups
}

/// Returns the quantity for each class, label or target column.
fn quantity(rows: &RowModel<'_>, input: Tensor<2>, probability: bool) -> Tensor<2> {
    let outputs = (rows.forward)(input);
    match rows.targets {
        TargetKind::Values(_) => {
            let units = |of: fn(&optlab_train::data::TargetUnit) -> f64| {
                let values: Vec<f32> = rows.units.iter().map(|unit| of(unit) as f32).collect();
                let count = values.len();
                Tensor::<2>::from_data(TensorData::new(values, [1, count]), &outputs.device())
            };
            match rows.units.len() == outputs.dims()[1] {
                true => outputs.clone() * units(|unit| unit.scale) + units(|unit| unit.mean),
                false => outputs,
            }
        }
        _ => {
            let outputs = if probability { rows.loss.predict(outputs) } else { outputs };
            // One output is for the second of two classes.
            match (rows.targets, outputs.dims()[1]) {
                (TargetKind::Classes(2), 1) if probability => {
                    Tensor::cat(vec![outputs.clone().neg().add_scalar(1.0), outputs], 1)
                }
                (TargetKind::Classes(2), 1) => Tensor::cat(vec![outputs.clone().neg(), outputs], 1),
                _ => outputs,
            }
        }
    }
}
