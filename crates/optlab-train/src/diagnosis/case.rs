//! What is known of a run that is diagnosed.

use crate::Error;
use crate::data::{Batches, ExampleSet};
use crate::diagnosis::Diagnosis;
use crate::train::history::{Part, Row};
use crate::train::{Outcome, Trial};
use crate::workload::{Info, Workload};
use burn::tensor::Device;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A run, as its folder and its data tell it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The trial.
    pub trial: Trial,
    /// The workload's description.
    pub info: Info,
    /// The outcome; `None` for a run that has not ended.
    pub outcome: Option<Outcome>,
    /// All rows of the history.
    pub rows: Vec<Row>,
    /// Number of examples in the training, validation and test parts.
    pub examples: [usize; 3],
    /// Number of validation examples whose inputs also occur in the training part; `None` if the workload's
    /// batches are not rows of numbers.
    pub repeated: Option<usize>,
}

/// An evaluation of a part at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evaluated {
    pub epoch: usize,
    pub step: usize,
    pub loss: f64,
}

impl Case {
    /// Returns the finite losses of a part, epoch by epoch.
    pub(super) fn losses(&self, wanted: Part) -> Vec<Evaluated> {
        let of_row = |row: &Row| match row {
            &Row::Evaluation { step, epoch, part, loss: Some(loss), .. } if part == wanted => {
                Some(Evaluated { epoch, step, loss })
            }
            _ => None,
        };
        self.rows.iter().filter_map(of_row).collect()
    }

    /// Returns the diagnostics, step by step.
    pub(super) fn diagnoses(&self) -> Vec<&Diagnosis> {
        fn of_row(row: &Row) -> Option<&Diagnosis> {
            if let Row::Diagnosis(diagnosis) = row { Some(diagnosis) } else { None }
        }
        self.rows.iter().filter_map(of_row).collect()
    }

    /// Returns the loss of each step; nothing for steps whose loss was not finite.
    pub(super) fn step_losses(&self) -> Vec<f64> {
        let of_row = |row: &Row| if let Row::Step { loss, .. } = row { *loss } else { None };
        self.rows.iter().filter_map(of_row).collect()
    }
}

/// Returns the number of examples of `validation` whose inputs also occur in `train`; `None` if the workload
/// does not say what the inputs of a batch are.
///
/// # Errors
/// Data that cannot be read.
pub(crate) fn repeated<W: Workload>(
    workload: &W,
    train: &dyn ExampleSet<W::Batch>,
    validation: &dyn ExampleSet<W::Batch>,
    device: &Device,
) -> Result<Option<usize>, Error> {
    let Some(known) = hashes(workload, train, device)? else { return Ok(None) };
    let known: HashSet<u64> = known.into_iter().collect();
    let of_validation = hashes(workload, validation, device)?.unwrap_or_default();
    Ok(Some(of_validation.into_iter().filter(|hash| known.contains(hash)).count()))
}

/// Examples that are hashed at once.
const BATCH_SIZE: usize = 500;

fn hashes<W: Workload>(
    workload: &W,
    part: &dyn ExampleSet<W::Batch>,
    device: &Device,
) -> Result<Option<Vec<u64>>, Error> {
    let mut hashes = Vec::with_capacity(part.len());
    if part.is_empty() {
        return Ok(Some(hashes));
    }
    for batch in Batches::in_order(part, BATCH_SIZE).epoch(0, device) {
        let (batch, _) = batch?;
        let Some(rows) = workload.rows(&batch) else { return Ok(None) };
        let width = rows.inputs.dims()[1].max(1);
        let values: Vec<f32> = rows.inputs.to_data().convert::<f32>().try_into_vec().unwrap_or_default();
        hashes.extend(values.chunks(width).map(|row| {
            let mut hasher = DefaultHasher::new();
            row.iter().for_each(|value| value.to_bits().hash(&mut hasher));
            hasher.finish()
        }));
    }
    Ok(Some(hashes))
}
