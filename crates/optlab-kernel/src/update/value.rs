//! The arithmetic that works on single numbers and on whole tensors.

use burn::tensor::Tensor;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The operations that a rule may apply to a number, or to a whole tensor of numbers at once.
///
/// `f32` is one element of a buffer; `Tensor<D>` is all of them, on any backend; `f64` is one element in
/// higher precision. The operations agree except for differences in rounding between backends. Scalars are
/// computed in 64 bits and rounded once, to the type of the elements.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use optlab_kernel::Value;
///
/// /// The length of a vector of two parts, in units of `unit`.
/// fn length<V: Value>(x: V, y: V, unit: f64) -> V {
///     (x.square() + y.square()).sqrt().mul_scalar(1.0 / unit)
/// }
///
/// assert_eq!(length(3.0_f32, 4.0, 5.0), 1.0);
/// let device = Device::default();
/// let x = Tensor::<1>::from_floats([3.0, 6.0], &device);
/// let y = Tensor::<1>::from_floats([4.0, 8.0], &device);
/// assert_eq!(length(x, y, 5.0).into_data().try_to_vec::<f32>().unwrap(), [1.0, 2.0]);
/// ```
pub trait Value:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Returns `self + c`.
    fn add_scalar(self, c: f64) -> Self;

    /// Returns `c · self`.
    fn mul_scalar(self, c: f64) -> Self;

    /// Returns `√self`; NaN below 0.
    fn sqrt(self) -> Self;

    /// Returns `self^c`; NaN below 0 if `c` is not a whole number.
    fn pow_scalar(self, c: f64) -> Self;

    /// Returns `|self|`.
    fn abs(self) -> Self;

    /// Returns −1, 0 or 1; for NaN the result depends on the backend.
    fn sign(self) -> Self;

    /// Returns the larger of the two; for NaN the result depends on the backend.
    fn max(self, other: Self) -> Self;

    /// Returns `max(low, self)`; NaN for NaN.
    fn at_least(self, low: f64) -> Self;

    /// Returns `min(high, self)`; NaN for NaN.
    fn at_most(self, high: f64) -> Self;

    /// Returns `then` where `self > 0`, and `otherwise` elsewhere, including NaN.
    fn if_positive(self, then: Self, otherwise: Self) -> Self;

    /// Returns a value of the same shape with `c` in every element.
    fn constant(&self, c: f64) -> Self;

    /// Returns `self²`.
    fn square(self) -> Self {
        self.clone() * self
    }
}

macro_rules! number {
    ($number:ty) => {
        impl Value for $number {
            #[inline(always)]
            fn add_scalar(self, c: f64) -> Self {
                self + c as $number
            }

            #[inline(always)]
            fn mul_scalar(self, c: f64) -> Self {
                self * c as $number
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn pow_scalar(self, c: f64) -> Self {
                self.powf(c as $number)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn sign(self) -> Self {
                // The last branch is 0 or NaN.
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else {
                    self
                }
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other || self.is_nan() { self } else { other }
            }

            #[inline(always)]
            fn at_least(self, low: f64) -> Self {
                let low = low as $number;
                if self < low { low } else { self }
            }

            #[inline(always)]
            fn at_most(self, high: f64) -> Self {
                let high = high as $number;
                if self > high { high } else { self }
            }

            #[inline(always)]
            fn constant(&self, c: f64) -> Self {
                c as $number
            }

            #[inline(always)]
            fn if_positive(self, then: Self, otherwise: Self) -> Self {
                if self > 0.0 { then } else { otherwise }
            }
        }
    };
}

number!(f32);
number!(f64);

impl<const D: usize> Value for Tensor<D> {
    fn add_scalar(self, c: f64) -> Self {
        self.add_scalar(c)
    }

    fn mul_scalar(self, c: f64) -> Self {
        self.mul_scalar(c)
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn pow_scalar(self, c: f64) -> Self {
        self.powf_scalar(c)
    }

    fn abs(self) -> Self {
        self.abs()
    }

    fn sign(self) -> Self {
        self.sign()
    }

    fn max(self, other: Self) -> Self {
        self.max_pair(other)
    }

    fn at_least(self, low: f64) -> Self {
        self.clamp_min(low)
    }

    fn at_most(self, high: f64) -> Self {
        self.clamp_max(high)
    }

    fn constant(&self, c: f64) -> Self {
        self.full_like(c)
    }

    fn if_positive(self, then: Self, otherwise: Self) -> Self {
        otherwise.mask_where(self.greater_elem(0.0), then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    const NUMBERS: [f64; 11] =
        [-3.5, -1.0, -1e-30, -0.0, 0.0, 1e-30, 0.25, 2.0, 7e20, f64::INFINITY, f64::NAN];

    type Operation<V> = (&'static str, fn(V, V) -> V);

    /// Returns each operation by name.
    fn operations<V: Value>() -> [Operation<V>; 17] {
        [
            ("add", |x, y| x + y),
            ("subtract", |x, y| x - y),
            ("multiply", |x, y| x * y),
            ("divide", |x, y| x / y),
            ("negate", |x, _| -x),
            ("add_scalar", |x, _| x.add_scalar(0.3)),
            ("mul_scalar", |x, _| x.mul_scalar(0.3)),
            ("sqrt", |x, _| x.sqrt()),
            ("pow_scalar", |x, _| x.pow_scalar(0.25)),
            ("abs", |x, _| x.abs()),
            ("sign", |x, _| x.sign()),
            ("max", |x, y| x.max(y)),
            ("at_least", |x, _| x.at_least(-0.7)),
            ("at_most", |x, _| x.at_most(0.9)),
            ("if_positive", |x, y| x.clone().if_positive(y, x)),
            ("constant", |x, _| x.constant(0.3)),
            ("square", |x, _| x.square()),
        ]
    }

    fn pairs() -> Vec<(f64, f64)> {
        NUMBERS.iter().flat_map(|&x| NUMBERS.iter().map(move |&y| (x, y))).collect()
    }

    #[test]
    fn every_operation_gives_the_same_number_for_an_element_and_for_a_tensor() {
        let column = |pick: fn(&(f64, f64)) -> f64| -> Vec<f32> {
            pairs().iter().map(|pair| pick(pair) as f32).collect()
        };
        let (xs, ys) = (column(|pair| pair.0), column(|pair| pair.1));
        let tensor = |values: &[f32]| {
            Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::default())
        };
        for ((name, on_elements), (_, on_tensors)) in operations::<f32>().into_iter().zip(operations()) {
            let expected = on_tensors(tensor(&xs), tensor(&ys)).into_data().try_to_vec::<f32>().unwrap();
            for ((x, y), expected) in xs.iter().zip(&ys).zip(expected) {
                if ["max", "sign"].contains(&name) && (x.is_nan() || y.is_nan()) {
                    continue;
                }
                let given = on_elements(*x, *y);
                let same = given == expected || (given.is_nan() && expected.is_nan());
                assert!(same, "{name} of {x} and {y}: {given}, as a tensor {expected}");
            }
        }
    }

    #[test]
    fn operations_on_64_bit_elements_match_those_on_32_bit_elements() {
        for ((name, single), (_, double)) in operations::<f32>().into_iter().zip(operations::<f64>()) {
            for (x, y) in pairs() {
                let (given, expected) = (single(x as f32, y as f32), double(x, y) as f32);
                let same = (given - expected).abs() <= 2e-7 * expected.abs()
                    || given == expected
                    || (given.is_nan() && expected.is_nan());
                // 1e-30 squared is 0 in 32 bits but not in 64; overflow differs likewise.
                let representable = [x * x, x * y, x / y].iter().all(|v| !v.is_finite() || v.abs() < 1e38);
                assert!(same || !representable, "{name} of {x} and {y}: {given}, in 64 bits {expected}");
            }
        }
    }

    #[test]
    fn operations_on_a_nan_element_return_nan() {
        assert!(f32::NAN.sign().is_nan());
        assert!(Value::max(f32::NAN, 1.0).is_nan() && Value::max(1.0_f32, f32::NAN).is_nan());
        assert!(f32::NAN.at_least(-1.0).is_nan() && f32::NAN.at_most(1.0).is_nan());
    }
}
