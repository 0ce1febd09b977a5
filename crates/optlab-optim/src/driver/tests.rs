use super::*;
use crate::Error;
use crate::around::GradientTransform;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::{Came, CameConfig};
use crate::spec::OptimizerSpec;
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use burn_pack::{Reader, Writer};
use std::path::{Path, PathBuf};

/// Weights of rank 2 and 4, biases of rank 1.
#[derive(Module, Debug)]
struct Model {
    linear: Linear,
    conv: Conv2d,
}

impl Model {
    /// Returns a model with the same parameters every time.
    fn new(d_output: usize) -> Self {
        let device = Device::default().autodiff();
        let model = Model {
            linear: LinearConfig::new(4, d_output).init(&device),
            conv: Conv2dConfig::new([2, 3], [2, 2]).init(&device),
        };
        model.map(&mut Fill)
    }

    /// Returns the bits of all elements, in the order of the parameters.
    fn bits(&self) -> Vec<u32> {
        struct Bits(Vec<u32>);
        impl ModuleVisitor for Bits {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let data = param.val().into_data();
                self.0.extend(data.iter::<f32>().map(f32::to_bits));
            }
        }
        let mut bits = Bits(Vec::new());
        self.visit(&mut bits);
        bits.0
    }
}

/// Mapper that sets each parameter to distinct nonzero values.
struct Fill;

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let device = tensor.device();
            wave(tensor.shape().to_vec(), 1.0, &device).require_grad()
        })
    }
}

fn wave<const D: usize>(shape: Vec<usize>, frequency: f32, device: &Device) -> Tensor<D> {
    let size: usize = shape.iter().product();
    let values: Vec<f32> = (0..size).map(|i| ((i + 1) as f32 * frequency).sin() + 0.01).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Returns the gradients of step `step`, without one for the parameter named `without`.
fn gradients(model: &Model, step: usize, without: &str) -> GradientsParams {
    struct Gradients<'a> {
        path: Vec<String>,
        without: &'a str,
        step: usize,
        gradients: GradientsParams,
    }
    impl ModuleVisitor for Gradients<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.path.join(".") != self.without {
                let device = param.val().device().inner();
                let frequency = 0.3 + 0.1 * self.step as f32;
                let gradient = wave::<D>(param.lazy_shape().to_vec(), frequency, &device);
                self.gradients.register(param.id, gradient);
            }
        }
    }
    let mut visitor = Gradients { path: Vec::new(), without, step, gradients: GradientsParams::new() };
    model.visit(&mut visitor);
    visitor.gradients
}

fn train(
    optimizer: &mut ModelOptimizer,
    mut model: Model,
    steps: std::ops::Range<usize>,
    without: &str,
) -> Model {
    for step in steps {
        let mut fixed = Fixed { step, without, transform: GradientTransform::default() };
        (model, _) = optimizer.step_with(0.01, model, &mut fixed);
    }
    model
}

/// An evaluation that returns the same gradients for any model.
struct Fixed<'a> {
    step: usize,
    without: &'a str,
    transform: GradientTransform,
}

impl Evaluate<Model> for Fixed<'_> {
    type Measured = f64;

    fn evaluate(&mut self, model: &Model) -> (f64, GradientsParams) {
        let gradients = gradients(model, self.step, self.without);
        (1.0 / (self.step + 1) as f64, self.transform.apply(model, gradients))
    }

    fn evaluate_sampled(&mut self, model: &Model) -> Option<(GradientsParams, usize)> {
        Some((gradients(model, self.step + 7, self.without), 3))
    }
}

/// Returns every rule with its default settings, plus settings that add further kinds of state.
fn specs() -> Vec<OptimizerSpec> {
    let further = [
        "sgd:momentum=0.9",
        "adam:amsgrad=true",
        "adamw:amsgrad=true",
        "rmsprop:centered=true,momentum=0.9",
        "adafactor:beta_1=0.9",
        "sm3:momentum=0.0",
        "madgrad:momentum=0.0",
        "dadapt_sgd:d0=0.1",
        "dadapt_sgd:d0=0.1,momentum=0.9",
        "dadapt_adagrad:d0=0.1",
        "dadapt_adagrad:d0=0.1,momentum=0.9",
        "dadapt_lion:d0=100",
        "dog:reps_rel=0.1",
        "ldog:reps_rel=0.1,average_power=none",
        "muon:other=adamw:amsgrad=true",
        "adam_mini:head_size=3",
        "galore:rank=2,projection_frequency=3",
        "apollo:rank=2,projection_frequency=3",
        "kron:memory_save_mode=one_diag,update_probability=0.5",
        "kl_soap:precondition_frequency=2,max_precond_dim=3",
        "shampoo:momentum=0.9,precondition_frequency=2",
        "one_sided_shampoo:side=both,precondition_frequency=2",
        "soap:precondition_1d=true,max_precond_dim=3",
        "burn.sgd:momentum=0.9",
        "burn.adam:amsgrad=true",
        "schedule_free:base=sgd",
        "schedule_free:base=burn.adam",
        "ema_nesterov:base=sgd",
        "ema_nesterov:base=burn.sgd",
        "mechanic:initial=0.1,base=sgd",
        "mechanic:initial=0.1,base=burn.sgd",
        "lawa:snapshots=2,every=2,base=adam",
        "grokfast:kind=ma,window=2,base=sgd",
        "grokfast:kind=ma,window=20,warmup=false,base=burn.sgd",
    ];
    let further = further.iter().map(|text| text.parse().unwrap());
    // L-BFGS keeps no state of a parameter. The others make no visible steps from their default estimates.
    let without = ["lbfgs", "burn.lbfgs", "dadapt_sgd", "dadapt_adagrad", "dadapt_lion", "dog", "ldog"];
    let all = OptimizerSpec::all().into_iter().filter(|spec| !without.contains(&spec.name()));
    all.chain(further).collect()
}

/// Returns the specs that need one gradient per parameter and step.
fn specs_of_one_gradient() -> impl Iterator<Item = OptimizerSpec> {
    specs().into_iter().filter(|spec| !spec.build().unwrap().needs_more_than_gradients())
}

/// Returns the specs without their own average of the weights.
fn specs_without_average() -> impl Iterator<Item = OptimizerSpec> {
    specs().into_iter().filter(|spec| !["ema", "swa", "lawa", "schedule_free"].contains(&spec.name()))
}

/// Returns whether a step depends on earlier gradients.
fn remembers(spec: &OptimizerSpec) -> bool {
    !["sgd", "burn.sgd", "polyak"].contains(&spec.to_string().as_str())
}

/// Returns whether any state of the parameter is saved, even if only the number of steps.
fn has_state(spec: &OptimizerSpec, parameter: &str) -> bool {
    match spec.to_string().as_str() {
        "burn.sgd" => false,
        // These do not move vectors.
        "muon" | "normuon" | "adamuon" | "asgo" | "soap_muon" => !parameter.ends_with(".bias"),
        text if text.starts_with("one_sided_shampoo") => !parameter.ends_with(".bias"),
        _ => true,
    }
}

/// An optimizer and its model after five steps, and the file with its saved state.
struct Saved {
    spec: OptimizerSpec,
    optimizer: ModelOptimizer,
    model: Model,
    path: PathBuf,
    folder: tempfile::TempDir,
}

fn saved(spec: &OptimizerSpec, without: &str) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    let mut optimizer = spec.build().unwrap();
    let model = train(&mut optimizer, Model::new(3), 0..5, without);
    optimizer.save(&path).unwrap();
    Saved { spec: spec.clone(), optimizer, model, path, folder }
}

impl Saved {
    /// Loads `path` into a fresh optimizer of the same rule.
    fn load_from(&self, path: &Path) -> Result<ModelOptimizer, Error> {
        let mut fresh = self.spec.build().unwrap();
        fresh.load(path, &self.model, &Device::default()).map(|()| fresh)
    }

    /// Writes the file again without the tensors and scalars that `drop` selects.
    fn rewritten(&self, drop: impl Fn(&str) -> bool) -> PathBuf {
        let reader = Reader::from_file_exact(&self.path).unwrap();
        let (metadata, scalars) = (reader.metadata().clone(), reader.scalars().clone());
        let tensors = reader.into_tensors().unwrap().into_iter().map(|tensor| {
            let (name, dtype, shape, _, bytes) = tensor.into_parts().unwrap();
            burn_pack::Tensor::new(name, dtype, shape, None, bytes)
        });
        let kept = tensors.filter(|tensor| !drop(&tensor.name)).collect();
        let mut writer = Writer::new(kept).auto_extension(false);
        for (key, value) in &metadata {
            writer = writer.with_metadata(key, value);
        }
        for (name, value) in scalars.into_iter().filter(|(name, _)| !drop(name)) {
            writer = writer.with_scalar(&name, value);
        }
        let path = self.folder.path().join("rewritten");
        writer.write_to_file(&path).unwrap();
        path
    }
}

#[test]
fn every_rule_resumes_exactly_from_saved_state() {
    for spec in specs() {
        let mut saved = saved(&spec, "");
        let mut restored = saved.load_from(&saved.path).unwrap();
        let mut unrestored = spec.build().unwrap();
        let uninterrupted = train(&mut saved.optimizer, saved.model.clone(), 5..10, "");
        let resumed = train(&mut restored, saved.model.clone(), 5..10, "");
        assert_eq!(resumed.bits(), uninterrupted.bits(), "{spec}");
        let restarted = train(&mut unrestored, saved.model.clone(), 5..10, "");
        assert_eq!(restarted.bits() != uninterrupted.bits(), remembers(&spec), "{spec}");
    }
}

#[test]
fn the_same_state_saves_to_the_same_bytes() {
    for spec in specs() {
        let first = saved(&spec, "");
        let again = first.folder.path().join("again");
        first.optimizer.save(&again).unwrap();
        let bytes = std::fs::read(&first.path).unwrap();
        assert_eq!(bytes, std::fs::read(again).unwrap(), "{spec}");
        let restored = first.folder.path().join("restored");
        first.load_from(&first.path).unwrap().save(&restored).unwrap();
        assert_eq!(bytes, std::fs::read(restored).unwrap(), "{spec}");
        assert_eq!(bytes, std::fs::read(&saved(&spec, "").path).unwrap(), "{spec}");
    }
}

#[test]
fn a_parameter_without_a_gradient_is_unchanged_and_has_no_state() {
    for spec in specs() {
        let mut saved = saved(&spec, "conv.bias");
        let before = Model::new(3);
        let bias = |model: &Model| model.conv.bias.as_ref().unwrap().val().into_data();
        assert_eq!(bias(&saved.model), bias(&before), "{spec}");
        assert_ne!(saved.model.bits(), before.bits(), "{spec}");

        let mut restored = saved.load_from(&saved.path).unwrap();
        let uninterrupted = train(&mut saved.optimizer, saved.model.clone(), 5..8, "");
        let resumed = train(&mut restored, saved.model.clone(), 5..8, "");
        assert_eq!(resumed.bits(), uninterrupted.bits(), "{spec}");
    }
}

#[test]
fn state_from_before_the_first_step_loads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    let spec: OptimizerSpec = "adam".parse().unwrap();
    spec.build().unwrap().save(&path).unwrap();
    let mut fresh = spec.build().unwrap();
    fresh.load(&path, &Model::new(3), &Device::default()).unwrap();
}

#[test]
fn state_of_another_rule_is_refused() {
    let specs = OptimizerSpec::all();
    for (i, spec) in specs.iter().enumerate() {
        let saved = saved(spec, "");
        let mut other = specs[(i + 1) % specs.len()].build().unwrap();
        let error = other.load(&saved.path, &saved.model, &Device::default()).unwrap_err();
        assert!(error.to_string().contains(&format!("`{}`", spec.name())), "{error}");
    }
}

#[test]
fn state_of_other_shapes_or_parameters_is_refused() {
    for spec in specs_of_one_gradient() {
        let saved = saved(&spec, "");
        let load = |optimizer: &mut ModelOptimizer, wider: bool| match wider {
            true => optimizer.load(&saved.path, &Model::new(7), &Device::default()),
            false => optimizer.load(&saved.path, &saved.model.linear, &Device::default()),
        };
        for wider in [true, false] {
            assert!(load(&mut spec.build().unwrap(), wider).is_err(), "{spec}");
        }
        // The converse: a file with fewer parameters than the model has.
        let mut of_a_part = spec.build().unwrap();
        let linear = Model::new(3).linear;
        let mut gradients = GradientsParams::new();
        gradients.register(linear.weight.id, wave::<2>(vec![4, 3], 0.3, &Device::default()));
        of_a_part.apply(0.01, linear, &mut gradients);
        let path = saved.folder.path().join("part");
        of_a_part.save(&path).unwrap();
        assert!(saved.load_from(&path).is_err(), "{spec}");
    }
}

#[test]
fn a_truncated_file_is_refused() {
    for spec in specs() {
        let saved = saved(&spec, "");
        let bytes = std::fs::read(&saved.path).unwrap();
        let path = saved.folder.path().join("truncated");
        let mut lengths = vec![0, 1, bytes.len() / 2];
        // The last byte of a file without tensors is padding.
        if remembers(&spec) {
            lengths.push(bytes.len() - 1);
        }
        for length in lengths {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(saved.load_from(&path).is_err(), "{spec}, {length} bytes");
        }
        assert!(saved.load_from(&saved.folder.path().join("missing")).is_err());
    }
}

#[test]
fn a_file_with_any_entry_missing_is_refused() {
    for spec in specs() {
        let saved = saved(&spec, "");
        assert!(saved.load_from(&saved.rewritten(|_| false)).is_ok(), "{spec}");
        let reader = Reader::from_file_exact(&saved.path).unwrap();
        let scalars = reader.scalars().keys().cloned();
        let tensors = reader.tensor_names().into_iter().map(String::from);
        for missing in scalars.chain(tensors) {
            let path = saved.rewritten(|name| name == missing);
            assert!(saved.load_from(&path).is_err(), "{spec} without {missing}");
        }
        for missing in ["linear.weight", "linear.bias", "conv.weight", "conv.bias"] {
            let path = saved.rewritten(|name| name.starts_with(missing));
            assert_eq!(
                saved.load_from(&path).is_err(),
                has_state(&spec, missing),
                "{spec} without {missing}"
            );
        }
    }
}

#[test]
fn a_refused_file_leaves_the_optimizer_as_it_was() {
    let spec: OptimizerSpec = "adam".parse().unwrap();
    let mut saved = saved(&spec, "");
    let path = saved.rewritten(|name| name.starts_with("conv.bias"));
    let mut expected = saved.load_from(&saved.path).unwrap();
    assert!(saved.optimizer.load(&path, &saved.model, &Device::default()).is_err());
    let kept = train(&mut saved.optimizer, saved.model.clone(), 5..8, "");
    let expected = train(&mut expected, saved.model.clone(), 5..8, "");
    assert_eq!(kept.bits(), expected.bits());
}

#[test]
fn a_step_returns_what_the_first_evaluation_measured() {
    let mut optimizer = "sgd".parse::<OptimizerSpec>().unwrap().build().unwrap();
    let (moved, measured) = optimizer.step(0.1, Model::new(3), |model| (7.0, gradients(model, 0, "")));
    assert_eq!(measured, 7.0);
    assert_ne!(moved.bits(), Model::new(3).bits());
}

#[test]
fn frozen_parameters_stay_frozen_and_trained_ones_stay_trainable() {
    let mut model = Model::new(3);
    model.conv = model.conv.no_grad();
    let mut optimizer = "adam".parse::<OptimizerSpec>().unwrap().build().unwrap();
    let model = train(&mut optimizer, model, 0..2, "conv.weight");
    assert!(!model.conv.weight.val().is_require_grad());
    assert!(model.linear.weight.val().is_require_grad());
}

fn transforms() -> [GradientTransform; 4] {
    let none = GradientTransform::default();
    [
        GradientTransform { l1: 0.1, l2: 0.2, ..none },
        GradientTransform { clip_value: Some(0.3), ..none },
        GradientTransform { clip_norm: Some(0.5), ..none },
        GradientTransform {
            l1: 0.1,
            l2: 0.2,
            clip_value: Some(0.3),
            clip_norm: Some(0.5),
            ..GradientTransform::default()
        },
    ]
}

#[test]
fn a_transform_in_the_pass_gives_the_same_bits_as_one_before_it() {
    let none = GradientTransform::default();
    // These specs transform or filter gradients themselves, so the order of the two would matter; the last
    // two exempt parameters from penalties.
    let has_own = |spec: &OptimizerSpec| {
        let names = ["clip", "adaptive_clip", "centralized", "grokfast", "variance_reduced"];
        names.contains(&spec.name()) || ["no_vector_decay", "lazy"].contains(&spec.name())
    };
    for spec in specs_of_one_gradient().filter(|spec| !has_own(spec)) {
        for transform in transforms() {
            let mut inside = spec.build().unwrap().with_gradient_transform(transform).unwrap();
            let mut plain = spec.build().unwrap();
            let (mut by_inside, mut by_plain) = (Model::new(3), Model::new(3));
            for step in 0..4 {
                let mut given = Fixed { step, without: "conv.bias", transform: none };
                (by_inside, _) = inside.step_with(0.01, by_inside, &mut given);
                let mut given = Fixed { transform, ..given };
                (by_plain, _) = plain.step_with(0.01, by_plain, &mut given);
            }
            assert_eq!(by_inside.bits(), by_plain.bits(), "{spec} with {transform:?}");
        }
    }
}

#[test]
fn the_norm_of_all_gradients_is_reported_if_it_is_clipped() {
    let transform = GradientTransform { clip_norm: Some(0.5), ..GradientTransform::default() };
    let mut optimizer =
        "adam".parse::<OptimizerSpec>().unwrap().build().unwrap().with_gradient_transform(transform).unwrap();
    assert!(optimizer.gradient_norm().is_none(), "before the first step");
    let model = Model::new(3);
    let mut given = gradients(&model, 0, "");
    let square = |values: TensorData| values.iter::<f64>().map(|value| value * value).sum::<f64>();
    let mut expected = square(given.get::<2>(model.linear.weight.id).unwrap().into_data());
    expected += square(given.get::<1>(model.linear.bias.as_ref().unwrap().id).unwrap().into_data());
    expected += square(given.get::<4>(model.conv.weight.id).unwrap().into_data());
    expected += square(given.get::<1>(model.conv.bias.as_ref().unwrap().id).unwrap().into_data());
    optimizer.apply(0.01, model, &mut given);
    let norm = optimizer.gradient_norm().unwrap().value();
    assert!((norm - expected.sqrt()).abs() < 1e-9 * norm, "{norm} {}", expected.sqrt());
}

#[test]
fn the_average_of_the_weights_follows_its_formula_and_stays_out_of_training() {
    for spec in specs_without_average() {
        let mut averaging = spec.build().unwrap().with_weight_average(0.75).unwrap();
        let mut plain = spec.build().unwrap();
        let (mut model, mut without) = (Model::new(3), Model::new(3));
        let values = |model: &Model| model.bits().into_iter().map(|bits| f64::from(f32::from_bits(bits)));
        let mut expected: Vec<f64> = values(&model).collect();
        for step in 0..5 {
            model = train(&mut averaging, model, step..step + 1, "conv.bias");
            without = train(&mut plain, without, step..step + 1, "conv.bias");
            for (average, theta) in expected.iter_mut().zip(values(&model)) {
                *average = 0.75 * *average + 0.25 * theta;
            }
        }
        assert_eq!(model.bits(), without.bits(), "{spec}");
        for (given, expected) in values(&averaging.for_evaluation(&model)).zip(expected) {
            assert!((given - expected).abs() <= 1e-6 * expected.abs().max(0.1), "{spec}: {given} {expected}");
        }
    }
}

#[test]
fn the_average_of_the_weights_resumes_and_loading_without_the_average_is_refused() {
    for spec in specs_without_average() {
        let build = || spec.build().unwrap().with_weight_average(0.75).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("optimizer");
        let mut optimizer = build();
        let model = train(&mut optimizer, Model::new(3), 0..3, "conv.bias");
        optimizer.save(&path).unwrap();
        let mut restored = build();
        restored.load(&path, &model, &Device::default()).unwrap();
        let resumed = train(&mut restored, model.clone(), 3..6, "");
        let uninterrupted = train(&mut optimizer, model.clone(), 3..6, "");
        let averages = [restored.for_evaluation(&resumed), optimizer.for_evaluation(&uninterrupted)];
        assert_eq!(averages[0].bits(), averages[1].bits(), "{spec}");
        assert_ne!(averages[0].bits(), resumed.bits(), "{spec}");

        let mut other = spec.build().unwrap();
        assert!(other.load(&path, &model, &Device::default()).is_err(), "{spec}: an average not asked for");
        train(&mut other, model.clone(), 0..1, "");
        other.save(&path).unwrap();
        assert!(build().load(&path, &model, &Device::default()).is_err(), "{spec}: no average");
    }
}

#[test]
fn a_decay_out_of_its_range_is_refused() {
    let build = || "sgd".parse::<OptimizerSpec>().unwrap().build().unwrap();
    for decay in [-0.1, 1.0, f64::NAN] {
        assert!(build().with_weight_average(decay).is_err());
    }
    assert!(build().with_weight_average(0.0).is_ok());
}

#[test]
fn state_of_the_same_rule_with_other_buffers_is_refused() {
    let pairs = [
        ("adam:amsgrad=true", "adam"),
        ("sgd:momentum=0.9", "sgd"),
        ("rmsprop:centered=true", "rmsprop"),
        ("adafactor:beta_1=0.9", "adafactor"),
        ("sm3:momentum=0.0", "sm3"),
        ("mechanic:decays=2", "mechanic"),
    ];
    for (one, other) in pairs {
        for (saver, loader) in [(one, other), (other, one)] {
            let saved = saved(&saver.parse().unwrap(), "");
            let mut loading = loader.parse::<OptimizerSpec>().unwrap().build().unwrap();
            let error = loading.load(&saved.path, &saved.model, &Device::default());
            assert!(error.is_err(), "{loader} from {saver}");
        }
    }
}

/// A rule with the buffers of [`Came`], each in the shape of the parameter.
#[derive(Debug, Clone)]
struct WholeCame;

impl Rule for WholeCame {
    const STATE: &'static [&'static str] = Came::STATE;

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        CameConfig::default().build().unwrap().start(buffer, shape).map(|_| Start::Value(0.0))
    }
}

impl TensorRule for WholeCame {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        _memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        theta - grad.mul_scalar(lr)
    }
}

#[test]
fn state_of_the_same_rule_with_buffers_of_other_shapes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    let mut whole = ModelOptimizer::with_rules("came", vec![ParameterRule::tensor(WholeCame)]);
    let model = train(&mut whole, Model::new(3), 0..1, "");
    whole.save(&path).unwrap();
    let mut came = "came".parse::<OptimizerSpec>().unwrap().build().unwrap();
    let error = came.load(&path, &model, &Device::default()).unwrap_err().to_string();
    assert!(error.contains("`rows`") || error.contains("`columns`"), "{error}");
    assert!(error.contains("has shape"), "{error}");
}

#[test]
fn the_size_of_a_rules_state_matches_its_documentation() {
    // One matrix [4, 3] and 3 · 2 matrices [2, 2]; two vectors of 3.
    let (matrices, vectors) = ((4 + 3) + 6 * (2 + 2), 3 + 3);
    let elements = 4 * 3 + 6 * 2 * 2 + vectors;
    // One square matrix for each dimension of a matrix [4, 3], a kernel [3, 2, 2, 2] and two vectors.
    let squares_of_vectors = 3 * 3 + 3 * 3;
    let squares = (4 * 4 + 3 * 3) + (3 * 3 + 3 * 2 * 2) + squares_of_vectors;
    for (text, floats) in [
        ("adafactor", matrices + vectors),
        ("adafactor:beta_1=0.9", matrices + vectors + elements),
        ("came", 2 * matrices + vectors + elements),
        ("sm3:momentum=0.0", (4 + 3) + (3 + 2 + 2 + 2) + vectors),
        ("sm3", (4 + 3) + (3 + 2 + 2 + 2) + vectors + elements),
        ("novograd", elements + 4),
        ("sgd", 0),
        ("sgd:momentum=0.9", elements),
        ("lars", elements),
        ("lars:momentum=0.0", 0),
        ("rmsprop", elements),
        ("rmsprop:centered=true", 2 * elements),
        ("rmsprop:momentum=0.9", 2 * elements),
        ("rmsprop:momentum=0.9,centered=true", 3 * elements),
        ("adam", 2 * elements),
        ("adam:amsgrad=true", 3 * elements),
        ("adamw", 2 * elements),
        ("adamw:amsgrad=true", 3 * elements),
        ("muon", elements - vectors),
        ("scion", elements),
        ("scion:momentum=0.0", 0),
        // Three outputs of the matrix, one kernel, and the elements of the biases.
        ("adam_mini", elements + 3 + 1 + vectors),
        ("splus", 2 * elements + 2 * (4 * 4 + 3 * 3)),
        // The matrix [4, 3] is projected along its three outputs.
        ("galore", 2 * elements + 3 * 3),
        ("galore:rank=2", 2 * (elements - 12) + 2 * 2 * 4 + 3 * 2),
        ("apollo:rank=2", 2 * (elements - 12) + 2 * 2 * 4 + 3 * 2 + 1),
        // The kernel is a matrix [3, 8].
        ("kron", elements + 4 * 4 + 3 * 3 + 3 * 3 + 8 * 8 + vectors),
        ("kron:memory_save_mode=all_diag", elements + 4 + 3 + 3 + 8 + vectors),
        ("soap_muon", 2 * (elements - vectors) + 2 * (4 * 4 + 3 * 3 + 3 * 3 + 8 * 8)),
        ("soap_muon:smaller_side_only=true", 2 * (elements - vectors) + 2 * (3 * 3 + 3 * 3)),
        ("kl_shampoo", elements + 2 * (4 * 4 + 3 * 3 + 3 * 3 + 8 * 8) + 4 + 3 + 3 + 8 + vectors),
        ("kl_soap:max_precond_dim=4", 2 * elements + 2 * (4 * 4 + 3 * 3 + 3 * 3) + 4 + 3 + 3 + 8 + vectors),
        ("adamuon", 2 * (elements - vectors)),
        // The matrix [4, 3] has three outputs, and the kernel too.
        ("asgo", elements - vectors + 3 * 3 + 3 * 3),
        ("one_sided_shampoo", 2 * (elements - vectors) + 2 * (3 * 3 + 3 * 3)),
        ("one_sided_shampoo:side=inputs", 2 * (elements - vectors) + 2 * (4 * 4 + 8 * 8)),
        (
            "one_sided_shampoo:side=both,precondition_frequency=2",
            2 * (elements - vectors) + 4 * (4 * 4 + 3 * 3 + 3 * 3 + 8 * 8),
        ),
        ("shampoo", 2 * squares),
        ("shampoo:momentum=0.9", 2 * squares + elements),
        ("shampoo:precondition_frequency=2", 4 * squares),
        ("soap", 2 * elements + 2 * (squares - squares_of_vectors)),
        ("soap:precondition_1d=true", 2 * elements + 2 * squares),
        ("soap:max_precond_dim=3", 2 * elements + 2 * (squares - squares_of_vectors - 4 * 4)),
    ] {
        let saved = saved(&text.parse().unwrap(), "");
        assert_eq!(saved.optimizer.state_bytes(), 4 * floats, "{text}");
    }
}
