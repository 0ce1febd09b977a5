//! Arguments shared by the subcommands that run many trials of one workload.

use crate::Error;
use crate::cli::folder_arg::Held;
use crate::cli::trial_settings::{TrialSettings, model_patch};
use crate::cli::workers::WorkerSettings;
use crate::cli::workload_arg::{WorkloadArg, short_name};
use clap::Args;
use optlab_compare::plan::Plan;
use optlab_compare::run::folder::Kind;
use optlab_train::device;
use optlab_train::model::ModelPatch;
use std::path::{Path, PathBuf};

/// A workload, the settings of its trials, and where they run.
#[derive(Debug, Args)]
pub struct OneWorkload {
    #[command(flatten)]
    workload: WorkloadArg,
    /// The backend [default: a GPU backend if compiled in, else flex]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Settings of the model that differ from the workload's, as mlp=[32],dropout=0.2 or dropout=0.2
    #[arg(long, value_name = "SPEC", value_parser = model_patch)]
    model: Option<ModelPatch>,
    #[command(flatten)]
    trial: TrialSettings,
    /// How the trials are run
    #[command(flatten)]
    pub workers: WorkerSettings,
    /// Output folder [default: artifacts/NAME, with a name made from the settings]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl OneWorkload {
    /// Returns the folder that was given in place of a workload, if it holds trials of this kind.
    ///
    /// # Errors
    /// The errors of [`Held::at`].
    pub fn folder_of(&self, kind: Kind) -> Result<Option<PathBuf>, Error> {
        let path = Path::new(self.workload.given());
        Ok((Held::at(path)? == Held::Trials(kind)).then(|| path.into()))
    }

    /// Returns whether a setting of the trials or another output folder is given.
    pub fn decides_something(&self) -> bool {
        let of_trials = self.trial != TrialSettings::default();
        of_trials || self.backend.is_some() || self.model.is_some() || self.output.is_some()
    }

    /// Returns a plan of this workload, with no optimizer yet.
    ///
    /// # Errors
    /// The errors of [`WorkloadArg::text`].
    pub fn plan(&self) -> Result<Plan, Error> {
        Ok(Plan {
            workloads: vec![self.workload.text()?],
            backends: vec![self.backend.clone().unwrap_or_else(|| device::default_backend().into())],
            model: self.model.clone().unwrap_or_default(),
            recipe: self.trial.0.clone().with_fixed_defaults(),
            ..Plan::default()
        })
    }

    /// Suggests `--output` in the error of a default output folder that may not be written.
    pub fn with_output_hint(&self, error: Error) -> Error {
        crate::cli::with_output_hint(error, self.output.as_deref())
    }

    /// Returns the output folder of `command` for `plan`.
    ///
    /// # Errors
    /// The errors of [`Plan::id`].
    pub fn output(&self, command: &str, plan: &Plan) -> Result<PathBuf, Error> {
        match &self.output {
            Some(output) => Ok(output.clone()),
            None => {
                let name = plan.workloads.first().map_or_else(String::new, |text| short_name(text));
                Ok(Path::new("artifacts").join(format!("{command}-{name}-{}", plan.id()?)))
            }
        }
    }
}
