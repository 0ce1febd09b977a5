//! Statistics of each trained tensor in a step.

use crate::diagnosis::flat::{Gradients, Layout};
use crate::diagnosis::record::{TensorRecord, finite};

/// Sums over the elements of a tensor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    gradient: f64,
    weight: f64,
    update: f64,
    product: f64,
    zeros: usize,
}

impl Sums {
    fn of(before: &[f32], after: &[f32], gradient: &[f32]) -> Self {
        let mut sums = Sums::default();
        for ((before, after), gradient) in before.iter().zip(after).zip(gradient) {
            let (weight, gradient) = (f64::from(*before), f64::from(*gradient));
            let update = f64::from(*after) - weight;
            sums.weight += weight * weight;
            sums.gradient += gradient * gradient;
            sums.update += update * update;
            sums.product += update * gradient;
            sums.zeros += usize::from(gradient == 0.0);
        }
        sums
    }
}

/// Returns the record of each tensor, and `‖Δθ‖ / ‖g‖` over all of them.
pub(super) fn records(
    layout: &Layout,
    before: &[f32],
    after: &[f32],
    gradients: &Gradients,
) -> (Vec<TensorRecord>, Option<f64>) {
    let (mut update, mut gradient) = (0.0, 0.0);
    let records = layout.places.iter().zip(&gradients.are_there).map(|(place, &is_there)| {
        let range = place.start..place.start + place.len;
        let [before, after, of_loss] = [before, after, &gradients.values].map(|all| &all[range.clone()]);
        let sums = Sums::of(before, after, of_loss);
        update += sums.update;
        gradient += sums.gradient;
        let [gradient, weight, update] = [sums.gradient, sums.weight, sums.update].map(f64::sqrt);
        TensorRecord {
            path: place.path.clone(),
            gradient_norm: finite(gradient).filter(|_| is_there),
            weight_norm: finite(weight),
            update_norm: finite(update),
            update_ratio: finite(update / weight),
            zero_gradients: finite(sums.zeros as f64 / place.len as f64).filter(|_| is_there),
            cosine: finite(sums.product / (gradient * update)),
        }
    });
    let records = records.collect();
    (records, finite(update.sqrt() / gradient.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::flat::Place;
    use burn::module::ParamId;

    #[test]
    fn norms_shares_and_cosine_of_two_tensors_are_those_of_a_calculation_by_hand() {
        let place = |path: &str, start, len| Place { id: ParamId::new(), path: path.into(), start, len };
        let mut layout = Layout::default();
        layout.places = vec![place("a", 0, 2), place("b", 2, 1)];
        // a: θ = (3, 4), g = (0, 2), Δ = (1, −1); b: θ = 2 without a gradient, which stays.
        let gradients = Gradients { values: vec![0.0, 2.0, 0.0], are_there: vec![true, false] };
        let (records, effective_lr) = records(&layout, &[3.0, 4.0, 2.0], &[4.0, 3.0, 2.0], &gradients);
        let root = 2f64.sqrt();
        let a = TensorRecord {
            path: "a".into(),
            gradient_norm: Some(2.0),
            weight_norm: Some(5.0),
            update_norm: Some(root),
            update_ratio: Some(root / 5.0),
            zero_gradients: Some(0.5),
            cosine: Some(-2.0 / (2.0 * root)),
        };
        let b = TensorRecord {
            path: "b".into(),
            weight_norm: Some(2.0),
            update_norm: Some(0.0),
            update_ratio: Some(0.0),
            ..TensorRecord::default()
        };
        assert_eq!(records, [a, b]);
        assert_eq!(effective_lr, Some(root / 2.0));
    }
}
