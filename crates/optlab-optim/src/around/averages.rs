//! Wrappers that average the weights: `ema`, `swa` and `lawa`.

use crate::Error;
use crate::around::{WeightAverage, Wrapper, base, base_field, twice};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// Exponential moving average of the weights, used for evaluation: `a ← δ a + (1 − δ) θ` after each step,
    /// with `a₀ = θ₀`.
    ///
    /// Training continues with `θ`. The average takes one more tensor per parameter.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if the decay is out of
    /// range; [`Error::Usage`] if the base already has an average.
    ///
    /// # Reference
    /// Polyak & Juditsky, *Acceleration of Stochastic Approximation by Averaging*, 1992,
    /// <https://doi.org/10.1137/0330046>
    pub struct EmaConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Decay of the average per step.
        decay: f64 = 0.999, "δ", in BELOW_ONE, search(1, Search::Decay);
    }
}

impl Wrapper for EmaConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_average(owner, assembly, self.average())
    }
}

impl EmaConfig {
    fn average(&self) -> WeightAverage {
        WeightAverage::Exponential { decay: self.decay }
    }
}

settings! {
    /// Stochastic weight averaging: the mean of the weights after step `start` and after every `every`-th
    /// step from there, used for evaluation.
    ///
    /// Before step `start` the weights themselves are evaluated. The mean takes one more tensor per
    /// parameter. [`StatisticsAverage`](crate::driver::StatisticsAverage) recomputes the running statistics
    /// of normalization layers for the mean.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is 0;
    /// [`Error::Usage`] if the base already has an average.
    ///
    /// # Reference
    /// Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018,
    /// <https://arxiv.org/abs/1803.05407>
    pub struct SwaConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// First step whose weights enter the mean.
        start: usize = 1, in COUNT;
        /// Steps between two sets of weights that enter the mean.
        every: usize = 1, in COUNT, search(1, Search::Choice(&[1, 10, 100]));
    }
}

impl Wrapper for SwaConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_average(owner, assembly, self.average())
    }
}

impl SwaConfig {
    fn average(&self) -> WeightAverage {
        WeightAverage::Stochastic { start: self.start, every: self.every }
    }
}

settings! {
    /// Latest weight averaging: the mean of the latest snapshots of the weights, taken every few steps, used
    /// for evaluation.
    ///
    /// Snapshots are taken after steps `every`, `2 every`, …; usually `every` is an epoch. The mean is over
    /// those that there are, at most `snapshots`; before the first one the weights themselves are evaluated,
    /// and between two snapshots the mean does not change. State: up to `snapshots` tensors per parameter.
    /// [`StatisticsAverage`](crate::driver::StatisticsAverage) recomputes the running statistics of
    /// normalization layers for the mean.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already has an average.
    ///
    /// # Example
    /// ```
    /// let spec: optlab_optim::OptimizerSpec = "lawa:snapshots=5,every=41,base=adamw".parse()?;
    /// assert!(spec.build()?.has_evaluation_mode());
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// The author's code evaluates the initial weights before the first snapshot, and averages running
    /// statistics like weights. AlgoPerf's LAWA submissions evaluate a mean only once there are as many
    /// snapshots as it takes.
    ///
    /// # Reference
    /// Kaddour, *Stop Wasting My Time! Saving Days of ImageNet and BERT Training with Latest Weight
    /// Averaging*, 2022, <https://arxiv.org/abs/2209.14981>; <https://github.com/JeanKaddour/LAWA>
    pub struct LawaConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Number of snapshots that enter the mean.
        snapshots: usize = 10, "k", in ITERATIONS, search(2, Search::Integer(3, 10));
        /// Steps between two snapshots.
        every: usize = 1000, in COUNT, search(1, Search::Choice(&[10, 100, 1000]));
    }
}

impl Wrapper for LawaConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let average = WeightAverage::Latest { snapshots: self.snapshots, every: self.every };
        with_average(owner, assembly, average)
    }
}

fn with_average(owner: &str, mut assembly: Assembly, average: WeightAverage) -> Result<Assembly, Error> {
    match assembly.extras.average.replace(average) {
        None => Ok(assembly),
        Some(_) => Err(twice(owner)),
    }
}
