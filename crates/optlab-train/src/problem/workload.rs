//! A problem as a workload.

use crate::Error;
use crate::data::{AugmentedExamples, Batch, Preparation, Source};
use crate::model::{Init, ModelPatch, Stack};
use crate::nn::Mode;
use crate::objective::{LossSpec, Objective, Tally};
use crate::problem::load::{self, Loaded};
use crate::problem::{Problem, ProblemFacts, describe, explain};
use crate::workload::{Info, Parts, Prediction, Section, Workload};
use burn::tensor::{Device, Tensor};
use optlab_core::Metric;
use rand::Rng;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A workload that a file describes.
#[derive(Debug)]
pub struct ProblemWorkload {
    problem: Problem,
    /// The loss with the training part's weights of classes, known once the data were loaded.
    loss: OnceLock<LossSpec>,
}

impl ProblemWorkload {
    /// Returns the workload of a problem.
    pub fn new(problem: Problem) -> Self {
        ProblemWorkload { problem, loss: OnceLock::new() }
    }

    /// Returns the problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns loss and measures.
    fn objective(&self) -> Objective {
        let loss = self.loss.get().unwrap_or(&self.problem.loss).clone();
        Objective { loss, measures: self.problem.measures.clone() }
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
        let Problem { name, task, data, model, batch_size, epochs, goal, .. } = &self.problem;
        let mut measures: Vec<Metric> =
            self.problem.measures.iter().map(|measure| measure.metric()).collect();
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
        }
    }

    fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        self.problem.data_files(source)
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, ProblemFacts>, Error> {
        let Loaded { train, validation, test, facts } = load::load(&self.problem, source, preparation)?;
        load::forget_table();
        self.loss.get_or_init(|| facts.loss.clone());
        Ok(Parts {
            train: Box::new(AugmentedExamples::new(train, preparation.augmentation)?),
            validation: Box::new(validation),
            test: Box::new(test),
            facts,
        })
    }

    fn model(&self, facts: &ProblemFacts, seed: u64, device: &Device) -> Result<Stack, Error> {
        let outputs = self.problem.loss.outputs(facts.targets)?;
        self.problem.model.build(&facts.shape, outputs, &mut Init::new(seed, device))
    }

    fn loss(&self, model: &Stack, batch: &Batch, mode: Mode) -> Tensor<1> {
        let outputs = self.forward(model, batch, mode);
        self.loss.get().unwrap_or(&self.problem.loss).mean(outputs, &batch.targets)
    }

    fn evaluate(&self, model: &Stack, batch: &Batch, _facts: &ProblemFacts, tally: &mut Tally) -> Tensor<1> {
        self.objective().evaluate(self.forward(model, batch, Mode::Evaluate), batch, tally)
    }

    fn measures(&self, tally: &Tally, facts: &ProblemFacts) -> Vec<f64> {
        self.objective().values(tally, &facts.units)
    }

    fn sampled_loss(
        &self,
        model: &Stack,
        batch: &Batch,
        mode: Mode,
        random: &mut dyn Rng,
    ) -> Option<Tensor<1>> {
        self.objective().sampled_loss(self.forward(model, batch, mode), random)
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error> {
        let model = patch.apply(&self.problem.model)?;
        Ok(ProblemWorkload::new(Problem { model, ..self.problem.clone() }))
    }

    fn describe(&self, source: &Source) -> Result<Vec<Section>, Error> {
        describe::sections(&self.problem, source)
    }

    fn explain(&self, model: &Stack, facts: &ProblemFacts) -> Result<Vec<Section>, Error> {
        Ok(explain::coefficients(&self.problem.model, model, facts).into_iter().collect())
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
}
