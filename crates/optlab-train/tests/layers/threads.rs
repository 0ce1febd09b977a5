//! Results are the same for any number of threads, bit for bit.

use crate::layout::Layout;
use crate::subject::{Results, backward, grad, host_devices, input, values};
use burn::nn::conv::Conv2dConfig;
use burn::nn::pool::{AvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{LayerNormConfig, LinearConfig, PaddingConfig2d, RnnConfig};
use burn::tensor::{DType, Device, Int, Tensor};
use optlab_train::nn::{
    AttentionInput, AvgPool2d, Conv2d, Dropout, LayerNorm, Linear, MaxPool2d, Mode, Rnn, attention,
    cross_entropy,
};
use optlab_train::train::{self, Budget, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, Supervised};

/// A network of every layer, with sizes that are split into several pieces.
struct Network {
    conv: Conv2d,
    max_pool: MaxPool2d,
    avg_pool: AvgPool2d,
    dense: Linear,
    rnn: Rnn,
    norm: LayerNorm,
    wide: Linear,
    back: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        device.seed(3);
        let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
        let conv = Conv2dConfig::new([3, 24], [3, 3]).with_padding(padding).init(device);
        Network {
            conv: Conv2d::from(conv).with_relu(),
            max_pool: MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).init().into(),
            avg_pool: AvgPool2dConfig::new([2, 2]).with_strides([1, 1]).init().into(),
            dense: Linear::from(LinearConfig::new(24 * 12 * 12, 96).init(device)).with_relu(),
            rnn: RnnConfig::new(8, 10, true).init(device).into(),
            norm: LayerNormConfig::new(8).init(device).into(),
            wide: Linear::from(LinearConfig::new(8, 24).init(device)).with_gelu(),
            back: LinearConfig::new(8, 8).init(device).into(),
        }
    }

    /// Returns the loss and the gradients of the images and of all parameters.
    fn results(&self, images: Tensor<4>, targets: &Tensor<1, Int>) -> Results {
        let batch = images.dims()[0];
        let x = self.max_pool.forward(self.conv.forward(images.clone()));
        let x = Dropout { probability: 0.25, layer: 0 }.forward(x, Mode::Train { seed: 1, step: 2 });
        let x = self.avg_pool.forward(x).flatten::<2>(1, 3);
        let x: Tensor<3> = self.dense.forward(x).reshape([batch, 12, 8]);
        let joined = self.wide.forward(self.norm.forward(x.clone()));
        let x = self.back.forward_add(attention(AttentionInput::Joined(joined), 2, true), x);
        let loss = cross_entropy(self.rnn.forward_last(x, None).hidden, targets);
        let gradients = loss.backward();
        let gate = &self.rnn.gate;
        let matrices = [
            &self.dense.weight,
            &gate.input_transform.weight,
            &gate.hidden_transform.weight,
            &self.wide.weight,
            &self.back.weight,
        ];
        let biases =
            [&self.conv.bias, &self.dense.bias, &gate.input_transform.bias, &gate.hidden_transform.bias];
        let mut results = vec![values(loss), grad(&images, &gradients)];
        results.push(grad(&self.norm.gamma.val(), &gradients));
        results.push(grad(&self.conv.weight.val(), &gradients));
        results.extend(matrices.map(|weight| grad(&weight.val(), &gradients)));
        results.extend(biases.map(|bias| grad(&bias.as_ref().unwrap().val(), &gradients)));
        results
    }
}

#[test]
fn every_layer_has_the_same_bits_for_every_number_of_threads() {
    for device in host_devices() {
        let on = (device.autodiff(), DType::F32);
        let network = Network::new(&on.0);
        let batch = 70;
        let targets: Vec<i64> = (0..batch).map(|row| row as i64 % 10).collect();
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let images = input([batch, 3, 27, 27], 0, Layout::RowMajor, &on);
                network.results(images, &Tensor::from_data(targets.as_slice(), &on.0))
            })
        };
        let alone = with_threads(1);
        assert!(alone.iter().all(|result| result.iter().any(|x| *x != 0.0)), "every gradient says something");
        for threads in [2, 3, 7] {
            assert_eq!(with_threads(threads), alone, "{threads} threads");
        }
    }
}

#[test]
fn a_trained_model_has_the_same_bytes_for_every_number_of_threads() {
    for (workload, batch_size) in [("digits-cnn", 50), ("digits-rnn", 50)] {
        let workload = workload::built_in(workload).unwrap();
        let trial = Trial {
            backend: "flex".into(),
            recipe: Recipe {
                budget: Budget::Steps(30),
                batch_size: batch_size.into(),
                ..Trial::new(&workload.info()).recipe
            },
            ..Trial::new(&workload.info())
        };
        let trained_with = |threads| {
            let folder = tempfile::tempdir().unwrap();
            let options = RunOptions::new(RunDirectory::new(folder.path()));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| train::run(&workload, &trial, &options, &mut ()).unwrap());
            std::fs::read(folder.path().join("checkpoints/step-000030/model.bpk")).unwrap()
        };
        assert_eq!(trained_with(1), trained_with(3), "{}", trial.workload);
    }
}

#[test]
fn a_result_is_the_same_whether_it_is_tracked_or_not() {
    for device in host_devices() {
        let network = Network::new(&device);
        let images = input([5, 3, 27, 27], 0, Layout::RowMajor, &(device.clone().autodiff(), DType::F32));
        let forward = |images: Tensor<4>| {
            let y = network.avg_pool.forward(network.max_pool.forward(network.conv.forward(images)));
            let sequences = y.clone().reshape([5, -1, 8]);
            let dense = network.dense.forward(y.flatten::<2>(1, 3));
            [values(dense), values(network.rnn.forward(sequences, None).0)]
        };
        let gradients = |y: &Tensor<4>| backward(y);
        let tracked = network.conv.forward(images.clone());
        assert!(images.grad(&gradients(&tracked)).is_some());
        assert_eq!(forward(images.clone()), forward(images.inner()));
    }
}
