//! Sentences about what a comparison shows, and how it was made.

use crate as compare;
use crate::plan::tuning::{Repeats, Selection, Tuning};
use crate::plan::{Split, Timing};
use crate::report::labels::{Labels, counted};
use crate::report::number;
use crate::result::choice::BASELINE;
use crate::result::summary::Summary;
use crate::result::verdicts::{ALPHA, Against};
use crate::run::folder::Kind;
use optlab_stats::search::Space;
use optlab_stats::statistics::paired_test::Test;
use optlab_stats::statistics::sentence::Wording;
use optlab_stats::statistics::verdict::{Comparison, Verdict};

/// The largest number of arms that a sentence names, and of arms without a shown difference.
const MOST_NAMED: usize = 12;
const MOST_OPEN: usize = 6;

/// The largest share of its time that a run can wait for a processor before its times count as disturbed.
const MOST_WAITING: f64 = 0.1;

/// Returns the verdicts on the arms of a workload, per backend: which arms are better and worse, and how many
/// seeds would show more. Every sentence names its arm or its backend.
pub fn verdicts(labels: &Labels, arms: &[&Summary]) -> Vec<String> {
    let mut backends: Vec<&str> = Vec::new();
    for arm in arms {
        // Arms are sorted by result, so those of one backend may not be adjacent.
        if !backends.contains(&arm.backend.as_str()) {
            backends.push(&arm.backend);
        }
    }
    let mut sentences = Vec::new();
    for backend in backends {
        let of_backend: Vec<&Summary> = arms.iter().copied().filter(|arm| arm.backend == backend).collect();
        sentences.extend(of_family(labels, &of_backend));
    }
    sentences
}

fn of_family(labels: &Labels, arms: &[&Summary]) -> Vec<String> {
    if arms.iter().all(|arm| arm.seeds == 0) {
        return arms.iter().map(|arm| searched(labels, arm)).collect();
    }
    if !is_finished(arms) {
        return vec![no_verdict_yet(labels, arms)];
    }
    let against = arms.iter().find_map(|arm| arm.against.as_ref());
    let Some(other) = against.and_then(|against| arms.iter().find(|arm| arm.arm == against.arm)) else {
        return Vec::new();
    };
    let others: Vec<(&Summary, &Against)> = arms
        .iter()
        .filter_map(|arm| Some((*arm, arm.against.as_ref()?)))
        .filter(|(arm, _)| arm.arm != other.arm)
        .collect();
    let result = other.result.as_ref();
    let value = match result.map(|result| result.mean.value) {
        Some(mean) if mean.is_finite() => {
            format!("with a mean {} of {}", other.metric, number::metric(&other.metric, mean))
        }
        Some(_) => format!("though it lost {} of its {}s,", other.lost(), labels.unit),
        None => "without a result".into(),
    };
    // No arm is the best of arms without a result.
    if arms.iter().all(|arm| arm.lost() == arm.values.len()) {
        let seeds = counted(other.values.len(), labels.unit);
        return vec![format!("No arm has a result: all of them lost all {seeds}, by divergence or failure.")];
    }
    let is_best = arms.first().is_some_and(|arm| arm.arm == other.arm);
    let name = labels.label(other);
    let seeds = counted(other.values.len(), labels.unit);
    let is_recommendation = arms.iter().any(|arm| arm.arm == BASELINE);
    let place = match (is_best, is_recommendation) {
        (_, true) => "the choice, made on the validation part",
        (true, _) => "the best",
        (false, _) => "the reference",
    };
    let mut parts = vec![format!("{name} is {place}, {value} over {seeds}.")];
    if others.is_empty() {
        return parts;
    }
    let with = |verdict: Verdict, name: fn(&Labels, &Summary, &Comparison) -> String| -> Vec<String> {
        let compared = others.iter().filter_map(|(arm, against)| Some((*arm, against.comparison.as_ref()?)));
        let so = compared.filter(|(_, comparison)| comparison.verdict == verdict);
        so.map(|(arm, comparison)| name(labels, arm, comparison)).collect()
    };
    let by_how_much = |labels: &Labels, arm: &Summary, comparison: &Comparison| {
        let difference = comparison.difference.unwrap_or(f64::NEG_INFINITY);
        let sign = if difference > 0.0 { "+" } else { "" };
        format!("{} ({sign}{})", labels.label(arm), number::plain(&arm.metric, difference))
    };
    for (verdict, said) in [(Verdict::Better, "Better than it"), (Verdict::Worse, "Worse than it")] {
        let arms = with(verdict, by_how_much);
        if !arms.is_empty() {
            parts.push(format!("{said}{}: {}.", labels.scope, named(&arms, MOST_NAMED)));
        }
    }
    let open = with(Verdict::NotShown, |labels, arm, _| labels.label(arm));
    if !open.is_empty() {
        parts.push(format!("No difference shown{}: {}.", labels.scope, named(&open, MOST_OPEN)));
    }
    let mut sentences = vec![parts.join(" ")];
    sentences.extend(what_more_seeds_tell(labels, other, &others));
    sentences.extend(what_more_tuning_tells(labels, arms));
    sentences
}

/// Returns the sentence about arms whose tuning has not levelled off: more trials might change their
/// verdicts.
fn what_more_tuning_tells(labels: &Labels, arms: &[&Summary]) -> Option<String> {
    let gain = |arm: &&Summary| {
        let gain = arm.tuned.as_ref()?.gain_of_last_half(arm.metric.direction)?;
        // A gain within the uncertainty of the arm's own mean would change no verdict.
        let uncertainty = arm.test.or(arm.final_validation)?.standard_error()?;
        let label = labels.label(arm);
        (gain > uncertainty).then(|| format!("{label} ({})", number::plain(&arm.metric, gain)))
    };
    let gaining: Vec<String> = arms.iter().filter_map(gain).collect();
    if gaining.is_empty() {
        return None;
    }
    Some(format!(
        "The tuning has not levelled off, and more of it may change a verdict; what the second half of the trials gained on \
         the validation part: {}.",
        named(&gaining, MOST_NAMED)
    ))
}

/// Returns whether every final trial of these arms, all of one backend, has ended.
pub(super) fn is_finished(arms: &[&Summary]) -> bool {
    arms.iter().all(|arm| arm.seeds > 0 && arm.not_run.is_empty())
}

/// Returns the sentence about arms of one backend whose final trials have not all ended: how many have, and
/// the leading arm once every arm has a result.
fn no_verdict_yet(labels: &Labels, arms: &[&Summary]) -> String {
    let planned: usize = arms.iter().map(|arm| arm.seeds).sum();
    let ended = planned - arms.iter().map(|arm| arm.not_run.len()).sum::<usize>();
    let place = match arms.first() {
        Some(arm) if labels.backend => format!(" on {}", arm.backend),
        _ => String::new(),
    };
    let have = if ended == 1 { "has" } else { "have" };
    let mut sentence = format!("No verdict yet{place}: {ended} of {} {have} ended", counted(planned, "run"));
    let leader = arms.first().filter(|_| arms.iter().all(|arm| !arm.values.is_empty()));
    if let Some((arm, mean)) = leader.and_then(|arm| Some((arm, arm.result.as_ref()?.mean.value)))
        && mean.is_finite()
    {
        let (name, mean) = (labels.label(arm), number::metric(&arm.metric, mean));
        let seeds = counted(arm.values.len(), labels.unit);
        sentence
            .push_str(&format!("; {name} leads so far, with a mean {} of {mean} over {seeds}", arm.metric));
    }
    sentence + "."
}

/// Returns the sentence about a workload of which no arm has final trials, in a recommendation that was
/// interrupted while it tried settings.
pub fn without_finalists(comparison: &compare::Comparison, workload: &str) -> String {
    let of_workload = || comparison.runs.iter().filter(|run| run.trial.workload.name == workload);
    let ended = of_workload().filter(|run| run.outcome.is_some()).count();
    format!(
        "No verdict yet: {ended} of the {} so far {} ended, and the finalists are not chosen.",
        counted(of_workload().count(), "trial"),
        if ended == 1 { "has" } else { "have" }
    )
}

/// Returns the sentence about an arm that has no final trials.
fn searched(labels: &Labels, arm: &Summary) -> String {
    let label = labels.label(arm);
    match arm.tuned.as_ref().map(|tuned| (tuned.by_lr.len(), tuned.best)) {
        Some((trials, Some(best))) => format!(
            "{label}: the best of the {} so far has a validation {} of {}, with {} at lr {}.",
            counted(trials, "trial"),
            arm.metric,
            number::metric(&arm.metric, best),
            arm.optimizer,
            number::short(arm.lr)
        ),
        Some((1, None)) => format!("{label}: the only trial so far was lost."),
        Some((trials, None)) => format!("{label}: all {trials} trials so far were lost."),
        None => format!("{label}: no trial has ended yet."),
    }
}

/// Returns the sentence about the arm that needs the fewest further seeds, or about too few seeds for any
/// verdict.
fn what_more_seeds_tell(labels: &Labels, other: &Summary, others: &[(&Summary, &Against)]) -> Option<String> {
    let open = others.iter().filter_map(|(arm, against)| Some((*arm, against.comparison.as_ref()?)));
    let open = open.filter(|(_, comparison)| comparison.verdict == Verdict::NotShown);
    let hardest = |(arm, comparison): (&Summary, &Comparison)| {
        let name = labels.label(arm);
        let unit = number::unit_of_difference(&arm.metric);
        let wording = Wording { unit, counted_in: labels.unit, scope: labels.scope };
        let sentence = comparison
            .sentence((&name, &labels.label(other)), wording, |value| number::plain(&arm.metric, value));
        // A sentence about too few seeds names no arm.
        if labels.backend && !sentence.contains(&name) {
            return format!("On {}: {sentence}.", arm.backend);
        }
        let mut letters = sentence.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", letters.as_str())
    };
    open.min_by_key(|(_, comparison)| comparison.seeds_to_settle.unwrap_or(u64::MAX)).map(hardest)
}

/// Joins names with semicolons, since names contain commas; counts the names beyond `most`.
fn named(names: &[String], most: usize) -> String {
    if names.len() <= most {
        return names.join("; ");
    }
    format!("{} and {} more", names[..most].join("; "), names.len() - most)
}

/// Returns how time was measured.
pub fn clock(comparison: &compare::Comparison) -> String {
    let said = "Training seconds leave out evaluation, logging, checkpoints and the first step; the clock waits for the \
                device before each reading.";
    let most = comparison
        .invocations
        .iter()
        .filter(|invocation| !invocation.is_timed_alone)
        .max_by_key(|it| it.jobs);
    let how = match most {
        Some(invocation) if invocation.jobs > 1 && invocation.is_pinned => format!(
            "{} trials ran at once, each pinned to its own processors: they share memory and caches, so their times compare with \
             each other and not with the times of a trial that runs alone.",
            invocation.jobs
        ),
        Some(invocation) if invocation.jobs > 1 => format!(
            "{} trials ran at once and were not pinned to their own processors: they slow each other down, so steps are the better \
             measure.",
            invocation.jobs
        ),
        _ => "The timed trials ran one at a time on all processors.".into(),
    };
    format!("{how} {said}{}", disturbed(comparison).map_or_else(String::new, |said| format!(" {said}")))
}

/// Returns the sentence about final runs that other work on the machine slowed down.
fn disturbed(comparison: &compare::Comparison) -> Option<String> {
    let longest = waiting_shares(comparison).fold(0.0, f64::max);
    let (disturbed, runs) = disturbed_runs(comparison);
    (disturbed > 0).then(|| {
        format!(
            "Other work on the machine disturbed {disturbed} of {}, which waited for a processor for up to {:.0} % of their time: \
             their times are too long.",
            counted(runs, "timed run"),
            longest * 100.0
        )
    })
}

/// Returns how many final runs were disturbed, of those that measured it.
fn disturbed_runs(comparison: &compare::Comparison) -> (usize, usize) {
    let disturbed = waiting_shares(comparison).filter(|share| *share > MOST_WAITING).count();
    (disturbed, waiting_shares(comparison).count())
}

/// Returns the shares of the final runs' time in which they waited for a processor.
fn waiting_shares(comparison: &compare::Comparison) -> impl Iterator<Item = f64> {
    let finals = comparison.runs.iter().filter(|run| run.is_final());
    finals.filter_map(|run| run.outcome.as_ref()?.waiting_share)
}

/// Returns whether the times of a comparison are good enough to rank arms by.
pub fn times_compare(comparison: &compare::Comparison) -> bool {
    let is_good = |it: &compare::Invocation| it.is_timed_alone || it.jobs == 1 || it.is_pinned;
    // Few disturbed runs do not move a median.
    let (disturbed, runs) = disturbed_runs(comparison);
    comparison.invocations.iter().all(is_good) && disturbed * 4 <= runs
}

fn study(comparison: &compare::Comparison) -> String {
    let Tuning { trials, sampler, pruner, seed, .. } = &comparison.plan.tuning;
    format!(
        "The settings of one optimizer were searched with {}, chosen by the sampler {sampler} (seed {seed}), with the \
         pruner {pruner}; a trial is judged by its best evaluation on the validation part.",
        counted(*trials, "trial")
    )
}

fn tuned(tuning: &Tuning, trials: usize) -> String {
    let how = format!(
        "by {} in its search space ({} points, which do not depend on results), {} each, on seeds that no final trial \
         uses; the best was chosen by {}",
        counted(trials, "trial"),
        tuning.sampler,
        if tuning.seeds == 1 { "one seed".into() } else { format!("the median of {} seeds", tuning.seeds) },
        match tuning.selection {
            Selection::Metric => "the best metric on the validation part",
            Selection::Time => "the training seconds to the target",
        }
    );
    match tuning.repeats {
        Repeats::EachSeed => format!(
            "Every replicate of every arm was tuned anew {how}, and trained once. A verdict is about the rule with its \
             search space and this number of tuning trials."
        ),
        Repeats::Once => format!(
            "Every arm was tuned once {how}. A verdict is about these settings: another tuning of the same arms may choose \
             others, and give another verdict."
        ),
    }
}

/// Returns the sentence about search spaces with different numbers of settings, of which the larger need more
/// trials.
fn unequal_spaces(spaces: &[(String, Space)]) -> Option<String> {
    let sizes: Vec<usize> = spaces.iter().map(|(_, space)| space.dimensions().len()).collect();
    let (least, most) = (*sizes.iter().min()?, *sizes.iter().max()?);
    let of = |size: usize| {
        let names =
            spaces.iter().zip(&sizes).filter(|(_, its)| **its == size).map(|((name, _), _)| name.clone());
        named(&names.collect::<Vec<_>>(), MOST_OPEN)
    };
    (least < most).then(|| {
        format!(
            "The search spaces differ in size: {} of {}, {} of {}. With the same number of trials, a larger space is searched \
             more thinly, which is a handicap.",
            counted(least, "setting"),
            of(least),
            counted(most, "setting"),
            of(most)
        )
    })
}

/// Returns the protocol of the comparison, in sentences.
pub fn protocol(comparison: &compare::Comparison) -> Vec<String> {
    let plan = &comparison.plan;
    if comparison.kind == Kind::Study {
        return vec![study(comparison)];
    }
    let tuned = match (comparison.kind, plan.tuning.trials) {
        (Kind::Recommendation, _) => "Settings of every arm were tried for a ninth of the epochs, the best third of them for a third of the \
                                      epochs, and the best third of these for all epochs, each time on new seeds; the best settings of the \
                                      three best arms are compared."
            .into(),
        (_, 0) => "Nothing was tuned: every arm has the settings that it was given.".into(),
        (_, trials) => tuned(&plan.tuning, trials),
    };
    let spaces = plan.spaces().unwrap_or_default();
    let family = match plan.reference() {
        _ if comparison.kind == Kind::Recommendation => {
            "each arm with the choice, which the validation part of the final runs made".into()
        }
        Some(reference) => format!("each arm with {reference}"),
        None => "all pairs of arms".into(),
    };
    let mut lines = vec![
        tuned,
        match plan.tuning.is_repeated() && comparison.kind != Kind::Recommendation {
            true => "A replicate's number decides the points and seeds of its tuning, its initial weights, held-out examples and \
                     the order of the data, the same for every arm."
                .into(),
            false => {
                "A seed decides initial weights, held-out examples and the order of the data, the same for every arm.".into()
            }
        },
        format!(
            "On each workload the comparisons ({family}) are one family, corrected by Holm's method: the probability of any wrong \
             verdict among them is at most {:.0} %.",
            ALPHA * 100.0
        ),
    ];
    if comparison.kind == Kind::Comparison && plan.tuning.trials > 0 {
        lines.extend(unequal_spaces(&spaces));
    }
    if plan.test == Test::Ranks {
        lines.push(
            "All pairs are tested by signed ranks, so a difference is the median of pair means.".into(),
        );
    }
    if plan.split == Split::Resampled {
        let split = "The test part is drawn anew for each seed from all examples, the same for every arm; a series keeps its \
                     last examples.";
        lines.push(split.into());
    }
    if plan.timing == Timing::Alone {
        lines.push("The final trials ran one at a time on all processors.".into());
    }
    lines
}
