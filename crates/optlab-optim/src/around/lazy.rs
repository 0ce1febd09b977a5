//! `lazy`: rows of a matrix without a gradient stay as they are.

use crate::Error;
use crate::around::{Wrapper, base, base_field, twice};
use crate::driver::{Assembly, ParameterRule};
use crate::spec::OptimizerSpec;
use optlab_core::settings;

settings! {
    /// Lazy steps: of each parameter of two and more dimensions, only the rows with a gradient move. A row is
    /// what has one index in the first dimension, such as the vector of a token in an embedding.
    ///
    /// ```text
    /// rows i with gᵢ ≠ 0     θᵢ and the state of row i: the base's step t
    /// other rows             θᵢ and the state of row i stay as they are
    /// ```
    ///
    /// `t` counts the steps of the whole parameter, also for rows that rarely have a gradient. Around `adam`
    /// it is PyTorch's `SparseAdam`; around a rule that does not move without a gradient, such as `adagrad`,
    /// the result is the base's. Momentum and weight decay of a row wait for its next gradient. Penalties of
    /// a training (`l1`, `l2`) and a `decay` around it, which would move every row, do not act on its
    /// parameters; vectors move as with the base alone. It is meant for embeddings:
    /// `group:parameters=*embedding*,other=(lazy:base=adam)`.
    ///
    /// On `flex` and `ndarray` a row without a gradient costs the reading of its gradient, 4 of the 28 bytes
    /// a number that `adam` moves otherwise. Burn's gradients are whole tensors, so this and their making
    /// remain. On other backends every row is computed, and the result of the others is thrown away.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::Usage`] if no rule of the base is
    /// element-wise with 32 bits of state and nothing shared by all parameters (`prodigy`, `dog`, rules of
    /// matrices and Burn's), or if the base is already lazy; also if a wrapper moves all rows (`ema`, `swa`,
    /// `lawa`, `lookahead`, `schedule_free`, `ema_nesterov`, `mechanic`, `hyperball`, `cautious`) or gives
    /// them a gradient (`grokfast`, `variance_reduced`, `centralized`).
    ///
    /// # Example
    /// The second row has no gradient in the second step, and does not follow the mean of the first one:
    /// ```
    /// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
    ///
    /// let mut optimizer = "lazy:base=adam".parse::<optlab_optim::OptimizerSpec>()?.build()?;
    /// let device = Device::default();
    /// let mut theta = Param::from_tensor(Tensor::<2>::zeros([2, 1], &device.clone().autodiff()));
    /// for grad in [[[1.0], [1.0]], [[1.0], [0.0]]] {
    ///     let mut gradients = GradientsParams::new();
    ///     gradients.register(theta.id, Tensor::<2>::from_floats(grad, &device));
    ///     theta = optimizer.apply(0.1, theta, &mut gradients);
    /// }
    /// let moved: Vec<f32> = theta.val().into_data().try_to_vec().unwrap();
    /// assert!((moved[0] + 0.2).abs() < 1e-5 && (moved[1] + 0.1).abs() < 1e-5);
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// PyTorch's `SparseAdam`, which takes sparse gradients, moves rows that are listed with a gradient of 0,
    /// and adds `ε` before the correction of the second moment, not after.
    ///
    /// # Reference
    /// `torch.optim.SparseAdam` of PyTorch 2.15,
    /// <https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html>
    pub struct LazyConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
    }
}

impl Wrapper for LazyConfig {
    base_field!();

    fn rules_of_base(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.lazy(owner, self.base.rules()?)
    }

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        Ok(Assembly { rules: self.lazy(owner, assembly.rules)?, ..assembly })
    }
}

impl LazyConfig {
    /// Returns `rules`, of which those that can be are lazy.
    fn lazy(&self, owner: &str, rules: Vec<ParameterRule>) -> Result<Vec<ParameterRule>, Error> {
        if rules.iter().any(|rule| rule.is_lazy) {
            return Err(twice(owner));
        }
        if !rules.iter().any(ParameterRule::may_be_lazy) {
            let reason =
                "it wraps element-wise rules with 32 bits of state, such as `adam`, and this base has none";
            return Err(Error::Usage(format!("`{owner}:base={}`: {reason}", self.base)));
        }
        Ok(rules.into_iter().map(|rule| if rule.may_be_lazy() { rule.lazy() } else { rule }).collect())
    }
}
