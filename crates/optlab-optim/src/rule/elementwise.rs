//! Element-wise rules: the coefficients of a step, and their adapter to Burn's optimizers.

use crate::rule::{Rule, RuleState};
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Update, Value};

/// A rule that treats every element independently, except for sums over the tensor.
///
/// `docs/writing-a-rule.md` shows how to write one, from paper to tests. The rule computes a step's
/// coefficients; the arithmetic is in [`Step`](Self::Step), and [`Rule`] declares the state that it keeps for
/// a parameter.
pub trait ElementwiseRule: Rule {
    /// The coefficients of one step.
    type Step: Update;

    /// Returns the coefficients of a step.
    fn at_step(&self, at: At<'_>) -> Self::Step;

    /// Returns the curvature estimate that the rule divides by, if it has one;
    /// [`ModelOptimizer`](crate::driver::ModelOptimizer) updates the estimate.
    fn curvature(&self) -> Option<Curvature> {
        None
    }

    /// Whether a model is evaluated with parameters other than the trained ones.
    const HAS_EVALUATION: bool = false;

    /// Returns the parameter to evaluate with, computed from the trained one and the buffers in use.
    fn for_evaluation<V: Value>(&self, theta: V, _state: &[V]) -> V {
        theta
    }
}

/// The inputs for the coefficients of a step.
#[derive(Debug)]
pub struct At<'a> {
    /// The learning rate.
    pub lr: f64,
    /// The number of the step, counted from 1 for each parameter.
    pub t: u64,
    /// The number of elements of the parameter.
    pub elements: usize,
    /// The rule's [`NUMBERS`](Rule::NUMBERS) for this parameter; changes persist to the next step.
    pub numbers: &'a mut [f64],
}

/// An estimate of the diagonal of the Gauss–Newton matrix: `h ← β h + (1 − β) B ĝ²`, where `ĝ` is the
/// gradient of the mean loss over a batch of `B` examples with labels drawn from the model's predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curvature {
    /// The rule's buffer that holds `h`.
    pub buffer: &'static str,
    /// Decay of `h` per estimate.
    pub beta: f64,
    /// Steps between two estimates; the first step makes one.
    pub every: usize,
}

/// Makes one step for one parameter, as Burn's [`Optimizer`](burn::optim::Optimizer) does; called by
/// [`burn_optimizer!`](crate::burn_optimizer!).
pub fn elementwise_step<R: ElementwiseRule, const D: usize>(
    rule: &R,
    lr: f64,
    theta: Tensor<D>,
    grad: Tensor<D>,
    state: Option<RuleState<R>>,
) -> (Tensor<D>, Option<RuleState<R>>) {
    RuleState::step_in_burn(rule, theta, grad, state, |theta, grad, memory| {
        let elements = theta.shape().num_elements();
        let at = At { lr, t: memory.step, elements, numbers: &mut memory.numbers };
        let coefficients = rule.at_step(at);
        let state = std::mem::take(&mut memory.buffers);
        let operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state };
        let (theta, buffers) = operands.apply(&coefficients);
        memory.buffers = buffers;
        theta.into_tensor()
    })
}

/// Compiles the code of the page `docs/writing-a-rule.md` as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-rule.md")]
struct WritingARule;

/// Implements [`burn::optim::Optimizer`] for a rule: `burn_optimizer!(Lion)` for an [`ElementwiseRule`],
/// `burn_optimizer!(Muon, optlab_optim::tensor_step)` for a [`TensorRule`](crate::TensorRule).
///
/// The calling crate must depend on `burn`.
#[macro_export]
macro_rules! burn_optimizer {
    ($rule:ty) => {
        $crate::burn_optimizer!($rule, $crate::elementwise_step);
    };
    ($rule:ty, $step:path) => {
        impl burn::optim::Optimizer for $rule {
            type State<const D: usize> = $crate::RuleState<Self>;

            fn step<const D: usize>(
                &self,
                lr: f64,
                theta: burn::tensor::Tensor<D>,
                grad: burn::tensor::Tensor<D>,
                state: Option<Self::State<D>>,
            ) -> (burn::tensor::Tensor<D>, Option<Self::State<D>>) {
                $step(self, lr, theta, grad, state)
            }

            fn to_device<const D: usize>(
                state: Self::State<D>,
                device: &burn::tensor::Device,
            ) -> Self::State<D> {
                state.moved_to(device)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ModelOptimizer;
    use crate::rule::Start;
    use burn::module::{Module, Param};
    use burn::optim::{GradientsParams, Optimizer};
    use burn::tensor::Device;

    /// Gradient descent from the midpoint between the parameter and its initial value:
    /// `θ ← (θ + θ₀) / 2 − η g`.
    #[derive(Debug, Clone)]
    struct DrawnBack;

    impl Rule for DrawnBack {
        const STATE: &'static [&'static str] = &["unused", "origin"];

        fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
            (buffer == "origin").then_some(Start::Parameter)
        }
    }

    impl ElementwiseRule for DrawnBack {
        type Step = DrawnBackStep;

        fn at_step(&self, at: At<'_>) -> DrawnBackStep {
            DrawnBackStep { lr: at.lr }
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

    /// From 8 with a gradient of 1 and a rate of 2: (8 + 8)/2 − 2 = 6, (6 + 8)/2 − 2 = 5, (5 + 8)/2 − 2 =
    /// 4.5.
    const EXPECTED: [f32; 3] = [6.0, 5.0, 4.5];

    #[test]
    fn a_buffer_that_starts_as_the_parameter_keeps_the_initial_value() {
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
    fn training_a_model_keeps_the_buffer_at_its_start() {
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
