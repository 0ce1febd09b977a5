//! Operations on slices as operations of Burn, tracked for gradients if their inputs are.

use crate::memory::buffer::HostBuffer;
use crate::memory::host_backend::{Host, HostBackend, OnHost};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
};
use burn::tensor::Tensor;
use std::fmt::Debug;

/// A differentiable function of `N` tensors in host memory.
pub(super) trait Operation<const N: usize>: Debug + Clone + Send + 'static {
    /// The values of the forward pass that the gradients need.
    type Saved: Debug + Clone + Send + 'static;

    /// Computes the result.
    fn forward(&self, inputs: [HostBuffer; N]) -> HostBuffer {
        self.forward_and_save(inputs).0
    }

    /// Computes the result and the values that the gradients need.
    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Self::Saved);

    /// Computes the gradients of the inputs that are `wanted` from the gradient of the result.
    fn backward(&self, saved: Self::Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N];
}

/// Applies `operation`. The result is tracked if an input is.
///
/// # Panics
/// If the inputs are not all 32-bit floats on one backend of the host.
pub(super) fn apply<const N: usize, O: Operation<N>>(
    operation: O,
    inputs: [DispatchTensor; N],
) -> DispatchTensor {
    // This function keeps no reference to the inputs, so the operation can reuse memory that is not shared.
    match Host::of(&inputs[0]) {
        Some(host) => host.run(Application { operation, inputs }),
        None => panic!("an operation for the host of tensors that are not there"),
    }
}

/// Applies an operation with a weight and an optional bias, like [`apply`].
pub(super) fn apply_with_bias<const D: usize, O: Operation<2> + Operation<3>>(
    operation: O,
    x: Tensor<D>,
    weight: Tensor<D>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match bias {
        Some(bias) => apply(operation, [x, weight, bias.into_dispatch()]),
        None => apply(operation, [x, weight]),
    })
}

struct Application<O, const N: usize> {
    operation: O,
    inputs: [DispatchTensor; N],
}

impl<const N: usize, O: Operation<N>> OnHost for Application<O, N> {
    type Output = DispatchTensor;

    fn run<B: HostBackend>(self) -> DispatchTensor {
        let Application { operation, inputs } = self;
        let contexts = inputs.iter().map(|input| input.autodiff);
        let autodiff = contexts.fold(DispatchAutodiffContext::Disabled, DispatchAutodiffContext::merge);
        if autodiff == DispatchAutodiffContext::Disabled {
            let inputs = inputs.map(|input| B::into_host(B::of_kind(input.kind).float()));
            let result = B::from_host(operation.forward(inputs));
            return DispatchTensor { kind: B::into_kind(BackendTensor::Float(result)), autodiff };
        }
        let mut nodes = Vec::with_capacity(N);
        let inputs = inputs.map(|input| {
            let (primitive, node) = tracked::<B>(input.kind).into_parts();
            nodes.push(node);
            B::into_host(primitive)
        });
        let nodes = nodes.try_into().expect("a node for each input");
        let step = BackwardStep(operation.clone());
        // Saved values are kept under any checkpointing strategy: none of them is cheaper to recompute than
        // to keep.
        let result =
            match Backward::<B, N>::prepare::<NoCheckpointing>(step, nodes).compute_bound().stateful() {
                OpsKind::Tracked(step) => {
                    let (result, saved) = operation.forward_and_save(inputs);
                    step.finish(saved, B::from_host(result))
                }
                OpsKind::UnTracked(step) => step.finish(B::from_host(operation.forward(inputs))),
            };
        let kind = B::into_kind(BackendTensor::Autodiff(result));
        DispatchTensor { kind: DispatchTensorKind::Autodiff(Box::new(kind)), autodiff }
    }
}

/// Returns the tensor in the graph; a constant if it was not tracked.
fn tracked<B: HostBackend>(kind: DispatchTensorKind) -> FloatTensor<Autodiff<B>> {
    match kind {
        DispatchTensorKind::Autodiff(kind) => B::of_kind(*kind).autodiff(),
        kind => <Autodiff<B> as AutodiffBackend>::from_inner(B::of_kind(kind).float()),
    }
}

/// The node of an operation in the graph.
#[derive(Debug)]
struct BackwardStep<O>(O);

impl<B: HostBackend, O: Operation<N>, const N: usize> Backward<B, N> for BackwardStep<O> {
    type State = O::Saved;

    fn backward(self, step: Ops<O::Saved, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = B::into_host(grads.consume::<B>(&step.node));
        let wanted = step.parents.each_ref().map(Option::is_some);
        let of_inputs = self.0.backward(step.state, grad, wanted);
        for (parent, grad) in step.parents.iter().zip(of_inputs) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, B::from_host(grad));
            }
        }
    }
}
