//! Scion: a norm for each kind of layer. The only weight of these tests is the last one of its model.

use super::Whole;
use super::matrix::{along, gram};

/// Settings, and an independent implementation of the rule.
pub const TABLE: &[(&str, Whole)] = &[
    (
        "scion:momentum=0.6,scale=3,last_norm=spectral,last_scale=2,ns_steps=3",
        |theta, g, shape, lr, _, memory| step(theta, g, shape, lr, memory, Norm::Spectral, true),
    ),
    (
        "scion:momentum=0.6,scale=3,last_norm=sign,last_scale=2,ns_steps=3,constrained=false",
        |theta, g, shape, lr, _, memory| step(theta, g, shape, lr, memory, Norm::Sign, false),
    ),
    ("scion:momentum=0.6,scale=3,last_norm=row,last_scale=2,ns_steps=3", |theta, g, shape, lr, _, memory| {
        step(theta, g, shape, lr, memory, Norm::Row, true);
    }),
    (
        "scion:momentum=0.6,scale=3,last_norm=column,last_scale=2,ns_steps=3",
        |theta, g, shape, lr, _, memory| step(theta, g, shape, lr, memory, Norm::Column, true),
    ),
];

enum Norm {
    Spectral,
    Sign,
    Row,
    Column,
}

/// Makes one step with `μ = 0.6`, the radius 2 for a weight of rank 2 and else 3, and three iterations.
fn step(
    theta: &mut [f64],
    g: &[f64],
    shape: &[usize],
    lr: f64,
    memory: &mut Vec<Vec<f64>>,
    norm: Norm,
    constrained: bool,
) {
    if memory.is_empty() {
        memory.push(vec![0.0; g.len()]);
    }
    for (m, g) in memory[0].iter_mut().zip(g) {
        *m = 0.6 * *m + 0.4 * g;
    }
    let m = &memory[0];
    let root_of_squares = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let (radius, direction): (f64, Vec<f64>) = match *shape {
        [size] => {
            let size = size as f64;
            let rms = root_of_squares(&mut m.iter().copied()) / size.sqrt();
            (3.0, m.iter().map(|m| m / (rms + 1e-8)).collect())
        }
        [inputs, outputs] => {
            let of = |norm: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
                (0..m.len()).map(|i| norm(i / outputs, i % outputs)).collect()
            };
            let width = inputs as f64;
            let row = |j: usize| root_of_squares(&mut (0..inputs).map(|i| m[i * outputs + j]));
            let column = |i: usize| root_of_squares(&mut (0..outputs).map(|j| m[i * outputs + j]));
            let direction = match norm {
                Norm::Spectral => {
                    let scale = (outputs as f64 / width).sqrt();
                    orthogonalized(m, inputs).iter().map(|x| scale * x).collect()
                }
                Norm::Sign => m.iter().map(|m| m.signum() / width).collect(),
                Norm::Row => of(&|i, j| m[i * outputs + j] / (width.sqrt() * row(j) + 1e-8)),
                Norm::Column => {
                    of(&|i, j| m[i * outputs + j] / (width * column(i) / (outputs as f64).sqrt() + 1e-8))
                }
            };
            (2.0, direction)
        }
        [outputs, inputs, height, width] => {
            let scale = (outputs as f64 / inputs as f64).sqrt() / (height * width) as f64;
            (3.0, orthogonalized(m, outputs).iter().map(|x| scale * x).collect())
        }
        _ => unreachable!("no other rank is tested"),
    };
    for (theta, direction) in theta.iter_mut().zip(direction) {
        *theta -= lr * (radius * direction + if constrained { *theta } else { 0.0 });
    }
}

/// Returns the matrix after three iterations.
fn orthogonalized(m: &[f64], rows: usize) -> Vec<f64> {
    let columns = m.len() / rows;
    let norm = m.iter().map(|x| x * x).sum::<f64>().sqrt() + 1e-7;
    let mut x: Vec<f64> = m.iter().map(|x| x / norm).collect();
    for _ in 0..3 {
        let a = gram(&x, &[rows, columns], 0);
        let a_square = along(&a, &a, &[rows, rows], 0);
        let b: Vec<f64> = a.iter().zip(a_square).map(|(a, square)| -4.775 * a + 2.0315 * square).collect();
        let product = along(&b, &x, &[rows, columns], 0);
        x = x.iter().zip(product).map(|(x, product)| 3.4445 * x + product).collect();
    }
    x
}
