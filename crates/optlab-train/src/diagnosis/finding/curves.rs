//! Findings about the curves of training and validation loss.

use crate::diagnosis::Case;
use crate::diagnosis::case::Evaluated;
use crate::diagnosis::finding::{Finding, Kind, with_lr};
use crate::train::history::Part;
use crate::train::{Budget, Recipe, Status, Trial};

/// The share by which the validation loss rises above its best in overfitting.
const RISE: f64 = 0.2;

/// The share of the first loss by which it rises at least: a hundredth more of almost nothing is no loss.
const MATTERS: f64 = 0.02;

/// The share of the training loss at the best epoch below which the training loss falls meanwhile.
const FALL: f64 = 0.8;

/// The ratio of validation to training loss of a model that has learned its examples by heart.
const GAP: f64 = 10.0;

/// The share of the first loss that a validation loss must exceed to count as a gap.
const LARGE: f64 = 0.06;

/// The share of the first loss below which a training loss must fall to count as learning.
const LEARNS: f64 = 0.9;

/// The share of the first loss that the validation loss of a model stays above if nothing carries over.
const NOTHING: f64 = 0.95;

/// The share by which the loss falls over the last fifth of a training that ends too early.
const STILL: f64 = 0.05;

/// The least number of epochs of a curve.
const LEAST: usize = 3;

pub(super) fn findings(case: &Case) -> Vec<Finding> {
    let has_ended_badly = case
        .outcome
        .as_ref()
        .is_some_and(|outcome| outcome.status == Status::Diverged || outcome.instability().is_some());
    let (train, validation) = (case.losses(Part::Train), case.losses(Part::Validation));
    let Some(first) = case.step_losses().first().copied().filter(|_| !has_ended_badly) else {
        return Vec::new();
    };
    if train.len() < LEAST {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(finding) = underfitting(case, first, &train) {
        found.push(finding);
    } else if let Some(finding) = nothing_carries_over(first, &train, &validation) {
        found.push(finding);
    } else {
        found.extend(overfitting(case, first, &train, &validation));
    }
    if found.is_empty() {
        found.extend(still_falling(case, &validation));
    }
    found
}

/// Returns the smallest loss.
fn best(losses: &[Evaluated]) -> Option<Evaluated> {
    losses.iter().copied().min_by(|a, b| a.loss.total_cmp(&b.loss))
}

fn underfitting(case: &Case, first: f64, train: &[Evaluated]) -> Option<Finding> {
    let (least, last) = (best(train)?.loss, train.last()?.loss);
    if least < LEARNS * first {
        return None;
    }
    Some(Finding {
        kind: Kind::Underfitting,
        is_fault: true,
        what: "the model learns almost nothing, not even its own training examples".into(),
        evidence: format!("training loss {first:.4} in the first step, {last:.4} at the end, {least:.4} at best"),
        threshold: format!("a best above {LEARNS} of the first"),
        remedy: "another learning rate (optlab lr-find suggests one), a larger model; check that inputs and targets \
                 belong together"
            .into(),
        trial: Some(with_lr(&case.trial, case.trial.lr / 10.0)),
    })
}

fn nothing_carries_over(first: f64, train: &[Evaluated], validation: &[Evaluated]) -> Option<Finding> {
    let (on_validation, on_train) = (best(validation)?.loss, train.last()?.loss);
    if on_validation <= NOTHING * first || on_train >= LEARNS * first {
        return None;
    }
    Some(Finding {
        kind: Kind::NothingCarriesOver,
        is_fault: true,
        what: "what the model learns does not carry over to other examples".into(),
        evidence: format!(
            "first loss {first:.4}; training loss {on_train:.4} at the end, validation loss {on_validation:.4} at best"
        ),
        threshold: format!("a validation loss that stays above {NOTHING} of the first loss"),
        remedy: "check that targets belong to their inputs (shuffled labels look like this), that the validation part \
                 comes from the same source, and whether the inputs say anything about the targets"
            .into(),
        trial: None,
    })
}

fn overfitting(case: &Case, first: f64, train: &[Evaluated], validation: &[Evaluated]) -> Option<Finding> {
    let (least, last) = (best(validation)?, *validation.last()?);
    let train_at = |epoch| train.iter().find(|train| train.epoch == epoch).map(|train| train.loss);
    let (then, now) = (train_at(least.epoch)?, train.last()?.loss);
    let is_higher = last.loss > (1.0 + RISE) * least.loss && last.loss > least.loss + MATTERS * first;
    let rises = is_higher && now < FALL * then && last.epoch >= least.epoch + LEAST;
    let has_gap = last.loss > GAP * now && last.loss > LARGE * first;
    if !rises && !has_gap {
        return None;
    }
    let evidence = format!(
        "validation loss {:.4} at best in epoch {}, {:.4} at the end; training loss {then:.4} there, {now:.4} at the end",
        least.loss, least.epoch, last.loss
    );
    let patience = (train.len() / 5).max(3);
    let recipe = Recipe { early_stopping: Some(patience), ..case.trial.recipe.clone() };
    Some(Finding {
        kind: Kind::Overfitting,
        is_fault: true,
        what: format!("overfitting from epoch {}", least.epoch),
        evidence,
        threshold: format!(
            "a validation loss {:.0} % above its best, and by {MATTERS} of the first loss, while the training loss falls by {:.0} %, or {GAP} times the \
             training loss and above {LARGE} of the first loss",
            RISE * 100.0,
            (1.0 - FALL) * 100.0
        ),
        remedy: "early stopping; also more examples, augmentation, dropout, weight decay or a smaller model"
            .into(),
        trial: Some(Trial { recipe, ..case.trial.clone() }),
    })
}

fn still_falling(case: &Case, validation: &[Evaluated]) -> Option<Finding> {
    let (least, last) = (best(validation)?, *validation.last()?);
    let before = validation[validation.len() * 4 / 5 - 1];
    let falls = 1.0 - last.loss / before.loss;
    if validation.len() < 2 * LEAST || least.step != last.step || falls < STILL {
        return None;
    }
    let budget = match case.trial.recipe.budget {
        Budget::Epochs(epochs) => Budget::Epochs(epochs.saturating_mul(2)),
        Budget::Steps(steps) => Budget::Steps(steps.saturating_mul(2)),
    };
    let recipe = Recipe { budget, ..case.trial.recipe.clone() };
    Some(Finding {
        kind: Kind::StillFalling,
        is_fault: false,
        what: "still falling: a longer training would end better".into(),
        evidence: format!(
            "validation loss {:.4} after epoch {}, {:.4} at the end, its best",
            before.loss, before.epoch, last.loss
        ),
        threshold: format!("{:.0} % over the last fifth of the epochs", STILL * 100.0),
        remedy: "twice as long".into(),
        trial: Some(Trial { recipe, ..case.trial.clone() }),
    })
}
