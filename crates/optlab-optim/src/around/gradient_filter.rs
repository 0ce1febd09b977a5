//! Filters of gradients over time: each parameter's gradient is combined with its earlier ones before the
//! optimizer sees it.

use crate::driver::{Parameters, Path};
use crate::rule::precision::in_32_bits_at_least;
use crate::rules::parts::moments::moving_average;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Update, Value};

/// A filter of each parameter's gradients over time, applied before the
/// [`GradientTransform`](crate::around::GradientTransform). A parameter without a gradient in a step keeps
/// its state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum GradientFilter {
    /// `h ← α h + (1 − α) g`, `g ← g + λ h`, with `h = g` before the first step.
    Mean { alpha: f64, lamb: f64 },
    /// `g ← g + λ mean of the latest gradients`. With `warmup`, nothing is added until there are as many as
    /// the window holds.
    Window { window: usize, lamb: f64, warmup: bool },
    /// `c = g + k (g − last g)`, `g ← c / max(1, ‖c‖ / N)` with `last g = 0` before the first step.
    Change { factor: f64, max_norm: Option<f64> },
}

/// The state that a [`GradientFilter`] keeps for a parameter.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilterMemory {
    /// Number of gradients seen.
    pub seen: u64,
    /// The tensors of [`GradientFilter::buffers`].
    pub buffers: Vec<Buffer>,
    /// The latest gradients of a window; the one of step `t`, counted from 0, has the index `t mod window`.
    pub window: Vec<Buffer>,
}

impl GradientFilter {
    /// Returns the names of the tensors that it keeps for a parameter, in addition to its window.
    pub fn buffers(&self) -> &'static [&'static str] {
        match self {
            GradientFilter::Mean { .. } => &["filter_mean"],
            GradientFilter::Window { .. } => &["filter_sum_of_lap", "filter_sum_of_last_lap"],
            GradientFilter::Change { .. } => &["filter_last_gradient"],
        }
    }

    /// Returns the number of gradients that its window holds after `seen` gradients.
    pub fn window_after(&self, seen: u64) -> usize {
        match *self {
            GradientFilter::Window { window, .. } => usize::try_from(seen).map_or(window, |s| s.min(window)),
            GradientFilter::Mean { .. } | GradientFilter::Change { .. } => 0,
        }
    }

    /// Filters the gradients of the parameters that have a rule.
    pub fn apply<M: Module>(self, model: &M, gradients: &mut GradientsParams, parameters: &mut Parameters) {
        model.visit(&mut Filter { filter: self, path: Path::default(), gradients, parameters });
    }

    fn filtered<const D: usize>(&self, grad: Tensor<D>, memory: &mut FilterMemory) -> Tensor<D> {
        if memory.buffers.is_empty() {
            let start = match self {
                GradientFilter::Mean { .. } => grad.clone(),
                GradientFilter::Window { .. } | GradientFilter::Change { .. } => grad.zeros_like(),
            };
            memory.buffers = self.buffers().iter().map(|_| Buffer::new(start.clone())).collect();
        }
        memory.seen += 1;
        match *self {
            GradientFilter::Mean { alpha, lamb } => run(&AddMean { alpha, lamb }, grad, memory),
            GradientFilter::Change { factor, max_norm } => run(&AddChange { factor, max_norm }, grad, memory),
            GradientFilter::Window { window, lamb, warmup } => {
                let (index, is_full) = slide(window, &grad, memory);
                let count = if is_full { window } else { index + 1 };
                let share = if warmup && !is_full { 0.0 } else { lamb / count as f64 };
                if index + 1 == window {
                    // The window is this lap. Its sum has no terms that were added and taken away again, so
                    // rounding errors do not outlive a lap.
                    memory.buffers[1] = Buffer::new(grad.zeros_like());
                    let added = run(&AddSums { share }, grad.clone(), memory);
                    memory.buffers.swap(0, 1);
                    added
                } else if share == 0.0 {
                    grad
                } else {
                    run(&AddSums { share }, grad, memory)
                }
            }
        }
    }
}

/// Puts `grad` into the window in place of its oldest gradient, and updates the sums. Returns the index of
/// `grad`, and whether the window is full.
fn slide<const D: usize>(window: usize, grad: &Tensor<D>, memory: &mut FilterMemory) -> (usize, bool) {
    let index = ((memory.seen - 1) % window as u64) as usize;
    let newest = Buffer::new(grad.clone());
    let sum = memory.buffers[0].clone().into_tensor::<D>() + grad.clone();
    memory.buffers[0] = Buffer::new(sum);
    match memory.window.get_mut(index) {
        None => memory.window.push(newest),
        Some(place) => {
            let oldest = std::mem::replace(place, newest).into_tensor::<D>();
            let rest = memory.buffers[1].clone().into_tensor::<D>() - oldest;
            memory.buffers[1] = Buffer::new(rest);
        }
    }
    (index, memory.window.len() == window)
}

/// Applies `update` to the gradient, passed as the parameter, and to the tensors of `memory`.
fn run<U: Update, const D: usize>(update: &U, grad: Tensor<D>, memory: &mut FilterMemory) -> Tensor<D> {
    let grad = Buffer::new(grad);
    let state = std::mem::take(&mut memory.buffers);
    let (grad, state) = Operands { theta: grad.clone(), grad, state }.apply(update);
    memory.buffers = state;
    grad.into_tensor()
}

#[derive(Debug, Clone, Copy)]
struct AddMean {
    alpha: f64,
    lamb: f64,
}

impl Update for AddMean {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, _theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        state[0] = moving_average(&state[0], grad.clone(), self.alpha);
        grad + state[0].clone().mul_scalar(self.lamb)
    }
}

#[derive(Debug, Clone, Copy)]
struct AddSums {
    /// `λ` over the number of gradients.
    share: f64,
}

impl Update for AddSums {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, _theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        grad + (state[0].clone() + state[1].clone()).mul_scalar(self.share)
    }
}

#[derive(Debug, Clone, Copy)]
struct AddChange {
    factor: f64,
    max_norm: Option<f64>,
}

impl AddChange {
    #[inline(always)]
    fn corrected<V: Value>(&self, grad: V, last: &V) -> V {
        grad.clone() + (grad - last.clone()).mul_scalar(self.factor)
    }
}

impl Update for AddChange {
    const BUFFERS: (usize, usize) = (1, 1);

    /// The squared norm of the corrected gradient.
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        self.corrected(grad, &state[0]).square()
    }

    #[inline(always)]
    fn update<V: Value>(&self, _theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let corrected = self.corrected(grad.clone(), &state[0]);
        state[0] = grad;
        match self.max_norm {
            None => corrected,
            Some(limit) => corrected / sums[0].clone().sqrt().mul_scalar(limit.recip()).at_least(1.0),
        }
    }
}

struct Filter<'a> {
    filter: GradientFilter,
    path: Path,
    gradients: &'a mut GradientsParams,
    parameters: &'a mut Parameters,
}

impl ModuleVisitor for Filter<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        if parameter.rule.is_none() || parameter.tied_to.is_some() {
            return;
        }
        if let Some(grad) = self.gradients.remove::<D>(param.id) {
            let memory = parameter.beside.filter.get_or_insert_default();
            let grad = self.filter.filtered(in_32_bits_at_least(grad), memory);
            self.gradients.register(param.id, grad);
        }
    }
}
