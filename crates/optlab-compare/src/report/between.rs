//! Two finished comparisons side by side: the arms that both have, on the seeds that both ran.

use crate::Error;
use crate::plan::entry::Stage;
use crate::report::number;
use crate::result::comparison::{Comparison, Run};
use crate::result::summary::Summary;
use optlab_core::Direction;
use optlab_stats::statistics::verdict;
use optlab_train::train::Trial;
use std::fmt::Write;

/// The probability of a wrong verdict in all that is said.
const ALPHA: f64 = 0.05;

/// What the second comparison has come to beside the first: for each workload and arm that both have, how much better the second
/// is, with a verdict. All of it is one family.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) where they are not comparable: no arm on a workload that both have, other data, budgets or backends, no common
/// seed, a trial without an outcome.
pub fn render(first: &Comparison, second: &Comparison) -> Result<String, Error> {
    let (of_first, of_second) = (first.summaries(), second.summaries());
    let of = |name: &Summary| {
        of_second.iter().find(|other| {
            other.arm == name.arm && other.workload == name.workload && other.backend == name.backend
        })
    };
    let pairs: Vec<(&Summary, &Summary)> = of_first.iter().filter_map(|arm| Some((arm, of(arm)?))).collect();
    refuse(first, second, &pairs)?;
    let values: Vec<(Vec<f64>, Vec<f64>)> =
        pairs.iter().map(|(a, b)| b.candidate().paired_with(a.candidate())).collect();
    let mut text = format!(
        "{} beside {}: the difference is how much better {} is\n",
        second.name, first.name, second.name
    );
    for direction in [Direction::Larger, Direction::Smaller] {
        let is_so: Vec<usize> =
            (0..pairs.len()).filter(|&place| pairs[place].0.metric.direction == direction).collect();
        let family: Vec<(&[f64], &[f64])> =
            is_so.iter().map(|&place| (values[place].0.as_slice(), values[place].1.as_slice())).collect();
        // The error is shared by the two directions of a metric, so that all of it is one family.
        let share = is_so.len() as f64 / pairs.len() as f64;
        if is_so.is_empty() {
            continue;
        }
        let comparisons = verdict::compare(&family, direction, ALPHA * share)?;
        for (&place, comparison) in is_so.iter().zip(&comparisons) {
            let (arm, _) = pairs[place];
            let (now, before) =
                (format!("{} of {}", arm.arm, second.name), format!("that of {}", first.name));
            let unit = number::unit_of_difference(&arm.metric);
            let said = comparison.sentence(&now, &before, unit, |value| number::plain(&arm.metric, value));
            writeln!(text, "{}: {said}", arm.workload).unwrap_or_default();
        }
    }
    Ok(text)
}

/// Refuses what cannot be compared.
fn refuse(first: &Comparison, second: &Comparison, pairs: &[(&Summary, &Summary)]) -> Result<(), Error> {
    let refuse = |reason: String| {
        Err(Error::usage(format!("{} and {} are not comparable: {reason}", first.name, second.name)))
    };
    if pairs.is_empty() {
        return refuse("they have no arm on the same workload and backend in common".into());
    }
    for comparison in [first, second] {
        if let Some(run) = comparison.runs.iter().find(|run| run.outcome.is_none()) {
            return refuse(format!("{} is not finished, {} has no outcome", comparison.name, run.trial.id()));
        }
    }
    let trial = |comparison: &Comparison, arm: &Summary| -> Option<Trial> {
        let is_final = |run: &&Run| run.stage == Stage::Final && arm.is_about(run);
        comparison.runs.iter().find(is_final).map(|run| run.trial.clone())
    };
    for (a, b) in pairs {
        let (Some(of_a), Some(of_b)) = (trial(first, a), trial(second, b)) else {
            return refuse(format!("{} has not been run to its end on {}", a.arm, a.workload));
        };
        // What an arm is may differ, that is what is asked; what it is measured on may not.
        for (what, differs) in [
            ("budget", of_a.recipe.budget != of_b.recipe.budget),
            ("share of validation", of_a.recipe.validation != of_b.recipe.validation),
            ("padding", of_a.recipe.pad != of_b.recipe.pad),
            ("target", a.metric.target != b.metric.target),
        ] {
            if differs {
                return refuse(format!("on {} they have another {what}", a.workload));
            }
        }
        if b.candidate().paired_with(a.candidate()).0.is_empty() {
            return refuse(format!("{} has no seed on {} in common", a.arm, a.workload));
        }
    }
    Ok(())
}
