//! Functions of all parameters, for rules that evaluate gradients where they like.

use crate::verify::flat::Flat;
use serde::Deserialize;

/// A function of all parameters of a trajectory, flattened one after the other to `x`.
#[derive(Debug, Deserialize)]
#[serde(tag = "objective", rename_all = "snake_case")]
pub(super) enum Objective {
    /// `½ xᵀ A x − bᵀ x`
    Quadratic {
        /// `A`, row-major.
        curvature: Flat,
        /// `b`
        slope: Flat,
    },
    /// `Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²`
    Rosenbrock,
}

impl Objective {
    /// Checks that it is a function of `elements` numbers; returns what is wrong with it.
    pub fn check(&self, elements: usize) -> Result<(), String> {
        match self {
            Objective::Quadratic { curvature, slope } => {
                for (field, Flat(values), expected) in
                    [("curvature", curvature, elements * elements), ("slope", slope, elements)]
                {
                    if values.len() != expected {
                        return Err(format!("`{field}` has {} numbers, not {expected}", values.len()));
                    }
                }
                Ok(())
            }
            Objective::Rosenbrock if elements < 2 => {
                Err("Rosenbrock's function takes two or more numbers".into())
            }
            Objective::Rosenbrock => Ok(()),
        }
    }

    /// Returns its value and its gradient at `x`.
    pub fn at(&self, x: &[f64]) -> (f64, Vec<f64>) {
        match self {
            Objective::Quadratic { curvature, slope } => {
                let dot = |row: &[f64]| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
                let bent: Vec<f64> = curvature.0.chunks_exact(x.len()).map(dot).collect();
                let value =
                    x.iter().zip(&bent).zip(&slope.0).map(|((x, bent), b)| x * (bent / 2.0 - b)).sum();
                (value, bent.iter().zip(&slope.0).map(|(bent, b)| bent - b).collect())
            }
            Objective::Rosenbrock => {
                let (mut value, mut gradient) = (0.0, vec![0.0; x.len()]);
                for i in 1..x.len() {
                    let (before, valley) = (x[i - 1], x[i] - x[i - 1] * x[i - 1]);
                    value += 100.0 * valley * valley + (1.0 - before) * (1.0 - before);
                    gradient[i - 1] += -400.0 * before * valley - 2.0 * (1.0 - before);
                    gradient[i] += 200.0 * valley;
                }
                (value, gradient)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_the_slopes_of_the_values() {
        let quadratic = Objective::Quadratic {
            curvature: Flat(vec![2.0, 0.5, -1.0, 0.5, 3.0, 0.25, -1.0, 0.25, 4.0]),
            slope: Flat(vec![1.0, -2.0, 0.5]),
        };
        for objective in [quadratic, Objective::Rosenbrock] {
            let x = [0.5, -1.25, 2.0];
            let (_, gradient) = objective.at(&x);
            for i in 0..3 {
                let moved = |by: f64| {
                    let mut moved = x;
                    moved[i] += by;
                    objective.at(&moved).0
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((gradient[i] - slope).abs() < 1e-5 * slope.abs().max(1.0), "{objective:?}, {i}");
            }
        }
        assert_eq!(Objective::Rosenbrock.at(&[1.0, 1.0, 1.0]), (0.0, vec![0.0; 3]));
    }
}
