//! Rules that need sums over the tensor before they move an element.

use super::Whole;

/// Settings, and an independent implementation of the rule.
pub const TABLE: &[(&str, Whole)] = &[
    ("lars:momentum=0.8,weight_decay=0.3,trust_coefficient=0.7", |theta, g, shape, lr, _, memory| {
        let velocity = buffer(memory, 0, theta.len());
        let g = if shape.len() > 1 { lars(theta, g, 0.3) } else { g.to_vec() };
        for i in 0..theta.len() {
            velocity[i] = 0.8 * velocity[i] + g[i];
            theta[i] -= lr * velocity[i];
        }
    }),
    ("lars:momentum=0.8,trust_coefficient=0.7,nesterov=true", |theta, g, shape, lr, _, memory| {
        let velocity = buffer(memory, 0, theta.len());
        let g = if shape.len() > 1 { lars(theta, g, 0.0) } else { g.to_vec() };
        for i in 0..theta.len() {
            velocity[i] = 0.8 * velocity[i] + g[i];
            theta[i] -= lr * (g[i] + 0.8 * velocity[i]);
        }
    }),
    ("lars:momentum=0.0,weight_decay=0.3,trust_coefficient=0.7", |theta, g, shape, lr, _, _| {
        let g = if shape.len() > 1 { lars(theta, g, 0.3) } else { g.to_vec() };
        for i in 0..theta.len() {
            theta[i] -= lr * g[i];
        }
    }),
    ("stable_adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, _, lr, t, memory| {
        stable_adamw(theta, g, lr, t, 0.01, 0.3, memory)
    }),
    // `epsilon` is large enough to bound the second moment.
    ("stable_adamw:beta_1=0.7,beta_2=0.9,epsilon=0.5,weight_decay=0.0", |theta, g, _, lr, t, memory| {
        stable_adamw(theta, g, lr, t, 0.5, 0.0, memory);
    }),
    ("cautious_lion:beta_1=0.6,beta_2=0.8,weight_decay=0.3", |theta, g, _, lr, _, memory| {
        let m = buffer(memory, 0, theta.len());
        let direction = |i: usize, m: &[f64]| (0.6 * m[i] + 0.4 * g[i]).signum();
        let agreed = (0..g.len()).filter(|&i| direction(i, m) * g[i] > 0.0).count();
        for i in 0..theta.len() {
            let step = if direction(i, m) * g[i] > 0.0 { direction(i, m) } else { 0.0 };
            let scale = g.len() as f64 / (agreed as f64 + 1.0);
            theta[i] -= lr * (step * scale + 0.3 * theta[i]);
            m[i] = 0.8 * m[i] + 0.2 * g[i];
        }
    }),
    ("cautious_adamw:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, _, lr, t, memory| {
        let m = moving_average(buffer(memory, 0, g.len()), g, 0.7);
        let v = moving_average(buffer(memory, 1, g.len()), &squares(g), 0.9);
        let agrees: Vec<bool> = m.iter().zip(g).map(|(m, g)| m * g > 0.0).collect();
        let share = agrees.iter().filter(|agrees| **agrees).count() as f64 / g.len() as f64;
        for i in 0..theta.len() {
            let mean = m[i] / (1.0 - 0.7_f64.powi(t));
            let root = (v[i] / (1.0 - 0.9_f64.powi(t))).sqrt();
            let step = if agrees[i] { mean / (root + 0.01) / share.max(1e-3) } else { 0.0 };
            theta[i] -= lr * (step + 0.3 * theta[i]);
        }
    }),
    // The gradients of tensors of 20 to 24 elements are longer than 1 at first, and shorter in the end.
    ("mars:beta_1=0.7,beta_2=0.9,gamma=0.4,epsilon=0.01,weight_decay=0.3", |theta, g, _, lr, t, memory| {
        let last = buffer(memory, 2, g.len());
        let mut c: Vec<f64> =
            g.iter().zip(&*last).map(|(g, last)| g + 0.4 * 0.7 / 0.3 * (g - last)).collect();
        last.copy_from_slice(g);
        let length = norm(&c);
        if length > 1.0 {
            c.iter_mut().for_each(|c| *c /= length);
        }
        let m = moving_average(buffer(memory, 0, g.len()), &c, 0.7);
        let v = moving_average(buffer(memory, 1, g.len()), &squares(&c), 0.9);
        for i in 0..theta.len() {
            let mean = m[i] / (1.0 - 0.7_f64.powi(t));
            let step = mean / ((v[i] / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.01);
            theta[i] -= lr * (step + 0.3 * theta[i]);
        }
    }),
];

/// Returns memory number `index`, created with zeros.
fn buffer(memory: &mut Vec<Vec<f64>>, index: usize, len: usize) -> &mut Vec<f64> {
    while memory.len() <= index {
        memory.push(vec![0.0; len]);
    }
    &mut memory[index]
}

fn moving_average(average: &mut [f64], values: &[f64], beta: f64) -> Vec<f64> {
    for (average, value) in average.iter_mut().zip(values) {
        *average = beta * *average + (1.0 - beta) * value;
    }
    average.to_vec()
}

fn squares(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value * value).collect()
}

fn norm(values: &[f64]) -> f64 {
    squares(values).iter().sum::<f64>().sqrt()
}

/// Returns the decayed gradient, scaled to 0.7 times the length of the tensor.
fn lars(theta: &[f64], g: &[f64], weight_decay: f64) -> Vec<f64> {
    let ratio = 0.7 * norm(theta) / (norm(g) + weight_decay * norm(theta));
    g.iter().zip(theta).map(|(g, theta)| ratio * (g + weight_decay * theta)).collect()
}

/// Makes one step with `β₁ = 0.7` and `β₂ = 0.9`, using Adam's form of the bias correction.
fn stable_adamw(
    theta: &mut [f64],
    g: &[f64],
    lr: f64,
    t: i32,
    epsilon: f64,
    weight_decay: f64,
    memory: &mut Vec<Vec<f64>>,
) {
    let m = moving_average(buffer(memory, 0, g.len()), g, 0.7);
    let v = moving_average(buffer(memory, 1, g.len()), &squares(g), 0.9);
    let m: Vec<f64> = m.iter().map(|m| m / (1.0 - 0.7_f64.powi(t))).collect();
    let v: Vec<f64> = v.iter().map(|v| v / (1.0 - 0.9_f64.powi(t))).collect();
    let surprises = g.iter().zip(&v).map(|(g, v)| g * g / v.max(epsilon * epsilon));
    let rms = (surprises.sum::<f64>() / g.len() as f64).sqrt();
    let lr = lr / rms.max(1.0);
    for i in 0..theta.len() {
        theta[i] -= lr * (m[i] / (v[i].sqrt() + epsilon) + weight_decay * theta[i]);
    }
}
