//! The command that repeats a trial.

use optlab_optim::OptimizerChoice;
use optlab_train::train::{Budget, Trial, VALIDATION};

/// `optlab train …` with all that decides the trial, as a shell takes it.
pub fn train(trial: &Trial) -> String {
    let arm = OptimizerChoice { optimizer: trial.optimizer.clone(), lr: Some(trial.lr) };
    let mut words = vec!["optlab train".to_string(), trial.workload.clone()];
    let mut flag = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{name} {}", quoted(&value))));
    };
    let unless = |is_default: bool, value: String| (!is_default).then_some(value);
    flag("optimizer", Some(arm.to_string()));
    let schedule = trial.schedule.to_string();
    flag("schedule", unless(schedule == "constant", schedule));
    flag("backend", Some(trial.backend.clone()));
    flag("seed", Some(trial.seed.to_string()));
    match trial.budget {
        Budget::Epochs(epochs) => flag("epochs", Some(epochs.to_string())),
        Budget::Steps(steps) => flag("steps", Some(steps.to_string())),
    }
    flag("batch-size", Some(trial.batch_size.to_string()));
    flag("micro-batch-size", trial.micro_batch_size.map(|size| size.to_string()));
    flag("lr-scaling", trial.lr_scaling.map(|scaling| scaling.to_string()));
    flag("validation", unless(trial.validation == VALIDATION, trial.validation.to_string()));
    flag("l1", unless(trial.l1 == 0.0, trial.l1.to_string()));
    flag("l2", unless(trial.l2 == 0.0, trial.l2.to_string()));
    flag("clip-norm", trial.clip_norm.map(|norm| norm.to_string()));
    flag("clip-value", trial.clip_value.map(|value| value.to_string()));
    flag("early-stopping", trial.early_stopping.map(|patience| patience.to_string()));
    let augmentation = trial.augmentation;
    flag("shift", unless(augmentation.shift == 0, augmentation.shift.to_string()));
    flag("rotation", unless(augmentation.rotation == 0.0, augmentation.rotation.to_string()));
    flag("pad", trial.pad.then(|| "true".into()));
    words.join(" ")
}

/// A word as a shell takes it.
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

    #[test]
    fn a_command_has_all_that_decides_its_trial_and_is_quoted_for_a_shell() {
        let trial = made_up::trial("digits-cnn", "adamw:beta_1=0.5", 3);
        assert_eq!(
            train(&trial),
            "optlab train digits-cnn --optimizer adamw:lr=0.001,beta_1=0.5 --schedule cosine --backend flex --seed 3 \
             --epochs 6 --batch-size 32"
        );
        let trial = Trial {
            optimizer: "group:parameters=*.bias,base=sgd".parse().unwrap(),
            schedule: "constant".parse().unwrap(),
            budget: Budget::Steps(7),
            clip_norm: Some(0.5),
            batch_size: 8,
            pad: true,
            ..trial
        };
        assert_eq!(
            train(&trial),
            "optlab train digits-cnn --optimizer 'group:lr=0.001,base=sgd,parameters=*.bias' --backend flex --seed 3 \
             --steps 7 --batch-size 8 --clip-norm 0.5 --pad true"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
