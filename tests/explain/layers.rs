//! Methods of layers: Grad-CAM, activation maps and attention rollout.

use crate::reference::{Subject, device, near, numbers, read};
use burn::tensor::{Tensor, TensorData};
use optlab::explain::method::{ActivationMapConfig, GradCamConfig, rollout};
use optlab::explain::{MethodSpec, Model, Question};
use optlab::model::{Init, InputShape, ModelSpec};
use optlab::nn::{Mode, tap};

#[test]
fn grad_cam_of_each_layer_is_that_of_captum() {
    let subject = Subject::read("image");
    for (layer, key) in [("conv_2", "conv2"), ("relu_2", "relu2")] {
        let expected = &subject.file["captum"]["layer_grad_cam"][key];
        for (i, row) in subject.inputs.iter().enumerate() {
            let config = GradCamConfig { layer: Some(layer.into()), relu: false };
            let question = Question::new(&subject.model, subject.targets[i]);
            let map = config.map(&question, row).unwrap();
            assert_eq!(map.shape, [1, 4, 4]);
            near(layer, &map.values, &numbers(&expected[i]), 2e-5);
            let with_relu = GradCamConfig { relu: true, ..config }.map(&question, row).unwrap();
            let positive: Vec<f64> = map.values.iter().map(|value| value.max(0.0)).collect();
            assert_eq!(with_relu.values, positive);
        }
    }
}

#[test]
fn the_default_layer_of_grad_cam_is_the_last_one_with_maps() {
    let subject = Subject::read("image");
    let question = Question::new(&subject.model, 0);
    assert_eq!(GradCamConfig::default().map(&question, &subject.inputs[0]).unwrap().layer, "relu_2");
}

#[test]
fn activation_maps_are_those_of_captum() {
    let subject = Subject::read("image");
    for (layer, key, shape) in [("conv_1", "conv1", [4, 8, 8]), ("conv_2", "conv2", [6, 4, 4])] {
        let expected = &subject.file["captum"]["layer_activation"][key];
        for (i, row) in subject.inputs.iter().enumerate() {
            let config = ActivationMapConfig { layer: Some(layer.into()), channel: None };
            let maps = config.maps(&Question::new(&subject.model, 0), row).unwrap();
            assert_eq!(maps.shape, shape);
            near(layer, &maps.values, &numbers(&expected[i]), 2e-6);
            let third = maps.of_channel("activation_map", Some(2)).unwrap();
            near(layer, &third.values, &numbers(&expected[i][2]), 2e-6);
        }
    }
}

#[test]
fn a_map_of_the_layers_size_is_stretched_to_the_picture_without_changing_its_mean() {
    let subject = Subject::read("image");
    let question = Question::new(&subject.model, 1);
    let row = &subject.inputs[1];
    let map = GradCamConfig::default().map(&question, row).unwrap();
    let method: MethodSpec = "grad_cam".parse().unwrap();
    let values = method.explain(&question, row).unwrap().values;
    assert_eq!(values.len(), 64);
    let (least, most) = map.values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    assert!(values.iter().all(|value| (least..=most).contains(value)));
    // A corner is the corner, and an edge lies a quarter of the way to the next value.
    assert_eq!(values[0], map.values[0]);
    let expected = 0.75 * map.values[0] + 0.25 * map.values[1];
    assert!((values[1] - expected).abs() < 1e-9, "{} {expected}", values[1]);
}

#[test]
fn attention_rollout_is_that_of_the_formula() {
    let file = read("rollout");
    let layers: Vec<Vec<f64>> = file["attention"]
        .as_array()
        .unwrap()
        .iter()
        .map(|heads| {
            let all = numbers(heads);
            (0..25).map(|i| all.iter().skip(i).step_by(25).sum::<f64>() / 4.0).collect()
        })
        .collect();
    for (count, expected) in file["formula"]["rollout_after_layer"].as_array().unwrap().iter().enumerate() {
        near("rollout", &rollout(&layers[..=count], 5), &numbers(expected), 1e-11);
    }
    near("rollout", &rollout(&layers, 5), &numbers(&file["formula"]["rollout"]), 1e-11);
}

#[test]
fn attention_rollout_of_a_model_reads_the_weights_of_its_blocks() {
    let spec: ModelSpec = "transformer=1,width=8,heads=2".parse().unwrap();
    let shape = InputShape::Tokens { time: 5, vocabulary: 7 };
    let device = device();
    let stack = spec.build(&shape, 7, &mut Init::new(1, &device)).unwrap();
    let row = [1.0, 6.0, 0.0, 3.0, 3.0];
    let model = Model::new(shape, &device, |rows| stack.forward(rows, Mode::Evaluate));
    let method: MethodSpec = "attention_rollout:from=last".parse().unwrap();
    let given = method.explain(&Question::new(&model, 0), &row).unwrap();
    assert!((given.sum() - 1.0).abs() < 1e-6, "{}", given.sum());

    let rows = Tensor::<2>::from_data(TensorData::new(row.to_vec(), [1, 5]), &device);
    let (_, recorded) = tap::record(|| stack.forward(rows, Mode::Evaluate));
    let attention = recorded.iter().find(|activation| activation.name == "attention").unwrap();
    assert_eq!(attention.shape, [1, 2, 5, 5]);
    let weights: Vec<f64> = attention.values.clone().into_data().iter::<f64>().collect();
    // One layer: half of it is the mean over the heads of the last token's row, half the residual connection.
    for token in 0..5 {
        let mean = (weights[20 + token] + weights[25 + 20 + token]) / 2.0;
        let expected = 0.5 * mean + if token == 4 { 0.5 } else { 0.0 };
        assert!((given.values[token] - expected).abs() < 1e-6, "{token}");
    }
}

#[test]
fn tokens_are_explained_by_gradients_behind_their_embedding() {
    let spec: ModelSpec = "rnn=6".parse().unwrap();
    let shape = InputShape::Tokens { time: 4, vocabulary: 9 };
    let device = device();
    let stack = spec.build(&shape, 3, &mut Init::new(2, &device)).unwrap();
    let model = Model::new(shape, &device, |rows| stack.forward(rows, Mode::Evaluate));
    let row = [1.0, 8.0, 0.0, 3.0];
    let explain = |method: &str| {
        method.parse::<MethodSpec>().unwrap().explain(&Question::new(&model, 1), &row).unwrap()
    };
    let given = explain("integrated_gradients");
    assert_eq!(given.values.len(), 4);
    assert!(given.completeness_gap().unwrap() < 1e-3, "{:?}", given.completeness_gap());
    // The baseline is an embedding of zeros.
    let rows = Tensor::<2>::from_data(TensorData::new(row.to_vec(), [1, 4]), &device);
    let (_, recorded) = tap::record(|| stack.forward(rows.clone(), Mode::Evaluate));
    let width = recorded.iter().find(|tapped| tapped.name == "embedding.0").unwrap().shape[2];
    let zeros = Tensor::<3>::zeros([1, 4, width], &device);
    let (outputs, _) = tap::with_replacement("embedding.0", zeros, || stack.forward(rows, Mode::Evaluate));
    let of_zeros: Vec<f64> = outputs.into_data().iter::<f64>().collect();
    assert!((given.baseline_output.unwrap() - of_zeros[1]).abs() < 1e-6);
    for method in ["saliency", "input_x_gradient", "smooth_grad"] {
        let values = explain(method).values;
        assert!(values.len() == 4 && values.iter().any(|value| *value != 0.0), "{method}: {values:?}");
    }
}
