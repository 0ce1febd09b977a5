//! Optimizers leave running statistics and frozen parameters alone.

use crate::subject::*;
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use optlab_optim::{Evaluate, OptimizerSpec, synchronize_statistics};
use optlab_train::model::{Init, InputShape, ModelSpec, Stack};
use optlab_train::nn::Mode;

/// A model with both batch normalizations and a frozen parameter.
#[derive(Module, Debug)]
struct Model {
    stack: Stack,
    norm: BatchNorm,
    frozen: Param<Tensor<1>>,
}

/// Evaluates the model and notes its statistics before and after each evaluation.
struct Recorder {
    inputs: Tensor<2>,
    seen: Vec<[Numbers; 2]>,
}

/// Returns the statistics of a model, the latest forward pass included.
fn statistics(model: &Model) -> Numbers {
    synchronize_statistics(model);
    numbers(model).into_iter().filter(|(path, _)| is_statistic(path)).collect()
}

impl Recorder {
    fn gradients(&mut self, model: &Model) -> (f64, GradientsParams) {
        let before = statistics(model);
        let mode = Mode::Train { seed: 1, step: 0 };
        let outputs = model.norm.forward(model.stack.forward(self.inputs.clone(), mode));
        let loss = ((outputs + model.frozen.val().unsqueeze()).sin() - 0.3).square().mean();
        self.seen.push([before, statistics(model)]);
        let gradients = GradientsParams::from_grads(loss.backward(), model);
        (loss.into_scalar::<f32>().into(), gradients)
    }
}

impl Evaluate<Model> for Recorder {
    type Measured = f64;

    fn evaluate(&mut self, model: &Model) -> (f64, GradientsParams) {
        self.gradients(model)
    }

    fn evaluate_sampled(&mut self, model: &Model) -> Option<(GradientsParams, usize)> {
        Some((self.gradients(model).1, 12))
    }
}

#[test]
fn no_optimizer_moves_averages_or_keeps_state_for_statistics_and_frozen_parameters() {
    for spec in OptimizerSpec::all() {
        let name = spec.name();
        let device = optlab_train::device::open("flex").unwrap().autodiff();
        let data: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin()).collect();
        let mut recorder =
            Recorder { inputs: Tensor::from_data(TensorData::new(data, [12, 5]), &device), seen: vec![] };
        let mut init = Init::new(1, &device);
        let stack: ModelSpec = "mlp=[6],norm=batch".parse().unwrap();
        let stack = stack.build(&InputShape::numbers(5), 3, &mut init).unwrap();
        let frozen = init.constant([3], 0.25).set_require_grad(false);
        let mut model = Model { stack, norm: BatchNormConfig::new(3).init(&device), frozen };
        let (start, moved_by) = (numbers(&model), statistics(&model));
        let mut optimizer = spec.build().unwrap();
        for step in 0..3 {
            recorder.seen.clear();
            let before = statistics(&model);
            (model, _) = optimizer.step_with(spec.default_lr(), model, &mut recorder);
            let seen = &recorder.seen;
            assert_eq!(seen[0][0], before, "{name}, step {step}");
            assert!(seen.iter().all(|[before, after]| before != after), "{name}, step {step}");
            for pair in seen.windows(2) {
                assert_eq!(pair[1][0], pair[0][1], "{name}, step {step}");
            }
            // The second evaluation of these two is at a point that is not trained.
            let last = if ["sam", "asam"].contains(&name) { &seen[0] } else { &seen[seen.len() - 1] };
            assert_eq!(statistics(&model), last[1], "{name}, step {step}");
        }
        assert_ne!(statistics(&model), moved_by, "{name}");
        let evaluated = numbers(&optimizer.for_evaluation(&model));
        for (path, trained) in numbers(&model) {
            if is_statistic(&path) || path == "frozen" {
                assert_eq!(evaluated[&path], trained, "{name}: {path}");
            }
        }
        assert_eq!(evaluated["frozen"], start["frozen"], "{name}");
        assert_ne!(evaluated["stack.output.weight"], start["stack.output.weight"], "{name}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("optimizer.bpk");
        optimizer.save(&file).unwrap();
        let reader = burn_pack::Reader::from_file_exact(&file).unwrap();
        let scalars: Vec<String> = reader.scalars().keys().cloned().collect();
        let tensors = reader.into_tensors().unwrap().into_iter().map(|tensor| tensor.into_parts().unwrap().0);
        for entry in scalars.into_iter().chain(tensors) {
            assert!(!entry.contains("running_") && !entry.contains("frozen"), "{name} keeps {entry}");
        }
    }
}
