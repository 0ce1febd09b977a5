//! The mask of cautious rules: only elements whose step agrees with the gradient move (Liang et al., 2024).

use optlab_kernel::Value;

/// Returns `value` where `direction` and gradient have the same sign; 0 elsewhere, also where either is 0.
#[inline(always)]
pub(crate) fn where_agreed<V: Value>(direction: V, grad: V, value: V) -> V {
    // Multiplies signs, because the product of two small numbers may be 0 in 32 bits.
    let zero = value.constant(0.0);
    (direction.sign() * grad.sign()).if_positive(value, zero)
}

/// Returns 1 where both have the same sign, else 0; the sum is the number of elements that agree.
#[inline(always)]
pub(crate) fn agreement<V: Value>(direction: V, grad: V) -> V {
    let one = direction.constant(1.0);
    where_agreed(direction, grad, one)
}

/// Lower bound of [`share`].
const LEAST_SHARE: f64 = 1e-3;

/// Returns the share of a tensor's elements that agree, from their number; bounded below, so that a step
/// divided by it stays moderate.
#[inline(always)]
pub(crate) fn share<V: Value>(agreed: V, elements: usize) -> V {
    agreed.mul_scalar(1.0 / elements as f64).at_least(LEAST_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_does_not_depend_on_the_magnitude_of_the_numbers() {
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
