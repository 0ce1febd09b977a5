//! The history of L-BFGS, in memory and in a file.

use super::{LEAST_CURVATURE, dot};
use burn::optim::{StateSink, StateSource};
use burn::tensor::{DType, TensorData};
use burn_pack::Scalar;
use std::collections::VecDeque;

/// The prefix of everything in a file.
const PREFIX: &str = "*.lbfgs";
const ITERATIONS: &str = "iterations";
const LENGTH: &str = "step_length";
const SCALE: &str = "scale";
const DIRECTION: &str = "direction";
const GRADIENT: &str = "gradient";
const STEPS: &str = "steps";
const CHANGES: &str = "changes";

/// The state of L-BFGS after a step. Vectors have one element for each element of its parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct LbfgsState {
    /// Number of iterations in all steps.
    pub iterations: u64,
    /// The latest direction, and the gradient from which it starts.
    direction: Vec<f64>,
    gradient: Vec<f64>,
    /// The length of the latest step, in units of its direction.
    length: f64,
    /// Factor of the identity, the first approximation of the inverse Hessian.
    scale: f64,
    /// The latest steps, the oldest first.
    history: VecDeque<Pair>,
}

/// A step and the change of the gradient along it.
#[derive(Debug, Clone)]
struct Pair {
    step: Vector,
    change: Vector,
    /// The inverse of their scalar product.
    rho: f64,
}

/// A vector of the history, in the precision of the parameters.
#[derive(Debug, Clone)]
enum Vector {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Vector {
    fn new(values: Vec<f64>, is_double: bool) -> Self {
        if is_double {
            Vector::Double(values)
        } else {
            Vector::Single(values.into_iter().map(|value| value as f32).collect())
        }
    }

    fn to_double(&self) -> Vec<f64> {
        match self {
            Vector::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Vector::Double(values) => values.clone(),
        }
    }

    fn dot(&self, other: &[f64]) -> f64 {
        match self {
            Vector::Single(_) => dot(&self.to_double(), other),
            Vector::Double(values) => dot(values, other),
        }
    }

    /// Adds `factor` times the vector to `to`.
    fn add_to(&self, factor: f64, to: &mut [f64]) {
        match self {
            Vector::Single(values) => {
                to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * f64::from(*value));
            }
            Vector::Double(values) => to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value),
        }
    }
}

impl Pair {
    fn new(step: Vector, change: Vector) -> Self {
        let rho = change.dot(&step.to_double()).recip();
        Pair { step, change, rho }
    }
}

impl LbfgsState {
    /// Starts the next iteration: adds the latest step to the history, and returns the new direction. The
    /// history keeps the latest `most` steps.
    pub fn direction(&mut self, gradient: &[f64], most: usize, is_double: bool) -> Vec<f64> {
        self.iterations += 1;
        let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
        if self.iterations == 1 {
            self.scale = 1.0;
            return direction;
        }
        self.add_latest(gradient, most, is_double);
        let mut alphas = Vec::with_capacity(self.history.len());
        for Pair { step, change, rho } in self.history.iter().rev() {
            let alpha = step.dot(&direction) * rho;
            change.add_to(-alpha, &mut direction);
            alphas.push(alpha);
        }
        direction.iter_mut().for_each(|value| *value *= self.scale);
        for (Pair { step, change, rho }, alpha) in self.history.iter().zip(alphas.into_iter().rev()) {
            let beta = change.dot(&direction) * rho;
            step.add_to(alpha - beta, &mut direction);
        }
        direction
    }

    fn add_latest(&mut self, gradient: &[f64], most: usize, is_double: bool) {
        let step = self.direction.iter().map(|value| value * self.length).collect();
        let change = gradient.iter().zip(&self.gradient).map(|(now, before)| now - before).collect();
        let (step, change) = (Vector::new(step, is_double), Vector::new(change, is_double));
        let product = change.dot(&step.to_double());
        if product > LEAST_CURVATURE {
            self.scale = product / change.dot(&change.to_double());
            while self.history.len() >= most {
                self.history.pop_front();
            }
            self.history.push_back(Pair::new(step, change));
        }
    }

    /// Ends an iteration that went `length` times `direction` from a point with `gradient`.
    pub fn remember(&mut self, gradient: Vec<f64>, direction: Vec<f64>, length: f64) {
        (self.gradient, self.direction, self.length) = (gradient, direction, length);
    }

    /// Returns the number of elements of the parameters; `None` before the first iteration.
    pub fn len(&self) -> Option<usize> {
        (self.iterations > 0).then_some(self.gradient.len())
    }

    pub fn flatten(&self, sink: &mut StateSink) {
        sink.push_scalar(PREFIX, ITERATIONS, Scalar::from(self.iterations));
        if self.iterations == 0 {
            return;
        }
        sink.push_scalar(PREFIX, LENGTH, Scalar::from(self.length));
        sink.push_scalar(PREFIX, SCALE, Scalar::from(self.scale));
        for (name, values) in [(DIRECTION, &self.direction), (GRADIENT, &self.gradient)] {
            sink.push_tensor(PREFIX, name, TensorData::new(values.clone(), [values.len()]));
        }
        let shape = [self.history.len(), self.gradient.len()];
        if shape[0] > 0 {
            sink.push_tensor(PREFIX, STEPS, rows(self.history.iter().map(|pair| &pair.step), shape));
            sink.push_tensor(PREFIX, CHANGES, rows(self.history.iter().map(|pair| &pair.change), shape));
        }
    }

    /// Reads the state that [`flatten`](Self::flatten) wrote; `None` if it is incomplete or does not fit
    /// together.
    pub fn unflatten(source: &mut StateSource) -> Option<Self> {
        let iterations = u64::try_from(source.take_scalar(PREFIX, ITERATIONS)?).ok()?;
        if iterations == 0 {
            return Some(LbfgsState::default());
        }
        let mut number = |name: &str| f64::try_from(source.take_scalar(PREFIX, name)?).ok();
        let (length, scale) = (number(LENGTH)?, number(SCALE)?);
        let mut vector = |name: &str| source.take_tensor(PREFIX, name)?.try_to_vec::<f64>().ok();
        let (direction, gradient) = (vector(DIRECTION)?, vector(GRADIENT)?);
        let history = match (source.take_tensor(PREFIX, STEPS), source.take_tensor(PREFIX, CHANGES)) {
            (None, None) => VecDeque::new(),
            (Some(steps), Some(changes)) => {
                let (steps, changes) = (vectors(steps, gradient.len())?, vectors(changes, gradient.len())?);
                (steps.len() == changes.len()).then_some(())?;
                steps.into_iter().zip(changes).map(|(step, change)| Pair::new(step, change)).collect()
            }
            _ => return None,
        };
        (direction.len() == gradient.len()).then_some(())?;
        Some(LbfgsState { iterations, direction, gradient, length, scale, history })
    }
}

/// Returns the vectors as the rows of a matrix.
fn rows<'a>(vectors: impl Iterator<Item = &'a Vector>, shape: [usize; 2]) -> TensorData {
    let (mut single, mut double) = (Vec::new(), Vec::new());
    for vector in vectors {
        match vector {
            Vector::Single(values) => single.extend_from_slice(values),
            Vector::Double(values) => double.extend_from_slice(values),
        }
    }
    if single.is_empty() { TensorData::new(double, shape) } else { TensorData::new(single, shape) }
}

/// Returns the rows of `matrix`, which must have `len` elements each.
fn vectors(matrix: TensorData, len: usize) -> Option<Vec<Vector>> {
    let [_, columns] = **matrix.shape() else { return None };
    if columns != len || len == 0 {
        return None;
    }
    Some(match matrix.dtype() {
        DType::F32 => {
            let values = matrix.try_to_vec::<f32>().ok()?;
            values.chunks_exact(len).map(|row| Vector::Single(row.to_vec())).collect()
        }
        _ => {
            let values = matrix.try_to_vec::<f64>().ok()?;
            values.chunks_exact(len).map(|row| Vector::Double(row.to_vec())).collect()
        }
    })
}
