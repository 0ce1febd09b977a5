//! The workloads that can be named: those that come with the program, and those that a program registers.

mod any_workload;
mod fingerprint;

pub use any_workload::{AnyWorkload, Evaluated, Predicted, SavedRun};

use crate::Error;
use crate::data::Source;
use crate::train::Trial;
use crate::workload::{self, Workload, WorkloadSpec};
use optlab_core::spec;
use std::collections::BTreeMap;
use std::path::PathBuf;
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
    spec::check_plain_name(KIND, &info.name)?;
    if info.measures.is_empty() {
        let reason = "it has no measure; trials are judged by the first one".into();
        return Err(Error::Workload { workload: info.name, reason });
    }
    // One lock covers the check and the insertion, so that two threads cannot register the same name.
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let is_taken = workload::all().iter().map(Workload::info).any(|other| other.name == info.name)
        || registered.iter().any(|other| other.info().name == info.name);
    if is_taken {
        return Err(optlab_core::Error::NameTaken { kind: KIND, name: info.name }.into());
    }
    registered.push(Arc::new(workload));
    Ok(())
}

/// Returns all workloads: those that come with the program, then the registered ones.
pub fn all() -> Vec<Arc<dyn AnyWorkload>> {
    let built_in = workload::all().into_iter().map(|workload| Arc::new(workload) as Arc<dyn AnyWorkload>);
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    built_in.chain(registered.iter().cloned()).collect()
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

/// Returns the workload of a saved trial, of whichever version it is now.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName); [`Usage`](optlab_core::Error::Usage) for a workload that
/// another program registered.
pub fn find_saved(spec: &WorkloadSpec) -> Result<Arc<dyn AnyWorkload>, Error> {
    match (find(&spec.name), &spec.version) {
        (Err(_), Some(_)) => Err(Error::usage(format!(
            "this program has no workload `{}`: use the program that registers it and made the trial",
            spec.name
        ))),
        (found, _) => found,
    }
}

/// Returns the default trial of a workload, with its version.
///
/// # Errors
/// Data that cannot be read; a model that does not fit them.
pub fn trial(workload: &dyn AnyWorkload, source: &Source) -> Result<Trial, Error> {
    /// Versions that were computed before, by name and data folder: the data are read for each.
    type Versions = BTreeMap<(String, Option<PathBuf>), Option<String>>;
    static VERSIONS: Mutex<Versions> = Mutex::new(BTreeMap::new());
    let mut trial = Trial::new(&workload.info());
    let key = (trial.workload.name.clone(), source.data_dir.clone());
    let mut versions = VERSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    trial.workload.version = match versions.get(&key) {
        Some(version) => version.clone(),
        None => versions.entry(key).or_insert(workload.fingerprint(source)?).clone(),
    };
    Ok(trial)
}

/// Returns the workload of a saved trial, after checking that it still has the trial's version.
///
/// # Errors
/// As [`find_saved`]; [`Error::Workload`] naming both versions; data that cannot be read.
pub fn find_version(spec: &WorkloadSpec, source: &Source) -> Result<Arc<dyn AnyWorkload>, Error> {
    let workload = find_saved(spec)?;
    let now = trial(&*workload, source)?.workload.version;
    if now == spec.version {
        return Ok(workload);
    }
    let named = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".into());
    let reason = format!(
        "the run is of version {}, and the workload is now of version {}: its code, its data or its model changed",
        named(&spec.version),
        named(&now)
    );
    Err(Error::Workload { workload: spec.name.clone(), reason })
}
