//! What the schedule-free rules have in common: fast weights, their average, and the point between them that is trained.

use optlab_kernel::Value;

/// The name of the buffer of the fast weights `z`.
pub(crate) const FAST: &str = "fast_weights";

/// The sum of the weights of the average, and the largest learning rate.
pub(crate) const NUMBERS: &[(&str, f64)] = &[("weight_sum", 0.0), ("largest_lr", 0.0)];

/// How the fast weights are averaged.
pub(crate) struct Averaging {
    pub beta: f64,
    pub r: f64,
    pub weight_lr_power: f64,
    pub warmup_steps: usize,
}

impl Averaging {
    pub fn at_step(&self, lr: f64, t: u64, numbers: &mut [f64]) -> Step {
        let [weight_sum, largest_lr] = numbers else { unreachable!("two numbers") };
        let warmup = self.warmup_steps as u64;
        let lr = if t < warmup { lr * t as f64 / warmup as f64 } else { lr };
        *largest_lr = largest_lr.max(lr);
        let weight = (t as f64).powf(self.r) * largest_lr.powf(self.weight_lr_power);
        *weight_sum += weight;
        let share = if *weight_sum == 0.0 { 0.0 } else { weight / *weight_sum };
        Step { lr, share, along: lr * (1.0 - self.beta * (1.0 - share)) }
    }
}

/// One step of the fast weights and of the point that is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub lr: f64,
    /// How much of the average is new.
    share: f64,
    /// What the point that is trained goes down the gradient.
    along: f64,
}

impl Step {
    /// With `θ = (1 − β) z + β x`, what becomes of `θ` when `z` goes by `−η d` and `x` by a share `c` towards `z`:
    /// `θ + c (z − θ) − η (1 − β (1 − c)) d`, where `z` is the one before.
    #[inline(always)]
    pub fn update<V: Value>(&self, theta: V, direction: V, fast: &mut V) -> V {
        let towards = (fast.clone() - theta.clone()).mul_scalar(self.share);
        *fast = fast.clone() - direction.clone().mul_scalar(self.lr);
        theta + towards - direction.mul_scalar(self.along)
    }
}

/// `x = (θ − (1 − β) z) / β`, the average.
#[inline(always)]
pub(crate) fn average<V: Value>(theta: V, fast: &V, beta: f64) -> V {
    theta.clone() + (theta - fast.clone()).mul_scalar((1.0 - beta) / beta)
}
