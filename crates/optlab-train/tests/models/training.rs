//! Models train: gradients reach all parameters, dropout and batch normalization know training from
//! evaluation, and a saved model is the same model.

use crate::subject::*;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor};
use optlab_optim::OptimizerSpec;
use optlab_train::model::{CnnConfig, Init, InputShape, ModelSpec, SimpleRnnConfig, Stack};
use optlab_train::nn::Mode;

const STEP: Mode = Mode::Train { seed: 5, step: 9 };

fn outputs(model: &Stack, shape: &InputShape, device: &Device, mode: Mode) -> Vec<Vec<f64>> {
    rows(model.forward(tensor(&inputs(shape, 6), device), mode))
}

/// Makes steps of an optimizer towards outputs from a formula.
fn trained(mut model: Stack, shape: &InputShape, steps: usize) -> Stack {
    let device = device().autodiff();
    let spec: OptimizerSpec = "adamw:weight_decay=0.1".parse().unwrap();
    let mut optimizer = spec.build().unwrap();
    let targets: Vec<Vec<f64>> = (0..6).map(|row| numbers(3, row)).collect();
    for step in 0..steps {
        let mode = Mode::Train { seed: 5, step: step as u64 };
        (model, _) = optimizer.step(0.01, model, |model: &Stack| {
            let loss = (model.forward(tensor(&inputs(shape, 6), &device), mode) - tensor(&targets, &device))
                .square()
                .mean();
            let gradients = GradientsParams::from_grads(loss.backward(), model);
            (loss, gradients)
        });
    }
    model
}

fn bytes(model: &Stack) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.bpk");
    model.clone().into_record().save(&file).unwrap();
    std::fs::read(file).unwrap()
}

#[test]
fn gradients_reach_every_parameter() {
    for (text, shape) in models() {
        let device = device().autodiff();
        let model = scrambled(build(text, &shape, &device));
        let outputs = model.forward(tensor(&inputs(&shape, 6), &device), STEP);
        let weights: Vec<Vec<f64>> = (0..6).map(|row| numbers(3, 40 + row)).collect();
        let gradients = (outputs * tensor(&weights, &device)).sum().backward();
        let found = gradients_of(&model, &gradients);
        let trained = parameters(&model).into_iter().filter(|(path, _)| !is_statistic(path));
        for (path, _) in trained {
            let largest = found.get(&path).unwrap_or_else(|| panic!("{text}: no gradient of {path}"));
            assert!(
                *largest > 1e-6 && largest.is_finite(),
                "{text}: the gradient of {path} is at most {largest}"
            );
        }
        assert!(found.keys().all(|path| !is_statistic(path)), "{text}");
    }
}

/// Returns the largest number of each parameter's gradient.
fn gradients_of(
    model: &Stack,
    gradients: &burn::tensor::Gradients,
) -> std::collections::BTreeMap<String, f64> {
    use burn::module::{ModuleVisitor, Param};
    struct Visitor<'a>(Vec<String>, &'a burn::tensor::Gradients, std::collections::BTreeMap<String, f64>);
    impl ModuleVisitor for Visitor<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.1) {
                let numbers = gradient.into_data().iter::<f64>().map(f64::abs).collect::<Vec<_>>();
                self.2.insert(self.0.join("."), numbers.into_iter().fold(0.0, f64::max));
            }
        }
    }
    let mut visitor = Visitor(Vec::new(), gradients, Default::default());
    model.visit(&mut visitor);
    visitor.2
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for (text, shape) in models() {
        let spec: ModelSpec = text.parse().unwrap();
        let of_seed =
            |seed, device: &Device| bytes(&spec.build(&shape, 3, &mut Init::new(seed, device)).unwrap());
        let first = of_seed(1, &device());
        // Burn's own generator has no part in it.
        device().seed(99);
        assert_eq!(of_seed(1, &device()), first, "{text}");
        assert_eq!(of_seed(1, &device().autodiff()), first, "{text}");
        assert_ne!(of_seed(2, &device()), first, "{text}");
    }
}

#[test]
fn initial_weights_have_pytorchs_distributions() {
    let check = |text: &str, shape: &InputShape, path: &str, bound: f64| {
        let of = parameters(&build(text, shape, &device()));
        let numbers = &of[path].1;
        let largest = numbers.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        assert!(largest <= bound && largest >= 0.97 * bound, "{text} {path}: {largest} for {bound}");
        let deviation = (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt();
        assert!((deviation * 3_f64.sqrt() / bound - 1.0).abs() < 0.06, "{text} {path}: {deviation}");
    };
    let table = InputShape::numbers(50);
    let wide = InputShape::Sequence { time: 4, features: 100 };
    check("mlp=[60]", &table, "dense.0.weight", 1.0 / 50_f64.sqrt());
    check("mlp=[600]", &table, "dense.0.bias", 1.0 / 50_f64.sqrt());
    check("cnn=[64]", &IMAGES, "conv.0.weight", 1.0 / 18_f64.sqrt());
    check("cnn=[600]", &IMAGES, "conv.0.bias", 1.0 / 18_f64.sqrt());
    for cell in ["rnn", "gru", "lstm"] {
        for path in ["recurrent.0.input.weight", "recurrent.0.hidden.weight"] {
            check(&format!("{cell}=36"), &wide, path, 1.0 / 6.0);
        }
        check(&format!("{cell}=484"), &wide, "recurrent.0.hidden.bias", 1.0 / 22.0);
    }
    let text = "transformer=1,heads=1,width=48";
    for path in ["query", "key", "value"] {
        check(text, &SEQUENCES, &format!("block.0.attention.{path}.weight"), (6.0 / (4.0 * 48_f64)).sqrt());
    }
    check(text, &SEQUENCES, "block.0.attention.output.weight", 1.0 / 48_f64.sqrt());
    check(text, &SEQUENCES, "block.0.dense_2.weight", 1.0 / (4.0 * 48_f64).sqrt());
    let tokens = InputShape::Tokens { time: 50, vocabulary: 60 };
    let of = parameters(&build("transformer=1,heads=1,width=48", &tokens, &device()));
    for (path, deviation) in [("embedding.0.weight", 1.0), ("positions", 0.02)] {
        let numbers = &of[path].1;
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64;
        let beyond_two =
            numbers.iter().filter(|x| x.abs() > 2.0 * deviation).count() as f64 / numbers.len() as f64;
        assert!(mean.abs() < 0.06 * deviation && (variance.sqrt() / deviation - 1.0).abs() < 0.05, "{path}");
        assert!((beyond_two - 0.0455).abs() < 0.015, "{path}: {beyond_two} beyond two deviations");
    }
    for (path, value) in
        [("block.0.norm_1.gamma", 1.0), ("block.0.norm_2.beta", 0.0), ("block.0.attention.query.bias", 0.0)]
    {
        assert!(of[path].1.iter().all(|x| *x == value), "{path}");
    }
}

#[test]
fn dropout_is_on_in_training_and_off_in_evaluation() {
    for (text, shape) in [
        ("mlp=[20]", InputShape::numbers(6)),
        ("cnn=[8,8],dense=[8]", IMAGES),
        ("rnn=20", SEQUENCES),
        ("gru=[10,10]", SEQUENCES),
        ("lstm=[10,10],bidirectional=true", TOKENS),
        ("transformer=1,heads=2,width=8", SEQUENCES),
    ] {
        let device = device();
        let without = build(text, &shape, &device);
        let with = build(&format!("{text},dropout=0.5"), &shape, &device);
        let plain = outputs(&without, &shape, &device, Mode::Evaluate);
        assert_eq!(outputs(&without, &shape, &device, STEP), plain, "{text}");
        assert_eq!(outputs(&with, &shape, &device, Mode::Evaluate), plain, "{text}");
        let dropped = outputs(&with, &shape, &device, STEP);
        assert_ne!(dropped, plain, "{text}");
        assert_eq!(outputs(&with, &shape, &device, STEP), dropped, "{text}");
        for (seed, step) in [(6, 9), (5, 10)] {
            assert_ne!(outputs(&with, &shape, &device, Mode::Train { seed, step }), dropped, "{text}");
        }
    }
}

#[test]
fn each_probability_of_a_cnn_has_its_place_and_a_change_of_one_keeps_the_masks_of_the_other() {
    let device = device();
    let of = |dropout: &str| build(&format!("cnn=[8],dense=[8],dropout={dropout}"), &IMAGES, &device);
    let names = |model: &Stack| -> Vec<String> {
        model.summary().layers.into_iter().map(|layer| layer.name).collect()
    };
    assert_eq!(
        names(&of("[0.5,0]")),
        ["conv.0", "max_pool.0", "dropout.0", "flatten.0", "dense.0", "output"]
    );
    assert_eq!(
        names(&of("[0,0.5]")),
        ["conv.0", "max_pool.0", "flatten.0", "dense.0", "dropout.0", "output"]
    );
    let text = |first: f64| format!("layers=[dropout {first},dense 8,dropout 0.5]");
    let input = InputShape::numbers(6);
    // 1e-9 rounds to no dropout at all.
    let [with, without] =
        [1e-9, 0.0].map(|first| outputs(&build(&text(first), &input, &device), &input, &device, STEP));
    assert_eq!(with, without);
}

#[test]
fn the_models_of_the_workloads_have_a_name() {
    let device = device();
    let cnn = CnnConfig { filters: [4, 5], padding: 1, hidden: 6, classes: 3, dropout: [0.1, 0.25] };
    let images = InputShape::Image { channels: 1, height: 12, width: 11 };
    for (padding, name) in [(0, "valid"), (1, "same")] {
        let named =
            build(&format!("cnn=[4,5],padding={name},dense=[6],dropout=[0.1,0.25]"), &images, &device);
        let same = CnnConfig { padding, ..cnn }.init([1, 12, 11], &mut Init::new(1, &device));
        let x = tensor(&inputs(&images, 6), &device);
        for mode in [Mode::Evaluate, STEP] {
            let expected = rows(same.forward(x.clone().reshape([6, 1, 12, 11]), mode));
            assert_eq!(rows(named.forward(x.clone(), mode)), expected, "{name} {mode:?}");
        }
    }
    let named = build("rnn=5", &images, &device);
    let same = SimpleRnnConfig { hidden: 5, outputs: 3 }.init(11, &mut Init::new(1, &device));
    let x = tensor(&inputs(&images, 6), &device);
    assert_eq!(rows(named.forward(x.clone(), STEP)), rows(same.forward(x.reshape([6, 12, 11]))));
}

#[test]
fn running_statistics_follow_the_batches_of_training_alone() {
    let (plain, training) = (device(), device().autodiff());
    let shape = InputShape::numbers(4);
    let model = build("layers=[batchnorm]", &shape, &training);
    let statistics = |model: &Stack| {
        let of = parameters(model);
        [of["batch_norm.0.running_mean"].1.clone(), of["batch_norm.0.running_var"].1.clone()]
    };
    let start = statistics(&model);
    assert_eq!(start, [vec![0.0; 4], vec![1.0; 4]]);
    outputs(&model, &shape, &training, Mode::Evaluate);
    let without_gradients = model.valid();
    outputs(&without_gradients, &shape, &plain, STEP);
    assert_eq!(statistics(&without_gradients), start);
    // A batch of one has no variance.
    model.forward(tensor(&inputs(&shape, 1), &training), STEP);
    assert_eq!(statistics(&model), start);
    outputs(&model, &shape, &training, STEP);
    let batch = inputs(&shape, 6);
    let [means, variances] = statistics(&model);
    for column in 0..4 {
        let numbers: Vec<f64> = batch.iter().map(|row| row[column]).collect();
        let [mean, variance] = crate::reference::moments(&numbers);
        assert!((means[column] - 0.1 * mean).abs() < 1e-6);
        assert!((variances[column] - (0.9 + 0.1 * variance * 6.0 / 5.0)).abs() < 1e-6);
    }
    // Evaluation uses them on both devices, and so does not depend on the rest of the batch.
    let all = outputs(&model, &shape, &training, Mode::Evaluate);
    assert_eq!(outputs(&model.valid(), &shape, &plain, Mode::Evaluate), all);
    let alone = rows(model.forward(tensor(&batch[..1], &training), Mode::Evaluate));
    assert_eq!(alone[0], all[0]);
    assert_ne!(outputs(&model, &shape, &training, STEP), all);
}

#[test]
fn a_saved_model_with_its_statistics_is_the_same_in_a_fresh_one_and_trains_on_to_the_same_bytes() {
    let (text, shape) = ("cnn=[3,4],norm=batch,dense=[5],dropout=0.2", IMAGES);
    let (plain, training) = (device(), device().autodiff());
    let model = trained(build(text, &shape, &training), &shape, 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.bpk");
    model.clone().into_record().save(&file).unwrap();
    let expected = outputs(&model.valid(), &shape, &plain, Mode::Evaluate);
    let of = |model: &Stack| parameters(model)["batch_norm.1.running_var"].1.clone();
    for fresh in [build(text, &shape, &plain), build(text, &shape, &training)] {
        assert_ne!(of(&fresh), of(&model));
        let loaded = fresh.try_load_record(ModuleRecord::load(&file).unwrap()).unwrap();
        assert_eq!((parameters(&loaded), bytes(&loaded)), (parameters(&model), bytes(&model)));
        assert_eq!(outputs(&loaded.valid(), &shape, &plain, Mode::Evaluate), expected);
    }
    let loaded = build(text, &shape, &training).try_load_record(ModuleRecord::load(&file).unwrap()).unwrap();
    let further = [trained(loaded, &shape, 2), trained(model, &shape, 2)].map(|model| bytes(&model));
    assert_eq!(further[0], further[1]);
}

#[test]
fn an_optimizer_moves_parameters_and_leaves_statistics_to_the_layer() {
    for (text, shape) in models() {
        let training = device().autodiff();
        let start = parameters(&build(text, &shape, &training));
        let model = trained(build(text, &shape, &training), &shape, 1);
        // The same forward passes without an optimizer.
        let unmoved = build(text, &shape, &training);
        outputs(&unmoved, &shape, &training, Mode::Train { seed: 5, step: 0 });
        let (moved, passed) = (parameters(&model), parameters(&unmoved));
        for (path, (_, numbers)) in &moved {
            if is_statistic(path) {
                assert_eq!(*numbers, passed[path].1, "{text}: {path}");
            } else {
                assert_ne!(*numbers, start[path].1, "{text}: {path}");
            }
        }
    }
}
