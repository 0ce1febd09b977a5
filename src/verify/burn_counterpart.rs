//! Translates the settings of our rules and schedules for Burn's built-ins of the same name.

use crate::Error;
use crate::verify::subject::{Subject, settings};
use serde_json::{Map, Value, json};

/// Renamed fields: the rule or schedule, our name, Burn's name.
const RENAMED: [(&str, &str, &str); 6] = [
    ("adamw", "cautious_decay", "cautious_weight_decay"),
    ("adafactor", "beta_2_decay", "decay_rate"),
    ("muon", "lr_scale", "adjust_lr_fn"),
    ("cosine", "total_steps", "num_iters"),
    ("linear", "total_steps", "num_iters"),
    ("linear", "end_lr", "final_lr"),
];

/// Renamed choices: the rule or schedule, our field, our choice, Burn's choice.
const RENAMED_CHOICES: [(&str, &str, &str, &str); 2] =
    [("muon", "lr_scale", "original", "Original"), ("muon", "lr_scale", "match_rms_adamw", "MatchRmsAdamW")];

/// Returns the name of Burn's counterpart of `name`, if there is one. Burn's L-BFGS has other settings with
/// other defaults, and is none.
pub(super) fn name<S: Subject>(name: &str) -> Option<String> {
    if name == "lbfgs" {
        return None;
    }
    let burns = if is_burns(name) { name.to_string() } else { format!("burn.{name}") };
    (is_burns(name) || S::names().contains(&burns.as_str())).then_some(burns)
}

/// Returns whether `name` is a built-in of Burn.
pub(super) fn is_burns(name: &str) -> bool {
    name.starts_with("burn.")
}

/// Returns Burn's built-in `burns` with the settings that `config` gives to `name`; missing settings get our
/// defaults.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a setting that Burn's built-in lacks or refuses,
/// unless it changes nothing.
pub(super) fn spec<S: Subject>(
    name: &str,
    burns: &str,
    config: &Map<String, Value>,
) -> Result<S::Spec, Error> {
    if name == burns {
        return S::spec(burns, config);
    }
    // If our rule is unknown or refuses the settings, the file's own settings are used.
    let config = S::spec(name, config).map_or_else(|_| config.clone(), |spec| settings::<S>(&spec));
    let mut translated = Map::new();
    let default = S::spec(burns, &Map::new())?;
    let known = serde_json::to_value(&default).unwrap_or_default();
    for (field, value) in config {
        let renamed = RENAMED.iter().find(|(owner, ours, _)| (*owner, *ours) == (name, field.as_str()));
        let burns_field = renamed.map_or(field.as_str(), |(_, _, burns)| *burns);
        if known.get(burns_field).is_some() {
            translated.insert(burns_field.into(), choice(name, &field, value));
        } else if let Some(idle) = idle_value(name, &field) {
            if value != idle {
                return Err(Error::invalid(
                    burns,
                    &field,
                    &format!("{idle}, as Burn has no such field"),
                    value,
                ));
            }
        } else {
            return Err(Error::invalid(burns, &field, "left out, as Burn has no such field", value));
        }
    }
    S::spec(burns, &translated)
}

/// Returns the value at which a field that Burn lacks changes nothing.
fn idle_value(name: &str, field: &str) -> Option<Value> {
    match (name, field) {
        ("adam" | "adamw", "bias_correction") => Some(json!(true)),
        ("rmsprop", "epsilon_inside_sqrt") | ("adafactor" | "adan" | "lion", "cautious_decay") => {
            Some(json!(false))
        }
        ("adagrad", "initial_accumulator_value") | ("adafactor", "beta_1") => Some(json!(0.0)),
        // Without `other` there is nothing to scale.
        ("muon", "other_lr_factor") => Some(json!(1.0)),
        ("muon", "coefficients") => Some(json!("quintic")),
        ("muon", "heads") => Some(json!(1)),
        _ => None,
    }
}

fn choice(name: &str, field: &str, value: Value) -> Value {
    let renamed = RENAMED_CHOICES
        .iter()
        .find(|(owner, of, ours, _)| (*owner, *of) == (name, field) && value.as_str() == Some(ours));
    renamed.map_or(value, |(.., burns)| Value::from(*burns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::subject::{Rule, Schedule};

    fn translated<S: Subject>(name: &str, config: Value) -> Result<String, String> {
        let burns = super::name::<S>(name).unwrap();
        let spec = spec::<S>(name, &burns, config.as_object().unwrap());
        spec.map(|spec| spec.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_missing_from_a_file_get_our_defaults() {
        // Burn's defaults are an epsilon of 1e-5, a momentum of 0.9 and a dampening of 0.1.
        assert_eq!(translated::<Rule>("adam", json!({})).unwrap(), "burn.adam:epsilon=1e-8");
        let rmsprop = translated::<Rule>("rmsprop", json!({"alpha": 0.5})).unwrap();
        assert_eq!(rmsprop, "burn.rmsprop:alpha=0.5,epsilon=1e-8,momentum=0.0");
        let sgd = translated::<Rule>("sgd", json!({"momentum": 0.9})).unwrap();
        assert_eq!(sgd, "burn.sgd:dampening=0.0,momentum=0.9");
    }

    #[test]
    fn fields_and_choices_get_the_names_that_burn_uses() {
        let cosine = translated::<Schedule>("cosine", json!({"total_steps": 7, "initial_lr": 0.5})).unwrap();
        assert_eq!(cosine, "burn.cosine:initial_lr=0.5,num_iters=7");
        let muon = json!({"lr_scale": "match_rms_adamw", "ns_steps": 4});
        assert_eq!(
            translated::<Rule>("muon", muon).unwrap(),
            "burn.muon:adjust_lr_fn=MatchRmsAdamW,ns_steps=4"
        );
        assert_eq!(translated::<Rule>("burn.adam", json!({})).unwrap(), "burn.adam");
        let adamw = translated::<Rule>("adamw", json!({"cautious_decay": true})).unwrap();
        assert_eq!(adamw, "burn.adamw:cautious_weight_decay=true,epsilon=1e-8,weight_decay=0.01");
    }

    #[test]
    fn a_setting_that_burn_lacks_is_named_unless_it_changes_nothing() {
        let adagrad = |start: f64| translated::<Rule>("adagrad", json!({"initial_accumulator_value": start}));
        assert_eq!(adagrad(0.0).unwrap(), "burn.adagrad:epsilon=1e-10");
        let expected =
            "burn.adagrad: `initial_accumulator_value` must be 0.0, as Burn has no such field, not 0.1";
        assert_eq!(adagrad(0.1).unwrap_err(), expected);
        let lion = |cautious: bool| translated::<Rule>("lion", json!({"cautious_decay": cautious}));
        assert!(lion(false).is_ok() && lion(true).unwrap_err().contains("`cautious_decay` must be false"));
        let adan = translated::<Rule>("adan", json!({"warp": 9})).unwrap_err();
        assert!(adan.contains("`warp` must be left out"), "{adan}");
    }

    #[test]
    fn burn_can_express_the_defaults_of_every_shared_rule_and_schedule() {
        for name in Rule::names().into_iter().filter(|name| !is_burns(name)) {
            if super::name::<Rule>(name).is_some() {
                translated::<Rule>(name, json!({})).unwrap();
            }
        }
        for name in Schedule::names().into_iter().filter(|name| !is_burns(name)) {
            if super::name::<Schedule>(name).is_some() {
                translated::<Schedule>(name, json!({})).unwrap();
            }
        }
        assert_eq!(super::name::<Rule>("radam"), None);
    }
}
