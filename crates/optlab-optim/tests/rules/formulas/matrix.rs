//! Rules that treat a tensor as matrices.

use super::Whole;

/// Settings, and an independent implementation of the rule.
pub const TABLE: &[(&str, Whole)] = &[
    ("muon:momentum=0.6,weight_decay=0.3", |theta, g, shape, lr, _, memory| {
        let step = muon(g, shape, 5, |m, g| 0.6 * m + 0.4 * g, memory);
        let scale = sides(shape).map_or(0.0, |(rows, columns)| (rows / columns).max(1.0).sqrt());
        let decay = if shape.len() > 1 { lr * 0.3 } else { 0.0 };
        each(theta, &step, |theta, step| theta - decay * theta - lr * scale * step);
    }),
    (
        "muon:momentum=0.6,nesterov=false,ns_steps=3,lr_scale=match_rms_adamw",
        |theta, g, shape, lr, _, memory| {
            let step = muon(g, shape, 3, |m, _| m, memory);
            let scale = sides(shape).map_or(0.0, |(rows, columns)| 0.2 * rows.max(columns).sqrt());
            each(theta, &step, |theta, step| theta - lr * scale * step);
        },
    ),
    (
        "normuon:momentum=0.6,beta_2=0.7,nesterov=false,ns_steps=3,epsilon=0.1",
        |theta, g, shape, lr, _, memory| {
            let Some((rows, columns)) = sides(shape) else { return };
            let mut step = muon(g, shape, 3, |m, _| m, memory);
            let norm = |step: &[f64]| step.iter().map(|x| x * x).sum::<f64>().sqrt();
            let before = norm(&step);
            // The place of the output of each element.
            let output =
                |place: usize| if shape.len() == 2 { place % shape[1] } else { place / columns as usize };
            remember(memory, 1, rows as usize);
            let mut means = vec![0.0; rows as usize];
            step.iter().enumerate().for_each(|(place, x)| means[output(place)] += x * x / columns);
            each(&mut memory[1], &means, |v, mean| 0.7 * v + 0.3 * mean);
            step.iter_mut().enumerate().for_each(|(place, x)| *x /= memory[1][output(place)].sqrt() + 0.1);
            let scale = (rows / columns).max(1.0).sqrt() * before / (norm(&step) + 0.1);
            each(theta, &step, |theta, step| theta - lr * scale * step);
        },
    ),
    ("adamuon:momentum=0.6,epsilon=0.1,ns_steps=3,weight_decay=0.0", |theta, g, shape, lr, _, memory| {
        if shape.len() < 2 {
            return;
        }
        let mut step = muon(g, shape, 3, |m, g| (0.6 * m + 0.4 * g).signum(), memory);
        remember(memory, 1, g.len());
        each(&mut memory[1], &step, |v, x| 0.6 * v + 0.4 * x * x);
        each(&mut step, &memory[1], |x, v| x / (v.sqrt() + 0.1));
        let norm = step.iter().map(|x| x * x).sum::<f64>().sqrt();
        let length = 0.2 * (g.len() as f64).sqrt() / (norm + 0.1);
        each(theta, &step, |theta, step| theta - lr * length * step);
    }),
    ("shampoo:epsilon=0.01,momentum=0.6", |theta, g, shape, lr, _, memory| {
        let step = shampoo(g, shape, 0.01, true, memory);
        remember(memory, 16, g.len());
        each(&mut memory[16], &step, |velocity, step| 0.6 * velocity + step);
        each(theta, &memory[16], |theta, step| theta - lr * step);
    }),
    ("shampoo:epsilon=1e-6,precondition_frequency=3", |theta, g, shape, lr, t, memory| {
        let step = shampoo(g, shape, 1e-6, t % 3 == 1, memory);
        each(theta, &step, |theta, step| theta - lr * step);
    }),
    (
        "one_sided_shampoo:beta_1=0.6,beta_2=0.7,side=both,power=0.3,rank_tolerance=0.05,weight_decay=0.3",
        |theta, g, shape, lr, t, memory| {
            let Some(step) = one_sided_shampoo(g, shape, t, memory) else { return };
            each(theta, &step, |theta, step| theta - lr * (step + 0.3 * theta));
        },
    ),
    // Only dimensions up to 6 have a basis: for larger ones the gradients here have too low a rank for the
    // basis to be unique.
    (
        "soap:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.3,precondition_frequency=3,max_precond_dim=6",
        |theta, g, shape, lr, t, memory| {
            if let Some(step) = soap(g, shape, t - 1, 3, memory) {
                each(theta, &step, |theta, step| theta - lr * step);
                theta.iter_mut().for_each(|theta| *theta -= lr * 0.3 * *theta);
            }
        },
    ),
    (
        "soap:beta_1=0.7,beta_2=0.9,epsilon=0.01,weight_decay=0.0,precondition_frequency=1,max_precond_dim=6",
        |theta, g, shape, lr, t, memory| {
            if let Some(step) = soap(g, shape, t - 1, 1, memory) {
                each(theta, &step, |theta, step| theta - lr * step);
            }
        },
    ),
];

fn each(target: &mut [f64], source: &[f64], of: impl Fn(f64, f64) -> f64) {
    for (target, &source) in target.iter_mut().zip(source) {
        *target = of(*target, source);
    }
}

/// Creates memory number `place`, filled with zeros, if it does not exist.
fn remember(memory: &mut Vec<Vec<f64>>, place: usize, elements: usize) {
    memory.resize(memory.len().max(place + 1), Vec::new());
    if memory[place].is_empty() {
        memory[place] = vec![0.0; elements];
    }
}

/// Returns the number of outputs and of inputs; `None` for a vector.
fn sides(shape: &[usize]) -> Option<(f64, f64)> {
    match shape {
        [_] => None,
        [inputs, outputs] => Some((*outputs as f64, *inputs as f64)),
        [outputs, rest @ ..] => Some((*outputs as f64, rest.iter().product::<usize>() as f64)),
        [] => None,
    }
}

/// Returns the orthogonalized step from a mean with `μ = 0.6`; zeros for a vector.
fn muon(
    g: &[f64],
    shape: &[usize],
    iterations: usize,
    ahead: fn(f64, f64) -> f64,
    memory: &mut Vec<Vec<f64>>,
) -> Vec<f64> {
    if shape.len() < 2 {
        return vec![0.0; g.len()];
    }
    remember(memory, 0, g.len());
    each(&mut memory[0], g, |m, g| 0.6 * m + 0.4 * g);
    let mut x = memory[0].clone();
    each(&mut x, g, ahead);
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
    let rows = shape[0];
    for _ in 0..iterations {
        let a = gram(&x, &[rows, g.len() / rows], 0);
        let a_square = along(&a, &a, &[rows, rows], 0);
        let b: Vec<f64> = a.iter().zip(a_square).map(|(a, square)| -4.775 * a + 2.0315 * square).collect();
        let product = along(&b, &x, &[rows, g.len() / rows], 0);
        each(&mut x, &product, |x, product| 3.4445 * x + product);
    }
    x
}

/// Returns the preconditioned gradient. Memories 0 to 7 hold the sums, memories from 8 on the roots.
fn shampoo(
    g: &[f64],
    shape: &[usize],
    epsilon: f64,
    roots_too: bool,
    memory: &mut Vec<Vec<f64>>,
) -> Vec<f64> {
    let mut step = g.to_vec();
    for (dim, &n) in shape.iter().enumerate() {
        if memory.get(dim).is_none_or(Vec::is_empty) {
            remember(memory, dim, n * n);
            (0..n).for_each(|i| memory[dim][i * n + i] = epsilon);
        }
        each(&mut memory[dim], &gram(g, shape, dim), |sum, gram| sum + gram);
        if roots_too {
            let (values, q) = eigen(&memory[dim], n);
            remember(memory, 8 + dim, n * n);
            memory[8 + dim] = (0..n * n)
                .map(|place| {
                    let (i, j) = (place / n, place % n);
                    let term =
                        |k: usize| q[i * n + k] * q[j * n + k] * values[k].powf(-0.5 / shape.len() as f64);
                    (0..n).map(term).sum()
                })
                .collect();
        }
        step = along(&memory[8 + dim], &step, shape, dim);
    }
    step
}

/// Returns the step along the mean gradient, preconditioned along rows and columns, as long as Adam's, with
/// `β₁ = 0.6`, `β₂ = 0.7`, exponent 0.3 and eigenvalues below 0.05 of the largest left out; `None` for a
/// vector. Memories 0 and 1 hold the covariances, 2 and 3 the moments.
fn one_sided_shampoo(g: &[f64], shape: &[usize], t: i32, memory: &mut Vec<Vec<f64>>) -> Option<Vec<f64>> {
    if shape.len() < 2 {
        return None;
    }
    let sides = [shape[0], g.len() / shape[0]];
    let (c_1, c_2) = (1.0 - 0.6_f64.powi(t), 1.0 - 0.7_f64.powi(t));
    remember(memory, 2, g.len());
    remember(memory, 3, g.len());
    each(&mut memory[2], g, |m, g| 0.6 * m + 0.4 * g);
    each(&mut memory[3], g, |v, g| 0.7 * v + 0.3 * g * g);
    let mean: Vec<f64> = memory[2].iter().map(|m| m / c_1).collect();
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let adam: Vec<f64> = mean.iter().zip(&memory[3]).map(|(m, v)| m / ((v / c_2).sqrt() + 1e-15)).collect();
    let mut step = mean;
    for (dim, &n) in sides.iter().enumerate() {
        remember(memory, dim, n * n);
        each(&mut memory[dim], &gram(g, &sides, dim), |mean, gram| 0.7 * mean + 0.3 * gram);
        let (values, q) = eigen(&memory[dim], n);
        let mut turned = along(&transposed(&q, n), &step, &sides, dim);
        let stride = if dim == 0 { sides[1] } else { 1 };
        for (place, x) in turned.iter_mut().enumerate() {
            let value = values[place / stride % n];
            *x *= if value > 0.05 * values[0] { (value / c_2).powf(-0.3) } else { 0.0 };
        }
        step = along(&q, &turned, &sides, dim);
    }
    let ratio = norm(&adam) / norm(&step);
    Some(step.iter().map(|x| x * ratio).collect())
}

/// Returns the step, relative to the rate, with `β₁ = 0.7`, `β₂ = 0.9`, `ε = 0.01`, after `s` steps; `None`
/// in the first step. Memories 0 to 7 hold the covariances, those from 8 on the bases, 16 and 17 the moments.
fn soap(g: &[f64], shape: &[usize], s: i32, frequency: i32, memory: &mut Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let has_basis = |dim: usize| shape.len() > 1 && shape[dim] <= 6;
    let dims: Vec<usize> = (0..shape.len()).filter(|&dim| has_basis(dim)).collect();
    remember(memory, 16, g.len());
    remember(memory, 17, g.len());
    let step = (s > 0).then(|| {
        let forward = |x: &[f64], memory: &[Vec<f64>]| {
            dims.iter()
                .fold(x.to_vec(), |x, &dim| along(&transposed(&memory[8 + dim], shape[dim]), &x, shape, dim))
        };
        let projected = forward(g, memory);
        each(&mut memory[16], g, |m, g| 0.7 * m + 0.3 * g);
        each(&mut memory[17], &projected, |v, g| 0.9 * v + 0.1 * g * g);
        let mut direction = forward(&memory[16], memory);
        let (c_1, c_2) = (1.0 - 0.7_f64.powi(s), 1.0 - 0.9_f64.powi(s));
        each(&mut direction, &memory[17], |m, v| m / c_1 / (v.sqrt() + 0.01) * c_2.sqrt());
        dims.iter().fold(direction, |x, &dim| along(&memory[8 + dim], &x, shape, dim))
    });
    for &dim in &dims {
        let n = shape[dim];
        remember(memory, dim, n * n);
        each(&mut memory[dim], &gram(g, shape, dim), |mean, gram| 0.9 * mean + 0.1 * gram);
        if s == 0 {
            remember(memory, 8 + dim, n * n);
            memory[8 + dim] = eigen(&memory[dim], n).1;
        } else if s % frequency == 0 {
            let q = memory[8 + dim].clone();
            let product = along(&memory[dim], &q, &[n, n], 0);
            let size = |k: usize| (0..n).map(|i| q[i * n + k] * product[i * n + k]).sum::<f64>();
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
            let sorted: Vec<f64> =
                (0..n * n).map(|place| product[place / n * n + order[place % n]]).collect();
            memory[8 + dim] = gram_schmidt(&sorted, n);
            let stride: usize = shape[dim + 1..].iter().product();
            let second = memory[17].clone();
            for (place, v) in memory[17].iter_mut().enumerate() {
                let i = place / stride % n;
                *v = second[place - i * stride + order[i] * stride];
            }
        }
    }
    step
}

/// Returns the matrix of inner products of the slices `i` and `j` across dimension `dim`, summed over all
/// other indices.
pub(super) fn gram(x: &[f64], shape: &[usize], dim: usize) -> Vec<f64> {
    let (n, stride) = (shape[dim], shape[dim + 1..].iter().product::<usize>());
    let mut gram = vec![0.0; n * n];
    for (place, value) in x.iter().enumerate() {
        let i = place / stride % n;
        for j in 0..n {
            gram[i * n + j] += value * x[place - i * stride + j * stride];
        }
    }
    gram
}

/// Multiplies each line along dimension `dim` by a square matrix.
pub(super) fn along(matrix: &[f64], x: &[f64], shape: &[usize], dim: usize) -> Vec<f64> {
    let (n, stride) = (shape[dim], shape[dim + 1..].iter().product::<usize>());
    let product = |place: usize| {
        let i = place / stride % n;
        (0..n).map(|j| matrix[i * n + j] * x[place - i * stride + j * stride]).sum()
    };
    (0..x.len()).map(product).collect()
}

pub(super) fn transposed(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|place| matrix[place % n * n + place / n]).collect()
}

/// Returns the Gram-Schmidt orthonormalization of the columns, in order.
pub(super) fn gram_schmidt(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut q = matrix.to_vec();
    for k in 0..n {
        // Twice, so that the remainders of rounding are removed as well.
        for before in (0..k).chain(0..k) {
            let part: f64 = (0..n).map(|i| q[i * n + before] * q[i * n + k]).sum();
            (0..n).for_each(|i| q[i * n + k] -= part * q[i * n + before]);
        }
        let norm = (0..n).map(|i| q[i * n + k] * q[i * n + k]).sum::<f64>().sqrt();
        (0..n).for_each(|i| q[i * n + k] /= norm);
    }
    q
}

/// Returns the eigenvalues of a symmetric matrix, the largest first, and its eigenvectors as columns, by
/// Jacobi's method.
pub(super) fn eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut q: Vec<f64> = (0..n * n).map(|place| if place / n == place % n { 1.0 } else { 0.0 }).collect();
    for _ in 0..50 {
        for (i, j) in (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))) {
            let angle = 0.5 * (2.0 * a[i * n + j]).atan2(a[j * n + j] - a[i * n + i]);
            let (sin, cos) = angle.sin_cos();
            let turn_columns = |m: &mut [f64]| {
                for k in 0..n {
                    let (x, y) = (m[k * n + i], m[k * n + j]);
                    (m[k * n + i], m[k * n + j]) = (cos * x - sin * y, sin * x + cos * y);
                }
            };
            turn_columns(&mut a);
            turn_columns(&mut q);
            for k in 0..n {
                let (x, y) = (a[i * n + k], a[j * n + k]);
                (a[i * n + k], a[j * n + k]) = (cos * x - sin * y, sin * x + cos * y);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|&i| a[i * n + i]).collect();
    (values, (0..n * n).map(|place| q[place / n * n + order[place % n]]).collect())
}
