//! Findings about the steps: too long, lost, or far from what the noise allows.

use crate::diagnosis::finding::{Finding, Kind, median, with_lr};
use crate::diagnosis::{Case, Diagnosis, GradientRecord};
use crate::train::{OnDivergence, Recipe, Status, Trial};

/// The median step length α beyond which steps are too long.
const LONG: f64 = 0.5;

/// The factor between the noise scale and the batch size beyond which it is told.
const FAR: f64 = 10.0;

/// The least number of records from which a median is taken.
const LEAST: usize = 3;

pub(super) fn findings(case: &Case) -> Vec<Finding> {
    let found = [diverged(case), unstable(case), oscillation(case), batch_size(case), interventions(case)];
    found.into_iter().flatten().collect()
}

fn diverged(case: &Case) -> Option<Finding> {
    let outcome = case.outcome.as_ref().filter(|outcome| outcome.status == Status::Diverged)?;
    let reason = outcome.reason.clone().unwrap_or_default();
    let trace = outcome.trace.as_ref().map(|trace| format!("; {trace}"));
    let action = OnDivergence::Rollback { factor: 0.5, retries: 3 };
    let recipe = Recipe { on_divergence: action, clip_norm: Some(1.0), ..case.trial.recipe.clone() };
    Some(Finding {
        kind: Kind::Diverged,
        is_fault: true,
        what: format!("the run diverged after step {}", outcome.steps),
        evidence: format!("{reason}{}", trace.unwrap_or_default()),
        threshold: "a loss that is NaN or infinite".into(),
        remedy:
            "a tenth of the learning rate, gradients clipped to a norm of 1, and a return to the last good \
                 checkpoint instead of the end"
                .into(),
        trial: Some(with_lr(&Trial { recipe, ..case.trial.clone() }, case.trial.lr / 10.0)),
    })
}

fn unstable(case: &Case) -> Option<Finding> {
    let instability = case.outcome.as_ref()?.instability()?;
    Some(Finding {
        kind: Kind::Unstable,
        is_fault: true,
        what: "the training was unstable: it ended worse than it had been".into(),
        evidence: instability.to_string(),
        threshold: "3 times the first loss, or half of the way from the first loss to the best lost again"
            .into(),
        remedy: "a tenth of the learning rate; the result is the best checkpoint's, by chance before that"
            .into(),
        trial: Some(with_lr(&case.trial, case.trial.lr / 10.0)),
    })
}

fn gradients(case: &Case) -> Vec<GradientRecord> {
    gradients_by_step(case).into_iter().map(|(_, record)| record).collect()
}

/// Returns the records with their steps, counted from 1.
fn gradients_by_step(case: &Case) -> Vec<(usize, GradientRecord)> {
    let of_step = |diagnosis: &&Diagnosis| Some((diagnosis.step, diagnosis.gradients?));
    case.diagnoses().iter().filter_map(of_step).collect()
}

fn oscillation(case: &Case) -> Option<Finding> {
    let alphas: Vec<f64> = gradients(case).iter().filter_map(|record| record.alpha).collect();
    // The beginning of a training is another matter: a warm-up, or a loss that is far from a parabola.
    let later = &alphas[alphas.len() / 4..];
    let alpha = median(later);
    if later.len() < LEAST || alpha <= LONG {
        return None;
    }
    // The step that would end at the minimum is shorter by 1 + α.
    let factor = 1.0 + alpha;
    Some(Finding {
        kind: Kind::Oscillation,
        is_fault: true,
        what: format!(
            "oscillation: steps go across the valley, the rate is about {factor:.1} times too large"
        ),
        evidence: format!(
            "median step length α = {alpha:.2} over {} records (−1 no step, 0 to the minimum, 1 to the other side)",
            later.len()
        ),
        threshold: format!("a median α above {LONG}"),
        remedy: format!("the learning rate divided by {factor:.1}, or a schedule that falls"),
        trial: Some(with_lr(&case.trial, case.trial.lr / factor)),
    })
}

fn batch_size(case: &Case) -> Option<Finding> {
    let records = gradients_by_step(case);
    let later = &records[records.len() / 4..];
    let mean = |part: fn(&GradientRecord) -> Option<f64>| {
        let values: Vec<f64> = later.iter().filter_map(|(_, record)| part(record)).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    // The estimates of single steps are too noisy to divide; their means are not (McCandlish et al.).
    let scale = mean(|record| record.variance) / mean(|record| record.squared_norm);
    let sizes = case.trial.recipe.batch_sizes(case.info.batch_size, case.examples[0]).ok()?;
    // Where the size follows a schedule: its mean over the same steps.
    let sizes = later.iter().map(|(step, _)| sizes.of_step(step.saturating_sub(1)) as f64);
    let own = (sizes.sum::<f64>() / later.len() as f64).round();
    if later.len() < LEAST || !(scale.is_finite() && scale > 0.0) {
        return None;
    }
    let finding = |what: String, remedy: String, size: f64| {
        let recipe = Recipe { batch_size: (size as usize).max(1).into(), ..case.trial.recipe.clone() };
        Finding {
            kind: Kind::BatchSize,
            is_fault: false,
            what,
            evidence: format!("noise scale tr Σ / |G|² of {scale:.0} examples, batches of {own:.0}"),
            threshold: format!("{FAR:.0} times between them"),
            remedy,
            trial: Some(Trial { recipe, ..case.trial.clone() }),
        }
    };
    if scale > FAR * own && own < case.examples[0] as f64 {
        let size = (4.0 * own).min(case.examples[0] as f64);
        let what =
            "the gradient is mostly noise: a larger batch, or a falling rate, makes each step count more";
        return Some(finding(what.into(), format!("batches of {size:.0}"), size));
    }
    if own > FAR * scale {
        let size = (own / 4.0).max(1.0);
        let what =
            "the batch is larger than the noise asks for: smaller ones take as many steps to the same loss";
        return Some(finding(what.into(), format!("batches of {size:.0}"), size));
    }
    None
}

fn interventions(case: &Case) -> Option<Finding> {
    let outcome = case.outcome.as_ref()?;
    let (skipped, rollbacks) = (outcome.skipped_steps, outcome.rollbacks);
    if skipped == 0 && rollbacks == 0 {
        return None;
    }
    Some(Finding {
        kind: Kind::Interventions,
        is_fault: false,
        what: "the training needed help".into(),
        evidence: format!("{skipped} steps skipped, {rollbacks} returns to an earlier checkpoint"),
        threshold: "any".into(),
        remedy: "a smaller learning rate or a warm-up".into(),
        trial: Some(with_lr(&case.trial, case.trial.lr / 2.0)),
    })
}
