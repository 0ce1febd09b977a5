//! Random results for simulations: of tests only.

use optlab_core::random::{Purpose, stream};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A source of random results.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(stream(seed, Purpose::Order, 1))
    }

    /// Draws a number in `(0, 1)`.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(super) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    pub(super) fn log_normal(&mut self) -> f64 {
        self.normal().exp()
    }

    /// Draws from Student's distribution with two degrees of freedom.
    pub(super) fn student_2(&mut self) -> f64 {
        self.normal() / self.exponential().sqrt()
    }

    /// Returns whether something with this probability happened.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }
}
