//! The one pass over memory and the tensor formula are two ways to run the same definition. They give the
//! same numbers for every length, alignment, layout and number of threads.

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use optlab_kernel::{Buffer, Operands, Update};
use optlab_optim::*;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};

/// Lengths at the boundaries of loops, vectors and pieces, and others.
fn lengths() -> impl Strategy<Value = usize> {
    let corners = vec![
        0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 2047, 2048, 2049, 4097, 16_383, 16_384, 16_385, 40_000,
    ];
    prop_oneof![proptest::sample::select(corners), 0..300_usize]
}

/// Returns a configuration that generates the same cases every time.
fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(20),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Returns distinct numbers of both signs and many magnitudes, including zeros.
fn values(len: usize, seed: u32) -> Vec<f32> {
    let number = |i: usize| {
        let wave = (i as f32 * 0.7 + seed as f32 * 1.3).sin();
        let scale = 10_f32.powi((i as i32 * 7 + seed as i32) % 9 - 6);
        if (i + seed as usize).is_multiple_of(11) { 0.0 } else { wave * scale }
    };
    (0..len).map(number).collect()
}

fn tensor(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// Returns the same elements after `offset` others, so that they do not start at an aligned address.
fn displaced(values: &[f32], offset: usize, device: &Device) -> Tensor<1> {
    if values.is_empty() {
        // Burn has no empty views.
        return tensor(values, device);
    }
    let behind: Vec<f32> = std::iter::repeat_n(9.0, offset).chain(values.iter().copied()).collect();
    tensor(&behind, device).narrow(0, offset, values.len())
}

fn numbers(buffer: &Buffer) -> Vec<f32> {
    buffer.clone().into_data().try_to_vec().unwrap()
}

/// Returns the distance of two numbers in units in the last place: the number of floats from one to the
/// other.
fn distance(a: f32, b: f32) -> u64 {
    let order = |x: f32| match x.to_bits() as i32 {
        bits if bits < 0 => i64::from(i32::MIN) - i64::from(bits),
        bits => i64::from(bits),
    };
    if a.is_nan() && b.is_nan() { 0 } else { order(a).abs_diff(order(b)) }
}

fn assert_close(what: &str, ours: &Buffer, expected: &Buffer) {
    for (i, (ours, expected)) in numbers(ours).into_iter().zip(numbers(expected)).enumerate() {
        assert!(distance(ours, expected) <= 2, "{what}, element {i}: {ours:?}, by the formula {expected:?}");
    }
}

/// A check to run with each element-wise rule, in all settings that change its arithmetic.
trait WithRule {
    fn run<R: ElementwiseRule + Optimizer>(&self, rule: R);
}

fn with_every_rule(test: &impl WithRule) {
    let with_decay = |amsgrad| AdamConfig { weight_decay: 0.1, amsgrad, ..AdamConfig::default() };
    test.run(AdamConfig::default().build().unwrap());
    test.run(with_decay(true).build().unwrap());
    test.run(AdamConfig { bias_correction: false, ..with_decay(true) }.build().unwrap());
    test.run(AdamWConfig::default().build().unwrap());
    test.run(AdamWConfig { bias_correction: false, ..AdamWConfig::default() }.build().unwrap());
    test.run(AdamWConfig { amsgrad: true, ..AdamWConfig::default() }.build().unwrap());
    test.run(AdamWConfig { cautious_decay: true, weight_decay: 0.1, ..Default::default() }.build().unwrap());
    test.run(AdanConfig { cautious_decay: true, weight_decay: 0.1, ..Default::default() }.build().unwrap());
    test.run(StableAdamWConfig { cautious_decay: true, ..Default::default() }.build().unwrap());
    for (momentum, nesterov, dampening) in
        [(0.0, false, 0.0), (0.9, false, 0.0), (0.9, true, 0.0), (0.9, false, 0.3)]
    {
        test.run(SgdConfig { momentum, nesterov, dampening, weight_decay: 0.1 }.build().unwrap());
    }
    for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
        for epsilon_inside_sqrt in [false, true] {
            let config =
                RmsPropConfig { momentum, centered, epsilon_inside_sqrt, ..RmsPropConfig::default() };
            test.run(config.build().unwrap());
        }
    }
    test.run(AdaGradConfig { initial_accumulator_value: 0.1, ..AdaGradConfig::default() }.build().unwrap());
    test.run(AdamaxConfig { weight_decay: 0.1, ..AdamaxConfig::default() }.build().unwrap());
    test.run(AdaDeltaConfig { weight_decay: 0.1, ..AdaDeltaConfig::default() }.build().unwrap());
    for decoupled_weight_decay in [false, true] {
        let config = RAdamConfig { weight_decay: 0.1, decoupled_weight_decay, ..RAdamConfig::default() };
        test.run(config.build().unwrap());
        let config = NAdamConfig { weight_decay: 0.1, decoupled_weight_decay, ..NAdamConfig::default() };
        test.run(config.build().unwrap());
    }
    test.run(AdaBeliefConfig { weight_decay: 0.1, ..AdaBeliefConfig::default() }.build().unwrap());
    test.run(YogiConfig { initial_accumulator_value: 0.1, ..YogiConfig::default() }.build().unwrap());
    test.run(AdoptConfig { weight_decay: 0.1, ..AdoptConfig::default() }.build().unwrap());
    test.run(LaPropConfig { weight_decay: 0.1, ..LaPropConfig::default() }.build().unwrap());
    for warmup_steps in [0, 5] {
        let (alpha_warmup_steps, beta_3_warmup_steps) = (warmup_steps, warmup_steps);
        let config = AdEMAMixConfig { alpha_warmup_steps, beta_3_warmup_steps, ..AdEMAMixConfig::default() };
        test.run(AdEMAMixConfig { weight_decay: 0.1, ..config }.build().unwrap());
    }
    test.run(AdamCConfig::default().build().unwrap());
    for (momentum, decoupled_weight_decay) in [(0.0, false), (0.9, false), (0.9, true)] {
        let config =
            MadgradConfig { momentum, weight_decay: 0.1, decoupled_weight_decay, ..Default::default() };
        test.run(config.build().unwrap());
    }
    test.run(CocobConfig { weight_decay: 0.1, ..CocobConfig::default() }.build().unwrap());
    test.run(AdanConfig::default().build().unwrap());
    test.run(AdanConfig { weight_decay: 0.1, ..AdanConfig::default() }.build().unwrap());
    test.run(LionConfig { weight_decay: 0.1, ..LionConfig::default() }.build().unwrap());
    test.run(LambConfig { weight_decay: 0.1, ..LambConfig::default() }.build().unwrap());
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        let config = LarsConfig { momentum, nesterov, weight_decay: 0.1, ..LarsConfig::default() };
        test.run(config.build().unwrap());
    }
    test.run(StableAdamWConfig::default().build().unwrap());
    test.run(RpropConfig::default().build().unwrap());
    test.run(SignumConfig { weight_decay: 0.1, ..SignumConfig::default() }.build().unwrap());
    test.run(CautiousLionConfig { weight_decay: 0.1, ..CautiousLionConfig::default() }.build().unwrap());
    test.run(CautiousAdamWConfig { weight_decay: 0.1, ..CautiousAdamWConfig::default() }.build().unwrap());
    test.run(GramsConfig { weight_decay: 0.1, ..GramsConfig::default() }.build().unwrap());
    test.run(MarsConfig { weight_decay: 0.1, ..MarsConfig::default() }.build().unwrap());
    for lr_power in [-0.5, -0.8] {
        test.run(FtrlConfig { lr_power, beta: 0.1, l1: 0.01, l2: 0.1 }.build().unwrap());
    }
}

/// Returns the buffers of a rule before its first step.
fn fresh_state<R: ElementwiseRule>(rule: &R, theta: &Tensor<1>) -> Vec<Buffer> {
    let starts = R::STATE.iter().filter_map(|name| rule.start(name, &theta.dims()));
    starts
        .map(|start| match start {
            Start::Value(value) => Buffer::new(theta.full_like(value)),
            Start::Parameter => Buffer::new(theta.clone()),
            Start::Zeros(shape) => panic!("a buffer of shape {shape:?} beside an element-wise rule"),
        })
        .collect()
}

/// Returns the coefficients of step `t` for a tensor of `elements` elements; `numbers` are the rule's numbers
/// for it.
fn at<R: ElementwiseRule>(rule: &R, lr: f64, t: u32, elements: usize, numbers: &mut [f64]) -> R::Step {
    rule.at_step(At { lr, t: t.into(), elements, numbers })
}

/// Returns the rule's numbers before the first step.
fn fresh_numbers<R: Rule>(_rule: &R) -> Vec<f64> {
    R::NUMBERS.iter().map(|&(_, start)| start).collect()
}

struct AgreeWithFormula {
    len: usize,
    offset: usize,
    seed: u32,
}

impl WithRule for AgreeWithFormula {
    fn run<R: ElementwiseRule + Optimizer>(&self, rule: R) {
        if R::Step::SUMS > 0 {
            // The formula sums in 32 bits, in an order that the backend chooses.
            return;
        }
        for device in host_devices() {
            self.on(&rule, &device);
        }
    }
}

/// Returns the device of every compiled backend that computes in host memory.
fn host_devices() -> Vec<Device> {
    vec![
        #[cfg(feature = "flex")]
        Device::flex(),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "Burn wants to drop `ndarray`; people ask for it all the same")]
        Device::ndarray(),
    ]
}

impl AgreeWithFormula {
    fn on<R: ElementwiseRule>(&self, rule: &R, device: &Device) {
        let theta = displaced(&values(self.len, self.seed), self.offset, device);
        let mut state = fresh_state(rule, &theta);
        let mut remembered = fresh_numbers(rule);
        let mut theta = Buffer::new(theta);
        for t in 1..=3 {
            let gradient = values(self.len, self.seed + t);
            let grad = Buffer::new(displaced(&gradient, (self.offset + t as usize) % 8, device));
            let operands = Operands { theta, grad, state };
            let step = at(rule, 0.01, t, self.len, &mut remembered);
            let (expected, expected_state) = operands.clone().apply_formula(&step);
            let mut ours = operands;
            assert!(ours.are_on_host());
            ours.apply_on_host(&step);
            assert_close(&format!("{rule:?}, step {t}, parameter"), &ours.theta, &expected);
            for (buffer, (ours, expected)) in ours.state.iter().zip(&expected_state).enumerate() {
                assert_close(&format!("{rule:?}, step {t}, buffer {buffer}"), ours, expected);
            }
            (theta, state) = (ours.theta, ours.state);
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn one_pass_agrees_with_the_formula_within_two_units_in_the_last_place(
        len in lengths(), offset in 0..8_usize, seed in 0..1000_u32,
    ) {
        with_every_rule(&AgreeWithFormula { len, offset, seed });
    }

    #[test]
    fn a_gradient_may_have_any_memory_layout(
        shape in proptest::collection::vec(1..9_usize, 3),
        order in Just([0_usize, 1, 2]).prop_shuffle(),
        flipped in 0..4_usize,
        broadcast in 0..4_usize,
        cut in any::<bool>(),
    ) {
        for device in host_devices() {
            let mut stored = shape.clone();
            if broadcast < 3 {
                stored[broadcast] = 1;
            }
            let data = TensorData::new(values(stored.iter().product(), 3), stored);
            let mut view = Tensor::<3>::from_data(data, &device);
            if flipped < 3 {
                view = view.flip([flipped as isize]);
            }
            view = view.expand([shape[0], shape[1], shape[2]]);
            if cut && shape[1] > 1 {
                view = view.narrow(1, 1, shape[1] - 1);
            }
            let view = view.permute(order.map(|axis| axis as isize));
            let plain = Tensor::<3>::from_data(view.clone().into_data(), &device);
            let size = plain.shape().num_elements();
            let theta = Tensor::<3>::from_data(TensorData::new(values(size, 5), plain.shape()), &device);
            let step = at(&AdamConfig::default().build().unwrap(), 0.01, 1, size, &mut []);
            let moved = |grad: Tensor<3>| {
                let zeros = || Buffer::new(theta.zeros_like());
                let state = vec![zeros(), zeros()];
                let mut operands =
                    Operands { theta: Buffer::new(theta.clone()), grad: Buffer::new(grad), state };
                operands.apply_on_host(&step);
                (numbers(&operands.theta), numbers(&operands.state[0]))
            };
            prop_assert_eq!(moved(view), moved(plain));
        }
    }
}

#[test]
fn a_rule_with_sums_over_the_tensor_agrees_with_64_bits() {
    let rule = LambConfig { weight_decay: 0.1, ..LambConfig::default() }.build().unwrap();
    let device = Device::default();
    for len in [1, 9, 2049, 40_000, 100_003] {
        let mut operands = Operands {
            theta: Buffer::new(tensor(&values(len, 1), &device)),
            grad: Buffer::new(tensor(&values(len, 2), &device)),
            state: fresh_state(&rule, &tensor(&values(len, 1), &device)),
        };
        let step = at(&rule, 0.01, 1, len, &mut []);
        let wide = |seed| values(len, seed).into_iter().map(f64::from);
        let mut sums = [0.0; 2];
        for (theta, grad) in wide(1).zip(wide(2)) {
            for (sum, total) in sums.iter_mut().enumerate() {
                *total += step.term(sum, theta, grad, &mut [0.0; 2]);
            }
        }
        operands.apply_on_host(&step);
        for ((theta, grad), ours) in wide(1).zip(wide(2)).zip(numbers(&operands.theta)) {
            let expected = step.update(theta, grad, &mut [0.0; 2], &sums);
            let scale = theta.abs().max((theta - expected).abs());
            let error = (f64::from(ours) - expected).abs();
            assert!(error <= 1e-6 * scale, "{len}: {ours}, in 64 bits {expected}");
        }
    }
}

/// Matrices of very different sizes, above and below the size from which parameters become parallel jobs.
#[derive(Module, Debug)]
struct Model {
    parameters: Vec<Param<Tensor<1>>>,
}

const SIZES: [usize; 8] = [1, 7, 500, 3000, 2047, 100_003, 16_384, 40_000];

impl Model {
    fn new() -> Self {
        let device = Device::default().autodiff();
        let parameter =
            |(i, len): (usize, &usize)| Param::from_tensor(tensor(&values(*len, i as u32), &device));
        Model { parameters: SIZES.iter().enumerate().map(parameter).collect() }
    }

    fn gradients(&self, step: u32) -> GradientsParams {
        let mut gradients = GradientsParams::new();
        for (parameter, len) in self.parameters.iter().zip(SIZES) {
            gradients.register(parameter.id, tensor(&values(len, 100 + step), &Device::default()));
        }
        gradients
    }

    fn bits(&self) -> Vec<u32> {
        let bits = |parameter: &Param<Tensor<1>>| {
            let numbers: Vec<f32> = parameter.val().into_data().try_to_vec().unwrap();
            numbers.into_iter().map(f32::to_bits)
        };
        self.parameters.iter().flat_map(bits).collect()
    }
}

/// Returns the model after three steps with clipping by the norm, the average of its weights, and the norm.
fn trained<R: ElementwiseRule>(rule: &R) -> ([Vec<u32>; 2], u64) {
    let transform = GradientTransform { l2: 0.01, clip_norm: Some(0.5), ..GradientTransform::default() };
    let mut optimizer = ModelOptimizer::elementwise("rule", rule.clone())
        .with_gradient_transform(transform)
        .unwrap()
        .with_weight_average(0.9)
        .unwrap();
    let mut model = Model::new();
    for step in 0..3 {
        let mut gradients = model.gradients(step);
        model = optimizer.apply(0.01, model, &mut gradients);
    }
    let norm = optimizer.gradient_norm().unwrap().value();
    ([model.bits(), optimizer.for_evaluation(&model).bits()], norm.to_bits())
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    struct SameBits;
    impl WithRule for SameBits {
        fn run<R: ElementwiseRule + Optimizer>(&self, rule: R) {
            let with_threads = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| trained(&rule))
            };
            let alone = with_threads(1);
            assert!(alone == with_threads(2), "{rule:?} on 2 threads");
            assert!(alone == with_threads(8), "{rule:?} on 8 threads");
            assert!(alone == trained(&rule), "{rule:?} from outside of the pool");
        }
    }
    with_every_rule(&SameBits);
}

#[test]
fn burns_driver_computes_the_same_bits_with_our_rules() {
    struct SameBits;
    impl WithRule for SameBits {
        fn run<R: ElementwiseRule + Optimizer>(&self, rule: R) {
            let mut burn: ModuleOptimizer = rule.clone().into();
            let mut ours = ModelOptimizer::elementwise("rule", rule.clone());
            let (mut by_burn, mut by_us) = (Model::new(), Model::new());
            for step in 0..3 {
                let gradients = by_burn.gradients(step);
                by_burn = burn.step(0.01, by_burn, gradients);
                let mut gradients = by_us.gradients(step);
                by_us = ours.apply(0.01, by_us, &mut gradients);
            }
            assert!(by_burn.bits() == by_us.bits(), "{rule:?}");
        }
    }
    with_every_rule(&SameBits);
}

#[test]
fn a_parameter_that_is_held_elsewhere_is_copied_and_the_held_one_is_unchanged() {
    let mut optimizer = ModelOptimizer::elementwise("adam", AdamConfig::default().build().unwrap());
    let mut model = Model::new();
    for step in 0..3 {
        let (held, before) = (model.clone(), model.bits());
        let mut gradients = model.gradients(step);
        model = optimizer.apply(0.01, model, &mut gradients);
        assert!(held.bits() == before, "step {step} moved a clone of the model");
        assert!(model.bits() != before, "step {step} moved nothing");
    }
}

#[test]
#[should_panic(expected = "a gradient of another size than its parameter")]
fn a_gradient_of_another_size_is_refused() {
    let device = Device::default();
    let mut operands = Operands {
        theta: Buffer::new(tensor(&[1.0, 2.0], &device)),
        grad: Buffer::new(tensor(&[1.0], &device)),
        state: Vec::new(),
    };
    operands.apply_on_host(&at(&SgdConfig::default().build().unwrap(), 0.1, 1, 2, &mut []));
}
