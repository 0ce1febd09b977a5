//! Special parameters: shared, frozen, without a gradient, with one element or none, or of 16 bits.

use super::*;
use burn::optim::ModuleOptimizer;
use burn::tensor::{DType, FloatDType};
use optlab_optim::{AdamConfig, Evaluate, LionConfig, NovoGradConfig};

/// A model in which `other` is the same parameter as `one`.
#[derive(Module, Debug)]
struct Tied {
    one: Param<Tensor<2>>,
    own: Param<Tensor<1>>,
    other: Param<Tensor<2>>,
    last: Param<Tensor<2>>,
}

/// The same model without the second path.
#[derive(Module, Debug)]
struct Single {
    one: Param<Tensor<2>>,
    own: Param<Tensor<1>>,
    last: Param<Tensor<2>>,
}

/// Shapes of the shared parameter, below and above the size from which parameters are moved in parallel.
const SIZES: [[usize; 2]; 2] = [[3, 4], [64, 40]];
const OWN: [usize; 1] = [5];
const LAST: [usize; 2] = [2, 2];

impl Single {
    fn new(shape: [usize; 2]) -> Self {
        let device = Device::default().autodiff();
        Single {
            one: Param::from_tensor(tensor(&random(INITIAL, 0, &shape), &shape, &device)),
            own: Param::from_tensor(tensor(&random(INITIAL, 1, &OWN), &OWN, &device)),
            last: Param::from_tensor(tensor(&random(INITIAL, 2, &LAST), &LAST, &device)),
        }
    }
}

impl Tied {
    fn new(shape: [usize; 2]) -> Self {
        let Single { one, own, last } = Single::new(shape);
        Tied { other: one.clone(), one, own, last }
    }
}

/// Returns `Σ c ⊙ one + ¼ Σ other² + Σ own ⊙ (d + own / 2) + Σ e ⊙ last` with the random numbers of step `t`.
fn loss(t: usize, one: Tensor<2>, other: Tensor<2>, own: Tensor<1>, last: Tensor<2>) -> Tensor<1> {
    let device = one.device();
    let number = |place, shape: &[usize]| random(t, place, shape);
    let (c, d) = (number(0, &one.dims()), number(1, &OWN));
    let c = tensor::<2>(&c, &one.dims(), &device);
    let d = tensor::<1>(&d, &OWN, &device);
    let e = tensor::<2>(&number(2, &LAST), &LAST, &device);
    (one * c).sum()
        + other.square().sum().mul_scalar(0.25)
        + (own.clone() * (d + own.mul_scalar(0.5))).sum()
        + (last * e).sum()
}

/// Returns the gradient of [`loss`] if `one` and `other` are the same parameter.
fn slope(theta: &Values, t: usize, shape: [usize; 2]) -> Values {
    let mut slope = vec![random(t, 0, &shape), random(t, 1, &OWN), random(t, 2, &LAST)];
    slope[0].iter_mut().zip(&theta[0]).for_each(|(slope, theta)| *slope += 0.5 * theta);
    slope[1].iter_mut().zip(&theta[1]).for_each(|(slope, theta)| *slope += theta);
    slope
}

fn evaluate_tied(model: &Tied, t: usize) -> ((), GradientsParams) {
    let Tied { one, own, other, last } = model;
    let loss = loss(t, one.val(), other.val(), own.val(), last.val());
    ((), GradientsParams::from_grads(loss.backward(), model))
}

fn evaluate_single(model: &Single, t: usize) -> ((), GradientsParams) {
    let Single { one, own, last } = model;
    let loss = loss(t, one.val(), one.val(), own.val(), last.val());
    ((), GradientsParams::from_grads(loss.backward(), model))
}

/// Returns the parameters, after checking that the shared one is the same under both paths.
#[track_caller]
fn tied_values(model: &Tied, case: &str) -> Values {
    assert_eq!(bits(&model.one), bits(&model.other), "{case}");
    [&model.one]
        .iter()
        .flat_map(|param| values(*param))
        .chain(values(&model.own))
        .chain(values(&model.last))
        .collect()
}

type Formula = Box<dyn FnMut(usize, f64, &mut Values)>;

fn norm(values: &Values) -> f64 {
    values.iter().flatten().map(|value| value * value).sum::<f64>().sqrt()
}

/// Returns the formula of each spec, for parameters of which the first has the given shape.
fn formulas(shape: [usize; 2]) -> Vec<(&'static str, Formula)> {
    let zeros: Values = vec![vec![0.0; shape[0] * shape[1]], vec![0.0; 5], vec![0.0; 4]];
    let mut velocity = zeros.clone();
    let mut moments = (zeros.clone(), zeros);
    let mut slow: Option<Values> = None;
    vec![
        (
            "sgd:momentum=0.9",
            Box::new(move |t, lr, theta| {
                each(&mut velocity, &slope(theta, t, shape), |velocity, grad| 0.9 * velocity + grad);
                descend(theta, &velocity, lr);
            }),
        ),
        (
            "adam:beta_2=0.9",
            Box::new(move |t, lr, theta| {
                let (first, second) = &mut moments;
                let grad = slope(theta, t, shape);
                each(first, &grad, |m, grad| 0.9 * m + 0.1 * grad);
                each(second, &grad, |v, grad| 0.9 * v + 0.1 * grad * grad);
                let correction = 1.0 - 0.9_f64.powi(t as i32);
                let mut step = first.clone();
                each(&mut step, second, |m, v| m / correction / ((v / correction).sqrt() + 1e-8));
                descend(theta, &step, lr);
            }),
        ),
        (
            "clip:norm=1.3,base=sgd",
            Box::new(move |t, lr, theta| {
                let grad = slope(theta, t, shape);
                descend(theta, &grad, lr * (1.3 / (norm(&grad) + 1e-6)).min(1.0));
            }),
        ),
        (
            "sam:rho=0.8,base=sgd",
            Box::new(move |t, lr, theta| {
                let grad = slope(theta, t, shape);
                let mut ascended = theta.clone();
                descend(&mut ascended, &grad, -0.8 / (norm(&grad) + 1e-12));
                descend(theta, &slope(&ascended, t, shape), lr);
            }),
        ),
        (
            "lookahead:steps=2,alpha=0.25,base=sgd",
            Box::new(move |t, lr, theta| {
                let slow = slow.get_or_insert_with(|| theta.clone());
                let grad = slope(theta, t, shape);
                descend(theta, &grad, lr);
                if t % 2 == 0 {
                    each(slow, theta, |slow, fast| slow + 0.25 * (fast - slow));
                    theta.clone_from(slow);
                }
            }),
        ),
    ]
}

#[test]
fn a_parameter_with_two_paths_moves_once_by_the_sum_of_its_gradients() {
    for shape in SIZES {
        for (text, mut formula) in formulas(shape) {
            let mut optimizer = build(text);
            let mut model = Tied::new(shape);
            let mut theta = tied_values(&model, text);
            for t in 1..=5 {
                formula(t, rate(t), &mut theta);
                model = optimizer.step(rate(t), model, |model| evaluate_tied(model, t)).0;
                let case = format!("{text} of {shape:?} after step {t}");
                assert_close(&tied_values(&model, &case), &theta, &case);
            }
        }
    }
}

#[test]
fn a_parameter_with_two_paths_has_one_state_and_stays_shared_with_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    for text in [
        "adamw",
        "lamb",
        "adafactor",
        "muon:other=adamw",
        "prodigy",
        "schedule_free_sgd",
        "burn.adam",
        "asam:base=adam",
        "ema:decay=0.7,base=adam",
        "centralized:base=adam",
        "adaptive_clip:base=adam",
        "clip:tensor_norm=0.3,norm=0.4,base=adam",
        "cautious:base=adam",
        "decay:base=adam",
        "skip_non_finite:base=adam",
    ] {
        for shape in SIZES {
            let (mut optimizer, mut of_single) = (build(text), build(text));
            let (mut model, mut single) = (Tied::new(shape), Single::new(shape));
            for t in 1..=6 {
                if t == 4 {
                    optimizer.save(&path).unwrap();
                    optimizer = build(text);
                    optimizer.load(&path, &model, &Device::default()).unwrap();
                }
                model = optimizer.step(rate(t), model, |model| evaluate_tied(model, t)).0;
                single = of_single.step(rate(t), single, |model| evaluate_single(model, t)).0;
                let case = format!("{text} of {shape:?} after step {t}");
                assert_eq!(tied_values(&model, &case), values(&single), "{case}");
                let evaluated = tied_values(&optimizer.for_evaluation(&model), &case);
                assert_eq!(evaluated, values(&of_single.for_evaluation(&single)), "{case}, evaluated");
                assert_eq!(optimizer.state_bytes(), of_single.state_bytes(), "{case}");
            }
        }
    }
}

#[derive(Module, Debug)]
struct HalfFrozen {
    frozen: Param<Tensor<2>>,
    free: Param<Tensor<2>>,
}

#[test]
fn a_frozen_parameter_is_unchanged_and_stays_frozen_with_every_rule() {
    for text in [
        "adamw",
        "muon:other=adamw",
        "adafactor",
        "prodigy",
        "burn.adam",
        "lbfgs",
        "burn.lbfgs",
        "sam:base=sgd",
        "ema:base=sgd",
        "lookahead:steps=1,base=sgd",
        "lawa:every=1,base=sgd",
        "schedule_free:base=sgd",
        "ema_nesterov:step=3,base=sgd",
        "mechanic:initial=0.1,base=sgd",
        "hyperball:base=sgd",
        "lazy:base=sgd",
        "grokfast:base=sgd",
        "variance_reduced:base=sgd",
        "decay:base=sgd",
        "clip:base=sgd",
        "centralized:base=sgd",
        "cautious:base=adam",
    ] {
        for shape in SIZES {
            let Single { one, .. } = Single::new(shape);
            let free = Param::from_tensor(one.val().mul_scalar(0.5).detach());
            let mut model = HalfFrozen { frozen: one.no_grad(), free };
            let before = [bits(&model.frozen), bits(&model.free)];
            let mut optimizer = build(text);
            for _ in 0..3 {
                model = optimizer
                    .step(0.1, model, |model| {
                        let loss = (model.free.val() - model.frozen.val()).square().sum();
                        (loss.clone().inner(), GradientsParams::from_grads(loss.backward(), model))
                    })
                    .0;
            }
            assert_eq!(bits(&model.frozen), before[0], "{text}");
            assert_ne!(bits(&model.free), before[1], "{text}");
            assert!(!model.frozen.val().is_require_grad() && model.free.val().is_require_grad(), "{text}");
            assert_eq!(bits(&optimizer.for_evaluation(&model).frozen), before[0], "{text}");
        }
    }
}

#[test]
fn a_parameter_without_a_gradient_in_a_step_is_left_out_of_it() {
    // Adam, with a separate step counter for each parameter.
    let mut moments: Vec<Vec<[f64; 2]>> =
        SHAPES.iter().map(|shape| vec![[0.0; 2]; shape.iter().product()]).collect();
    let mut steps = [0; 4];
    let without =
        |t: usize, place: usize| (t, place) == (2, 1) || (t, place) == (1, 2) || (t, place) == (3, 2);
    let mut optimizer = build("adam:weight_decay=0.1");
    let mut model = Model::new();
    let mut theta = values(&model);
    for t in 1..=5 {
        let grad = gradient_values(t);
        for place in (0..4).filter(|&place| !without(t, place)) {
            steps[place] += 1;
            let correction = |beta: f64| 1.0 - beta.powi(steps[place]);
            for (i, theta) in theta[place].iter_mut().enumerate() {
                let [m, v] = &mut moments[place][i];
                let grad = grad[place][i] + 0.1 * *theta;
                *m = 0.9 * *m + 0.1 * grad;
                *v = 0.999 * *v + 0.001 * grad * grad;
                *theta -= rate(t) * (*m / correction(0.9)) / ((*v / correction(0.999)).sqrt() + 1e-8);
            }
        }
        let mut given =
            gradients_of(&model, |place, _, shape| (!without(t, place)).then(|| random(t, place, shape)));
        model = optimizer.apply(rate(t), model, &mut given);
        assert_close(&values(&model), &theta, &format!("step {t}"));
    }
}

/// The gradients of step `t`, for any parameters and any element type.
struct Given {
    t: usize,
    dtype: FloatDType,
    /// Whether the gradients of matrices are transposed views.
    transposed: bool,
}

impl Given {
    fn gradients<M: Module>(&self, model: &M, t: usize) -> GradientsParams {
        struct Visitor<'a> {
            given: &'a Given,
            t: usize,
            gradients: GradientsParams,
        }
        impl ModuleVisitor for Visitor<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let shape = param.val().dims();
                // Seeded by the shape, so that the gradient does not depend on other parameters.
                let place = shape.iter().product::<usize>() + D;
                let device = param.val().device().inner();
                let gradient = tensor::<D>(&random(self.t, place, &shape), &shape, &device);
                let gradient = gradient.cast(self.given.dtype);
                let gradient = if self.given.transposed && D == 2 {
                    let mut turned = shape;
                    turned.swap(0, 1);
                    Tensor::<D>::zeros(turned, &device).cast(self.given.dtype).swap_dims(0, 1) + gradient
                } else {
                    gradient
                };
                self.gradients.register(param.id, gradient);
            }
        }
        let mut visitor = Visitor { given: self, t, gradients: GradientsParams::new() };
        model.visit(&mut visitor);
        visitor.gradients
    }
}

impl<M: Module> Evaluate<M> for Given {
    type Measured = f64;

    fn evaluate(&mut self, model: &M) -> (f64, GradientsParams) {
        // A loss to return with the gradients, for line searches.
        let gradients = self.gradients(model, self.t);
        (1.0 / self.t as f64, gradients)
    }

    fn evaluate_sampled(&mut self, model: &M) -> Option<(GradientsParams, usize)> {
        Some((self.gradients(model, self.t + 50), 3))
    }
}

fn in_32_bits(t: usize) -> Given {
    Given { t, dtype: FloatDType::F32, transposed: false }
}

#[test]
fn parameters_of_one_element_are_moved_by_every_rule() {
    for spec in OptimizerSpec::all() {
        for shape in [vec![1], vec![1, 1]] {
            let mut optimizer = spec.build().unwrap();
            // Rules that estimate their step size make tiny steps first.
            let lr = spec.default_lr().max(0.01);
            let device = Device::default().autodiff();
            let values = if shape.len() == 1 {
                let start = Param::from_tensor(tensor::<1>(&[0.75], &shape, &device));
                values(&(1..=3).fold(start, |m, t| optimizer.step_with(lr, m, &mut in_32_bits(t)).0))
            } else {
                let start = Param::from_tensor(tensor::<2>(&[0.75], &shape, &device));
                values(&(1..=3).fold(start, |m, t| optimizer.step_with(lr, m, &mut in_32_bits(t)).0))
            };
            let name = spec.name();
            assert!(values[0][0].is_finite(), "{name}: {values:?}");
            // Muon and its relatives do not move vectors; centralizing subtracts the mean, which for one
            // number is the number itself.
            let is_for_matrices =
                ["muon", "normuon", "adamuon", "asgo", "one_sided_shampoo", "soap_muon"].contains(&name);
            let is_still = is_for_matrices && shape.len() == 1 || name == "centralized" && shape.len() == 2;
            // L-BFGS moves nothing without a loss, and the norm of one number is the number itself.
            let is_still = is_still || name == "lbfgs" || name == "hyperball" && shape.len() == 2;
            assert!((values[0][0] != 0.75) || is_still, "{name} of {shape:?}");
        }
    }
}

#[derive(Module, Debug)]
struct Holey {
    none: Param<Tensor<1>>,
    empty: Param<Tensor<2>>,
    full: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct Whole {
    full: Param<Tensor<2>>,
}

#[test]
fn empty_parameters_do_not_affect_the_others() {
    let device = Device::default().autodiff();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    let full = || Param::from_tensor(tensor::<2>(&random(INITIAL, 0, &[3, 4]), &[3, 4], &device));
    for spec in OptimizerSpec::all() {
        for transposed in [false, true] {
            let (mut of_holey, mut of_whole) = (spec.build().unwrap(), spec.build().unwrap());
            let none = Param::from_tensor(Tensor::zeros([0], &device));
            let empty = Param::from_tensor(Tensor::zeros([0, 3], &device));
            let mut holey = Holey { none, empty, full: full() };
            let mut whole = Whole { full: full() };
            for t in 1..=4 {
                let mut given = Given { t, dtype: FloatDType::F32, transposed };
                holey = of_holey.step_with(0.01, holey, &mut given).0;
                whole = of_whole.step_with(0.01, whole, &mut given).0;
                assert_eq!(bits(&holey.full), bits(&whole.full), "{spec}, step {t}");
                assert_eq!((holey.none.dims(), holey.empty.dims()), ([0], [0, 3]), "{spec}");
                let evaluated = of_holey.for_evaluation(&holey);
                assert_eq!(bits(&evaluated.full), bits(&of_whole.for_evaluation(&whole).full), "{spec}");
                if t == 2 {
                    of_holey.save(&path).unwrap();
                    of_holey = spec.build().unwrap();
                    let loaded = of_holey.load(&path, &holey, &Device::default());
                    loaded.unwrap_or_else(|error| panic!("{spec}: {error}"));
                }
            }
        }
    }
}

/// Two matrices, one of which is moved in parallel, and a vector, rounded to a 16-bit type.
#[derive(Module, Debug)]
struct Rounded {
    vector: Param<Tensor<1>>,
    large: Param<Tensor<2>>,
    small: Param<Tensor<2>>,
}

impl Rounded {
    fn new(dtype: FloatDType) -> Self {
        let Single { one: large, own: vector, .. } = Single::new(SIZES[1]);
        let Single { one: small, .. } = Single::new(SIZES[0]);
        Rounded { vector, large, small }.map(&mut Round { through: dtype, to: dtype })
    }

    fn dtypes(&self) -> [DType; 3] {
        [self.vector.dtype(), self.large.dtype(), self.small.dtype()]
    }
}

struct Round {
    through: FloatDType,
    to: FloatDType,
}

impl ModuleMapper for Round {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|theta| {
            let rounded = theta.inner().cast(self.through).cast(self.to);
            Tensor::from_inner(rounded).require_grad()
        })
    }
}

const HALVES: [FloatDType; 2] = [FloatDType::F16, FloatDType::BF16];

/// Compares the steps of a 16-bit model with those of a 32-bit model that is rounded after each step.
fn assert_rounded_only_between_steps(
    name: &str,
    mut in_16: impl FnMut(Rounded, Given) -> Rounded,
    mut in_32: impl FnMut(Rounded, Given) -> Rounded,
    half: FloatDType,
) {
    let mut model = Rounded::new(half);
    let mut expected = model.clone().map(&mut Round { through: half, to: FloatDType::F32 });
    for t in 1..=4 {
        // The gradients are in 16 bits for both models, so the numbers are the same.
        let given = || Given { t, dtype: half, transposed: false };
        model = in_16(model, given());
        expected = in_32(expected, given()).map(&mut Round { through: half, to: FloatDType::F32 });
        assert_eq!(bits(&model), bits(&expected), "{name} in {half:?}, step {t}");
        assert_eq!(model.dtypes(), [DType::from(half); 3], "{name}");
    }
}

#[test]
fn parameters_of_16_bits_are_moved_with_32_bit_state() {
    for spec in OptimizerSpec::all() {
        // L-BFGS keeps parameters and gradients in one tensor, so it is tested separately. The point ahead of
        // `ema_nesterov` is evaluated in 16 bits, and its rule moves on from there.
        if ["lbfgs", "burn.lbfgs", "ema_nesterov"].contains(&spec.name()) {
            continue;
        }
        for half in HALVES {
            let (mut optimizer, mut expected) = (spec.build().unwrap(), spec.build().unwrap());
            assert_rounded_only_between_steps(
                spec.name(),
                |model, mut given| optimizer.step_with(0.01, model, &mut given).0,
                |model, mut given| expected.step_with(0.01, model, &mut given).0,
                half,
            );
            assert_eq!(optimizer.state_bytes(), expected.state_bytes(), "{spec} in {half:?}");
        }
    }
}

#[test]
fn burns_driver_moves_16_bit_parameters_with_32_bit_state() {
    type Driver = fn() -> ModuleOptimizer;
    let drivers: [(&str, Driver); 3] = [
        ("adam", || AdamConfig::default().build().unwrap().into()),
        ("lion", || LionConfig::default().build().unwrap().into()),
        ("novograd", || NovoGradConfig::default().build().unwrap().into()),
    ];
    for (name, driver) in drivers {
        for half in HALVES {
            let (mut optimizer, mut expected) = (driver(), driver());
            assert_rounded_only_between_steps(
                name,
                |model, given| {
                    let gradients = given.gradients(&model, given.t);
                    optimizer.step(0.01, model, gradients)
                },
                |model, given| {
                    let gradients = given.gradients(&model, given.t);
                    expected.step(0.01, model, gradients)
                },
                half,
            );
        }
    }
}
