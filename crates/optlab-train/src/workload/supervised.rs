//! Workloads that predict targets from rows of numbers.

use crate::Error;
use crate::data::{self, AugmentedExamples, Batch, Preparation, Source, Splits, Standardizer, TargetUnit};
use crate::model::{InputShape, ModelPatch};
use crate::nn::Mode;
use crate::objective::{LossSpec, Objective, Tally, TargetKind};
use crate::workload::{Answer, Element, Info, NamedRows, Parts, Prediction, RowModel, Workload, no_settings};
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A workload whose examples are rows of numbers with classes or numbers as targets.
///
/// Everything of [`Workload`] follows from it: batches, loss, measures, predictions for PNG images.
pub trait Supervised: Send + Sync {
    /// The model.
    type Model: Module;

    /// Returns name, measures and defaults; the measures are those of the objective.
    fn info(&self) -> Info;

    /// Returns loss and measures.
    fn objective(&self) -> Objective;

    /// As [`Workload::version`].
    fn version(&self) -> Option<String> {
        Some("1".into())
    }

    /// As [`Workload::data_files`].
    ///
    /// # Errors
    /// Files that cannot be found.
    fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        let _: &Source = source;
        Ok(Vec::new())
    }

    /// As [`Workload::with_model`].
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a workload whose model has no settings; a field that the
    /// model does not have, or a value out of its range.
    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error>
    where
        Self: Sized,
    {
        Err(no_settings(&self.info().name, patch))
    }

    /// As [`Workload::resamples`]; by default `true`, for [`splits`](Self::splits) that come from
    /// [`DataSet::prepare`](crate::data::DataSet::prepare) and are no series.
    ///
    /// # Errors
    /// Data that cannot be found.
    fn resamples(&self, source: &Source) -> Result<bool, Error> {
        let _: &Source = source;
        Ok(true)
    }

    /// Loads the data, ready to train on.
    ///
    /// # Errors
    /// The errors of reading the data.
    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error>;

    /// Creates the model with its initial weights, for inputs of `input_shape`.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if the model cannot take inputs of this shape.
    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Self::Model, Error>;

    /// Returns the model's outputs `[batch, outputs]` for `inputs` `[batch, features]`; each row is an input
    /// in row-major order.
    fn forward(&self, model: &Self::Model, inputs: Tensor<2>, mode: Mode) -> Tensor<2>;

    /// Returns the names of the elements of an input, in row-major order; by default there are none, and
    /// explanations name them by their places.
    fn element_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a model needs to know of rows of numbers, and later predictions, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowFacts {
    /// The shape of one input: `[channels, height, width]`, `[time, features]` or `[features]`.
    pub input_shape: Vec<usize>,
    /// How each standardized target converts to its original unit; nothing for classes.
    pub target_units: Vec<TargetUnit>,
    /// The standardizer of inputs and targets; `None` if there is none.
    pub standardizer: Option<Standardizer>,
}

impl RowFacts {
    /// Returns the facts of these splits.
    pub fn of(splits: &Splits) -> Self {
        RowFacts {
            input_shape: splits.train.input_shape.clone(),
            target_units: splits.target_units(),
            standardizer: splits.standardizer.clone(),
        }
    }
}

impl From<Splits> for Parts<Batch, RowFacts> {
    /// Returns rows of numbers as the data of a workload, without random changes.
    fn from(splits: Splits) -> Self {
        let facts = RowFacts::of(&splits);
        let Splits { train, validation, test, .. } = splits;
        Parts { train: Box::new(train), validation: Box::new(validation), test: Box::new(test), facts }
    }
}

impl<W: Supervised> Workload for W {
    type Model = W::Model;
    type Batch = Batch;
    type Facts = RowFacts;

    fn info(&self) -> Info {
        Supervised::info(self)
    }

    fn version(&self) -> Option<String> {
        Supervised::version(self)
    }

    fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        Supervised::data_files(self, source)
    }

    fn resamples(&self, source: &Source) -> Result<bool, Error> {
        Supervised::resamples(self, source)
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, RowFacts>, Error> {
        let splits = self.splits(source, preparation)?;
        let facts = RowFacts::of(&splits);
        Ok(Parts {
            train: Box::new(AugmentedExamples::new(splits.train, preparation.augmentation)?),
            validation: Box::new(splits.validation),
            test: Box::new(splits.test),
            facts,
        })
    }

    fn sum_of_log_probabilities(
        &self,
        model: &W::Model,
        rows: Tensor<2>,
        _facts: &RowFacts,
        mode: Mode,
    ) -> Option<Tensor<1>> {
        Some(self.objective().loss.sum_of_log_probabilities(self.forward(model, rows, mode)))
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error> {
        Supervised::with_model(self, patch)
    }

    fn model(&self, facts: &RowFacts, seed: u64, device: &Device) -> Result<W::Model, Error> {
        Supervised::model(self, &facts.input_shape, seed, device)
    }

    fn loss(&self, model: &W::Model, batch: &Batch, _facts: &RowFacts, mode: Mode) -> Tensor<1> {
        self.objective().loss.mean(self.forward(model, batch.inputs.clone(), mode), &batch.targets)
    }

    fn evaluate(&self, model: &W::Model, batch: &Batch, _facts: &RowFacts, tally: &mut Tally) -> Tensor<1> {
        let outputs = self.forward(model, batch.inputs.clone(), Mode::Evaluate);
        self.objective().evaluate(outputs, batch, tally)
    }

    fn measures(&self, tally: &Tally, facts: &RowFacts) -> Vec<f64> {
        self.objective().values(tally, &facts.target_units)
    }

    fn sampled_loss(
        &self,
        model: &W::Model,
        batch: &Batch,
        _facts: &RowFacts,
        mode: Mode,
        random: &mut dyn Rng,
    ) -> Option<Tensor<1>> {
        self.objective().sampled_loss(self.forward(model, batch.inputs.clone(), mode), random)
    }

    fn predict(
        &self,
        model: &W::Model,
        facts: &RowFacts,
        _preparation: &Preparation,
        files: &[PathBuf],
        device: &Device,
    ) -> Result<Vec<Prediction>, Error> {
        let predict = |path: &PathBuf| {
            let (inputs, _) = read_picture(self, facts, path)?;
            let inputs = TensorData::new(inputs, [1, facts.input_shape.iter().product()]);
            let logits = self.forward(model, Tensor::from_data(inputs, device), Mode::Evaluate);
            let classes = softmax(logits, 1).into_data().iter::<f32>().map(f64::from).collect::<Vec<_>>();
            let mut ranked: Vec<(String, f64)> =
                classes.into_iter().enumerate().map(|(class, share)| (class.to_string(), share)).collect();
            ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            Ok(Prediction { example: path.display().to_string(), answer: Answer::Classes(ranked) })
        };
        // Every file is read before anything is printed, so that a wrong one leaves no half of a result.
        files.iter().map(predict).collect()
    }

    fn row_model<'a>(
        &'a self,
        model: W::Model,
        facts: RowFacts,
        _preparation: &Preparation,
    ) -> Result<RowModel<'a>, Error> {
        let input = InputShape::from_sizes(&facts.input_shape)?;
        let mut elements = Element::of_shape(&input);
        for (element, name) in elements.iter_mut().zip(self.element_names()) {
            (element.name, element.column) = (name.clone(), name);
        }
        if let (Some(standardizer), [_]) = (&facts.standardizer, &facts.input_shape[..]) {
            let units = standardizer.input_units();
            elements.iter_mut().zip(units).for_each(|(element, unit)| element.unit = unit);
        } else if let (Some(standardizer), &[_, features]) = (&facts.standardizer, &facts.input_shape[..]) {
            let units = standardizer.input_units();
            let of = |(i, element): (usize, &mut Element)| element.unit = units[i % features];
            elements.iter_mut().enumerate().for_each(of);
        }
        let loss = self.objective().loss;
        let count = match facts.target_units.len() {
            0 => count_outputs(self, &model, elements.len()),
            numbers => numbers,
        };
        let targets = match (&loss, facts.target_units.is_empty()) {
            (LossSpec::MultiLabel, _) => TargetKind::Labels(count),
            (_, true) => TargetKind::Classes(count.max(2)),
            (_, false) => TargetKind::Values(count),
        };
        let outputs = match targets {
            TargetKind::Classes(count) | TargetKind::Labels(count) => {
                (0..count).map(|class| class.to_string()).collect()
            }
            TargetKind::Values(1) => vec!["target".into()],
            TargetKind::Values(count) => (0..count).map(|i| format!("target {i}")).collect(),
        };
        let units = facts.target_units.clone();
        Ok(RowModel {
            forward: Box::new(move |rows| self.forward(&model, rows, Mode::Evaluate)),
            read: Box::new(move |path| read_picture(self, &facts, path)),
            input,
            elements,
            outputs,
            targets,
            loss,
            units,
        })
    }

    fn rows<'b>(&self, batch: &'b Batch) -> Option<&'b Batch> {
        Some(batch)
    }
}

/// Reads a picture of a digit as an input, prepared as the training data were.
fn read_picture<W: Supervised>(workload: &W, facts: &RowFacts, path: &Path) -> Result<NamedRows, Error> {
    let (LossSpec::CrossEntropy(_), &[channels, height, width]) =
        (workload.objective().loss, &facts.input_shape[..])
    else {
        return Err(Error::usage(format!("`{}` does not classify images", workload.info().name)));
    };
    let shape = [channels, height, width];
    let mut image = data::read_digit_png(path, shape)?;
    if let Some(standardizer) = &facts.standardizer {
        standardizer.apply_to_inputs(&mut image, &shape);
    }
    Ok((image, vec![path.display().to_string()]))
}

/// Returns the number of outputs of a model that reads rows of so many elements.
fn count_outputs<W: Supervised>(workload: &W, model: &W::Model, elements: usize) -> usize {
    let devices = model.devices();
    let zeros = Tensor::zeros([1, elements], &devices.into_iter().next().unwrap_or_default());
    workload.forward(model, zeros, Mode::Evaluate).dims()[1]
}
