//! Findings about the data: examples that the model has seen, parts that are too small.

use crate::diagnosis::Case;
use crate::diagnosis::finding::{Finding, Kind};
use crate::train::{Recipe, Trial};

/// The share of validation examples among the training examples that is told.
const LEAK: f64 = 0.05;

/// The standard error of a share on the validation part that is told.
const ERROR: f64 = 0.02;

pub(super) fn findings(case: &Case) -> Vec<Finding> {
    [leak(case), small_validation(case)].into_iter().flatten().collect()
}

fn leak(case: &Case) -> Option<Finding> {
    let (repeated, of) = (case.repeated?, case.examples[1]);
    if of == 0 || repeated as f64 <= LEAK * of as f64 {
        return None;
    }
    Some(Finding {
        kind: Kind::Leak,
        is_fault: true,
        what: "the validation part leaks: its examples are also trained on".into(),
        evidence: format!("the inputs of {repeated} of {of} validation examples occur in the training part"),
        threshold: format!("{:.0} %", LEAK * 100.0),
        remedy: "remove duplicates before the split, or split by what belongs together (a person, a document, a day)"
            .into(),
        trial: None,
    })
}

/// A share `p` of `n` examples has a standard error of `√(p (1 − p) / n)`.
fn small_validation(case: &Case) -> Option<Finding> {
    let (metric, of) = (case.info.metric(), case.examples[1]);
    let share = case.outcome.as_ref()?.best_validation.as_ref()?.metric;
    if !metric.is_share() || of == 0 || !(0.0..=1.0).contains(&share) {
        return None;
    }
    // A share of 1 out of few examples is not certain either: one more example counts as wrong.
    let likely = share.min(1.0 - 1.0 / (of as f64 + 2.0));
    let error = (likely * (1.0 - likely) / of as f64).sqrt();
    if error <= ERROR {
        return None;
    }
    let recipe =
        Recipe { validation: (2.0 * case.trial.recipe.validation).min(0.4), ..case.trial.recipe.clone() };
    Some(Finding {
        kind: Kind::SmallValidation,
        is_fault: false,
        what: "the validation part is too small to tell runs apart that differ by less than a few points"
            .into(),
        evidence: format!("{metric} {share:.3} of {of} examples: standard error {:.1} points", error * 100.0),
        threshold: format!("{:.0} points", ERROR * 100.0),
        remedy: "hold out more, or compare over several seeds with --split".into(),
        trial: Some(Trial { recipe, ..case.trial.clone() }),
    })
}
