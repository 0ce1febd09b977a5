//! How a trial names its workload.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The workload of a trial: its name, and its version if it has one.
///
/// A workload that comes with the program has no version; it is written as its name alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkloadSpec {
    /// The name.
    pub name: String,
    /// The fingerprint of code, data files and parameter shapes; trials of two versions are never mixed.
    pub version: Option<String>,
}

impl From<&str> for WorkloadSpec {
    fn from(name: &str) -> Self {
        WorkloadSpec { name: name.into(), version: None }
    }
}

impl From<String> for WorkloadSpec {
    fn from(name: String) -> Self {
        WorkloadSpec { name, version: None }
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
}

impl Serialize for WorkloadSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.version {
            None => serializer.serialize_str(&self.name),
            Some(_) => {
                Fields { name: self.name.clone(), version: self.version.clone() }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for WorkloadSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Name(String),
            Fields(Fields),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Name(name) => name.into(),
            Form::Fields(Fields { name, version }) => WorkloadSpec { name, version },
        })
    }
}
