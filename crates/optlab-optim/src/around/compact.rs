//! The wrapper `compact`: state in fewer bits, and stochastic rounding of parameters in bfloat16.

use crate::Error;
use crate::around::{Wrapper, base, base_field, twice};
use crate::driver::parameter_rule::Kind;
use crate::driver::{Assembly, ParameterRule};
use crate::rule::StateBits;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use serde::{Deserialize, Serialize};

settings! {
    /// State in fewer bits: the buffers of element-wise rules are stored in 16 or 8 bits a number instead of
    /// 32, and computed with in 32.
    ///
    /// In text `adamw:state=bf16` is short for `compact:state=bf16,base=adamw`, around any optimizer that has
    /// no setting of that name.
    ///
    /// | `state` | stored as | bytes of Adam's two buffers |
    /// |:--------|:----------|--:|
    /// | `f32`   | 32-bit floats | 8 |
    /// | `bf16`  | the upper half of a 32-bit float | 4 |
    /// | `int8`  | 8-bit codes with a scale for each 256 neighbours; some buffers in bfloat16 | 2.03 |
    ///
    /// A buffer is stored according to what it holds ([`Content`](crate::rule::Content)), in bits:
    ///
    /// | buffers | `bf16` | `int8` |
    /// |:--------|:-------|:-------|
    /// | means of gradients: first moments, momentum | 16 | 8: sign, 4 of exponent, 3 of fraction |
    /// | means of squares: second moments | 16 | 8: 5 of exponent, 3 of fraction |
    /// | sums of all squares: `adagrad` | 16 | 16 |
    /// | very slow means and previous gradients: `ademamix`, `adan`, `mars` | 16 | 16 |
    /// | second moments with `amsgrad` | 16 | 16 |
    /// | sums from which weights or rates are computed: `ftrl`, `prodigy`, `dadapt_adam` | 32 | 32 |
    /// | the moments of `rmsprop:centered=true`, the step sizes of `rprop` | 32 | 32 |
    /// | copies of parameters | 32 | 32 |
    ///
    /// The averages of `ema` and `swa` and the slow weights of `lookahead` keep 32 bits, and so does the
    /// state of rules that see whole matrices: `muon:other=adamw,state=bf16` stores AdamW's buffers in 16
    /// bits and Muon's in 32.
    ///
    /// # Rounding
    /// A number that the format does not hold becomes one of its two neighbours, at random, so that its mean
    /// is the number itself. Rounding to nearest would lose every change that is smaller than half the
    /// distance of two neighbours: with `β₂ = 0.999` a second moment changes by a thousandth of itself in a
    /// step, and numbers in bfloat16 are up to 1/128 of themselves apart, so it would hardly move.
    ///
    /// ```text
    /// bf16   |stored − x| < 2⁻⁷ |x|
    /// int8   |stored − x| < |x| / 8           for |x| ≥ 2⁻¹⁴ s with a sign, x ≥ 1.125 · 2⁻³¹ s without one
    ///        |stored − x| ≤ 2⁻¹⁷ s            for smaller numbers with a sign
    ///        stored = 1.125 · 2⁻³¹ s          for smaller numbers above 0 without one
    /// ```
    ///
    /// `s` is a power of 2, at most 1.24 times the largest number of the block. Zero, infinities and NaN are
    /// kept, also in 8 bits, and do not change their neighbours. The random bits are a hash of the seed
    /// ([`ModelOptimizer::with_seed`](crate::driver::ModelOptimizer::with_seed); a trial sets its own), the
    /// parameter, the step, the buffer and the element: the result has the same bits for any number of
    /// threads and after a resume.
    ///
    /// On `flex` and `ndarray` a few numbers at a time are decoded, updated and encoded in the fastest cache,
    /// in the one pass over memory. On other backends, and for parameters in 64 bits, the state stays
    /// in the memory of the processor and is copied to the device and back in each step, which is slow.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::Usage`] if no rule of the base has a buffer
    /// that may be stored in fewer bits (`ftrl`, `rprop`, `dowg`, `schedule_free_sgd`, rules of matrices
    /// alone and Burn's), or if the base is already compact.
    ///
    /// # Example
    /// ```
    /// use optlab_optim::OptimizerSpec;
    ///
    /// let spec: OptimizerSpec = "adamw:beta_2=0.99,state=int8".parse()?;
    /// assert_eq!(spec, "compact:state=int8,base=adamw:beta_2=0.99".parse()?);
    /// assert_eq!(spec.to_string(), "adamw:beta_2=0.99,state=int8");
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// bitsandbytes and torchao: small tensors are stored in 8 bits, too; rounding is stochastic; a positive
    /// second moment never becomes 0; the scale is a power of 2, so that a number which does not change keeps
    /// its code when the scale changes.
    ///
    /// # Reference
    /// Dettmers et al., *8-bit Optimizers via Block-wise Quantization*, 2021,
    /// <https://arxiv.org/abs/2110.02861>; stochastic rounding: Gupta et al., *Deep Learning with Limited
    /// Numerical Precision*, 2015, <https://arxiv.org/abs/1502.02551>
    pub struct CompactConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// How the state is stored.
        state: StateBits = (StateBits::Bf16) as "`bf16`", allowed "`f32`, `bf16` or `int8`";
        /// How parameters in bfloat16 are rounded after a step; parameters of other types are not affected.
        parameters: ParameterRounding = (ParameterRounding::Nearest) as "`nearest`", allowed "`nearest` or `stochastic`";
    }
}

/// How parameters in bfloat16 are rounded after a step, which is computed in 32 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterRounding {
    /// To the nearest number: a change of less than 1/512 of a parameter may be lost.
    #[default]
    Nearest,
    /// To one of the two neighbours at random, so that small changes add up.
    Stochastic,
}

impl Wrapper for CompactConfig {
    base_field!();

    fn rules_of_base(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.compacted(owner, self.base.rules()?)
    }

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        Ok(Assembly { rules: self.compacted(owner, assembly.rules)?, ..assembly })
    }
}

impl CompactConfig {
    /// Returns `rules` with these settings.
    fn compacted(&self, owner: &str, rules: Vec<ParameterRule>) -> Result<Vec<ParameterRule>, Error> {
        if rules.iter().any(|rule| rule.state != StateBits::F32 || rule.rounds_stochastically) {
            return Err(twice(owner));
        }
        if rules.iter().any(|rule| rule.is_lazy) {
            let reason = "`lazy` keeps its state in 32 bits";
            return Err(Error::Usage(format!("`{owner}:base={}`: {reason}", self.base)));
        }
        let is_compactable = |rule: &ParameterRule| match &rule.kind {
            Kind::Elementwise(rule) => rule.is_compactable(),
            Kind::Tensor(_) | Kind::Burn(_) | Kind::Lbfgs => false,
        };
        if self.state != StateBits::F32 && !rules.iter().any(is_compactable) {
            let reason = "no buffer of its base may be stored in fewer than 32 bits";
            return Err(Error::Usage(format!("`{owner}:base={}`: {reason}", self.base)));
        }
        let rounds_stochastically = self.parameters == ParameterRounding::Stochastic;
        Ok(rules.into_iter().map(|rule| rule.compact(self.state, rounds_stochastically)).collect())
    }
}
