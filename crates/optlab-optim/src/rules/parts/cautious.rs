//! The mask of cautious rules: only what the gradient agrees with is moved (Liang et al., 2024).

use optlab_kernel::Value;

/// `value` where `direction` and gradient have the same sign, 0 elsewhere and where either is 0.
#[inline(always)]
pub(crate) fn where_agreed<V: Value>(direction: V, grad: V, value: V) -> V {
    // The product of signs, because that of two small numbers may be 0 in 32 bits.
    let zero = value.constant(0.0);
    (direction.sign() * grad.sign()).if_positive(value, zero)
}

/// 1 where they have the same sign, else 0: their sum is how many of the tensor's elements do.
#[inline(always)]
pub(crate) fn agreement<V: Value>(direction: V, grad: V) -> V {
    let one = direction.constant(1.0);
    where_agreed(direction, grad, one)
}

/// The least share that [`share`] gives.
const LEAST_SHARE: f64 = 1e-3;

/// The share of a tensor's elements that agree, from their number; never so small that a step divided by it explodes.
#[inline(always)]
pub(crate) fn share<V: Value>(agreed: V, elements: usize) -> V {
    agreed.mul_scalar(1.0 / elements as f64).at_least(LEAST_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_does_not_depend_on_how_small_the_numbers_are() {
        for small in [1.0_f32, 1e-20, 1e-38] {
            assert_eq!(agreement(small, small), 1.0);
            assert_eq!(agreement(-small, -small), 1.0);
            assert_eq!(agreement(-small, small), 0.0);
            assert_eq!(agreement(0.0, small), 0.0);
            assert_eq!(agreement(small, 0.0), 0.0);
            assert_eq!(agreement(-small, 0.0), 0.0);
        }
        assert_eq!(where_agreed(-2.0_f32, -1.0, 7.0), 7.0);
    }
}
