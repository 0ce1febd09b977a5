//! A trained model and its data as rows of numbers, without the workload's types.

use crate::Error;
use crate::data::{BatchTargets, ExampleSet};
use crate::train::{self, preparation};
use crate::workload::{RowModel, RowTarget, Rows, Workload};
use burn::module::Module;
use burn::tensor::Device;
use std::fmt;
use std::path::PathBuf;

use super::SavedRun;

/// The number of rows that are read at once.
const BATCH_SIZE: usize = 500;

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Examples that the model learned from.
    Train,
    /// Examples that evaluated the run while it trained.
    Validation,
    /// Examples that only the finished model sees.
    Test,
}

impl Part {
    /// Every part, in the order of listings.
    pub const ALL: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// A trained model as a function of rows of numbers, and the rows of its data.
pub struct Explainable<'a> {
    /// The model. Its parameters are on [`device`](Self::device) and have no gradient.
    pub model: RowModel<'a>,
    /// The rows of the training, validation and test part; `None` if they were not asked for.
    pub parts: Option<[Box<dyn RowSet + 'a>; 3]>,
    /// The device of the model, with autodiff.
    pub device: Device,
    /// The checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Number of steps made before it.
    pub step: usize,
    /// Errors of newer checkpoints that were damaged and skipped.
    pub passed_over: Vec<Error>,
}

impl fmt::Debug for Explainable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Explainable");
        shown.field("model", &self.model).field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// The rows of a part of the data.
pub trait RowSet {
    /// Returns the number of rows.
    fn len(&self) -> usize;

    /// Returns whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the rows of these numbers, from 0, in this order.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn rows(&self, numbers: &[usize]) -> Result<Rows, Error>;
}

struct PartRows<'a, W: Workload> {
    workload: &'a W,
    part: Box<dyn ExampleSet<W::Batch>>,
    device: Device,
}

impl<W: Workload> RowSet for PartRows<'_, W> {
    fn len(&self) -> usize {
        self.part.len()
    }

    fn rows(&self, numbers: &[usize]) -> Result<Rows, Error> {
        let mut rows = Rows { inputs: Vec::new(), targets: Vec::new() };
        for numbers in numbers.chunks(BATCH_SIZE) {
            let numbers: Vec<u32> = numbers.iter().map(|&number| number as u32).collect();
            let batch = self.part.batch(&numbers, None, &self.device)?;
            let Some(batch) = self.workload.rows(&batch) else {
                let workload = self.workload.info().name;
                let reason = "it has a model of rows, but `rows` returns none".into();
                return Err(Error::Workload { workload, reason });
            };
            rows.inputs.extend(batch.inputs.to_data().iter::<f32>());
            match &batch.targets {
                BatchTargets::Classes(classes) => {
                    let classes =
                        classes.to_data().iter::<i64>().map(|class| class as usize).collect::<Vec<_>>();
                    rows.targets.extend(classes.into_iter().map(RowTarget::Class));
                }
                BatchTargets::Values(values) => {
                    let [_, width] = values.dims();
                    let values: Vec<f32> = values.to_data().iter::<f32>().collect();
                    let of_rows = values.chunks(width.max(1));
                    rows.targets.extend(of_rows.map(|values| RowTarget::Values(values.to_vec())));
                }
            }
        }
        Ok(rows)
    }
}

/// Loads the model of a run as a function of rows, and with `with_data` the rows of its data.
pub(super) fn load<'a, W: Workload>(
    workload: &'a W,
    run: &SavedRun,
    with_data: bool,
) -> Result<Explainable<'a>, Error> {
    let plain = run.device()?;
    let (facts, parts) = match with_data {
        false => (run.facts(workload)?, None),
        true => {
            let parts = train::prepared(workload, &run.trial, &run.source)?;
            let rows = [parts.train, parts.validation, parts.test].map(|part| {
                let rows = PartRows { workload, part, device: plain.clone() };
                Box::new(rows) as Box<dyn RowSet + 'a>
            });
            (parts.facts, Some(rows))
        }
    };
    let device = plain.autodiff();
    let trained = run.load(workload, &facts, &device)?;
    let model = workload.row_model(trained.model.no_grad(), facts, &preparation(&run.trial))?;
    Ok(Explainable {
        model,
        parts,
        device,
        checkpoint: trained.checkpoint.path().into(),
        step: trained.state.step,
        passed_over: trained.passed_over,
    })
}
