//! Rules with one estimate for all parameters together.

use crate::rule::Rule;
use optlab_kernel::Update;

/// A rule whose steps depend on sums over all parameters that it moves, as an estimate of the distance to the solution.
///
/// In each step the sums are added up over all parameters first, the shared numbers made of them, and then the parameters
/// moved. A device that computes the sums is waited for once in a step. Burn's optimizers see one parameter at a time, so
/// such a rule goes into a [`ModelOptimizer`](crate::driver::ModelOptimizer) only.
pub trait GlobalRule: Rule {
    /// What is summed up over all parameters.
    type Measure: Update;

    /// The coefficients of one step.
    type Step: Update;

    /// The numbers that all parameters share: their names in a checkpoint, and what they start at.
    fn shared(&self) -> Vec<(&'static str, f64)>;

    /// The coefficients of the sums of a step.
    fn measure(&self, at: GlobalStep<'_>) -> Self::Measure;

    /// What the shared numbers become: `shared` are those of `at`, to be replaced.
    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]);

    /// The coefficients of a step, after [`estimate`](Self::estimate).
    fn at_step(&self, at: GlobalStep<'_>) -> Self::Step;
}

/// What the coefficients of a step of all parameters are made from.
#[derive(Debug, Clone, Copy)]
pub struct GlobalStep<'a> {
    /// The learning rate.
    pub lr: f64,
    /// The number of the step, counted from 1.
    pub t: u64,
    /// The shared numbers.
    pub shared: &'a [f64],
}
