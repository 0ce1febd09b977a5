//! The two walks over a model in a step: the first takes out what is on the host, and moves all other parameters where they
//! are; the second puts back what was moved in one parallel region in between.

use super::parameter_rule::{AnyElementwise, AnyTensor, Kind, Settings};
use super::parameters::{Parameter, Parameters, Path, State};
use crate::kernel::{Buffer, Operands};
use crate::optim::around::Average;
use crate::optim::gradient_transform::Factor;
use crate::optim::memory::{Declared, Memory};
use crate::optim::precision::{in_32_bits_at_least, in_type};
use burn::module::{ModuleMapper, Param, ParamId};
use burn::optim::{DynOptimizer, GradientsParams};
use burn::tensor::{DType, GradientCheckpointingStrategy, Tensor};
use std::sync::Arc;

/// Elements below which moving a parameter takes less time than taking it out of the model and putting it back.
const SMALLEST_JOB: usize = 2048;

/// A parameter that was taken out of the model to be moved.
pub(super) struct Job {
    id: ParamId,
    /// Its place among the parameters.
    place: usize,
    tracking: Tracking,
    rule: Arc<dyn AnyElementwise>,
    lr_factor: f64,
    pub operands: Operands,
    /// Without its buffers, which are operands meanwhile.
    memory: Memory,
}

impl Job {
    pub fn run(&mut self, settings: &Settings) {
        let settings = settings.with_lr_factor(self.lr_factor);
        self.rule.apply_on_host(&mut self.operands, &mut self.memory, &settings);
    }
}

/// What a parameter has beside its numbers.
struct Tracking {
    dtype: DType,
    require_grad: bool,
    checkpointing: Option<GradientCheckpointingStrategy>,
}

impl Tracking {
    /// The tensor in 32 bits at least without its tracking, and how to give it back.
    fn strip<const D: usize>(tensor: Tensor<D>) -> (Tensor<D>, Self) {
        let tracking = Tracking {
            dtype: tensor.dtype(),
            require_grad: tensor.is_require_grad(),
            checkpointing: tensor.gradient_checkpointing_strategy(),
        };
        (in_32_bits_at_least(tensor.inner()), tracking)
    }

    fn restore<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        let mut tensor = Tensor::from_inner(in_type(tensor, self.dtype));
        if let Some(strategy) = self.checkpointing {
            tensor = tensor.with_gradient_checkpointing_strategy(strategy);
        }
        if self.require_grad { tensor.require_grad() } else { tensor }
    }
}

/// The first walk.
pub(super) struct Take<'a> {
    pub path: Path,
    /// The place of the next parameter, as far as one can know.
    pub next: usize,
    pub parameters: &'a mut Parameters,
    pub gradients: &'a mut GradientsParams,
    pub settings: Settings,
    /// What gradients are multiplied by, which [`Settings`] only know where it is on the host.
    pub factor: Option<&'a Factor>,
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
        let place = self.parameters.find(self.path.text(), self.next).expect("a parameter of this model");
        self.next = place + 1;
        let Some(rule) = self.parameters.0[place].rule.clone() else {
            return param;
        };
        let Some(grad) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let (id, tensor, mapper) = param.consume();
        let (theta, tracking) = Tracking::strip(tensor);
        let grad = in_32_bits_at_least(grad);
        let theta = match rule {
            Kind::Elementwise(rule) => self.take(place, id, rule, theta, grad, tracking),
            Kind::Tensor(rule) => tracking.restore(self.step_of_tensor(place, &*rule, theta, grad)),
            Kind::Burn(rule) => tracking.restore(self.step_by_burn(place, &*rule, theta, grad)),
        };
        Param::from_mapped_value(id, theta, mapper)
    }
}

impl Take<'_> {
    /// Makes a job of a parameter on the host, and leaves nothing in its place; moves any other at once.
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
        let lr_factor = parameter.lr_factor;
        let settings = self.settings.with_lr_factor(lr_factor);
        let mut memory = memory_of(parameter, |shape| rule.declared(shape), &theta);
        let mut buffers = std::mem::take(&mut memory.buffers);
        let has_average = self.settings.average.is_some();
        if has_average {
            buffers.push(average_of(parameter, &theta));
        }
        let mut operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state: buffers };
        if operands.are_on_host() {
            if operands.size_on_host() < SMALLEST_JOB {
                rule.apply_on_host(&mut operands, &mut memory, &settings);
                put_memory(parameter, memory, operands.state, has_average);
                return tracking.restore(operands.theta.into_tensor());
            }
            let nothing = operands.theta.nothing::<D>();
            self.jobs.push(Job { id, place, tracking, rule, lr_factor, operands, memory });
            return nothing;
        }
        let Operands { theta, grad, state: buffers } = operands;
        let theta = theta.into_tensor::<D>();
        let grad = self.settings.transform.transformed(&theta, grad.into_tensor(), self.factor);
        let operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state: buffers };
        let settings = Settings { transform: Default::default(), factor: 1.0, ..settings };
        let (theta, buffers) = rule.apply_formula(D, operands, &mut memory, &settings);
        put_memory(parameter, memory, buffers, has_average);
        tracking.restore(theta.into_tensor())
    }

    fn step_of_tensor<const D: usize>(
        &mut self,
        place: usize,
        rule: &dyn AnyTensor,
        theta: Tensor<D>,
        grad: Tensor<D>,
    ) -> Tensor<D> {
        let parameter = &mut self.parameters.0[place];
        let mut memory = memory_of(parameter, |shape| rule.declared(shape), &theta);
        let average = self.settings.average.map(|decay| (Average { decay }, average_of(parameter, &theta)));
        let grad = self.settings.transform.transformed(&theta, grad, self.factor);
        let lr = self.settings.lr * parameter.lr_factor;
        let theta = rule.step(D, lr, Buffer::new(theta), Buffer::new(grad), &mut memory).into_tensor::<D>();
        parameter.state = Some(State::Own(memory));
        update_average(parameter, average, &theta);
        theta
    }

    fn step_by_burn<const D: usize>(
        &mut self,
        place: usize,
        rule: &dyn DynOptimizer,
        theta: Tensor<D>,
        grad: Tensor<D>,
    ) -> Tensor<D> {
        let parameter = &mut self.parameters.0[place];
        let average = self.settings.average.map(|decay| (Average { decay }, average_of(parameter, &theta)));
        let grad = self.settings.transform.transformed(&theta, grad, self.factor);
        let lr = self.settings.lr * parameter.lr_factor;
        let state = match parameter.state.take() {
            Some(State::Burn(state)) => Some(state),
            _ => None,
        };
        let (theta, state) = rule.step_dyn(D, lr, theta.into_bridge(), grad.into_bridge(), state);
        parameter.state = state.map(State::Burn);
        let theta = Tensor::<D>::from_bridge(theta);
        update_average(parameter, average, &theta);
        theta
    }
}

/// What is remembered of a parameter, ready for its next step.
fn memory_of<const D: usize>(
    parameter: &mut Parameter,
    declared: impl FnOnce(&[usize]) -> Declared,
    theta: &Tensor<D>,
) -> Memory {
    let mut memory = match parameter.state.take() {
        Some(State::Own(memory)) => memory,
        _ => Memory::new(&declared(&parameter.shape), theta),
    };
    memory.step += 1;
    memory
}

fn update_average<const D: usize>(
    parameter: &mut Parameter,
    average: Option<(Average, Buffer)>,
    theta: &Tensor<D>,
) {
    if let Some((update, average)) = average {
        let operands = Operands { theta: average, grad: Buffer::new(theta.clone()), state: Vec::new() };
        parameter.average = Some(operands.apply::<_, D>(&update).0);
    }
}

/// The average of the weights so far, which before the first step are the weights.
fn average_of<const D: usize>(parameter: &mut Parameter, theta: &Tensor<D>) -> Buffer {
    parameter.average.take().unwrap_or_else(|| Buffer::new(theta.clone()))
}

/// Gives a parameter back what a step made of its buffers.
fn put_memory(parameter: &mut Parameter, memory: Memory, mut buffers: Vec<Buffer>, has_average: bool) {
    if has_average {
        parameter.average = buffers.pop();
    }
    parameter.state = Some(State::Own(Memory { buffers, ..memory }));
}

/// The second walk.
pub(super) struct Put<'a, J: Iterator<Item = Job>> {
    pub parameters: &'a mut Parameters,
    pub jobs: std::iter::Peekable<J>,
    pub has_average: bool,
}

impl<J: Iterator<Item = Job>> ModuleMapper for Put<'_, J> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(Job { place, tracking, operands, memory, .. }) = self.jobs.next_if(|job| job.id == param.id)
        else {
            return param;
        };
        put_memory(&mut self.parameters.0[place], memory, operands.state, self.has_average);
        let (id, _, mapper) = param.consume();
        Param::from_mapped_value(id, tracking.restore(operands.theta.into_tensor()), mapper)
    }
}

/// Puts the average of the weights in the place of each parameter that has one.
pub(super) struct PutAverages<'a> {
    pub path: Path,
    pub next: usize,
    pub parameters: &'a Parameters,
}

impl ModuleMapper for PutAverages<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.parameters.find(self.path.text(), self.next);
        self.next += 1;
        match place.and_then(|place| self.parameters.0[place].average.clone()) {
            Some(average) => param.map(|_| average.into_tensor()),
            None => param,
        }
    }
}
