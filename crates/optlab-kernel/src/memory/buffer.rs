//! Tensors as [`Buffer`]s: elements in host memory are accessible as slices, all others only as tensors. This
//! file, `host_backend.rs` and `device.rs` are the only ones that know which backends are compiled in.

#![cfg_attr(
    feature = "ndarray",
    expect(deprecated, reason = "Burn wants to drop `ndarray`; people ask for it all the same")
)]

use crate::memory::compact::CompactBuffer;
use crate::memory::pool;
use crate::memory::source::{PIECE, Source};
use crate::memory::strided::Strided;
use crate::with_rank;
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

/// The autodiff context of a tensor that is not tracked for gradients.
#[cfg(any(feature = "flex", feature = "ndarray"))]
const UNTRACKED: DispatchAutodiffContext = DispatchAutodiffContext::Disabled;

/// Returns the storage of an `ndarray` tensor, whose type has no public name.
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
    /// In host memory, as 32-bit floats.
    Host(HostBuffer),
    /// Any other tensor: on a GPU, or of another element type.
    Device(DispatchTensor),
    /// Numbers in fewer than 32 bits in host memory, whatever the device of the parameter.
    Compact(CompactBuffer),
}

/// The 32-bit floats of a tensor in host memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostBuffer {
    /// A tensor of Burn's `flex` backend.
    #[cfg(feature = "flex")]
    Flex(FlexTensor),
    /// A tensor of Burn's `ndarray` backend.
    #[cfg(feature = "ndarray")]
    NdArray(NdArrayTensor),
}

impl Buffer {
    /// Wraps a tensor, whose memory stays shared with its other holders.
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

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        match self {
            Buffer::Host(buffer) => buffer.len(),
            Buffer::Device(_) => self.shape().iter().product(),
            Buffer::Compact(buffer) => buffer.len(),
        }
    }

    /// Returns whether the buffer has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the tensor; `D` must be its original rank.
    ///
    /// # Panics
    /// If the buffer is compact: decode it first.
    pub fn into_tensor<const D: usize>(self) -> Tensor<D> {
        match self {
            Buffer::Host(buffer) => Tensor::from_dispatch(buffer.into_dispatch()),
            Buffer::Device(tensor) => Tensor::from_dispatch(tensor),
            Buffer::Compact(_) => panic!("a compact buffer is no tensor"),
        }
    }

    /// Copies a tensor of any rank up to 8 onto `device`.
    pub fn from_data(data: TensorData, device: &Device) -> Self {
        with_rank!(data.rank(), D => Buffer::new(Tensor::<D>::from_data(data, device)))
    }

    /// Returns zeros of that shape, on the device and with the element type of `like`.
    pub fn zeros<const D: usize>(shape: &[usize], like: &Tensor<D>) -> Self {
        let options = (&like.device(), like.dtype());
        with_rank!(shape.len(), K => Buffer::new(Tensor::<K>::zeros(shape, options)))
    }

    /// Returns the shape.
    pub fn shape(&self) -> Vec<usize> {
        if let Buffer::Compact(compact) = self {
            return compact.shape().to_vec();
        }
        // Burn reads the shape from the data, whatever rank the type has.
        self.clone().into_tensor::<1>().shape().to_vec()
    }

    /// Returns the elements and the shape.
    ///
    /// # Panics
    /// If the buffer is compact.
    pub fn into_data(self) -> TensorData {
        // Burn reads the shape from the data, whatever rank the type has.
        self.into_tensor::<1>().into_data()
    }

    /// Returns a tensor without elements on the same backend, to replace a tensor that was taken out.
    pub fn nothing<const D: usize>(&self) -> Tensor<D> {
        match self {
            Buffer::Host(buffer) => Tensor::from_dispatch(buffer.nothing::<D>().into_dispatch()),
            Buffer::Device(tensor) => {
                let device = Tensor::<D>::from_dispatch(tensor.clone()).device();
                Tensor::empty([0; D], &device)
            }
            Buffer::Compact(_) => panic!("a compact buffer is no tensor"),
        }
    }

    /// Moves the buffer to `device`; a compact one stays in host memory.
    pub fn to_device(self, device: &Device) -> Self {
        if matches!(self, Buffer::Compact(_)) {
            return self;
        }
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

    /// Returns a tensor of that shape on the same backend.
    ///
    /// # Panics
    /// If `elements` has another length than the shape.
    pub(crate) fn with_elements(&self, elements: Vec<f32>, shape: &[usize]) -> Self {
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

    /// Returns the shape.
    pub(crate) fn shape(&self) -> Vec<usize> {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref tensor) => tensor.layout().shape().to_vec(),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref tensor) => floats!(tensor).shape().to_vec(),
        }
    }

    /// Returns the shape as an array of `D` sizes.
    ///
    /// # Panics
    /// If the rank is not `D`.
    pub(crate) fn dims<const D: usize>(&self) -> [usize; D] {
        self.shape().try_into().unwrap_or_else(|shape| panic!("a tensor of rank {D}, not of shape {shape:?}"))
    }

    /// Returns the same memory with its axes in another order.
    pub(crate) fn permute(self, axes: &[usize]) -> Self {
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

    /// Returns the same elements, row-major in memory: copied unless they already are.
    pub(crate) fn into_contiguous(self) -> Self {
        let copy = self.with_source(|source| match source {
            Source::Slice(_) => None,
            Source::View { view, .. } => {
                let mut copy = pool::take(self.len());
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

    /// Returns the memory itself, or `None` if it is shared or was not allocated as a vector.
    fn into_vec(self) -> Option<Vec<f32>> {
        match self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(tensor) => {
                // This includes permuted tensors: the caller does not use the shape.
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

    /// Puts the memory into the pool of large buffers unless it is shared.
    pub(crate) fn recycle(self) {
        if self.len() >= pool::SMALLEST
            && let Some(buffer) = self.into_vec()
        {
            pool::put(buffer);
        }
    }

    /// Returns all elements, row-major, to be modified in place; `None` if they are shared or in another
    /// order.
    pub(crate) fn slice_mut_in_place(&mut self) -> Option<&mut [f32]> {
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

    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        match *self {
            #[cfg(feature = "flex")]
            HostBuffer::Flex(ref tensor) => tensor.layout().num_elements(),
            #[cfg(feature = "ndarray")]
            HostBuffer::NdArray(ref tensor) => floats!(tensor).len(),
        }
    }

    /// Returns all elements, row-major, to be modified. They are copied first if they are shared or in
    /// another order.
    pub(crate) fn slice_mut(&mut self) -> &mut [f32] {
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

    /// Calls `with` with all elements, row-major, copied if they are in another order.
    pub(crate) fn with_slice<T>(&self, with: impl FnOnce(&[f32]) -> T) -> T {
        self.with_source(|source| match source {
            Source::Slice(slice) => with(slice),
            Source::View { view, .. } => {
                let mut copy = vec![0.0; self.len()];
                view.read(0, &mut copy);
                with(&copy)
            }
        })
    }

    /// Does the same as [`with_slice`](Self::with_slice) for an optional buffer.
    pub(crate) fn with_optional_slice<T>(buffer: Option<&Self>, with: impl FnOnce(Option<&[f32]>) -> T) -> T {
        match buffer {
            Some(buffer) => buffer.with_slice(|slice| with(Some(slice))),
            None => with(None),
        }
    }

    /// Calls `with` with the elements, row-major, whatever their order in memory.
    pub(crate) fn with_source<T>(&self, with: impl FnOnce(Source<'_>) -> T) -> T {
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

/// Returns whether the tensor covers all of its memory, row-major.
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
