//! The penalty beside PyTorch's, which differentiates twice (`references/explain/table.json`).

use super::*;
use crate::Error;
use crate::data::{Batch, BatchTargets, ExampleSet, Preparation, Source};
use crate::objective::Tally;
use crate::workload::{Info, Parts};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Device, TensorData};
use serde_json::Value;

#[derive(Module, Debug)]
struct Table {
    layers: Vec<Linear>,
}

impl Table {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.layers[0].forward(x).tanh();
        self.layers[2].forward(relu(self.layers[1].forward(x)))
    }
}

/// A workload whose batch is its inputs.
struct OfTable;

impl Workload for OfTable {
    type Model = Table;
    type Batch = Batch;
    type Facts = ();

    fn info(&self) -> Info {
        Info::new("table", "", Vec::new())
    }

    fn parts(&self, _: &Source, _: &Preparation) -> Result<Parts<Batch, ()>, Error> {
        let nothing = || -> Box<dyn ExampleSet<Batch>> { unreachable!("nothing is trained") };
        Ok(Parts { train: nothing(), validation: nothing(), test: nothing(), facts: () })
    }

    fn model(&self, (): &(), _: u64, _: &Device) -> Result<Table, Error> {
        unreachable!("nothing is trained")
    }

    fn loss(&self, _: &Table, _: &Batch, (): &(), _: Mode) -> Tensor<1> {
        unreachable!("nothing is trained")
    }

    fn evaluate(&self, _: &Table, _: &Batch, (): &(), _: &mut Tally) -> Tensor<1> {
        unreachable!("nothing is trained")
    }

    fn rows<'b>(&self, batch: &'b Batch) -> Option<&'b Batch> {
        Some(batch)
    }

    fn sum_of_log_probabilities(
        &self,
        model: &Table,
        rows: Tensor<2>,
        (): &(),
        _: Mode,
    ) -> Option<Tensor<1>> {
        Some(log_softmax(model.forward(rows), 1).sum())
    }
}

/// Returns rows with targets that nobody asks for.
fn batch(inputs: Tensor<2>) -> Batch {
    let [len, _] = inputs.dims();
    let targets = BatchTargets::Values(Tensor::zeros([len, 1], &inputs.device()));
    Batch { inputs, targets, len }
}

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap() as f32],
    }
}

#[test]
fn the_gradient_of_the_penalty_is_that_of_differentiating_twice() {
    let text = include_str!("../../../../../references/explain/table.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let device = Device::default().autodiff();
    let matrix = |value: &Value| {
        let shape = [value.as_array().unwrap().len(), value[0].as_array().unwrap().len()];
        Tensor::<2>::from_data(TensorData::new(numbers(value), shape), &device)
    };
    let vector = |value: &Value| {
        let values = numbers(value);
        Tensor::<1>::from_data(TensorData::new(values.clone(), [values.len()]), &device)
    };
    let layers = [0, 2, 4].map(|number| {
        let saved = &file["model"]["layers"][number];
        let weight = matrix(&saved["weight"]).transpose();
        let as_parameter =
            |tensor: Tensor<2>| Param::from_tensor(Tensor::from_inner(tensor.inner()).require_grad());
        let bias = Tensor::from_inner(vector(&saved["bias"]).inner()).require_grad();
        Linear { weight: as_parameter(weight), bias: Some(Param::from_tensor(bias)) }
    });
    let model = Table { layers: layers.into() };
    let expected = &file["formula"]["input_gradient_penalty"];
    let lambda = expected["strength"].as_f64().unwrap();
    let inputs = batch(matrix(&file["inputs"]));
    let penalty = of_penalty(&OfTable, &model, &inputs, &(), Mode::Evaluate, lambda).unwrap();
    let mut gradients = penalty.added_to(&model, GradientsParams::new());
    for (number, name) in ["0", "2", "4"].iter().enumerate() {
        let layer = &model.layers[number];
        let difference = |part: &str| -> Vec<f64> {
            let key = format!("{name}.{part}");
            let [total, loss] =
                ["gradient_of_total", "gradient_of_loss"].map(|of| numbers(&expected[of][&key]));
            total.iter().zip(&loss).map(|(total, loss)| f64::from(*total) - f64::from(*loss)).collect()
        };
        let weight = gradients.remove::<2>(layer.weight.id).unwrap().transpose().into_data();
        let bias = gradients.remove::<1>(layer.bias.as_ref().unwrap().id).unwrap().into_data();
        for (part, given) in [("weight", weight), ("bias", bias)] {
            let expected = difference(part);
            let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            for (given, expected) in given.iter::<f64>().zip(expected) {
                let distance = (given - expected).abs();
                assert!(distance <= 5e-3 * largest + 1e-6, "{name}.{part}: {given}, expected {expected}");
            }
        }
    }
}

#[test]
fn a_model_that_ignores_its_inputs_has_no_penalty() {
    let device = Device::default().autodiff();
    let zero = |inputs, outputs| {
        let layer = LinearConfig::new(inputs, outputs).init(&device);
        let weight = layer.weight.map(|it| Tensor::from_inner(it.inner() * 0.0).require_grad());
        Linear { weight, bias: layer.bias }
    };
    let model = Table { layers: vec![zero(2, 3), zero(3, 3), zero(3, 2)] };
    let inputs = batch(Tensor::ones([4, 2], &device));
    let penalty = of_penalty(&OfTable, &model, &inputs, &(), Mode::Evaluate, 1.0).unwrap();
    assert!(penalty.added_to(&model, GradientsParams::new()).is_empty());
}
