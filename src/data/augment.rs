//! Shifts and rotations of training images.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// How far a training image may be moved and turned; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Largest shift in each direction, in pixels.
    pub shift: u32,
    /// Largest rotation either way, in degrees, `[0, 180]`.
    pub rotation: f64,
}

impl Augmentation {
    /// Checks the fields against their ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`].
    pub fn validate(&self) -> Result<(), Error> {
        if !(0.0..=180.0).contains(&self.rotation) {
            return Err(Error::invalid(
                "trial",
                "rotation",
                "in [0, 180] degrees",
                self.rotation,
            ));
        }
        Ok(())
    }
}
