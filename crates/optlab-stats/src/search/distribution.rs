//! The distribution of the values of one hyper-parameter.

mod text;

use serde_json::Value;

/// The distribution of the values of one hyper-parameter, and its text form.
///
/// | distribution | text                     | spread evenly                | ends               |
/// |:-------------|:-------------------------|:-----------------------------|:-------------------|
/// | `LogUniform` | `log(1e-4,1e-1)`         | the logarithm of the value   | `0 < low < high`   |
/// | `Uniform`    | `uniform(0.5,0.99)`      | the value                    | `low < high`       |
/// | `Complement` | `complement(0.9,0.999)`  | the logarithm of 1 − value   | `0 ≤ low < high < 1` |
/// | `Integer`    | `int(1,8)`               | the whole numbers, with both ends | `low < high`  |
/// | `Choice`     | `choice(true,false)`     | the values listed            | one or more        |
///
/// `Complement` is for decays: from 0.9 to 0.99 is as far as from 0.99 to 0.999. AlgoPerf searches decays
/// this way (Dahl et al., *Benchmarking Neural Network Training Algorithms*, 2023,
/// <https://arxiv.org/abs/2306.07179>).
///
/// A choice is a number, `true`, `false`, `none`, or a text, which may be a spec. A spec with commas stands
/// in parentheses, which are not part of it: `choice(constant,(step:gamma=0.5,step_size=3))`.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Uniform in the logarithm.
    LogUniform {
        /// The smallest value, above 0.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// Uniform in the value.
    Uniform {
        /// The smallest value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// Uniform in the logarithm of 1 − value.
    Complement {
        /// The smallest value, 0 or more.
        low: f64,
        /// The largest value, below 1.
        high: f64,
    },
    /// Uniform over the whole numbers.
    Integer {
        /// The smallest value.
        low: i64,
        /// The largest value.
        high: i64,
    },
    /// Uniform over the values of a list.
    Choice(Vec<Value>),
}

/// The significant digits of a drawn number.
const DIGITS: i32 = 4;
/// The largest number below 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

impl Distribution {
    /// Returns the value at `u` in `[0, 1)`; at 0 this is the smallest number or the first choice.
    ///
    /// A number has 4 significant digits, or more if the ends are close together, so that its text is short
    /// and still exactly the value that ran; with `Complement` this holds for 1 − value. It is always between
    /// the ends.
    pub fn at(&self, u: f64) -> Value {
        let between = |low: f64, high: f64| low + u * (high - low);
        match *self {
            Distribution::LogUniform { low, high } => {
                let value = between(low.ln(), high.ln()).exp();
                decimal(value, digits(value, high - low)).max(low).min(high).into()
            }
            Distribution::Uniform { low, high } => {
                let value = between(low, high);
                decimal(value, digits(value, high - low)).max(low).min(high).into()
            }
            Distribution::Complement { low, high } => {
                let rest = between((1.0 - low).ln(), (1.0 - high).ln()).exp();
                // `1 − rest` has the decimal places of `rest`, so its text is short as well.
                let places = digits(rest, high - low) - 1 - exponent(rest);
                rounded(1.0 - rest, places).max(low).min(high).into()
            }
            Distribution::Integer { low, .. } => (low + self.cell(u) as i64).into(),
            Distribution::Choice(ref values) => values.get(self.cell(u)).cloned().unwrap_or_default(),
        }
    }

    /// Returns the inverse of [`at`](Self::at), in `[0, 1)`; for whole numbers and choices the middle of the
    /// interval that gives the value. `None` if the value is not in this distribution.
    pub fn unit_of(&self, value: &Value) -> Option<f64> {
        let middle = |cell: usize| Some((cell as f64 + 0.5) / self.cells()? as f64);
        let share = |low: f64, x: f64, high: f64| ((x - low) / (high - low)).clamp(0.0, BELOW_ONE);
        if let Distribution::Choice(values) = self {
            return middle(values.iter().position(|choice| is_same(choice, value))?);
        }
        let x = value.as_f64().filter(|x| self.contains(*x))?;
        match *self {
            Distribution::LogUniform { low, high } => Some(share(low.ln(), x.ln(), high.ln())),
            Distribution::Uniform { low, high } => Some(share(low, x, high)),
            Distribution::Complement { low, high } => {
                Some(share(-(1.0 - low).ln(), -(1.0 - x).ln(), -(1.0 - high).ln()))
            }
            Distribution::Integer { low, .. } => middle((x as i64 - low) as usize),
            Distribution::Choice(_) => None,
        }
    }

    /// Returns the number of values of a whole number or a choice; `None` for a continuous distribution.
    pub fn cells(&self) -> Option<usize> {
        match self {
            Distribution::Integer { low, high } => Some(high.saturating_sub(*low).saturating_add(1) as usize),
            Distribution::Choice(values) => Some(values.len()),
            _ => None,
        }
    }

    /// Returns the index of the value at `u`, from 0; 0 for a continuous distribution.
    pub(super) fn cell(&self, u: f64) -> usize {
        let cells = self.cells().unwrap_or(1);
        ((u * cells as f64) as usize).min(cells.saturating_sub(1))
    }

    fn contains(&self, x: f64) -> bool {
        match *self {
            Distribution::LogUniform { low, high }
            | Distribution::Uniform { low, high }
            | Distribution::Complement { low, high } => (low..=high).contains(&x),
            Distribution::Integer { low, high } => {
                x.fract() == 0.0 && (low as f64..=high as f64).contains(&x)
            }
            Distribution::Choice(_) => false,
        }
    }
}

/// Returns the number with `digits` significant digits that is nearest to `x`.
fn decimal(x: f64, digits: i32) -> f64 {
    let places = (digits - 1).clamp(0, 16) as usize;
    format!("{x:.places$e}").parse().unwrap_or(x)
}

/// Returns the number with `places` decimal places that is nearest to `x`.
fn rounded(x: f64, places: i32) -> f64 {
    let places = places.max(0) as usize;
    format!("{x:.places$}").parse().unwrap_or(x)
}

/// Returns the number of digits that `x` needs for steps of at most a thousandth of `width`.
fn digits(x: f64, width: f64) -> i32 {
    DIGITS + (exponent(x) - exponent(width)).max(0)
}

/// Returns the power of ten of the first digit.
fn exponent(x: f64) -> i32 {
    if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 }
}

/// Returns whether two values are equal, also if one is written as a whole number and the other is not.
fn is_same(a: &Value, b: &Value) -> bool {
    // Large whole numbers that differ may be the same in floating point.
    let are_whole = a.is_i64() && b.is_i64();
    a == b || !are_whole && a.as_f64().is_some_and(|a| b.as_f64() == Some(a))
}

#[cfg(test)]
mod tests;
