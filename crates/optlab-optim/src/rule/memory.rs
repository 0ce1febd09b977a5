//! The state that a rule keeps for a parameter: its declaration, and how it is stored, saved and loaded.

use crate::rule::content::{Content, StateBits};
use crate::rule::precision::{in_32_bits_at_least, in_type};
use burn::optim::{RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use burn_pack::Scalar;
use optlab_kernel::{Buffer, CompactBuffer, Format};
use std::fmt;
use std::marker::PhantomData;

/// What is appended to the name of a buffer in 8 bits for its scales.
pub(crate) const SCALES: &str = "_scales";

/// The name under which the number of steps is saved.
const STEP: &str = "step";

/// A rule, and the state that it keeps for each parameter.
///
/// The step itself is defined by an [`ElementwiseRule`](crate::rule::ElementwiseRule), a
/// [`TensorRule`](crate::rule::TensorRule) or a [`GlobalRule`](crate::rule::GlobalRule).
pub trait Rule: Clone + fmt::Debug + Send + Sync + 'static {
    /// The names of its buffers in a checkpoint. A step sees the buffers in use in this order.
    const STATE: &'static [&'static str];

    /// The names of its numbers in a checkpoint, other than the number of steps, and their initial values.
    const NUMBERS: &'static [(&'static str, f64)] = &[];

    /// Returns the initial value of a buffer for a parameter of the given shape; `None` if the buffer is not
    /// in use.
    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(Start::Value(0.0))
    }

    /// Returns the buffer that holds the parameter to evaluate with, if it is not the trained one.
    fn evaluated(&self) -> Option<&'static str> {
        None
    }

    /// Returns what a buffer holds, which decides how few bits
    /// [`CompactConfig`](crate::around::CompactConfig) may store it in. A buffer that starts as a copy of the
    /// parameter, or has its own shape, always keeps 32 bits.
    fn content(&self, _buffer: &str) -> Content {
        Content::Accumulator
    }
}

/// Shapes of parameters by which the states of two rules are compared.
pub(crate) const LAYOUT_SHAPES: [&[usize]; 4] = [&[6], &[6, 6], &[8, 3], &[4, 3, 2, 2]];

/// The initial value of a buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// The same number in every element, in the shape of the parameter.
    Value(f64),
    /// A copy of the parameter.
    Parameter,
    /// Zeros, in the given shape.
    Zeros(Vec<usize>),
}

/// The buffers and numbers that a rule declares for a parameter of a given shape.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    pub buffers: Vec<DeclaredBuffer>,
    pub numbers: &'static [(&'static str, f64)],
}

/// A buffer that a rule declares.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredBuffer {
    pub name: &'static str,
    pub start: Start,
    /// The format if it is stored in fewer bits than the parameter.
    pub format: Option<Format>,
}

impl DeclaredBuffer {
    /// Returns the buffer before the first step of `theta`.
    fn initial<const D: usize>(&self, theta: &Tensor<D>) -> Buffer {
        match (&self.start, self.format) {
            (Start::Value(value), Some(format)) => {
                Buffer::Compact(CompactBuffer::filled(format, &theta.dims(), *value as f32))
            }
            (Start::Value(value), None) => Buffer::new(theta.full_like(*value)),
            (Start::Parameter, _) => Buffer::new(theta.clone()),
            (Start::Zeros(shape), _) => Buffer::zeros(shape, theta),
        }
    }
}

impl Declared {
    pub fn of<R: Rule>(rule: &R, bits: StateBits, shape: &[usize]) -> Self {
        let declared = |name: &&'static str| {
            let start = rule.start(name, shape)?;
            let format = match start {
                Start::Value(_) => bits.format(rule.content(name)),
                Start::Parameter | Start::Zeros(_) => None,
            };
            Some(DeclaredBuffer { name, start, format })
        };
        Declared { buffers: R::STATE.iter().filter_map(declared).collect(), numbers: R::NUMBERS }
    }

    /// Returns the shape of the scales of a buffer, for a parameter of `len` elements; `None` if it has none.
    pub fn scales_of(&self, buffer: &str, len: usize) -> Option<Vec<usize>> {
        let declared = self.buffers.iter().find(|declared| declared.name == buffer)?;
        declared.format?.scales(len).map(|scales| vec![scales])
    }

    /// Returns the name and shape of each buffer for a parameter of `shape`.
    pub fn layout(&self, shape: &[usize]) -> Vec<(&'static str, Vec<usize>)> {
        let names = self.buffers.iter().map(|buffer| buffer.name);
        names.map(|name| (name, self.shape_of(name, shape).unwrap_or_default())).collect()
    }

    /// Returns the shape of a buffer for a parameter of `shape`; `None` if the buffer is not in use.
    pub fn shape_of(&self, buffer: &str, shape: &[usize]) -> Option<Vec<usize>> {
        let declared = self.buffers.iter().find(|declared| declared.name == buffer)?;
        Some(match &declared.start {
            Start::Zeros(shape) => shape.clone(),
            Start::Value(_) | Start::Parameter => shape.to_vec(),
        })
    }
}

/// The state that a rule keeps for a parameter.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    /// Number of steps made.
    pub step: u64,
    pub numbers: Vec<f64>,
    pub names: Vec<&'static str>,
    pub buffers: Vec<Buffer>,
}

impl Memory {
    /// Returns the state before the first step of `theta`.
    pub fn new<const D: usize>(declared: &Declared, theta: &Tensor<D>) -> Self {
        Memory {
            step: 0,
            numbers: declared.numbers.iter().map(|&(_, start)| start).collect(),
            names: declared.buffers.iter().map(|buffer| buffer.name).collect(),
            buffers: declared.buffers.iter().map(|buffer| buffer.initial(theta)).collect(),
        }
    }

    /// Returns the index of the buffer with the given name.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|of| *of == name)
    }

    pub fn flatten(&self, numbers: &[(&'static str, f64)], prefix: &str, sink: &mut StateSink) {
        sink.push_scalar(prefix, STEP, Scalar::from(self.step));
        for ((name, _), number) in numbers.iter().zip(&self.numbers) {
            sink.push_scalar(prefix, name, Scalar::from(*number));
        }
        for (name, buffer) in self.names.iter().zip(&self.buffers) {
            match buffer.clone() {
                Buffer::Compact(compact) => {
                    let (codes, scales) = compact.into_data();
                    sink.push_tensor(prefix, name, codes);
                    if let Some(scales) = scales {
                        sink.push_tensor(prefix, &format!("{name}{SCALES}"), scales);
                    }
                }
                buffer => sink.push_tensor(prefix, name, buffer.into_data()),
            }
        }
    }

    /// Restores the state from `source`. Missing buffers, and those in another format than given with their
    /// names, are skipped; every number must be present.
    pub fn unflatten(
        names: impl Iterator<Item = (&'static str, Option<Format>)>,
        numbers: &[(&'static str, f64)],
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Self> {
        let step = u64::try_from(source.take_scalar(prefix, STEP)?).ok()?;
        let number = |&(name, _): &(&str, f64)| f64::try_from(source.take_scalar(prefix, name)?).ok();
        let numbers = numbers.iter().map(number).collect::<Option<_>>()?;
        let mut memory = Memory { step, numbers, names: Vec::new(), buffers: Vec::new() };
        for (name, format) in names {
            let Some(data) = source.take_tensor(prefix, name) else {
                continue;
            };
            let buffer = match format {
                None => Some(Buffer::from_data(data, device)),
                Some(format) => {
                    let scales = source.take_tensor(prefix, &format!("{name}{SCALES}"));
                    CompactBuffer::from_data(format, data, scales).map(Buffer::Compact)
                }
            };
            if let Some(buffer) = buffer {
                memory.names.push(name);
                memory.buffers.push(buffer);
            }
        }
        Some(memory)
    }
}

/// The state that Burn's `ModuleOptimizer` keeps for a parameter of the rule `R`.
pub struct RuleState<R> {
    pub(crate) memory: Memory,
    rule: PhantomData<fn() -> R>,
}

impl<R> RuleState<R> {
    pub(crate) fn new(memory: Memory) -> Self {
        RuleState { memory, rule: PhantomData }
    }

    /// Returns the number of steps made.
    pub fn step(&self) -> u64 {
        self.memory.step
    }

    /// Returns a copy of a buffer; `None` if the rule's settings do not use it. `D` is the rank of the
    /// buffer, which for an element-wise rule is the parameter's rank.
    pub fn buffer<const D: usize>(&self, name: &str) -> Option<Tensor<D>> {
        Some(self.memory.buffers[self.memory.place_of(name)?].clone().into_tensor())
    }

    /// Makes one step for one parameter, as Burn's [`Optimizer`](burn::optim::Optimizer) does. `step` moves
    /// the parameter, in at least 32-bit floats, along its gradient, with the memory already set to the new
    /// step number.
    pub(crate) fn step_in_burn<const D: usize>(
        rule: &R,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self>,
        step: impl FnOnce(Tensor<D>, Tensor<D>, &mut Memory) -> Tensor<D>,
    ) -> (Tensor<D>, Option<Self>)
    where
        R: Rule,
    {
        let dtype = theta.dtype();
        let (theta, grad) = (in_32_bits_at_least(theta), in_32_bits_at_least(grad));
        let fresh = || Memory::new(&Declared::of(rule, StateBits::F32, &theta.dims()), &theta);
        let mut memory = state.map_or_else(fresh, |state| state.memory);
        memory.step += 1;
        let theta = step(theta, grad, &mut memory);
        (in_type(theta, dtype), Some(RuleState { memory, rule: PhantomData }))
    }

    /// Moves the buffers to `device`.
    pub fn moved_to(mut self, device: &Device) -> Self {
        let buffers = self.memory.buffers.into_iter();
        self.memory.buffers = buffers.map(|buffer| buffer.to_device(device)).collect();
        self
    }
}

impl<R> Clone for RuleState<R> {
    fn clone(&self) -> Self {
        RuleState::new(self.memory.clone())
    }
}

impl<R> fmt::Debug for RuleState<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.memory.fmt(f)
    }
}

impl<R: Rule> RecordState for RuleState<R> {
    fn state_flatten(&self, prefix: &str, sink: &mut StateSink) {
        self.memory.flatten(R::NUMBERS, prefix, sink);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let names = R::STATE.iter().map(|name| (*name, None));
        Memory::unflatten(names, R::NUMBERS, prefix, source, device).map(RuleState::new)
    }
}
