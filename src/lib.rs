//! Which optimizer, which learning-rate schedule, on my problem and my hardware?
//!
//! `optlab` trains [Burn](burn) modules on swappable backends with its own and Burn's optimizers and
//! schedules, compares them under one protocol, and keeps checkpoints that resume exactly where they stopped.

pub mod bench;
pub mod cli;
pub mod prelude;
pub mod verify;

pub use optlab_compare::{self as compare, chart, report, tune};
pub use optlab_core::{random, range, spec};
pub use optlab_explain as explain;
pub use optlab_kernel as kernel;
pub use optlab_optim::{self as optim, schedule};
pub use optlab_stats::{search, statistics};
pub use optlab_train::{Error, data, device, model, nn, objective, train};

#[cfg(feature = "burn-train")]
pub use optlab_train::burn_train;

/// Workloads: what is trained on what, with which loss and measures; the registry knows them by name.
pub mod workload {
    pub use optlab_core::{Direction, Metric};
    pub use optlab_train::problem::{Problem, WorkloadSpec};
    pub use optlab_train::registry::{
        AnyWorkload, Explainable, Part, RowSet, SavedRun, all, find, open, open_trial, register, trial,
    };
    pub use optlab_train::workload::{
        Answer, BuiltIn, Defaults, Element, Generation, Info, Language, Network, Parts, Prediction, RowFacts,
        RowModel, RowTarget, Rows, Supervised, Tally, Workload, built_in, language,
    };
}
