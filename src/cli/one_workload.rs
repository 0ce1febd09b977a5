//! Arguments shared by the subcommands that run many trials of one workload.

use crate::Error;
use crate::cli::trial_settings::TrialSettings;
use crate::cli::workers::WorkerSettings;
use clap::Args;
use optlab_compare::plan::Plan;
use optlab_train::device;
use std::path::{Path, PathBuf};

/// A workload, the settings of its trials, and where they run.
#[derive(Debug, Args)]
pub struct OneWorkload {
    /// The workload: see `optlab list workloads`
    workload: String,
    /// The backend [default: a GPU backend if compiled in, else flex]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
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
    /// Returns a plan of this workload, with no optimizer yet.
    pub fn plan(&self) -> Plan {
        Plan {
            workloads: vec![self.workload.clone()],
            backends: vec![self.backend.clone().unwrap_or_else(|| device::default_backend().into())],
            recipe: self.trial.0.with_fixed_defaults(),
            ..Plan::default()
        }
    }

    /// Returns the output folder of `command` for `plan`.
    ///
    /// # Errors
    /// The errors of [`Plan::id`].
    pub fn output(&self, command: &str, plan: &Plan) -> Result<PathBuf, Error> {
        match &self.output {
            Some(output) => Ok(output.clone()),
            None => Ok(Path::new("artifacts").join(format!("{command}-{}-{}", self.workload, plan.id()?))),
        }
    }
}
