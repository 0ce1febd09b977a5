//! Wrappers that combine each gradient with earlier ones before the rule sees it: `grokfast` and
//! `variance_reduced`.

use crate::Error;
use crate::around::gradient_filter::GradientFilter;
use crate::around::{Wrapper, base, base_field};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;
use serde::{Deserialize, Serialize};

settings! {
    /// Grokfast: adds an amplified mean of the latest gradients to each gradient, which speeds up what
    /// changes slowly.
    ///
    /// ```text
    /// kind=ema    h ← α h + (1 − α) g,  g ← g + λ h         h = the first gradient before the first step
    /// kind=ma     g ← g + λ (g₁ + … + g_w) / w              over the latest w gradients, with this one
    /// ```
    ///
    /// With `warmup`, `ma` adds nothing until it has seen `window` gradients; without, it takes the mean of
    /// those that it has. The filter comes before clipping, centralization and penalties of the gradient.
    ///
    /// State: one tensor per parameter for `ema`; `window` gradients and two sums for `ma`: with the default
    /// window 102 times the memory of the parameters. A step of `ma` takes the same time for every window.
    /// The sums start afresh every `window` steps, so rounding errors do not add up.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is `grokfast` or `variance_reduced`.
    ///
    /// # Example
    /// At a rate of 1, `sgd` shows the gradient: with `λ = 2`, the first gradient is added twice more.
    /// ```
    /// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
    ///
    /// let mut optimizer = "grokfast:base=sgd".parse::<optlab_optim::OptimizerSpec>()?.build()?;
    /// let device = Device::default();
    /// let theta = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
    /// let mut gradients = GradientsParams::new();
    /// gradients.register(theta.id, Tensor::<1>::from_floats([0.5], &device));
    /// let theta = optimizer.apply(1.0, theta, &mut gradients);
    /// assert_eq!(theta.val().into_scalar::<f32>(), -1.5);
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// The authors' code, whose default for `ma` is `λ = 5`. Its `filter_type='sum'` is `ma` with `lamb`
    /// times `window`.
    ///
    /// # Reference
    /// Lee et al., *Grokfast: Accelerated Grokking by Amplifying Slow Gradients*, 2024,
    /// <https://arxiv.org/abs/2405.20233>; <https://github.com/ironjr/grokfast>
    pub struct GrokfastConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// The mean: exponential (`ema`) or over a window (`ma`).
        kind: GrokfastKind = (GrokfastKind::Ema) as "`ema`", allowed "`ema` or `ma`";
        /// Decay of the exponential mean.
        alpha: f64 = 0.98, "α", in BELOW_ONE, search(2, Search::Decay);
        /// Number of gradients in the window.
        window: usize = 100, "w", in ITERATIONS;
        /// Factor of the mean.
        lamb: f64 = 2.0, "λ", in NON_NEGATIVE, search(1, Search::Log(0.1, 10.0));
        /// Whether a window adds nothing until it is full.
        warmup: bool = true;
    }
}

/// The mean that [`GrokfastConfig`] adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrokfastKind {
    /// An exponential moving average.
    Ema,
    /// The mean over a window.
    Ma,
}

impl Wrapper for GrokfastConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let GrokfastConfig { alpha, window, lamb, warmup, .. } = *self;
        let filter = match self.kind {
            GrokfastKind::Ema => GradientFilter::Mean { alpha, lamb },
            GrokfastKind::Ma => GradientFilter::Window { window, lamb, warmup },
        };
        with_filter(owner, assembly, filter)
    }
}

settings! {
    /// Variance reduction of MARS in front of any rule: corrects each gradient by its change since the last
    /// one.
    ///
    /// ```text
    /// g₀ = 0
    /// cₜ = gₜ + γ β / (1 − β) (gₜ − gₜ₋₁)
    /// the base sees cₜ / max(1, ‖cₜ‖ / N)                        norm over the tensor; none: cₜ
    /// ```
    ///
    /// `β` should be the decay of the base's first moment. One more tensor per parameter, the last gradient.
    /// The filter comes before clipping, centralization and penalties of the gradient.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is `grokfast` or `variance_reduced`.
    ///
    /// # Example
    /// Around `adamw` with the same decays it is the rule `mars`:
    /// ```
    /// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
    /// use optlab_optim::OptimizerSpec;
    ///
    /// let device = Device::default();
    /// let around = "variance_reduced:base=adamw:beta_1=0.95,beta_2=0.99,weight_decay=0";
    /// let moved = [around, "mars"].map(|text| {
    ///     let mut optimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
    ///     let mut theta = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
    ///     for grad in [0.5, 0.1] {
    ///         let mut gradients = GradientsParams::new();
    ///         gradients.register(theta.id, Tensor::<1>::from_floats([grad], &device));
    ///         theta = optimizer.apply(0.1, theta, &mut gradients);
    ///     }
    ///     theta.val().into_scalar::<f32>()
    /// });
    /// assert!((moved[0] - moved[1]).abs() < 1e-6);
    /// ```
    ///
    /// # Differs from
    /// The exact form of the paper, which evaluates the previous batch again; this is its approximate form,
    /// the default of the authors' code. heavyball's `mars=True` has no limit of the norm: `max_norm=none`.
    ///
    /// # Reference
    /// Yuan et al., *MARS: Unleashing the Power of Variance Reduction for Training Large Models*, 2024,
    /// <https://arxiv.org/abs/2411.10438>; <https://github.com/AGI-Arena/MARS>
    pub struct VarianceReducedConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Decay of the first moment that the correction is made for.
        beta: f64 = 0.95, "β", in BELOW_ONE, search(2, Search::Momentum);
        /// Scale of the correction by the change since the last gradient.
        gamma: f64 = 0.025, "γ", in NON_NEGATIVE, search(1, Search::Log(2.5e-3, 0.25));
        /// Largest norm of a corrected gradient; none for no limit.
        max_norm: Option<f64> = (Some(1.0)), "N", in POSITIVE;
    }
}

impl Wrapper for VarianceReducedConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let factor = self.gamma * self.beta / (1.0 - self.beta);
        with_filter(owner, assembly, GradientFilter::Change { factor, max_norm: self.max_norm })
    }
}

fn with_filter(owner: &str, mut assembly: Assembly, filter: GradientFilter) -> Result<Assembly, Error> {
    match assembly.filter.replace(filter) {
        None => Ok(assembly),
        Some(_) => {
            Err(Error::Usage(format!("`{owner}` wraps an optimizer that already filters its gradients")))
        }
    }
}
