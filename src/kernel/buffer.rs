//! Tensors whose numbers can be reached, and those whose numbers cannot. This file, `host_backend.rs` and `device.rs` are
//! the only ones that know which backends are compiled in.

#![cfg_attr(
    feature = "ndarray",
    expect(deprecated, reason = "Burn wants to drop `ndarray`; people ask for it all the same")
)]

use super::rank::with_rank;
use super::recycle::take;
use super::source::{PIECE, Source};
use super::strided::Strided;
use burn::backend::DispatchTensor;
#[cfg(feature = "flex")]
use burn::backend::flex::{FlexTensor, Layout};
#[cfg(feature = "ndarray")]
use burn::backend::ndarray::NdArrayTensor;
#[cfg(any(feature = "flex", feature = "ndarray"))]
use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensorKind};
#[cfg(feature = "flex")]
use burn::tensor::DType;
use burn::tensor::{Device, Tensor, TensorData};
#[cfg(feature = "ndarray")]
use ndarray::ArrayD;
use rayon::prelude::*;

/// Of a tensor that is not tracked for gradients.
#[cfg(any(feature = "flex", feature = "ndarray"))]
const UNTRACKED: DispatchAutodiffContext = DispatchAutodiffContext::Disabled;

/// The storage of an `ndarray` tensor, the type of which has no public name.
#[cfg(feature = "ndarray")]
macro_rules! floats {
    ($tensor:expr) => {
        match $tensor {
            NdArrayTensor::F32(storage) => storage,
            _ => unreachable!("a host buffer holds 32-bit floats"),
        }
    };
}

/// A tensor of any rank that is not tracked for gradients.
#[derive(Debug, Clone)]
pub enum Buffer {
    /// In the memory of the host, as 32-bit floats.
    Host(HostBuffer),
    /// Anything else: on a GPU, or of another element type.
    Device(DispatchTensor),
}

/// The 32-bit floats of a tensor in the memory of the host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostBuffer {
    /// Of Burn's `flex` backend.
    #[cfg(feature = "flex")]
    Flex(FlexTensor),
    /// Of Burn's `ndarray` backend.
    #[cfg(feature = "ndarray")]
    NdArray(NdArrayTensor),
}

impl Buffer {
    /// Takes a tensor. It shares its memory with whatever else holds the tensor.
    pub fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        let DispatchTensor { kind, autodiff } = tensor.into_dispatch();
        match kind {
            #[cfg(feature = "flex")]
            DispatchTensorKind::Flex(BackendTensor::Float(tensor))
                if tensor.dtype() == DType::F32 && autodiff == UNTRACKED =>
            {
                Buffer::Host(HostBuffer::Flex(tensor))
            }
            #[cfg(feature = "ndarray")]
            DispatchTensorKind::NdArray(BackendTensor::Float(tensor @ NdArrayTensor::F32(_)))
                if autodiff == UNTRACKED =>
            {
                Buffer::Host(HostBuffer::NdArray(tensor))
            }
            kind => Buffer::Device(DispatchTensor { kind, autodiff }),
        }
    }

    /// Its elements.
    pub fn len(&self) -> usize {
        match self {
            Buffer::Host(buffer) => buffer.len(),
            Buffer::Device(_) => self.shape().iter().product(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tensor again, of the rank that it had.
    pub fn into_tensor<const D: usize>(self) -> Tensor<D> {
        match self {
            Buffer::Host(buffer) => Tensor::from_dispatch(buffer.into_dispatch()),
            Buffer::Device(tensor) => Tensor::from_dispatch(tensor),
        }
    }

    /// Reads a tensor of any rank up to 8 onto `device`.
    pub fn from_data(data: TensorData, device: &Device) -> Self {
        with_rank!(data.rank(), D => Buffer::new(Tensor::<D>::from_data(data, device)))
    }

    /// Zeros of that shape, where `like` is and of its element type.
    pub fn zeros<const D: usize>(shape: &[usize], like: &Tensor<D>) -> Self {
        let options = (&like.device(), like.dtype());
        with_rank!(shape.len(), K => Buffer::new(Tensor::<K>::zeros(shape, options)))
    }

    /// Its shape.
    pub fn shape(&self) -> Vec<usize> {
        // Burn reads the shape from the data, whatever rank the type says.
        self.clone().into_tensor::<1>().shape().to_vec()
    }

    /// Its elements and shape.
    pub fn into_data(self) -> TensorData {
        // Burn reads the shape from the data, whatever rank the type says.
        self.into_tensor::<1>().into_data()
    }

    /// A tensor of no elements on the same backend, to stand where this one was taken from.
    pub fn nothing<const D: usize>(&self) -> Tensor<D> {
        match self {
            Buffer::Host(buffer) => Tensor::from_dispatch(buffer.nothing::<D>().into_dispatch()),
            Buffer::Device(tensor) => {
                let device = Tensor::<D>::from_dispatch(tensor.clone()).device();
                Tensor::empty([0; D], &device)
            }
        }
    }

    /// The buffer on `device`.
    pub fn to_device(self, device: &Device) -> Self {
        with_rank!(self.shape().len(), D => {
            let tensor = self.into_tensor::<D>();
            Buffer::new(if tensor.device() == *device { tensor } else { tensor.to_device(device) })
        })
    }
}

impl HostBuffer {
    fn into_dispatch(self) -> DispatchTensor {
        match self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(tensor) => dispatch(DispatchTensorKind::Flex(BackendTensor::Float(tensor))),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(tensor) => {
                dispatch(DispatchTensorKind::NdArray(BackendTensor::Float(tensor)))
            }
        }
    }

    fn nothing<const D: usize>(&self) -> Self {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(_) => HostBuffer::Flex(FlexTensor::empty([0; D].into(), DType::F32)),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(_) => {
                let data = TensorData::new(Vec::<f32>::new(), [0; D]);
                HostBuffer::NdArray(NdArrayTensor::from_data(data))
            }
        }
    }

    /// A tensor of that shape on the backend of this one.
    ///
    /// # Panics
    /// If the shape has another number of elements.
    pub(super) fn with_elements(&self, elements: Vec<f32>, shape: &[usize]) -> Self {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(_) => HostBuffer::Flex(FlexTensor::from_data(TensorData::new(elements, shape))),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(_) => {
                let array = ArrayD::from_shape_vec(shape, elements);
                HostBuffer::NdArray(array.expect("as many elements as the shape has").into_shared().into())
            }
        }
    }

    /// Its shape.
    pub(super) fn shape(&self) -> Vec<usize> {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref tensor) => tensor.layout().shape().to_vec(),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref tensor) => floats!(tensor).shape().to_vec(),
        }
    }

    /// Its shape, of that rank.
    ///
    /// # Panics
    /// If it has another rank.
    pub(super) fn dims<const D: usize>(&self) -> [usize; D] {
        self.shape().try_into().unwrap_or_else(|shape| panic!("a tensor of rank {D}, not of shape {shape:?}"))
    }

    /// The same memory with its axes in another order.
    pub(super) fn permute(self, axes: &[usize]) -> Self {
        match self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(tensor) => {
                let layout = tensor.layout().permute(axes);
                HostBuffer::Flex(tensor.with_layout(layout))
            }
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(tensor) => {
                HostBuffer::NdArray(floats!(tensor).into_shared().permuted_axes(axes).into())
            }
        }
    }

    /// The same elements, row-major in memory: copied if they are not.
    pub(super) fn into_contiguous(self) -> Self {
        let copy = self.with_source(|source| match source {
            Source::Slice(_) => None,
            Source::View { view, .. } => {
                let mut copy = take(self.len());
                let pieces = copy.par_chunks_mut(PIECE).enumerate();
                pieces.for_each(|(piece, copy)| view.read(piece * PIECE, copy));
                Some(copy)
            }
        });
        match copy {
            Some(copy) => self.with_elements(copy, &self.shape()),
            None => self,
        }
    }

    /// The memory itself, unless it is shared or other memory than a vector's.
    pub(super) fn into_vec(self) -> Option<Vec<f32>> {
        match self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(tensor) => {
                // Of a permuted tensor too: the shape is of no interest.
                let elements = size_of_val(tensor.bytes()) / size_of::<f32>();
                let whole =
                    tensor.is_unique().then(|| tensor.with_layout(Layout::contiguous([elements].into())));
                whole?.into_data().into_parts().0.try_into_vec().ok()
            }
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(tensor) => match floats!(tensor) {
                storage if storage.is_unique() => {
                    let array = storage.into_owned().try_into_owned_nocopy().ok()?;
                    Some(array.into_raw_vec_and_offset().0)
                }
                _ => None,
            },
        }
    }

    /// All elements, row-major, to write to in place, unless they are shared or lie in another order.
    pub(super) fn slice_mut_in_place(&mut self) -> Option<&mut [f32]> {
        let is_free = match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref tensor) => tensor.is_unique() && is_whole(tensor),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref tensor) => {
                let storage = floats!(tensor);
                storage.is_unique() && storage.view().is_standard_layout()
            }
        };
        is_free.then(|| self.slice_mut())
    }

    /// Elements of the tensor.
    pub(super) fn len(&self) -> usize {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref tensor) => tensor.layout().num_elements(),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref tensor) => floats!(tensor).len(),
        }
    }

    /// All elements, row-major, to write to. What is shared, or lies in another order, is copied first.
    pub(super) fn slice_mut(&mut self) -> &mut [f32] {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref mut tensor) => {
                if !is_whole(tensor) {
                    *tensor = tensor.to_contiguous();
                }
                tensor.storage_mut::<f32>()
            }
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref mut tensor) => {
                let array = floats!(tensor).ensure_owned();
                if !array.is_standard_layout() {
                    *array = array.as_standard_layout().into_owned().into_shared();
                }
                array.as_slice_mut().expect("an array in its standard layout is a slice")
            }
        }
    }

    /// Calls `with` for all elements, row-major, which are copied if they lie in another order.
    pub(super) fn with_slice<T>(&self, with: impl FnOnce(&[f32]) -> T) -> T {
        self.with_source(|source| match source {
            Source::Slice(slice) => with(slice),
            Source::View { view, .. } => {
                let mut copy = vec![0.0; self.len()];
                view.read(0, &mut copy);
                with(&copy)
            }
        })
    }

    /// [`with_slice`](Self::with_slice) of a buffer that there may be.
    pub(super) fn with_optional_slice<T>(buffer: Option<&Self>, with: impl FnOnce(Option<&[f32]>) -> T) -> T {
        match buffer {
            Some(buffer) => buffer.with_slice(|slice| with(Some(slice))),
            None => with(None),
        }
    }

    /// Calls `with` for the elements, row-major, however they lie in memory.
    pub(super) fn with_source<T>(&self, with: impl FnOnce(Source<'_>) -> T) -> T {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref tensor) => {
                let (layout, storage) = (tensor.layout(), tensor.storage::<f32>());
                match layout.contiguous_offsets() {
                    Some((start, end)) => with(Source::Slice(&storage[start..end])),
                    None => {
                        let view =
                            Strided::new(storage, layout.shape(), layout.strides(), layout.start_offset());
                        with(Source::View { view: &view, start: 0 })
                    }
                }
            }
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref tensor) => {
                let array = floats!(tensor).view();
                if let Some(slice) = array.as_slice() {
                    return with(Source::Slice(slice));
                }
                match array.as_slice_memory_order() {
                    Some(slice) if array.strides().iter().all(|&stride| stride >= 0) => {
                        let view = Strided::new(slice, array.shape(), array.strides(), 0);
                        with(Source::View { view: &view, start: 0 })
                    }
                    _ => with(Source::Slice(&array.iter().copied().collect::<Vec<_>>())),
                }
            }
        }
    }
}

/// Whether the tensor is all of its memory, row-major.
#[cfg(feature = "flex")]
fn is_whole(tensor: &FlexTensor) -> bool {
    let layout = tensor.layout();
    layout.is_contiguous()
        && layout.start_offset() == 0
        && size_of_val(tensor.bytes()) == size_of::<f32>() * layout.num_elements()
}

#[cfg(any(feature = "flex", feature = "ndarray"))]
fn dispatch(kind: DispatchTensorKind) -> DispatchTensor {
    DispatchTensor { kind, autodiff: UNTRACKED }
}
