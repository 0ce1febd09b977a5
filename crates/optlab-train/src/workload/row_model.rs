//! A trained model as a function of rows of numbers, for explanations of its outputs.

use crate::Error;
use crate::data::TargetUnit;
use crate::model::InputShape;
use crate::objective::{LossSpec, TargetKind};
use burn::tensor::Tensor;
use std::fmt;
use std::path::Path;

/// A trained model in evaluation mode: rows `[examples, elements]` to outputs `[examples, outputs]`, before a
/// softmax or sigmoid of the loss. Each row is an input in row-major order, prepared as in training.
pub type Forward<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<2> + 'a>;

/// Reads the inputs of a file, row-major, with a name for each.
pub type ReadInputs<'a> = Box<dyn Fn(&Path) -> Result<NamedRows, Error> + 'a>;

/// Inputs, row-major, with the name of each example.
pub type NamedRows = (Vec<f32>, Vec<String>);

/// A trained model as a function, with the names of what goes in and comes out.
pub struct RowModel<'a> {
    /// The function.
    pub forward: Forward<'a>,
    /// Reads inputs as the run's training data were read.
    pub read: ReadInputs<'a>,
    /// The shape of one input.
    pub input: InputShape,
    /// The elements of an input, in row-major order.
    pub elements: Vec<Element>,
    /// The names of classes, labels or target columns. A loss with one output for two classes has two.
    pub outputs: Vec<String>,
    /// The kind and number of targets.
    pub targets: TargetKind,
    /// The loss, which turns outputs into probabilities.
    pub loss: LossSpec,
    /// How each predicted number converts to its own unit; nothing for classes and labels.
    pub units: Vec<TargetUnit>,
}

impl fmt::Debug for RowModel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RowModel");
        shown.field("input", &self.input).field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

/// One number of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Its name: `age`, `city = Bonn`, `row 3, column 4`, `step 5`.
    pub name: String,
    /// The column of a table that it was made of; its own name if there is none.
    pub column: String,
    /// How the number converts to the unit of the data.
    pub unit: TargetUnit,
    /// The texts of indices, if the number is the index of a category or token.
    pub texts: Vec<String>,
}

impl Element {
    /// Returns an element that is a number in its own unit.
    pub fn number(name: impl Into<String>) -> Self {
        let name = name.into();
        Element { column: name.clone(), name, unit: TargetUnit::default(), texts: Vec::new() }
    }

    /// Returns the value as a user knows it: in its own unit, or the text of its index.
    pub fn shown(&self, value: f32) -> String {
        match self.texts.get(value.max(0.0) as usize) {
            Some(text) => text.clone(),
            None => rounded(self.unit.mean + self.unit.scale * f64::from(value)),
        }
    }

    /// Returns the elements of inputs of this shape, named by their places from 0 (pixels) or 1 (time).
    pub fn of_shape(shape: &InputShape) -> Vec<Element> {
        match *shape {
            InputShape::Columns(ref columns) => {
                (0..columns.len()).map(|i| Element::number(format!("input {i}"))).collect()
            }
            InputShape::Sequence { time, features: 1 } => {
                (1..=time).map(|step| Element::number(format!("step {step}"))).collect()
            }
            InputShape::Sequence { time, features } => (0..time * features)
                .map(|i| Element::number(format!("step {}, feature {}", i / features + 1, i % features)))
                .collect(),
            InputShape::Tokens { time, .. } => {
                (1..=time).map(|step| Element::number(format!("token {step}"))).collect()
            }
            InputShape::Image { channels, height, width } => {
                let place = |i: usize| {
                    let (channel, pixel) = (i / (height * width), i % (height * width));
                    let place = format!("row {}, column {}", pixel / width, pixel % width);
                    if channels == 1 { place } else { format!("channel {channel}, {place}") }
                };
                (0..channels * height * width).map(|i| Element::number(place(i))).collect()
            }
        }
    }
}

/// Returns a number with six digits that count, as many as survive 32 bits and a standardization.
pub fn rounded(value: f64) -> String {
    if !value.is_finite() || value.abs() >= 1e15 {
        return value.to_string();
    }
    let whole = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    // At most as many places as a number of about 1 has, so that a 0 that was standardized is 0 again.
    let places = (5 - whole).clamp(0, 5) as usize;
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// Rows of a part of the data, with their targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Inputs, row-major.
    pub inputs: Vec<f32>,
    /// The class of each row, or its numbers or labels as the model is trained on them.
    pub targets: Vec<RowTarget>,
}

/// The target of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowTarget {
    /// A class.
    Class(usize),
    /// Numbers, standardized if the targets are; labels of 0 and 1.
    Values(Vec<f32>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_in_its_own_unit_or_as_the_text_of_its_index() {
        let element = |mean, scale, texts: &[&str]| Element {
            unit: TargetUnit { mean, scale },
            texts: texts.iter().map(ToString::to_string).collect(),
            ..Element::number("x")
        };
        assert_eq!(element(404.0, 0.1, &[]).shown(9.9999), "405");
        assert_eq!(element(0.0, 1.0, &[]).shown(-1e-9), "0");
        assert_eq!(element(0.0, 1.0, &[]).shown(0.8125), "0.8125");
        assert_eq!(element(0.0, 1.0, &[]).shown(123_456.7), "123457");
        assert_eq!(element(0.0, 1.0, &["no", "yes"]).shown(1.0), "yes");
    }
}
