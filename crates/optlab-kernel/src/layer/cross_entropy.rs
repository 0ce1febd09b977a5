//! The cross-entropy of a softmax.

use crate::layer::elementary::exp;
use crate::layer::operation::{Operation, apply};
use crate::memory::buffer::HostBuffer;
use crate::vectorize::vectorized;
use burn::tensor::{Int, Tensor};
use rayon::prelude::*;

/// The rows of a piece.
const ROWS: usize = 256;

/// Computes the mean over a batch of the negative logarithm of the probability that the softmax of the logits
/// gives to the correct class, in one pass:
///
/// ```text
/// L = 1/n Σᵢ (log Σⱼ exp(zᵢⱼ) − zᵢ,cᵢ)
/// ∂L/∂zᵢⱼ = (softmax(zᵢ)ⱼ − [j = cᵢ]) / n
/// ```
///
/// # Shapes
/// `logits`: `[n, classes]`, `targets`: `[n]`, each in `[0, classes)`, or −1 for a row that does not count;
/// the loss: `[1]`.
///
/// # Panics
/// If the logits are not [on the host](crate::is_on_host), if the number of targets is
/// not the number of rows, if a target is not in `[−1, classes)`, or if no row counts.
pub fn softmax_cross_entropy(logits: Tensor<2>, targets: &Tensor<1, Int>) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let targets: Vec<i64> = targets.to_data().iter::<i64>().collect();
    assert_eq!(targets.len(), rows, "a target for each row");
    let is_known = |target: &i64| (-1..classes as i64).contains(target);
    assert!(targets.iter().all(is_known), "each target is one of {classes} classes");
    assert!(targets.iter().any(|target| *target >= 0), "a row that counts");
    let targets = targets.into_iter().map(|target| usize::try_from(target).ok()).collect();
    Tensor::from_dispatch(apply(CrossEntropy { targets }, [logits.into_dispatch()]))
}

/// The gradient, the logits and the targets of some rows.
type Piece<'a> = ((&'a mut [f32], &'a [f32]), &'a [Option<usize>]);

#[derive(Debug, Clone)]
struct CrossEntropy {
    /// The class of each row; `None` for a row that does not count.
    targets: Vec<Option<usize>>,
}

impl Operation<1> for CrossEntropy {
    /// The gradient of the loss.
    type Saved = HostBuffer;

    fn forward_and_save(&self, [logits]: [HostBuffer; 1]) -> (HostBuffer, HostBuffer) {
        let [rows, classes] = logits.dims();
        let mut grad = vec![0.0; rows * classes];
        let counted = self.targets.iter().flatten().count();
        let sums: Vec<f64> = logits.with_slice(|logits| {
            let pieces = grad.par_chunks_mut(ROWS * classes).zip(logits.par_chunks(ROWS * classes));
            let of_piece = |((grad, logits), targets): Piece<'_>| {
                let mut sum = 0.0;
                vectorized(
                    #[inline(always)]
                    || {
                        let both = grad.chunks_exact_mut(classes).zip(logits.chunks_exact(classes));
                        for ((grad, logits), target) in both.zip(targets) {
                            if let Some(target) = *target {
                                sum += loss_of_row(grad, logits, target);
                            }
                        }
                        grad.iter_mut().for_each(|grad| *grad /= counted as f32);
                    },
                );
                sum
            };
            pieces.zip(self.targets.par_chunks(ROWS)).map(of_piece).collect()
        });
        let sum: f64 = sums.iter().sum();
        let loss = logits.with_elements(vec![(sum / counted as f64) as f32], &[1]);
        (loss, logits.with_elements(grad, &[rows, classes]))
    }

    fn backward(&self, mut of_loss: HostBuffer, grad: HostBuffer, _: [bool; 1]) -> [Option<HostBuffer>; 1] {
        let scale = grad.with_slice(|grad| grad[0]);
        if scale != 1.0 {
            of_loss.slice_mut().iter_mut().for_each(|grad| *grad *= scale);
        }
        [Some(of_loss)]
    }
}

/// Returns the loss of a row, in 64 bits, and writes its gradient to `grad`.
#[inline(always)]
fn loss_of_row(grad: &mut [f32], logits: &[f32], target: usize) -> f64 {
    // A NaN among the logits makes the whole row NaN, through the sum.
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, x| if *x > largest { *x } else { largest });
    for (grad, logit) in grad.iter_mut().zip(logits) {
        *grad = exp(logit - largest);
    }
    let of_target = f64::from(std::mem::take(&mut grad[target]));
    let of_others: f64 = grad.iter().map(|exp| f64::from(*exp)).sum();
    let sum = of_target + of_others;
    let scale = (1.0 / sum) as f32;
    for grad in &mut *grad {
        *grad *= scale;
    }
    // The negative sum of the other classes is accurate, while p − 1 loses its digits when p is close to 1.
    grad[target] = -(of_others / sum) as f32;
    sum.ln() - f64::from(logits[target] - largest)
}
