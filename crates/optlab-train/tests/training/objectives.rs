//! A table of all our own rules and four objectives: with the given learning rate, each rule reaches the
//! given loss in the given number of steps. A new rule needs a new row of four entries.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use optlab_core::random::{Purpose, stream};
use optlab_optim::{Evaluate, OptimizerSpec};
use optlab_train::data::{self, BatchTargets, Source, Targets};
use optlab_train::objective::Objective as TrainObjective;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Objective {
    /// `½ (θ − 1)ᵀ A (θ − 1)` of 20 parameters `[4, 5]`; `θ − 1` starts as the sum of the eigenvectors of
    /// `A`. Its eigenvalues go from 1 to 1e-4 in equal factors, its eigenvectors are not along the axes.
    Quadratic,
    /// `(1 − x)² + 100 (y − x²)²` of `[1, 2]`, from (−1.2, 1).
    Rosenbrock,
    /// `‖X − U Vᵀ‖²` with `X` `[8, 6]` of rank 2, `U` `[8, 2]` and `V` `[6, 2]`.
    Factorization,
    /// Cross entropy of a linear classifier `[65, 10]` (64 pixels and a 1) on the first 256 of `digits`,
    /// starting near 0.
    Digits,
}

use Objective::*;

const OBJECTIVES: [Objective; 4] = [Quadratic, Rosenbrock, Factorization, Digits];

#[derive(Module, Debug)]
struct Matrices {
    matrices: Vec<Param<Tensor<2>>>,
}

impl Matrices {
    fn at(&self, i: usize) -> Tensor<2> {
        self.matrices[i].val()
    }
}

/// An objective on a device: the mean loss of outputs computed from the parameters. For a sum of squares, the
/// outputs are multiplied by the square root of their number.
struct Problem {
    objective: Objective,
    task: TrainObjective,
    /// The data that the parameters are combined with.
    inputs: Tensor<2>,
    targets: BatchTargets,
    /// Number of outputs, each with a loss.
    len: usize,
    /// Number of gradients computed, for the drawn labels.
    steps: u64,
}

fn matrix<const R: usize, const C: usize>(device: &Device, value: impl Fn(usize, usize) -> f64) -> Tensor<2> {
    let values: Vec<f32> = (0..R * C).map(|i| value(i / C, i % C) as f32).collect();
    Tensor::from_data(TensorData::new(values, [R, C]), device)
}

/// Returns element `i` of vector `j` of 20 orthogonal vectors of length 1: a reflection.
fn eigenvector(i: usize, j: usize) -> f64 {
    let axis = |i: usize| (1.0 + i as f64).sin();
    let length: f64 = (0..20).map(|i| axis(i).powi(2)).sum();
    f64::from(u8::from(i == j)) - 2.0 * axis(i) * axis(j) / length
}

impl Problem {
    fn new(objective: Objective, device: &Device) -> Self {
        let zeros = |shape: [usize; 2]| BatchTargets::Values(Tensor::zeros(shape, device));
        let (inputs, targets, len) = match objective {
            Quadratic => {
                let root = |j: usize| (0.5 * 20.0 * 1e-4_f64.powf(j as f64 / 19.0)).sqrt();
                (matrix::<20, 20>(device, |i, j| eigenvector(i, j) * root(j)), zeros([20, 1]), 20)
            }
            Rosenbrock => (matrix::<1, 1>(device, |_, _| 0.0), zeros([2, 1]), 2),
            Factorization => {
                let left = |i: usize, k: usize| (1.0 + 1.7 * i as f64 + 2.9 * k as f64).sin();
                let right = |j: usize, k: usize| (0.5 + 2.3 * j as f64 - 1.1 * k as f64).cos();
                let product = |i, j| left(i, 0) * right(j, 0) + 0.5 * left(i, 1) * right(j, 1);
                (matrix::<8, 6>(device, product), zeros([48, 1]), 48)
            }
            Digits => {
                let train = data::load("digits", &Source::default()).unwrap().train;
                let pixel = |i: usize, j: usize| train.input(i).get(j).map_or(1.0, |pixel| f64::from(*pixel));
                let Targets::Classes { labels, .. } = &train.targets else { panic!("digits have classes") };
                let classes: Vec<i64> = labels[..256].iter().map(|label| i64::from(*label)).collect();
                let classes = BatchTargets::Classes(Tensor::from_data(classes.as_slice(), device));
                (matrix::<256, 65>(device, pixel), classes, 256)
            }
        };
        let task =
            if objective == Digits { TrainObjective::classification() } else { TrainObjective::regression() };
        Problem { objective, task, inputs, targets, len, steps: 0 }
    }

    /// Returns the parameters that every rule starts from.
    fn start(&self, device: &Device) -> Matrices {
        let sum = |i: usize| (0..20).map(|j| eigenvector(i, j)).sum::<f64>();
        let matrices = match self.objective {
            Quadratic => vec![matrix::<4, 5>(device, |i, j| 1.0 + sum(5 * i + j))],
            Rosenbrock => vec![matrix::<1, 2>(device, |_, j| [-1.2, 1.0][j])],
            Factorization => vec![
                matrix::<8, 2>(device, |i, k| 0.3 * (3.0 + (2 * i + k) as f64).sin()),
                matrix::<6, 2>(device, |j, k| 0.3 * (7.0 * (2 * j + k) as f64).cos()),
            ],
            Digits => vec![matrix::<65, 10>(device, |i, j| 0.03 * (1.0 + (10 * i + j) as f64).sin())],
        };
        Matrices { matrices: matrices.into_iter().map(Param::from_tensor).collect() }
    }

    /// Returns one output per row, each an example with a loss of its own.
    fn outputs(&self, model: &Matrices) -> Tensor<2> {
        match self.objective {
            Quadratic => (model.at(0) - 1.0).reshape([1, 20]).matmul(self.inputs.clone()).reshape([20, 1]),
            Rosenbrock => {
                let x = model.at(0).narrow(1, 0, 1);
                let y = model.at(0).narrow(1, 1, 1);
                let valley = (y - x.clone().square()).mul_scalar(10.0);
                Tensor::cat(vec![x.neg().add_scalar(1.0), valley], 0).mul_scalar(2_f64.sqrt())
            }
            Factorization => {
                let rest = self.inputs.clone() - model.at(0).matmul(model.at(1).transpose());
                rest.mul_scalar(48_f64.sqrt()).reshape([48, 1])
            }
            Digits => self.inputs.clone().matmul(model.at(0)),
        }
    }

    fn loss(&self, model: &Matrices) -> f64 {
        self.task.loss.mean(self.outputs(model), &self.targets).into_scalar::<f32>().into()
    }
}

impl Evaluate<Matrices> for Problem {
    type Measured = f64;

    fn evaluate(&mut self, model: &Matrices) -> (f64, GradientsParams) {
        self.steps += 1;
        let loss = self.task.loss.mean(self.outputs(model), &self.targets);
        let gradients = GradientsParams::from_grads(loss.backward(), model);
        (loss.into_scalar::<f32>().into(), gradients)
    }

    /// Draws classes from the softmax of a classifier; for the other objectives draws numbers around the
    /// outputs with variance 1/2, so that the expected square of the gradient is the diagonal of the
    /// Gauss-Newton matrix.
    fn evaluate_sampled(&mut self, model: &Matrices) -> Option<(GradientsParams, usize)> {
        let outputs = self.outputs(model);
        let loss = self.task.sampled_loss(outputs, &mut stream(0, Purpose::Labels, self.steps)).unwrap();
        Some((GradientsParams::from_grads(loss.backward(), model), self.len))
    }
}

/// Wrappers around or beside other rules: all of [`OptimizerSpec::all`] but these and `burn.*` have rows
/// here.
const WRAPPERS: [&str; 22] = [
    "sam",
    "asam",
    "lookahead",
    "ema",
    "swa",
    "lawa",
    "schedule_free",
    "ema_nesterov",
    "mechanic",
    "hyperball",
    "grokfast",
    "variance_reduced",
    "centralized",
    "clip",
    "adaptive_clip",
    "skip_non_finite",
    "cautious",
    "decay",
    "compact",
    "lazy",
    "group",
    "no_vector_decay",
];

/// Rules at a constant rate; for all others the rate falls linearly from the row's to 0. With a falling rate
/// `ftrl` would return to 0 by itself: it scales its sum of gradients by the rate of the current step, but
/// its sum of parameters by the rates of their own steps.
const CONSTANT: [&str; 1] = ["ftrl"];

/// A rule, and per objective, in the order of [`OBJECTIVES`]: the learning rate, the steps, the loss to
/// reach.
type Row = (&'static str, [(f64, usize, f64); 4]);

/// The losses at the start are 1.3, 24.2, 10.6 and 2.3.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("sgd:momentum=0.9", [(3.0, 1000, 1e-5), (2e-3, 2000, 1e-7), (0.01, 500, 1e-7), (3.0, 200, 0.01)]),
    ("adam", [(1.0, 1000, 1e-5), (0.3, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("adamw:weight_decay=0.0", [(1.0, 1000, 1e-5), (0.3, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("adamc:weight_decay=0.0", [(1.0, 1000, 1e-5), (1.0, 2000, 1e-7), (0.3, 500, 1e-7), (1.0, 200, 1e-3)]),
    ("adamax", [(1.0, 1000, 1e-3), (1.0, 2000, 0.01), (0.1, 500, 1e-7), (1.0, 200, 0.01)]),
    ("radam", [(3.0, 1000, 1e-5), (5e-3, 10000, 0.01), (0.1, 500, 1e-7), (1.0, 200, 0.1)]),
    ("nadam", [(0.3, 1000, 1e-3), (0.1, 2000, 0.01), (0.03, 500, 1e-7), (1.0, 200, 0.01)]),
    ("adabelief", [(1.0, 1000, 1e-5), (0.3, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("yogi", [(1.0, 1000, 1e-4), (0.3, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("adopt", [(10.0, 1000, 1e-5), (3.0, 2000, 1e-7), (0.1, 500, 1e-7), (1.0, 200, 0.01)]),
    ("laprop", [(1.0, 1000, 1e-5), (0.1, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("ademamix", [(1.0, 1000, 1e-4), (1.0, 2000, 1e-3), (0.3, 500, 1e-6), (0.3, 200, 0.01)]),
    ("adan", [(0.3, 1000, 1e-7), (0.01, 2000, 1e-7), (0.3, 500, 1e-7), (0.1, 200, 0.01)]),
    ("rmsprop", [(0.03, 1000, 1e-3), (0.03, 2000, 0.01), (0.01, 500, 1e-7), (0.3, 200, 0.01)]),
    ("adagrad", [(1.0, 1000, 0.01), (1.0, 5000, 0.01), (0.3, 500, 1e-7), (3.0, 200, 0.01)]),
    ("madgrad", [(3.0, 1000, 1e-5), (0.1, 2000, 1e-7), (0.03, 500, 1e-7), (3.0, 200, 0.01)]),
    ("adadelta", [(30.0, 1000, 1e-3), (1.0, 2000, 0.1), (1.0, 500, 1e-7), (30.0, 200, 0.1)]),
    ("lion", [(0.01, 1000, 1e-4), (0.03, 2000, 1e-5), (0.1, 500, 1e-3), (0.03, 200, 0.01)]),
    ("lamb", [(0.03, 1000, 1e-6), (0.03, 2000, 1e-5), (0.01, 500, 1e-6), (0.1, 200, 1e-3)]),
    ("lars", [(1.0, 1000, 1e-6), (3.0, 2000, 1e-7), (1.0, 500, 1e-7), (10.0, 200, 1e-3)]),
    ("stable_adamw:weight_decay=0.0", [(30.0, 1000, 1e-5), (0.01, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("rprop", [(1e-3, 1000, 1e-4), (0.03, 2000, 1e-4), (1e-3, 500, 1e-7), (1e-3, 200, 1e-3)]),
    ("signum", [(0.01, 1000, 1e-5), (5e-3, 2000, 1e-6), (0.01, 500, 1e-4), (0.03, 200, 1e-3)]),
    ("cautious_lion", [(0.01, 1000, 1e-7), (0.01, 2000, 1e-7), (0.01, 500, 1e-5), (0.03, 200, 1e-3)]),
    ("cautious_adamw:weight_decay=0.0", [(0.3, 1000, 1e-4), (0.1, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.01)]),
    ("grams:weight_decay=0.0", [(1.0, 1000, 1e-4), (1.0, 2000, 1e-7), (0.03, 500, 1e-7), (0.3, 200, 0.1)]),
    ("mars:weight_decay=0.0", [(1.0, 1000, 1e-7), (5e-3, 2000, 1e-7), (0.01, 500, 1e-7), (0.1, 200, 0.1)]),
    ("ftrl", [(0.3, 1000, 1e-3), (1.0, 2000, 0.02), (0.3, 500, 1e-7), (1.0, 200, 0.02)]),
    ("novograd", [(0.3, 1000, 1e-5), (1e-3, 2000, 1e-7), (1e-3, 500, 1e-7), (0.03, 200, 0.1)]),
    ("adafactor", [(3.0, 1000, 1e-3), (1.0, 2000, 0.1), (0.03, 500, 1e-7), (1.0, 200, 0.01)]),
    ("came", [(0.03, 1000, 1e-6), (0.01, 2000, 1e-7), (1e-3, 500, 1e-7), (0.01, 200, 0.01)]),
    ("sm3", [(3.0, 1000, 0.01), (3.0, 2000, 1e-3), (1.0, 500, 1e-7), (3.0, 200, 0.01)]),
    ("prodigy", [(1.0, 1000, 1e-5), (0.03, 2000, 1e-7), (0.03, 500, 1e-7), (0.1, 200, 0.01)]),
    ("dadapt_adam", [(1.0, 1000, 1e-6), (0.3, 2000, 1e-7), (0.1, 500, 1e-7), (0.3, 200, 0.01)]),
    ("dadapt_sgd", [(1.0, 1000, 1e-3), (1.0, 2000, 0.1), (0.3, 500, 1e-7), (3.0, 200, 0.01)]),
    ("dadapt_adagrad", [(3.0, 1000, 1e-3), (3.0, 2000, 0.1), (3.0, 500, 1e-7), (3.0, 200, 0.1)]),
    ("dadapt_lion", [(1.0, 1000, 0.01), (10.0, 2000, 0.5), (0.3, 500, 1e-3), (0.5, 200, 0.01)]),
    ("dowg", [(1.0, 1000, 0.01), (1.0, 5000, 0.1), (0.3, 500, 1e-7), (1.0, 200, 0.1)]),
    ("dog", [(3.0, 1000, 1e-3), (3.0, 2000, 0.1), (1.0, 500, 1e-5), (3.0, 200, 0.01)]),
    ("ldog", [(3.0, 1000, 1e-3), (3.0, 2000, 0.1), (1.0, 500, 1e-6), (3.0, 200, 0.01)]),
    ("cocob", [(1.0, 1000, 0.01), (1.0, 5000, 0.5), (1.0, 500, 1e-5), (1.0, 200, 0.1)]),
    ("momo", [(10.0, 1000, 1e-3), (1.0, 2000, 1e-7), (10.0, 500, 1e-7), (10.0, 200, 0.1)]),
    ("momo_adam", [(3.0, 1000, 1e-6), (0.3, 2000, 1e-7), (3.0, 500, 1e-7), (1.0, 200, 0.01)]),
    ("polyak", [(3.0, 1000, 1e-3), (1.0, 2000, 1e-7), (1.0, 500, 1e-7), (10.0, 200, 0.1)]),
    ("schedule_free_sgd", [(10.0, 1000, 1e-3), (5e-3, 2000, 1e-3), (0.3, 500, 1e-5), (30.0, 200, 0.01)]),
    ("schedule_free_plus", [(0.3, 1000, 0.01), (3.0, 2000, 0.01), (1.0, 500, 1e-5), (0.3, 200, 0.1)]),
    ("schedule_free_adamw", [(0.3, 1000, 1e-4), (1.0, 2000, 0.01), (0.3, 500, 1e-7), (1.0, 200, 0.01)]),
    ("sophia_g:weight_decay=0.0", [(0.3, 1000, 1e-6), (0.1, 2000, 1e-7), (0.03, 500, 1e-6), (0.03, 200, 1e-3)]),
    ("muon", [(0.03, 1000, 1e-7), (5e-3, 2000, 1e-7), (0.03, 500, 1e-6), (0.3, 200, 1e-3)]),
    ("shampoo", [(3.0, 1000, 0.01), (1.0, 5000, 0.01), (0.3, 500, 1e-7), (10.0, 200, 0.01)]),
    ("soap:weight_decay=0.0", [(0.03, 1000, 1e-7), (5e-3, 2000, 1e-7), (0.03, 500, 1e-7), (0.1, 200, 0.01)]),
    ("normuon", [(0.03, 1000, 1e-7), (5e-3, 2000, 1e-7), (0.03, 500, 1e-6), (0.3, 200, 1e-3)]),
    ("adamuon:weight_decay=0.0", [(0.03, 1000, 1e-5), (0.03, 2000, 1e-3), (0.03, 500, 1e-6), (0.3, 200, 1e-3)]),
    ("asgo:weight_decay=0.0", [(0.1, 1000, 1e-6), (0.03, 2000, 1e-5), (0.03, 500, 1e-5), (0.3, 200, 1e-3)]),
    ("one_sided_shampoo:weight_decay=0.0", [(0.03, 1000, 1e-7), (0.01, 2000, 1e-7), (0.01, 500, 1e-7), (0.3, 200, 1e-3)]),
    ("scion", [(3e-5, 1000, 1e-5), (1e-5, 2000, 0.01), (3e-4, 500, 1e-3), (0.01, 200, 1e-3)]),
    ("adam_mini", [(1.0, 1000, 1e-4), (1.0, 2000, 1e-7), (0.3, 500, 1e-7), (1.0, 200, 1e-3)]),
    ("galore", [(1.0, 1000, 1e-4), (1.0, 2000, 1e-7), (0.3, 500, 1e-7), (1.0, 200, 1e-3)]),
    ("apollo", [(1.0, 1000, 1e-4), (1.0, 2000, 1e-7), (0.3, 500, 1e-7), (1.0, 200, 1e-3)]),
    ("splus:weight_decay=0.0,average_decay=0.9", [(0.1, 1000, 1e-5), (0.03, 2000, 1e-3), (0.03, 500, 1e-5), (3.0, 200, 1e-3)]),
    ("soap_muon", [(0.03, 1000, 1e-5), (0.003, 2000, 1e-5), (0.03, 500, 1e-3), (1.0, 200, 1e-3)]),
    ("kl_shampoo:weight_decay=0.0", [(1.0, 1000, 1e-6), (0.01, 2000, 1e-7), (0.03, 500, 1e-7), (1.0, 200, 0.02)]),
    ("kl_soap:weight_decay=0.0", [(0.3, 1000, 1e-7), (0.01, 2000, 1e-7), (0.03, 500, 1e-7), (1.0, 200, 1e-3)]),
    ("kron", [(0.03, 1000, 1e-7), (0.01, 2000, 1e-6), (0.01, 500, 1e-5), (1.0, 200, 1e-6)]),
    ("lbfgs", [(1.0, 100, 1e-7), (1.0, 50, 1e-7), (1.0, 50, 1e-7), (1.0, 20, 0.01)]),
];

/// Returns the losses at the start and after `steps` steps.
fn losses(objective: Objective, spec: &str, lr: f64, steps: usize) -> [f64; 2] {
    let device = Device::default();
    let (plain, recorded) = (device.clone(), device.autodiff());
    let mut training = Problem::new(objective, &recorded);
    let evaluation = Problem::new(objective, &plain);
    let mut model = training.start(&recorded);
    let spec: OptimizerSpec = spec.parse().unwrap();
    let (name, mut optimizer) = (spec.name(), spec.build().unwrap());
    let first = evaluation.loss(&optimizer.for_evaluation(&model));
    for step in 0..steps {
        let share = if CONSTANT.contains(&name) { 1.0 } else { 1.0 - step as f64 / steps as f64 };
        (model, _) = optimizer.step_with(lr * share, model, &mut training);
    }
    [first, evaluation.loss(&optimizer.for_evaluation(&model))]
}

fn every_rule_reaches_its_loss(column: usize, start: f64) {
    let mut missed = Vec::new();
    for &(spec, columns) in ROWS {
        let (lr, steps, target) = columns[column];
        let [first, last] = losses(OBJECTIVES[column], spec, lr, steps);
        assert!((first - start).abs() < 0.01 * start, "the loss at the start is {first}, not {start}");
        assert!(target <= 0.05 * start, "{spec}: {target} is no loss to be reached from {start}");
        if last > target || last.is_nan() {
            missed.push(format!("{spec} at {lr}, {steps} steps: {last:e}, not {target:e}"));
        }
    }
    assert!(missed.is_empty(), "{:?}:\n{}", OBJECTIVES[column], missed.join("\n"));
}

#[test]
fn every_rule_descends_an_ill_conditioned_quadratic() {
    // Half the sum of the eigenvalues.
    let sum: f64 = (0..20).map(|j| 1e-4_f64.powf(f64::from(j) / 19.0)).sum();
    every_rule_reaches_its_loss(0, 0.5 * sum);
}

#[test]
fn every_rule_follows_rosenbrocks_valley() {
    every_rule_reaches_its_loss(1, 24.2);
}

#[test]
fn every_rule_factorizes_a_matrix() {
    // Computed from the formula in 64 bits.
    every_rule_reaches_its_loss(2, 10.636);
}

#[test]
fn every_rule_learns_to_tell_digits_apart() {
    every_rule_reaches_its_loss(3, 10.0_f64.ln());
}

#[test]
fn every_rule_has_a_row() {
    let all = OptimizerSpec::all();
    let all: BTreeSet<&str> =
        all.iter().map(OptimizerSpec::name).filter(|name| !name.starts_with("burn.")).collect();
    let in_rows = ROWS.iter().map(|(spec, _)| spec.split(':').next().unwrap());
    let listed: BTreeSet<&str> = in_rows.chain(WRAPPERS).collect();
    assert_eq!(listed.len(), ROWS.len() + WRAPPERS.len(), "a rule is listed twice");
    assert_eq!(all, listed);
}

#[test]
fn the_document_on_optimizers_has_a_row_for_every_rule_and_for_nothing_else() {
    let document = include_str!("../../../../docs/optimizers.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let rows: Vec<&str> = rows.map(|(name, _)| name).collect();
    let all = OptimizerSpec::all();
    assert_eq!(rows, all.iter().map(OptimizerSpec::name).collect::<Vec<_>>());
}
