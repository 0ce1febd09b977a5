//! The step of an optimizer: one definition, run in one pass over buffers or as a formula of tensors.

mod operands;
mod pass;
mod value;

pub use operands::{Operands, Sum, in_one_region};
pub use value::Value;

/// One step of an element-wise rule: coefficients, computed in 64 bits, and what they make of an element.
///
/// The functions are written once, for any [`Value`]. For `f32` they run inside a loop over the buffers; for a tensor they
/// are the formula that the backend computes. So they must not look at anything but their arguments, and a condition may
/// depend on the coefficients but not on a value, for which there are [`Value::if_positive`] and the like.
///
/// # Example
/// ```
/// use optlab::kernel::{Update, Value};
///
/// /// Gradient descent with momentum: `b ← μ b + g`, `θ ← θ − η b`.
/// #[derive(Clone, Copy)]
/// struct Descent {
///     lr: f64,
///     momentum: f64,
/// }
///
/// impl Update for Descent {
///     fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
///         let [velocity] = state else { unreachable!("one buffer") };
///         *velocity = velocity.clone().mul_scalar(self.momentum) + grad;
///         theta - velocity.clone().mul_scalar(self.lr)
///     }
/// }
///
/// let mut velocity = [2.0_f64];
/// let theta = Descent { lr: 0.1, momentum: 0.5 }.update(1.0, 3.0, &mut velocity, &[]);
/// assert_eq!((theta, velocity), (0.6, [4.0]));
/// ```
pub trait Update: Copy + Send + Sync {
    /// How many sums over the elements of the tensor [`update`](Self::update) needs to know; at most [`MAX_SUMS`].
    const SUMS: usize = 0;

    /// The fewest and the most buffers that it can have. For other numbers nothing is compiled, which saves time where an
    /// update says so.
    const BUFFERS: (usize, usize) = (0, MAX_BUFFERS);

    /// What an element adds to the sum of that index. What it does to `state` is forgotten.
    fn term<V: Value>(&self, index: usize, _theta: V, _grad: V, _state: &mut [V]) -> V {
        unreachable!("sum {index} of a rule that has {}", Self::SUMS)
    }

    /// The new parameter, from the old one, its gradient, the rule's buffers in their order, which are replaced, and the
    /// sums, each of which is the same for all elements of the tensor.
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V;
}

/// The most sums that an [`Update`] can ask for.
pub const MAX_SUMS: usize = 4;

/// The most buffers that a parameter can have beside itself and its gradient.
pub const MAX_BUFFERS: usize = 6;
