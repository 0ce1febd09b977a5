//! Hyper-parameter search: which values to try, which trials to stop early, and how to evaluate the trials at
//! the end.
//!
//! This module does not train. A [`Space`] defines what is searched, a [`Sampler`] chooses the point of each
//! trial, a [`Pruner`] decides which trials to stop early; [`importance`](importance()) and
//! [`flatness`](flatness()) evaluate the finished trials. All are pure functions of their arguments, so an
//! interrupted search resumes exactly, and a search on another machine gives the same points.
//!
//! ```
//! use optlab_stats::search::{Sampler, Space};
//!
//! let space: Space = "lr=log(1e-4,1e-1),beta_1=complement(0.5,0.99)".parse()?;
//! let point = Sampler::Sobol.point(1, &space, 0, &[]);
//! for (name, value) in space.values(&point) {
//!     println!("{name}={value}");
//! }
//! # Ok::<(), optlab_stats::Error>(())
//! ```

mod distribution;
mod flatness;
mod importance;
mod pruner;
mod sampler;
mod space;

pub use distribution::Distribution;
pub use flatness::{Flatness, Interval, TOLERANCE, flatness};
pub use importance::{FEWEST_TRIALS, Importance, LEVEL, NoImportance, importance};
pub use pruner::{Pruner, Reports};
pub use sampler::{Observation, Sampler};
pub use space::{Dimension, Space};
