//! The version of a workload: a fingerprint of everything besides the trial that decides a run.

use crate::Error;
use crate::data::Source;
use crate::device;
use crate::files::checksum;
use crate::train::{self, Trial};
use crate::workload::Workload;
use optlab_optim::parameter_shapes;

/// Returns the fingerprint of a workload's version text, data files and parameter shapes; `None` for a
/// workload without a version.
///
/// # Errors
/// Data that cannot be read; a model that does not fit them.
pub(super) fn of<W: Workload>(workload: &W, source: &Source) -> Result<Option<String>, Error> {
    let Some(version) = workload.version() else {
        return Ok(None);
    };
    let mut facts = vec![version];
    for file in workload.data_files(source)? {
        facts.push(checksum::of_file(&file)?);
    }
    let trial = Trial::new(&workload.info());
    let parts = train::prepared(workload, &trial, source)?;
    let device = device::open(device::default_backend())?;
    let model = workload.model(&parts.facts, trial.seed, &device)?;
    for (path, shape) in parameter_shapes(&model) {
        facts.push(format!("{path} {shape:?}"));
    }
    Ok(Some(checksum::fingerprint(facts.join("\n").as_bytes())))
}
