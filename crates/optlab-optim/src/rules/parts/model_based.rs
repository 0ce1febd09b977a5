//! The step size of MoMo and MoMo-Adam, which follows from a model of the loss: the largest of the averaged
//! linearizations and a lower bound (Schaipp et al., 2023).

/// The names of the shared numbers of [`Model::advance`], and their initial values.
pub(crate) fn shared(lower_bound: f64) -> Vec<(&'static str, f64)> {
    vec![("mean_loss", 0.0), ("mean_product", 0.0), ("lower_bound", lower_bound), ("step_size", 0.0)]
}

/// The inputs of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    pub lr: f64,
    pub loss: f64,
    /// Decay of the means in this step.
    pub beta: f64,
    /// Sum of the weights of the means.
    pub weights: f64,
    pub weight_decay: f64,
    /// The given lower bound of the loss.
    pub lower_bound: f64,
    /// Whether to estimate a larger lower bound.
    pub adapts: bool,
}

impl Model {
    /// Updates the shared numbers: the last one is the step size. The sums are `⟨θ, g⟩`, `⟨θ, m⟩` and the
    /// squared norm of `m`.
    pub fn advance(self, sums: &[f64], shared: &mut [f64]) {
        let Model { lr, loss, beta, weights, weight_decay, lower_bound, adapts } = self;
        let [mean_loss, mean_product, bound, step_size] = shared else { unreachable!("four numbers") };
        let [product, product_with_mean, square] = sums else { unreachable!("three sums") };
        *mean_loss = beta * *mean_loss + (1.0 - beta) * loss;
        *mean_product = beta * *mean_product + (1.0 - beta) * product;
        let scale = 1.0 + lr * weight_decay;
        let model = scale * (*mean_loss - *mean_product) + product_with_mean;
        if adapts && model < scale * weights * *bound {
            *bound = (model / (2.0 * scale * weights)).max(lower_bound);
        }
        let gap = at_least_zero(model - scale * weights * *bound);
        let longest = lr / weights;
        let to_bound = if *square == 0.0 { 0.0 } else { gap / square };
        // Written so that NaN propagates.
        *step_size = if longest < to_bound { longest } else { to_bound };
        if adapts {
            let reached = *mean_loss - *mean_product + product_with_mean - 0.5 * *step_size * square;
            *bound = (reached / weights).max(lower_bound);
        }
    }
}

/// Returns `max(value, 0)`; NaN for NaN.
pub(crate) fn at_least_zero(value: f64) -> f64 {
    if value < 0.0 { 0.0 } else { value }
}
