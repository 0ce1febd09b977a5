//! The question of an explanation: an output of a model, and what methods need to explain it.

use crate::Model;
use optlab_train::Error;

/// An output of a model, with what methods need to explain it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The model.
    pub model: &'a Model<'a>,
    /// The number of the output, from 0.
    pub output: usize,
    /// Rows of typical inputs, such as training examples, row-major; empty if there are none. `kernel_shap`,
    /// `expected_gradients` and the baselines `mean` and `background` need some.
    pub background: &'a [f32],
    /// A row that stands for "nothing there", in place of the baseline that a method's settings name.
    pub baseline: Option<&'a [f32]>,
    /// Decides the random numbers of methods that draw some.
    pub seed: u64,
}

impl<'a> Question<'a> {
    /// Asks for output number `output` of a model: without a background, with seed 0.
    pub fn new(model: &'a Model<'a>, output: usize) -> Self {
        Question { model, output, background: &[], baseline: None, seed: 0 }
    }

    /// Asks with background rows.
    pub fn with_background(self, background: &'a [f32]) -> Self {
        Question { background, ..self }
    }

    /// Asks with a baseline of the program's own.
    pub fn with_baseline(self, baseline: &'a [f32]) -> Self {
        Question { baseline: Some(baseline), ..self }
    }

    /// Asks with another seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Question { seed, ..self }
    }

    /// Returns the background rows, at most `most` of them: evenly spaced ones if there are more.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if there are none, naming `method`;
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for rows of another length.
    pub(crate) fn background_rows(&self, method: &str, most: usize) -> Result<Vec<&'a [f32]>, Error> {
        let width = self.model.elements();
        if self.background.is_empty() {
            return Err(Error::usage(format!("{method} needs background rows, such as training examples")));
        }
        if !self.background.len().is_multiple_of(width) {
            let (allowed, given) = (format!("rows of {width} numbers"), self.background.len());
            return Err(Error::invalid("explain", "background", &allowed, format!("{given} numbers")));
        }
        let rows: Vec<&[f32]> = self.background.chunks(width).collect();
        let count = rows.len().min(most.max(1));
        Ok((0..count).map(|i| rows[i * rows.len() / count]).collect())
    }

    /// Checks that `row` and the baseline have as many numbers as an input, and that all are finite.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig).
    pub(crate) fn check(&self, row: &[f32]) -> Result<(), Error> {
        let width = self.model.elements();
        for (field, row) in [("input", Some(row)), ("baseline", self.baseline)] {
            let Some(row) = row else { continue };
            if row.len() != width || !row.iter().all(|value| value.is_finite()) {
                let given = match row.iter().find(|value| !value.is_finite()) {
                    Some(value) => value.to_string(),
                    None => format!("{} numbers", row.len()),
                };
                return Err(Error::invalid("explain", field, &format!("{width} finite numbers"), given));
            }
        }
        Ok(())
    }
}
