//! Parts that the examples of own workloads share.

#![allow(dead_code, reason = "an example uses what it needs")]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};
use optlab::Error;
use optlab::data::{self, Batch, BatchTargets, DataSet, Examples, Source, Targets};
use std::path::PathBuf;

/// A network with one hidden layer.
#[derive(Module, Debug)]
pub struct Perceptron {
    hidden: Linear,
    output: Linear,
}

impl Perceptron {
    /// Creates the network with Burn's initial weights.
    pub fn new([inputs, hidden, outputs]: [usize; 3], device: &Device) -> Self {
        let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Perceptron { hidden: layer(inputs, hidden), output: layer(hidden, outputs) }
    }

    /// Returns the outputs `[batch, outputs]` for `[batch, inputs]`.
    pub fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(inputs)))
    }
}

/// Returns the class of each image, `[batch]`.
pub fn classes(batch: &Batch) -> Tensor<1, Int> {
    let BatchTargets::Classes(classes) = &batch.targets else { unreachable!("digits are classes") };
    classes.clone()
}

/// Returns how many predictions are right, and how many there are.
pub fn right(logits: &Tensor<2>, classes: &Tensor<1, Int>) -> [f64; 2] {
    let right = logits.clone().argmax(1).flatten(0, 1).equal(classes.clone()).int().sum();
    [right.into_scalar::<f64>(), classes.dims()[0] as f64]
}

/// Writes the digits to two files for training and test, 64 pixels from 0 to 16 and the class of each, and
/// returns their paths.
pub fn digit_files() -> Result<[PathBuf; 2], Error> {
    let folder = std::env::temp_dir().join("optlab-own-streamed");
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let DataSet { train, test, .. } = data::load("digits", &Source::default())?;
    let write = |name: &str, digits: &Examples| -> Result<PathBuf, Error> {
        let Targets::Classes { labels, .. } = &digits.targets else { unreachable!("digits are classes") };
        let bytes = |(row, &label): (usize, &u32)| {
            let pixels = digits.input(row).iter().map(|pixel| (pixel * 16.0) as u8);
            pixels.chain([label as u8]).collect::<Vec<u8>>()
        };
        let bytes: Vec<u8> = labels.iter().enumerate().flat_map(bytes).collect();
        // A rename, because another process may be reading the file.
        let (path, unfinished) = (folder.join(name), folder.join(format!("{name}-{}", std::process::id())));
        std::fs::write(&unfinished, bytes).map_err(Error::io("write", &unfinished))?;
        std::fs::rename(&unfinished, &path).map_err(Error::io("create", &path))?;
        Ok(path)
    };
    Ok([write("train", &train)?, write("test", &test)?])
}

/// Returns the mean distance between a row of `a` and a row of `b`.
pub fn distance(a: &Tensor<2>, b: &Tensor<2>) -> Tensor<1> {
    let squares = |x: &Tensor<2>| x.clone().square().sum_dim(1);
    let products = a.clone().matmul(b.clone().transpose());
    (squares(a) + squares(b).transpose() - products * 2.0).clamp_min(0.0).sqrt().mean()
}
