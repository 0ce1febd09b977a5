//! Adam-mini: Adam with one second moment for each row or block of a parameter.

use crate::Error;
use crate::burn_optimizer;
use crate::driver::{ParameterInfo, ParameterRule};
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay;
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`AdamMini`].
    pub struct AdamMiniConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay of parameters other than vectors.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Outputs per attention head; none makes each output of queries and keys a block.
        head_size: Option<usize> = None, in COUNT;
    }
}

/// The parts of a parameter that share a second moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Each element.
    Element,
    /// The weights of an output: a column, since Burn stores a weight as `[inputs, outputs]`.
    Output,
    /// The weights of this many outputs, a head, if they divide the outputs; else the weights of an output.
    Head(usize),
    /// The weights of a token: a row of an embedding.
    Token,
    /// The whole parameter.
    Whole,
}

impl RuleConfig for AdamMiniConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check(owner)?;
        let rule = |block| ParameterRule::tensor(AdamMini { config: self.clone(), block: Some(block) });
        let is_matrix = |parameter: &ParameterInfo<'_>| parameter.shape.len() == 2;
        let mut rules = vec![
            rule(Block::Element).for_parameters(is_bias),
            rule(Block::Token).for_parameters(|parameter| parameter.module == "Embedding"),
        ];
        if let Some(size) = self.head_size {
            let is_headed =
                move |parameter: &ParameterInfo<'_>| is_matrix(parameter) && makes_heads(parameter);
            rules.push(rule(Block::Head(size)).for_parameters(is_headed));
        }
        rules.push(rule(Block::Output).for_parameters(is_matrix));
        rules.push(rule(Block::Whole));
        Ok(rules)
    }
}

/// Returns whether the parameter is a bias, also that of a normalization, which Burn calls `beta`.
fn is_bias(parameter: &ParameterInfo<'_>) -> bool {
    parameter.shape.len() < 2 && ["bias", "beta"].contains(&name_in(parameter.path))
}

/// Returns whether the parameter is the weight of attention's queries or keys.
fn makes_heads(parameter: &ParameterInfo<'_>) -> bool {
    let names = ["query", "key", "q_proj", "k_proj", "wq", "wk"];
    parameter.path.split('.').any(|part| names.contains(&part))
}

/// Returns the last part of a path.
fn name_in(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl AdamMiniConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdamMini, Error> {
        self.check(owner)?;
        Ok(AdamMini { config: self.clone(), block: None })
    }
}

/// Adam-mini: Adam with one second moment for each block of a parameter, half the memory of Adam (Zhang et
/// al., 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) (mean of gₜ² over each block)        one number for each block
/// m̂ₜ = mₜ / (1 − β₁ᵗ)
/// v̂ₜ = vₜ / (1 − β₂ᵗ)
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ m̂ₜ / (√v̂ₜ + ε)                      without λ for vectors
/// ```
///
/// | parameter | a block is |
/// |:--|:--|
/// | embedding | a token |
/// | weight of rank 2 | an output |
/// | … of queries or keys, with `head_size` | a head: `head_size` outputs |
/// | bias | an element, as with Adam |
/// | anything else: kernels, gains of normalizations | the whole parameter |
///
/// Queries and keys are weights with `query`, `key`, `q_proj`, `k_proj`, `wq` or `wk` in their path, a bias
/// is a vector whose path ends in `bias` or `beta`. With a `head_size` that does not divide the outputs, a
/// block is an output.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number, one tensor of the parameter's shape, and
/// one number for each block.
///
/// # Errors
/// [`AdamMiniConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `head_size = 0`.
///
/// # Example
/// An output's weights share the root mean square of their gradients, so the first step keeps their ratios:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adam_mini = optlab_optim::AdamMiniConfig::default().build()?;
/// let device = Device::default();
/// // Two inputs in rows, two outputs in columns.
/// let grad = Tensor::<2>::from_floats([[7.0, 0.2], [1.0, 0.2]], &device);
/// let (theta, state) = adam_mini.step(0.5, Tensor::zeros([2, 2], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// for (moved, expected) in moved.into_iter().zip([0.7, 0.5, 0.1, 0.5]) {
///     assert!((moved + expected).abs() < 1e-5);
/// }
/// assert_eq!(state.unwrap().buffer::<2>("second_moment").unwrap().dims(), [1, 2]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: kinds of layers are told apart by module and rank, not by words in the names of
/// parameters, except for queries, keys and biases; without `head_size` queries and keys have a number for
/// each output.
///
/// With [`build`](AdamMiniConfig::build), for Burn's `ModuleOptimizer`, which shows a rule neither names nor
/// modules, a block is an output for tensors of rank 2, and any other parameter is a block.
///
/// # Reference
/// Zhang et al., *Adam-mini: Use Fewer Learning Rates To Gain More*, 2024,
/// <https://arxiv.org/abs/2406.16793>; code: <https://github.com/zyushun/Adam-mini>
#[derive(Debug, Clone)]
pub struct AdamMini {
    config: AdamMiniConfig,
    /// `None` decides by the rank alone.
    block: Option<Block>,
}

const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";

impl AdamMini {
    fn block(&self, shape: &[usize]) -> Block {
        match (self.block, shape) {
            (Some(Block::Head(size)), [_, outputs]) if !outputs.is_multiple_of(size) => Block::Output,
            (Some(block), _) => block,
            (None, [_, _]) => Block::Output,
            (None, _) => Block::Whole,
        }
    }
}

impl Rule for AdamMini {
    const STATE: &'static [&'static str] = &[FIRST, SECOND];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        if buffer == FIRST {
            return Some(Start::Value(0.0));
        }
        Some(match (self.block(shape), shape) {
            (Block::Element, _) => Start::Value(0.0),
            (Block::Output, [_, outputs]) => Start::Zeros(vec![1, *outputs]),
            (Block::Head(size), [_, outputs]) => Start::Zeros(vec![1, outputs / size]),
            (Block::Token, [tokens, _]) => Start::Zeros(vec![*tokens, 1]),
            _ => Start::Zeros(vec![1; shape.len()]),
        })
    }
}

impl TensorRule for AdamMini {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let AdamMiniConfig { beta_1, beta_2, epsilon, weight_decay, .. } = self.config;
        let block = self.block(&theta.dims());
        let square = block.mean(grad.clone().square());
        let first = memory.update(FIRST, |first: Tensor<D>| moving_average(&first, grad, beta_1));
        let second = memory.update(SECOND, |second: Tensor<D>| moving_average(&second, square, beta_2));
        let root = (second * (1.0 / (1.0 - power(beta_2, memory.t())))).sqrt() + epsilon;
        let factor = lr / (1.0 - power(beta_1, memory.t()));
        let theta = weight_decay::decoupled(theta, lr, if D < 2 { 0.0 } else { weight_decay });
        theta - first * block.spread(root.recip() * factor)
    }
}

burn_optimizer!(AdamMini, crate::rule::tensor_step);

impl Block {
    /// Returns the mean over each block, in a tensor that has one element for each.
    fn mean<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Block::Element => tensor,
            Block::Output => tensor.mean_dim(0),
            Block::Head(size) => {
                let outputs = tensor.dims()[1];
                let of_outputs = tensor.mean_dim(0).reshape([outputs / size, size]);
                of_outputs.mean_dim(1).reshape(heads_shape(outputs / size))
            }
            Block::Token => tensor.mean_dim(1),
            Block::Whole => tensor.mean().reshape([1; D]),
        }
    }

    /// Returns a tensor of one element for each block in a shape that broadcasts with the parameter.
    fn spread<const D: usize>(self, blocks: Tensor<D>) -> Tensor<D> {
        let Block::Head(size) = self else { return blocks };
        let heads = blocks.dims()[1];
        blocks.reshape([heads, 1]).repeat_dim(1, size).reshape(heads_shape(heads * size))
    }
}

/// Returns `[1, columns]`, the shape of a tensor of rank 2.
fn heads_shape<const D: usize>(columns: usize) -> [usize; D] {
    std::array::from_fn(|dim| if dim == 1 { columns } else { 1 })
}

#[cfg(test)]
mod tests {
    use crate::driver::ModelOptimizer;
    use crate::spec::OptimizerSpec;
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor, TensorData};

    #[derive(Module, Debug)]
    struct Model {
        embedding: Embedding,
        query: Linear,
        value: Linear,
        norm: LayerNorm,
    }

    fn gradient(i: usize, step: usize) -> f64 {
        ((i * i + 3) as f64 * 0.37 + step as f64).sin()
    }

    struct Gradients(GradientsParams, usize);

    impl ModuleVisitor for Gradients {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let shape = param.val().dims();
            let values: Vec<f64> = (0..shape.iter().product()).map(|i| gradient(i, self.1)).collect();
            self.0.register(
                param.id,
                Tensor::<D>::from_data(TensorData::new(values, shape), &Device::default()),
            );
        }
    }

    /// The formula on 64-bit numbers after two steps from 0; `block_of` gives the block of an element.
    fn expected(elements: usize, block_of: impl Fn(usize) -> usize) -> Vec<f64> {
        let (mut theta, mut m, mut v) = (vec![0.0; elements], vec![0.0; elements], vec![0.0; elements]);
        for t in 1..=2 {
            for i in 0..elements {
                let block: Vec<usize> = (0..elements).filter(|&j| block_of(i) == block_of(j)).collect();
                let squares: f64 = block.iter().map(|&j| gradient(j, t).powi(2)).sum();
                m[i] = 0.9 * m[i] + 0.1 * gradient(i, t);
                v[i] = 0.999 * v[i] + 0.001 * squares / block.len() as f64;
                let (m, v) = (m[i] / (1.0 - 0.9_f64.powi(t as i32)), v[i] / (1.0 - 0.999_f64.powi(t as i32)));
                theta[i] -= 0.1 * m / (v.sqrt() + 1e-8);
            }
        }
        theta
    }

    fn moved<const D: usize>(before: &Param<Tensor<D>>, after: &Param<Tensor<D>>) -> Vec<f64> {
        (after.val() - before.val()).into_data().iter::<f64>().collect()
    }

    #[test]
    fn each_kind_of_layer_has_its_own_blocks() {
        let device = Device::default().autodiff();
        for (text, query_block) in
            [("adam_mini", 1), ("adam_mini:head_size=2", 2), ("adam_mini:head_size=4", 1)]
        {
            let before = Model {
                embedding: EmbeddingConfig::new(5, 3).init(&device),
                query: LinearConfig::new(3, 6).init(&device),
                value: LinearConfig::new(3, 6).init(&device),
                norm: LayerNormConfig::new(4).init(&device),
            };
            let mut optimizer: ModelOptimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
            let mut after = before.clone();
            for step in 1..=2 {
                let mut gradients = Gradients(GradientsParams::new(), step);
                after.visit(&mut gradients);
                after = optimizer.apply(0.1, after, &mut gradients.0);
            }
            let bias = |layer: &Linear| layer.bias.clone().unwrap();
            for (what, moved, expected) in [
                ("tokens", moved(&before.embedding.weight, &after.embedding.weight), expected(15, |i| i / 3)),
                (
                    "queries",
                    moved(&before.query.weight, &after.query.weight),
                    expected(18, |i| i % 6 / query_block),
                ),
                ("values", moved(&before.value.weight, &after.value.weight), expected(18, |i| i % 6)),
                ("bias", moved(&bias(&before.query), &bias(&after.query)), expected(6, |i| i)),
                ("gain", moved(&before.norm.gamma, &after.norm.gamma), expected(4, |_| 0)),
                (
                    "offset",
                    moved(before.norm.beta.as_ref().unwrap(), after.norm.beta.as_ref().unwrap()),
                    expected(4, |i| i),
                ),
            ] {
                for (moved, expected) in moved.iter().zip(&expected) {
                    assert!((moved - expected).abs() < 1e-6, "{text}, {what}: {moved}, not {expected}");
                }
            }
        }
    }
}
