//! Defines a rule of your own, AddSign (Bello et al., 2017), and compares it with AdamW over three seeds.
//!
//! `cargo run --example custom_optimizer` writes artifacts/mine; remove that folder after you change the
//! rule.

use optlab::cli;
use optlab::kernel::{Update, Value, compute_on_this_thread};
use optlab::optim::settings::{Search, Settings};
use optlab::optim::{At, ElementwiseRule, Error, ParameterRule, Rule, RuleConfig, register, settings};

settings! {
    /// mₜ = β mₜ₋₁ + (1 − β) gₜ, θₜ = θₜ₋₁ − ηₜ (1 + sign(gₜ) sign(mₜ)) gₜ: twice the gradient where it
    /// agrees with its mean.
    pub struct AddSign {
        /// Decay of the mean of the gradients.
        beta: f64 = 0.9, "β", in BELOW_ONE, search(1, Search::Momentum);
    }
}

impl RuleConfig for AddSign {
    const DEFAULT_LR: f64 = 0.1;
    optlab::optim::settings_of!();
    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check(owner)?;
        Ok(vec![ParameterRule::elementwise(self.clone())])
    }
}

impl Rule for AddSign {
    const STATE: &'static [&'static str] = &["momentum"];
}

impl ElementwiseRule for AddSign {
    type Step = Step;
    fn at_step(&self, at: At<'_>) -> Step {
        Step { lr: at.lr, beta: self.beta }
    }
}

/// The coefficients of a step.
#[derive(Clone, Copy)]
pub struct Step {
    lr: f64,
    beta: f64,
}

impl Update for Step {
    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        *momentum = momentum.clone().mul_scalar(self.beta) + grad.clone().mul_scalar(1.0 - self.beta);
        let agreement = grad.clone().sign() * momentum.clone().sign();
        theta - (grad.clone() + agreement * grad).mul_scalar(self.lr)
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare =
        "compare --workloads digits-cnn --optimizers addsign,adamw --seeds 3 --output artifacts/mine";
    match register("addsign", "twice the gradient where it agrees with its mean", AddSign::default()) {
        // Runs all of `optlab`, including this rule: `-- list optimizers`, `-- train …`. The comparison's
        // workers start here, too.
        Ok(_) => cli::main_or(compare),
        Err(error) => cli::finish(Err(error.into())),
    }
}
