//! A text as data of a problem: the next character from those before it.

use crate::Error;
use crate::data::{DataSet, Examples, Targets};
use crate::model::InputShape;
use crate::problem::load::RowSet;
use crate::problem::{Prepared, ProblemData};
use std::path::Path;

/// The most characters of all windows together, so that they fit into 512 MiB.
const MOST_CHARACTERS: usize = 1 << 27;

/// Reads the text and cuts it into windows: `context` characters, and the one after them as target. The test
/// part is the end of the text. A long text is cut at every second, third … place only.
pub(super) fn load(data: &ProblemData, folder: &Path) -> Result<RowSet, Error> {
    let path = data.path(folder);
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let context = data.context;
    let refuse = |reason: String| Error::Data { path: path.clone(), reason };
    let mut known: Vec<char> = text.chars().collect();
    let length = known.len();
    known.sort_unstable();
    known.dedup();
    if context == 0 {
        return Err(Error::invalid("problem", "data.context", "at least 1", context));
    }
    if length < context + 10 || known.len() < 2 {
        let reason = format!("{length} characters, {} of them different, are too few", known.len());
        return Err(refuse(reason));
    }
    let index = |c: char| known.binary_search(&c).unwrap_or_default() as u32;
    let indices: Vec<u32> = text.chars().map(index).collect();
    let windows = length - context;
    let stride = (windows * context).div_ceil(MOST_CHARACTERS).max(1);
    let first_test = ((1.0 - data.test_share()?) * windows as f64).round() as usize;
    // A window of the test part must not reach into the training part.
    let part = |starts: std::ops::Range<usize>| {
        let starts: Vec<usize> = starts.step_by(stride).collect();
        let mut inputs = Vec::with_capacity(starts.len() * context);
        for &start in &starts {
            inputs.extend(indices[start..start + context].iter().map(|&i| i as f32));
        }
        let labels = starts.iter().map(|&start| indices[start + context]).collect();
        Examples {
            inputs,
            input_shape: vec![context],
            targets: Targets::Classes { labels, classes: known.len() },
        }
    };
    let train = part(0..first_test);
    let test = part((first_test + context).min(windows)..windows);
    Ok(RowSet {
        set: DataSet { name: data.file.clone(), train, test, is_series: true },
        shape: InputShape::Tokens { time: context, vocabulary: known.len() },
        names: known.iter().map(|c| c.to_string()).collect(),
        prepared: Prepared::Text { characters: known, context },
    })
}
