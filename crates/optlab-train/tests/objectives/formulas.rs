//! The formulas of the losses on scalars of 64 bits, for the tests.

use crate::tensors::Targets;

/// Returns the mean over rows and columns of `loss(output, target)`.
fn mean_of_each(outputs: &[Vec<f64>], targets: &Targets, loss: impl Fn(f64, f64) -> f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (row, outputs) in outputs.iter().enumerate() {
        for (column, output) in outputs.iter().enumerate() {
            let target = match targets {
                Targets::Classes(classes) => classes[row] as f64,
                Targets::Values(values) => values[row][column],
            };
            sum += loss(*output, target);
            count += 1.0;
        }
    }
    sum / count
}

pub fn mse(outputs: &[Vec<f64>], targets: &Targets) -> f64 {
    mean_of_each(outputs, targets, |x, y| (x - y) * (x - y))
}

pub fn l1(outputs: &[Vec<f64>], targets: &Targets) -> f64 {
    mean_of_each(outputs, targets, |x, y| (x - y).abs())
}

pub fn huber(delta: f64) -> impl Fn(&[Vec<f64>], &Targets) -> f64 {
    move |outputs, targets| {
        mean_of_each(outputs, targets, |x, y| match (x - y).abs() {
            size if size <= delta => 0.5 * size * size,
            size => delta * (size - 0.5 * delta),
        })
    }
}

pub fn quantile(q: f64) -> impl Fn(&[Vec<f64>], &Targets) -> f64 {
    move |outputs, targets| mean_of_each(outputs, targets, |x, y| (q * (y - x)).max((q - 1.0) * (y - x)))
}

pub fn binary_cross_entropy(positive_weight: f64) -> impl Fn(&[Vec<f64>], &Targets) -> f64 {
    move |outputs, targets| {
        mean_of_each(outputs, targets, |x, y| {
            let p = 1.0 / (1.0 + (-x).exp());
            -positive_weight * y * p.ln() - (1.0 - y) * (1.0 - p).ln()
        })
    }
}

/// Cross entropy with smoothing as a target distribution, and the weighted mean of PyTorch.
pub fn cross_entropy(smoothing: f64, weights: Vec<f64>) -> impl Fn(&[Vec<f64>], &Targets) -> f64 {
    move |outputs, targets| {
        let Targets::Classes(classes) = targets else { panic!("classes") };
        let (mut sum, mut sum_of_weights) = (0.0, 0.0);
        for (outputs, &own) in outputs.iter().zip(classes) {
            let total: f64 = outputs.iter().map(|x| x.exp()).sum();
            let count = outputs.len() as f64;
            for (class, x) in outputs.iter().enumerate() {
                let share = smoothing / count + if class == own { 1.0 - smoothing } else { 0.0 };
                let weight = weights.get(class).copied().unwrap_or(1.0);
                sum -= share * weight * (x.exp() / total).ln();
            }
            sum_of_weights += weights.get(own).copied().unwrap_or(1.0);
        }
        sum / sum_of_weights
    }
}

pub fn hinge(outputs: &[Vec<f64>], targets: &Targets) -> f64 {
    let Targets::Classes(classes) = targets else { panic!("classes") };
    let of_row = |(outputs, &own): (&Vec<f64>, &usize)| match outputs.as_slice() {
        [score] => (1.0 - if own == 1 { *score } else { -score }).max(0.0),
        scores => {
            let others = (0..scores.len()).filter(|&class| class != own);
            let sum: f64 = others.map(|class| (1.0 - scores[own] + scores[class]).max(0.0)).sum();
            sum / scores.len() as f64
        }
    };
    outputs.iter().zip(classes).map(of_row).sum::<f64>() / outputs.len() as f64
}

/// Returns the gradient of `loss` at `outputs` by central differences, row-major.
pub fn gradient(
    loss: impl Fn(&[Vec<f64>], &Targets) -> f64,
    outputs: &[Vec<f64>],
    targets: &Targets,
) -> Vec<f64> {
    let step = 1e-5;
    let mut moved = outputs.to_vec();
    let mut gradient = Vec::new();
    for (row, outputs) in outputs.iter().enumerate() {
        for (column, output) in outputs.iter().enumerate() {
            let mut at = |output: f64| {
                moved[row][column] = output;
                loss(&moved, targets)
            };
            gradient.push((at(output + step) - at(output - step)) / (2.0 * step));
            moved[row][column] = *output;
        }
    }
    gradient
}
