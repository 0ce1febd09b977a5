//! State in 16 and 8 bits: near the state in 32 bits, the same bits however it is computed, saved as it is.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use optlab_optim::{ModelOptimizer, OptimizerSpec};
use serde_json::Value;
use std::path::Path;

#[derive(Module, Debug)]
struct Model {
    parameters: Vec<Param<Tensor<1>>>,
}

/// The sizes of the parameters of [`Model::new`]: within a block, above a block, and above a piece.
const SIZES: [usize; 4] = [3, 300, 2_050, 40_000];

fn tensor(values: &[f64], device: &Device, dtype: DType) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), (device, dtype))
}

/// Returns numbers of both signs and several magnitudes.
fn numbers(len: usize, seed: usize) -> Vec<f64> {
    let number = |i: usize| {
        let wave = (i as f64 * 0.7 + seed as f64 * 1.3).sin();
        wave * 10_f64.powi(((i * 7 + seed) % 4) as i32 - 3)
    };
    (0..len).map(number).collect()
}

impl Model {
    fn of(values: &[Vec<f64>], dtype: DType) -> Self {
        let device = Device::default().autodiff();
        let parameter = |values: &Vec<f64>| Param::from_tensor(tensor(values, &device, dtype).require_grad());
        Model { parameters: values.iter().map(parameter).collect() }
    }

    fn new() -> Self {
        let values: Vec<Vec<f64>> = SIZES.iter().map(|size| numbers(*size, 500)).collect();
        Model::of(&values, DType::F32)
    }

    fn values(&self) -> Vec<f64> {
        let of = |parameter: &Param<Tensor<1>>| parameter.val().into_data().iter::<f64>().collect::<Vec<_>>();
        self.parameters.iter().flat_map(of).collect()
    }

    /// Makes a step along `gradients`, which have the type of the parameters.
    fn stepped(self, optimizer: &mut ModelOptimizer, lr: f64, gradients: &[Vec<f64>]) -> Self {
        let mut all = GradientsParams::new();
        for (parameter, values) in self.parameters.iter().zip(gradients) {
            all.register(parameter.id, tensor(values, &Device::default(), parameter.val().dtype()));
        }
        optimizer.apply(lr, self, &mut all)
    }

    /// Makes a step with the gradients of step `t`.
    fn at(self, optimizer: &mut ModelOptimizer, t: usize) -> Self {
        let gradients: Vec<Vec<f64>> = SIZES.iter().map(|size| numbers(*size, t)).collect();
        self.stepped(optimizer, 0.01, &gradients)
    }
}

fn build(text: &str) -> ModelOptimizer {
    text.parse::<OptimizerSpec>()
        .and_then(|spec| spec.build())
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns the rules that `compact` accepts and that need gradients alone, as text.
fn rules() -> Vec<String> {
    let further = [
        "sgd:momentum=0.9",
        "adam:amsgrad=true",
        "rmsprop:momentum=0.9",
        "rmsprop:centered=true,momentum=0.9",
        "lars:momentum=0.9",
        "yogi:initial_accumulator_value=0.1",
    ];
    let own = OptimizerSpec::all().into_iter().filter(|spec| {
        let state = format!("{spec}:state=bf16").parse::<OptimizerSpec>();
        let compact = state.and_then(|spec| spec.build());
        spec.base().is_none() && compact.is_ok_and(|compact| !compact.needs_more_than_gradients())
    });
    // From its default estimate its momentum makes no visible steps.
    let visible = |spec: OptimizerSpec| match spec.name() {
        "dadapt_lion" => "dadapt_lion:d0=0.1".into(),
        _ => spec.to_string(),
    };
    own.map(visible).chain(further.map(String::from)).collect()
}

/// Returns `text` with its state in so many bits.
fn with_state(text: &str, state: &str) -> String {
    let separator = if text.contains(':') { ',' } else { ':' };
    format!("{text}{separator}state={state}")
}

/// The parameters and the gradients of the stream that the reference files use.
fn stream() -> (Vec<Vec<f64>>, Vec<Vec<Vec<f64>>>) {
    fn flat(value: &Value, out: &mut Vec<f64>) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| flat(value, out)),
            value => out.push(value.as_f64().unwrap()),
        }
    }
    fn numbers(value: &Value) -> Vec<f64> {
        let mut out = Vec::new();
        flat(value, &mut out);
        out
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../references/optimizers/stream.json");
    let stream: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let initial = stream["parameters"].as_array().unwrap().iter().map(|of| numbers(&of["initial"]));
    let steps = stream["gradients"].as_array().unwrap().iter();
    let gradients = steps.map(|step| step.as_array().unwrap().iter().map(numbers).collect());
    (initial.collect(), gradients.collect())
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// Returns the distance from the parameters in 32 bits after the reference stream, as a share of the distance
/// that those have travelled.
fn distance(rule: &str, state: &str) -> f64 {
    let (initial, gradients) = stream();
    let lr = rule.parse::<OptimizerSpec>().unwrap().default_lr();
    let trained = |text: &str| {
        let mut optimizer = build(text).with_seed(3);
        let mut model = Model::of(&initial, DType::F32);
        for gradients in &gradients {
            model = model.stepped(&mut optimizer, lr, gradients);
        }
        model.values()
    };
    let (exact, compact) = (trained(rule), trained(&with_state(rule, state)));
    let start = initial.concat();
    let travelled = norm(exact.iter().zip(&start).map(|(x, y)| x - y));
    norm(exact.iter().zip(&compact).map(|(x, y)| x - y)) / travelled
}

#[test]
fn every_rule_stays_near_its_parameters_in_32_bits() {
    let mut failures = Vec::new();
    for rule in rules() {
        for (state, bound) in [("f32", 0.0), ("bf16", 0.01), ("int8", 0.1)] {
            let distance = distance(&rule, state);
            println!("{rule}, {state}: {distance:.4}");
            // The step of these rules is the sign of a mean, which rounding turns around near 0.
            let is_sign = ["lion", "cautious_lion", "signum"].contains(&rule.as_str());
            if distance > if is_sign { 3.0 * bound } else { bound } {
                failures.push(format!("{rule}, {state}: {distance}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_result_does_not_depend_on_threads_and_depends_on_the_seed() {
    for text in ["adamw:state=bf16", "adamw:state=int8", "lamb:state=int8", "ema:state=int8,base=prodigy"] {
        let trained = |seed, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut optimizer = build(text).with_seed(seed);
                let model = (1..=3).fold(Model::new(), |model, t| model.at(&mut optimizer, t));
                (model.values(), optimizer.for_evaluation(&model).values())
            })
        };
        let alone = trained(1, 1);
        assert!(alone == trained(1, 2), "{text} on 2 threads");
        assert!(alone == trained(1, 7), "{text} on 7 threads");
        assert!(alone != trained(2, 2), "{text} with another seed");
    }
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for state in ["bf16", "int8"] {
        for rule in rules() {
            let text = with_state(&rule, state);
            let mut whole = build(&text).with_seed(9);
            let half = (1..=3).fold(Model::new(), |model, t| model.at(&mut whole, t));
            whole.save(&path).unwrap();
            let mut resumed = build(&text).with_seed(9);
            resumed.load(&path, &half, &Device::default()).unwrap();
            let goes_on = |optimizer: &mut ModelOptimizer| {
                (4..=5).fold(half.clone(), |model, t| model.at(optimizer, t)).values()
            };
            let expected = goes_on(&mut whole);
            assert!(expected == goes_on(&mut resumed), "{text}");
            let has_state = whole.state_bytes() > 0;
            assert!(!has_state || expected != goes_on(&mut build(&text).with_seed(9)), "{text}: not loaded");
        }
    }
}

#[test]
fn state_of_another_kind_is_refused_with_both_kinds_in_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let saved = |state: &str| {
        let mut optimizer = build(&format!("compact:state={state}"));
        let model = Model::new().at(&mut optimizer, 1);
        optimizer.save(&path).unwrap();
        model
    };
    for (saved_as, loaded_as, expected) in [
        (
            "bf16",
            "int8",
            "holds `first_moment` of `parameters.0` in 16 bits, and these settings keep it in 8 bits",
        ),
        ("int8", "bf16", "in 8 bits, and these settings keep it in 16 bits"),
        ("f32", "bf16", "in 32 bits or more, and these settings keep it in 16 bits"),
        ("int8", "f32", "in 8 bits, and these settings keep it in 32 bits or more"),
    ] {
        let model = saved(saved_as);
        let mut optimizer = build(&format!("compact:state={loaded_as}"));
        let error = optimizer.load(&path, &model, &Device::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{saved_as} as {loaded_as}: {error}");
    }
}

#[test]
fn the_state_takes_the_bytes_that_the_page_says() {
    let elements: usize = SIZES.iter().sum();
    let blocks: usize = SIZES.iter().map(|size| size.div_ceil(256)).sum();
    for (text, expected) in [
        ("adamw:state=f32", 8 * elements),
        ("adamw:state=bf16", 4 * elements),
        ("adamw:state=int8", 2 * elements + 8 * blocks),
        ("lion:state=int8", elements + 4 * blocks),
        ("adagrad:state=int8", 2 * elements),
        ("adam:amsgrad=true,state=int8", 5 * elements + 4 * blocks),
        ("ema:state=int8", 6 * elements + 8 * blocks),
        ("prodigy:state=int8", 10 * elements + 8 * blocks),
    ] {
        let mut optimizer = build(text);
        Model::new().at(&mut optimizer, 1);
        assert_eq!(optimizer.state_bytes(), expected, "{text}");
    }
}

#[test]
fn other_layouts_and_types_give_nearly_the_same_result() {
    for state in ["bf16", "int8"] {
        let trained = |dtype| {
            let mut optimizer = build(&format!("adamw:state={state}"));
            let values: Vec<Vec<f64>> = SIZES.iter().map(|size| numbers(*size, 500)).collect();
            let model = (1..=3).fold(Model::of(&values, dtype), |model, t| model.at(&mut optimizer, t));
            (model.values(), optimizer.state_bytes())
        };
        // Parameters in 64 bits take the formula on tensors.
        let ((slices, bytes), (formula, of_formula)) = (trained(DType::F32), trained(DType::F64));
        assert_eq!(bytes, of_formula, "{state}");
        let differing = slices.iter().zip(&formula).filter(|(x, y)| (*x - *y).abs() > 1e-5);
        // Where the last bit of a number differs, it may be rounded to the other neighbour.
        assert!(differing.count() * 1000 < slices.len(), "{state}");
    }
}

#[test]
fn an_infinite_or_nan_gradient_harms_only_its_own_element() {
    for state in ["f32", "bf16", "int8"] {
        for harm in [f64::NAN, f64::INFINITY, 1e30] {
            let mut optimizer = build(&format!("adamw:state={state}"));
            let mut gradients = vec![numbers(600, 1)];
            gradients[0][7] = harm;
            let mut model =
                Model::of(&[numbers(600, 2)], DType::F32).stepped(&mut optimizer, 0.01, &gradients);
            for t in 2..5 {
                model = model.stepped(&mut optimizer, 0.01, &[numbers(600, t)]);
            }
            let values = model.values();
            let others = values.iter().enumerate().filter(|(i, _)| *i != 7);
            assert!(others.clone().all(|(_, value)| value.is_finite()), "{state}, {harm}");
            // 1e30 squared is infinite in 32 bits: the step is 0 from then on, in any state.
            assert_eq!(values[7].is_finite(), harm == 1e30, "{state}, {harm}: {}", values[7]);
        }
    }
}

#[test]
fn small_steps_of_parameters_in_bfloat16_add_up_if_they_are_rounded_stochastically() {
    let trained = |text: &str| {
        let mut optimizer = build(text).with_seed(4);
        let mut model = Model::of(&[vec![1.0; 5000]], DType::BF16);
        for _ in 0..200 {
            model = model.stepped(&mut optimizer, 1e-4, &[vec![1.0; 5000]]);
        }
        assert_eq!(model.parameters[0].val().dtype(), DType::BF16);
        model.values()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    // A step of 1e-4 is 1/40 of the distance of two numbers below 1.
    assert_eq!(mean(&trained("sgd")), 1.0);
    for text in ["sgd:parameters=stochastic,state=f32", "muon:parameters=stochastic,state=f32,other=sgd"] {
        let moved = trained(text);
        // The standard deviation of this mean is 1.2e-4.
        assert!((mean(&moved) - 0.98).abs() < 5e-4, "{text}: {}", mean(&moved));
        assert!(moved == trained(text), "{text}: other bits in the second run");
    }
}

#[test]
fn a_shorthand_reads_and_prints_like_a_setting_of_the_rule() {
    for (text, long) in [
        ("adamw:state=int8", "compact:state=int8"),
        ("adamw:beta_1=0.5,state=bf16", "compact:base=adamw:beta_1=0.5"),
        (
            "ema:decay=0.5,state=int8,base=sgd:momentum=0.9",
            "compact:state=int8,base=ema:decay=0.5,base=sgd:momentum=0.9",
        ),
        ("ema:base=adamw:state=int8", "ema:base=compact:state=int8"),
        ("muon:other=adamw,state=bf16", "compact:base=muon:other=adamw"),
        ("sgd:parameters=stochastic,state=f32", "compact:state=f32,parameters=stochastic,base=sgd"),
    ] {
        let spec: OptimizerSpec = text.parse().unwrap();
        assert_eq!(spec, long.parse().unwrap(), "{text}");
        assert_eq!(spec, spec.to_string().parse().unwrap(), "{text}");
        assert!(!spec.to_string().contains("compact"), "{spec}");
        spec.build().unwrap();
    }
    let spec: OptimizerSpec = "compact:base=group:parameters=*.bias,lr_factor=2".parse().unwrap();
    assert_eq!(spec, spec.to_string().parse().unwrap());
}

#[test]
fn a_rule_without_state_to_compress_or_with_compact_state_is_refused() {
    for rule in ["ftrl", "rprop", "dowg", "schedule_free_sgd", "muon", "shampoo", "burn.adamw"] {
        let spec: OptimizerSpec = format!("{rule}:state=bf16").parse().unwrap();
        let error = spec.build().unwrap_err().to_string();
        assert!(
            error.contains("no buffer of its base may be stored in fewer than 32 bits"),
            "{rule}: {error}"
        );
    }
    let twice: OptimizerSpec = "compact:base=ema:base=adamw:state=int8".parse().unwrap();
    assert!(twice.build().unwrap_err().to_string().contains("already has it"));
    for text in ["adamw:state=int4", "adamw:state=8", "adamw:parameters=up"] {
        let error = text.parse::<OptimizerSpec>().unwrap_err().to_string();
        assert!(error.contains("must be"), "{text}: {error}");
    }
}

#[test]
fn a_compact_rule_can_be_one_of_several() {
    for text in [
        "muon:other=adamw:state=int8",
        "group:parameters=*.0,other=(lion:state=int8),base=adamw:state=bf16",
        "cautious:base=clip:norm=1,base=adamw:state=int8",
        "compact:state=int8,base=no_vector_decay:base=adamw:weight_decay=0.1",
    ] {
        let mut optimizer = build(text);
        let model = (1..=3).fold(Model::new(), |model, t| model.at(&mut optimizer, t));
        assert!(model.values().iter().all(|value| value.is_finite()), "{text}");
        let elements: usize = SIZES.iter().sum();
        assert!(optimizer.state_bytes() < 5 * elements, "{text}: {}", optimizer.state_bytes());
    }
}
