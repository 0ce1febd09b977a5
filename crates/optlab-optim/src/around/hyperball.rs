//! `hyperball`: matrices that keep their norm.

use crate::Error;
use crate::around::{Wrapper, base, base_field, once};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;

settings! {
    /// Hyperball: every matrix keeps the Frobenius norm that it had before the first step, and moves by a
    /// share of that norm, along the direction of the base's step.
    ///
    /// ```text
    /// R = ‖θ₀‖
    /// uₜ = θₜ₋₁ − the base's result for θₜ₋₁          with the decays of the base and of `decay` around it
    /// pₜ = θₜ₋₁ − ηₜ R uₜ / max(‖uₜ‖, 1e-12)
    /// θₜ = R pₜ / max(‖pₜ‖, 1e-12)
    /// ```
    ///
    /// So the learning rate is the angle of a step in radians, up to second order, in every matrix. It
    /// applies to parameters of two and more dimensions, as a whole; the base moves vectors, and matrices
    /// that start as zeros. State: one number per matrix.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): the errors of the base; [`Error::Usage`] if the base
    /// already is a `hyperball`.
    ///
    /// # Example
    /// ```
    /// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
    ///
    /// let mut optimizer = "hyperball:base=adamw".parse::<optlab_optim::OptimizerSpec>()?.build()?;
    /// let device = Device::default();
    /// let theta = Param::from_tensor(Tensor::<2>::from_floats([[3.0], [4.0]], &device.clone().autodiff()));
    /// let mut gradients = GradientsParams::new();
    /// gradients.register(theta.id, Tensor::<2>::from_floats([[1.0], [-2.0]], &device));
    /// let theta = optimizer.apply(0.1, theta, &mut gradients);
    /// let norm = theta.val().square().sum().sqrt().into_scalar::<f32>();
    /// assert!((norm - 5.0).abs() < 1e-5);
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// heavyball's `HyperBallAdamW`, which keeps a matrix of zeros at zero forever; here the base moves it
    /// without a constraint. There, hyperball ends Adam's step only; here any rule's.
    ///
    /// # Reference
    /// Wen et al., *Fantastic Pretraining Optimizers and Where to Find Them 2.1: Hyperball Optimization*,
    /// 2025; heavyball's `HyperBallAdamW`, <https://github.com/HomebrewML/HeavyBall>, which links to it
    pub struct HyperballConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
    }
}

impl Wrapper for HyperballConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.extras.hyperball)?;
        Ok(assembly)
    }
}
