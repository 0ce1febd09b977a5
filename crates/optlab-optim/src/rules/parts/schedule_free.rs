//! The common part of the schedule-free rules: fast weights, their average, and the trained point between
//! them.

use optlab_kernel::Value;

/// The name of the buffer with the fast weights `z`.
pub(crate) const FAST: &str = "fast_weights";

/// The sum of the weights of the average, and the largest learning rate.
pub(crate) const NUMBERS: &[(&str, f64)] = &[("weight_sum", 0.0), ("largest_lr", 0.0)];

/// The settings of the average of the fast weights.
pub(crate) struct Averaging {
    pub beta: f64,
    pub r: f64,
    pub weight_lr_power: f64,
    pub warmup_steps: usize,
    /// Factor of `1 − β` in the share of the new fast weights; 0 for a share without it.
    pub decoupling: f64,
}

impl Averaging {
    pub fn at_step(&self, lr: f64, t: u64, numbers: &mut [f64]) -> AveragingStep {
        let [weight_sum, largest_lr] = numbers else { unreachable!("two numbers") };
        let warmup = self.warmup_steps as u64;
        let lr = if t < warmup { lr * t as f64 / warmup as f64 } else { lr };
        *largest_lr = largest_lr.max(lr);
        let weight = (t as f64).powf(self.r) * largest_lr.powf(self.weight_lr_power);
        *weight_sum += weight;
        let mut share = if *weight_sum == 0.0 { 0.0 } else { weight / *weight_sum };
        if self.decoupling > 0.0 {
            share = (share * (1.0 - self.beta) * self.decoupling).min(1.0);
        }
        let along_share = 1.0 - self.beta * (1.0 - share);
        AveragingStep { lr, share, along: lr * along_share, along_share }
    }
}

/// The coefficients of one step of the fast weights and of the trained point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AveragingStep {
    pub lr: f64,
    /// Share of the average that comes from the new fast weights.
    share: f64,
    /// Distance that the trained point moves against the direction.
    along: f64,
    /// Share of a move of the fast weights that the trained point makes.
    along_share: f64,
}

impl AveragingStep {
    /// Returns the new `θ = (1 − β) z + β x` after `z` moves by `−η d` and `x` by a share `c` towards `z`:
    /// `θ + c (z − θ) − η (1 − β (1 − c)) d`, with the previous `z`.
    #[inline(always)]
    pub fn update<V: Value>(&self, theta: V, direction: V, fast: &mut V) -> V {
        let towards = (fast.clone() - theta.clone()).mul_scalar(self.share);
        *fast = fast.clone() - direction.clone().mul_scalar(self.lr);
        theta + towards - direction.mul_scalar(self.along)
    }

    /// Does the same as [`update`](Self::update) after `z` moved to `moved` in any other way.
    #[inline(always)]
    pub fn follow<V: Value>(&self, theta: V, fast: &mut V, moved: V) -> V {
        let before = std::mem::replace(fast, moved);
        let towards = (before.clone() - theta.clone()).mul_scalar(self.share);
        theta + towards + (fast.clone() - before).mul_scalar(self.along_share)
    }
}

/// Returns the average, `x = (θ − (1 − β) z) / β`.
#[inline(always)]
pub(crate) fn average<V: Value>(theta: V, fast: &V, beta: f64) -> V {
    theta.clone() + (theta - fast.clone()).mul_scalar((1.0 - beta) / beta)
}
