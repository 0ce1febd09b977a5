//! The trial: everything that decides a run.

use crate::Error;
use crate::device;
use crate::model::ModelPatch;
use crate::problem::WorkloadSpec;
use crate::train::{BatchSize, Recipe, trial_id};
use crate::workload::{Defaults, Info};
use optlab_core::range::{self, POSITIVE};
use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Everything that decides a run: the same trial on the same device gives the same bytes.
///
/// A trial serializes to the run folder's `trial.json`, and [`Trial::id`] names that folder.
///
/// | field            | range             | meaning                                                       |
/// |:-----------------|:------------------|:--------------------------------------------------------------|
/// | `lr`             | `(0, ∞)`          | the base learning rate that the schedule starts from           |
/// | `seed`           | up to 2⁶³ − 1     | the seed of everything that is random                          |
/// | `batch_size`     | `1…`, up to 10⁹   | examples per step, or a schedule of them; the last batch of an epoch may be smaller |
/// | `micro_batch_size` | `1…` or none    | examples that go through the model at once                     |
/// | `lr_scaling`     | a rule or none    | how `lr` is scaled for a batch size other than the one it was chosen for |
/// | `validation`     | `[0, 1)`          | share of the training data held out                            |
/// | `split`          | up to 2⁶³ − 1     | the number that draws the test part anew from all examples     |
/// | `l1`, `l2`       | `[0, ∞)`          | adds `λ₁ sign(θ) + λ₂ θ` to the gradient                        |
/// | `clip_norm`      | `(0, ∞)` or none  | scales all gradients together to at most this Euclidean norm   |
/// | `clip_value`     | `(0, ∞)` or none  | cuts each gradient element to `[−c, c]`                        |
/// | `early_stopping` | `1…` or none      | evaluations without a better validation loss before stopping   |
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// The workload.
    pub workload: WorkloadSpec,
    /// Settings of the model that differ from the workload's; empty for none.
    #[serde(default, skip_serializing_if = "ModelPatch::is_empty")]
    pub model: ModelPatch,
    /// The optimizer and its settings.
    pub optimizer: OptimizerSpec,
    /// The learning-rate schedule and its settings.
    pub schedule: ScheduleSpec,
    /// The base learning rate.
    pub lr: f64,
    /// The backend and device: "flex", "wgpu", "cuda:1".
    pub backend: String,
    /// The seed of initial weights, held-out examples, order, augmentation and dropout.
    pub seed: u64,
    /// The settings of the training.
    #[serde(flatten)]
    pub recipe: Recipe,
}

impl Trial {
    /// Creates a trial of the workload that `info` describes: its default optimizer, schedule and recipe, on
    /// the default backend.
    pub fn new(info: &Info) -> Self {
        let Defaults { optimizer, lr, schedule, .. } = info.defaults.clone();
        Trial {
            workload: info.name.as_str().into(),
            model: ModelPatch::default(),
            lr: lr.unwrap_or_else(|| optimizer.default_lr()),
            optimizer,
            schedule,
            backend: device::default_backend().into(),
            seed: 0,
            recipe: Recipe::new(info),
        }
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) naming the field; NaN is never in range.
    pub fn validate(&self) -> Result<(), Error> {
        if !POSITIVE.contains(self.lr) {
            return Err(Error::invalid("trial", "lr", "a number in (0, ∞)", self.lr));
        }
        range::check_seed("trial", "seed", self.seed)?;
        self.recipe.validate()
    }

    /// Returns the learning rate for the trial's batch size; `own` is the workload's default batch size. A
    /// batch size that follows a schedule scales nothing.
    pub fn scaled_lr(&self, own: usize) -> f64 {
        match (self.recipe.lr_scaling, &self.recipe.batch_size) {
            (Some(scaling), BatchSize::Fixed(size)) => self.lr * scaling.factor(*size, own),
            _ => self.lr,
        }
    }

    /// Returns whether both decide the same run. The settings of one may be written in the form of an older
    /// version.
    pub fn is_same_as(&self, other: &Trial) -> bool {
        self == other || (self.workload == other.workload && self.id() == other.id())
    }

    /// Returns a name for the run's folder: workload, optimizer, seed and the first 12 hexadecimal digits of
    /// the SHA-256 of the trial's JSON. Two of 10,000 trials have the same digits once in five million times.
    pub fn id(&self) -> String {
        let trial = Trial { workload: self.workload.without_origin(), ..self.clone() };
        let fingerprint = trial_id::fingerprint(&trial);
        format!("{}-{}-seed{}-{fingerprint}", self.workload, self.optimizer.name(), self.seed)
    }
}

/// The fields of a trial, besides its recipe.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    workload: WorkloadSpec,
    #[serde(default)]
    model: ModelPatch,
    optimizer: OptimizerSpec,
    schedule: ScheduleSpec,
    lr: f64,
    backend: String,
    seed: u64,
}

const HEAD: [&str; 7] = ["workload", "model", "optimizer", "schedule", "lr", "backend", "seed"];

impl<'de> Deserialize<'de> for Trial {
    /// Reads the fields of the trial, and on the same level the fields of the recipe; an unknown field is an
    /// error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Map::<String, Value>::deserialize(deserializer)?;
        let (head, recipe) =
            table.into_iter().partition::<Map<_, _>, _>(|(key, _)| HEAD.contains(&key.as_str()));
        let head = Head::deserialize(Value::Object(head)).map_err(D::Error::custom)?;
        let recipe = Recipe::deserialize(Value::Object(recipe)).map_err(D::Error::custom)?;
        let Head { workload, model, optimizer, schedule, lr, backend, seed } = head;
        Ok(Trial { workload, model, optimizer, schedule, lr, backend, seed, recipe })
    }
}
