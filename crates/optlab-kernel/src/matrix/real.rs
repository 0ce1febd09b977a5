//! The element types of matrices.

use faer::traits::RealField;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A 32-bit or 64-bit float.
pub trait Real:
    sealed::Sealed
    + RealField
    + Copy
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Neg<Output = Self>
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// Returns the nearest number of this type.
    fn of(value: f64) -> Self;

    /// Returns the number in 64 bits.
    fn to_f64(self) -> f64;

    /// Returns the absolute value.
    fn abs(self) -> Self;

    /// Returns whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

macro_rules! real {
    ($float:ident) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            fn of(value: f64) -> Self {
                value as $float
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn abs(self) -> Self {
                $float::abs(self)
            }

            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
        }
    };
}

real!(f32);
real!(f64);
