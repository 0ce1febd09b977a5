//! Derives the default search space of an optimizer from the declarations of its settings.

use optlab_core::settings::{Field, Search};
use optlab_optim::OptimizerSpec;
use optlab_stats::search::Distribution::{self, Choice, Complement, Integer, LogUniform, Uniform};
use optlab_stats::search::{Dimension, Space};
use serde_json::Value;

/// The largest number of settings that are searched besides the learning rate.
const MOST_SETTINGS: usize = 3;

/// Returns the search space of an optimizer around its settings: `lr` and at most three settings, in their
/// declared order of importance.
///
/// | setting | range of the search | reason |
/// |:--------|:--------------------|:-------|
/// | `lr` | a thirtieth to thirty times the default | three decades around it; AlgoPerf has two around 0.001 for `adamw` |
/// | `lr` of `sgd`, `lars` | a tenth to a thousand times the default | their default of 0.001 is not a recommendation; AlgoPerf has 0.02 to 5 |
/// | `lr` of `prodigy`, D-Adaptation, `dowg`, `dog`, `ldog`, `cocob`, `polyak`, `adadelta`, `lbfgs`, `burn.lbfgs` | a tenth to three times the default | it multiplies a rate that the rule estimates |
/// | [`Search::Momentum`] | 1 − β from a fifth to five times the default's | for 0.9 these are AlgoPerf's 0.02 to 0.5 |
/// | [`Search::Decay`] | 1 − β from a tenth to a hundred times the default's | for 0.999 these are 1e-4 to 1e-1; a short run can need a much shorter memory |
/// | [`Search::WeightDecay`] | 1e-5 to 1e-1; 1e-4 to 1 where the default is not 0 | most rules with a default decouple it, and AlgoPerf has 5e-3 to 1 for `adamw` |
/// | [`Search::Epsilon`] | a hundredth to a million times the default | Adam with a large `epsilon` becomes momentum (Choi et al.) |
///
/// Settings that only scale the rate (`trust_coefficient`, `d_coef`) and those that depend on the length of a
/// run (`warmup_steps`) are left out. A wrapper searches its own settings and the rate. A registered rule
/// that does not declare its settings is searched by the names of its settings.
///
/// # References
/// Choi et al., *On Empirical Comparisons of Optimizers for Deep Learning*, 2019,
/// <https://arxiv.org/abs/1910.05446>; Sivaprasad et al., *Optimizer Benchmarking Needs to Account for
/// Hyperparameter Tuning*, 2020, <https://arxiv.org/abs/1910.11758>; Dahl et al., *Benchmarking Neural
/// Network Training Algorithms*, 2023, <https://arxiv.org/abs/2306.07179>
pub fn default_space(optimizer: &OptimizerSpec) -> Space {
    let values = optlab_core::spec::to_value(optimizer);
    space_around(&values, optimizer.settings(), optimizer.default_lr(), optimizer.lr_search())
}

fn space_around(values: &Value, settings: &[Field], default_lr: f64, lr_search: (f64, f64)) -> Space {
    let mut dimensions = vec![Dimension { name: "lr".into(), distribution: rate(default_lr, lr_search) }];
    let searched = searched(settings).into_iter().filter_map(|(name, search)| {
        // A number that follows a schedule stays with it.
        let distribution = distribution(search, values.get(name).filter(|value| !value.is_object())?)?;
        Some(Dimension { name: name.into(), distribution })
    });
    dimensions.extend(searched.take(MOST_SETTINGS));
    Space::of(dimensions)
}

fn rate(default: f64, (below, above): (f64, f64)) -> Distribution {
    // A rule that a program adds may have a default that is not a rate.
    let default = if default > 0.0 && default.is_finite() { default } else { 1e-3 };
    LogUniform { low: one_digit(default / below), high: one_digit(default * above) }
}

/// Returns the settings to search, the most important first.
fn searched(settings: &[Field]) -> Vec<(&str, Search)> {
    if settings.is_empty() {
        return BY_NAME.to_vec();
    }
    let mut searched: Vec<(u8, &str, Search)> = settings
        .iter()
        .filter_map(|field| field.search.map(|(place, how)| (place, field.name, how)))
        .collect();
    searched.sort_by_key(|(place, ..)| *place);
    searched.into_iter().map(|(_, name, how)| (name, how)).collect()
}

/// Settings with the same meaning in every rule, for rules that do not declare their settings.
const BY_NAME: [(&str, Search); 8] = [
    ("momentum", Search::Momentum),
    ("beta", Search::Momentum),
    ("beta_1", Search::Momentum),
    ("beta_2", Search::Decay),
    ("beta_3", Search::Decay),
    ("weight_decay", Search::WeightDecay),
    ("epsilon", Search::Epsilon),
    ("nesterov", Search::Flag),
];

/// Returns the distribution of a setting around its value; `None` if no search can start from that value.
fn distribution(search: Search, value: &Value) -> Option<Distribution> {
    match search {
        Search::Flag => Some(Choice(vec![true.into(), false.into()])),
        Search::Uniform(low, high) => Some(Uniform { low, high }),
        Search::Log(low, high) => Some(LogUniform { low, high }),
        Search::Integer(low, high) => Some(Integer { low, high }),
        Search::Choice(values) => Some(Choice(values.iter().map(|value| (*value).into()).collect())),
        Search::Momentum => decay(value.as_f64()?, 5.0, 5.0),
        Search::Decay => decay(value.as_f64()?, 10.0, 100.0),
        Search::WeightDecay => match value.as_f64()? {
            0.0 => Some(LogUniform { low: 1e-5, high: 1e-1 }),
            default if default > 0.0 => Some(LogUniform { low: 1e-4, high: 1.0 }),
            _ => None,
        },
        Search::Epsilon => {
            let default = value.as_f64().filter(|default| *default > 0.0 && *default < 1.0)?;
            Some(LogUniform { low: one_digit(default / 100.0), high: one_digit((default * 1e6).min(1.0)) })
        }
    }
}

/// Returns a search of 1 − β from `closer` times less to `farther` times more than the default's; `None` for
/// a default that is not in [0, 1).
fn decay(default: f64, closer: f64, farther: f64) -> Option<Distribution> {
    if !(0.0..1.0).contains(&default) {
        return None;
    }
    // A default of 0 means no momentum, so the usual range is searched: AlgoPerf's reaches up to 0.995. It
    // excludes 0, since `sgd` refuses `nesterov` without momentum.
    if default == 0.0 {
        return Some(Complement { low: 0.1, high: 0.99 });
    }
    let rest = 1.0 - default;
    // A decay below 0.5 has almost no memory.
    let largest = if rest < 0.5 { 0.5 } else { 1.0 };
    let end = |rest: f64| tidy(1.0 - one_digit(rest));
    Some(Complement { low: end((rest * farther).min(largest)), high: end(rest / closer) })
}

/// Rounds to one significant digit.
fn one_digit(x: f64) -> f64 {
    format!("{x:.0e}").parse().unwrap_or(x)
}

/// Rounds away the error in the last digits that subtracting from 1 leaves.
fn tidy(x: f64) -> f64 {
    format!("{x:.12}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use optlab_optim::RuleConfig;
    use serde_json::json;

    /// Returns the default search space of the rule `name`.
    fn space(name: &str) -> String {
        default_space(&name.parse().unwrap()).to_string()
    }

    /// Returns the default search space of a rule that does not declare its settings.
    fn undeclared(lr: f64, fields: Value) -> String {
        space_around(&fields, &[], lr, optlab_optim::AdamConfig::LR_SEARCH).to_string()
    }

    #[test]
    fn known_rules_have_the_spaces_of_the_literature() {
        // For beta_1, 1 − β is in AlgoPerf's range of 0.02 to 0.5. For beta_2 it is 1e-3: a tenth is 1e-4, a
        // hundred times is 1e-1.
        let betas = "lr=log(3e-5,3e-2),beta_1=complement(0.5,0.98),beta_2=complement(0.9,0.9999)";
        assert_eq!(space("adam"), format!("{betas},epsilon=log(1e-10,1e-2)"));
        assert_eq!(space("burn.adam"), format!("{betas},epsilon=log(1e-7,1e0)"));
        assert_eq!(space("adamw"), format!("{betas},weight_decay=log(1e-4,1e0)"));
        assert_eq!(
            space("sgd"),
            "lr=log(1e-4,1e0),momentum=complement(0.1,0.99),weight_decay=log(1e-5,1e-1),nesterov=choice(true,false)"
        );
        assert_eq!(
            space("rmsprop"),
            "lr=log(3e-4,3e-1),momentum=complement(0.1,0.99),alpha=complement(0.5,0.999),epsilon=log(1e-10,1e-2)"
        );
    }

    #[test]
    fn a_rate_that_multiplies_another_stays_near_one() {
        let names =
            ["prodigy", "dadapt_adam", "dowg", "dog", "cocob", "polyak", "adadelta", "lbfgs", "burn.lbfgs"];
        for name in names {
            let space = space(name);
            assert!(format!("{space},").starts_with("lr=log(1e-1,3e0),"), "{name}: {space}");
        }
        assert!(space("schedule_free_sgd").starts_with("lr=log(3e-2,3e1),"));
        for no_rate in [f64::NAN, 0.0, f64::INFINITY] {
            assert_eq!(undeclared(no_rate, json!({})), "lr=log(3e-5,3e-2)");
        }
    }

    #[test]
    fn a_number_that_follows_a_schedule_is_not_searched() {
        assert_eq!(space("sam:rho=(linear:to=0.01)"), "lr=log(3e-5,3e-2)");
        let rest = "lr=log(3e-5,3e-2),beta_2=complement(0.9,0.9999),weight_decay=log(1e-4,1e0)";
        assert!(space("adamw:beta_1=(linear:to=0.5)").starts_with(rest));
    }

    #[test]
    fn a_wrapper_searches_its_own_field() {
        for (name, own) in [
            ("sam", "rho=log(1e-2,5e-1)"),
            ("ema", "decay=complement(0.9,0.9999)"),
            ("lookahead", "alpha=uniform(0.2,0.8),steps=int(5,10)"),
            ("clip", "norm=log(1e-1,1e1)"),
            ("decay", "weight_decay=log(1e-4,1e0)"),
        ] {
            assert_eq!(space(name), format!("lr=log(3e-5,3e-2),{own}"));
        }
        assert_eq!(space("cautious"), "lr=log(3e-5,3e-2)");
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
            assert_eq!(undeclared(1e-3, fields), "lr=log(3e-5,3e-2)");
        }
        assert_eq!(undeclared(1e-3, json!({"epsilon": 1e-3})), "lr=log(3e-5,3e-2),epsilon=log(1e-5,1e0)");
        // 1 − 0.2 = 0.8: a hundred times that is limited to 1, and a tenth of it is 0.08.
        assert_eq!(undeclared(1e-3, json!({"beta_2": 0.2})), "lr=log(3e-5,3e-2),beta_2=complement(0,0.92)");
    }

    #[test]
    fn every_rule_has_a_valid_space_around_its_defaults() {
        for spec in OptimizerSpec::all() {
            let name = spec.name();
            let table = optlab_core::spec::to_value(&spec);
            let space = default_space(&spec);
            assert_eq!(space, space.to_string().parse().unwrap(), "{name}");
            assert!(space.dimensions().len() <= 4 && space.dimensions()[0].name == "lr", "{name}: {space}");
            let lr = json!(spec.default_lr());
            for Dimension { name: field, distribution } in space.dimensions() {
                let default = table.get(field).unwrap_or(&lr);
                // A default of 0 lies outside every logarithmic and every complement range.
                let is_off = default.as_f64() == Some(0.0)
                    && matches!(distribution, LogUniform { .. } | Complement { .. });
                assert!(is_off || distribution.unit_of(default).is_some(), "{name}: {field} in {space}");
            }
        }
    }
}
