//! Reference files of rules: the expected parameters after some steps.

use crate::Error;
use crate::verify::flat::Flat;
use crate::verify::parameters::{HIGHEST_RANK, On, Parameter, Way};
use crate::verify::references::File;
use crate::verify::tolerance::{self, Deviation};
use crate::verify::trajectory::given::{Given, Source};
use crate::verify::trajectory::objective::Objective;
use burn::optim::GradientsParams;
use optlab_optim::ModelOptimizer;
use serde::Deserialize;
use std::collections::BTreeMap;

mod given;
mod objective;

/// Parameters, their gradients at each step, and the parameters expected after some steps.
#[derive(Debug)]
pub(super) struct Trajectory {
    learning_rate: LearningRate,
    parameters: Vec<TrajectoryStart>,
    gradients: Gradients,
    /// The parameters after some steps, by number of steps.
    expected: Expected,
    /// The parameters of evaluation after some steps, by number of steps.
    expected_eval: Expected,
    /// The gradients under drawn labels in the steps that estimate curvature, counted from 1.
    curvature_gradients: Expected,
    /// The number of examples that each of `curvature_gradients` is a mean over.
    batch_size: usize,
    /// The loss at each step, counted from 0; empty for rules that do not need it.
    losses: Vec<f64>,
}

/// Where the gradients of the parameters come from.
#[derive(Debug)]
enum Gradients {
    /// `stream[t][i]` is the gradient of parameter `i` at step `t`, counted from 0.
    Stream(Vec<Vec<Flat>>),
    /// A function of the parameters.
    Objective(Objective),
}

/// A list of tensors for some numbers of steps.
type Expected = BTreeMap<usize, Vec<Flat>>;

/// A parameter before the first step.
#[derive(Debug, Deserialize)]
struct TrajectoryStart {
    name: Option<String>,
    shape: Vec<usize>,
    initial: Flat,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`learning_rate` must be a number or a list of numbers")]
enum LearningRate {
    Constant(f64),
    EachStep(Vec<f64>),
}

/// The fields of a rule's file, besides the [`Head`](super::subject::Head) of every reference file.
#[derive(Deserialize)]
struct RuleFile {
    learning_rate: LearningRate,
    stream: Option<String>,
    objective: Option<String>,
    expected: Expected,
    expected_eval: Option<Expected>,
    curvature_gradients: Option<Expected>,
    batch_size: Option<usize>,
    losses: Option<Vec<f64>>,
}

/// The fields of the stream that a rule's file names.
#[derive(Deserialize)]
struct StreamFile {
    parameters: Vec<TrajectoryStart>,
    gradients: Vec<Vec<Flat>>,
}

/// The fields of the objective that a rule's file names.
#[derive(Deserialize)]
struct ObjectiveFile {
    parameters: Vec<TrajectoryStart>,
    #[serde(flatten)]
    objective: Objective,
}

impl Trajectory {
    /// Reads `file` and the stream or the objective of `files` that it names.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) for either of them, if the numbers do not fit together.
    pub fn read(file: &File, files: &[File]) -> Result<Self, Error> {
        let rule: RuleFile = file.parse()?;
        let RuleFile { learning_rate, expected, expected_eval, curvature_gradients, .. } = rule;
        let RuleFile { batch_size, losses, .. } = rule;
        if curvature_gradients.is_some() && batch_size.is_none() {
            return Err(file.broken("it has `curvature_gradients` and no `batch_size`"));
        }
        let (named, parameters, gradients) = match (rule.stream, rule.objective) {
            (Some(stream), None) => {
                let stream = file.beside(&stream, files)?;
                let StreamFile { parameters, gradients } = stream.parse()?;
                (stream, parameters, Gradients::Stream(gradients))
            }
            (None, Some(objective)) => {
                let objective_file = file.beside(&objective, files)?;
                let ObjectiveFile { parameters, objective } = objective_file.parse()?;
                (objective_file, parameters, Gradients::Objective(objective))
            }
            (None, None) => return Err(file.broken("it has neither a `stream` nor an `objective`")),
            (Some(_), Some(_)) => return Err(file.broken("it has both a `stream` and an `objective`")),
        };
        let trajectory = Trajectory {
            learning_rate,
            parameters,
            gradients,
            expected,
            expected_eval: expected_eval.unwrap_or_default(),
            curvature_gradients: curvature_gradients.unwrap_or_default(),
            batch_size: batch_size.unwrap_or_default(),
            losses: losses.unwrap_or_default(),
        };
        trajectory.check_start().map_err(|reason| named.broken(reason))?;
        trajectory.check_expected().map_err(|reason| file.broken(reason))?;
        Ok(trajectory)
    }

    /// Returns the number of steps up to the last expected values.
    fn steps(&self) -> usize {
        let last = |expected: &Expected| expected.keys().next_back().copied().unwrap_or(0);
        last(&self.expected).max(last(&self.expected_eval))
    }

    fn lr_at(&self, step: usize) -> Option<f64> {
        match &self.learning_rate {
            LearningRate::Constant(lr) => Some(*lr),
            LearningRate::EachStep(rates) => rates.get(step).copied(),
        }
    }

    /// Checks the parameters and their gradients; returns what is wrong with them.
    fn check_start(&self) -> Result<(), String> {
        for (i, TrajectoryStart { shape, initial, .. }) in self.parameters.iter().enumerate() {
            if shape.len() > HIGHEST_RANK {
                let rank = shape.len();
                return Err(format!("parameter {i} has rank {rank}, and the highest is {HIGHEST_RANK}"));
            }
            let elements = shape.iter().try_fold(1, |product: usize, length| product.checked_mul(*length));
            if elements != Some(initial.0.len()) {
                let given = initial.0.len();
                return Err(format!("parameter {i} has the shape {shape:?} and {given} initial values"));
            }
        }
        if self.parameters.iter().all(|parameter| parameter.initial.0.is_empty()) {
            return Err("there is no parameter with elements".into());
        }
        match &self.gradients {
            Gradients::Stream(stream) => {
                let check = |(t, gradients): (usize, &Vec<Flat>)| {
                    self.check_sizes(gradients)
                        .map_err(|reason| format!("`gradients` at step {}: {reason}", t + 1))
                };
                stream.iter().enumerate().try_for_each(check)
            }
            Gradients::Objective(objective) => {
                objective.check(self.parameters.iter().map(|parameter| parameter.initial.0.len()).sum())
            }
        }
    }

    /// Checks the rule's own file; returns what is wrong with it.
    fn check_expected(&self) -> Result<(), String> {
        if self.expected.is_empty() {
            return Err("`expected` has no steps".into());
        }
        for (field, tensors) in [
            ("expected", &self.expected),
            ("expected_eval", &self.expected_eval),
            ("curvature_gradients", &self.curvature_gradients),
        ] {
            for (step, values) in tensors {
                self.check_sizes(values).map_err(|reason| format!("`{field}` at step {step}: {reason}"))?;
            }
        }
        let steps = self.steps();
        if let Gradients::Stream(stream) = &self.gradients
            && steps > stream.len()
        {
            let gradients = stream.len();
            return Err(format!("it expects {steps} steps, and its stream has gradients for {gradients}"));
        }
        if steps > 0 && self.lr_at(steps - 1).is_none() {
            return Err(format!("it expects {steps} steps, and `learning_rate` has fewer"));
        }
        if !self.losses.is_empty() && self.losses.len() < steps {
            return Err(format!("it expects {steps} steps, and `losses` has fewer"));
        }
        Ok(())
    }

    /// Checks that `values` has a tensor per parameter, of the parameter's size.
    fn check_sizes(&self, values: &[Flat]) -> Result<(), String> {
        if values.len() != self.parameters.len() {
            return Err(format!("{} tensors for {} parameters", values.len(), self.parameters.len()));
        }
        for (i, (Flat(values), TrajectoryStart { initial, .. })) in
            values.iter().zip(&self.parameters).enumerate()
        {
            if values.len() != initial.0.len() {
                return Err(format!("{} numbers for the {} of parameter {i}", values.len(), initial.0.len()));
            }
        }
        Ok(())
    }

    /// Returns the largest error of `optimizer` along the trajectory.
    pub fn deviation(&self, mut optimizer: ModelOptimizer, on: &On) -> Deviation {
        let start =
            |TrajectoryStart { shape, initial, .. }: &TrajectoryStart| Parameter::new(&initial.0, shape, on);
        let mut model: Vec<Parameter> = self.parameters.iter().filter_map(start).collect();
        let displacements = self.largest_displacements();
        let mut largest = Deviation::default();
        for step in 0..=self.steps() {
            if let Some(t) = step.checked_sub(1) {
                let gradients = match &self.gradients {
                    Gradients::Stream(stream) => Source::Stream(registered(&model, numbers(&stream[t]), on)),
                    Gradients::Objective(objective) => Source::Objective(objective, on),
                };
                let sampled = self.curvature_gradients.get(&step);
                let sampled =
                    sampled.map(|sampled| (registered(&model, numbers(sampled), on), self.batch_size));
                let shared = (on.way == Way::Shared).then(|| model.clone());
                // Reading the file refuses a missing rate; NaN fails the check here, too.
                let lr = self.lr_at(t).unwrap_or(f64::NAN);
                let loss = self.losses.get(t).copied().unwrap_or(f64::NAN);
                model = optimizer.step_with(lr, model, &mut Given { loss, gradients, sampled }).0;
                drop(shared);
            }
            if let Some(expected) = self.expected.get(&step) {
                self.compare(&model, expected, &displacements, step, &mut largest);
            }
            if let Some(expected) = self.expected_eval.get(&step) {
                let model = optimizer.for_evaluation(&model);
                self.compare(&model, expected, &displacements, step, &mut largest);
            }
        }
        largest
    }

    /// Returns the largest displacement of an element, per parameter, over the expected steps.
    fn largest_displacements(&self) -> Vec<f64> {
        let of_parameter = |i: usize| {
            let values = self.expected.values().flat_map(|parameters| {
                parameters[i].0.iter().zip(&self.parameters[i].initial.0).map(|(end, start)| end - start)
            });
            values.map(f64::abs).fold(0.0, f64::max)
        };
        (0..self.parameters.len()).map(of_parameter).collect()
    }

    /// Includes the errors of `model` after `step` steps in `largest`.
    fn compare(
        &self,
        model: &[Parameter],
        expected: &[Flat],
        displacements: &[f64],
        step: usize,
        largest: &mut Deviation,
    ) {
        for (i, (parameter, Flat(expected))) in model.iter().zip(expected).enumerate() {
            let number = format!("parameter {i}");
            let name = self.parameters[i].name.as_ref().unwrap_or(&number);
            for (value, &expected) in parameter.values().into_iter().zip(expected) {
                let tolerance = tolerance::of_element(expected, displacements[i]);
                largest.include(tolerance::share(value, expected, tolerance), step, Some(name));
            }
        }
    }
}

fn numbers(tensors: &[Flat]) -> impl IntoIterator<Item = &[f64]> {
    tensors.iter().map(|Flat(values)| values.as_slice())
}

/// Returns `gradients` as those of the parameters of `model`.
fn registered<'a>(
    model: &[Parameter],
    gradients: impl IntoIterator<Item = &'a [f64]>,
    on: &On,
) -> GradientsParams {
    let mut registered = GradientsParams::new();
    for (parameter, gradient) in model.iter().zip(gradients) {
        parameter.register(&mut registered, gradient, on);
    }
    registered
}

#[cfg(test)]
mod tests;
