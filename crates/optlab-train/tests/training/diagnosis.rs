//! What is measured inside of a training, and what a run's diagnosis says: of runs made to have a fault, and
//! of healthy ones.

use crate::StopAfter;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use optlab_train::Error;
use optlab_train::data::{Examples, Preparation, Source, Splits, Targets};
use optlab_train::diagnosis::{self, Diagnose, Diagnosis, Finding, Kind, NotFinite};
use optlab_train::model::{Init, InputShape, ModelSpec, Stack};
use optlab_train::nn::Mode;
use optlab_train::objective::Objective;
use optlab_train::registry::{AnyWorkload, SavedRun};
use optlab_train::train::history::{self, Row};
use optlab_train::train::{
    self, Budget, OnDivergence, Outcome, Recipe, RunDirectory, RunOptions, Status, Trial,
};
use optlab_train::workload::{self, Info, Supervised};
use std::path::Path;

/// Returns a trial of `workload`, whose settings are a text such as "optimizer=sgd lr=0.1 epochs=3".
fn trial(info: &Info, settings: &str) -> Trial {
    let mut trial = Trial { seed: 1, ..Trial::new(info) };
    trial.recipe.diagnose = Some(Diagnose { every: 5, gradients: Some(10), curvature: None });
    for setting in settings.split_whitespace() {
        let (name, value) = setting.split_once('=').unwrap();
        match name {
            "optimizer" => trial.optimizer = value.parse().unwrap(),
            "schedule" => trial.schedule = value.parse().unwrap(),
            "lr" => trial.lr = value.parse().unwrap(),
            "seed" => trial.seed = value.parse().unwrap(),
            "epochs" => trial.recipe.budget = Budget::Epochs(value.parse().unwrap()),
            _ => trial
                .recipe
                .set(name, &value.parse().map_or(value.into(), |number: f64| number.into()))
                .unwrap(),
        }
    }
    trial
}

fn train_in(workload: &dyn AnyWorkload, trial: &Trial, folder: &Path) -> Outcome {
    workload.train(trial, &RunOptions::new(RunDirectory::new(folder)), &mut ()).unwrap()
}

fn rows(folder: &Path) -> Vec<Row> {
    history::read(&RunDirectory::new(folder).history()).unwrap()
}

/// Trains, and returns what the diagnosis says.
fn findings(workload: &dyn AnyWorkload, settings: &str) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let trial = trial(&workload.info(), settings);
    train_in(workload, &trial, folder.path());
    let run = SavedRun::new(RunDirectory::new(folder.path()), trial);
    diagnosis::findings(&workload.case(&run).unwrap())
}

/// Asserts that the run has a fault of one of these kinds.
fn assert_named(workload: &dyn AnyWorkload, settings: &str, kinds: &[Kind]) {
    let found = findings(workload, settings);
    let is_named = found.iter().any(|finding| finding.is_fault && kinds.contains(&finding.kind));
    let found: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
    assert!(is_named, "{settings}: {found:#?}");
}

/// A change of the digits' data or model that makes a training go wrong.
#[derive(Clone, Copy)]
enum Change {
    /// The labels belong to other examples.
    ShuffledLabels,
    /// Half of the validation examples are training examples.
    LeakingValidation,
    /// All weights are that many times as large at the start.
    Weights(f64),
    /// Nine layers of sigmoids.
    DeepSigmoids,
}

/// `digits-cnn`, or layers in its place, with a fault.
struct Faulty(Change);

impl Faulty {
    fn spec(&self) -> ModelSpec {
        match self.0 {
            Change::DeepSigmoids => "mlp=[24,24,24,24,24,24,24,24,24],activation=sigmoid",
            _ => "cnn=[16,32],dense=[64]",
        }
        .parse()
        .unwrap()
    }
}

struct Scale(f64);

impl ModuleMapper for Scale {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| Tensor::from_inner(tensor.inner().mul_scalar(self.0)).require_grad())
    }
}

/// Puts the labels in another order, always the same.
fn shuffle(examples: &mut Examples) {
    let Targets::Classes { labels, .. } = &mut examples.targets else { panic!("digits have classes") };
    let mut order: Vec<(u64, u32)> = (0u64..)
        .zip(&*labels)
        .map(|(number, label)| ((number * 7919 + 13).wrapping_mul(0x9e37_79b9_7f4a_7c15), *label))
        .collect();
    order.sort_unstable();
    *labels = order.into_iter().map(|(_, label)| label).collect();
}

/// Replaces the first half of `examples` by those of `others`.
fn replace_half(examples: &mut Examples, others: &Examples) {
    let half = examples.len() / 2;
    let values = half * examples.input_shape.iter().product::<usize>();
    examples.inputs[..values].copy_from_slice(&others.inputs[..values]);
    let (Targets::Classes { labels, .. }, Targets::Classes { labels: of_others, .. }) =
        (&mut examples.targets, &others.targets)
    else {
        panic!("digits have classes")
    };
    labels[..half].copy_from_slice(&of_others[..half]);
}

impl Supervised for Faulty {
    type Model = Stack;

    fn info(&self) -> Info {
        Info { name: "faulty".into(), epochs: 10, ..AnyWorkload::info(&digits()) }
    }

    fn objective(&self) -> Objective {
        workload::built_in("digits-cnn").unwrap().objective()
    }

    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        let mut splits = workload::built_in("digits-cnn").unwrap().splits(source, preparation)?;
        match self.0 {
            Change::ShuffledLabels => {
                [&mut splits.train, &mut splits.validation].into_iter().for_each(shuffle)
            }
            Change::LeakingValidation => replace_half(&mut splits.validation, &splits.train),
            _ => {}
        }
        Ok(splits)
    }

    fn model(&self, _input_shape: &[usize], seed: u64, device: &Device) -> Result<Stack, Error> {
        let shape = InputShape::Image { channels: 1, height: 8, width: 8 };
        let model = self.spec().build(&shape, 10, &mut Init::new(seed, device))?;
        Ok(match self.0 {
            Change::Weights(factor) => model.map(&mut Scale(factor)),
            _ => model,
        })
    }

    fn forward(&self, model: &Stack, inputs: Tensor<2>, mode: Mode) -> Tensor<2> {
        model.forward(inputs, mode)
    }
}

fn digits() -> impl AnyWorkload {
    workload::built_in("digits-cnn").unwrap()
}

#[test]
fn a_diagnosed_run_has_the_bytes_of_another_one() {
    for (name, settings) in [
        ("digits-cnn", "optimizer=adamw epochs=1"),
        ("digits-cnn", "optimizer=sam:base=sgd epochs=1 micro_batch_size=9"),
        ("sunspots-rnn", "optimizer=muon epochs=1"),
    ] {
        let workload = workload::built_in(name).unwrap();
        let diagnosed = trial(&AnyWorkload::info(&workload), settings);
        let diagnosed = Trial {
            recipe: Recipe {
                diagnose: Some("every=2,gradients=5,curvature=7".parse().unwrap()),
                ..diagnosed.recipe
            },
            ..diagnosed
        };
        let plain =
            Trial { recipe: Recipe { diagnose: None, ..diagnosed.recipe.clone() }, ..diagnosed.clone() };
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for (trial, folder) in [diagnosed, plain].iter().zip(&folders) {
            train_in(&workload, trial, folder.path());
        }
        let models = folders.each_ref().map(|folder| {
            let newest = std::fs::read_dir(folder.path().join("checkpoints"))
                .unwrap()
                .map(|it| it.unwrap().path())
                .max();
            std::fs::read(newest.unwrap().join("model.bpk")).unwrap()
        });
        assert!(models[0] == models[1], "{name} {settings}");
    }
}

#[test]
fn plain_descent_moves_against_the_gradient_by_its_learning_rate() {
    let folder = tempfile::tempdir().unwrap();
    let workload = digits();
    train_in(&workload, &trial(&workload.info(), "optimizer=sgd lr=0.05 epochs=1"), folder.path());
    let diagnoses: Vec<Diagnosis> = rows(folder.path())
        .into_iter()
        .filter_map(|row| if let Row::Diagnosis(it) = row { Some(it) } else { None })
        .collect();
    assert_eq!(diagnoses.iter().map(|it| it.step).collect::<Vec<_>>(), [1, 5, 10, 15, 20, 25, 30, 35, 40]);
    for diagnosis in &diagnoses {
        assert!((diagnosis.effective_lr.unwrap() - 0.05).abs() < 1e-6, "{diagnosis:?}");
        for tensor in &diagnosis.tensors {
            assert!((tensor.cosine.unwrap() + 1.0).abs() < 1e-4, "{tensor:?}");
            let ratio = tensor.update_norm.unwrap() / tensor.gradient_norm.unwrap();
            assert!((ratio - 0.05).abs() < 1e-5, "{tensor:?}");
        }
    }
    let names: Vec<&str> = diagnoses[0].activations.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["conv_1", "conv_2", "dense", "output"]);
}

#[test]
fn the_curvature_of_a_linear_regression_is_that_of_its_matrix() {
    let workload = workload::built_in("diabetes-linear").unwrap();
    let mut trial = trial(&AnyWorkload::info(&workload), "optimizer=sgd lr=0.01 batch_size=1000 epochs=2");
    trial.recipe.diagnose = Some("every=1,curvature=1".parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    train_in(&workload, &trial, folder.path());
    // The Hessian of the mean of (x w + b − y)² is 2 / n times the Gram matrix of the inputs with a column of
    // ones.
    let inputs = workload.splits(&Source::default(), &train::preparation(&trial)).unwrap().train;
    let width = inputs.input_shape[0];
    let rows_of_inputs: Vec<Vec<f64>> = (inputs.inputs.chunks(width))
        .map(|row| row.iter().map(|value| f64::from(*value)).chain([1.0]).collect())
        .collect();
    let times_hessian = |v: &[f64]| {
        let mut product = vec![0.0; v.len()];
        for row in &rows_of_inputs {
            let along: f64 = row.iter().zip(v).map(|(x, v)| x * v).sum();
            product
                .iter_mut()
                .zip(row)
                .for_each(|(sum, x)| *sum += 2.0 / rows_of_inputs.len() as f64 * along * x);
        }
        product
    };
    let mut v = vec![1.0; width + 1];
    let mut largest = 0.0;
    for _ in 0..2000 {
        let product = times_hessian(&v);
        largest = product.iter().map(|it| it * it).sum::<f64>().sqrt();
        v = product.iter().map(|it| it / largest).collect();
    }
    let squares: f64 = rows_of_inputs.iter().flatten().map(|x| x * x).sum();
    let trace = 2.0 / rows_of_inputs.len() as f64 * squares;
    for row in rows(folder.path()) {
        let Row::Diagnosis(diagnosis) = row else { continue };
        let curvature = diagnosis.curvature.unwrap();
        assert!((curvature.largest.unwrap() / largest - 1.0).abs() < 0.01, "{curvature:?}: {largest}");
        // Eight random directions estimate the trace of a matrix that is not diagonal.
        assert!((curvature.trace.unwrap() / trace - 1.0).abs() < 0.4, "{curvature:?}: {trace}");
    }
}

#[test]
fn a_gradient_that_flows_twice_as_often_is_measured_at_the_point_before_the_ascent() {
    let folder = tempfile::tempdir().unwrap();
    let workload = digits();
    let settings = "optimizer=sam:base=sgd,rho=0.5 lr=0.05 epochs=1";
    train_in(&workload, &trial(&workload.info(), settings), folder.path());
    let others = tempfile::tempdir().unwrap();
    train_in(&workload, &trial(&workload.info(), "optimizer=sgd lr=0.05 epochs=1"), others.path());
    let first = |folder: &Path| match rows(folder).into_iter().find(|row| matches!(row, Row::Diagnosis(_))) {
        Some(Row::Diagnosis(diagnosis)) => {
            diagnosis.tensors.iter().map(|it| it.gradient_norm).collect::<Vec<_>>()
        }
        _ => panic!("no diagnosis"),
    };
    assert_eq!(first(folder.path()), first(others.path()));
}

#[test]
fn a_run_says_where_its_first_infinite_value_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let workload = digits();
    let outcome =
        train_in(&workload, &trial(&workload.info(), "optimizer=sgd lr=1e20 epochs=2"), folder.path());
    assert_eq!(outcome.status, Status::Diverged);
    let trace = outcome.trace.unwrap();
    assert!(trace.step <= outcome.steps && trace.step > 0, "{trace}");
    // At this rate the first step leaves parameters of 1e18 and more, whose products are too large for 32
    // bits.
    let NotFinite::Activation(layer) = &trace.what else { panic!("{trace}") };
    assert!(["dense", "output"].contains(&layer.as_str()), "{trace}");
    assert!(trace.before[0].value > 1e6 && trace.before[0].value.is_finite(), "{trace}");

    // Without a checkpoint nearby the steps are made again from the start, with the same result.
    let again = tempfile::tempdir().unwrap();
    let mut options = RunOptions::new(RunDirectory::new(again.path()));
    options.checkpoint_every = Some(1);
    let trial = trial(&workload.info(), "optimizer=sgd lr=1e20 epochs=2");
    let outcome = workload.train(&trial, &options, &mut ()).unwrap();
    assert_eq!(outcome.trace.unwrap(), trace);
}

#[test]
fn a_run_that_may_go_back_ends_well_and_resumes_to_the_same_bytes() {
    let workload = digits();
    let action = OnDivergence::Rollback { factor: 1e-4, retries: 9 };
    // The rate grows by a tenth every step: it diverges after some epochs.
    let settings = "optimizer=sgd schedule=exponential:gamma=1.1 lr=0.1 epochs=10";
    let mut trial = trial(&workload.info(), settings);
    trial.recipe.on_divergence = action;
    let whole = tempfile::tempdir().unwrap();
    let outcome = train_in(&workload, &trial, whole.path());
    assert_eq!(outcome.status, Status::Completed);
    assert!((1..=9).contains(&outcome.rollbacks), "{outcome:?}");
    let rows_of_whole = rows(whole.path());
    let went_back = rows_of_whole.iter().find_map(|row| match row {
        Row::Rollback { step, from, lr_factor, .. } => Some((*step, *from, *lr_factor)),
        _ => None,
    });
    let (step, from, lr_factor) = went_back.unwrap();
    assert!(0 < step && step < from && lr_factor <= 1e-4, "{step} {from} {lr_factor}");
    // Every step is there once.
    let steps: Vec<usize> =
        rows_of_whole.iter().filter(|row| matches!(row, Row::Step { .. })).map(Row::step).collect();
    assert_eq!(steps, (1..=outcome.steps).collect::<Vec<_>>());

    let stopped = tempfile::tempdir().unwrap();
    let options = |resume| RunOptions { resume, ..RunOptions::new(RunDirectory::new(stopped.path())) };
    for (number, stop) in [2, 100, 200].into_iter().enumerate() {
        match workload.train(&trial, &options(number > 0), &mut StopAfter(stop)) {
            Err(Error::Interrupted { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let resumed = workload.train(&trial, &options(true), &mut ()).unwrap();
    assert_eq!((resumed.rollbacks, &resumed.test), (outcome.rollbacks, &outcome.test));
    let last = |folder: &Path| {
        std::fs::read(folder.join(format!("checkpoints/step-{:06}/model.bpk", outcome.steps))).unwrap()
    };
    assert!(last(whole.path()) == last(stopped.path()));
}

#[test]
fn a_run_that_has_gone_back_as_often_as_it_may_diverges() {
    let workload = digits();
    let mut trial = trial(&workload.info(), "optimizer=sgd lr=1e30 epochs=1");
    trial.recipe.on_divergence = OnDivergence::Rollback { factor: 0.5, retries: 2 };
    let folder = tempfile::tempdir().unwrap();
    let outcome = train_in(&workload, &trial, folder.path());
    assert_eq!((outcome.status, outcome.rollbacks), (Status::Diverged, 2));
}

#[test]
fn faults_are_named() {
    let digits = digits();
    let linear = workload::built_in("diabetes-linear").unwrap();
    let rnn = workload::built_in("sunspots-rnn").unwrap();
    assert_named(&digits, "lr=0.03 epochs=6", &[Kind::DeadUnits, Kind::Oscillation]);
    assert_named(&rnn, "lr=0.3 epochs=6", &[Kind::Saturation, Kind::Unstable, Kind::Oscillation]);
    assert_named(&linear, "optimizer=sgd lr=0.25 batch_size=400 epochs=60", &[Kind::Oscillation]);
    assert_named(&digits, "optimizer=sgd lr=1e20 epochs=2", &[Kind::Diverged]);
    assert_named(&digits, "lr=1e-8 epochs=4", &[Kind::Underfitting]);
    // 200 images, as the rest is held out, and no dropout.
    let plain = Faulty(Change::Weights(1.0));
    assert_named(&plain, "validation=0.861 lr=3e-3 epochs=150", &[Kind::Overfitting]);
    assert_named(&Faulty(Change::Weights(30.0)), "epochs=4", &[Kind::Initialization]);
    assert_named(&Faulty(Change::Weights(1e-4)), "epochs=4", &[Kind::Initialization]);
    let frozen = "optimizer=group:parameters=Cnn.conv_2.*,lr_factor=0,base=adam epochs=3";
    assert_named(&digits, frozen, &[Kind::Frozen]);
    assert_named(
        &Faulty(Change::ShuffledLabels),
        "epochs=20",
        &[Kind::NothingCarriesOver, Kind::Underfitting],
    );
    assert_named(&Faulty(Change::LeakingValidation), "epochs=3", &[Kind::Leak]);
    assert_named(&Faulty(Change::DeepSigmoids), "optimizer=sgd lr=0.1 epochs=4", &[Kind::VanishingGradients]);
}

#[test]
fn healthy_runs_are_not_accused() {
    let mut accused = Vec::new();
    let mut runs = 0;
    for (name, settings) in [
        ("digits-cnn", "epochs=12"),
        ("digits-cnn", "epochs=12 schedule=cosine"),
        ("digits-cnn", "optimizer=adamw epochs=12 schedule=cosine"),
        ("digits-cnn", "optimizer=sgd lr=0.1 epochs=12"),
        ("digits-cnn", "optimizer=sgd:momentum=0.9 lr=0.02 epochs=12"),
        ("digits-cnn", "optimizer=lion lr=1e-4 epochs=12"),
        ("digits-cnn", "optimizer=radam epochs=12"),
        ("digits-cnn", "batch_size=128 lr=3e-3 epochs=20"),
        ("digits-rnn", ""),
        ("digits-rnn", "schedule=cosine"),
        ("digits-rnn", "optimizer=rmsprop"),
        ("diabetes-linear", ""),
        ("diabetes-linear", "optimizer=sgd lr=0.01"),
        ("diabetes-linear", "optimizer=adamw lr=3e-3"),
        ("diabetes-linear", "batch_size=128 lr=0.03"),
        // Of 100 epochs, it overfits from about the 65th on.
        ("sunspots-rnn", "epochs=40"),
        ("sunspots-rnn", "schedule=cosine epochs=40"),
        ("sunspots-rnn", "optimizer=adamw lr=1e-3 epochs=40"),
        ("sunspots-rnn", "optimizer=sgd lr=0.03 epochs=40"),
        ("sunspots-rnn", "optimizer=nadam epochs=40"),
    ] {
        let workload = workload::built_in(name).unwrap();
        let found = findings(&workload, settings);
        runs += 1;
        accused.extend(
            found
                .into_iter()
                .filter(|it| it.is_fault)
                .map(|it| format!("{name} {settings}: {} ({})", it.what, it.evidence)),
        );
    }
    assert_eq!(runs, 20);
    assert!(accused.len() <= 1, "{accused:#?}");
}

#[test]
fn a_penalty_on_input_gradients_makes_them_smaller_and_one_of_0_changes_nothing() {
    let workload = workload::built_in("digits-cnn").unwrap();
    let info = AnyWorkload::info(&workload);
    let trained = |penalty: &str| {
        let trial = trial(&info, &format!("epochs=3 input_gradient_penalty={penalty}"));
        let folder = tempfile::tempdir().unwrap();
        let outcome = train_in(&workload, &trial, folder.path());
        let splits = workload.splits(&Source::default(), &train::preparation(&trial)).unwrap();
        let device = Device::default().autodiff();
        let checkpoints = RunDirectory::new(folder.path()).checkpoints();
        let facts = workload::RowFacts::of(&splits);
        let model =
            train::load(&workload, &trial, &checkpoints, train::Which::Last, &facts, &device).unwrap().model;
        let inputs = TensorData::new(splits.test.inputs[..64 * 100].to_vec(), [100, 64]);
        let inputs = Tensor::<2>::from_data(inputs, &device).require_grad();
        let sum = log_softmax(workload.forward(&model, inputs.clone(), Mode::Evaluate), 1).sum();
        let gradient = inputs.grad(&sum.backward()).unwrap();
        (gradient.square().sum().into_scalar::<f32>(), outcome.test.unwrap().metric)
    };
    let (plain, with) = (trained("0"), trained("0.003"));
    assert!(with.0 < 0.5 * plain.0, "{with:?}, without {plain:?}");
    assert!(with.1 > plain.1 - 0.1, "{with:?}, without {plain:?}");
}

#[test]
fn a_penalty_on_the_gradients_of_inputs_that_are_no_numbers_is_refused() {
    /// Digits whose rows the workload does not name.
    struct Opaque;
    impl workload::Workload for Opaque {
        type Model = Stack;
        type Batch = optlab_train::data::Batch;
        type Facts = workload::RowFacts;
        fn info(&self) -> Info {
            Info { name: "opaque".into(), ..AnyWorkload::info(&digits()) }
        }
        fn parts(
            &self,
            source: &Source,
            preparation: &Preparation,
        ) -> Result<workload::Parts<Self::Batch, Self::Facts>, Error> {
            Ok(workload::built_in("digits-cnn").unwrap().splits(source, preparation)?.into())
        }
        fn model(&self, _: &Self::Facts, seed: u64, device: &Device) -> Result<Stack, Error> {
            Supervised::model(&Faulty(Change::Weights(1.0)), &[], seed, device)
        }
        fn loss(&self, model: &Stack, batch: &Self::Batch, _: &Self::Facts, mode: Mode) -> Tensor<1> {
            self.objective().loss.mean(model.forward(batch.inputs.clone(), mode), &batch.targets)
        }
        fn evaluate(
            &self,
            model: &Stack,
            batch: &Self::Batch,
            _: &Self::Facts,
            tally: &mut workload::Tally,
        ) -> Tensor<1> {
            self.objective().evaluate(model.forward(batch.inputs.clone(), Mode::Evaluate), batch, tally)
        }
    }
    impl Opaque {
        fn objective(&self) -> Objective {
            workload::built_in("digits-cnn").unwrap().objective()
        }
    }
    let trial = trial(&AnyWorkload::info(&Opaque), "epochs=1 input_gradient_penalty=0.1");
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunDirectory::new(folder.path()));
    let error = AnyWorkload::train(&Opaque, &trial, &options, &mut ()).unwrap_err().to_string();
    assert!(error.contains("`input_gradient_penalty`"), "{error}");
}
