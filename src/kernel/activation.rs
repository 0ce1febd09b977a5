/// What a layer does to each number that it computes, while that is still in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(0, x)`; NaN of NaN, so that what diverges shows.
    Relu,
}

impl Activation {
    /// Adds the bias to each row of `out` and applies the activation.
    #[inline(always)]
    pub(super) fn apply(self, out: &mut [f32], bias: Option<&[f32]>) {
        match (self, bias) {
            (Activation::Identity, None) => {}
            (Activation::Identity, Some(bias)) => {
                for row in out.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
                }
            }
            (Activation::Relu, None) => out.iter_mut().for_each(|x| *x = relu(*x)),
            (Activation::Relu, Some(bias)) => {
                for row in out.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(x, bias)| *x = relu(*x + bias));
                }
            }
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// The gradient before a ReLU, from that after it and what came out of it.
#[inline(always)]
pub(super) fn relu_gradient(out: &mut [f32], grad: &[f32], y: &[f32]) {
    for ((out, grad), y) in out.iter_mut().zip(grad).zip(y) {
        *out = if *y <= 0.0 { 0.0 } else { *grad };
    }
}

/// Adds the rows of `grad` to the gradient of the bias.
#[inline(always)]
pub(super) fn add_rows(sum: &mut [f32], grad: &[f32]) {
    for row in grad.chunks_exact(sum.len()) {
        sum.iter_mut().zip(row).for_each(|(sum, grad)| *sum += grad);
    }
}
