//! What several test files need.

use optlab::train::Observer;

/// Stops a run after that many steps of its own.
pub struct StopAfter(pub usize);

impl Observer for StopAfter {
    fn interrupts(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}
