//! Norms of gradients whose squares may not fit into 32 bits, and the factors derived from them.

use crate::rule::precision::in_32_bits_at_least;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Sum, Update, Value};
use std::collections::HashSet;

/// The Euclidean norm of tensors on the host and on a device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Norm {
    /// The sum of the squares on the host.
    squares: Option<f64>,
    /// The norm of each tensor on a device, which may still be computing it.
    norms: Vec<Tensor<1>>,
}

impl Norm {
    /// Returns the norm; waits if a device is still computing it.
    pub fn value(&self) -> f64 {
        let on_device = |norm: Tensor<1>| norm.into_scalar::<f64>().powi(2);
        (self.squares.unwrap_or(0.0) + self.on_device().map_or(0.0, on_device)).sqrt()
    }

    /// Returns the norm of the tensors on a device.
    fn on_device(&self) -> Option<Tensor<1>> {
        (!self.norms.is_empty()).then(|| of_tensor(Tensor::cat(self.norms.clone(), 0)))
    }
}

/// Factor of the terms of a sum whose squares are larger than a 32-bit number, a power of 2. Terms that it
/// makes too small for their square are nothing beside the largest.
const DOWN: f64 = 1.0 / (1_u128 << 70) as f64;

/// Returns the norm over all elements of all gradients. `over` is called once or twice; its result is called
/// once per parameter, in the order of the model, and returns the terms, of which an element has one.
pub(crate) fn over<M: Module, U: Update, N: FnMut() -> U>(
    model: &M,
    gradients: &GradientsParams,
    over: impl Fn() -> N,
) -> Norm {
    let with_scale = |scale: f64| {
        let (next, seen, norm) = (over(), HashSet::new(), Norm::default());
        let mut visitor = Add { gradients, scale, next, seen, norm };
        model.visit(&mut visitor);
        visitor.norm
    };
    let norm = with_scale(1.0);
    match norm.squares {
        Some(f64::INFINITY) => {
            let squares = with_scale(DOWN).squares.map(|squares| squares / (DOWN * DOWN));
            Norm { squares, ..norm }
        }
        _ => norm,
    }
}

/// Returns the norm of a tensor. Its elements are scaled by the largest, since squares of numbers above
/// 1.8e19 are infinite in 32 bits.
pub(crate) fn of_tensor<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    if tensor.shape().num_elements() == 0 {
        return tensor.sum();
    }
    let largest = as_divisor(tensor.clone().abs().max());
    (tensor / largest.clone().reshape([1; D])).square().sum().sqrt() * largest
}

/// Returns the norm of each output of a matrix or kernel, in a shape that broadcasts; of a vector as a whole.
/// An output is a column of a matrix, else an index of the first dimension.
pub(crate) fn of_outputs<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if D < 2 || tensor.shape().num_elements() == 0 {
        return of_tensor(tensor).reshape([1; D]);
    }
    let largest = as_divisor(by_output(tensor.clone().abs(), Tensor::max_dim));
    by_output((tensor / largest.clone()).square(), Tensor::sum_dim).sqrt() * largest
}

/// Reduces every dimension but that of the outputs of a tensor of two or more dimensions.
pub(crate) fn by_output<const D: usize>(
    tensor: Tensor<D>,
    reduce: impl Fn(Tensor<D>, usize) -> Tensor<D>,
) -> Tensor<D> {
    match D {
        2 => reduce(tensor, 0),
        _ => (1..D).fold(tensor, reduce),
    }
}

/// Returns the number, bounded so that dividing 0 or infinity by it gives 0 or infinity.
fn as_divisor<const D: usize>(largest: Tensor<D>) -> Tensor<D> {
    largest.clamp(f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX))
}

/// A factor for gradients, on the host or on the device where it was computed.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one in a step")]
pub(crate) enum Factor {
    Host(f64),
    Device(Tensor<1>),
}

impl Factor {
    /// Returns `numerator / (norm + epsilon)`. Does not wait for a device.
    pub fn over_norm(numerator: f64, norm: &Norm, epsilon: f64) -> Self {
        match (norm.squares, norm.on_device()) {
            (None, Some(norm)) => Factor::Device(norm.add_scalar(epsilon).recip().mul_scalar(numerator)),
            _ => Factor::Host(numerator / (norm.value() + epsilon)),
        }
    }

    /// Multiplies the tensor by the factor.
    pub fn times<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Factor::Host(factor) => tensor.mul_scalar(*factor),
            Factor::Device(factor) => tensor * factor.clone().reshape([1; D]),
        }
    }
}

/// The squares of the terms of another sum, after scaling them.
#[derive(Debug, Clone, Copy)]
struct Squares<U> {
    of: U,
    scale: f64,
}

impl<U: Update> Update for Squares<U> {
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, grad: V, state: &mut [V]) -> V {
        self.of.term(sum, theta, grad, state).mul_scalar(self.scale).square()
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

struct Add<'a, N> {
    gradients: &'a GradientsParams,
    scale: f64,
    /// The closure that returns the terms of the next parameter.
    next: N,
    /// Ids already visited: a parameter that the model has under several paths counts once.
    seen: HashSet<ParamId>,
    norm: Norm,
}

impl<U: Update, N: FnMut() -> U> ModuleVisitor for Add<'_, N> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let of = (self.next)();
        let Some(grad) = self.gradients.get::<D>(param.id).filter(|_| self.seen.insert(param.id)) else {
            return;
        };
        let (theta, grad) = (in_32_bits_at_least(param.base().inner()), in_32_bits_at_least(grad));
        let buffers = [theta.clone(), grad.clone()].map(Buffer::new);
        let [of_theta, of_grad] = buffers;
        let mut operands = Operands { theta: of_theta, grad: of_grad, state: Vec::new() };
        if !operands.are_on_host() {
            self.norm.norms.push(of_tensor(of.term(0, theta, grad, &mut [])));
            return;
        }
        for sum in operands.sums(&Squares { of, scale: self.scale }) {
            if let Sum::Host(sum) = sum {
                self.norm.squares = Some(self.norm.squares.unwrap_or(0.0) + sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &Device::default())
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_norm_is_right_where_squares_are_infinite_or_zero() {
        for scale in [1.0_f32, 1e-37, 1e-20, 1e20, 5e37] {
            let norm = numbers(of_tensor(tensor(vec![3.0 * scale, 0.0, -4.0 * scale], [3])))[0];
            assert!((norm / (5.0 * scale) - 1.0).abs() < 1e-6, "{scale}: {norm}");
            let matrix = tensor(vec![3.0 * scale, 0.0, -4.0 * scale, 2.0], [2, 2]);
            let norms = numbers(of_outputs(matrix));
            assert!((norms[0] / (5.0 * scale) - 1.0).abs() < 1e-6 && norms[1] == 2.0, "{scale}: {norms:?}");
            let kernel = tensor(vec![3.0 * scale, -4.0 * scale, 0.0, 2.0], [2, 1, 2]);
            let norms = numbers(of_outputs(kernel));
            assert!((norms[0] / (5.0 * scale) - 1.0).abs() < 1e-6 && norms[1] == 2.0, "{scale}: {norms:?}");
        }
        assert_eq!(numbers(of_tensor(tensor(vec![0.0; 2], [2]))), [0.0]);
        assert_eq!(numbers(of_tensor(tensor(vec![], [0, 3]))), [0.0]);
        assert_eq!(numbers(of_tensor(tensor(vec![1.0, f32::INFINITY], [2]))), [f32::INFINITY]);
        assert!(numbers(of_tensor(tensor(vec![1.0, f32::NAN], [2])))[0].is_nan());
    }

    #[test]
    fn tensors_on_a_device_and_on_the_host_have_one_norm() {
        let norms = [3e20_f32, 4e20].map(|norm| tensor(vec![norm], [1])).to_vec();
        for (squares, expected) in [(None, 5e20), (Some(144e40), 13e20)] {
            let norm = Norm { squares, norms: norms.clone() };
            assert!((norm.value() / expected - 1.0).abs() < 1e-6);
            let factor = match Factor::over_norm(1e20, &norm, 1e-6) {
                Factor::Host(factor) => factor,
                Factor::Device(factor) => f64::from(factor.into_scalar::<f32>()),
            };
            assert!((factor * expected / 1e20 - 1.0).abs() < 1e-6, "{factor}");
        }
        assert_eq!(Norm::default().value(), 0.0);
    }
}
