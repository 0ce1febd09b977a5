//! Looks inside a training: what its steps do to each tensor, where a value that is not finite comes from,
//! and what the curves of a run mean.
//!
//! A run with [`Recipe::diagnose`](crate::train::Recipe) records a [`Diagnosis`] every so many steps. The
//! measurements follow Cockpit (Schneider, Dangel & Hennig, 2021, <https://arxiv.org/abs/2102.06604>) and
//! McCandlish et al. (2018, <https://arxiv.org/abs/1812.06162>).

mod activations;
mod case;
mod curvature;
mod finding;
mod flat;
mod instability;
mod noise;
mod probe;
mod record;
mod spec;
mod tensors;
mod trace;

pub use case::Case;
pub use finding::{Finding, Kind, findings};
pub use instability::{Instability, TrainingLoss};
pub use record::{ActivationRecord, CurvatureRecord, Diagnosis, GradientRecord, TensorRecord};
pub use spec::Diagnose;
pub use trace::{NotFinite, Trace};

pub(crate) use case::repeated;
pub(crate) use flat::{Gradients, Layout};
pub(crate) use probe::Probe;
pub(crate) use trace::Tracer;
