//! The trained tensors of a model as plain numbers.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use std::collections::HashMap;

/// A trained tensor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub id: ParamId,
    pub path: String,
    /// The place of its first number among those of all tensors.
    pub start: usize,
    pub len: usize,
}

/// The trained tensors of a model, in its order; one under several paths has the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub places: Vec<Place>,
    path: Vec<String>,
    /// The place of each tensor in `places`.
    known: HashMap<ParamId, usize>,
}

impl Layout {
    pub fn of<M: Module>(model: &M) -> Self {
        let mut layout = Layout::default();
        model.visit(&mut layout);
        layout
    }

    pub fn len(&self) -> usize {
        self.places.last().map_or(0, |place| place.start + place.len)
    }

    /// Returns the numbers of all trained tensors, one tensor after the other.
    pub fn parameters<M: Module>(&self, model: &M) -> Vec<f32> {
        let mut read = Read { layout: self, values: Vec::with_capacity(self.len()), next: 0 };
        model.visit(&mut read);
        read.values
    }

    /// Returns the gradients in the same order, 0 for a tensor without one; and which tensors have one.
    pub fn gradients<M: Module>(&self, model: &M, gradients: &GradientsParams) -> Gradients {
        let mut read = ReadGradients {
            layout: self,
            of: gradients,
            read: Gradients { values: Vec::with_capacity(self.len()), are_there: Vec::new() },
        };
        model.visit(&mut read);
        read.read
    }

    /// Returns `model` with `factor · direction` added to its trained tensors.
    pub fn moved<M: Module>(&self, model: M, direction: &[f32], factor: f32) -> M {
        model.map(&mut Move { layout: self, direction, factor })
    }
}

/// Gradients as plain numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gradients {
    pub values: Vec<f32>,
    /// For each tensor, whether it has a gradient.
    pub are_there: Vec<bool>,
}

impl Gradients {
    /// Adds the gradients of another turn.
    pub fn add(&mut self, other: &Gradients) {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, other)| *sum += other);
        self.are_there.iter_mut().zip(&other.are_there).for_each(|(is_there, other)| *is_there |= other);
    }
}

impl ModuleVisitor for Layout {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() && !self.known.contains_key(&param.id) {
            let (start, len) = (self.len(), param.lazy_shape().num_elements());
            self.known.insert(param.id, self.places.len());
            self.places.push(Place { id: param.id, path: self.path.join("."), start, len });
        }
    }
}

/// Returns the numbers of a tensor.
fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap_or_default()
}

struct Read<'a> {
    layout: &'a Layout,
    values: Vec<f32>,
    /// The tensor that comes next.
    next: usize,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.layout.places.get(self.next).is_some_and(|place| place.id == param.id) {
            self.values.extend(numbers(param.val().inner()));
            self.next += 1;
        }
    }
}

struct ReadGradients<'a> {
    layout: &'a Layout,
    of: &'a GradientsParams,
    read: Gradients,
}

impl ModuleVisitor for ReadGradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(place) = self.layout.places.get(self.read.are_there.len()) else { return };
        if place.id != param.id {
            return;
        }
        let gradient = self.of.get::<D>(param.id);
        self.read.are_there.push(gradient.is_some());
        match gradient {
            Some(gradient) => self.read.values.extend(numbers(gradient)),
            None => self.read.values.resize(self.read.values.len() + place.len, 0.0),
        }
    }
}

struct Move<'a> {
    layout: &'a Layout,
    direction: &'a [f32],
    factor: f32,
}

impl ModuleMapper for Move<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(&place) = self.layout.known.get(&param.id) else { return param };
        let Place { start, len, .. } = self.layout.places[place];
        let direction = self.direction[start..start + len].to_vec();
        let factor = self.factor;
        param.map(|tensor| {
            let (shape, dtype) = (tensor.dims(), tensor.dtype());
            let tensor = tensor.inner();
            let by = Tensor::<D>::from_data(TensorData::new(direction, shape), (&tensor.device(), dtype));
            Tensor::from_inner(tensor + by.mul_scalar(factor)).require_grad()
        })
    }
}

/// Returns the inner product in 64 bits.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
