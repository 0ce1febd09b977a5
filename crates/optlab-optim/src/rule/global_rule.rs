//! Rules with one estimate for all parameters together.

use crate::rule::Rule;
use optlab_kernel::Update;

/// A rule whose steps depend on sums over all parameters that it moves, for example to estimate the distance
/// to the solution.
///
/// Each step first computes the sums over all parameters, then updates the shared numbers from them, and then
/// moves the parameters. It waits once per step for the device that computes the sums. Burn's optimizers see
/// one parameter at a time, so only a [`ModelOptimizer`](crate::driver::ModelOptimizer) can run such a rule.
pub trait GlobalRule: Rule {
    /// The terms that are summed over all parameters.
    type Measure: Update;

    /// The coefficients of one step.
    type Step: Update;

    /// Whether the rule needs [`GlobalStep::loss`], so that a step waits for the device that computes it.
    const NEEDS_LOSS: bool = false;

    /// Returns the numbers that all parameters share: their names in a checkpoint, and their initial values.
    fn shared(&self) -> Vec<(&'static str, f64)>;

    /// Returns the coefficients for the sums of a step.
    fn measure(&self, at: GlobalStep<'_>) -> Self::Measure;

    /// Updates the shared numbers from the sums: `shared` starts as a copy of `at.shared`.
    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]);

    /// Returns the coefficients of a step, after [`estimate`](Self::estimate).
    fn at_step(&self, at: GlobalStep<'_>) -> Self::Step;
}

/// The inputs for the coefficients of a step of all parameters.
#[derive(Debug, Clone, Copy)]
pub struct GlobalStep<'a> {
    /// The learning rate.
    pub lr: f64,
    /// The loss at the point of the gradients; NaN unless the rule [needs it](GlobalRule::NEEDS_LOSS).
    pub loss: f64,
    /// The number of the step, counted from 1.
    pub t: u64,
    /// The shared numbers.
    pub shared: &'a [f64],
}
