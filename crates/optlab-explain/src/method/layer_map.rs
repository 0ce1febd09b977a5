//! Results of a layer as pictures of the input's size.

use crate::{Model, Question};
use burn::tensor::Tensor;
use optlab_train::Error;
use optlab_train::model::InputShape;
use optlab_train::nn::ATTENTION;
use optlab_train::nn::tap::{self, Activation};

/// Maps `[channels, height, width]` of one input, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// The tap that they come from.
    pub layer: String,
    /// Number of channels, height and width.
    pub shape: [usize; 3],
    /// The values.
    pub values: Vec<f64>,
}

impl Maps {
    /// Returns the mean over the channels, or one of them.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a channel that the layer does not have.
    pub fn of_channel(&self, method: &str, channel: Option<usize>) -> Result<Maps, Error> {
        let [channels, height, width] = self.shape;
        let size = height * width;
        let values = match channel {
            Some(channel) if channel < channels => self.values[channel * size..][..size].to_vec(),
            Some(channel) => {
                let allowed = format!("below {channels}, the channels of `{}`", self.layer);
                return Err(Error::invalid(method, "channel", &allowed, channel));
            }
            None => {
                let mean = |i: usize| self.values.iter().skip(i).step_by(size).sum::<f64>() / channels as f64;
                (0..size).map(mean).collect()
            }
        };
        Ok(Maps { layer: self.layer.clone(), shape: [1, height, width], values })
    }

    /// Returns the map of the first channel at the size of the model's inputs, interpolated bilinearly, once
    /// for each channel of the input.
    pub(crate) fn stretched(&self, model: &Model<'_>) -> Vec<f64> {
        let InputShape::Image { channels, height, width } = *model.input() else {
            return self.values.clone();
        };
        let [_, rows, columns] = self.shape;
        let place = |i: usize, size: usize, of: usize| {
            let at = ((i as f64 + 0.5) * of as f64 / size as f64 - 0.5).clamp(0.0, (of - 1) as f64);
            (at.floor() as usize, (at.floor() as usize + 1).min(of - 1), at.fract())
        };
        let value = |y: usize, x: usize| {
            let ((top, bottom, down), (left, right, along)) =
                (place(y, height, rows), place(x, width, columns));
            let of_row = |row: usize| {
                self.values[row * columns + left] * (1.0 - along) + self.values[row * columns + right] * along
            };
            of_row(top) * (1.0 - down) + of_row(bottom) * down
        };
        let map: Vec<f64> = (0..height * width).map(|i| value(i / width, i % width)).collect();
        map.repeat(channels)
    }
}

/// Checks that the model's inputs are pictures.
pub(super) fn check_pictures(method: &str, question: &Question<'_>) -> Result<(), Error> {
    match question.model.input() {
        InputShape::Image { .. } => Ok(()),
        other => Err(Error::usage(format!("{method} is for pictures, and the model reads {other}"))),
    }
}

/// Returns the result `[channels, height, width]` of the layer at tap `layer`, or of the last with such a
/// result, for the input `row`.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a layer that the model does not have, with those
/// that it has; [`Usage`](optlab_core::Error::Usage) for a model without one.
pub(super) fn activation(
    method: &str,
    question: &Question<'_>,
    layer: Option<&str>,
    row: &[f32],
) -> Result<Maps, Error> {
    let model = question.model;
    question.check(row)?;
    let (_, recorded) = tap::record(|| model.forward(model.batch(row, row.len())));
    let is_map = |activation: &&Activation| activation.shape.len() == 4 && activation.name != ATTENTION;
    let maps: Vec<&Activation> = recorded.iter().filter(is_map).collect();
    let found = match layer {
        None => maps.last(),
        Some(layer) => maps.iter().find(|activation| activation.name == layer),
    };
    let Some(found) = found else {
        let names: Vec<&str> = maps.iter().map(|activation| activation.name.as_str()).collect();
        return Err(match (layer, names.is_empty()) {
            (_, true) => Error::usage(format!(
                "{method} reads the maps of a convolution, and the model passes none through a tap"
            )),
            (layer, false) => {
                let allowed = format!("one of {}", names.join(", "));
                Error::invalid(method, "layer", &allowed, layer.unwrap_or_default())
            }
        });
    };
    let values: Tensor<2> = found.values.clone();
    Ok(Maps {
        layer: found.name.clone(),
        shape: [found.shape[1], found.shape[2], found.shape[3]],
        values: values.into_data().iter::<f64>().collect(),
    })
}
