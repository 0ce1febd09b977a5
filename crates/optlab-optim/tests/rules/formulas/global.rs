//! Rules with numbers that all elements share.

use super::Whole;
use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use optlab_optim::OptimizerSpec;

pub const TABLE: &[(&str, Whole)] = &[
    (
        "schedule_free_sgd:momentum=0.7,weight_decay=0.3,r=0.5,weight_lr_power=1.5,warmup_steps=4",
        |theta, grad, _, lr, t, memory| {
            let directions: Vec<f64> = theta.iter().zip(grad).map(|(theta, g)| g + 0.3 * theta).collect();
            schedule_free(theta, &directions, 0.7, warmed_up(lr, t), t, memory);
        },
    ),
    (
        "schedule_free_adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,r=0.5,weight_lr_power=1.5,warmup_steps=4",
        |theta, grad, _, lr, t, memory| {
            memory.resize(4, vec![0.0; theta.len()]);
            let mut second = memory.pop().unwrap();
            let mut directions = Vec::new();
            for ((theta, g), v) in theta.iter().zip(grad).zip(&mut second) {
                *v = 0.9 * *v + 0.1 * g * g;
                directions.push(g / ((*v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01) + 0.3 * theta);
            }
            if t == 1 {
                memory.clear();
            }
            schedule_free(theta, &directions, 0.7, warmed_up(lr, t), t, memory);
            memory.push(second);
        },
    ),
    (
        "schedule_free_adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,cautious_decay=true,r=0.5,weight_lr_power=1.5,warmup_steps=4",
        |theta, grad, _, lr, t, memory| {
            memory.resize(4, vec![0.0; theta.len()]);
            let mut second = memory.pop().unwrap();
            let mut directions = Vec::new();
            for ((theta, g), v) in theta.iter().zip(grad).zip(&mut second) {
                *v = 0.9 * *v + 0.1 * g * g;
                let decay = if g * theta >= 0.0 { 0.3 } else { 0.0 };
                directions.push(g / ((*v / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01) + decay * theta);
            }
            if t == 1 {
                memory.clear();
            }
            schedule_free(theta, &directions, 0.7, warmed_up(lr, t), t, memory);
            memory.push(second);
        },
    ),
    (
        "prodigy:beta_1=0.7,beta_2=0.9,d0=0.1,d_coef=1.5,weight_decay=0.3,epsilon=0.01,bias_correction=true",
        |theta, grad, _, lr, t, memory| {
            let correction = (1.0 - 0.9_f64.powi(t)).sqrt() / (1.0 - 0.7_f64.powi(t));
            prodigy(theta, grad, [lr * correction, 1.5, 0.3, 0.01], memory);
        },
    ),
    ("prodigy:beta_1=0.7,beta_2=0.9,d0=0.1,epsilon=0.01", |theta, grad, _, lr, _, memory| {
        prodigy(theta, grad, [lr, 1.0, 0.0, 0.01], memory);
    }),
    (
        "dadapt_adam:beta_1=0.7,beta_2=0.9,d0=0.1,weight_decay=0.3,epsilon=0.01",
        |theta, grad, _, lr, _, memory| {
            let len = theta.len();
            if memory.is_empty() {
                // The means m, v and s; d and r.
                *memory = vec![vec![0.0; len], vec![0.0; len], vec![0.0; len], vec![0.1, 0.0]];
            }
            let [m, v, s, shared] = &mut memory[..] else { unreachable!() };
            let (beta_3, rate) = (0.9_f64.sqrt(), shared[0] * lr);
            let mut product = 0.0;
            for i in 0..len {
                product += grad[i] * s[i] / (v[i].sqrt() + 0.01);
                m[i] = 0.7 * m[i] + 0.3 * rate * grad[i];
                v[i] = 0.9 * v[i] + 0.1 * grad[i] * grad[i];
                s[i] = beta_3 * s[i] + (1.0 - beta_3) * rate * grad[i];
            }
            shared[1] = beta_3 * shared[1] + (1.0 - beta_3) * rate * product;
            let length: f64 = s.iter().map(|s| s.abs()).sum();
            shared[0] = shared[0].max(shared[1] / ((1.0 - beta_3) * length));
            for i in 0..len {
                theta[i] = theta[i] * (1.0 - rate * 0.3) - m[i] / (v[i].sqrt() + 0.01);
            }
        },
    ),
    ("dog:reps_rel=0.02,epsilon=0.5,weight_decay=0.3,average_power=none", |theta, grad, _, lr, t, memory| {
        dog(theta, grad, lr, t, None, memory);
    }),
    ("ldog:reps_rel=0.02,epsilon=0.5,weight_decay=0.3", |theta, grad, _, lr, t, memory| {
        dog(theta, grad, lr, t, None, memory);
    }),
    ("dog:reps_rel=0.02,epsilon=0.5,weight_decay=0.3,init_eta=0.3", |theta, grad, _, lr, t, memory| {
        dog(theta, grad, lr, t, Some(0.3), memory);
    }),
    ("ldog:reps_rel=0.02,epsilon=0.5,weight_decay=0.3,init_eta=0.3", |theta, grad, _, lr, t, memory| {
        dog(theta, grad, lr, t, Some(0.3), memory);
    }),
    ("dadapt_sgd:momentum=0.7,d0=0.2,weight_decay=0.3", |theta, grad, _, lr, _, memory| {
        dadapt_sgd(theta, grad, lr, 0.7, memory);
    }),
    ("dadapt_sgd:d0=0.2,weight_decay=0.3", |theta, grad, _, lr, _, memory| {
        dadapt_sgd(theta, grad, lr, 0.0, memory);
    }),
    ("dadapt_adagrad:momentum=0.7,d0=0.2,weight_decay=0.3,epsilon=0.1", |theta, grad, _, lr, _, memory| {
        dadapt_adagrad(theta, grad, lr, 0.7, memory);
    }),
    ("dadapt_adagrad:d0=0.2,weight_decay=0.3,epsilon=0.1", |theta, grad, _, lr, _, memory| {
        dadapt_adagrad(theta, grad, lr, 0.0, memory);
    }),
    (
        "dadapt_lion:beta_1=0.7,beta_2=0.81,d0=0.2,weight_decay=0.3,cautious_decay=true",
        |theta, grad, _, lr, _, memory| {
            let len = theta.len();
            if memory.is_empty() {
                *memory = vec![vec![0.0; len], vec![0.0; len], vec![0.2, 0.0]];
            }
            let [m, s, shared] = &mut memory[..] else { unreachable!() };
            let rate = lr * shared[0];
            let (mut product, mut length) = (0.0, 0.0);
            for i in 0..len {
                let u = (0.7 * m[i] + 0.3 * grad[i]).signum();
                let decay = if u * theta[i] >= 0.0 { 0.3 } else { 0.0 };
                theta[i] -= rate * (u + decay * theta[i]);
                m[i] = 0.81 * m[i] + 0.19 * rate * grad[i];
                product += rate * u * s[i];
                s[i] = 0.9 * s[i] + 0.1 * rate * u;
                length += s[i].abs();
            }
            shared[1] = 0.9 * shared[1] + 0.1 * product;
            shared[0] = shared[0].max(shared[1] / (0.1 * length));
        },
    ),
    ("dowg:epsilon=0.01", |theta, grad, _, lr, _, memory| {
        if memory.is_empty() {
            *memory = vec![theta.to_vec(), vec![0.01, 0.0]];
        }
        let [initial, shared] = &mut memory[..] else { unreachable!() };
        let distance: f64 = theta.iter().zip(initial).map(|(theta, start)| (theta - *start).powi(2)).sum();
        shared[0] = shared[0].max(distance);
        shared[1] += shared[0] * grad.iter().map(|g| g * g).sum::<f64>();
        let rate = lr * shared[0] / (shared[1].sqrt() + 0.01);
        theta.iter_mut().zip(grad).for_each(|(theta, g)| *theta -= rate * g);
    }),
];

#[test]
fn before_the_first_nonzero_gradient_nothing_moves_not_even_by_weight_decay() {
    for text in ["prodigy:weight_decay=0.3", "dadapt_adam:weight_decay=0.3"] {
        let mut optimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
        let device = Device::default();
        let theta = Tensor::<1>::full([3], 5.0, &device.clone().autodiff());
        let mut model = Param::from_tensor(theta);
        for (slope, moves) in [(0.0, false), (0.0, false), (1.0, true)] {
            let mut gradients = GradientsParams::new();
            gradients.register(model.id, Tensor::<1>::full([3], slope, &device));
            model = optimizer.apply(1e5, model, &mut gradients);
            for theta in model.val().into_data().iter::<f32>() {
                assert_eq!(theta != 5.0, moves, "{text}: {theta}");
            }
        }
    }
}

/// Makes one step of DoG with `r_ε = 0.02`, `ε = 0.5` and `λ = 0.3`. Memory: the initial parameter; `r` and
/// `G`.
fn dog(theta: &mut [f64], grad: &[f64], lr: f64, t: i32, first: Option<f64>, memory: &mut Vec<Vec<f64>>) {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    if memory.is_empty() {
        let start = if first.is_some() { 0.0 } else { 0.02 * (1.0 + norm(&mut theta.iter().copied())) };
        *memory = vec![theta.to_vec(), vec![start, 0.5]];
    }
    let [initial, shared] = &mut memory[..] else { unreachable!() };
    let grad: Vec<f64> = grad.iter().zip(&*theta).map(|(grad, theta)| grad + 0.3 * theta).collect();
    shared[0] = shared[0].max(norm(&mut theta.iter().zip(&*initial).map(|(theta, start)| theta - start)));
    shared[1] += norm(&mut grad.iter().copied()).powi(2);
    let rate = match first {
        Some(rate) if t == 1 => rate,
        _ => lr * shared[0] / shared[1].sqrt(),
    };
    theta.iter_mut().zip(grad).for_each(|(theta, grad)| *theta -= rate * grad);
}

/// Makes one step of D-Adapted SGD with `d₀ = 0.2` and `λ = 0.3`. Memory: `s`, the initial parameter; `d`,
/// `r` and the norm of the first gradient.
fn dadapt_sgd(theta: &mut [f64], grad: &[f64], lr: f64, momentum: f64, memory: &mut Vec<Vec<f64>>) {
    if memory.is_empty() {
        let norm = grad.iter().map(|grad| grad * grad).sum::<f64>().sqrt();
        *memory = vec![vec![0.0; theta.len()], theta.to_vec(), vec![0.2, 0.0, norm]];
    }
    let [s, initial, shared] = &mut memory[..] else { unreachable!() };
    let rate = lr * shared[0] / shared[2];
    let mut square = 0.0;
    for i in 0..theta.len() {
        let grad = grad[i] + 0.3 * theta[i];
        shared[1] += rate * grad * s[i];
        s[i] += rate * grad;
        square += s[i] * s[i];
        theta[i] = momentum * theta[i] + (1.0 - momentum) * (initial[i] - s[i]);
    }
    shared[0] = shared[0].max(2.0 * shared[1] / square.sqrt());
}

/// Makes one step of D-Adapted AdaGrad with `d₀ = 0.2`, `λ = 0.3` and `ε = 0.1`. Memory: `s`, `a`, the
/// initial parameter; `d` and `q`.
fn dadapt_adagrad(theta: &mut [f64], grad: &[f64], lr: f64, momentum: f64, memory: &mut Vec<Vec<f64>>) {
    let len = theta.len();
    if memory.is_empty() {
        *memory = vec![vec![0.0; len], vec![1e-6; len], theta.to_vec(), vec![0.2, 0.0]];
    }
    let [s, a, initial, shared] = &mut memory[..] else { unreachable!() };
    let rate = lr * shared[0];
    let (mut weighted, mut length) = (0.0, 0.0);
    for i in 0..len {
        let grad = grad[i] + 0.3 * theta[i];
        a[i] += grad * grad;
        s[i] += rate * grad;
        let divisor = a[i].sqrt() + 0.1;
        shared[1] += rate * rate * grad * grad / divisor;
        weighted += s[i] * s[i] / divisor;
        length += s[i].abs();
        theta[i] = momentum * theta[i] + (1.0 - momentum) * (initial[i] - s[i] / divisor);
    }
    shared[0] = shared[0].max((weighted - shared[1]) / length);
}

/// Returns the rate of a warm-up over four steps.
fn warmed_up(lr: f64, t: i32) -> f64 {
    lr * (f64::from(t) / 4.0).min(1.0)
}

/// Makes one step with `r = 0.5` and a power of the rate of 1.5. Memory: `z`, `x`, and the sum of weights
/// with the largest rate.
fn schedule_free(
    theta: &mut [f64],
    directions: &[f64],
    beta: f64,
    lr: f64,
    t: i32,
    memory: &mut Vec<Vec<f64>>,
) {
    if memory.is_empty() {
        *memory = vec![theta.to_vec(), theta.to_vec(), vec![0.0, 0.0]];
    }
    let [z, x, numbers] = &mut memory[..] else { unreachable!() };
    numbers[1] = numbers[1].max(lr);
    let weight = f64::from(t).sqrt() * numbers[1].powf(1.5);
    numbers[0] += weight;
    let share = weight / numbers[0];
    for i in 0..theta.len() {
        z[i] -= lr * directions[i];
        x[i] = (1.0 - share) * x[i] + share * z[i];
        theta[i] = (1.0 - beta) * z[i] + beta * x[i];
    }
}

/// Makes one step with the given rate, `γ`, `λ` and `ε`, for `β₁ = 0.7`, `β₂ = 0.9`, `d₀ = 0.1`.
fn prodigy(
    theta: &mut [f64],
    grad: &[f64],
    [lr, gamma, decay, epsilon]: [f64; 4],
    memory: &mut Vec<Vec<f64>>,
) {
    let len = theta.len();
    if memory.is_empty() {
        // m, v, s, the initial parameter; d and r.
        let zeros = || vec![0.0; len];
        *memory = vec![zeros(), zeros(), zeros(), theta.to_vec(), vec![0.1, 0.0]];
    }
    let [m, v, s, initial, shared] = &mut memory[..] else { unreachable!() };
    let (beta_3, before) = (0.9_f64.sqrt(), shared[0]);
    let rate = before * lr;
    let weight = before / 0.1 * rate;
    let mut product = 0.0;
    for i in 0..len {
        product += grad[i] * (initial[i] - theta[i]);
        m[i] = 0.7 * m[i] + 0.3 * before * grad[i];
        v[i] = 0.9 * v[i] + 0.1 * (before * grad[i]).powi(2);
        s[i] = beta_3 * s[i] + weight * grad[i];
    }
    shared[1] = beta_3 * shared[1] + weight * product;
    let length: f64 = s.iter().map(|s| s.abs()).sum();
    shared[0] = before.max(gamma * shared[1] / length);
    for i in 0..len {
        theta[i] = theta[i] * (1.0 - rate * decay) - rate * m[i] / (v[i].sqrt() + shared[0] * epsilon);
    }
}
