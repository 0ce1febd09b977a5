//! A text as data of a problem: the next character from those before it.

use crate::Error;
use crate::data::table;
use crate::data::{DataSet, Examples, Targets};
use crate::model::InputShape;
use crate::problem::load::RowSet;
use crate::problem::{Prepared, ProblemData};
use std::path::Path;

/// The most characters of all windows together, so that they fit into 512 MiB.
const MOST_CHARACTERS: usize = 1 << 27;

/// Reads the text and cuts it into windows: `context` characters, and the one after them as target. The test
/// part is the end of the text, without windows that have a character of its own. A long text is cut at every
/// second, third … place only.
pub(super) fn load(data: &ProblemData, folder: &Path) -> Result<RowSet, Error> {
    let path = data.path(folder);
    let text: Vec<char> = table::read_text(&path)?.chars().collect();
    let context = data.context;
    let refuse = |reason: String| Error::Data { path: path.clone(), reason };
    if context == 0 {
        return Err(Error::invalid("problem", "data.context", "at least 1", context));
    }
    let windows = text.len().saturating_sub(context);
    let stride = (windows * context).div_ceil(MOST_CHARACTERS).max(1);
    let share = data.test_share()?;
    let first_test = ((1.0 - share) * windows as f64).round() as usize;
    // A character that only the test part has is unknown, like one of a later text.
    let mut known = text[..first_test.saturating_add(context).min(text.len())].to_vec();
    known.sort_unstable();
    known.dedup();
    if windows < 10 || known.len() < 2 {
        let length = text.len();
        let reason = format!("{length} characters, {} of them different, are too few", known.len());
        return Err(refuse(reason));
    }
    if share > 0.0 && first_test.saturating_add(context) >= windows {
        let reason = format!(
            "a test part of {share} of {} characters has no window of {context} characters of its own; \
             set a smaller `context` or a larger `test`",
            text.len()
        );
        return Err(refuse(reason));
    }
    let indices: Vec<Option<u32>> =
        text.iter().map(|c| known.binary_search(c).ok().map(|index| index as u32)).collect();
    // A window of the test part must not reach into the training part.
    let part = |starts: std::ops::Range<usize>| {
        let mut inputs = Vec::with_capacity(starts.len() / stride * context);
        let mut labels = Vec::with_capacity(starts.len() / stride);
        for start in starts.step_by(stride) {
            let window: Option<Vec<u32>> = indices[start..=start + context].iter().copied().collect();
            // A window with an unknown character is left out.
            let Some(window) = window else { continue };
            inputs.extend(window[..context].iter().map(|&index| index as f32));
            labels.push(window[context]);
        }
        Examples {
            inputs,
            input_shape: vec![context],
            targets: Targets::Classes { labels, classes: known.len() },
        }
    };
    let train = part(0..first_test);
    let test = part((first_test + context).min(windows)..windows);
    if share > 0.0 && test.is_empty() {
        return Err(refuse(
            "each window of the test part has a character that the training part lacks".into(),
        ));
    }
    Ok(RowSet {
        set: DataSet { name: data.file.clone(), train, test, is_series: true },
        shape: InputShape::Tokens { time: context, vocabulary: known.len() },
        names: known.iter().map(|c| c.to_string()).collect(),
        prepared: Prepared::Text { characters: known, context },
    })
}
