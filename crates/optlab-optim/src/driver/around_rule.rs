//! The step of a rule with the operations around it: in one pass where they allow it, else one after the
//! other.

use crate::around::GradientTransform;
use crate::around::schedule_free::ScheduleFreeStep;
use crate::around::wrapped_step::{
    CautiousDecayStep, CautiousStep, ExtrasStep, HyperballStep, StepExtras, WrappedStep,
};
use crate::driver::any_rule::StepSettings;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Rounding, Update, Value};

/// Makes a rule's step with all operations around it.
pub(crate) fn apply<U: Update>(step: U, mut operands: Operands, settings: &StepSettings) -> Operands {
    let StepSettings { transform, factor, extras, .. } = *settings;
    if settings.is_one_pass() {
        let is_plain = factor == 1.0 && extras == StepExtras::NONE && !transform.is_elementwise();
        return if is_plain {
            run_rows(&step, operands, settings)
        } else {
            run_rows(&WrappedStep { step, transform, factor, extras }, operands, settings)
        };
    }
    let of_rule = operands.state.len() - extras.buffers();
    let beside_rule = operands.state.split_off(of_rule);
    let mut settings = settings.clone();
    let trained =
        extras.schedule_free.map(|free| start_free(free, &mut operands, &beside_rule, &mut settings));
    let StepSettings { transform, factor, .. } = settings;
    let start = settings.needs_start().then(|| operands.theta.clone());
    let decay_alone = StepExtras { decay: extras.decay, ..StepExtras::NONE };
    let wrapped = WrappedStep { step, transform, factor, extras: decay_alone };
    let moved = run(&wrapped, operands, settings.rounding);
    let Operands { theta, grad, state } = moved;
    let before = Before { start, trained };
    let mut operands = after(theta, grad, before, beside_rule, &settings);
    let beside_rule = std::mem::replace(&mut operands.state, state);
    operands.state.extend(beside_rule);
    operands
}

/// Replaces the trained point in `operands` by the fast weights that the rule moves, which are in
/// `beside_rule`, and transforms the gradient, whose penalties are those at the trained point. Returns the
/// trained point.
pub(crate) fn start_free(
    free: ScheduleFreeStep,
    operands: &mut Operands,
    beside_rule: &[Buffer],
    settings: &mut StepSettings,
) -> Buffer {
    operands.grad = transformed_gradient(operands, settings);
    (settings.transform, settings.factor) = (GradientTransform::default(), 1.0);
    let (theta, grad) = (operands.theta.clone(), operands.grad.clone());
    let start = Operands { theta, grad, state: beside_rule.to_vec() };
    let start = run(&StartStep { free }, start, settings.rounding).theta;
    std::mem::replace(&mut operands.theta, start)
}

/// Returns the gradient after the transform and the factor of `settings`.
fn transformed_gradient(operands: &Operands, settings: &StepSettings) -> Buffer {
    let StepSettings { transform, factor, .. } = *settings;
    if factor == 1.0 && !transform.is_elementwise() {
        return operands.grad.clone();
    }
    // As the parameter of an update that replaces it.
    let (theta, grad) = (operands.grad.clone(), operands.theta.clone());
    let operands = Operands { theta, grad, state: Vec::new() };
    run(&TransformStep { transform, factor }, operands, settings.rounding).theta
}

/// Replaces a gradient, passed as the parameter, by the transformed one; the parameter is passed as the
/// gradient.
#[derive(Debug, Clone, Copy)]
struct TransformStep {
    transform: GradientTransform,
    factor: f64,
}

impl Update for TransformStep {
    const BUFFERS: (usize, usize) = (0, 0);

    #[inline(always)]
    fn update<V: Value>(&self, grad: V, theta: V, _state: &mut [V], _sums: &[V]) -> V {
        self.transform.elementwise(&theta, grad).mul_scalar(self.factor)
    }
}

/// Replaces the parameter by the point that the rule moves.
#[derive(Debug, Clone, Copy)]
struct StartStep {
    free: ScheduleFreeStep,
}

impl Update for StartStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, trained: V, _grad: V, state: &mut [V], _sums: &[V]) -> V {
        self.free.start(&trained, &state[0])
    }
}

/// A parameter before its rule, as far as the operations after the rule need it.
pub(crate) struct Before {
    /// The point from which the rule moved, before its decay.
    pub start: Option<Buffer>,
    /// The trained point, if the rule moves the fast weights instead.
    pub trained: Option<Buffer>,
}

impl Before {
    /// Returns the point that a rule moves, and what the operations after it need of the trained point
    /// `theta`. `beside_rule` holds the buffers of [`StepExtras`].
    pub fn of<const D: usize>(
        theta: Tensor<D>,
        beside_rule: &[Buffer],
        settings: &StepSettings,
    ) -> (Tensor<D>, Self) {
        let (theta, trained) = match settings.extras.schedule_free {
            Some(step) => {
                let fast = beside_rule[0].clone().into_tensor();
                (step.start(&theta, &fast), Some(Buffer::new(theta)))
            }
            None => (theta, None),
        };
        let start = settings.needs_start().then(|| Buffer::new(theta.clone()));
        (theta, Before { start, trained })
    }
}

/// Applies the operations after a rule. `state` holds the buffers of [`StepExtras`].
pub(crate) fn after(
    mut theta: Buffer,
    mut grad: Buffer,
    before: Before,
    mut state: Vec<Buffer>,
    settings: &StepSettings,
) -> Operands {
    let StepSettings { lr, transform, extras, cautious, radius, rounding, .. } = *settings;
    let of_extras = state.len();
    if let Some(trained) = before.trained {
        state.insert(0, trained);
    }
    let after = ExtrasStep { extras };
    let (decay, elements) = (extras.decay, theta.len());
    let mut operands = match (before.start, radius) {
        (None, _) => run(&after, Operands { theta, grad, state }, rounding),
        (Some(start), None) => {
            state.insert(0, start);
            let operands = Operands { theta, grad, state };
            if cautious {
                run(&CautiousStep { decay, after, transform, elements }, operands, rounding)
            } else {
                run(&CautiousDecayStep { after }, operands, rounding)
            }
        }
        (Some(start), Some(radius)) => {
            if cautious {
                let alone = ExtrasStep { extras: StepExtras::NONE };
                let cautious = CautiousStep { decay, after: alone, transform, elements };
                let alone = Operands { theta, grad, state: vec![start.clone()] };
                let masked = run(&cautious, alone, rounding);
                (theta, grad) = (masked.theta, masked.grad);
            }
            state.insert(0, start);
            run(&HyperballStep { after, lr, radius }, Operands { theta, grad, state }, rounding)
        }
    };
    operands.state.drain(..operands.state.len() - of_extras);
    operands
}

/// Applies the update of a rule, to all rows or to those that have a gradient.
fn run_rows<U: Update>(update: &U, operands: Operands, settings: &StepSettings) -> Operands {
    let Some(rows) = settings.lazy_rows else {
        return run(update, operands, settings.rounding);
    };
    let grad = operands.grad.clone();
    let (theta, state) = operands.apply_to_rows(update, rows);
    Operands { theta, grad, state }
}

/// Applies an update: on the host in one pass, elsewhere as a formula.
pub(crate) fn run<U: Update>(update: &U, mut operands: Operands, rounding: Rounding) -> Operands {
    if operands.are_on_host() {
        operands.apply_on_host_rounded(update, rounding);
        return operands;
    }
    let grad = operands.grad.clone();
    let (theta, state) = operands.apply_formula_rounded(update, rounding);
    Operands { theta, grad, state }
}
