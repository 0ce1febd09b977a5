//! The networks and numbers of `references/explain/`.

use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use optlab::explain::Model;
use optlab::model::InputShape;
use optlab::nn::tap;
use serde_json::Value;

/// Returns the content of a reference file.
pub fn read(name: &str) -> Value {
    let path = format!("{}/references/explain/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns all numbers of nested lists, in order.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Object(_) | Value::Null | Value::String(_) => Vec::new(),
        other => vec![other.as_f64().unwrap()],
    }
}

/// Returns all numbers of nested lists, rounded to 32 bits.
pub fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|number| number as f32).collect()
}

/// Returns the whole numbers of a list.
pub fn indices(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|number| number as usize).collect()
}

enum Layer {
    Linear(Tensor<2>, Tensor<1>),
    Conv(Tensor<4>, Tensor<1>),
    Tanh,
    Relu,
    MaxPool,
    Flatten,
}

/// Returns the device of all tests, with autodiff.
pub fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(value: &Value, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(floats(value), shape), &device())
}

/// Returns the network of a file as a function of rows. Results of layers pass taps: `conv_1`, `relu_1`,
/// `conv_2`, `relu_2`.
fn network(file: &Value, image: Option<[usize; 3]>) -> impl Fn(Tensor<2>) -> Tensor<2> + use<> {
    let size = |value: &Value| value.as_array().unwrap().len();
    let layer = |layer: &Value| {
        let (weight, bias) = (&layer["weight"], &layer["bias"]);
        match layer["kind"].as_str().unwrap() {
            "linear" => {
                let shape = [size(weight), size(&weight[0])];
                Layer::Linear(tensor(weight, shape).transpose(), tensor(bias, [shape[0]]))
            }
            "conv2d" => {
                let shape = [size(weight), size(&weight[0]), 3, 3];
                Layer::Conv(tensor(weight, shape), tensor(bias, [shape[0]]))
            }
            "tanh" => Layer::Tanh,
            "relu" => Layer::Relu,
            "max_pool2d" => Layer::MaxPool,
            "flatten" => Layer::Flatten,
            other => panic!("layer {other}"),
        }
    };
    let layers: Vec<Layer> = file["model"]["layers"].as_array().unwrap().iter().map(layer).collect();
    move |rows| {
        let mut flat = rows;
        let mut maps: Option<Tensor<4>> = image.map(|[channels, height, width]| {
            let [batch, _] = flat.dims();
            flat.clone().reshape([batch, channels, height, width])
        });
        let mut convolutions = 0;
        for layer in &layers {
            match layer {
                Layer::Linear(weight, bias) => flat = flat.matmul(weight.clone()) + bias.clone().unsqueeze(),
                Layer::Tanh => flat = flat.tanh(),
                Layer::Conv(weight, bias) => {
                    convolutions += 1;
                    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
                    let result = conv2d(maps.take().unwrap(), weight.clone(), Some(bias.clone()), options);
                    maps = Some(tap(&format!("conv_{convolutions}"), result));
                }
                Layer::Relu => match maps.take() {
                    Some(result) => maps = Some(tap(&format!("relu_{convolutions}"), relu(result))),
                    None => flat = relu(flat),
                },
                Layer::MaxPool => {
                    let result = max_pool2d(maps.take().unwrap(), MaxPoolOptions::new([2, 2]));
                    maps = Some(result);
                }
                Layer::Flatten => flat = maps.take().unwrap().flatten(1, 3),
            }
        }
        flat
    }
}

/// A network of a file, with its inputs and the output that each is explained for.
pub struct Subject {
    /// The file.
    pub file: Value,
    /// The network.
    pub model: Model<'static>,
    /// The inputs.
    pub inputs: Vec<Vec<f32>>,
    /// The output of each input.
    pub targets: Vec<usize>,
}

impl Subject {
    /// Reads a file.
    pub fn read(name: &str) -> Self {
        let file = read(name);
        let image = (name == "image").then_some([1, 8, 8]);
        let inputs: Vec<Vec<f32>> = file["inputs"].as_array().unwrap().iter().map(floats).collect();
        let shape = match image {
            Some([channels, height, width]) => InputShape::Image { channels, height, width },
            None => InputShape::numbers(inputs[0].len()),
        };
        let model = Model::new(shape, &device(), network(&file, image));
        let targets = indices(&file["targets"]);
        Subject { model, inputs, targets, file }
    }

    /// Returns the background rows.
    pub fn background(&self) -> Vec<f32> {
        floats(&self.file["background"])
    }
}

/// Returns the largest distance between two lists, as a share of the largest expected number.
pub fn distance(given: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(given.len(), expected.len());
    let largest = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let apart = given.iter().zip(expected).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f64::max) / largest
}

/// Checks that two lists are at most `most` apart, as a share of the largest expected number.
#[track_caller]
pub fn near(name: &str, given: &[f64], expected: &[f64], most: f64) {
    let distance = distance(given, expected);
    assert!(distance <= most, "{name}: {distance:e} apart\n{given:?}\n{expected:?}");
    println!("{name}: {distance:.1e} apart");
}
