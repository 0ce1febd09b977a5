//! Whether rules and schedules do what their reference implementations do: every one is run beside the numbers of its
//! files in `references/`, and so are Burn's built-ins with the same settings.
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
//! A folder of references has two parts, [`References::of_folder`] reads both:
//!
//! | file                | holds                                                                                  |
//! |:--------------------|:---------------------------------------------------------------------------------------|
//! | `optimizers/*.json` | `rule`, `config`, `reference`, `learning_rate` (one, or one a step), `stream`, `expected[STEP][i]`: parameter `i` after that many steps, and perhaps `expected_eval`: the same as evaluated with |
//! | another of these, named by `stream` | `parameters` (`shape` of rank 0 to 4, `initial`) and `gradients[t][i]`  |
//! | `schedules/*.json`  | `schedule`, `config`, `reference`, `expected[t]`: the rate of step `t`, and perhaps `metrics[t]`: what is measured after it |
//!
//! Tensors are lists of numbers, row-major, nested or not; one of rank 0 is run as one of shape `[1]`, as Burn has it. Fields that are not named here are left alone.

mod bundled;
mod burn_counterpart;
mod check;
mod flat;
mod parameters;
mod rates;
mod references;
mod subject;
mod tolerance;
mod trajectory;

pub use check::{Check, Outcome, burns, own};
pub use parameters::{On, Way};
pub use references::References;
pub use tolerance::Deviation;
