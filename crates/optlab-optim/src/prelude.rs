//! What a program that trains with an optimizer and a schedule imports: `use optlab_optim::prelude::*;`.
//!
//! ```
//! use burn::module::Param;
//! use burn::optim::GradientsParams;
//! use burn::tensor::{Device, Tensor};
//! use optlab_optim::prelude::*;
//!
//! let schedule = "cosine".parse::<ScheduleSpec>()?.build(Run::new(0.1, 200))?;
//! let mut optimizer = "adamw:weight_decay=0".parse::<OptimizerSpec>()?.build()?;
//! let device = Device::default().autodiff();
//! let mut theta = Param::from_tensor(Tensor::<1>::from_floats([3.0, -2.0], &device));
//! for step in 0..200 {
//!     (theta, _) = optimizer.step(schedule.lr_at(step), theta, |theta| {
//!         let loss = theta.val().square().sum();
//!         let gradients = GradientsParams::from_grads(loss.backward(), theta);
//!         (loss, gradients)
//!     });
//! }
//! assert!(theta.val().abs().max().into_scalar::<f32>() < 0.01);
//! # Ok::<(), optlab_optim::Error>(())
//! ```

pub use crate::kernel::compute_on_this_thread;
pub use crate::schedule::{Run, Schedule, ScheduleSpec};
pub use crate::{Error, Evaluate, Loss, ModelOptimizer, OptimizerChoice, OptimizerSpec};
