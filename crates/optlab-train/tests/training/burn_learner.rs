//! Burn's own `Learner` trains with a rule and a schedule of ours, and its checkpoints restore both.

use burn::data::dataloader::DataLoaderBuilder;
use burn::module::Module;
use burn::tensor::Device;
use burn_train::checkpoint::KeepLastNCheckpoints;
use burn_train::metric::LossMetric;
use burn_train::{InferenceStep, Learner, RegressionOutput, SupervisedTraining, TrainOutput, TrainStep};
use optlab_optim::AdamWConfig;
use optlab_optim::schedule::{CountingSchedule, Run, ScheduleSpec};
use optlab_train::data::{self, Batch, BatchTargets, Preparation, Source, ToBatch};
use optlab_train::model::{Init, LinearRegression};
use optlab_train::objective::LossSpec;
use std::path::Path;

const EPOCHS: usize = 4;
const BATCH_SIZE: usize = 32;

#[derive(Module, Debug)]
struct Diabetes {
    model: LinearRegression,
}

impl InferenceStep for Diabetes {
    type Input = Batch;
    type Output = RegressionOutput;

    fn step(&self, batch: Batch) -> RegressionOutput {
        let outputs = self.model.forward(batch.inputs);
        let loss = LossSpec::Mse.mean(outputs.clone(), &batch.targets);
        let BatchTargets::Values(values) = batch.targets else { unreachable!("progression is a number") };
        RegressionOutput::new(loss, outputs, values)
    }
}

impl TrainStep for Diabetes {
    type Input = Batch;
    type Output = RegressionOutput;

    fn step(&self, batch: Batch) -> TrainOutput<RegressionOutput> {
        let output = InferenceStep::step(self, batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

/// Returns the weights after epoch `epochs` of a run planned for [`EPOCHS`], from the start or from a
/// checkpoint.
fn train(folder: &Path, epochs: usize, checkpoint: Option<usize>) -> Vec<f32> {
    let preparation = Preparation { validation: 0.1, standardize: true, ..Preparation::default() };
    let splits = data::load("diabetes", &Source::default()).unwrap().prepare(&preparation).unwrap();
    let total_steps = EPOCHS * splits.train.len().div_ceil(BATCH_SIZE);
    // In stored order: Burn's checkpoints do not save the state of a loader's shuffling.
    let [training, validation] = [splits.train, splits.validation]
        .map(|part| DataLoaderBuilder::new(ToBatch).batch_size(BATCH_SIZE).build(part));

    let device = Device::default().autodiff();
    let model = Diabetes { model: LinearRegression::new(10, &mut Init::new(0, &device)) };
    let rule = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() }.build().unwrap();
    let spec: ScheduleSpec = "warmup_cosine".parse().unwrap();
    let schedule = CountingSchedule::new(spec.build(Run::new(0.05, total_steps)).unwrap());
    let mut training = SupervisedTraining::new(folder, training, validation)
        .metrics((LossMetric::new(),))
        .with_checkpointing_strategy(KeepLastNCheckpoints::new(2))
        .with_default_checkpointers()
        .with_application_logger(None)
        .num_epochs(epochs);
    if let Some(checkpoint) = checkpoint {
        training = training.checkpoint(checkpoint);
    }
    let result = training.launch(Learner::new(model, rule.into(), schedule));
    assert!(result.error.is_none(), "{:?}", result.error);
    let device = Device::default();
    let tensors = result.model.model.forward(burn::tensor::Tensor::<2>::eye(10, &device));
    tensors.into_data().try_to_vec().unwrap()
}

#[test]
fn burns_learner_resumes_from_its_checkpoint_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let expected = train(&whole, EPOCHS, None);
    let stopped = train(&parts, 2, None);
    assert_ne!(stopped, expected);
    assert_eq!(train(&parts, EPOCHS, Some(2)), expected);

    // Both records matter: an older one of either gives other weights.
    for lost in ["optim", "scheduler"] {
        let parts = folder.path().join(lost);
        train(&parts, 2, None);
        let fresh = folder.path().join(format!("fresh-{lost}"));
        train(&fresh, 1, None);
        let name = |epoch: usize| format!("checkpoint/{lost}-{epoch}.bpk");
        std::fs::copy(fresh.join(name(1)), parts.join(name(2))).unwrap();
        assert_ne!(train(&parts, EPOCHS, Some(2)), expected, "{lost}");
    }
}
