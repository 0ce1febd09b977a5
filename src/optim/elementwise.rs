//! Rules that treat every element by itself: what such a rule declares, what it remembers, and its way into Burn.

use crate::RecordState;
use crate::kernel::{Buffer, Operands, Update};
use crate::{StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use burn_pack::Scalar;
use std::marker::PhantomData;

/// The name under which the number of steps is saved.
const STEP: &str = "step";

/// A rule that treats every element by itself, but for sums over the tensor.
///
/// `docs/writing-a-rule.md` writes one from its paper to its tests. The rule declares what it remembers of a parameter
/// and computes a step's coefficients; the arithmetic is in [`Step`](Self::Step).
pub trait ElementwiseRule: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The coefficients of one step.
    type Step: Update;

    /// The names of its buffers in a checkpoint, in the order in which [`Update::update`] sees those in use.
    const STATE: &'static [&'static str];

    /// How the buffer of that name starts; `None` if it is not in use with these settings.
    fn start(&self, _buffer: &str) -> Option<Start> {
        Some(Start::Value(0.0))
    }

    /// The coefficients of step number `t`, counted from 1 for each parameter.
    fn at_step(&self, lr: f64, t: u64) -> Self::Step;
}

/// What a buffer holds before the first step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// The same number everywhere.
    Value(f64),
    /// The parameter.
    Parameter,
}

/// The buffers of `rule` that are in use, and how they start.
pub(super) fn starts<R: ElementwiseRule>(rule: &R) -> Vec<(&'static str, Start)> {
    R::STATE.iter().filter_map(|&name| rule.start(name).map(|start| (name, start))).collect()
}

/// What an element-wise rule remembers of a parameter.
#[derive(Debug, Clone)]
pub(super) struct RuleState {
    /// Steps made.
    pub step: u64,
    pub names: Vec<&'static str>,
    pub buffers: Vec<Buffer>,
}

impl RuleState {
    pub fn new<const D: usize>(starts: &[(&'static str, Start)], theta: &Tensor<D>) -> Self {
        let buffer = |&(_, start): &(_, Start)| match start {
            Start::Value(value) => Buffer::new(theta.full_like(value)),
            Start::Parameter => Buffer::new(theta.clone()),
        };
        RuleState {
            step: 0,
            names: starts.iter().map(|&(name, _)| name).collect(),
            buffers: starts.iter().map(buffer).collect(),
        }
    }

    pub fn flatten(&self, prefix: &str, sink: &mut StateSink) {
        sink.push_scalar(prefix, STEP, Scalar::from(self.step));
        for (name, buffer) in self.names.iter().zip(&self.buffers) {
            sink.push_tensor(prefix, name, buffer.clone().into_data());
        }
    }

    /// The state with those of `names` that `source` has.
    pub fn unflatten(
        names: impl Iterator<Item = &'static str>,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Self> {
        let step = u64::try_from(source.take_scalar(prefix, STEP)?).ok()?;
        let mut state = RuleState { step, names: Vec::new(), buffers: Vec::new() };
        for name in names {
            if let Some(data) = source.take_tensor(prefix, name) {
                state.names.push(name);
                state.buffers.push(Buffer::from_data(data, device));
            }
        }
        Some(state)
    }
}

/// What Burn's `ModuleOptimizer` keeps of a parameter for the rule `R`.
pub struct ElementwiseState<R> {
    state: RuleState,
    rule: PhantomData<fn() -> R>,
}

impl<R> ElementwiseState<R> {
    /// Steps made.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// A copy of the buffer of that name, which has the shape of the parameter; `None` if the rule's settings have none.
    pub fn buffer<const D: usize>(&self, name: &str) -> Option<Tensor<D>> {
        let index = self.state.names.iter().position(|of| *of == name)?;
        Some(self.state.buffers[index].clone().into_tensor())
    }

    pub(super) fn moved_to<const D: usize>(mut self, device: &Device) -> Self {
        self.state.buffers =
            self.state.buffers.into_iter().map(|buffer| buffer.to_device::<D>(device)).collect();
        self
    }
}

impl<R> Clone for ElementwiseState<R> {
    fn clone(&self) -> Self {
        ElementwiseState { state: self.state.clone(), rule: PhantomData }
    }
}

impl<R> std::fmt::Debug for ElementwiseState<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

impl<R: ElementwiseRule> RecordState for ElementwiseState<R> {
    fn state_flatten(&self, prefix: &str, sink: &mut StateSink) {
        self.state.flatten(prefix, sink);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let state = RuleState::unflatten(R::STATE.iter().copied(), prefix, source, device)?;
        Some(ElementwiseState { state, rule: PhantomData })
    }
}

/// One step for one parameter, as Burn's [`Optimizer`](burn::optim::Optimizer) makes it.
pub(super) fn step<R: ElementwiseRule, const D: usize>(
    rule: &R,
    lr: f64,
    theta: Tensor<D>,
    grad: Tensor<D>,
    state: Option<ElementwiseState<R>>,
) -> (Tensor<D>, Option<ElementwiseState<R>>) {
    let state = state.map_or_else(|| RuleState::new(&starts(rule), &theta), |state| state.state);
    let step = state.step + 1;
    let operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state: state.buffers };
    let (theta, buffers) = operands.apply::<_, D>(&rule.at_step(lr, step));
    let state = RuleState { step, buffers, ..state };
    (theta.into_tensor(), Some(ElementwiseState { state, rule: PhantomData }))
}

/// The page's code is compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-rule.md")]
struct WritingARule;

/// Makes an [`ElementwiseRule`] one of Burn's optimizers.
macro_rules! burn_optimizer {
    ($rule:ty) => {
        impl burn::optim::Optimizer for $rule {
            type State<const D: usize> = $crate::optim::ElementwiseState<Self>;

            fn step<const D: usize>(
                &self,
                lr: f64,
                theta: burn::tensor::Tensor<D>,
                grad: burn::tensor::Tensor<D>,
                state: Option<Self::State<D>>,
            ) -> (burn::tensor::Tensor<D>, Option<Self::State<D>>) {
                $crate::optim::elementwise::step(self, lr, theta, grad, state)
            }

            fn to_device<const D: usize>(
                state: Self::State<D>,
                device: &burn::tensor::Device,
            ) -> Self::State<D> {
                state.moved_to::<D>(device)
            }
        }
    };
}
pub(super) use burn_optimizer;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Value;
    use crate::optim::ModelOptimizer;
    use burn::module::{Module, Param};
    use burn::optim::{GradientsParams, Optimizer};

    /// Gradient descent from a point that it is drawn back to half of the way: `θ ← (θ + θ₀) / 2 − η g`.
    #[derive(Debug, Clone)]
    struct DrawnBack;

    impl ElementwiseRule for DrawnBack {
        type Step = DrawnBackStep;

        const STATE: &'static [&'static str] = &["unused", "origin"];

        fn start(&self, buffer: &str) -> Option<Start> {
            (buffer == "origin").then_some(Start::Parameter)
        }

        fn at_step(&self, lr: f64, _t: u64) -> DrawnBackStep {
            DrawnBackStep { lr }
        }
    }

    #[derive(Clone, Copy)]
    struct DrawnBackStep {
        lr: f64,
    }

    impl Update for DrawnBackStep {
        fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
            let [origin] = state else { unreachable!("one buffer in use") };
            (theta + origin.clone()).mul_scalar(0.5) - grad.mul_scalar(self.lr)
        }
    }

    burn_optimizer!(DrawnBack);

    #[derive(Module, Debug)]
    struct Model {
        theta: Param<Tensor<1>>,
    }

    /// From 8 with a gradient of 1 and a rate of 2: (8 + 8)/2 − 2 = 6, (6 + 8)/2 − 2 = 5, (5 + 8)/2 − 2 = 4.5.
    const EXPECTED: [f32; 3] = [6.0, 5.0, 4.5];

    #[test]
    fn a_buffer_that_starts_as_the_parameter_stays_where_the_parameter_was() {
        let device = Device::default();
        let mut theta = Tensor::<1>::full([3], 8.0, &device);
        let mut state = None;
        for expected in EXPECTED {
            (theta, state) = DrawnBack.step(2.0, theta, Tensor::ones([3], &device), state);
            assert_eq!(theta.clone().into_data().try_to_vec::<f32>().unwrap(), [expected; 3]);
        }
        let state = state.unwrap();
        assert_eq!(state.step(), 3);
        let origin = state.buffer::<1>("origin").unwrap().into_data();
        assert_eq!(origin.try_to_vec::<f32>().unwrap(), [8.0; 3]);
        assert!(state.buffer::<1>("unused").is_none());
    }

    #[test]
    fn so_it_does_for_a_model() {
        let device = Device::default();
        let mut model =
            Model { theta: Param::from_tensor(Tensor::full([5000], 8.0, &device.clone().autodiff())) };
        let mut optimizer = ModelOptimizer::elementwise("drawn_back", DrawnBack);
        for expected in EXPECTED {
            let mut gradients = GradientsParams::new();
            gradients.register(model.theta.id, Tensor::<1>::ones([5000], &device));
            model = optimizer.apply(2.0, model, &mut gradients);
            let theta: Vec<f32> = model.theta.val().into_data().try_to_vec().unwrap();
            assert!(theta.iter().all(|value| *value == expected));
        }
    }
}
