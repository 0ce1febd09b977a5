//! How a trial names its workload.

use crate::problem::Problem;
use optlab_core::spec::check_plain_name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The workload of a trial: its name, its version if it has one, and for a problem its whole description.
///
/// A workload that comes with the program has no version; it is written as its name alone.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadSpec {
    /// The name.
    pub name: String,
    /// The fingerprint of code, data files and parameter shapes; trials of two versions are never mixed.
    pub version: Option<String>,
    /// The problem; `None` for a workload that the program knows.
    pub problem: Option<Box<Problem>>,
}

impl WorkloadSpec {
    /// Returns how the command line names it: its name, or the path of its problem's file.
    pub fn argument(&self) -> String {
        match &self.problem {
            Some(problem) => problem.path().display().to_string(),
            None => self.name.clone(),
        }
    }

    /// Returns this spec without the place of its problem's file, as it is a part of a trial's identity.
    pub fn without_origin(&self) -> Self {
        let problem = self.problem.as_ref().map(|problem| Box::new(problem.without_origin()));
        WorkloadSpec { problem, ..self.clone() }
    }
}

impl From<&str> for WorkloadSpec {
    fn from(name: &str) -> Self {
        WorkloadSpec { name: name.into(), version: None, problem: None }
    }
}

impl fmt::Display for WorkloadSpec {
    /// Writes the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The form of a workload that is more than a name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<Box<Problem>>,
}

impl Serialize for WorkloadSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WorkloadSpec { name, version, problem } = self.clone();
        if version.is_none() && problem.is_none() {
            return serializer.serialize_str(&name);
        }
        Fields { name, version, problem }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WorkloadSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let Fields { name, version, problem } = match value {
            serde_json::Value::String(name) => Fields { name, version: None, problem: None },
            value => serde_json::from_value(value).map_err(serde::de::Error::custom)?,
        };
        // A name is part of the path of a run's folder.
        check_plain_name("workload", &name).map_err(serde::de::Error::custom)?;
        Ok(WorkloadSpec { name, version, problem })
    }
}
