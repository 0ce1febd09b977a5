//! Rules that keep state per row and column, or per tensor, instead of per element.

use super::{Whole, largest_error, report};

/// Settings, and an independent implementation of the rule.
pub const TABLE: &[(&str, Whole)] = &[
    ("novograd:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3", |theta, g, _, lr, t, memory| {
        let length: f64 = g.iter().map(|g| g * g).sum();
        if t == 1 {
            *memory = vec![vec![length], vec![0.0; g.len()]];
        }
        let [v, m] = &mut memory[..] else { unreachable!() };
        v[0] = if t == 1 { length } else { 0.9 * v[0] + 0.1 * length };
        for ((theta, g), m) in theta.iter_mut().zip(g).zip(m) {
            *m = 0.7 * *m + g / (v[0].sqrt() + 0.01) + 0.3 * *theta;
            *theta -= lr * *m;
        }
    }),
    ("sm3:momentum=0.6,epsilon=0.01", |theta, g, shape, lr, _, memory| {
        sm3(theta, g, shape, lr, 0.6, memory);
    }),
    ("sm3:momentum=0.0,epsilon=0.01", |theta, g, shape, lr, _, memory| {
        sm3(theta, g, shape, lr, 0.0, memory);
    }),
    (
        "adafactor:beta_2_decay=-0.5,epsilon_1=0.2,clip_threshold=0.6,weight_decay=0.3",
        |theta, g, shape, lr, t, memory| {
            let settings =
                Adafactor { beta_1: 0.0, beta_2_decay: -0.5, epsilon_2: 1e-3, clip_threshold: 0.6 };
            adafactor(theta, g, shape, lr, t, memory, settings);
        },
    ),
    (
        "adafactor:beta_1=0.7,epsilon_1=0.2,epsilon_2=3.0,clip_threshold=1.2,weight_decay=0.3",
        |theta, g, shape, lr, t, memory| {
            let settings = Adafactor { beta_1: 0.7, beta_2_decay: -0.8, epsilon_2: 3.0, clip_threshold: 1.2 };
            adafactor(theta, g, shape, lr, t, memory, settings);
        },
    ),
    // Rates above 1 / √t.
    (
        "group:lr_factor=30,base=adafactor:beta_1=0.7,epsilon_1=0.2,epsilon_2=0.3,clip_threshold=1.2,weight_decay=0.3",
        |theta, g, shape, lr, t, memory| {
            let settings = Adafactor { beta_1: 0.7, beta_2_decay: -0.8, epsilon_2: 0.3, clip_threshold: 1.2 };
            adafactor(theta, g, shape, 30.0 * lr, t, memory, settings);
        },
    ),
    (
        "came:beta_1=0.7,beta_2=0.9,beta_3=0.8,epsilon_1=0.01,epsilon_2=0.01,clip_threshold=0.6,weight_decay=0.3",
        |theta, g, shape, lr, _, memory| came(theta, g, shape, lr, 0.6, memory),
    ),
    (
        "came:beta_1=0.7,beta_2=0.9,beta_3=0.8,epsilon_1=0.01,epsilon_2=0.01,clip_threshold=2.0,weight_decay=0.3",
        |theta, g, shape, lr, _, memory| came(theta, g, shape, lr, 2.0, memory),
    ),
];

#[test]
fn factored_rules_follow_their_formulas_for_dimensions_of_one() {
    let mut failures = Vec::new();
    for &(text, whole) in TABLE {
        let mut memory = Vec::new();
        let error = largest_error::<1>(text, [1], |theta, gradient, lr, t| {
            whole(theta, gradient, &[1], lr, t, &mut memory);
        });
        report(text, "[1]", error, &mut failures);
        for shape in [[1, 1], [1, 5], [5, 1]] {
            let mut memory = Vec::new();
            let error = largest_error::<2>(text, shape, |theta, gradient, lr, t| {
                whole(theta, gradient, &shape, lr, t, &mut memory);
            });
            report(text, &format!("{shape:?}"), error, &mut failures);
        }
        let shape = [2, 1, 3];
        let mut memory = Vec::new();
        let error = largest_error::<3>(text, shape, |theta, gradient, lr, t| {
            whole(theta, gradient, &shape, lr, t, &mut memory);
        });
        report(text, &format!("{shape:?}"), error, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Updates `a ← β a + (1 − β) x`, starting from `a = 0`.
fn average(memory: &mut Vec<f64>, values: &[f64], beta: f64) {
    memory.resize(values.len(), 0.0);
    for (average, value) in memory.iter_mut().zip(values) {
        *average = beta * *average + (1.0 - beta) * value;
    }
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

/// Returns the second moment of each element from the averages of rows and of columns, `memory[0]` and
/// `memory[1]`: `R C / max(mean of R, least)`. Without rows and columns it is the average of each element,
/// `memory[0]`.
fn mean_squares(
    squares: &[f64],
    shape: &[usize],
    beta: f64,
    least: f64,
    memory: &mut [Vec<f64>],
) -> Vec<f64> {
    let [.., rows, columns] = *shape else {
        average(&mut memory[0], squares, beta);
        return memory[0].clone();
    };
    let mut of_rows = Vec::new();
    let mut of_columns = Vec::new();
    for matrix in squares.chunks(rows * columns) {
        of_rows.extend(matrix.chunks(columns).map(|row| row.iter().sum::<f64>() / columns as f64));
        let column = |j: usize| matrix.iter().skip(j).step_by(columns).sum::<f64>() / rows as f64;
        of_columns.extend((0..columns).map(column));
    }
    average(&mut memory[0], &of_rows, beta);
    average(&mut memory[1], &of_columns, beta);
    let mut estimates = Vec::new();
    for (r, c) in memory[0].chunks(rows).zip(memory[1].chunks(columns)) {
        let mean = r.iter().sum::<f64>() / rows as f64;
        estimates.extend(r.iter().flat_map(|r| c.iter().map(move |c| r * c / mean.max(least))));
    }
    estimates
}

struct Adafactor {
    beta_1: f64,
    beta_2_decay: f64,
    epsilon_2: f64,
    clip_threshold: f64,
}

/// Makes one step with `ε₁ = 0.2` and `λ = 0.3`.
fn adafactor(
    theta: &mut [f64],
    g: &[f64],
    shape: &[usize],
    lr: f64,
    t: i32,
    memory: &mut Vec<Vec<f64>>,
    settings: Adafactor,
) {
    memory.resize(3, Vec::new());
    let beta_2 = 1.0 - f64::from(t).powf(settings.beta_2_decay);
    let squares: Vec<f64> = g.iter().map(|g| g * g).collect();
    let v = mean_squares(&squares, shape, beta_2, 0.2, memory);
    let u: Vec<f64> = g.iter().zip(v).map(|(g, v)| g / v.sqrt().max(0.2)).collect();
    let excess = (root_mean_square(&u) / settings.clip_threshold).max(1.0);
    let rate = lr.min(1.0 / f64::from(t).sqrt()) * root_mean_square(theta).max(settings.epsilon_2);
    let steps: Vec<f64> = u.iter().map(|u| rate * u / excess).collect();
    average(&mut memory[2], &steps, settings.beta_1);
    for (theta, m) in theta.iter_mut().zip(&memory[2]) {
        *theta -= lr * 0.3 * *theta + m;
    }
}

/// Makes one step with `β₁ = 0.7`, `β₂ = 0.9`, `β₃ = 0.8`, `ε₁ = ε₂ = 0.01` and `λ = 0.3`.
fn came(
    theta: &mut [f64],
    g: &[f64],
    shape: &[usize],
    lr: f64,
    clip_threshold: f64,
    memory: &mut Vec<Vec<f64>>,
) {
    memory.resize(5, Vec::new());
    let squares: Vec<f64> = g.iter().map(|g| g * g + 0.01).collect();
    let v = mean_squares(&squares, shape, 0.9, 0.0, memory);
    let u: Vec<f64> = g.iter().zip(v).map(|(g, v)| g / v.sqrt()).collect();
    let excess = (root_mean_square(&u) / clip_threshold).max(1.0);
    let u: Vec<f64> = u.iter().map(|u| u / excess).collect();
    average(&mut memory[4], &u, 0.7);
    let m = memory[4].clone();
    let differences: Vec<f64> = u.iter().zip(&m).map(|(u, m)| (u - m) * (u - m) + 0.01).collect();
    let s = match shape.len() {
        1 => vec![1.0; g.len()],
        _ => mean_squares(&differences, shape, 0.8, 0.0, &mut memory[2..4]),
    };
    for ((theta, m), s) in theta.iter_mut().zip(m).zip(s) {
        *theta -= lr * (0.3 * *theta + m / s.sqrt());
    }
}

/// Makes one step with `ε = 0.01`. The last entry of `memory` is the mean of the steps, the others are the
/// sums of the dimensions.
fn sm3(theta: &mut [f64], g: &[f64], shape: &[usize], lr: f64, momentum: f64, memory: &mut Vec<Vec<f64>>) {
    if memory.is_empty() {
        *memory = shape.iter().map(|&length| vec![0.0; length]).collect();
        memory.push(Vec::new());
    }
    let (steps, covers) = memory.split_last_mut().unwrap();
    let index = |element: usize, dimension: usize| {
        let after: usize = shape[dimension + 1..].iter().product();
        element / after % shape[dimension]
    };
    let smallest = |element: usize| {
        let sums = covers.iter().enumerate().map(|(k, cover)| cover[index(element, k)]);
        sums.fold(f64::INFINITY, f64::min)
    };
    let sums: Vec<f64> = g.iter().enumerate().map(|(element, g)| smallest(element) + g * g).collect();
    for (k, cover) in covers.iter_mut().enumerate() {
        cover.fill(0.0);
        for (element, sum) in sums.iter().enumerate() {
            let largest = &mut cover[index(element, k)];
            *largest = largest.max(*sum);
        }
    }
    let now: Vec<f64> = g.iter().zip(sums).map(|(g, sum)| g / (sum + 0.01).sqrt()).collect();
    average(steps, &now, momentum);
    for (theta, m) in theta.iter_mut().zip(steps) {
        *theta -= lr * *m;
    }
}
