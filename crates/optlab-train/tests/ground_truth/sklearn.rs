//! scikit-learn's "Compare Stochastic learning strategies for MLPClassifier", on digits and iris.
//!
//! | setting              | optlab                                                                          |
//! |:---------------------|:--------------------------------------------------------------------------------|
//! | constant (three)     | the rule itself                                                                 |
//! | invscaling           | the rule itself, with the rates of the file                                     |
//! | invscaling, momentum | a rate of 1, gradients times the rate: scikit-learn's velocity holds the rate   |
//! | adam                 | `bias_correction=false`, correction in the rate: scikit-learn adds ε to √v      |
//!
//! The rule itself gives another curve for the last two, which the files have as well, from NumPy. The curves
//! of digits are up to 1.5e-7 apart, of iris up to 1.1e-7, as far as NumPy's in 32 and in 64 bits are.

use crate::reference::*;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use optlab_optim::OptimizerSpec;
use optlab_train::data::BatchTargets;
use optlab_train::model::{Init, InputShape, ModelSpec, Stack};
use optlab_train::nn::Mode;
use optlab_train::objective::LossSpec;
use serde_json::Value;
use std::path::Path;

struct Reference {
    whole: Value,
    /// Scaled to [0, 1].
    features: Vec<Vec<f64>>,
    labels: Vec<usize>,
}

impl Reference {
    fn digits() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/small/digits.csv.gz");
        let table = String::from_utf8(unpacked_at(&file)).unwrap();
        let row = |line: &str| -> Vec<f64> { line.split(',').map(|field| field.parse().unwrap()).collect() };
        let rows: Vec<Vec<f64>> = table.lines().map(row).collect();
        let labels = rows.iter().map(|row| row[64] as usize).collect();
        Self::scaled(json("sklearn_mlp/digits.json.gz"), rows, labels)
    }

    fn iris() -> Self {
        let whole = json("sklearn_mlp/iris.json.gz");
        let rows = whole["data"]["features"].as_array().unwrap().iter().map(numbers).collect();
        let labels = places(&whole["data"]["labels"]);
        Self::scaled(whole, rows, labels)
    }

    fn scaled(whole: Value, rows: Vec<Vec<f64>>, labels: Vec<usize>) -> Self {
        let (low, high) = (numbers(&whole["feature_min"]), numbers(&whole["feature_max"]));
        let scale = |row: &Vec<f64>| -> Vec<f64> {
            let span = |i: usize| if high[i] > low[i] { high[i] - low[i] } else { 1.0 };
            (0..low.len()).map(|i| (row[i] - low[i]) / span(i)).collect()
        };
        Reference { features: rows.iter().map(scale).collect(), whole, labels }
    }

    fn model(&self) -> Stack {
        let size = |key: &str| self.whole[key].as_u64().unwrap() as usize;
        let spec: ModelSpec = format!("mlp=[{}]", size("hidden")).parse().unwrap();
        let shape = InputShape::numbers(size("features"));
        let model = spec.build(&shape, size("classes"), &mut Init::new(0, &device())).unwrap();
        let paths = ["dense.0.weight", "dense.0.bias", "output.weight", "output.bias"];
        let weights = ["w1", "b1", "w2", "b2"].map(|key| &self.whole["initial"][key]);
        with_weights(model, paths.into_iter().zip(weights).collect())
    }

    fn run(&self, label: &str) -> &Value {
        let runs = self.whole["runs"].as_array().unwrap();
        runs.iter().find(|run| run["label"] == label).unwrap()
    }

    fn inputs(&self, rows: &[usize]) -> Tensor<2> {
        let rows: Vec<&[f64]> = rows.iter().map(|&row| self.features[row].as_slice()).collect();
        matrix(&rows, &device())
    }

    fn targets(&self, rows: &[usize]) -> BatchTargets {
        let labels: Vec<i64> = rows.iter().map(|&row| self.labels[row] as i64).collect();
        BatchTargets::Classes(Tensor::from_data(TensorData::new(labels, [rows.len()]), &device()))
    }
}

/// How a run is made from the rates of the file.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// The rule with its weight decay and the rates.
    Rule,
    /// A rate of 1 and gradients times the rate.
    RateInVelocity,
    /// The bias correction in the rate.
    CorrectionInRate,
}

/// Returns the loss of each epoch and the number of right answers after the last one.
fn trained(reference: &Reference, run: &Value, rule: &str, way: Way) -> (Vec<f64>, usize) {
    let alpha = reference.whole["alpha"].as_f64().unwrap();
    let batch_size = reference.whole["batch_size"].as_u64().unwrap() as usize;
    let spec: OptimizerSpec = match way {
        Way::RateInVelocity | Way::CorrectionInRate => rule.parse().unwrap(),
        Way::Rule => {
            let decay = alpha / batch_size as f64;
            let separator = if rule.contains(':') { "," } else { ":" };
            format!("no_vector_decay:base={rule}{separator}weight_decay={decay:e}").parse().unwrap()
        }
    };
    let mut optimizer = spec.build().unwrap();
    let cross_entropy: LossSpec = "cross_entropy".parse().unwrap();
    let mut model = reference.model();
    let epochs = run["epochs"].as_u64().unwrap() as usize;
    let orders = &reference.whole["orders"];
    let (mut losses, mut step) = (Vec::new(), 0);
    for epoch in 0..epochs {
        let rate = run["learning_rates"].get(epoch).unwrap_or(&run["learning_rates"]).as_f64().unwrap();
        let order = places(&orders[epoch]);
        let mut sum = 0.0;
        for rows in order.chunks(batch_size) {
            step += 1;
            let n = rows.len() as f64;
            let (lr, factor) = match way {
                Way::Rule => (rate, 1.0),
                Way::RateInVelocity => (1.0, rate),
                Way::CorrectionInRate => {
                    (rate * (1.0 - 0.999_f64.powi(step)).sqrt() / (1.0 - 0.9_f64.powi(step)), 1.0)
                }
            };
            let penalty = alpha / (2.0 * n) * squares(&model, 2);
            let mode = Mode::Train { seed: 0, step: step as u64 };
            let loss;
            (model, loss) = optimizer.step(lr, model, |model: &Stack| {
                let outputs = model.forward(reference.inputs(rows), mode);
                let loss = cross_entropy.mean(outputs, &reference.targets(rows));
                let gradients = GradientsParams::from_grads(loss.backward(), model);
                let gradients = match way {
                    Way::Rule => gradients,
                    _ => decayed_and_scaled(model, gradients, alpha / n, factor),
                };
                (f64::from(loss.into_scalar::<f32>()), gradients)
            });
            sum += n * (loss + penalty);
        }
        losses.push(sum / order.len() as f64);
    }
    let all: Vec<usize> = (0..reference.labels.len()).collect();
    (losses, right(model.forward(reference.inputs(&all), Mode::Evaluate), &reference.labels))
}

/// Trains each setting of a data set and compares its curve. `momentum_distance` is the allowance for the
/// rule's own curve of "inv-scaling with momentum", which rounding moves most on iris: NumPy's by 7e-7.
fn compare(name: &str, reference: &Reference, momentum_distance: f64) {
    let (momentum, nesterov) = ("sgd:momentum=0.9", "sgd:momentum=0.9,nesterov=true");
    let (with_momentum, with_nesterov) =
        ("inv-scaling with momentum", "inv-scaling with Nesterov's momentum");
    for (label, rule, way, allowed) in [
        ("constant learning-rate", "sgd", Way::Rule, 2e-7),
        ("constant with momentum", momentum, Way::Rule, 2e-7),
        ("constant with Nesterov's momentum", nesterov, Way::Rule, 2e-7),
        ("inv-scaling learning-rate", "sgd", Way::Rule, 2e-7),
        (with_momentum, momentum, Way::RateInVelocity, 2e-7),
        (with_nesterov, nesterov, Way::RateInVelocity, 2e-7),
        ("adam", "adam:bias_correction=false", Way::CorrectionInRate, 2e-7),
        // The rule itself. Its decay of Adam has the size of the other batches in the last one, too, of 197.
        (with_momentum, momentum, Way::Rule, momentum_distance),
        (with_nesterov, nesterov, Way::Rule, 2e-7),
        ("adam", "adam", Way::Rule, 3e-7),
    ] {
        let run = reference.run(label);
        let curve = numbers(&run["loss_curve"]);
        let (losses, right) = trained(reference, run, rule, way);
        let is_own_curve = way == Way::Rule && run["optlab"]["same_formula"] == false;
        let (expected, score) = if is_own_curve {
            (numbers(&run["optlab"]["loss_curve"]), run["optlab"]["score"].as_f64().unwrap())
        } else {
            (curve.clone(), run["score"].as_f64().unwrap())
        };
        // The stop of a curve of optlab's own can fall on another epoch.
        let shared = losses.len().min(expected.len());
        let apart = distance(&losses[..shared], &expected[..shared]);
        println!("{name}, {label}, {rule}: {apart:.1e} apart, {right} right");
        assert!(apart <= allowed, "{name}, {label}, {rule}: {apart:e} apart");
        if is_own_curve {
            assert!(distance(&losses, &curve) > 1e-3, "{name}, {label}, {rule} is scikit-learn's curve");
        }
        if losses.len() == expected.len() {
            let expected = (score * reference.labels.len() as f64).round() as usize;
            assert_eq!(right, expected, "{name}, {label}, {rule}");
        }
    }
}

#[test]
fn digits_have_the_loss_curves_and_scores_of_scikit_learn() {
    compare("digits", &Reference::digits(), 2e-7);
}

#[test]
fn iris_has_the_loss_curves_and_scores_of_scikit_learn() {
    compare("iris", &Reference::iris(), 1e-6);
}
