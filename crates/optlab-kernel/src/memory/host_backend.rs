//! The backends whose tensors are in host memory, and their conversions from and to [`HostBuffer`]. This
//! file, `buffer.rs` and `device.rs` are the only ones that know which backends are compiled in.

#![cfg_attr(
    feature = "ndarray",
    expect(deprecated, reason = "Burn wants to drop `ndarray`; people ask for it all the same")
)]

use crate::memory::buffer::HostBuffer;
#[cfg(feature = "flex")]
use burn::backend::Flex;
#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, BackendTensor, DispatchTensor, DispatchTensorKind};
use burn::tensor::{DType, Tensor};

/// A backend that computes in host memory.
pub(crate) trait HostBackend: Backend {
    /// Returns the host buffer of a tensor of 32-bit floats.
    fn into_host(tensor: FloatTensor<Self>) -> HostBuffer;

    /// Returns the tensor of a host buffer.
    ///
    /// # Panics
    /// If the buffer belongs to another backend.
    fn from_host(buffer: HostBuffer) -> FloatTensor<Self>;

    /// Returns the tensor in the backend's own type.
    ///
    /// # Panics
    /// If the tensor belongs to another backend.
    fn of_kind(kind: DispatchTensorKind) -> BackendTensor<Self>;

    /// Returns the tensor as a variant of Burn's dispatch type.
    fn into_kind(tensor: BackendTensor<Self>) -> DispatchTensorKind;
}

macro_rules! host_backend {
    ($feature:literal, $backend:ident) => {
        #[cfg(feature = $feature)]
        impl HostBackend for $backend {
            fn into_host(tensor: FloatTensor<Self>) -> HostBuffer {
                HostBuffer::$backend(tensor)
            }

            #[allow(irrefutable_let_patterns, reason = "with one backend there is no other")]
            fn from_host(buffer: HostBuffer) -> FloatTensor<Self> {
                let HostBuffer::$backend(tensor) = buffer else {
                    unreachable!("what an operation returns is on the backend of its inputs")
                };
                tensor
            }

            fn of_kind(kind: DispatchTensorKind) -> BackendTensor<Self> {
                match kind {
                    DispatchTensorKind::$backend(tensor) => tensor,
                    other => panic!("one input is on {}, another on {other:?}", stringify!($backend)),
                }
            }

            fn into_kind(tensor: BackendTensor<Self>) -> DispatchTensorKind {
                DispatchTensorKind::$backend(tensor)
            }
        }
    };
}

host_backend!("flex", Flex);
host_backend!("ndarray", NdArray);

/// A job that is compiled for each backend of the host.
pub(crate) trait OnHost {
    type Output;

    fn run<B: HostBackend>(self) -> Self::Output;
}

/// A backend of the host.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Host {
    #[cfg(feature = "flex")]
    Flex,
    #[cfg(feature = "ndarray")]
    NdArray,
}

impl Host {
    /// Returns the backend of a tensor, if it is a backend of the host.
    pub fn of(tensor: &DispatchTensor) -> Option<Self> {
        match untracked(&tensor.kind) {
            #[cfg(feature = "flex")]
            DispatchTensorKind::Flex(_) => Some(Host::Flex),
            #[cfg(feature = "ndarray")]
            DispatchTensorKind::NdArray(_) => Some(Host::NdArray),
            #[allow(unreachable_patterns, reason = "there may be no other backend")]
            _ => None,
        }
    }

    /// Runs `job` on this backend.
    pub fn run<J: OnHost>(self, job: J) -> J::Output {
        match self {
            #[cfg(feature = "flex")]
            Host::Flex => job.run::<Flex>(),
            #[cfg(feature = "ndarray")]
            Host::NdArray => job.run::<NdArray>(),
        }
    }
}

/// Returns whether the layer operations accept `tensor`: at least one element, 32-bit floats, in host memory,
/// on `flex` or `ndarray`, tracked for gradients or not.
pub fn is_on_host<const D: usize>(tensor: &Tensor<D>) -> bool {
    let has_elements = tensor.shape().num_elements() > 0;
    has_elements && tensor.dtype() == DType::F32 && Host::of(&tensor.clone().into_dispatch()).is_some()
}

/// Returns the tensor inside the gradient tracking.
fn untracked(kind: &DispatchTensorKind) -> &DispatchTensorKind {
    match kind {
        DispatchTensorKind::Autodiff(kind) => untracked(kind),
        kind => kind,
    }
}
