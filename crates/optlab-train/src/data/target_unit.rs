//! The unit of a target.

use serde::{Deserialize, Serialize};

/// How a standardized target converts to its own unit: `own = mean + scale · standardized`.
///
/// The default, mean 0 and scale 1, is for a target that was not standardized.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TargetUnit {
    /// The value of a standardized 0, in the target's own unit.
    pub mean: f64,
    /// One standardized unit, in the target's own unit.
    pub scale: f64,
}

impl Default for TargetUnit {
    fn default() -> Self {
        TargetUnit { mean: 0.0, scale: 1.0 }
    }
}
