//! The statistics that evaluations and checkpoints use with averaged weights.

use crate::subject::*;
use burn::module::Module;
use burn::module::{ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use optlab_train::data::{Batch, Batches};
use optlab_train::model::Stack;
use optlab_train::nn::Mode;
use optlab_train::train::{self, Recipe, Trial};
use optlab_train::workload::{RowFacts, Supervised};

const MLP: Named = Named("mlp=[32],norm=batch");

/// Returns the rows of each batch of the first epoch, in the order of training.
fn batches(workload: &impl Supervised, trial: &Trial, most: usize) -> Vec<Vec<Vec<f64>>> {
    let train = splits(workload, trial).train;
    let device = optlab_train::device::open("flex").unwrap();
    let sizes = trial.recipe.batch_sizes(workload.info().batch_size, train.len()).unwrap();
    let mut batches = Batches::<Batch>::of_run(&train, sizes, trial.seed);
    let rows = |step| -> Vec<Vec<f64>> {
        let inputs = batches.batch(step, &device).unwrap().inputs;
        let [_, width] = inputs.dims();
        let numbers: Vec<f64> = inputs.into_data().iter::<f64>().collect();
        numbers.chunks(width).map(<[f64]>::to_vec).collect()
    };
    (0..most).map(rows).collect()
}

/// Returns the means over the batches of the mean and of the variance, divided by `n − corrected`, of each
/// unit of a dense layer in 64 bits.
fn expected(batches: &[Vec<Vec<f64>>], weight: &[f64], bias: &[f64], corrected: f64) -> [Vec<f64>; 2] {
    let units = bias.len();
    let mut sums = [vec![0.0; units], vec![0.0; units]];
    for batch in batches {
        let n = batch.len() as f64;
        for unit in 0..units {
            let output = |row: &Vec<f64>| -> f64 {
                bias[unit] + row.iter().enumerate().map(|(i, x)| x * weight[i * units + unit]).sum::<f64>()
            };
            let outputs: Vec<f64> = batch.iter().map(output).collect();
            let mean = outputs.iter().sum::<f64>() / n;
            sums[0][unit] += mean;
            sums[1][unit] += outputs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - corrected);
        }
    }
    sums.map(|sum| sum.into_iter().map(|sum| sum / batches.len() as f64).collect())
}

#[track_caller]
fn assert_close(given: &[f64], expected: &[f64], scale: &[f64], case: &str) {
    for (i, (given, expected)) in given.iter().zip(expected).enumerate() {
        let distance = (given - expected).abs() / scale[i];
        assert!(distance < 3e-6, "{case} {i}: {given}, not {expected}, {distance:e} apart");
    }
}

#[test]
fn the_statistics_of_averaged_weights_are_the_means_over_training_batches_in_64_bits() {
    for optimizer in ["ema:base=adamw,decay=0.9", "swa:base=adamw", "schedule_free_adamw"] {
        let folder = tempfile::tempdir().unwrap();
        let trial = trial(&MLP, optimizer, 0.01, 30);
        run(&MLP, &trial, folder.path());
        let model = numbers(&evaluated(&MLP, &trial, folder.path()));
        // 1,294 examples: 20 batches of 64; the last one of 14 is left out.
        let [means, variances] =
            expected(&batches(&MLP, &trial, 20), &model["dense.0.weight"], &[0.0; 32], 1.0);
        let scale: Vec<f64> = variances.iter().map(|variance| variance.sqrt()).collect();
        assert_close(&model["batch_norm.0.running_mean"], &means, &scale, optimizer);
        assert_close(&model["batch_norm.0.running_var"], &variances, &variances, optimizer);
    }
}

#[test]
fn burns_layer_gets_statistics_of_its_averaged_weights_too() {
    let folder = tempfile::tempdir().unwrap();
    let trial = trial(&Burns, "swa:base=adamw", 0.01, 30);
    run(&Burns, &trial, folder.path());
    let model = numbers(&evaluated(&Burns, &trial, folder.path()));
    let (weight, bias) = (&model["hidden.weight"], &model["hidden.bias"]);
    // Its variance of a batch is divided by n.
    let [means, variances] = expected(&batches(&Burns, &trial, 20), weight, bias, 0.0);
    let scale: Vec<f64> = variances.iter().map(|variance| variance.sqrt()).collect();
    assert_close(&model["norm.running_mean"], &means, &scale, "mean");
    assert_close(&model["norm.running_var"], &variances, &variances, "variance");
}

#[test]
fn at_most_a_hundred_batches_are_used_each_as_large_as_a_micro_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = trial(&MLP, "ema:base=sgd,decay=0.5", 0.01, 5);
    trial.recipe = Recipe { batch_size: 10.into(), micro_batch_size: Some(4), ..trial.recipe };
    run(&MLP, &trial, folder.path());
    let model = numbers(&evaluated(&MLP, &trial, folder.path()));
    let rows = batches(&MLP, &trial, 100);
    // Micro-batches of 4, 4 and 2 examples; those of 2 are left out.
    let parts: Vec<Vec<Vec<f64>>> =
        rows.iter().flat_map(|batch| [batch[..4].to_vec(), batch[4..8].to_vec()]).collect();
    let [means, variances] = expected(&parts, &model["dense.0.weight"], &[0.0; 32], 1.0);
    let scale: Vec<f64> = variances.iter().map(|variance| variance.sqrt()).collect();
    assert_close(&model["batch_norm.0.running_mean"], &means, &scale, "mean");
    assert_close(&model["batch_norm.0.running_var"], &variances, &variances, "variance");
}

#[test]
fn an_average_changes_nothing_in_the_trained_model() {
    let of = |optimizer: &str| {
        let folder = tempfile::tempdir().unwrap();
        let trial = trial(&MLP, optimizer, 0.01, 30);
        run(&MLP, &trial, folder.path());
        file(&trial, folder.path(), "model.bpk")
    };
    let plain = of("adamw");
    for optimizer in ["ema:base=adamw", "swa:base=adamw,start=5"] {
        assert!(of(optimizer) == plain, "{optimizer}");
    }
}

/// Puts the statistics of another model into this one.
struct PutStatistics(Vec<String>, Numbers);

impl ModuleMapper for PutStatistics {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.0.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.0.join(".");
        let numbers = self.1.get(&path).filter(|_| is_statistic(&path)).cloned();
        param.map(|value| match numbers {
            None => value,
            Some(numbers) => {
                let numbers: Vec<f32> = numbers.into_iter().map(|number| number as f32).collect();
                Tensor::from_data(TensorData::new(numbers, value.dims()), &value.device())
            }
        })
    }
}

/// Returns loss and accuracy on the test part with recomputed statistics and with those of the trained model.
fn scores(workload: &Named, optimizer: &str, lr: f64, steps: usize) -> [(f64, f64); 2] {
    let folder = tempfile::tempdir().unwrap();
    let trial = trial(workload, optimizer, lr, steps);
    run(workload, &trial, folder.path());
    let device = optlab_train::device::open("flex").unwrap();
    let recomputed = evaluated(workload, &trial, folder.path());
    let trained: Stack = workload.model(&[64], 0, &device).unwrap();
    let file = folder.path().join(format!("checkpoints/step-{steps:06}/model.bpk"));
    let trained = trained.try_load_record(burn::store::ModuleRecord::load(&file).unwrap()).unwrap();
    let splits = splits(workload, &trial);
    let score = |model: &Stack| {
        let facts = RowFacts::of(&splits);
        let score = train::evaluate(workload, model, &splits.test, &facts, &device).unwrap().unwrap();
        (score.loss, score.metric)
    };
    let with_recomputed = score(&recomputed);
    // Evaluating does not change them.
    let x = Tensor::ones([2, 64], &device);
    let _outputs = recomputed.forward(x, Mode::Evaluate);
    assert_eq!(score(&recomputed), with_recomputed);
    [with_recomputed, score(&recomputed.map(&mut PutStatistics(Vec::new(), numbers(&trained))))]
}

#[test]
fn averaged_weights_are_clearly_better_with_statistics_of_their_own() {
    for (model, optimizer, gain) in [
        // Of 359 test digits: 0.942 and 0.379, 0.964 and 0.939, 0.936 and 0.858 of them are right.
        ("mlp=[32],norm=batch", "ema:base=adamw,decay=0.99", 0.4),
        ("mlp=[32],norm=batch", "swa:base=adamw", 0.01),
        ("mlp=[32,32],norm=batch", "swa:base=adamw", 0.05),
    ] {
        let [(loss, accuracy), (stale_loss, stale_accuracy)] = scores(&Named(model), optimizer, 0.3, 63);
        let case = format!(
            "{model}, {optimizer}: accuracy {accuracy:.3}, loss {loss:.3}; with the trained model's statistics \
             {stale_accuracy:.3}, {stale_loss:.3}"
        );
        println!("{case}");
        assert!(accuracy > 0.93 && accuracy > stale_accuracy + gain && loss < 0.8 * stale_loss, "{case}");
    }
}
