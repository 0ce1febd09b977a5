//! Rules that look at rows, columns or the whole of a tensor, written in tensor operations.

use super::Rule;
use super::memory::{Declared, Memory, RuleState};
use super::precision::{in_32_bits_at_least, in_type};
use crate::kernel::Buffer;
use burn::tensor::Tensor;

/// A rule that needs more of a tensor than an [`ElementwiseRule`](super::ElementwiseRule) sees.
///
/// Parameters and gradients come in 32-bit floats at least.
pub trait TensorRule: Rule {
    /// The new parameter, from the old one and its gradient. `memory` holds what the rule remembers of it.
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D>;
}

/// What a [`TensorRule`] remembers of a parameter.
#[derive(Debug)]
pub struct TensorMemory<'a>(&'a mut Memory);

impl TensorMemory<'_> {
    /// The number of the step, counted from 1 for each parameter.
    pub fn t(&self) -> u64 {
        self.0.step
    }

    /// Whether the buffer of that name is in use.
    pub fn has(&self, name: &str) -> bool {
        self.0.place_of(name).is_some()
    }

    /// The buffer of that name, of rank `K`.
    ///
    /// # Panics
    /// If it is not in use.
    pub fn get<const K: usize>(&self, name: &str) -> Tensor<K> {
        self.0.buffers[self.place(name)].clone().into_tensor()
    }

    /// Replaces the buffer of that name.
    ///
    /// # Panics
    /// If it is not in use.
    pub fn set<const K: usize>(&mut self, name: &str, tensor: Tensor<K>) {
        let place = self.place(name);
        self.0.buffers[place] = Buffer::new(tensor);
    }

    /// Replaces the buffer of that name by what `change` makes of it, and gives that.
    ///
    /// # Panics
    /// If it is not in use.
    pub fn update<const K: usize>(
        &mut self,
        name: &str,
        change: impl FnOnce(Tensor<K>) -> Tensor<K>,
    ) -> Tensor<K> {
        let tensor = change(self.get(name));
        self.set(name, tensor.clone());
        tensor
    }

    /// The rule's [`NUMBERS`](Rule::NUMBERS) of this parameter.
    pub fn numbers(&mut self) -> &mut [f64] {
        &mut self.0.numbers
    }

    fn place(&self, name: &str) -> usize {
        self.0.place_of(name).unwrap_or_else(|| panic!("a rule has no buffer `{name}` with these settings"))
    }
}

/// Step number `memory.step` of a parameter in 32-bit floats at least.
pub(super) fn step_in_memory<R: TensorRule, const D: usize>(
    rule: &R,
    lr: f64,
    theta: Tensor<D>,
    grad: Tensor<D>,
    memory: &mut Memory,
) -> Tensor<D> {
    rule.step(lr, theta, grad, &mut TensorMemory(memory))
}

/// One step for one parameter, as Burn's [`Optimizer`](burn::optim::Optimizer) makes it.
pub(super) fn step<R: TensorRule, const D: usize>(
    rule: &R,
    lr: f64,
    theta: Tensor<D>,
    grad: Tensor<D>,
    state: Option<RuleState<R>>,
) -> (Tensor<D>, Option<RuleState<R>>) {
    let dtype = theta.dtype();
    let (theta, grad) = (in_32_bits_at_least(theta), in_32_bits_at_least(grad));
    let mut memory =
        state.map_or_else(|| Memory::new(&Declared::of(rule, &theta.dims()), &theta), |state| state.memory);
    memory.step += 1;
    let theta = step_in_memory(rule, lr, theta, grad, &mut memory);
    (in_type(theta, dtype), Some(RuleState::new(memory)))
}
