//! Each rule once more in plain 64-bit numbers, for the settings that the reference files leave out. Written from the
//! formulas of the papers, not from the library.

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use optlab::optim::OptimizerSpec;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const ELEMENTS: usize = 32;
const STEPS: usize = 20;

/// One scalar's update: `(theta, gradient, rate, t)` to the new theta, with `t` from 1. Memory starts at 0.
type Scalar = fn(f64, f64, f64, i32, &mut [f64; 3]) -> f64;

const TABLE: [(&str, Scalar); 24] = [
    ("sgd", |theta, g, lr, _, _| theta - lr * g),
    ("sgd:weight_decay=0.3", |theta, g, lr, _, _| theta - lr * (g + 0.3 * theta)),
    ("sgd:momentum=0.8", |theta, g, lr, _, [b, ..]| {
        *b = 0.8 * *b + g;
        theta - lr * *b
    }),
    ("sgd:momentum=0.8,dampening=0.4,weight_decay=0.3", |theta, g, lr, t, [b, ..]| {
        let g = g + 0.3 * theta;
        *b = if t == 1 { g } else { 0.8 * *b + 0.6 * g };
        theta - lr * *b
    }),
    ("sgd:momentum=0.8,nesterov=true,weight_decay=0.3", |theta, g, lr, _, [b, ..]| {
        let g = g + 0.3 * theta;
        *b = 0.8 * *b + g;
        theta - lr * (g + 0.8 * *b)
    }),
    ("adam:beta_1=0.7,beta_2=0.9,epsilon=0.01", |theta, g, lr, t, memory| {
        theta - lr * adam(g, t, false, memory)
    }),
    ("adam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,amsgrad=true", |theta, g, lr, t, memory| {
        theta - lr * adam(g + 0.3 * theta, t, true, memory)
    }),
    ("adam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        theta - lr * adam(g + 0.3 * theta, t, false, memory)
    }),
    ("adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,amsgrad=true", |theta, g, lr, t, memory| {
        theta - lr * 0.3 * theta - lr * adam(g, t, true, memory)
    }),
    ("adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.0", |theta, g, lr, t, memory| {
        theta - lr * adam(g, t, false, memory)
    }),
    ("rmsprop:alpha=0.8,epsilon=0.01", |theta, g, lr, _, [s, ..]| {
        *s = 0.8 * *s + 0.2 * g * g;
        theta - lr * g / (s.sqrt() + 0.01)
    }),
    ("rmsprop:alpha=0.8,epsilon=0.01,momentum=0.6", |theta, g, lr, _, [s, b, _]| {
        *s = 0.8 * *s + 0.2 * g * g;
        *b = 0.6 * *b + g / (s.sqrt() + 0.01);
        theta - lr * *b
    }),
    ("rmsprop:alpha=0.8,epsilon=0.01,centered=true", |theta, g, lr, _, [s, a, _]| {
        *s = 0.8 * *s + 0.2 * g * g;
        *a = 0.8 * *a + 0.2 * g;
        theta - lr * g / ((*s - *a * *a).sqrt() + 0.01)
    }),
    (
        "rmsprop:alpha=0.8,epsilon=0.01,momentum=0.6,centered=true,weight_decay=0.3",
        |theta, g, lr, _, [s, a, b]| {
            let g = g + 0.3 * theta;
            *s = 0.8 * *s + 0.2 * g * g;
            *a = 0.8 * *a + 0.2 * g;
            *b = 0.6 * *b + g / ((*s - *a * *a).sqrt() + 0.01);
            theta - lr * *b
        },
    ),
    ("adagrad:epsilon=0.01", |theta, g, lr, _, [s, ..]| {
        *s += g * g;
        theta - lr * g / (s.sqrt() + 0.01)
    }),
    ("adagrad:epsilon=0.01,lr_decay=0.5,weight_decay=0.3", |theta, g, lr, t, [s, ..]| {
        let g = g + 0.3 * theta;
        *s += g * g;
        theta - lr / (1.0 + 0.5 * f64::from(t - 1)) * g / (s.sqrt() + 0.01)
    }),
    ("adagrad:epsilon=0.01,initial_accumulator_value=0.7", |theta, g, lr, _, [s, ..]| {
        *s += g * g;
        theta - lr * g / ((0.7 + *s).sqrt() + 0.01)
    }),
    ("lion:beta_1=0.6,beta_2=0.8", |theta, g, lr, _, [m, ..]| {
        let direction = (0.6 * *m + 0.4 * g).signum();
        *m = 0.8 * *m + 0.2 * g;
        theta - lr * direction
    }),
    ("lion:beta_1=0.6,beta_2=0.8,weight_decay=0.3", |theta, g, lr, _, [m, ..]| {
        let direction = (0.6 * *m + 0.4 * g).signum();
        *m = 0.8 * *m + 0.2 * g;
        theta - lr * (direction + 0.3 * theta)
    }),
    ("adamax:beta_1=0.6,beta_2=0.8,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, [m, u, _]| {
        let g = g + 0.3 * theta;
        *m = 0.6 * *m + 0.4 * g;
        *u = (0.8 * *u).max(g.abs() + 0.01);
        theta - lr * (*m / (1.0 - 0.6_f64.powi(t))) / *u
    }),
    ("adadelta:rho=0.7,epsilon=0.01,weight_decay=0.3", |theta, g, lr, _, [s, a, _]| {
        let g = g + 0.3 * theta;
        *s = 0.7 * *s + 0.3 * g * g;
        let step = (*a + 0.01).sqrt() / (*s + 0.01).sqrt() * g;
        *a = 0.7 * *a + 0.3 * step * step;
        theta - lr * step
    }),
    ("radam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, lr, t, memory| {
        theta - lr * radam(g + 0.3 * theta, t, memory)
    }),
    (
        "radam:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,decoupled_weight_decay=true",
        |theta, g, lr, t, memory| theta - lr * 0.3 * theta - lr * radam(g, t, memory),
    ),
    // Below a decay of 2/3 no number of steps is enough to trust the second moment.
    ("radam:beta_1=0.7,beta_2=0.5", |theta, g, lr, t, [m, ..]| {
        *m = 0.7 * *m + 0.3 * g;
        theta - lr * *m / (1.0 - 0.7_f64.powi(t))
    }),
];

/// The step with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`, for which `ρ∞` is 19.
fn radam(g: f64, t: i32, [m, v, _]: &mut [f64; 3]) -> f64 {
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.9 * *v + 0.1 * g * g;
    let mean = *m / (1.0 - 0.7_f64.powi(t));
    let decayed = 0.9_f64.powi(t);
    let rho = 19.0 - 2.0 * f64::from(t) * decayed / (1.0 - decayed);
    if rho <= 5.0 {
        return mean;
    }
    let r = ((rho - 4.0) * (rho - 2.0) * 19.0 / (15.0 * 17.0 * rho)).sqrt();
    r * mean * (1.0 - decayed).sqrt() / (v.sqrt() + 0.01)
}

/// `m̂ / (√v̂ + ε)` with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`.
fn adam(g: f64, t: i32, amsgrad: bool, [m, v, largest]: &mut [f64; 3]) -> f64 {
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.9 * *v + 0.1 * g * g;
    *largest = largest.max(*v);
    let v = if amsgrad { *largest } else { *v };
    *m / (1.0 - 0.7_f64.powi(t)) / ((v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01)
}

#[test]
fn every_rule_follows_its_formula_in_settings_without_a_reference_file() {
    let mut failures = Vec::new();
    for (text, scalar) in TABLE {
        let spec: OptimizerSpec = text.parse().unwrap();
        let mut optimizer = spec.build().unwrap();
        let device = Device::default();
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut numbers =
            |scale: f32| -> Vec<f32> { (0..ELEMENTS).map(|_| random.random_range(-scale..scale)).collect() };

        let initial = numbers(2.0);
        let mut theta: Vec<f64> = initial.iter().map(|&value| f64::from(value)).collect();
        let mut memory = vec![[0.0; 3]; ELEMENTS];
        let mut model =
            Param::from_tensor(Tensor::<1>::from_floats(initial.as_slice(), &device.clone().autodiff()));
        let mut worst: f64 = 0.0;
        for t in 1..=STEPS {
            // Shrinking gradients, for amsgrad; changing rates, which a rule must not remember.
            let gradient = numbers(3.0 * 0.8_f32.powi(t as i32));
            let lr = if t % 2 == 0 { 0.02 } else { 0.05 };
            let mut gradients = GradientsParams::new();
            gradients.register(model.id, Tensor::<1>::from_floats(gradient.as_slice(), &device));
            model = optimizer.apply(lr, model, &mut gradients);
            for ((theta, &g), memory) in theta.iter_mut().zip(&gradient).zip(&mut memory) {
                *theta = scalar(*theta, f64::from(g), lr, t as i32, memory);
            }
            for (value, expected) in model.val().into_data().iter::<f64>().zip(&theta) {
                let error = (value - expected).abs() / (1e-5 * expected.abs().max(1.0));
                // So that NaN wins.
                worst = if worst > error { worst } else { error };
            }
        }
        println!("{text}: {worst:.3} of the tolerance");
        if worst.is_nan() || worst > 1.0 {
            failures.push(format!("{text}: {worst} times the tolerance"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
