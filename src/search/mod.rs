//! The search of hyper-parameters: which values to try, which trials to stop early, and what the trials say in the end.
//!
//! Nothing here trains. A [`Space`] says what is searched, a [`Sampler`] which point of it a trial takes, a [`Pruner`]
//! which trial is not worth going on with; [`importance`](importance()) and [`flatness`](flatness()) read the finished
//! trials. All are pure functions of what they are given, so a search that was stopped goes on as if it had not been,
//! and a search on other machines gives the same points.
//!
//! ```
//! use optlab::search::{Sampler, Space};
//!
//! let space: Space = "lr=log(1e-4,1e-1),beta_1=complement(0.5,0.99)".parse()?;
//! let point = Sampler::Sobol.point(1, &space, 0, &[]);
//! for (name, value) in space.values(&point) {
//!     println!("{name}={value}");
//! }
//! # Ok::<(), optlab::Error>(())
//! ```

mod default_space;
mod distribution;
mod flatness;
mod importance;
mod pruner;
mod sampler;
mod space;

pub use default_space::for_rule;
pub use distribution::Distribution;
pub use flatness::{Flatness, Interval, TOLERANCE, flatness};
pub use importance::{FEWEST_TRIALS, Importance, importance};
pub use pruner::{Pruner, Reports};
pub use sampler::{Observation, Sampler};
pub use space::{Dimension, Space};
