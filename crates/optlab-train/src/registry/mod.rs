//! The workloads that can be named: those that come with the program, and those that a program registers.

mod any_workload;
mod explainable;
mod fingerprint;
mod inspect;

pub use any_workload::{AnyWorkload, Evaluated, Generated, Inspected, Predicted, SavedRun};
pub use explainable::{Explainable, Part, RowSet};
pub use inspect::ParameterSummary;

use crate::Error;
use crate::data::Source;
use crate::problem::{Problem, ProblemWorkload, WorkloadSpec};
use crate::train::Trial;
use crate::workload::{self, Workload, language};
use optlab_core::spec::check_plain_name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The kind of name, for errors.
const KIND: &str = "workload";

static REGISTERED: RwLock<Vec<Arc<dyn AnyWorkload>>> = RwLock::new(Vec::new());

/// Adds a workload, so that every command knows it by its name.
///
/// Worker processes are this same program, so it registers its workloads first and then calls `cli::main`.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a name that is not letters, digits, `.`, `-` and
/// `_`; [`NameTaken`](optlab_core::Error::NameTaken); [`Error::Workload`] for a workload without a measure.
pub fn register<W: Workload + 'static>(workload: W) -> Result<(), Error> {
    let info = workload.info();
    check_plain_name(KIND, &info.name)?;
    if info.measures.is_empty() {
        let reason = "it has no measure; trials are judged by the first one".into();
        return Err(Error::Workload { workload: info.name, reason });
    }
    // One lock covers the check and the insertion, so that two threads cannot register the same name.
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let is_taken = own().iter().chain(registered.iter()).any(|other| other.info().name == info.name);
    if is_taken {
        return Err(optlab_core::Error::NameTaken { kind: KIND, name: info.name }.into());
    }
    registered.push(Arc::new(workload));
    Ok(())
}

/// Returns the workloads that come with the program.
fn own() -> Vec<Arc<dyn AnyWorkload>> {
    let of_rows = workload::all().into_iter().map(|workload| Arc::new(workload) as Arc<dyn AnyWorkload>);
    let of_tokens = language::all().into_iter().map(|workload| Arc::new(workload) as Arc<dyn AnyWorkload>);
    of_rows.chain(of_tokens).collect()
}

/// Returns all workloads: those that come with the program, then the registered ones.
pub fn all() -> Vec<Arc<dyn AnyWorkload>> {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    own().into_iter().chain(registered.iter().cloned()).collect()
}

/// Returns the workload called `name`.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName).
pub fn find(name: &str) -> Result<Arc<dyn AnyWorkload>, Error> {
    let all = all();
    let names: Vec<String> = all.iter().map(|workload| workload.info().name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let unknown = Error::unknown_name(KIND, name, &names);
    all.into_iter().find(|workload| workload.info().name == name).ok_or(unknown)
}

/// Returns the workload of a spec: a problem, or the workload of that name.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName); [`Usage`](optlab_core::Error::Usage) for a workload that
/// another program registered.
pub fn open(spec: &WorkloadSpec) -> Result<Arc<dyn AnyWorkload>, Error> {
    match &spec.problem {
        Some(problem) => Ok(Arc::new(ProblemWorkload::new((**problem).clone()))),
        None => find(&spec.name).map_err(|error| match &spec.version {
            None => error,
            Some(_) => Error::usage(format!(
                "this program has no workload `{}`: use the program that registers it and made the trial",
                spec.name
            )),
        }),
    }
}

/// Returns the workload of a trial, with the trial's settings of the model.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName); settings that the model does not have.
pub fn open_trial(trial: &Trial) -> Result<Arc<dyn AnyWorkload>, Error> {
    let workload = open(&trial.workload)?;
    if trial.model.is_empty() { Ok(workload) } else { workload.with_model(&trial.model) }
}

/// Returns the default trial of the workload that `text` names on the command line or in a plan: a name, or
/// the path of a problem's file.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName); a problem's file or data that cannot be read; a model
/// that does not fit the data.
pub fn trial(text: &str, source: &Source) -> Result<Trial, Error> {
    let spec = spec(text, source)?;
    let info = open(&spec)?.info();
    Ok(Trial { workload: spec, ..Trial::new(&info) })
}

/// Returns the spec that `text` names, with its version. It is computed once, since the data are read for it.
fn spec(text: &str, source: &Source) -> Result<WorkloadSpec, Error> {
    /// Specs by text and data folder.
    type Specs = BTreeMap<(String, Option<PathBuf>), WorkloadSpec>;
    static SPECS: Mutex<Specs> = Mutex::new(BTreeMap::new());
    let key = (text.to_string(), source.data_dir.clone());
    let mut specs = SPECS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(spec) = specs.get(&key) {
        return Ok(spec.clone());
    }
    let spec = if is_path(text) {
        let problem = Problem::open(Path::new(text))?;
        let version = Some(problem.version(source)?);
        WorkloadSpec { name: problem.name.clone(), version, problem: Some(Box::new(problem)) }
    } else {
        let version = find(text)?.fingerprint(source)?;
        WorkloadSpec { version, ..text.into() }
    };
    specs.insert(key, spec.clone());
    Ok(spec)
}

/// Returns whether a text is the path of a problem's file rather than a name.
pub fn is_path(text: &str) -> bool {
    Path::new(text).extension().is_some_and(|extension| extension == "toml")
}

/// Returns the workload of a saved trial, after checking that it still has the trial's version.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName); [`Error::Workload`] naming both versions; data that
/// cannot be read.
pub fn open_version(trial: &Trial, source: &Source) -> Result<Arc<dyn AnyWorkload>, Error> {
    let WorkloadSpec { name, version, problem } = &trial.workload;
    let now = match problem {
        Some(problem) => Some(problem.version(source)?),
        None => {
            open(&trial.workload)?;
            spec(name, source)?.version
        }
    };
    if now == *version {
        return open_trial(trial);
    }
    let named = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".into());
    let reason = format!(
        "the run is of version {}, and the workload is now of version {}: its code, its data or its model changed",
        named(version),
        named(&now)
    );
    Err(Error::Workload { workload: name.clone(), reason })
}
