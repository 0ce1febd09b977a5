//! Muon: the mean gradient of each matrix, approximately orthogonalized.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::hidden_matrix::{HiddenMatrix, momentum_step};
use crate::rules::parts::linear_algebra::{tensor, values};
use crate::rules::parts::newton_schulz::{Coefficients, on_slices, orthogonalized};
use crate::rules::parts::slices;
use crate::spec::{OptimizerSpec, rule_config};
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::is_on_host;
use serde::{Deserialize, Serialize};

settings! {
    /// Settings of [`Muon`].
    pub struct MuonConfig {
        /// Decay of the mean of the gradients.
        momentum: f64 = 0.95, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Whether to use Nesterov momentum.
        nesterov: bool = true, search(3, Search::Flag);
        /// Number of Newton-Schulz iterations that orthogonalize the step; none is that of the coefficients.
        ns_steps: Option<usize> = None, "N", in ITERATIONS;
        /// Coefficients of the iterations.
        coefficients: Coefficients = (Coefficients::QUINTIC) as "`quintic`", "a, b, c", allowed "`quintic`, `polar_express`, `cubic_12` or numbers", since("2026-11-30");
        /// Number of blocks of outputs that are orthogonalized each by itself, as heads of attention.
        heads: usize = 1, "h", in COUNT, since("2026-11-30");
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Scale of the step as a function of the matrix's shape.
        lr_scale: LrScale = (LrScale::Original) as "`original`", "s", allowed "`original` or `match_rms_adamw`";
        /// Rule for parameters that are not matrices of hidden layers; none leaves vectors unchanged.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule: `other=adamw:beta_1=0.8`";
        /// Learning rate of `other`, relative to Muon's.
        other_lr_factor: f64 = 1.0, in NON_NEGATIVE;
    }
}

/// The scale of the steps of [`Muon`], as a function of a matrix's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrScale {
    /// `√max(1, rows / columns)`.
    Original,
    /// `0.2 √max(rows, columns)`: matches the root mean square of AdamW's steps.
    MatchRmsAdamw,
}

rule_config!(with_other MuonConfig, lr 0.02);

impl MuonConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Muon, Error> {
        self.check(owner)?;
        self.coefficients.check(owner)?;
        Ok(Muon { config: self.clone() })
    }
}

/// Muon: steps along the approximately orthogonalized mean of the gradients (Jordan et al., 2024).
///
/// ```text
/// m₀ = 0
/// mₜ = μ mₜ₋₁ + (1 − μ) gₜ
/// uₜ = μ mₜ + (1 − μ) gₜ with nesterov, else mₜ
/// X₀ = uₜ / max(‖uₜ‖, 1e-7)                          Frobenius norm, times 1.01 with polar_express
/// Xᵢ = a Xᵢ₋₁ + (b A + c A²) Xᵢ₋₁,  A = Xᵢ₋₁ Xᵢ₋₁ᵀ    for i = 1 … N
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ s X_N
/// s  = √max(1, rows / columns) with original, 0.2 √max(rows, columns) with match_rms_adamw
/// ```
///
/// The Newton-Schulz iteration moves every singular value of `X₀` that is not very small to about 1 and keeps
/// the singular vectors. [`CoefficientSet`](crate::CoefficientSet) has the named coefficients. One's own are
/// `a, b, c` of each iteration in a row. On the host several iterations are one product with `X` if a matrix
/// is much longer than wide. With `heads` above 1, all of this is done for each block of `outputs / h`
/// outputs, such as the query, key or value of a head of attention, if `h` divides the number of outputs; a
/// [`group`](crate::around::GroupConfig) names the matrices that have heads. The rows of a matrix are its
/// outputs: a weight of rank 2 is `[d_input, d_output]`, so it is transposed, and a kernel of rank 3 or more
/// `[out, in, …]` is a matrix of `out` rows.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Without
/// `other`, Muon moves every parameter of rank 2 or more, and vectors do not change. With `other`, that rule
/// moves vectors, embeddings and the last matrix of the model, at `other_lr_factor` times the rate.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, `D ≥ 2`. State: the step number and one tensor per matrix.
///
/// # Errors
/// [`MuonConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `ns_steps = 0`;
/// `heads = 0`; `coefficients` that are not three finite numbers for each iteration.
/// [`rules`](crate::spec::RuleConfig::rules) checks the fields of `other`; its errors name that rule.
///
/// # Example
/// Large and small singular values of a gradient, here 8 and 2, become about equal:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let muon = optlab_optim::MuonConfig::default().build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[8.0, 0.0], [0.0, 2.0]], &device);
/// let (theta, _) = muon.step(1.0, Tensor::zeros([2, 2], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((-1.2..-0.7).contains(&moved[0]) && (-1.2..-0.7).contains(&moved[3]));
/// assert_eq!(moved[1..3], [0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code and PyTorch: `coefficients` (PyTorch has one triple for all iterations); the iteration
/// runs in 32 bits, not in bfloat16. The authors' code: `1e-7` is a lower bound of the norm, as in PyTorch,
/// and is not added to it. PyTorch: `λ` is 0, not 0.1, and kernels of convolutions are moved too. Burn: the
/// momentum is a mean of the gradients, not a sum, which only matters for norms of about 1e-7; the rows of a
/// weight are its outputs; kernels are moved.
///
/// # Reference
/// Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024,
/// <https://kellerjordan.github.io/posts/muon/>; `match_rms_adamw`: Liu et al., *Muon is Scalable for LLM
/// Training*, 2025, <https://arxiv.org/abs/2502.16982>
#[derive(Debug, Clone)]
pub struct Muon {
    config: MuonConfig,
}

/// The name of the buffer with the mean of the gradients.
const MEAN: &str = "first_moment";

impl Rule for Muon {
    const STATE: &'static [&'static str] = &[MEAN];

    fn start(&self, _buffer: &str, shape: &[usize]) -> Option<Start> {
        (shape.len() >= 2).then_some(Start::Value(0.0))
    }
}

impl TensorRule for Muon {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        if D < 2 {
            return theta;
        }
        let MuonConfig { momentum, nesterov, heads, weight_decay, lr_scale, .. } = self.config;
        let shape = grad.dims();
        // A weight of rank 2 needs no transposing here: orthogonalizing it orthogonalizes its transpose.
        let matrix = HiddenMatrix::of(&shape);
        let heads = matrix.heads(heads);
        let scale = lr_scale.of(matrix.outputs / heads, matrix.inputs);
        let (factor, decay) = (lr * scale, 1.0 - lr * weight_decay);
        let (iterations, norm_factor) = self.config.coefficients.iterations(self.config.ns_steps);
        if is_on_host(&theta) && is_on_host(&grad) {
            let mut mean: Vec<f32> = values::<f32, D>(memory.take(MEAN));
            let step = slices::momentum(&mut mean, values(grad), momentum, nesterov);
            memory.set(MEAN, tensor(mean, shape, &theta.device(), theta.dtype()));
            let each = |block, sides| on_slices(block, sides, &iterations, norm_factor);
            let step = matrix.blocks_of_slices(step, heads, each);
            return slices::moved(theta, &step, factor, decay);
        }
        let step = momentum_step(memory, MEAN, grad, momentum, nesterov);
        let each = |block| orthogonalized(block, &iterations, norm_factor);
        let step = matrix.blocks(step.reshape(matrix.sides), heads, each).reshape(shape);
        theta * decay - step * factor
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        HiddenMatrix::operations(shape, &self.config.coefficients, self.config.ns_steps)
    }
}

burn_optimizer!(Muon, crate::rule::tensor_step);

impl LrScale {
    fn of(self, rows: usize, columns: usize) -> f64 {
        let (rows, columns) = (rows as f64, columns as f64);
        match self {
            LrScale::Original => (rows / columns).max(1.0).sqrt(),
            LrScale::MatchRmsAdamw => 0.2 * rows.max(columns).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    // `TensorRule` is not imported, because its `step` would be ambiguous.
    use super::{MEAN, Muon, MuonConfig};
    use crate::driver::ModelOptimizer;
    use crate::rules::{AdamW, AdamWConfig};
    use crate::spec::OptimizerSpec;
    use burn::module::{Module, Param};
    use burn::nn::conv::{Conv2d, Conv2dConfig};
    use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
    use burn::optim::{GradientsParams, Optimizer};
    use burn::tensor::{Device, Tensor, TensorData};

    fn wave<const D: usize>(shape: [usize; D], frequency: f32) -> Tensor<D> {
        let size = shape.iter().product::<usize>();
        let values: Vec<f32> = (1..=size).map(|i| (i as f32 * frequency).sin()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::default())
    }

    #[test]
    fn a_gradient_of_zeros_moves_nothing() {
        let muon = MuonConfig::default().build().unwrap();
        let zeros = Tensor::<2>::zeros([2, 3], &Device::default());
        let (theta, state) = muon.step(1.0, wave([2, 3], 0.7), zeros.clone(), None);
        assert_eq!(theta.into_data(), wave::<2>([2, 3], 0.7).into_data());
        assert_eq!(state.unwrap().buffer::<2>(MEAN).unwrap().into_data(), zeros.into_data());
    }

    #[test]
    fn a_gradient_below_the_least_norm_makes_a_shorter_step() {
        // For one element and one iteration: `u = (μ (1 − μ) + 1 − μ) g` or `(1 − μ) g`, and
        // `X₁ = a X₀ + b X₀³ + c X₀⁵`.
        for (nesterov, of_gradient) in [(true, 0.64), (false, 0.4)] {
            let config = MuonConfig { momentum: 0.6, nesterov, ns_steps: Some(1), ..MuonConfig::default() };
            let grad = Tensor::<2>::full([1, 1], 5e-8, &Device::default());
            let (theta, _) = config.build().unwrap().step(1.0, grad.zeros_like(), grad, None);
            let x: f64 = of_gradient * 5e-8 / 1e-7;
            let expected = 3.4445 * x - 4.775 * x.powi(3) + 2.0315 * x.powi(5);
            let moved = -f64::from(theta.into_scalar::<f32>());
            assert!((moved - expected).abs() < 1e-6, "{moved}, not {expected}");
        }
    }

    #[test]
    fn burns_driver_does_not_move_vectors() {
        let muon = MuonConfig::default().build().unwrap();
        let (theta, state) = muon.step(1.0, wave([3], 0.7), wave([3], 0.2), None);
        assert_eq!(theta.into_data(), wave::<1>([3], 0.7).into_data());
        assert!(state.unwrap().buffer::<1>(MEAN).is_none());
    }

    /// A model with a parameter for every criterion by which a rule is chosen.
    #[derive(Module, Debug)]
    struct Model {
        embedding: Embedding,
        hidden: Linear,
        norm: LayerNorm,
        conv: Conv2d,
        output: Linear,
        gain: Param<Tensor<1>>,
    }

    fn model() -> Model {
        let device = Device::default().autodiff();
        let parameter = |i: usize| Param::from_tensor(wave([3 + i], 0.4).to_device(&device));
        Model {
            embedding: EmbeddingConfig::new(5, 3).init(&device),
            hidden: LinearConfig::new(3, 6).init(&device),
            norm: LayerNormConfig::new(6).init(&device),
            conv: Conv2dConfig::new([2, 4], [3, 3]).init(&device),
            output: LinearConfig::new(6, 2).init(&device),
            gain: parameter(0),
        }
    }

    const LR: f64 = 0.5;

    /// The gradient and the results of Muon and AdamW for a parameter, one of which must equal `after`.
    struct Steps {
        muon: Muon,
        adamw: AdamW,
        adamw_lr: f64,
    }

    #[derive(Debug, PartialEq)]
    enum Moved {
        Not,
        ByMuon,
        ByAdamW,
        Otherwise,
    }

    impl Steps {
        fn who<const D: usize>(&self, before: Tensor<D>, after: Tensor<D>) -> Moved {
            let grad = wave(before.dims(), 0.9);
            let data = |tensor: Tensor<D>| -> Vec<f32> { tensor.into_data().try_to_vec().unwrap() };
            let is_close = |expected: Tensor<D>| {
                data(expected).iter().zip(data(after.clone())).all(|(a, b)| (a - b).abs() < 1e-6)
            };
            if is_close(before.clone()) {
                Moved::Not
            } else if is_close(self.muon.step(LR, before.clone(), grad.clone(), None).0) {
                Moved::ByMuon
            } else if is_close(self.adamw.step(self.adamw_lr, before, grad, None).0) {
                Moved::ByAdamW
            } else {
                Moved::Otherwise
            }
        }
    }

    /// Returns which rule moves the embedding, hidden weight, hidden bias, gain of the norm, kernel, output
    /// weight, output bias and gain.
    fn movers(text: &str, adamw_lr: f64) -> [Moved; 8] {
        let mut optimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
        let before = model();
        let after = stepped(&mut optimizer, before.clone());
        let steps = Steps {
            muon: MuonConfig::default().build().unwrap(),
            adamw: AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() }.build().unwrap(),
            adamw_lr,
        };
        let (before, after) = (before.valid(), after.valid());
        let bias = |linear: &Linear| linear.bias.as_ref().unwrap().val();
        let kernel = |model: &Model| model.conv.weight.val();
        [
            steps.who(before.embedding.weight.val(), after.embedding.weight.val()),
            steps.who(before.hidden.weight.val(), after.hidden.weight.val()),
            steps.who(bias(&before.hidden), bias(&after.hidden)),
            steps.who(before.norm.gamma.val(), after.norm.gamma.val()),
            steps.who(kernel(&before), kernel(&after)),
            steps.who(before.output.weight.val(), after.output.weight.val()),
            steps.who(bias(&before.output), bias(&after.output)),
            steps.who(before.gain.val(), after.gain.val()),
        ]
    }

    fn stepped(optimizer: &mut ModelOptimizer, model: Model) -> Model {
        struct Gradients(GradientsParams);
        impl burn::module::ModuleVisitor for Gradients {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0.register(param.id, wave(param.val().dims(), 0.9));
            }
        }
        let mut gradients = Gradients(GradientsParams::new());
        model.visit(&mut gradients);
        optimizer.apply(LR, model, &mut gradients.0)
    }

    #[test]
    fn without_another_rule_matrices_are_moved_and_vectors_are_not() {
        use Moved::{ByMuon, Not};
        let expected = [ByMuon, ByMuon, Not, Not, ByMuon, ByMuon, Not, Not];
        assert_eq!(movers("muon", LR), expected);
    }

    #[test]
    fn another_rule_moves_vectors_embeddings_and_the_last_matrix_at_its_own_rate() {
        use Moved::{ByAdamW, ByMuon};
        let expected = [ByAdamW, ByMuon, ByAdamW, ByAdamW, ByMuon, ByAdamW, ByAdamW, ByAdamW];
        assert_eq!(movers("muon:other=adamw:weight_decay=0.1", LR), expected);
        assert_eq!(movers("muon:other_lr_factor=0.25,other=adamw:weight_decay=0.1", LR / 4.0), expected);
        // Nested factors multiply.
        let nested = "muon:other_lr_factor=0.5,other=muon:other_lr_factor=0.5,other=adamw:weight_decay=0.1";
        let Moved::ByAdamW = movers(nested, LR / 4.0)[2] else { panic!("factors do not multiply") };
    }

    #[test]
    fn an_invalid_field_of_the_other_rule_is_reported_with_that_rules_name() {
        let error = "muon:other=adamw:beta_1=1.5".parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert_eq!(error.to_string(), "adamw: `beta_1` must be in [0, 1), not 1.5");
        for (text, said) in [
            ("muon:other=adamv", "unknown optimizer `adamv`, did you mean `adam`?"),
            ("muon:other=adamw:beta=0.5", "optimizer `adamw` has no field `beta`"),
            ("muon:lr_scale=none", "muon: `lr_scale` must be"),
        ] {
            let error = text.parse::<OptimizerSpec>().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
        }
    }
}
