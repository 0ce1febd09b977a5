//! A problem as a workload.

use crate::Error;
use crate::data::{AugmentedExamples, Batch, Preparation, Source};
use crate::model::{Init, InputShape, ModelPatch, Stack};
use crate::nn::Mode;
use crate::objective::{Objective, Tally};
use crate::problem::load::{self, Loaded};
use crate::problem::{Problem, ProblemFacts, describe, explain};
use crate::workload::{Defaults, Info, Parts, Prediction, RowModel, Section, Workload};
use burn::tensor::{Device, Tensor};
use optlab_core::Metric;
use rand::Rng;
use std::path::PathBuf;

/// A workload that a file describes.
#[derive(Debug)]
pub struct ProblemWorkload(Problem);

impl ProblemWorkload {
    /// Returns the workload of a problem.
    pub fn new(problem: Problem) -> Self {
        ProblemWorkload(problem)
    }

    /// Returns the problem.
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// Returns the loss, with the training part's weights of classes, and the measures.
    fn objective(&self, facts: &ProblemFacts) -> Objective {
        Objective { loss: facts.loss.clone(), measures: self.0.measures.clone() }
    }

    fn forward(&self, model: &Stack, batch: &Batch, mode: Mode) -> Tensor<2> {
        model.forward(batch.inputs.clone(), mode)
    }
}

impl Workload for ProblemWorkload {
    type Model = Stack;
    type Batch = Batch;
    type Facts = ProblemFacts;

    fn info(&self) -> Info {
        let Problem { name, task, data, model, batch_size, epochs, goal, .. } = &self.0;
        let mut measures: Vec<Metric> = self.0.measures.iter().map(|measure| measure.metric()).collect();
        if let Some(first) = measures.first_mut() {
            first.target = *goal;
        }
        let task = serde_json::to_value(task).unwrap_or_default();
        Info {
            name: name.clone(),
            summary: format!("{} of {} by {model}", task.as_str().unwrap_or_default(), data.file),
            measures,
            batch_size: *batch_size,
            epochs: *epochs,
            augments: data.are_pictures(),
            defaults: Defaults::default(),
        }
    }

    fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        self.0.data_files(source)
    }

    fn resamples(&self, source: &Source) -> Result<bool, Error> {
        self.0.resamples(source)
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, ProblemFacts>, Error> {
        let Loaded { train, validation, test, facts } = load::load(&self.0, source, preparation)?;
        load::forget_table();
        Ok(Parts {
            train: Box::new(AugmentedExamples::new(train, preparation.augmentation)?),
            validation: Box::new(validation),
            test: Box::new(test),
            facts,
        })
    }

    fn share(&self, source: &Source) -> Result<(), Error> {
        if !self.0.data.source.is_table() {
            return Ok(());
        }
        load::share_table(&self.0.data, &load::folder(&self.0, source))
    }

    fn model(&self, facts: &ProblemFacts, seed: u64, device: &Device) -> Result<Stack, Error> {
        let outputs = self.0.loss.outputs(facts.targets)?;
        self.0.model.build(&facts.shape, outputs, &mut Init::new(seed, device))
    }

    fn loss(&self, model: &Stack, batch: &Batch, facts: &ProblemFacts, mode: Mode) -> Tensor<1> {
        facts.loss.mean(self.forward(model, batch, mode), &batch.targets)
    }

    fn evaluate(&self, model: &Stack, batch: &Batch, facts: &ProblemFacts, tally: &mut Tally) -> Tensor<1> {
        self.objective(facts).evaluate(self.forward(model, batch, Mode::Evaluate), batch, tally)
    }

    fn measures(&self, tally: &Tally, facts: &ProblemFacts) -> Vec<f64> {
        self.objective(facts).values(tally, &facts.units)
    }

    fn sampled_loss(
        &self,
        model: &Stack,
        batch: &Batch,
        facts: &ProblemFacts,
        mode: Mode,
        random: &mut dyn Rng,
    ) -> Option<Tensor<1>> {
        self.objective(facts).sampled_loss(self.forward(model, batch, mode), random)
    }

    fn sum_of_log_probabilities(
        &self,
        model: &Stack,
        rows: Tensor<2>,
        facts: &ProblemFacts,
        mode: Mode,
    ) -> Option<Tensor<1>> {
        let are_numbers = match &facts.shape {
            InputShape::Columns(columns) => columns.iter().all(Option::is_none),
            InputShape::Tokens { .. } => false,
            InputShape::Sequence { .. } | InputShape::Image { .. } => true,
        };
        are_numbers.then(|| facts.loss.sum_of_log_probabilities(model.forward(rows, mode)))
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error> {
        let model = patch.apply(&self.0.model)?;
        Ok(ProblemWorkload::new(Problem { model, ..self.0.clone() }))
    }

    fn describe(&self, source: &Source) -> Result<Vec<Section>, Error> {
        describe::sections(&self.0, source)
    }

    fn warnings(&self, source: &Source) -> Result<Vec<String>, Error> {
        describe::warnings(&self.0, source)
    }

    fn explain(&self, model: &Stack, facts: &ProblemFacts) -> Result<Vec<Section>, Error> {
        Ok(explain::coefficients(&self.0.model, model, facts).into_iter().collect())
    }

    fn predict(
        &self,
        model: &Stack,
        facts: &ProblemFacts,
        preparation: &Preparation,
        files: &[PathBuf],
        device: &Device,
    ) -> Result<Vec<Prediction>, Error> {
        super::predict::predict(model, facts, preparation, files, device)
    }

    fn row_model<'a>(
        &'a self,
        model: Stack,
        facts: ProblemFacts,
        preparation: &Preparation,
    ) -> Result<RowModel<'a>, Error> {
        Ok(super::row_model::of(model, facts, preparation.clone()))
    }

    fn rows<'b>(&self, batch: &'b Batch) -> Option<&'b Batch> {
        Some(batch)
    }
}
