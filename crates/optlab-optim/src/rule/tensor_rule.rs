//! Rules that need rows, columns or the whole tensor, written in tensor operations.

use crate::rule::memory::Memory;
use crate::rule::{Rule, RuleState};
use burn::tensor::Tensor;
use optlab_kernel::Buffer;

/// A rule that needs more of a tensor than an [`ElementwiseRule`](crate::rule::ElementwiseRule) sees.
///
/// Parameters and gradients are passed in at least 32-bit floats.
pub trait TensorRule: Rule {
    /// Returns the new parameter, from the old one and its gradient. `memory` holds the rule's state for it.
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D>;

    /// Whether a model is evaluated with parameters other than the trained ones.
    const HAS_EVALUATION: bool = false;

    /// Returns the parameter to evaluate with, computed from the trained one and the rule's state for it,
    /// after at least one step.
    fn for_evaluation<const D: usize>(&self, theta: Tensor<D>, _memory: &TensorMemory<'_>) -> Tensor<D> {
        theta
    }

    /// Returns about how many multiplications and additions in products and decompositions of matrices a step
    /// takes on average for a parameter of that shape, at the speed of 32-bit products. 0 for a rule whose
    /// step takes no longer than some passes over the parameter.
    fn operations(&self, _shape: &[usize]) -> f64 {
        0.0
    }
}

/// The state that a [`TensorRule`] keeps for a parameter.
#[derive(Debug)]
pub struct TensorMemory<'a>(&'a mut Memory);

impl<'a> TensorMemory<'a> {
    #[cfg(test)]
    pub(crate) fn of(memory: &'a mut Memory) -> Self {
        TensorMemory(memory)
    }
}

impl TensorMemory<'_> {
    /// Returns the number of the step, counted from 1 for each parameter.
    pub fn t(&self) -> u64 {
        self.0.step
    }

    /// Returns whether the named buffer is in use.
    pub fn has(&self, name: &str) -> bool {
        self.0.place_of(name).is_some()
    }

    /// Returns the named buffer, of rank `K`.
    ///
    /// # Panics
    /// If the buffer is not in use.
    pub fn get<const K: usize>(&self, name: &str) -> Tensor<K> {
        self.0.buffers[self.place(name)].clone().into_tensor()
    }

    /// Returns the named buffer and leaves a tensor without elements in its place, so that nothing else holds
    /// its memory. [`set`](Self::set) puts it back.
    ///
    /// # Panics
    /// If the buffer is not in use.
    pub fn take<const K: usize>(&mut self, name: &str) -> Tensor<K> {
        let place = self.place(name);
        let nothing = Buffer::new(self.0.buffers[place].nothing::<K>());
        std::mem::replace(&mut self.0.buffers[place], nothing).into_tensor()
    }

    /// Replaces the named buffer.
    ///
    /// # Panics
    /// If the buffer is not in use.
    pub fn set<const K: usize>(&mut self, name: &str, tensor: Tensor<K>) {
        let place = self.place(name);
        self.0.buffers[place] = Buffer::new(tensor);
    }

    /// Replaces the named buffer by the result of `change`, and returns the result.
    ///
    /// # Panics
    /// If the buffer is not in use.
    pub fn update<const K: usize>(
        &mut self,
        name: &str,
        change: impl FnOnce(Tensor<K>) -> Tensor<K>,
    ) -> Tensor<K> {
        let tensor = change(self.get(name));
        self.set(name, tensor.clone());
        tensor
    }

    /// Returns the rule's [`NUMBERS`](Rule::NUMBERS) for this parameter.
    pub fn numbers(&mut self) -> &mut [f64] {
        &mut self.0.numbers
    }

    fn place(&self, name: &str) -> usize {
        self.0.place_of(name).unwrap_or_else(|| panic!("a rule has no buffer `{name}` with these settings"))
    }
}

/// Makes step number `memory.step` for a parameter in at least 32-bit floats.
pub(crate) fn step_in_memory<R: TensorRule, const D: usize>(
    rule: &R,
    lr: f64,
    theta: Tensor<D>,
    grad: Tensor<D>,
    memory: &mut Memory,
) -> Tensor<D> {
    rule.step(lr, theta, grad, &mut TensorMemory(memory))
}

/// Returns the parameter to evaluate with, for one in at least 32-bit floats.
pub(crate) fn evaluated<R: TensorRule, const D: usize>(
    rule: &R,
    theta: Tensor<D>,
    memory: &Memory,
) -> Tensor<D> {
    rule.for_evaluation(theta, &TensorMemory(&mut memory.clone()))
}

/// Makes one step for one parameter, as Burn's [`Optimizer`](burn::optim::Optimizer) does; called by
/// [`burn_optimizer!`](crate::burn_optimizer!).
pub fn tensor_step<R: TensorRule, const D: usize>(
    rule: &R,
    lr: f64,
    theta: Tensor<D>,
    grad: Tensor<D>,
    state: Option<RuleState<R>>,
) -> (Tensor<D>, Option<RuleState<R>>) {
    RuleState::step_in_burn(rule, theta, grad, state, |theta, grad, memory| {
        step_in_memory(rule, lr, theta, grad, memory)
    })
}

#[cfg(test)]
mod tests {
    use crate::*;
    use burn::module::{Module, Param};
    use burn::optim::{GradientsParams, ModuleOptimizer, Optimizer};
    use burn::tensor::{Device, Tensor, TensorData};

    /// A check to run with each rule in tensor operations.
    trait WithRule {
        fn run<R: TensorRule + Optimizer>(&self, rule: R);
    }

    fn with_every_rule(with: &impl WithRule) {
        with.run(NovoGradConfig { weight_decay: 0.1, ..NovoGradConfig::default() }.build().unwrap());
        with.run(AdafactorConfig { weight_decay: 0.1, ..AdafactorConfig::default() }.build().unwrap());
        with.run(AdafactorConfig { beta_1: 0.9, ..AdafactorConfig::default() }.build().unwrap());
        with.run(CameConfig { weight_decay: 0.1, ..CameConfig::default() }.build().unwrap());
        with.run(Sm3Config::default().build().unwrap());
        with.run(LdogConfig { reps_rel: 0.01, ..LdogConfig::default() }.build().unwrap());
        with.run(Sm3Config { momentum: 0.0, ..Sm3Config::default() }.build().unwrap());
    }

    fn wave<const D: usize>(shape: [usize; D], frequency: f32) -> Tensor<D> {
        let values: Vec<f32> =
            (1..=shape.iter().product()).map(|i: usize| (i as f32 * frequency).sin()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::default())
    }

    fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u32> {
        tensor.into_data().iter::<f32>().map(f32::to_bits).collect()
    }

    #[derive(Module, Debug)]
    struct Model {
        vector: Param<Tensor<1>>,
        matrix: Param<Tensor<2>>,
        kernel: Param<Tensor<4>>,
    }

    impl Model {
        fn new() -> Self {
            Model {
                vector: Param::from_tensor(Tensor::from_inner(wave([5], 0.9))),
                matrix: Param::from_tensor(Tensor::from_inner(wave([4, 3], 0.8))),
                kernel: Param::from_tensor(Tensor::from_inner(wave([2, 3, 2, 2], 0.7))),
            }
        }

        fn gradients(&self, step: usize) -> GradientsParams {
            let frequency = 0.3 + 0.1 * step as f32;
            let mut gradients = GradientsParams::new();
            gradients.register(self.vector.id, wave([5], frequency));
            gradients.register(self.matrix.id, wave([4, 3], frequency));
            gradients.register(self.kernel.id, wave([2, 3, 2, 2], frequency));
            gradients
        }

        fn bits(&self) -> [Vec<u32>; 3] {
            [bits(self.vector.val()), bits(self.matrix.val()), bits(self.kernel.val())]
        }
    }

    #[test]
    fn burns_driver_computes_the_same_bits_even_after_resuming_from_saved_state() {
        struct SameBits;
        impl WithRule for SameBits {
            fn run<R: TensorRule + Optimizer>(&self, rule: R) {
                let mut burn: ModuleOptimizer = rule.clone().into();
                let mut ours = ModelOptimizer::with_rules("rule", vec![ParameterRule::tensor(rule.clone())]);
                let (mut by_burn, mut by_us) = (Model::new(), Model::new());
                for step in 0..4 {
                    if step == 2 {
                        let saved = burn.into_bytes().unwrap();
                        burn = ModuleOptimizer::from(rule.clone()).from_bytes(saved).unwrap();
                    }
                    let gradients = by_burn.gradients(step);
                    by_burn = burn.step(0.01, by_burn, gradients);
                    let mut gradients = by_us.gradients(step);
                    by_us = ours.apply(0.01, by_us, &mut gradients);
                }
                assert_eq!(by_burn.bits(), by_us.bits(), "{rule:?}");
                assert_ne!(by_us.bits(), Model::new().bits(), "{rule:?}");
            }
        }
        with_every_rule(&SameBits);
    }

    #[test]
    fn transposing_a_matrix_transposes_its_step() {
        struct Transposed;
        impl WithRule for Transposed {
            fn run<R: TensorRule + Optimizer>(&self, rule: R) {
                let (mut one, mut other) = (wave([4, 3], 0.8), wave([4, 3], 0.8).transpose());
                let (mut of_one, mut of_other) = (None, None);
                for step in 0..5 {
                    let grad = wave([4, 3], 0.3 + 0.1 * step as f32);
                    (one, of_one) = Optimizer::step(&rule, 0.01, one, grad.clone(), of_one);
                    (other, of_other) = Optimizer::step(&rule, 0.01, other, grad.transpose(), of_other);
                }
                let error: f32 = (one - other.transpose()).abs().max().into_scalar();
                assert!(error < 1e-6, "{rule:?}: {error}");
            }
        }
        with_every_rule(&Transposed);
    }

    #[test]
    fn with_zero_gradients_a_parameter_moves_only_by_weight_decay() {
        struct Still<const D: usize>([usize; D]);
        impl<const D: usize> WithRule for Still<D> {
            fn run<R: TensorRule + Optimizer>(&self, rule: R) {
                let device = Device::default();
                let zeros = Tensor::<D>::zeros(self.0, &device);
                let (zero, state) = Optimizer::step(&rule, 0.01, zeros.clone(), zeros.clone(), None);
                let (zero, _) = Optimizer::step(&rule, 0.01, zero, zeros.clone(), state);
                let largest: f32 = zero.abs().max().into_scalar();
                assert_eq!(largest, 0.0, "{rule:?}, {:?}", self.0);
                let (moved, _) = Optimizer::step(&rule, 0.01, zeros.clone().add_scalar(1.0), zeros, None);
                for theta in moved.into_data().iter::<f32>() {
                    assert!(theta == 1.0 || (theta - 0.999).abs() < 1e-6, "{rule:?}, {:?}: {theta}", self.0);
                }
            }
        }
        with_every_rule(&Still([3]));
        with_every_rule(&Still([1]));
        with_every_rule(&Still([3, 4]));
        with_every_rule(&Still([1, 1]));
        with_every_rule(&Still([2, 3, 1, 1]));
    }
}
