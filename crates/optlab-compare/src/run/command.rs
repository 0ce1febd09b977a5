//! The command line that repeats a trial.

use optlab_optim::OptimizerChoice;
use optlab_train::train::{RecipePatch, Trial, VALIDATION};
use serde_json::Value;

/// Returns the command line `optlab train …` that repeats the trial, quoted for a shell; most settings with
/// default values are left out.
pub fn train(trial: &Trial) -> String {
    let arm = OptimizerChoice { optimizer: trial.optimizer.clone(), lr: Some(trial.lr) };
    let mut words = vec!["optlab train".to_string(), quoted(&trial.workload.argument())];
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{name} {}", quoted(&value))));
    };
    let unless = |is_default: bool, value: String| (!is_default).then_some(value);
    flag("model", (!trial.model.is_empty()).then(|| trial.model.to_string()));
    flag("optimizer", Some(arm.to_string()));
    let schedule = trial.schedule.to_string();
    flag("schedule", unless(schedule == "constant", schedule));
    flag("backend", Some(trial.backend.clone()));
    flag("seed", Some(trial.seed.to_string()));
    let default =
        RecipePatch { validation: Some(VALIDATION), ..RecipePatch::default() }.with_fixed_defaults();
    let defaults = default.values();
    for (name, value) in trial.recipe.to_patch().values() {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or(f64::NAN).to_string(),
            other => other.to_string(),
        };
        flag(&name.replace('_', "-"), unless(defaults.contains(&(name, value)), text));
    }
    words.join(" ")
}

/// Quotes a word for a shell, if it needs quotes.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;
    use optlab_train::train::{Budget, Recipe};

    #[test]
    fn a_command_has_every_setting_that_is_not_a_default_and_is_quoted_for_a_shell() {
        let trial = made_up::trial("digits-cnn", "adamw:beta_1=0.5", 3);
        assert_eq!(
            train(&trial),
            "optlab train digits-cnn --optimizer adamw:lr=0.001,beta_1=0.5 --schedule cosine --backend flex --seed 3 \
             --epochs 6 --batch-size 32"
        );
        let recipe = Recipe {
            budget: Budget::Steps(7),
            clip_norm: Some(0.5),
            clip_value: Some(1.0),
            batch_size: 8.into(),
            pad: true,
            ..trial.recipe
        };
        let trial = Trial {
            optimizer: "group:parameters=*.bias,base=sgd".parse().unwrap(),
            schedule: "constant".parse().unwrap(),
            recipe,
            ..trial
        };
        assert_eq!(
            train(&trial),
            "optlab train digits-cnn --optimizer 'group:lr=0.001,base=sgd,parameters=*.bias' --backend flex --seed 3 \
             --steps 7 --batch-size 8 --clip-norm 0.5 --clip-value 1 --pad true"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
