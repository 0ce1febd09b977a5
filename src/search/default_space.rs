//! The search space that a rule comes with.

use super::distribution::Distribution::{self, Choice, Complement, Integer, LogUniform, Uniform};
use super::space::{Dimension, Space};
use serde_json::Value;

/// The search space of the rule `name`, made of its `fields` with their defaults and of its default learning rate: `lr`
/// and at most three of the fields.
///
/// | what | searched over | why |
/// |:-----|:--------------|:----|
/// | `lr` | a thirtieth to thirty times the default | three decades around it; AlgoPerf has two around 0.001 for `adamw` |
/// | `lr` of `sgd`, `lars` | a tenth to a thousand times | their default of 0.001 is no recommendation; AlgoPerf has 0.02 to 5 |
/// | `lr` of `prodigy`, `dadapt_adam`, `dowg`, `adadelta`, `burn.lbfgs` | a tenth to three times | it multiplies a rate that the rule finds |
/// | `momentum`, `beta`, `beta_1` | 1 − β from a fifth to five times the default | for 0.9 these are AlgoPerf's 0.02 to 0.5 |
/// | other decays | 1 − β from a tenth to a hundred times | for 0.999 these are 1e-4 to 1e-1; in a short run a much shorter memory can be the better one |
/// | `weight_decay` | 1e-5 to 1e-1; 1e-4 to 1 where the default is not 0 | of the rules with one by default most decouple it, and AlgoPerf has 5e-3 to 1 for `adamw` |
/// | `epsilon` | a hundredth to a million times | Adam with a large one becomes momentum (Choi et al.) |
///
/// Fields that only scale the rate (`trust_coefficient`, `d_coef`), and those that depend on the length of a run
/// (`warmup_steps`), are left out. A rule around another searches its own field and the rate; a rule that is not known here
/// the fields of it whose names are. Burn's rules are searched like those of the same name.
///
/// # References
/// Choi et al., *On Empirical Comparisons of Optimizers for Deep Learning*, 2019, <https://arxiv.org/abs/1910.05446>;
/// Sivaprasad et al., *Optimizer Benchmarking Needs to Account for Hyperparameter Tuning*, 2020,
/// <https://arxiv.org/abs/1910.11758>; Dahl et al., *Benchmarking Neural Network Training Algorithms*, 2023,
/// <https://arxiv.org/abs/2306.07179>
pub fn for_rule(name: &str, fields: &[(String, Value)], default_lr: f64) -> Space {
    let rule = name.strip_prefix("burn.").unwrap_or(name);
    let mut dimensions = vec![Dimension { name: "lr".into(), distribution: rate(rule, default_lr) }];
    let searched = main_fields(rule).iter().filter_map(|field| {
        let (name, default) = fields.iter().find(|(name, _)| name == field)?;
        let distribution = own(rule, field).or_else(|| by_name(field, default))?;
        Some(Dimension { name: name.clone(), distribution })
    });
    dimensions.extend(searched.take(3));
    Space::of(dimensions)
}

fn rate(rule: &str, default: f64) -> Distribution {
    // A rule of a program may have none that makes sense.
    let default = if default > 0.0 && default.is_finite() { default } else { 1e-3 };
    let (below, above) = match rule {
        "sgd" | "lars" => (10.0, 1000.0),
        "prodigy" | "dadapt_adam" | "dowg" | "adadelta" | "lbfgs" => (10.0, 3.0),
        _ => (30.0, 30.0),
    };
    LogUniform { low: one_digit(default / below), high: one_digit(default * above) }
}

/// The fields of a rule that are worth a search, the most important first.
fn main_fields(rule: &str) -> &'static [&'static str] {
    match rule {
        "adafactor" => &["beta_2_decay", "decay_rate", "beta_1", "weight_decay"],
        "adadelta" => &["rho", "epsilon", "weight_decay"],
        "adam" | "adamax" | "radam" | "nadam" | "adabelief" | "yogi" | "adopt" => {
            &["beta_1", "beta_2", "epsilon"]
        }
        "adaptive_clip" => &["limit"],
        "ademamix" => &["beta_1", "beta_3", "alpha"],
        "asam" | "sam" => &["rho"],
        "clip" => &["norm"],
        "ema" => &["decay"],
        "ftrl" => &["l1", "l2"],
        "group" => &["lr_factor"],
        "lbfgs" => &["history_size"],
        "lookahead" => &["alpha", "steps"],
        "mars" => &["beta_1", "gamma", "weight_decay"],
        "rmsprop" => &["momentum", "alpha", "epsilon"],
        "rprop" => &["eta_minus", "eta_plus"],
        "sophia_g" => &["beta_1", "rho", "weight_decay"],
        "swa" => &["every"],
        // These mean the same in every rule that has them.
        _ => &["momentum", "beta", "beta_1", "beta_2", "beta_3", "weight_decay", "epsilon", "nesterov"],
    }
}

/// The distribution of a field that a single rule has.
fn own(rule: &str, field: &str) -> Option<Distribution> {
    let values = |values: &[u64]| Choice(values.iter().map(|value| (*value).into()).collect());
    Some(match (rule, field) {
        ("adafactor", "beta_2_decay" | "decay_rate") => Uniform { low: -0.95, high: -0.5 },
        ("adaptive_clip", "limit") => LogUniform { low: 1e-3, high: 0.2 },
        ("ademamix", "alpha") => Uniform { low: 1.0, high: 10.0 },
        ("asam", "rho") => LogUniform { low: 0.05, high: 5.0 },
        ("clip", "norm") => LogUniform { low: 0.1, high: 10.0 },
        // Against the sum of all gradients, not against one.
        ("ftrl", "l1" | "l2") => LogUniform { low: 1e-4, high: 10.0 },
        ("group", "lr_factor") => LogUniform { low: 0.1, high: 10.0 },
        ("lbfgs", "history_size") => values(&[5, 10, 20, 50, 100]),
        ("lookahead", "alpha") => Uniform { low: 0.2, high: 0.8 },
        ("lookahead", "steps") => Integer { low: 5, high: 10 },
        ("mars", "gamma") => LogUniform { low: 5e-3, high: 0.1 },
        ("rprop", "eta_minus") => Uniform { low: 0.3, high: 0.8 },
        ("rprop", "eta_plus") => Uniform { low: 1.05, high: 1.5 },
        ("sam", "rho") => LogUniform { low: 0.01, high: 0.5 },
        ("sophia_g", "rho") => LogUniform { low: 0.01, high: 0.2 },
        ("swa", "every") => values(&[1, 10, 100]),
        _ => return None,
    })
}

/// The distribution of a field that means the same in every rule, around its default; none around a default that is out of
/// range.
fn by_name(field: &str, default: &Value) -> Option<Distribution> {
    if field == "nesterov" {
        return Some(Choice(vec![true.into(), false.into()]));
    }
    let default = default.as_f64()?;
    match field {
        "momentum" | "beta" | "beta_1" => decay(default, 5.0, 5.0),
        "beta_2" | "beta_3" | "alpha" | "rho" | "decay" => decay(default, 10.0, 100.0),
        "weight_decay" if default == 0.0 => Some(LogUniform { low: 1e-5, high: 1e-1 }),
        "weight_decay" if default > 0.0 => Some(LogUniform { low: 1e-4, high: 1.0 }),
        "epsilon" if default > 0.0 && default < 1.0 => {
            Some(LogUniform { low: one_digit(default / 100.0), high: one_digit((default * 1e6).min(1.0)) })
        }
        _ => None,
    }
}

/// 1 − β from `closer` times smaller than that of the default to `farther` times larger.
fn decay(default: f64, closer: f64, farther: f64) -> Option<Distribution> {
    if !(0.0..1.0).contains(&default) {
        return None;
    }
    // Next to no momentum is the start of a search for one: AlgoPerf's reach up to 0.995. With none at all, `nesterov` of `sgd`
    // would be refused.
    if default == 0.0 {
        return Some(Complement { low: 0.1, high: 0.99 });
    }
    let rest = 1.0 - default;
    // A decay below a half remembers next to nothing.
    let largest = if rest < 0.5 { 0.5 } else { 1.0 };
    let end = |rest: f64| tidy(1.0 - one_digit(rest));
    Some(Complement { low: end((rest * farther).min(largest)), high: end(rest / closer) })
}

/// Rounded to one significant digit.
fn one_digit(x: f64) -> f64 {
    format!("{x:.0e}").parse().unwrap_or(x)
}

/// Without what subtracting from 1 leaves in the last digits.
fn tidy(x: f64) -> f64 {
    format!("{x:.12}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::OptimizerSpec;
    use serde_json::json;

    fn space(name: &str, lr: f64, fields: Value) -> String {
        let fields: Vec<(String, Value)> = fields.as_object().unwrap().clone().into_iter().collect();
        for_rule(name, &fields, lr).to_string()
    }

    #[test]
    fn known_rules_have_the_spaces_of_the_literature() {
        let adam = json!({"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0});
        // beta_1 is AlgoPerf's 0.02 to 0.5 of 1 − β; for 0.999 a tenth and a hundredfold are 1e-4 and 1e-1.
        let betas = "lr=log(3e-5,3e-2),beta_1=complement(0.5,0.98),beta_2=complement(0.9,0.9999)";
        for name in ["adam", "burn.adam"] {
            assert_eq!(space(name, 1e-3, adam.clone()), format!("{betas},epsilon=log(1e-10,1e-2)"));
        }
        let adamw = json!({"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01});
        assert_eq!(space("adamw", 1e-3, adamw), format!("{betas},weight_decay=log(1e-4,1e0)"));
        assert_eq!(
            space(
                "sgd",
                1e-3,
                json!({"dampening": 0.0, "momentum": 0.0, "nesterov": false, "weight_decay": 0.0})
            ),
            "lr=log(1e-4,1e0),momentum=complement(0.1,0.99),weight_decay=log(1e-5,1e-1),nesterov=choice(true,false)"
        );
        assert_eq!(
            space(
                "rmsprop",
                0.01,
                json!({"alpha": 0.99, "epsilon": 1e-8, "momentum": 0.0, "weight_decay": 0.0})
            ),
            "lr=log(3e-4,3e-1),momentum=complement(0.1,0.99),alpha=complement(0.5,0.999),epsilon=log(1e-10,1e-2)"
        );
    }

    #[test]
    fn a_rate_that_multiplies_another_stays_near_one() {
        for name in ["prodigy", "dadapt_adam", "dowg", "adadelta", "burn.lbfgs"] {
            assert_eq!(space(name, 1.0, json!({})), "lr=log(1e-1,3e0)");
        }
        assert_eq!(space("schedule_free_sgd", 1.0, json!({})), "lr=log(3e-2,3e1)");
        assert_eq!(space("mine", f64::NAN, json!({})), "lr=log(3e-5,3e-2)");
        assert_eq!(space("mine", 0.0, json!({})), "lr=log(3e-5,3e-2)");
        assert_eq!(space("mine", f64::INFINITY, json!({})), "lr=log(3e-5,3e-2)");
    }

    #[test]
    fn a_rule_around_another_searches_its_own_field() {
        for (name, fields, own) in [
            ("sam", json!({"base": {"rule": "adamw", "beta_1": 0.9}, "rho": 0.05}), "rho=log(1e-2,5e-1)"),
            ("ema", json!({"base": {"rule": "adamw"}, "decay": 0.999}), "decay=complement(0.9,0.9999)"),
            ("lookahead", json!({"alpha": 0.5, "steps": 5}), "alpha=uniform(0.2,0.8),steps=int(5,10)"),
            ("clip", json!({"norm": 1.0, "value": null}), "norm=log(1e-1,1e1)"),
            ("decay", json!({"l1": 0.0, "weight_decay": 0.01}), "weight_decay=log(1e-4,1e0)"),
        ] {
            assert_eq!(space(name, 1e-3, fields), format!("lr=log(3e-5,3e-2),{own}"));
        }
        assert_eq!(space("cautious", 1e-3, json!({"base": {"rule": "adamw"}})), "lr=log(3e-5,3e-2)");
    }

    #[test]
    fn a_field_without_a_default_in_range_is_left_out() {
        for fields in [
            json!({"weight_decay": null}),
            json!({"weight_decay": -0.1}),
            json!({"epsilon": 0.0}),
            json!({"epsilon": 1.0}),
            json!({"beta_1": 1.0}),
            json!({"beta_1": -0.1}),
            json!({"alpha": 0.5}),
        ] {
            assert_eq!(space("mine", 1e-3, fields), "lr=log(3e-5,3e-2)");
        }
        assert_eq!(space("mine", 1e-3, json!({"epsilon": 1e-3})), "lr=log(3e-5,3e-2),epsilon=log(1e-5,1e0)");
        // 1 − 0.2 = 0.8, a hundredfold of it at most 1 and a tenth of it 0.08.
        assert_eq!(
            space("mine", 1e-3, json!({"beta_2": 0.2})),
            "lr=log(3e-5,3e-2),beta_2=complement(0,0.92)"
        );
    }

    #[test]
    fn every_rule_has_a_valid_space_around_its_defaults() {
        for spec in OptimizerSpec::all() {
            let name = spec.name();
            let table = crate::spec::to_value(&spec);
            let fields = table.as_object().unwrap().iter().filter(|(field, _)| *field != "rule");
            let fields: Vec<(String, Value)> =
                fields.map(|(field, value)| (field.clone(), value.clone())).collect();
            let space = for_rule(name, &fields, spec.default_lr());
            assert_eq!(space, space.to_string().parse().unwrap(), "{name}");
            assert!(space.dimensions().len() <= 4 && space.dimensions()[0].name == "lr", "{name}: {space}");
            let lr = json!(spec.default_lr());
            for Dimension { name: field, distribution } in space.dimensions() {
                let default = table.get(field).unwrap_or(&lr);
                // 0 is no start for a search over powers of ten, nor for one of decays.
                let is_off = default.as_f64() == Some(0.0)
                    && matches!(distribution, LogUniform { .. } | Complement { .. });
                assert!(is_off || distribution.unit_of(default).is_some(), "{name}: {field} in {space}");
            }
        }
    }
}
