//! Tests of wrappers against independent implementations in plain 64-bit numbers, written from the formulas
//! in the documentation and the papers, not from the library.

mod before;
mod beside;
mod cautious_decay;
mod composition;
mod corners;
mod evaluations;
mod filters;
mod free;
mod groups;
mod lazy;
mod lbfgs;
mod losses;
mod skipping;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use optlab_optim::{ModelOptimizer, OptimizerSpec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A matrix `[d_input, d_output]`, the kernels `[out, in, height, width]` of a convolution, and two vectors.
#[derive(Module, Debug)]
struct Model {
    linear: Linear,
    conv: Conv2d,
}

const SHAPES: [&[usize]; 4] = [&[4, 3], &[3], &[3, 2, 2, 2], &[3]];

/// The elements of each parameter, row-major, in the order of the model.
type Values = Vec<Vec<f64>>;

impl Model {
    /// Returns a model with the same parameters every time, between -1 and 1.
    fn new() -> Self {
        let device = Device::default().autodiff();
        let model = Model {
            linear: LinearConfig::new(4, 3).init(&device),
            conv: Conv2dConfig::new([2, 3], [2, 2]).init(&device),
        };
        let initial: Values = (0..4).map(|place| random(INITIAL, place, SHAPES[place])).collect();
        with_values(model, &initial)
    }
}

/// The seed of the parameters; the seed of gradients is the step number.
const INITIAL: usize = 1000;

/// Returns random numbers between -1 and 1 that are exact in 32 bits.
fn random(seed: usize, place: usize, shape: &[usize]) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64((seed * 100 + place) as u64);
    let elements: usize = shape.iter().product();
    (0..elements).map(|_| f64::from(random.random_range(-1.0_f32..1.0))).collect()
}

/// Returns a tensor with the given values and shape.
fn tensor<const D: usize>(values: &[f64], shape: &[usize], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape.to_vec()), device)
}

/// Returns `model` with the given values.
fn with_values<M: Module>(model: M, values: &Values) -> M {
    struct Fill<'a>(std::slice::Iter<'a, Vec<f64>>);
    impl ModuleMapper for Fill<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let values = self.0.next().unwrap();
            param.map(|before| tensor(values, &before.dims(), &before.device()).require_grad())
        }
    }
    model.map(&mut Fill(values.iter()))
}

/// Calls `visit` for each parameter with its index, values and shape. The result becomes the gradient.
fn gradients_of<M: Module>(
    model: &M,
    visit: impl FnMut(usize, &[f64], &[usize]) -> Option<Vec<f64>>,
) -> GradientsParams {
    struct Visitor<F> {
        visit: F,
        place: usize,
        gradients: GradientsParams,
    }
    impl<F: FnMut(usize, &[f64], &[usize]) -> Option<Vec<f64>>> ModuleVisitor for Visitor<F> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let theta = param.val();
            let values: Vec<f64> = theta.clone().into_data().iter::<f64>().collect();
            let shape = theta.dims();
            if let Some(gradient) = (self.visit)(self.place, &values, &shape) {
                self.gradients.register(param.id, tensor::<D>(&gradient, &shape, &theta.device().inner()));
            }
            self.place += 1;
        }
    }
    let mut visitor = Visitor { visit, place: 0, gradients: GradientsParams::new() };
    model.visit(&mut visitor);
    visitor.gradients
}

/// Returns the gradients of step `t`, which do not depend on the parameters.
fn gradients<M: Module>(model: &M, t: usize) -> GradientsParams {
    gradients_of(model, |place, _, shape| Some(random(t, place, shape)))
}

/// Returns the numbers of [`gradients`].
fn gradient_values(t: usize) -> Values {
    SHAPES.iter().enumerate().map(|(place, shape)| random(t, place, shape)).collect()
}

fn values<M: Module>(model: &M) -> Values {
    let mut all = Values::new();
    gradients_of(model, |_, values, _| {
        all.push(values.to_vec());
        None
    });
    all
}

fn bits<M: Module>(model: &M) -> Vec<u32> {
    values(model).into_iter().flatten().map(|value| (value as f32).to_bits()).collect()
}

fn build(text: &str) -> ModelOptimizer {
    let spec = text.parse::<OptimizerSpec>().unwrap_or_else(|error| panic!("{text}: {error}"));
    spec.build().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns the rate of step `t`, counted from 1; it alternates.
fn rate(t: usize) -> f64 {
    if t.is_multiple_of(2) { 0.05 } else { 0.125 }
}

#[track_caller]
fn assert_close(given: &Values, expected: &Values, case: &str) {
    assert_eq!(given.len(), expected.len(), "{case}");
    for (place, (given, expected)) in given.iter().zip(expected).enumerate() {
        assert_eq!(given.len(), expected.len(), "{case}: parameter {place}");
        for (i, (given, expected)) in given.iter().zip(expected).enumerate() {
            let is_close = (given - expected).abs() <= 3e-6 * expected.abs().max(1.0);
            assert!(is_close, "{case}: parameter {place}, element {i}: {given}, not {expected}");
        }
    }
}

/// Compares `steps` steps of `text` with `formula`. The formula gets the step number, counted from 1, the
/// rate, the parameters, which it moves, and their gradients; it returns the parameters to evaluate with.
#[track_caller]
fn assert_follows(
    text: &str,
    steps: usize,
    mut formula: impl FnMut(usize, f64, &mut Values, &Values) -> Values,
) {
    let mut optimizer = build(text);
    let mut model = Model::new();
    let mut theta = values(&model);
    assert_close(
        &values(&optimizer.for_evaluation(&model)),
        &theta,
        &format!("{text} before the first step"),
    );
    for t in 1..=steps {
        let evaluated = formula(t, rate(t), &mut theta, &gradient_values(t));
        model = optimizer.step(rate(t), model, |model| (0.0, gradients(model, t))).0;
        assert_close(&values(&model), &theta, &format!("{text} after step {t}"));
        let given = values(&optimizer.for_evaluation(&model));
        assert_close(&given, &evaluated, &format!("{text}, evaluated after step {t}"));
    }
}

/// Applies `θ ← formula(θ, g)` to each element.
fn each(theta: &mut Values, grad: &Values, mut formula: impl FnMut(f64, f64) -> f64) {
    for (theta, grad) in theta.iter_mut().flatten().zip(grad.iter().flatten()) {
        *theta = formula(*theta, *grad);
    }
}

/// Makes one step of gradient descent.
fn descend(theta: &mut Values, grad: &Values, lr: f64) {
    each(theta, grad, |theta, grad| theta - lr * grad);
}
