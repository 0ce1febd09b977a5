//! Workloads with batch normalization on the digits, and the tensors of their models.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use optlab_train::Error;
use optlab_train::data::{self, Preparation, Source, Splits};
use optlab_train::model::{Init, InputShape, ModelSpec, Stack};
use optlab_train::nn::{Linear, Mode};
use optlab_train::objective::Objective;
use optlab_train::train::{self, Budget, Recipe, RunDirectory, RunOptions, Trial, Which};
use optlab_train::workload::{Defaults, Info, RowFacts, Supervised};
use std::collections::BTreeMap;
use std::path::Path;

fn info(name: &str) -> Info {
    Info {
        name: name.into(),
        summary: "digits with batch normalization".into(),
        measures: Objective::classification().metrics(Some(0.9)),
        batch_size: 64,
        epochs: 2,
        augments: false,
        defaults: Defaults::default(),
    }
}

/// A model named by a text.
pub struct Named(pub &'static str);

impl Supervised for Named {
    type Model = Stack;

    fn info(&self) -> Info {
        info("digits-named")
    }

    fn objective(&self) -> Objective {
        Objective::classification()
    }

    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        data::load("digits", source)?.prepare(preparation)
    }

    fn model(&self, _: &[usize], seed: u64, device: &Device) -> Result<Stack, Error> {
        self.0.parse::<ModelSpec>()?.build(&InputShape::numbers(64), 10, &mut Init::new(seed, device))
    }

    fn forward(&self, model: &Stack, inputs: Tensor<2>, mode: Mode) -> Tensor<2> {
        model.forward(inputs, mode)
    }
}

/// A model with Burn's own batch normalization.
#[derive(Module, Debug)]
pub struct BurnsModel {
    pub hidden: Linear,
    pub norm: BatchNorm,
    pub output: Linear,
}

pub struct Burns;

impl Supervised for Burns {
    type Model = BurnsModel;

    fn info(&self) -> Info {
        info("digits-burn")
    }

    fn objective(&self) -> Objective {
        Objective::classification()
    }

    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        data::load("digits", source)?.prepare(preparation)
    }

    fn model(&self, _: &[usize], seed: u64, device: &Device) -> Result<BurnsModel, Error> {
        let init = &mut Init::new(seed, device);
        let (hidden, output) = (init.linear(64, 16), init.linear(16, 10));
        let mut norm = BatchNormConfig::new(16).with_momentum(0.3).init(device);
        norm.gamma = init.constant([16], 1.0);
        norm.beta = init.constant([16], 0.0);
        norm.running_mean = init.statistic(16, 0.0);
        norm.running_var = init.statistic(16, 1.0);
        Ok(BurnsModel { hidden, norm, output })
    }

    fn forward(&self, model: &BurnsModel, inputs: Tensor<2>, _mode: Mode) -> Tensor<2> {
        model.output.forward(relu(model.norm.forward(model.hidden.forward(inputs))))
    }
}

/// Returns a trial of `steps` steps; an epoch has 21.
pub fn trial<W: Supervised>(workload: &W, optimizer: &str, lr: f64, steps: usize) -> Trial {
    let trial = Trial::new(&workload.info());
    Trial {
        optimizer: optimizer.parse().unwrap(),
        lr,
        backend: "flex".into(),
        seed: 3,
        recipe: Recipe { budget: Budget::Steps(steps), ..trial.recipe },
        ..trial
    }
}

pub fn options(folder: &Path, resume: bool) -> RunOptions {
    RunOptions { resume, ..RunOptions::new(RunDirectory::new(folder)) }
}

/// Trains in `folder`.
pub fn run<W: Supervised>(workload: &W, trial: &Trial, folder: &Path) {
    train::run(workload, trial, &options(folder, false), &mut ()).unwrap();
}

/// Returns the model that the last checkpoint evaluates, on the device without gradients.
pub fn evaluated<W: Supervised>(workload: &W, trial: &Trial, folder: &Path) -> W::Model {
    let checkpoints = RunDirectory::new(folder).checkpoints();
    let facts = RowFacts::of(&splits(workload, trial));
    let device = optlab_train::device::open("flex").unwrap();
    train::load(workload, trial, &checkpoints, Which::Last, &facts, &device).unwrap().model
}

pub fn splits<W: Supervised>(workload: &W, trial: &Trial) -> Splits {
    workload.splits(&Source::default(), &train::preparation(trial)).unwrap()
}

/// Returns a file of the last checkpoint.
pub fn file(trial: &Trial, folder: &Path, name: &str) -> Vec<u8> {
    let Budget::Steps(step) = trial.recipe.budget else { panic!("a number of steps") };
    std::fs::read(folder.join(format!("checkpoints/step-{step:06}/{name}"))).unwrap()
}

/// The numbers of a model's tensors, by path.
pub type Numbers = BTreeMap<String, Vec<f64>>;

/// Returns the numbers of a model's tensors as they are, without the latest forward pass of Burn's layer.
pub fn numbers<M: Module>(model: &M) -> Numbers {
    #[derive(Default)]
    struct Visitor(Vec<String>, Numbers);
    impl ModuleVisitor for Visitor {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.insert(self.0.join("."), param.val().into_data().iter::<f64>().collect());
        }
    }
    let mut visitor = Visitor::default();
    model.visit(&mut visitor);
    visitor.1
}

pub fn is_statistic(path: &str) -> bool {
    path.ends_with("running_mean") || path.ends_with("running_var")
}
