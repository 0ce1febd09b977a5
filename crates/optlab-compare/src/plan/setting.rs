//! Sets any setting of a trial by the name that it has in plans and search spaces.
//!
//! | name                                 | what it sets                                                              |
//! |:-------------------------------------|:--------------------------------------------------------------------------|
//! | `lr`                                 | the base learning rate                                                    |
//! | `schedule`                           | the schedule, as a spec                                                   |
//! | `schedule.FIELD`                     | a field of the schedule                                                   |
//! | `epochs`, `steps`, `batch_size`, … `pad` | that setting of the recipe                                            |
//! | `model`                              | settings of the model, as a text or a table                               |
//! | `model.FIELD`                        | a setting of the model                                                    |
//! | `FIELD`                              | a field of the optimizer, or of a base inside it                          |
//! | `FIELD.FIELD`                        | a field of the optimizer that is nested in the first field                |

use crate::Error;
use optlab_core::spec;
use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use optlab_train::model::ModelPatch;
use optlab_train::train::{RecipePatch, Trial};
use serde_json::{Map, Value};

/// The start of the names of the model's settings.
const MODEL: &str = "model.";

/// Returns `trial` with the setting `name` at `value`.
///
/// # Errors
/// [`UnknownField`](optlab_core::Error::UnknownField) if the trial has no setting of that name;
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) or [`Usage`](optlab_core::Error::Usage) for a value
/// of another type. Ranges are checked by [`Trial::validate`] and [`OptimizerSpec::build`].
pub fn set(trial: &Trial, name: &str, value: &Value) -> Result<Trial, Error> {
    let mut trial = trial.clone();
    let wrong = |allowed| Error::invalid("trial", name, allowed, value);
    match name {
        "lr" => trial.lr = value.as_f64().ok_or_else(|| wrong("a number"))?,
        "schedule" => {
            trial.schedule = match value {
                Value::String(text) => text.parse()?,
                table => ScheduleSpec::from_value(table)?,
            }
        }
        "model" => trial.model = trial.model.with(&ModelPatch::from_value(value)?)?,
        name if RecipePatch::has(name) => trial.recipe.set(name, value)?,
        name if name.starts_with(MODEL) => {
            let patch = Map::from_iter([(name[MODEL.len()..].to_string(), value.clone())]);
            trial.model = trial.model.with(&ModelPatch::from_value(&Value::Object(patch))?)?;
        }
        name => match name.strip_prefix("schedule.") {
            Some(field) => {
                let mut table = spec::to_value(&trial.schedule);
                table[field] = value.clone();
                trial.schedule = ScheduleSpec::from_value(&table)?;
            }
            None => {
                let mut table = spec::to_value(&trial.optimizer);
                set_in(&mut table, name, value);
                trial.optimizer = OptimizerSpec::from_value(&table)?;
            }
        },
    }
    Ok(trial)
}

/// Sets a field of an optimizer's table, or of the table of a base inside it. An unknown field is put into
/// the outermost table, so that reading the spec refuses it.
fn set_in(table: &mut Value, name: &str, value: &Value) {
    if let Some((outer, inner)) = name.split_once('.')
        && table.get(outer).is_some_and(Value::is_object)
    {
        return set_in(&mut table[outer], inner, value);
    }
    let is_inside = |table: &Value| {
        let mut inside = table.get("base");
        while let Some(base) = inside {
            if base.get(name).is_some() {
                return true;
            }
            inside = base.get("base");
        }
        false
    };
    if table.get(name).is_none() && is_inside(table) {
        return set_in(&mut table["base"], name, value);
    }
    table[name] = value.clone();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;
    use optlab_train::train::{Budget, Recipe};
    use serde_json::json;

    fn with(optimizer: &str, name: &str, value: Value) -> Result<Trial, Error> {
        set(&made_up::trial("digits-cnn", optimizer, 0), name, &value)
    }

    #[test]
    fn a_name_sets_a_field_of_the_trial_the_optimizer_or_the_schedule() {
        let before = made_up::trial("digits-cnn", "adamw", 0);
        let trial = with("adamw", "lr", json!(0.25)).unwrap();
        assert_eq!(trial, Trial { lr: 0.25, ..before.clone() });
        let trial = with("adamw", "batch_size", json!(7)).unwrap();
        assert_eq!(
            trial,
            Trial { recipe: Recipe { batch_size: 7.into(), ..before.recipe.clone() }, ..before.clone() }
        );
        let trial = with("adamw", "clip_norm", json!(2.0)).unwrap();
        assert_eq!(
            trial,
            Trial { recipe: Recipe { clip_norm: Some(2.0), ..before.recipe.clone() }, ..before.clone() }
        );
        let trial = with("adamw", "steps", json!(9)).unwrap();
        assert_eq!(
            trial,
            Trial { recipe: Recipe { budget: Budget::Steps(9), ..before.recipe.clone() }, ..before.clone() }
        );
        let trial = with("adamw", "shift", json!(2)).unwrap();
        assert_eq!(trial.recipe.augmentation.shift, 2);
        let trial = with("adamw", "beta_1", json!(0.5)).unwrap();
        assert_eq!(trial, Trial { optimizer: "adamw:beta_1=0.5".parse().unwrap(), ..before.clone() });
        let trial = with("adamw", "schedule.min_lr", json!(0.125)).unwrap();
        assert_eq!(trial, Trial { schedule: "cosine:min_lr=0.125".parse().unwrap(), ..before.clone() });
        let trial = with("adamw", "schedule", json!("constant")).unwrap();
        assert_eq!(trial, Trial { schedule: "constant".parse().unwrap(), ..before });
    }

    #[test]
    fn a_field_is_found_in_the_base_of_a_wrapper_and_in_a_nested_optimizer() {
        let spec = |optimizer, name| with(optimizer, name, json!(0.5)).unwrap().optimizer.to_string();
        assert_eq!(
            spec("ema:base=(clip:norm=2.5,base=adamw)", "beta_1"),
            "ema:base=clip:norm=2.5,base=adamw:beta_1=0.5"
        );
        assert_eq!(spec("muon:other=adamw:beta_1=0.8", "other.beta_1"), "muon:other=adamw:beta_1=0.5");
    }

    #[test]
    fn none_switches_off_each_setting_that_can_be_off_and_no_other() {
        let can_be_off = [
            "micro_batch_size",
            "lr_scaling",
            "split",
            "clip_norm",
            "clip_value",
            "qk_clip",
            "early_stopping",
            "flip",
            "diagnose",
        ];
        for setting in RecipePatch::SETTINGS {
            let name = setting.name;
            let switched = with("adamw", name, Value::Null);
            if can_be_off.contains(&name) {
                assert_eq!(
                    switched.unwrap().recipe,
                    made_up::trial("digits-cnn", "adamw", 0).recipe,
                    "{name}"
                );
                let set = match name {
                    "lr_scaling" => json!("sqrt"),
                    "flip" => json!("both"),
                    "diagnose" => json!("every=5"),
                    _ => json!(2),
                };
                let on = with("adamw", name, set).unwrap();
                assert!(on.recipe.to_patch().values().iter().any(|(set, _)| *set == name), "{name}");
                let off = super::set(&on, name, &Value::Null).unwrap();
                assert_eq!(off.recipe, made_up::trial("digits-cnn", "adamw", 0).recipe, "{name}");
            } else {
                let told = switched.unwrap_err().to_string();
                assert!(told.ends_with(", not none"), "{told}");
            }
        }
    }

    #[test]
    fn an_unknown_name_and_a_value_of_another_type_are_reported() {
        let told = |name, value| with("adamw", name, value).unwrap_err().to_string();
        assert!(told("beta_9", json!(0.5)).starts_with("optimizer `adamw` has no field `beta_9`"));
        assert!(told("schedule.beta", json!(0.5)).starts_with("schedule `cosine` has no field `beta`"));
        for (name, value) in
            [("lr", json!("x")), ("batch_size", json!(-1)), ("epochs", json!(0.5)), ("pad", json!(1))]
        {
            let told = told(name, value);
            assert!(told.starts_with(&format!("trial: `{name}` must be ")), "{told}");
        }
    }
}
