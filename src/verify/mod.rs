//! Checks rules and schedules against their reference implementations: runs each, and Burn's built-ins with
//! the same settings, and compares the results with the numbers of its files in `references/`.
//!
//! ```
//! use optlab::verify::{self, On, References, Way};
//!
//! let on = On { device: optlab::device::open("flex")?, way: Way::InPlace };
//! let checks = verify::own(&References::bundled(), &on);
//! assert!(checks.iter().all(|check| check.passed() == Some(true)));
//! # Ok::<(), optlab::Error>(())
//! ```
//!
//! A folder of references has two parts; [`References::of_folder`] reads both:
//!
//! - `optimizers/*.json`: `rule`, `config`, `reference`, `source`, `learning_rate`, `stream` or
//!   `objective`, `expected`, `expected_eval`, `curvature_gradients`, `batch_size` and `losses`;
//! - a stream: `parameters`, each with `shape` (rank 0 to 4) and `initial`; `gradients[t][i]`;
//! - an objective, for rules that evaluate gradients at several points: `parameters`, and `objective`:
//!   `quadratic`, with a matrix `curvature` and a vector `slope`, or `rosenbrock`;
//! - `schedules/*.json`: `schedule`, `config`, `reference`, `source`, `expected[t]`, `metrics[t]`.
//!
//! `source` says whose code computed the numbers: `authors`, `package` or `formula` ([`Source`]).
//!
//! Streams and objectives lie in `optimizers/`, too; `stream` or `objective` is the file name.
//! `learning_rate` is one number, or one per step. Of a rule, `expected[STEP][i]` is parameter `i` after STEP
//! steps, and `expected_eval`, which is optional, the same for the parameters of evaluation.
//! `curvature_gradients[STEP][i]`, for a rule that estimates curvature, is the gradient under drawn labels in
//! step STEP, counted from 1, and `batch_size` the number of examples that it is a mean over. `losses[t]`,
//! for a rule that needs it, is the loss of step `t`. Of a schedule, `expected[t]` is the rate of step `t`,
//! and `metrics[t]`, which is optional, the metric measured after it.
//!
//! Tensors are lists of numbers, row-major, nested or not. A tensor of rank 0 becomes one of shape `[1]`,
//! since Burn has no rank 0. Other fields are ignored.

mod bundled;
mod burn_counterpart;
mod check;
mod flat;
mod parameters;
mod rates;
mod references;
mod source;
mod subject;
mod tolerance;
mod trajectory;

pub use check::{Check, Outcome, burns, own, own_rules, own_schedules};
pub use parameters::{On, Way};
pub use references::References;
pub use source::Source;
pub use tolerance::Deviation;
