//! A rule of one's own, AddSign (Bello et al., 2017), compared with AdamW over three seeds.
//!
//! `cargo run --example custom_optimizer` writes artifacts/mine, which is to be removed after a change of the rule.

use optlab::kernel::{Update, Value, compute_on_this_thread};
use optlab::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, register};
use optlab::{Error, cli, range};

/// mₜ = β mₜ₋₁ + (1 − β) gₜ, θₜ = θₜ₋₁ − ηₜ (1 + sign(gₜ) sign(mₜ)) gₜ: twice the gradient where it agrees with its mean.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct AddSign {
    beta: f64,
}

impl RuleConfig for AddSign {
    const DEFAULT_LR: f64 = 0.1;
    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        range::check(owner, [("beta", self.beta, range::BELOW_ONE)])?;
        Ok(vec![ParameterRule::elementwise(*self)])
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

#[derive(Clone, Copy)]
struct Step {
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
    match register("addsign", "twice the gradient where it agrees with its mean", AddSign { beta: 0.9 }) {
        // All of `optlab`, with the rule: `-- list optimizers`, `-- train …`. The comparison's workers come here too.
        Ok(_) => cli::main_or(compare),
        Err(error) => cli::finish(Err(error.into())),
    }
}
