//! Two finished comparisons side by side: the arms that both have, on the seeds that both ran.

use crate::Error;
use crate::plan::entry::Stage;
use crate::plan::tuning::Tuning;
use crate::plan::{ALPHA, Split};
use crate::report::labels::{Labels, counted};
use crate::report::number;
use crate::result::comparison::{Comparison, Run};
use crate::result::summary::Summary;
use optlab_core::Direction;
use optlab_stats::statistics::paired_test::Test;
use optlab_stats::statistics::sentence::Wording;
use optlab_stats::statistics::verdict;
use optlab_train::train::Trial;
use std::fmt::Write;

/// Returns how much better the second comparison is than the first, a line with a verdict per workload and
/// arm that both have. All verdicts are one family.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) if they are not comparable: no common arm on a common workload and
/// backend, no common seed, different budgets or data, a trial without an outcome.
pub fn render(first: &Comparison, second: &Comparison) -> Result<String, Error> {
    let (of_first, of_second) = (first.summaries(), second.summaries());
    let of = |name: &Summary| {
        of_second.iter().find(|other| {
            other.arm == name.arm && other.workload == name.workload && other.backend == name.backend
        })
    };
    let pairs: Vec<(&Summary, &Summary)> = of_first.iter().filter_map(|arm| Some((arm, of(arm)?))).collect();
    refuse(first, second, &pairs)?;
    let labels = Labels::of(&of_first);
    // Neither comparison's own test, if they differ: the result must not depend on which is named first.
    let test = if first.plan.test == second.plan.test { first.plan.test } else { Test::default() };
    let is_replicated = [first, second].iter().all(|comparison| comparison.plan.tuning.is_repeated());
    let counted_in = if is_replicated { "replicate" } else { "seed" };
    let values: Vec<(Vec<f64>, Vec<f64>)> =
        pairs.iter().map(|(a, b)| b.candidate().paired_with(a.candidate())).collect();
    let mut text = format!(
        "{} compared with {}: a positive difference means that {} is better\n",
        second.name, first.name, second.name
    );
    if let Some(note) = tunings(first, second) {
        writeln!(text, "{note}").unwrap_or_default();
    }
    for direction in [Direction::Larger, Direction::Smaller] {
        let is_so: Vec<usize> =
            (0..pairs.len()).filter(|&place| pairs[place].0.metric.direction == direction).collect();
        let family: Vec<(&[f64], &[f64])> =
            is_so.iter().map(|&place| (values[place].0.as_slice(), values[place].1.as_slice())).collect();
        // Both directions share the error probability, so that all verdicts are one family.
        let share = is_so.len() as f64 / pairs.len() as f64;
        if is_so.is_empty() {
            continue;
        }
        let comparisons = verdict::compare(&family, direction, ALPHA * share, test)?;
        for (&place, comparison) in is_so.iter().zip(&comparisons) {
            let (arm, _) = pairs[place];
            let label = labels.label(arm);
            let (now, before) = (format!("{label} in {}", second.name), format!("in {}", first.name));
            let unit = number::unit_of_difference(&arm.metric);
            let wording = Wording { unit, counted_in, scope: "" };
            let said =
                comparison.sentence((&now, &before), wording, |value| number::plain(&arm.metric, value));
            // A sentence about too few seeds names no arm.
            let about = if said.contains(&now) { String::new() } else { format!(", {label}") };
            writeln!(text, "{}{about}: {said}", arm.workload).unwrap_or_default();
        }
    }
    Ok(text)
}

/// Returns what the verdicts are not about, if tuning chose the settings of the arms.
fn tunings(first: &Comparison, second: &Comparison) -> Option<String> {
    let [a, b] = [&first.plan.tuning, &second.plan.tuning];
    if a.trials == 0 && b.trials == 0 {
        return None;
    }
    let how = |tuning: &Tuning| match (tuning.trials, tuning.is_repeated()) {
        (0, _) => "not tuned".into(),
        (trials, true) => format!("tuned by {} for each seed", counted(trials, "trial")),
        (trials, false) => format!("tuned once, by {}", counted(trials, "trial")),
    };
    let differ = match a == b {
        true => format!("both were {}", how(a)),
        false => format!(
            "the tunings differ: {} was {}, {} was {}{}",
            first.name,
            how(a),
            second.name,
            how(b),
            if how(a) == how(b) { ", at other points" } else { "" }
        ),
    };
    let is_once = |tuning: &Tuning| tuning.trials > 0 && !tuning.is_repeated();
    let about = if is_once(a) || is_once(b) {
        "the verdicts are about settings that a tuning happened to choose: a rule can differ from itself, so tune for each seed \
         (tuning.repeats = \"seeds\") to compare rules"
    } else if a == b {
        "the verdicts are about arms with their tuning"
    } else {
        "the verdicts are about arms with their tuning, which is a part of the difference"
    };
    Some(format!("{differ}; {about}"))
}

/// Refuses comparisons that are not comparable.
fn refuse(first: &Comparison, second: &Comparison, pairs: &[(&Summary, &Summary)]) -> Result<(), Error> {
    let refuse = |reason: String| {
        Err(Error::usage(format!("{} and {} are not comparable: {reason}", first.name, second.name)))
    };
    if pairs.is_empty() {
        return refuse("they have no arm on the same workload and backend in common".into());
    }
    for comparison in [first, second] {
        if let Some(run) = comparison.runs.iter().find(|run| run.outcome.is_none()) {
            return refuse(format!("{} is not finished: {} has no outcome", comparison.name, run.trial.id()));
        }
    }
    let trial = |comparison: &Comparison, arm: &Summary| -> Option<Trial> {
        let is_final = |run: &&Run| run.stage == Stage::Final && arm.is_about(run);
        comparison.runs.iter().find(is_final).map(|run| run.trial.clone())
    };
    for (a, b) in pairs {
        let (Some(of_a), Some(of_b)) = (trial(first, a), trial(second, b)) else {
            return refuse(format!("{} has no finished final trial on {}", a.arm, a.workload));
        };
        // The settings of an arm may differ, since they are what is compared; what it is measured on may not.
        for (what, differs) in [
            ("budget", of_a.recipe.budget != of_b.recipe.budget),
            ("validation share", of_a.recipe.validation != of_b.recipe.validation),
            ("padding", of_a.recipe.pad != of_b.recipe.pad),
            (
                "split",
                first.plan.split != second.plan.split
                    || first.plan.split == Split::Fixed && of_a.recipe.split != of_b.recipe.split,
            ),
            ("target", a.metric.target != b.metric.target),
        ] {
            if differs {
                return refuse(format!("on {} they differ in {what}", a.workload));
            }
        }
        if b.candidate().paired_with(a.candidate()).0.is_empty() {
            return refuse(format!("they have no common seed of {} on {}", a.arm, a.workload));
        }
    }
    Ok(())
}
