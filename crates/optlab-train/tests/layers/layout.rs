use burn::tensor::{DType, Device, Tensor, TensorData};
use proptest::prelude::*;

/// The memory layout of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    RowMajor,
    /// Axes in the opposite order.
    Reversed,
    /// Stored from the end to the beginning, along the first axis.
    Flipped,
    /// A part of a larger tensor, along the last axis.
    Narrowed,
}

pub fn layouts() -> impl Strategy<Value = Layout> {
    prop_oneof![Just(Layout::RowMajor), Just(Layout::Reversed), Just(Layout::Flipped), Just(Layout::Narrowed)]
}

/// Returns numbers in [−1, 1) from a fixed formula; no two within a few thousand are equal.
pub fn numbers(len: usize, seed: u32) -> Vec<f64> {
    // Multiples of the golden ratio, modulo 1, are spread evenly.
    let golden = 0.618_033_988_749_895;
    (0..len).map(|i| ((i as f64 + 1.0 + 1000.0 * f64::from(seed)) * golden).fract() * 2.0 - 1.0).collect()
}

/// Returns a tensor of these numbers with the memory layout `layout`.
pub fn tensor<const D: usize>(
    numbers: &[f64],
    shape: [usize; D],
    layout: Layout,
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    let whole = Tensor::<D>::from_data(TensorData::new(numbers.to_vec(), shape), (device, dtype));
    match layout {
        Layout::RowMajor => whole,
        Layout::Reversed => {
            let axes: [isize; D] = std::array::from_fn(|axis| (D - 1 - axis) as isize);
            Tensor::<D>::from_data(whole.permute(axes).into_data(), (device, dtype)).permute(axes)
        }
        Layout::Flipped => Tensor::<D>::from_data(whole.flip([0]).into_data(), (device, dtype)).flip([0]),
        Layout::Narrowed => {
            let around = Tensor::cat(vec![whole.clone(), whole.clone(), whole], D - 1);
            Tensor::<D>::from_data(around.into_data(), (device, dtype)).narrow(
                D - 1,
                shape[D - 1],
                shape[D - 1],
            )
        }
    }
}
