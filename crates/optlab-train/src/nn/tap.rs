//! Taps: places in a model where intermediate results can be read, or a gradient be computed.
//!
//! A model passes a result through [`tap`] under a name. That costs nothing until somebody asks: [`record`]
//! returns all results of a forward pass, [`watch`] their largest values, [`with_leaf`] makes one of them a
//! leaf, so that its gradient is known after the backward pass. They hear the current thread alone.

use burn::backend::DispatchTensor;
use burn::tensor::Tensor;
use std::cell::RefCell;

/// A result inside a model.
#[derive(Debug, Clone)]
pub struct Activation {
    /// The name of the tap.
    pub name: String,
    /// The shape; the batch comes first.
    pub shape: Vec<usize>,
    /// The values `[batch, elements]`, row-major, without gradient tracking.
    pub values: Tensor<2>,
}

/// The largest value at a tap.
#[derive(Debug, Clone, PartialEq)]
pub struct Largest {
    /// The name of the tap.
    pub name: String,
    /// The largest absolute value; NaN or infinite if one of the values is.
    pub value: f64,
}

enum Listener {
    Recorder { recorded: Vec<Activation>, most_elements: usize },
    Watcher(Vec<Largest>),
    Leaf { name: String, rank: usize, found: Option<DispatchTensor> },
    Replacement { name: String, rank: usize, value: Option<DispatchTensor> },
}

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

/// Passes `tensor` through a tap called `name`.
pub fn tap<const D: usize>(name: &str, tensor: Tensor<D>) -> Tensor<D> {
    LISTENER.with_borrow_mut(|listener| match listener {
        None => tensor,
        Some(Listener::Recorder { recorded, most_elements }) => {
            let mut shape = tensor.dims().to_vec();
            let elements = shape.iter().skip(1).product::<usize>().max(1);
            shape[0] = shape[0].min((*most_elements / elements).max(1));
            let values = tensor.clone().inner().narrow(0, 0, shape[0]).reshape([shape[0], elements]);
            recorded.push(Activation { name: name.into(), shape, values });
            tensor
        }
        Some(Listener::Watcher(largest)) => {
            let value = tensor.clone().inner().abs().max().into_scalar::<f32>();
            // On some backends a maximum leaves out what is not a number, and a sum does not.
            let sum = tensor.clone().inner().sum().into_scalar::<f32>();
            let value = if sum.is_nan() && value.is_finite() { f32::NAN } else { value };
            largest.push(Largest { name: name.into(), value: value.into() });
            tensor
        }
        Some(Listener::Leaf { name: wanted, rank, found }) => {
            if name != wanted || D != *rank || found.is_some() {
                return tensor;
            }
            let leaf = tensor.detach().require_grad();
            *found = Some(leaf.clone().into_dispatch());
            leaf
        }
        Some(Listener::Replacement { name: wanted, rank, value }) => {
            if name != wanted || D != *rank {
                return tensor;
            }
            value.take().map_or(tensor, Tensor::from_dispatch)
        }
    })
}

/// Returns whether somebody listens on this thread.
pub(crate) fn is_heard() -> bool {
    LISTENER.with_borrow(Option::is_some)
}

/// Calls `forward` with a listener, and returns it with what it heard. The earlier listener is back
/// afterwards, also after a panic.
fn listen<R>(listener: Listener, forward: impl FnOnce() -> R) -> (R, Option<Listener>) {
    struct Restore(Option<Listener>);
    impl Drop for Restore {
        fn drop(&mut self) {
            LISTENER.set(self.0.take());
        }
    }
    let restore = Restore(LISTENER.replace(Some(listener)));
    let result = forward();
    let heard = LISTENER.take();
    drop(restore);
    (result, heard)
}

/// Calls `forward`, and returns its result and the activations of all taps, in the order of the pass.
pub fn record<R>(forward: impl FnOnce() -> R) -> (R, Vec<Activation>) {
    record_first(usize::MAX, forward)
}

/// Calls `forward` as [`record`] does, and returns the activations of the batch's first examples alone: of as
/// many as have `most_elements` values at a tap, at least one.
pub fn record_first<R>(most_elements: usize, forward: impl FnOnce() -> R) -> (R, Vec<Activation>) {
    match listen(Listener::Recorder { recorded: Vec::new(), most_elements }, forward) {
        (result, Some(Listener::Recorder { recorded, .. })) => (result, recorded),
        (result, _) => (result, Vec::new()),
    }
}

/// Calls `forward`, and returns its result and the largest value at each tap, in the order of the pass.
pub fn watch<R>(forward: impl FnOnce() -> R) -> (R, Vec<Largest>) {
    match listen(Listener::Watcher(Vec::new()), forward) {
        (result, Some(Listener::Watcher(largest))) => (result, largest),
        (result, _) => (result, Vec::new()),
    }
}

/// Calls `forward` with the result at the tap called `name`, of rank `D`, cut off from what computed it. It
/// returns the result of `forward` and that tensor, whose gradient a backward pass keeps:
/// [`grad`](Tensor::grad). `None` if no tensor of that rank passed the tap.
pub fn with_leaf<const D: usize, R>(name: &str, forward: impl FnOnce() -> R) -> (R, Option<Tensor<D>>) {
    match listen(Listener::Leaf { name: name.into(), rank: D, found: None }, forward) {
        (result, Some(Listener::Leaf { found, .. })) => (result, found.map(Tensor::from_dispatch)),
        (result, _) => (result, None),
    }
}

/// Calls `forward` with `value` in place of the result at the first tap called `name` of its rank. It returns
/// the result of `forward`, and whether a tensor passed that tap.
///
/// # Panics
/// Later layers may panic if `value` has not the shape of the result.
pub fn with_replacement<const D: usize, R>(
    name: &str,
    value: Tensor<D>,
    forward: impl FnOnce() -> R,
) -> (R, bool) {
    let value = Some(value.into_dispatch());
    match listen(Listener::Replacement { name: name.into(), rank: D, value }, forward) {
        (result, Some(Listener::Replacement { value, .. })) => (result, value.is_none()),
        (result, _) => (result, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    /// y = 3 a with a = x², summed.
    fn forward(x: &Tensor<2>) -> Tensor<1> {
        tap("output", tap("square", x.clone() * x.clone()).mul_scalar(3.0)).sum()
    }

    fn x() -> Tensor<2> {
        Tensor::from_data([[1.0, 2.0], [3.0, 4.0]], &Device::default().autodiff())
    }

    #[test]
    fn a_recording_has_every_tap_in_order_and_changes_nothing() {
        let x = x().require_grad();
        let (sum, recorded) = record(|| forward(&x));
        assert_eq!(sum.clone().into_scalar::<f32>(), 90.0);
        let names: Vec<&str> = recorded.iter().map(|activation| activation.name.as_str()).collect();
        assert_eq!(names, ["square", "output"]);
        assert_eq!(recorded[0].shape, [2, 2]);
        assert_eq!(recorded[0].values.to_data().iter::<f32>().collect::<Vec<_>>(), [1.0, 4.0, 9.0, 16.0]);
        let gradient = x.grad(&sum.backward()).unwrap().into_data();
        gradient.assert_approx_eq::<f32>(&[[6.0, 12.0], [18.0, 24.0]].into(), Tolerance::default());
    }

    #[test]
    fn of_a_large_activation_the_first_examples_are_recorded() {
        let (_, recorded) = record_first(3, || forward(&x()));
        assert_eq!(recorded[0].shape, [1, 2]);
        assert_eq!(recorded[0].values.to_data().iter::<f32>().collect::<Vec<_>>(), [1.0, 4.0]);
        assert_eq!(record_first(0, || forward(&x())).1[0].shape, [1, 2]);
    }

    #[test]
    fn a_watched_tap_has_its_largest_value_and_a_nan_shows() {
        let largest = |x: Tensor<2>| -> Vec<f64> {
            watch(|| forward(&x)).1.into_iter().map(|largest| largest.value).collect()
        };
        assert_eq!(largest(x() - 4.0), [9.0, 27.0]);
        let device = Device::default().autodiff();
        assert!(largest(Tensor::from_data([[1.0, f32::NAN]], &device))[0].is_nan());
        assert!(largest(Tensor::from_data([[f32::NAN, 1.0]], &device))[0].is_nan());
        assert_eq!(largest(Tensor::from_data([[1e30, 1.0]], &device))[0], f64::INFINITY);
    }

    #[test]
    fn the_gradient_at_a_tap_is_known_after_the_backward_pass() {
        let (sum, leaf) = with_leaf::<2, _>("square", || forward(&x()));
        let gradient = leaf.unwrap().grad(&sum.backward()).unwrap();
        assert_eq!(gradient.into_data().iter::<f32>().collect::<Vec<_>>(), [3.0; 4]);
        assert!(with_leaf::<2, _>("misspelt", || forward(&x())).1.is_none());
        assert!(with_leaf::<4, _>("square", || forward(&x())).1.is_none());
    }

    #[test]
    fn a_replaced_result_is_what_later_layers_read_and_gradients_reach_it() {
        let x = x().require_grad();
        let (sum, was_replaced) = with_replacement("square", x.clone(), || forward(&x.clone().detach()));
        assert!(was_replaced);
        assert_eq!(sum.clone().into_scalar::<f32>(), 30.0);
        let gradient = x.grad(&sum.backward()).unwrap();
        assert_eq!(gradient.into_data().iter::<f32>().collect::<Vec<_>>(), [3.0; 4]);
        let (sum, was_replaced) = with_replacement("misspelt", x.clone(), || forward(&x));
        assert_eq!((sum.into_scalar::<f32>(), was_replaced), (90.0, false));
    }

    #[test]
    fn nobody_listens_after_a_pass_that_panicked() {
        let panicked = std::panic::catch_unwind(|| record(|| panic!("in the model")));
        assert!(panicked.is_err());
        assert!(LISTENER.with_borrow(Option::is_none));
    }
}
