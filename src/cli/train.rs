//! `optlab train`, and the arguments that it shares with the examples.

use crate::Error;
use crate::cli::Exit;
use crate::cli::data_warnings::DataWarnings;
use crate::cli::folder_arg::open_run;
use crate::cli::output;
use crate::cli::progress::{Progress, print_test};
use crate::cli::trial_settings::{TrialSettings, model_patch};
use crate::cli::with_output_hint;
use crate::cli::workload_arg::text_of;
use clap::Args;
use optlab_core::bounded_file::{self, WRITTEN_BY_HAND};
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_train::data::Source;
use optlab_train::device;
use optlab_train::model::ModelPatch;
use optlab_train::registry::{self, AnyWorkload};
use optlab_train::train::{Branch, Found, Outcome, RunDirectory, RunOptions, Status, Trial};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `optlab train`.
#[derive(Debug, Args)]
pub struct TrainCommand {
    /// The workload: a name of `optlab list workloads`, a problem's file such as houses.toml, or a data file
    /// with --target
    #[arg(required_unless_present_any = ["resume", "from"])]
    workload: Option<String>,
    /// For a data file: the column to predict; writes a problem's file NAME.toml and uses it
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    #[command(flatten)]
    args: TrainArgs,
}

/// The settings of a run, and where to write it.
#[derive(Debug, Clone, Default, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    settings: Settings,
    /// Read settings from a TOML file; flags override it
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Resume the run in DIR from its newest complete checkpoint
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Start from the checkpoint of another run, RUN@STEP, with its settings and other ones for what comes
    /// after that step: schedule, length and learning rate
    #[arg(long, value_name = "RUN@STEP", conflicts_with = "resume")]
    from: Option<Branch>,
    /// Start over if the output folder holds another or an unfinished run
    #[arg(long)]
    overwrite: bool,
}

/// The settings that a `--config` file may hold too, under the same names with underscores.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The optimizer: name or name:key=value,key=value; `lr` may be among the keys, and a value may be a
    /// schedule, as momentum=(linear:from=0.85,to=0.95) [default: adam]
    #[arg(long, value_name = "SPEC")]
    optimizer: Option<SpecText>,
    /// The learning-rate schedule: name or name:key=value,key=value [default: constant]
    #[arg(long, value_name = "SPEC")]
    schedule: Option<SpecText>,
    /// Base learning rate of the schedule; overrides the optimizer's `lr` [default: the optimizer's]
    #[arg(long, allow_negative_numbers = true, value_name = "X")]
    lr: Option<f64>,
    /// Settings of the model that differ from the workload's, as mlp=[32],dropout=0.2 or dropout=0.2
    #[arg(long, value_name = "SPEC", value_parser = model_patch)]
    model: Option<ModelPatch>,
    /// Backend: flex, ndarray, wgpu or cuda, with a device index as in cuda:1 [default: a GPU backend if
    /// compiled in, else flex]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Seed of the initial weights, held-out examples, data order, augmentation and dropout [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    #[serde(flatten)]
    trial: TrialSettings,
    /// Write a checkpoint every STEPS steps, in addition to the best and the last
    #[arg(long, allow_negative_numbers = true, value_name = "STEPS")]
    checkpoint_every: Option<usize>,
    /// Write checkpoints while the training goes on, which then needs memory for a copy of what is saved
    #[arg(long)]
    checkpoint_in_background: bool,
    /// Output folder [default: artifacts/NAME, with a name made from the settings]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// A spec as a line of text or, in TOML, as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum SpecText {
    Text(String),
    Table(serde_json::Map<String, serde_json::Value>),
}

impl From<&str> for SpecText {
    fn from(text: &str) -> Self {
        SpecText::Text(text.into())
    }
}

impl SpecText {
    /// Returns the optimizer, with a learning rate if the text or table has one.
    fn optimizer(&self) -> Result<OptimizerChoice, optlab_core::Error> {
        match self {
            SpecText::Text(text) => text.parse(),
            SpecText::Table(table) => OptimizerChoice::from_value(&table.clone().into()),
        }
    }

    fn schedule(&self) -> Result<ScheduleSpec, optlab_core::Error> {
        match self {
            SpecText::Text(text) => text.parse(),
            SpecText::Table(table) => ScheduleSpec::from_value(&table.clone().into()),
        }
    }
}

impl Settings {
    /// Fills the settings that are not given from `file`.
    fn or(self, file: Settings) -> Settings {
        Settings {
            optimizer: self.optimizer.or(file.optimizer),
            schedule: self.schedule.or(file.schedule),
            lr: self.lr.or(file.lr),
            model: self.model.or(file.model),
            backend: self.backend.or(file.backend),
            seed: self.seed.or(file.seed),
            trial: self.trial.or(file.trial),
            checkpoint_every: self.checkpoint_every.or(file.checkpoint_every),
            checkpoint_in_background: self.checkpoint_in_background || file.checkpoint_in_background,
            output: self.output.or(file.output),
            data_dir: self.data_dir.or(file.data_dir),
        }
    }

    fn read(path: &Path) -> Result<Settings, Error> {
        let refuse = |reason: String| Error::file(path, reason);
        if !path.exists() {
            return Err(Error::usage(format!("{}: no such file", path.display())));
        }
        let text = bounded_file::read_text(path, WRITTEN_BY_HAND)?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| refuse(toml_reason(&text, &error)))?;
        let default = serde_json::to_value(Settings::default()).unwrap_or_default();
        let known: Vec<&str> =
            default.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::unknown_field(&path.display().to_string(), key, &known));
        }
        let settings: Settings = toml::from_str(&text).map_err(|error| refuse(toml_reason(&text, &error)))?;
        if settings.trial.0.epochs.is_some() && settings.trial.0.steps.is_some() {
            return Err(refuse("`epochs` and `steps` exclude each other".into()));
        }
        Ok(settings)
    }

    /// Returns the trial of the workload that `info` describes.
    fn trial(&self, default: Trial) -> Result<Trial, Error> {
        let arm = match &self.optimizer {
            Some(spec) => spec.optimizer()?,
            None => OptimizerChoice { optimizer: default.optimizer.clone(), lr: None },
        };
        let trial = Trial {
            lr: match (self.lr, &self.optimizer) {
                (Some(lr), _) => lr,
                (None, Some(_)) => arm.learning_rate(),
                (None, None) => default.lr,
            },
            optimizer: arm.optimizer,
            schedule: match &self.schedule {
                Some(spec) => spec.schedule()?,
                None => default.schedule.clone(),
            },
            backend: self.backend.clone().unwrap_or_else(|| default.backend.clone()),
            seed: self.seed.unwrap_or(default.seed),
            model: self.model.clone().unwrap_or_else(|| default.model.clone()),
            recipe: default.recipe.with(&self.trial.0),
            ..default
        };
        trial.validate()?;
        if trial.recipe.early_stopping.is_some() && trial.recipe.validation == 0.0 {
            return Err(Error::usage("early stopping needs a validation part: --validation above 0"));
        }
        Ok(trial)
    }

    /// Returns whether a setting is given that affects the result of a run.
    fn decides_something(&self) -> bool {
        let harmless = Settings {
            checkpoint_every: self.checkpoint_every,
            checkpoint_in_background: self.checkpoint_in_background,
            data_dir: self.data_dir.clone(),
            ..Settings::default()
        };
        *self != harmless
    }
}

/// Returns the message of TOML's parser as one line.
fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim();
    match error.span() {
        Some(span) => {
            let line = text[..span.start.min(text.len())].lines().count().max(1);
            format!("line {line}: {message}")
        }
        None => message.into(),
    }
}

/// A finished run.
pub struct Run {
    /// Its workload.
    pub workload: Arc<dyn AnyWorkload>,
    /// Its trial.
    pub trial: Trial,
    /// Its folder.
    pub directory: RunDirectory,
    /// How it ended.
    pub outcome: Outcome,
}

impl TrainArgs {
    /// Trains `workload` with these arguments, or resumes the run that they name, with a progress bar and a
    /// line per epoch.
    ///
    /// # Errors
    /// Invalid arguments, data that cannot be read, a folder that cannot be written; [`Exit::Failure`] after
    /// a run that diverged.
    pub fn train(&self, workload: &str) -> Result<Run, Exit> {
        if let Some(directory) = &self.resume {
            return self.resume(directory);
        }
        let settings = match &self.config {
            Some(path) => self.settings.clone().or(Settings::read(path)?),
            None => self.settings.clone(),
        };
        let source = Source { data_dir: settings.data_dir.clone(), show_progress: true };
        let default = match &self.from {
            Some(branch) => open_run(branch.trunk.path())?.1,
            None => registry::trial(workload, &source)?,
        };
        let trial = settings.trial(default)?;
        let workload = registry::open_trial(&trial)?;
        device::parse(&trial.backend)?;
        let output = settings.output.clone().unwrap_or_else(|| Path::new("artifacts").join(trial.id()));
        let directory = RunDirectory::new(output);
        let resume = may_resume(&directory, &trial, self.overwrite)?;
        self.run(workload, trial, directory, resume, &settings)
    }

    fn resume(&self, directory: &Path) -> Result<Run, Exit> {
        if self.settings.decides_something() || self.config.is_some() || self.overwrite {
            let message = "--resume keeps the settings of the run: only --checkpoint-every, --checkpoint-in-background and --data-dir \
                 can be added";
            return Err(Error::usage(message).into());
        }
        let (directory, trial) = open_run(directory)?;
        let source = Source { data_dir: self.settings.data_dir.clone(), show_progress: true };
        let workload = registry::open_version(&trial, &source)?;
        if let Some(outcome) = directory.read_outcome()?.filter(|outcome| outcome.status != Status::Failed) {
            output::tell(format_args!(
                "{} already ended after step {}",
                directory.path().display(),
                outcome.steps
            ));
            print_test(&outcome);
            return Ok(Run { workload, trial, directory, outcome });
        }
        self.run(workload, trial, directory, true, &self.settings)
    }

    fn run(
        &self,
        workload: Arc<dyn AnyWorkload>,
        trial: Trial,
        directory: RunDirectory,
        resume: bool,
        settings: &Settings,
    ) -> Result<Run, Exit> {
        if settings.checkpoint_every == Some(0) {
            return Err(Error::invalid("trial", "checkpoint_every", "at least 1", 0).into());
        }
        let options = RunOptions {
            source: Source { data_dir: settings.data_dir.clone(), show_progress: true },
            resume,
            from: self.from.clone(),
            checkpoint_every: settings.checkpoint_every,
            saves_in_background: settings.checkpoint_in_background,
            ..RunOptions::new(directory.clone())
        };
        output::tell(format_args!(
            "{} on {}, optimizer {}, schedule {}, lr {}, seed {}",
            trial.workload, trial.backend, trial.optimizer, trial.schedule, trial.lr, trial.seed
        ));
        let warnings = DataWarnings::new(!resume);
        warnings.find(&*workload, &options.source)?;
        warnings.print();
        if !resume && trial.recipe.split.is_some() && !workload.resamples(&options.source)? {
            let name = &trial.workload;
            output::warn(format_args!("`split` has no effect: the test part of {name} is fixed"));
        }
        let outcome = workload
            .train(&trial, &options, &mut Progress::new(workload.info()))
            .map_err(|error| with_output_hint(error, settings.output.as_deref()))?;
        output::tell_where(directory.path());
        if outcome.status == Status::Diverged {
            output::error(format_args!("diverged: {}", outcome.reason.as_deref().unwrap_or_default()));
            if let Some(trace) = &outcome.trace {
                output::tell(trace);
            }
            return Err(Exit::Failure);
        }
        Ok(Run { workload, trial, directory, outcome })
    }
}

/// Returns whether a run of `trial` in `directory` resumes an earlier one.
fn may_resume(directory: &RunDirectory, trial: &Trial, overwrite: bool) -> Result<bool, Error> {
    let path = directory.path().display();
    match directory.find(trial)? {
        Found::Nothing | Found::Finished => Ok(false),
        Found::Unfinished if overwrite => Ok(false),
        Found::Unfinished => {
            output::tell(format_args!(
                "{path} holds this run, unfinished: resuming it (--overwrite starts over)"
            ));
            Ok(true)
        }
        Found::OtherTrial if overwrite => Ok(false),
        Found::OtherTrial => {
            Err(Error::usage(format!("{path} holds another run: choose another --output, or --overwrite it")))
        }
        Found::ForeignFiles => {
            Err(Error::usage(format!("{path} holds files that are not a run: choose another --output")))
        }
    }
}

/// Runs `optlab train`.
///
/// # Errors
/// The errors of [`TrainArgs::train`].
pub fn run(command: &TrainCommand) -> Result<(), Exit> {
    match (&command.args.resume, &command.workload) {
        (Some(_), Some(_)) => {
            Err(Error::usage("--resume takes the workload from the run: leave it out").into())
        }
        (None, Some(_)) if command.args.from.is_some() => {
            Err(Error::usage("--from takes the workload from the run: leave it out").into())
        }
        (Some(directory), None) => command.args.resume(directory).map(|_| ()),
        (None, Some(workload)) => {
            command.args.train(&text_of(workload, command.target.as_deref())?).map(|_| ())
        }
        // With --from the trunk names the workload.
        (None, None) => command.args.train("").map(|_| ()),
    }
}
