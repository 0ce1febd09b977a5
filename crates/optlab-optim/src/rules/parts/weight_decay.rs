//! Coupled and decoupled weight decay. A decay of 0 costs nothing.

use crate::Error;
use optlab_kernel::Value;

/// Returns `g + λ θ`: coupled decay, which the rule treats as part of the gradient.
#[inline(always)]
pub(crate) fn coupled<V: Value>(grad: V, theta: &V, weight_decay: f64) -> V {
    if weight_decay == 0.0 { grad } else { theta.clone().mul_scalar(weight_decay) + grad }
}

/// Returns `(1 − η λ) θ`: decoupled decay, which bypasses the rule.
#[inline(always)]
pub(crate) fn decoupled<V: Value>(theta: V, lr: f64, weight_decay: f64) -> V {
    if weight_decay == 0.0 { theta } else { theta.mul_scalar(1.0 - lr * weight_decay) }
}

/// The coefficients of decoupled weight decay, which bypasses the rule, in one step.
///
/// Cautious decay leaves out the elements that the step moves away from 0: with the step `θ ← θ − r`, only
/// elements with `r θ ≥ 0` decay (Chen et al., 2025, <https://arxiv.org/abs/2510.12402>).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DecoupledDecay {
    /// Factor of a parameter that decays.
    kept: f64,
    is_cautious: bool,
}

impl DecoupledDecay {
    /// Returns decay by the factor `1 − η λ`.
    pub fn new(lr: f64, weight_decay: f64, is_cautious: bool) -> Self {
        Self::by(1.0 - lr * weight_decay, is_cautious)
    }

    /// Returns decay by the factor `kept`.
    pub fn by(kept: f64, is_cautious: bool) -> Self {
        DecoupledDecay { kept, is_cautious }
    }

    /// Returns the decayed `θ`, before the rule subtracts `step` or a positive multiple of it.
    #[inline(always)]
    pub fn before<V: Value>(&self, theta: V, step: &V) -> V {
        if self.kept == 1.0 {
            return theta;
        }
        let decayed = theta.clone().mul_scalar(self.kept);
        if self.is_cautious { unless_opposed(step, &theta, decayed, theta.clone()) } else { decayed }
    }

    /// Returns the decayed `moved`: the parameter after the rule subtracted `step` from `theta`.
    #[inline(always)]
    pub fn after<V: Value>(&self, theta: &V, step: &V, moved: V) -> V {
        if self.kept == 1.0 {
            return moved;
        }
        let decayed = moved.clone().mul_scalar(self.kept);
        if self.is_cautious { unless_opposed(step, theta, decayed, moved) } else { decayed }
    }
}

/// Returns `moved − a θ`, or `moved` where a cautious decay leaves the element out: decoupled decay of a
/// parameter that the rule moved from `theta` to `moved`.
#[inline(always)]
pub(crate) fn subtracted<V: Value>(theta: &V, moved: V, amount: f64, is_cautious: bool) -> V {
    if amount == 0.0 {
        return moved;
    }
    let decayed = moved.clone() - theta.clone().mul_scalar(amount);
    if !is_cautious {
        return decayed;
    }
    let step = theta.clone() - moved.clone();
    unless_opposed(&step, theta, decayed, moved)
}

/// Checks that cautious decay is not asked of decay that is part of the gradient.
pub(crate) fn check_cautious(owner: &str, is_cautious: bool, is_decoupled: bool) -> Result<(), Error> {
    let allowed = "false without `decoupled_weight_decay`";
    match is_cautious && !is_decoupled {
        true => Err(Error::invalid(owner, "cautious_decay", allowed, is_cautious)),
        false => Ok(()),
    }
}

/// Returns `r + λ θ`, or `r` where a cautious decay leaves the element out: decoupled decay of a rule that
/// scales the whole sum.
#[inline(always)]
pub(crate) fn in_step<V: Value>(step: V, theta: &V, weight_decay: f64, is_cautious: bool) -> V {
    if !is_cautious || weight_decay == 0.0 {
        return coupled(step, theta, weight_decay);
    }
    let decayed = coupled(step.clone(), theta, weight_decay);
    unless_opposed(&step, theta, decayed, step.clone())
}

/// Returns `otherwise` where `step` and `theta` have opposite signs, and `then` elsewhere.
#[inline(always)]
fn unless_opposed<V: Value>(step: &V, theta: &V, then: V, otherwise: V) -> V {
    // Multiplies signs, because the product of two small numbers may be 0 in 32 bits.
    let opposed = -(step.clone().sign() * theta.clone().sign());
    opposed.if_positive(otherwise, then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cautious_decay_leaves_out_only_elements_that_move_away_from_zero() {
        let decay = |is_cautious| DecoupledDecay::by(0.5, is_cautious);
        for (theta, step, decays) in [
            (2.0_f32, 3.0, true),
            (-2.0, -3.0, true),
            (2.0, -3.0, false),
            (-2.0, 3.0, false),
            // A step of 0 has no opposite sign.
            (2.0, 0.0, true),
            (-2.0, 0.0, true),
            (1e-38, 1e-38, true),
            (1e-38, -1e-38, false),
        ] {
            let expected = if decays { 0.5 } else { 1.0 };
            assert_eq!(decay(true).before(theta, &step), expected * theta, "{theta}, {step}");
            assert_eq!(decay(true).after(&theta, &step, 8.0), expected * 8.0, "{theta}, {step}");
            assert_eq!(decay(false).before(theta, &step), 0.5 * theta);
            assert_eq!(decay(false).after(&theta, &step, 8.0), 4.0);
            let added = if decays { 0.5 * theta } else { 0.0 };
            assert_eq!(in_step(step, &theta, 0.5, true), step + added, "{theta}, {step}");
            assert_eq!(in_step(step, &theta, 0.5, false), step + 0.5 * theta);
        }
    }
}
