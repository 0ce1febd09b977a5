//! The norm of the gradients of a step.

use crate::around::GradientTransform;
use crate::around::gradient_transform::norm_of;
use crate::around::norm::Norm;
use crate::driver::{ModelOptimizer, walk};
use burn::module::Module;
use burn::optim::GradientsParams;

/// A norm that a device may still be computing.
#[derive(Debug, Clone)]
pub struct GradientNorm(pub(super) Norm);

impl GradientNorm {
    /// Returns the number; waits for the device.
    pub fn value(&self) -> f64 {
        self.0.value()
    }
}

impl ModelOptimizer {
    /// Applies the parts of the transform that cannot run in the pass, computes the norm, and returns the
    /// remaining transform and factor.
    pub(super) fn transform_gradients<M: Module>(
        &mut self,
        model: &M,
        gradients: &mut GradientsParams,
    ) -> GradientTransform {
        let parameters = &self.parameters.0;
        let each = |transform: GradientTransform| {
            let mut places = parameters.iter();
            move || places.next().map_or(transform, |parameter| walk::transform_of(transform, parameter))
        };
        let transform = self.transform.apply_by_tensor(model, gradients, each(self.transform));
        self.norm = transform.clip_norm.map(|_| norm_of(model, gradients, || each(transform)));
        transform
    }

    /// Returns the Euclidean norm of all gradients of the latest step together, before clipping; `None` if
    /// the [`GradientTransform`] does not clip it.
    pub fn gradient_norm(&self) -> Option<GradientNorm> {
        self.norm.clone().map(GradientNorm)
    }
}
