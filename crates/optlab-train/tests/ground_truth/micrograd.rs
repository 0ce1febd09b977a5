//! The demo of Karpathy's micrograd: two moons, a network 2-16-16-1, hinge loss.

use crate::reference::*;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use optlab_optim::OptimizerSpec;
use optlab_train::data::BatchTargets;
use optlab_train::model::{Init, InputShape, ModelSpec, Stack};
use optlab_train::nn::Mode;
use optlab_train::objective::LossSpec;

#[test]
fn moons_have_the_losses_and_accuracies_of_micrograd_to_the_published_last_loss() {
    let reference = json("micrograd_moons/moons.json.gz");
    let device = device();
    let spec: ModelSpec = "mlp=[16,16]".parse().unwrap();
    let model = spec.build(&InputShape::numbers(2), 1, &mut Init::new(0, &device)).unwrap();
    assert_eq!(spec.summary(&InputShape::numbers(2), 1).unwrap().parameters, 337);
    let paths =
        ["dense.0.weight", "dense.0.bias", "dense.1.weight", "dense.1.bias", "output.weight", "output.bias"];
    let weights = ["w1", "b1", "w2", "b2", "w3", "b3"].map(|key| &reference["initial"][key]);
    let mut model = with_weights(model, paths.into_iter().zip(weights).collect());

    let points = numbers(&reference["points"]);
    let points: Vec<&[f64]> = points.chunks(2).collect();
    let inputs = matrix(&points, &device);
    let signs = numbers(&reference["labels"]);
    let classes: Vec<i64> = signs.iter().map(|sign| i64::from(*sign > 0.0)).collect();
    let targets = BatchTargets::Classes(Tensor::from_data(TensorData::new(classes, [signs.len()]), &device));
    let accuracy = |outputs: Tensor<2>| -> f64 {
        let scores: Vec<f64> = outputs.into_data().iter::<f64>().collect();
        let right =
            scores.iter().zip(&signs).filter(|(score, sign)| (**score > 0.0) == (**sign > 0.0)).count();
        right as f64 / signs.len() as f64
    };

    let hinge: LossSpec = "hinge".parse().unwrap();
    // The gradient of 1e-4 Σ p².
    let mut optimizer = "sgd:weight_decay=2e-4".parse::<OptimizerSpec>().unwrap().build().unwrap();
    let (mut losses, mut accuracies) = (Vec::new(), Vec::new());
    for (step, rate) in numbers(&reference["learning_rates"]).into_iter().enumerate() {
        let penalty = 1e-4 * squares(&model, 1);
        let mode = Mode::Train { seed: 0, step: step as u64 };
        let loss;
        (model, loss) = optimizer.step(rate, model, |model: &Stack| {
            let outputs = model.forward(inputs.clone(), mode);
            accuracies.push(accuracy(outputs.clone()));
            let loss = hinge.mean(outputs, &targets);
            let gradients = GradientsParams::from_grads(loss.backward(), model);
            (f64::from(loss.into_scalar::<f32>()), gradients)
        });
        losses.push(loss + penalty);
    }
    let apart = distance(&losses, &numbers(&reference["loss"]));
    let last_apart = (losses[99] - 0.010978370135492717).abs();
    println!("moons: {apart:.1e} apart, {last_apart:.1e} in the last step");
    assert!(apart <= 3e-7 && last_apart <= 1e-7, "{apart:e}, {last_apart:e}");
    assert_eq!(accuracies, numbers(&reference["accuracy"]));
    assert_eq!(accuracy(model.forward(inputs, Mode::Evaluate)), 1.0);
}
