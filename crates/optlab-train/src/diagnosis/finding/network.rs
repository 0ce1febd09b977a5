//! Findings about the parts of a network: gradients, units, tensors that stay, first outputs.

use crate::diagnosis::finding::{Finding, Kind, median};
use crate::diagnosis::{ActivationRecord, Case, Diagnosis, TensorRecord};

/// The ratio of gradient sizes between tensors beyond which gradients vanish or explode.
const RATIO: f64 = 1e4;

/// The share of dead units that is told, and the growth since the first record that makes it one of training:
/// with few examples in a batch, many units are 0 by chance.
const DEAD: f64 = 0.4;
const DEAD_GROWTH: f64 = 0.2;

/// The share of saturated values that is told.
const SATURATED: f64 = 0.5;

/// The range of the standard deviation of a healthy model's first results.
const DEVIATIONS: (f64, f64) = (1e-3, 30.0);

/// The least number of records.
const LEAST: usize = 3;

pub(super) fn findings(case: &Case) -> Vec<Finding> {
    let diagnoses = case.diagnoses();
    if diagnoses.len() < LEAST {
        return Vec::new();
    }
    let mut found: Vec<Finding> = frozen(&diagnoses).into_iter().collect();
    found.extend(initialization(&diagnoses));
    found.extend(gradients(&diagnoses));
    found.extend(dead(&diagnoses));
    found.extend(saturated(&diagnoses));
    found
}

fn fault(kind: Kind, what: String, evidence: String, threshold: String, remedy: &str) -> Finding {
    Finding { kind, is_fault: true, what, evidence, threshold, remedy: remedy.into(), trial: None }
}

/// Returns the records of one tensor, step by step.
fn of_tensor<'a>(diagnoses: &[&'a Diagnosis], path: &str) -> Vec<&'a TensorRecord> {
    diagnoses.iter().flat_map(|diagnosis| &diagnosis.tensors).filter(|tensor| tensor.path == path).collect()
}

/// Returns the records of one tap, step by step.
fn of_tap<'a>(diagnoses: &[&'a Diagnosis], name: &str) -> Vec<&'a ActivationRecord> {
    diagnoses.iter().flat_map(|diagnosis| &diagnosis.activations).filter(|tap| tap.name == name).collect()
}

fn paths<'a>(diagnoses: &[&'a Diagnosis]) -> Vec<&'a str> {
    diagnoses.first().map_or(Vec::new(), |first| first.tensors.iter().map(|it| it.path.as_str()).collect())
}

/// Returns the names of the taps before the last, which makes the outputs.
fn hidden<'a>(diagnoses: &[&'a Diagnosis]) -> Vec<&'a str> {
    let names = diagnoses.first().map(|first| first.activations.iter().map(|it| it.name.as_str()));
    let mut names: Vec<&str> = names.into_iter().flatten().collect();
    names.pop();
    names
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn frozen(diagnoses: &[&Diagnosis]) -> Option<Finding> {
    let stays = |path: &&str| of_tensor(diagnoses, path).iter().all(|tensor| tensor.update_norm == Some(0.0));
    let all = paths(diagnoses);
    let staying: Vec<&str> = all.iter().copied().filter(stays).collect();
    if staying.is_empty() {
        return None;
    }
    let has_gradient = |path: &&str| {
        of_tensor(diagnoses, path).iter().any(|tensor| tensor.gradient_norm.is_some_and(|it| it > 0.0))
    };
    let (with, without): (Vec<&str>, Vec<&str>) = staying.iter().copied().partition(has_gradient);
    let cause = match (with.is_empty(), without.is_empty()) {
        (true, _) => "they get no gradient",
        (_, true) => "they get gradients, and the optimizer does not use them",
        _ => "some get no gradient, and the optimizer does not use that of the others",
    };
    // Some rules move matrices alone, and leave vectors to another rule.
    let is_fault = staying.iter().any(|path| path.ends_with("weight"));
    let finding = fault(
        Kind::Frozen,
        format!("{} of {} tensors do not move: {}", staying.len(), all.len(), listed(&staying)),
        format!("update norm 0 in all of {} records; {cause}", diagnoses.len()),
        "an update of exactly 0 in every record".into(),
        "look for a group with a rate of 0, a rule that moves matrices alone, a detached or unused layer, or units that \
         are all dead",
    );
    Some(Finding { is_fault, ..finding })
}

fn initialization(diagnoses: &[&Diagnosis]) -> Option<Finding> {
    let first = diagnoses.first().filter(|first| first.step == 1)?;
    let (low, high) = DEVIATIONS;
    let is_off =
        |tap: &&ActivationRecord| tap.deviation.is_none_or(|deviation| !(low..=high).contains(&deviation));
    let off: Vec<&ActivationRecord> = first.activations.iter().filter(is_off).collect();
    let worst = off.iter().max_by(|a, b| {
        let size =
            |tap: &ActivationRecord| tap.deviation.map_or(f64::INFINITY, |it| it.max(1e-30).ln().abs());
        size(a).total_cmp(&size(b))
    })?;
    let names: Vec<&str> = off.iter().map(|tap| tap.name.as_str()).collect();
    let deviation = worst.deviation.unwrap_or(f64::INFINITY);
    let how = if deviation < low { "hardly differ between examples" } else { "are far too large" };
    Some(fault(
        Kind::Initialization,
        format!(
            "the results of {} {how} before the first step: wrong initial weights or inputs",
            listed(&names)
        ),
        format!("standard deviation {deviation:.1e} at `{}` in step 1", worst.name),
        format!("outside of {low:e} to {high}"),
        "weights with a variance of 2 / inputs of the layer (He et al., 2015), and inputs of mean 0 and variance 1",
    ))
}

/// Compares the gradients of weight tensors: the root of the mean square of an element.
fn gradients(diagnoses: &[&Diagnosis]) -> Option<Finding> {
    let size = |path: &&str| {
        let norms = of_tensor(diagnoses, path);
        let norms: Vec<f64> = norms.iter().filter_map(|tensor| tensor.gradient_norm).collect();
        median(&norms)
    };
    let weights: Vec<&str> = paths(diagnoses).into_iter().filter(|path| path.ends_with("weight")).collect();
    let sizes: Vec<(&str, f64)> = weights.iter().map(|path| (*path, size(path))).collect();
    let (&(first, of_first), &(last, of_last)) = (sizes.first()?, sizes.last()?);
    let evidence = format!("median gradient norm {of_first:.1e} at `{first}`, {of_last:.1e} at `{last}`");
    let threshold = format!("a ratio of {RATIO:e}");
    if of_first > 0.0 && of_first * RATIO < of_last {
        return Some(fault(
            Kind::VanishingGradients,
            format!("vanishing gradients: little arrives at `{first}`"),
            evidence,
            threshold,
            "normalization between the layers, ReLU or GELU in place of tanh and sigmoid, skip connections, or larger \
             initial weights",
        ));
    }
    if of_last > 0.0 && of_first > of_last * RATIO {
        return Some(fault(
            Kind::ExplodingGradients,
            format!("exploding gradients: they grow on their way back to `{first}`"),
            evidence,
            threshold,
            "clip the gradients' norm (--clip-norm 1), normalization, or smaller initial weights",
        ));
    }
    None
}

fn dead(diagnoses: &[&Diagnosis]) -> Option<Finding> {
    let found = hidden(diagnoses).into_iter().filter_map(|name| {
        let taps = of_tap(diagnoses, name);
        let first = taps.first()?.dead?;
        let later: Vec<f64> = taps[taps.len() * 3 / 4..].iter().filter_map(|tap| tap.dead).collect();
        let share = median(&later);
        let is_new = share >= DEAD && share >= first + DEAD_GROWTH;
        let begins = taps.iter().position(|tap| tap.dead.is_some_and(|dead| dead >= DEAD))?;
        is_new.then(|| (name, share, first, diagnoses[begins].step))
    });
    let (name, share, first, step) = found.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(fault(
        Kind::DeadUnits,
        format!("{:.0} % of the units of `{name}` are dead after step {step}", share * 100.0),
        format!(
            "0 in every example of a batch for {:.0} % at the end, {:.0} % at the start",
            share * 100.0,
            first * 100.0
        ),
        format!("{:.0} % and {:.0} points more than at the start", DEAD * 100.0, DEAD_GROWTH * 100.0),
        "a smaller learning rate, a warm-up, or leaky ReLU or GELU in place of ReLU",
    ))
}

fn saturated(diagnoses: &[&Diagnosis]) -> Option<Finding> {
    let found = hidden(diagnoses).into_iter().filter_map(|name| {
        let taps = of_tap(diagnoses, name);
        let later: Vec<f64> = taps[taps.len() * 3 / 4..].iter().filter_map(|tap| tap.saturated).collect();
        let share = median(&later);
        (later.len() * 2 > taps.len() - taps.len() * 3 / 4 && share >= SATURATED).then_some((name, share))
    });
    let (name, share) = found.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(fault(
        Kind::Saturation,
        format!("`{name}` is saturated: its gradients are almost 0"),
        format!("{:.0} % of its values at the ends of their range in the last quarter", share * 100.0),
        format!("{:.0} %", SATURATED * 100.0),
        "smaller initial weights or rate, standardized inputs, or ReLU",
    ))
}
