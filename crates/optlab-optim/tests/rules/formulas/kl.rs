//! KL-Shampoo and KL-SOAP, whose reference files have neither vectors nor dimensions without a basis.

use super::Whole;
use super::matrix::{along, eigen, gram, gram_schmidt, transposed};

/// Settings, and an independent implementation of the rule. Only dimensions up to 5 have a basis: for larger
/// ones the gradients here have too low a rank for the basis to be unique.
pub const TABLE: &[(&str, Whole)] = &[
    (
        "kl_shampoo:beta_1=0.7,beta_2=0.8,epsilon=0.02,weight_decay=0.3,precondition_frequency=3,max_precond_dim=5,init_factor=0.2",
        |theta, g, shape, lr, t, memory| step(theta, g, shape, lr, t, memory, false),
    ),
    (
        "kl_soap:beta_1=0.7,beta_2=0.8,epsilon=0.02,weight_decay=0.3,precondition_frequency=3,max_precond_dim=5,init_factor=0.2",
        |theta, g, shape, lr, t, memory| step(theta, g, shape, lr, t, memory, true),
    ),
];

/// Makes one step. Memory: 0 and 1 the factors, 2 and 3 the bases, 4 and 5 the eigenvalues, 6 and 7 the
/// moments.
fn step(
    theta: &mut [f64],
    g: &[f64],
    shape: &[usize],
    lr: f64,
    t: i32,
    memory: &mut Vec<Vec<f64>>,
    soap: bool,
) {
    let sides = [shape[0], g.len() / shape[0]];
    let dims = if shape.len() == 1 { 0..1 } else { 0..2 };
    let has_basis = |dim: usize| shape.len() > 1 && sides[dim] <= 5;
    if t == 1 {
        *memory = vec![Vec::new(); 8];
        for dim in dims {
            memory[4 + dim] = vec![0.2; sides[dim]];
            if has_basis(dim) {
                memory[dim] = gram(g, &sides, dim).iter().map(|x| 0.2 * x / sides[1 - dim] as f64).collect();
                memory[2 + dim] = eigen(&memory[dim], sides[dim]).1;
            }
        }
        memory[6] = vec![0.0; g.len()];
        memory[7] = vec![0.0; g.len()];
        return;
    }
    let turned = |x: &[f64], dim: usize, memory: &[Vec<f64>]| match has_basis(dim) {
        true => along(&transposed(&memory[2 + dim], sides[dim]), x, &sides, dim),
        false => x.to_vec(),
    };
    let inside = |x: &[f64], memory: &[Vec<f64>]| turned(&turned(x, 0, memory), 1, memory);
    let index = |i: usize, dim: usize| if dim == 0 { i / sides[1] } else { i % sides[1] };
    for (m, g) in memory[6].iter_mut().zip(g) {
        *m = 0.7 * *m + 0.3 * g;
    }
    let mut direction = inside(&memory[6], memory);
    let g_inside = inside(g, memory);
    for (i, direction) in direction.iter_mut().enumerate() {
        if soap {
            memory[7][i] = 0.8 * memory[7][i] + 0.2 * g_inside[i] * g_inside[i];
            *direction /= memory[7][i].sqrt() + 0.02;
        } else {
            let weight: f64 = dims.clone().map(|dim| memory[4 + dim][index(i, dim)].powf(-0.5)).product();
            *direction *= weight / (1.0 + 0.02 * weight);
        }
    }
    for dim in dims.clone().filter(|&dim| has_basis(dim)) {
        direction = along(&memory[2 + dim], &direction, &sides, dim);
    }
    for (theta, direction) in theta.iter_mut().zip(direction) {
        *theta = (1.0 - 0.3 * lr) * (*theta - lr * direction);
    }
    let before = memory.clone();
    for dim in dims.clone() {
        let (n, other) = (sides[dim], 1 - dim);
        let inverse = |i: usize| match dims.contains(&other) {
            true => before[4 + other][index(i, other)].recip(),
            false => 1.0,
        };
        let mut means = vec![0.0; n];
        for (i, g) in g_inside.iter().enumerate() {
            means[index(i, dim)] += g * g * inverse(i) / sides[other] as f64;
        }
        let least = (n.clamp(10, 4000) as f64).powi(-2);
        for (d, mean) in memory[4 + dim].iter_mut().zip(means) {
            *d = (0.8 * *d + 0.2 * mean).max(least);
        }
        if has_basis(dim) {
            let half = turned(g, other, &before);
            let half: Vec<f64> = half.iter().enumerate().map(|(i, x)| x * inverse(i).sqrt()).collect();
            for (s, square) in memory[dim].iter_mut().zip(gram(&half, &sides, dim)) {
                *s = 0.8 * *s + 0.2 * square / sides[other] as f64;
            }
            if (t - 1) % 3 == 0 {
                let product = along(&memory[dim], &memory[2 + dim], &[n, n], 0);
                memory[2 + dim] = gram_schmidt(&product, n);
            }
        }
    }
}
