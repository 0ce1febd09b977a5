//! The penalty on input gradients beside PyTorch, which differentiates twice.

use crate::reference::{device, distance, floats, numbers, read};
use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Tensor, TensorData};
use optlab::train::input_gradient_penalty;
use serde_json::Value;

#[derive(Module, Debug)]
struct Network {
    first: Linear,
    second: Linear,
    third: Linear,
}

impl Network {
    fn read(file: &Value) -> Self {
        let layer = |place: usize| {
            let layer = &file["model"]["layers"][place];
            let (rows, columns) =
                (layer["weight"].as_array().unwrap().len(), layer["weight"][0].as_array().unwrap().len());
            let weight = TensorData::new(floats(&layer["weight"]), [rows, columns]);
            let weight = Tensor::<2>::from_data(weight, &device()).transpose();
            let bias = Tensor::<1>::from_data(TensorData::new(floats(&layer["bias"]), [rows]), &device());
            let mut linear = LinearConfig::new(columns, rows).init(&device());
            linear.weight = Param::from_tensor(weight);
            linear.bias = Some(Param::from_tensor(bias));
            linear
        };
        Network { first: layer(0), second: layer(2), third: layer(4) }
    }

    fn log_probabilities(&self, rows: Tensor<2>) -> Tensor<2> {
        let hidden = relu(self.second.forward(self.first.forward(rows).tanh()));
        log_softmax(self.third.forward(hidden), 1)
    }
}

#[test]
fn the_penalty_on_input_gradients_and_its_gradients_are_those_of_pytorch() {
    let file = read("table");
    let expected = &file["formula"]["input_gradient_penalty"];
    let network = Network::read(&file);
    let rows = TensorData::new(floats(&file["inputs"]), [4, 8]);
    let rows = Tensor::<2>::from_data(rows, &device());
    let strength = expected["strength"].as_f64().unwrap();
    let (penalty, gradients) =
        input_gradient_penalty(&network, &rows, strength, |network: &Network, rows| {
            network.log_probabilities(rows).sum()
        });
    let of_torch = expected["penalty"].as_f64().unwrap();
    assert!((penalty - of_torch).abs() < 1e-5 * of_torch, "{penalty}, not {of_torch}");

    let (mut given, mut wanted) = (Vec::new(), Vec::new());
    for (key, layer) in [("0", &network.first), ("2", &network.second), ("4", &network.third)] {
        let weight = gradients.get::<2>(layer.weight.id).unwrap().transpose();
        given.extend(weight.into_data().iter::<f64>());
        let bias = layer.bias.as_ref().unwrap();
        given.extend(gradients.get::<1>(bias.id).unwrap().into_data().iter::<f64>());
        for parameter in ["weight", "bias"] {
            let at = |of: &str| numbers(&expected[of][format!("{key}.{parameter}")]);
            let pairs = at("gradient_of_total").into_iter().zip(at("gradient_of_loss"));
            wanted.extend(pairs.map(|(total, loss)| total - loss));
        }
    }
    let apart = distance(&given, &wanted);
    println!("gradients of the penalty: {apart:.1e} apart");
    assert!(apart < 1e-3, "{apart}");
    // Half as strong is half as large.
    let (half, _) = input_gradient_penalty(&network, &rows, strength / 2.0, |network: &Network, rows| {
        network.log_probabilities(rows).sum()
    });
    assert!((half * 2.0 - penalty).abs() < 1e-9);
}
