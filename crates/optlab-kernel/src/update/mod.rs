//! The step of an optimizer: one definition, run in one pass over buffers or as a formula of tensors.

mod loops;
mod operands;
mod pass;
mod value;

pub use operands::{Operands, Sum, in_one_region};
pub use value::Value;

/// One step of an element-wise rule: the coefficients, computed in 64 bits, and how they change an element.
///
/// The functions are written once, for any [`Value`]. For `f32` they run inside a loop over the buffers; for
/// a tensor they are the formula that the backend computes. So they must depend on their arguments only, and
/// a condition may depend on the coefficients but not on a value: use [`Value::if_positive`] and similar
/// methods instead.
///
/// # Example
/// ```
/// use optlab_kernel::{Update, Value};
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
    /// The number of sums over the elements of the tensor that [`update`](Self::update) needs; at most
    /// [`MAX_SUMS`].
    const SUMS: usize = 0;

    /// The fewest and the most buffers that the rule can have. No other number is compiled, so a narrow range
    /// saves compile time.
    const BUFFERS: (usize, usize) = (0, MAX_BUFFERS);

    /// Returns an element's contribution to the sum `index`. Changes to `state` are discarded.
    fn term<V: Value>(&self, index: usize, _theta: V, _grad: V, _state: &mut [V]) -> V {
        unreachable!("sum {index} of a rule that has {}", Self::SUMS)
    }

    /// Returns the new parameter and replaces the rule's buffers in `state`. Each of `sums` is the same for
    /// all elements of the tensor.
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V;
}

/// The most sums that an [`Update`] can ask for.
pub const MAX_SUMS: usize = 4;

/// The most buffers that a parameter can have besides itself and its gradient.
pub const MAX_BUFFERS: usize = 6;
