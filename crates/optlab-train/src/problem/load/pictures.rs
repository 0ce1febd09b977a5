//! Pictures as data of a problem.

use crate::Error;
use crate::data::pictures::{PictureOptions, Pictures};
use crate::data::{DataSet, Examples, Targets};
use crate::model::InputShape;
use crate::problem::load::RowSet;
use crate::problem::{Prepared, ProblemData};
use std::path::Path;

/// Lists a problem's pictures.
pub(in crate::problem) fn list(data: &ProblemData, folder: &Path) -> Result<Pictures, Error> {
    match &data.labels {
        None => Pictures::list(data.path(folder)),
        Some(labels) => Pictures::from_labels(folder.join(labels), data.path(folder)),
    }
}

/// Decodes the pictures, or reads them from the cache that an earlier process left.
pub(super) fn load(data: &ProblemData, folder: &Path, split: Option<u64>) -> Result<RowSet, Error> {
    let pictures = list(data, folder)?;
    let options: &PictureOptions = &data.pictures;
    let pixels = match dirs::cache_dir() {
        Some(cache) => pictures.open_cached(options, &cache.join("optlab").join("pictures"))?,
        None => pictures.decode_all(options)?,
    };
    let frame = *pixels.frame();
    let shape = frame.shape();
    let split = pictures.split(data.test_share()?, split)?;
    let labels: Vec<u32> = pictures.labels().map(|label| label as u32).collect();
    let classes = pictures.classes().to_vec();
    let part = |indices: &[usize]| {
        let mut inputs = vec![0.0; indices.len() * frame.values()];
        for (&i, out) in indices.iter().zip(inputs.chunks_exact_mut(frame.values())) {
            pixels.read(i, out);
        }
        let labels = indices.iter().map(|&i| labels[i]).collect();
        Examples {
            inputs,
            input_shape: shape.to_vec(),
            targets: Targets::Classes { labels, classes: classes.len() },
        }
    };
    let (train, test) = (part(&split.train), part(&split.test));
    let [channels, height, width] = shape;
    Ok(RowSet {
        set: DataSet { name: data.file.clone(), train, test, is_series: false },
        shape: InputShape::Image { channels, height, width },
        names: classes,
        prepared: Prepared::Pictures { frame, standardizer: None },
    })
}
