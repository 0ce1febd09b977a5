//! MNIST: handwritten digits of 28 × 28 pixels (LeCun, Cortes, Burges, 1998), the whole set or the part that
//! ships with the program.

use crate::Error;
use crate::data::bundled::{Bundled, LARGEST, bundled, unpack};
use crate::data::download::{Packing, RemoteFile};
use crate::data::{DataSet, Examples, Source, Targets, idx};
use optlab_core::bounded_file;
use std::path::{Path, PathBuf};

const CLASSES: usize = 10;

/// Loads the first 10,000 training images and the 10,000 official test images, which ship with the program.
pub(super) fn load_10k() -> Result<DataSet, Error> {
    let part = |images: Bundled, labels: Bundled| {
        examples((Path::new(images.path), &images.unpack()?), (Path::new(labels.path), &labels.unpack()?))
    };
    Ok(DataSet {
        name: "mnist-10k".into(),
        train: part(
            bundled!("mnist/train-10k-images-idx3-ubyte.gz"),
            bundled!("mnist/train-10k-labels-idx1-ubyte.gz"),
        )?,
        test: part(bundled!("mnist/t10k-images-idx3-ubyte.gz"), bundled!("mnist/t10k-labels-idx1-ubyte.gz"))?,
        is_series: false,
    })
}

/// Loads all 60,000 training images and the 10,000 test images; [`load`](crate::data::load) says where they
/// come from.
pub(super) fn load_whole(source: &Source) -> Result<DataSet, Error> {
    let [train_images, train_labels, test_images, test_labels] = &FILES;
    let part = |images, labels| match &source.data_dir {
        Some(folder) => from_folder(folder, images, labels),
        None => from_cache(images, labels, source.show_progress),
    };
    Ok(DataSet {
        name: "mnist".into(),
        train: part(train_images, train_labels)?,
        test: part(test_images, test_labels)?,
        is_series: false,
    })
}

const fn file(name: &'static str, sha256: &'static str) -> RemoteFile {
    RemoteFile {
        data_set: "mnist",
        name,
        remote: name,
        packing: Packing::Gzip,
        sha256,
        alternative: "`mnist-10k`, which ships with the program, or name a folder that has MNIST's four files with \
                      `--data-dir`",
    }
}

const FILES: [RemoteFile; 4] = [
    file("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    file("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    file("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    file("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
];

const MIRRORS: [&str; 2] =
    ["https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"];

/// Environment variable with a base address that replaces the mirrors.
const URL_VARIABLE: &str = "OPTLAB_MNIST_URL";

fn from_cache(images: &RemoteFile, labels: &RemoteFile, show_progress: bool) -> Result<Examples, Error> {
    let mirrors = match std::env::var(URL_VARIABLE) {
        Ok(url) => vec![url],
        Err(_) => MIRRORS.map(String::from).to_vec(),
    };
    let content = |file: &RemoteFile| file.load_from_cache(&mirrors, show_progress);
    examples((Path::new(images.name), &content(images)?), (Path::new(labels.name), &content(labels)?))
}

fn from_folder(folder: &Path, images: &RemoteFile, labels: &RemoteFile) -> Result<Examples, Error> {
    let (images_path, images_content) = read(folder, images.name)?;
    let (labels_path, labels_content) = read(folder, labels.name)?;
    let examples = examples((&images_path, &images_content), (&labels_path, &labels_content))?;
    // Checked after the format, because "is truncated" says more than a wrong checksum. The checksum tells
    // Fashion-MNIST from MNIST.
    for (file, path, content) in
        [(images, images_path, images_content), (labels, labels_path, labels_content)]
    {
        file.check(&content).map_err(|reason| Error::Data { path, reason })?;
    }
    Ok(examples)
}

/// Returns the path and unpacked content of the file in `folder` that has one of the usual spellings of
/// `name`.
fn read(folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), Error> {
    let dotted = name.replace("-idx", ".idx");
    for spelling in [name, &format!("{name}.gz"), &dotted, &format!("{dotted}.gz")] {
        let path = folder.join(spelling);
        if !path.is_file() {
            continue;
        }
        let content = bounded_file::read(&path, LARGEST)?;
        // Browsers unpack a download but keep its name, so the content decides.
        let is_packed = content.starts_with(&[0x1f, 0x8b]);
        let content = if is_packed { unpack(&path, &content)? } else { content };
        return Ok((path, content));
    }
    Err(Error::Data {
        path: folder.join(name),
        reason: format!("does not exist, nor with `.gz` at its end, nor as `{dotted}`"),
    })
}

/// Pairs an image file with its label file; each is given as its path (for errors) and its content.
fn examples(images: (&Path, &[u8]), labels: (&Path, &[u8])) -> Result<Examples, Error> {
    let read = idx::images(images.0, images.1)?;
    if (read.height, read.width) != (28, 28) {
        return Err(Error::Data {
            path: images.0.into(),
            reason: format!("holds images of {} × {} pixels, not 28 × 28", read.height, read.width),
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
        inputs: read.pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect(),
        input_shape: vec![1, 28, 28],
        targets: Targets::Classes {
            labels: classes_of.iter().map(|&class| class.into()).collect(),
            classes: CLASSES,
        },
    })
}
