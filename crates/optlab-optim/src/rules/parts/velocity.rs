//! The momentum of SGD and LARS.

use optlab_kernel::Value;

/// Updates the buffer, if there is one, by `b ← μ b + s g`, and returns the direction: `g + μ b` with
/// `nesterov`, else `b`. Without a buffer the direction is the gradient.
#[inline(always)]
pub(crate) fn direction<V: Value>(state: &mut [V], grad: V, momentum: f64, share: f64, nesterov: bool) -> V {
    let [velocity] = state else { return grad };
    let kept = velocity.clone().mul_scalar(momentum);
    *velocity = kept + if share == 1.0 { grad.clone() } else { grad.clone().mul_scalar(share) };
    if nesterov { velocity.clone().mul_scalar(momentum) + grad } else { velocity.clone() }
}
