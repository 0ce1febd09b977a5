//! MNIST: handwritten digits of 28 × 28 pixels (LeCun, Cortes, Burges, 1998), and a sixth of it that ships with the
//! program.

use super::bundled::bundled;
use super::{DataSet, Examples, Source, Targets, idx};
use crate::error::Error;
use std::path::Path;

const CLASSES: usize = 10;

/// The first 10,000 training images and the 10,000 official test images, from the program itself.
pub(super) fn load_10k() -> Result<DataSet, Error> {
    let part = |images: super::bundled::Bundled, labels: super::bundled::Bundled| {
        examples(
            (Path::new(images.path), &images.unpack()?),
            (Path::new(labels.path), &labels.unpack()?),
        )
    };
    Ok(DataSet {
        name: "mnist-10k",
        train: part(
            bundled!("mnist/train-10k-images-idx3-ubyte.gz"),
            bundled!("mnist/train-10k-labels-idx1-ubyte.gz"),
        )?,
        test: part(
            bundled!("mnist/t10k-images-idx3-ubyte.gz"),
            bundled!("mnist/t10k-labels-idx1-ubyte.gz"),
        )?,
        is_series: false,
    })
}

/// All 60,000 training images and the 10,000 test images.
pub(super) fn load_whole(_source: &Source) -> Result<DataSet, Error> {
    Err(Error::Download {
        data_set: "mnist",
        url: "https://storage.googleapis.com/cvdf-datasets/mnist/".into(),
        reason: "not yet possible".into(),
        alternative: "`mnist-10k`",
    })
}

/// Pairs an image file with its label file, each given as its path (for errors) and its content.
fn examples(images: (&Path, &[u8]), labels: (&Path, &[u8])) -> Result<Examples, Error> {
    let read = idx::images(images.0, images.1)?;
    if (read.height, read.width) != (28, 28) {
        return Err(Error::Data {
            path: images.0.into(),
            reason: format!(
                "holds images of {} × {} pixels, not 28 × 28",
                read.height, read.width
            ),
        });
    }
    let classes_of = idx::labels(labels.0, labels.1, CLASSES)?;
    let count = read.pixels.len() / (28 * 28);
    if classes_of.len() != count {
        return Err(Error::Data {
            path: labels.0.into(),
            reason: format!("holds {} labels for {count} images", classes_of.len()),
        });
    }
    Ok(Examples {
        inputs: read
            .pixels
            .iter()
            .map(|&pixel| f32::from(pixel) / 255.0)
            .collect(),
        input_shape: vec![1, 28, 28],
        targets: Targets::Classes {
            labels: classes_of.to_vec(),
            classes: CLASSES,
        },
    })
}
