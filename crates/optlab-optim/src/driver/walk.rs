//! The two walks over a model in a step. The first takes the parameters on the host out of the model and
//! moves all others where they are. The parameters taken out are then moved in one parallel region, and the
//! second walk puts them back.

use crate::around::norm::Factor;
use crate::around::wrapped_step::StepExtras;
use crate::around::{Extras, GradientTransform};
use crate::driver::LearningRates;
use crate::driver::any_rule::{AnyElementwise, AnyTensor, SharedNumbers, StepSettings};
use crate::driver::around_rule::{self, Before};
use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{Parameter, ParameterState, Parameters, Path};
use crate::driver::tracking::Tracking;
use crate::rule::memory::Memory;
use crate::rule::precision::in_32_bits_at_least;
use burn::backend::DispatchTensor;
use burn::module::{ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_core::random::{Purpose, word};
use optlab_kernel::{Buffer, Operands, Rounding, with_rank};
use std::collections::HashMap;
use std::sync::Arc;

/// Number of elements below which moving a parameter is faster than taking it out of the model and putting it
/// back.
const SMALLEST_JOB: usize = 2048;

/// A parameter that was taken out of the model to be moved.
pub(crate) struct Job {
    id: ParamId,
    /// Index of the parameter.
    place: usize,
    tracking: Tracking,
    rule: JobRule,
    /// `None` only while the parameter is being moved.
    operands: Option<Operands>,
    /// The rule's memory, except for its buffers, which are in `operands` meanwhile.
    memory: Memory,
    settings: StepSettings,
}

/// The rule of a job.
enum JobRule {
    Elementwise(Arc<dyn AnyElementwise>),
    /// A rule in tensor operations, and the rank of the parameter.
    Tensor(Arc<dyn AnyTensor>, usize),
}

impl Job {
    /// Returns the number of elements to move.
    pub fn size(&self) -> usize {
        self.operands.as_ref().map_or(0, Operands::size_on_host)
    }

    pub fn run(&mut self) {
        let Job { rule, memory, settings, .. } = self;
        let operands = self.operands.take();
        self.operands = operands.map(|operands| {
            let moved = match rule {
                JobRule::Elementwise(rule) => rule.apply(operands, memory, settings),
                JobRule::Tensor(rule, rank) => with_rank!(*rank, D => {
                    step_by_tensor_rule::<D>(&**rule, operands, memory, settings)
                }),
            };
            Operands { theta: self.tracking.rounded(moved.theta), ..moved }
        });
    }
}

/// Makes a step with a rule in tensor operations. The operands hold the rule's buffers, followed by those of
/// [`StepSettings::extras`].
fn step_by_tensor_rule<const D: usize>(
    rule: &dyn AnyTensor,
    operands: Operands,
    memory: &mut Memory,
    settings: &StepSettings,
) -> Operands {
    let StepSettings { lr, ref extras, .. } = *settings;
    let Operands { theta, grad, state: mut buffers } = operands;
    let beside_rule = buffers.split_off(buffers.len() - extras.buffers());
    memory.buffers = buffers;
    let (theta, before) = Before::of(theta.into_tensor::<D>(), &beside_rule, settings);
    let of_after = (settings.needs_start() || extras.has_after()).then(|| (grad.clone(), before));
    let theta = Buffer::new(extras.before(theta));
    let theta = rule.step(D, lr, theta, grad, memory);
    let mut operands = match of_after {
        Some((grad, before)) => around_rule::after(theta, grad, before, beside_rule, settings),
        None => Operands { grad: theta.clone(), theta, state: beside_rule },
    };
    let beside_rule = std::mem::take(&mut operands.state);
    operands.state = std::mem::take(&mut memory.buffers);
    operands.state.extend(beside_rule);
    operands
}

/// The inputs of a step of the whole model.
pub(crate) struct StepContext<'a> {
    pub rates: LearningRates<'a>,
    /// The loss; NaN if no rule needs it.
    pub loss: f64,
    /// The number of the step, counted from 1.
    pub t: u64,
    /// The remaining transform of the gradients.
    pub transform: GradientTransform,
    pub factor: Option<Factor>,
    pub extras: &'a Extras,
    /// The shared state of each rule, if it has one.
    pub shared: &'a [Option<Arc<SharedNumbers>>],
    /// The seed of the random bits of stochastic rounding.
    pub seed: u64,
}

impl StepContext<'_> {
    /// Returns the element-wise transform of the gradient of `parameter` in this step.
    pub fn transform_of(&self, parameter: &Parameter) -> GradientTransform {
        transform_of(self.transform, parameter)
    }

    /// Returns the settings for moving a parameter.
    pub fn settings(&self, parameter: &Parameter) -> StepSettings {
        let (place, lr, decays) = match &parameter.rule {
            Some((place, rule)) => (Some(*place), rule.lr(self.rates), rule.decays),
            None => (None, self.rates.base, true),
        };
        StepSettings {
            lr,
            loss: self.loss,
            transform: self.transform_of(parameter),
            factor: if let Some(Factor::Host(factor)) = self.factor { factor } else { 1.0 },
            extras: self.extras.at_step(lr, self.t, decays, parameter.beside.averaged),
            cautious: self.extras.cautious,
            radius: None,
            lazy_rows: parameter.lazy_rows(),
            shared: place.and_then(|place| self.shared.get(place).cloned().flatten()),
            rounding: Rounding::default(),
        }
    }

    /// Returns the key of the random bits with which `parameter` is rounded in this step.
    fn rounding(&self, parameter: &Parameter) -> Rounding {
        rounding_of(self.seed, parameter, self.t)
    }

    /// Transforms the gradient of a tensor on a device, and clears the transform from `settings`, so it is
    /// not applied twice.
    pub fn transformed<const D: usize>(
        &self,
        theta: &Tensor<D>,
        grad: Tensor<D>,
        settings: StepSettings,
    ) -> (Tensor<D>, StepSettings) {
        let grad = settings.transform.transformed(theta, grad, self.factor.as_ref());
        (grad, StepSettings { transform: GradientTransform::default(), factor: 1.0, ..settings })
    }
}

/// Returns the key of the random bits with which `parameter` is rounded in step `t`. It depends on the path,
/// and not on other parameters.
pub(crate) fn rounding_of(seed: u64, parameter: &Parameter, t: u64) -> Rounding {
    Rounding::new(word(seed, Purpose::Rounding, hash(&parameter.path)), t)
}

/// Returns the 64-bit FNV-1a hash of a text (Fowler, Noll & Vo, RFC 9923).
fn hash(text: &str) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Returns `transform`, without its penalties if `parameter` is exempt from them.
pub(crate) fn transform_of(transform: GradientTransform, parameter: &Parameter) -> GradientTransform {
    match &parameter.rule {
        Some((_, rule)) if !rule.decays => transform.without_penalties(),
        _ => transform,
    }
}

/// The first walk: takes parameters on the host out of the model.
pub(crate) struct Take<'a> {
    pub path: Path,
    pub parameters: &'a mut Parameters,
    pub gradients: &'a mut GradientsParams,
    pub step: StepContext<'a>,
    pub jobs: &'a mut Vec<Job>,
}

impl ModuleMapper for Take<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let Some(kind) = self.parameters.0[place].kind().cloned() else {
            return param;
        };
        let Some(grad) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        self.parameters.0[place].is_moved = true;
        let (id, tensor, mapper) = param.consume();
        let (theta, mut tracking) = Tracking::strip(tensor);
        let parameter = &self.parameters.0[place];
        tracking.rounding = parameter.rounds_stochastically().then(|| self.step.rounding(parameter));
        let grad = in_32_bits_at_least(grad);
        let theta = match kind {
            Kind::Elementwise(rule) => self.take(place, id, rule, theta, grad, tracking),
            Kind::Tensor(rule) => self.take_whole(place, id, rule, theta, grad, tracking),
            kind => {
                let theta = Buffer::new(self.step_by_itself(place, &kind, theta, grad));
                let theta = tracking.rounded(theta).into_tensor();
                tracking.restore(theta)
            }
        };
        Param::from_mapped_value(id, theta, mapper)
    }
}

impl Take<'_> {
    /// Turns a parameter on the host into a job and leaves an empty tensor in the model; moves any other
    /// parameter at once.
    fn take<const D: usize>(
        &mut self,
        place: usize,
        id: ParamId,
        rule: Arc<dyn AnyElementwise>,
        theta: Tensor<D>,
        grad: Tensor<D>,
        tracking: Tracking,
    ) -> Tensor<D> {
        let parameter = &mut self.parameters.0[place];
        let mut settings = self.step.settings(parameter);
        settings.radius = parameter.beside.radius(self.step.extras, &theta);
        if parameter.is_compact() {
            settings.rounding = self.step.rounding(parameter);
        }
        let mut memory = parameter.take_memory(&theta);
        memory.step += 1;
        let mut state = std::mem::take(&mut memory.buffers);
        state.extend(parameter.beside.take_buffers(&settings.extras, &theta));
        let operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state };
        if operands.are_on_host() && operands.size_on_host() >= SMALLEST_JOB {
            let nothing = operands.theta.nothing::<D>();
            let (operands, rule) = (Some(operands), JobRule::Elementwise(rule));
            self.jobs.push(Job { id, place, tracking, rule, operands, memory, settings });
            return nothing;
        }
        let (operands, settings) = if operands.are_on_host() {
            (operands, settings)
        } else {
            let Operands { theta, grad, state } = operands;
            let theta = theta.into_tensor::<D>();
            let (grad, settings) = self.step.transformed(&theta, grad.into_tensor(), settings);
            (Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state }, settings)
        };
        let operands = rule.apply(operands, &mut memory, &settings);
        put_memory(parameter, memory, operands.state, &settings.extras);
        let theta = tracking.rounded(operands.theta).into_tensor();
        tracking.restore(theta)
    }

    /// Does the same as [`take`](Self::take) for a rule in tensor operations.
    fn take_whole<const D: usize>(
        &mut self,
        place: usize,
        id: ParamId,
        rule: Arc<dyn AnyTensor>,
        theta: Tensor<D>,
        grad: Tensor<D>,
        tracking: Tracking,
    ) -> Tensor<D> {
        let parameter = &mut self.parameters.0[place];
        let (grad, mut settings) = self.step.transformed(&theta, grad, self.step.settings(parameter));
        settings.radius = parameter.beside.radius(self.step.extras, &theta);
        let mut memory = parameter.take_memory(&theta);
        memory.step += 1;
        let mut state = std::mem::take(&mut memory.buffers);
        state.extend(parameter.beside.take_buffers(&settings.extras, &theta));
        let operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state };
        if operands.size_on_host() >= SMALLEST_JOB {
            let nothing = operands.theta.nothing::<D>();
            let (operands, rule) = (Some(operands), JobRule::Tensor(rule, D));
            self.jobs.push(Job { id, place, tracking, rule, operands, memory, settings });
            return nothing;
        }
        let operands = step_by_tensor_rule::<D>(&*rule, operands, &mut memory, &settings);
        put_memory(parameter, memory, operands.state, &settings.extras);
        let theta = tracking.rounded(operands.theta).into_tensor();
        tracking.restore(theta)
    }

    /// Moves a parameter by one of Burn's optimizers, or by what is around L-BFGS.
    fn step_by_itself<const D: usize>(
        &mut self,
        place: usize,
        kind: &Kind,
        theta: Tensor<D>,
        grad: Tensor<D>,
    ) -> Tensor<D> {
        let parameter = &mut self.parameters.0[place];
        let (grad, mut settings) = self.step.transformed(&theta, grad, self.step.settings(parameter));
        settings.radius = parameter.beside.radius(self.step.extras, &theta);
        let StepSettings { lr, extras, .. } = settings;
        let beside = (settings.needs_start() || extras.has_after())
            .then(|| (Buffer::new(grad.clone()), parameter.beside.take_buffers(&extras, &theta)));
        let (theta, before) = Before::of(theta, beside.as_ref().map_or(&[], |(_, state)| state), &settings);
        let theta = extras.before(theta);
        let theta = match kind {
            Kind::Burn(rule) => {
                let state = match parameter.state.take() {
                    Some(ParameterState::Burn(state)) => Some(state),
                    _ => None,
                };
                let (theta, state) = rule.step_dyn(D, lr, theta.into_bridge(), grad.into_bridge(), state);
                parameter.state = state.map(ParameterState::Burn);
                Tensor::from_bridge(theta)
            }
            // L-BFGS has moved it already.
            Kind::Lbfgs => theta,
            Kind::Elementwise(_) | Kind::Tensor(_) => unreachable!("a rule of this crate runs as a job"),
        };
        let Some((grad, state)) = beside else {
            return theta;
        };
        let mut operands = around_rule::after(Buffer::new(theta), grad, before, state, &settings);
        parameter.beside.put_buffers(&extras, &mut operands.state);
        parameter.beside.advance(&extras);
        operands.theta.into_tensor()
    }
}

/// Stores a parameter's memory and buffers after a step.
fn put_memory(parameter: &mut Parameter, memory: Memory, mut buffers: Vec<Buffer>, extras: &StepExtras) {
    parameter.beside.put_buffers(extras, &mut buffers);
    parameter.beside.advance(extras);
    parameter.state = Some(ParameterState::Own(Memory { buffers, ..memory }));
}

/// The second walk: puts the moved parameters back.
pub(crate) struct Put<'a, J: Iterator<Item = Job>> {
    pub parameters: &'a mut Parameters,
    pub jobs: std::iter::Peekable<J>,
    /// The tensors visited so far, by id, if the model has parameters under several paths; else `None`.
    pub tied: Option<HashMap<ParamId, DispatchTensor>>,
}

impl<J: Iterator<Item = Job>> ModuleMapper for Put<'_, J> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let param = match self.jobs.next_if(|job| job.id == param.id) {
            None => param,
            Some(Job { place, tracking, operands, memory, settings, .. }) => {
                let operands = operands.expect("operands are given back when they are moved");
                put_memory(&mut self.parameters.0[place], memory, operands.state, &settings.extras);
                let (id, _, mapper) = param.consume();
                Param::from_mapped_value(id, tracking.restore(operands.theta.into_tensor()), mapper)
            }
        };
        match &mut self.tied {
            None => param,
            Some(tied) => match tied.get(&param.id) {
                // The same tensor again, so that its gradients still add up.
                Some(tensor) => {
                    let (id, _, mapper) = param.consume();
                    Param::from_mapped_value(id, Tensor::from_dispatch(tensor.clone()), mapper)
                }
                None => {
                    tied.insert(param.id, param.val().into_dispatch());
                    param
                }
            },
        }
    }
}
