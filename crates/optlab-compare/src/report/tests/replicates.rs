//! Tests of what reports say about tunings: repeated for each seed, or once for all.

use super::*;
use crate::made_up::{Tuned, tuned_comparison};
use crate::plan::tuning::Repeats;
use crate::plan::{Seeds, Split};
use optlab_optim::OptimizerChoice;

/// Two arms with 8 seeds, of which the first is better on each; each was tuned by 4 trials, whose best result
/// improves with every trial by `gain`.
fn example_of(repeats: Repeats, gain: f64) -> Comparison {
    tuned_comparison(&Tuned { repeats, trials: 4, seeds: 8, gain })
}

#[test]
fn verdicts_of_repeated_tunings_are_about_the_rules_and_count_replicates() {
    let text = render(&example_of(Repeats::EachSeed, 0.0), 200);
    assert!(text.contains("8 replicates · each tuned by 4 trials"), "{text}");
    assert!(text.contains("over 8 replicates. Worse than it: sgd"), "{text}");
    assert!(!text.contains("settings") || !text.contains("for these settings"), "{text}");
    // The settings differ between replicates, so the table has their range.
    assert!(text.contains("0.0045 (0.001–0.008)"), "{text}");
}

#[test]
fn verdicts_of_one_tuning_say_in_every_sentence_and_column_that_they_are_about_these_settings() {
    let once = example_of(Repeats::Once, 0.0);
    let text = render(&once, 200);
    assert!(text.contains("8 seeds · tuned once, by 4 trials each"), "{text}");
    assert!(text.contains("verdict for these settings"), "{text}");
    assert!(text.contains("Worse than it for these settings: sgd"), "{text}");
    let page = exported(&html::Html, &once);
    assert!(page.contains("\"scope\":\" for these settings\"") && page.contains("for these settings: sgd"));
    let markdown = exported(&markdown::Markdown, &once);
    assert!(markdown.contains("A verdict is about these settings: another tuning"), "{markdown}");
}

#[test]
fn a_tuning_that_still_improves_is_named_beside_the_verdicts() {
    let said = "The tuning has not levelled off";
    assert!(!render(&example_of(Repeats::EachSeed, 0.0), 200).contains(said));
    let text = render(&example_of(Repeats::EachSeed, 0.1), 400);
    // The best of all four trials against the median best of two of them.
    assert!(text.contains(said) && text.contains("validation part: adamw ("), "{text}");
}

#[test]
fn the_protocol_names_search_spaces_of_different_sizes_and_a_resampled_split() {
    let of = |optimizers: &[&str], split| {
        let mut comparison = example_of(Repeats::EachSeed, 0.0);
        let optimizers = optimizers.iter().map(|text| text.parse::<OptimizerChoice>().unwrap());
        comparison.plan = Plan { optimizers: optimizers.collect(), split, ..comparison.plan };
        words::protocol(&comparison).join("\n")
    };
    let told = of(&["adamw", "sgd:momentum=0.9,weight_decay=0.1,nesterov=true"], Split::Resampled);
    assert!(told.contains("The search spaces differ in size: 1 setting of sgd"), "{told}");
    assert!(told.contains("The test part is drawn anew for each seed"), "{told}");
    let told = of(&["adamw"], Split::Fixed);
    assert!(!told.contains("differ in size") && !told.contains("drawn anew"), "{told}");
}

#[test]
fn two_comparisons_with_different_tunings_say_so() {
    let named = |name: &str, comparison: Comparison| Comparison { name: name.into(), ..comparison };
    let each = named("each", example_of(Repeats::EachSeed, 0.0));
    let once = named("once", example_of(Repeats::Once, 0.0));
    let told = |a: &Comparison, b: &Comparison| between::render(a, b).unwrap();
    assert!(
        told(&each, &each).contains("both were tuned by 4 trials for each seed; the verdicts are about arms")
    );
    let text = told(&each, &once);
    assert!(
        text.contains("the tunings differ: each was tuned by 4 trials for each seed, once was tuned once"),
        "{text}"
    );
    assert!(text.contains("a rule can differ from itself"), "{text}");
    let untuned = example_on_two_backends(8);
    assert!(!told(&untuned, &untuned).contains("tuned"));
}

#[test]
fn runs_that_waited_for_a_processor_are_told_and_take_their_seconds_out_of_the_score() {
    let mut comparison = example_of(Repeats::EachSeed, 0.0);
    assert!(!words::clock(&comparison).contains("disturbed") && words::times_compare(&comparison));
    let finals: Vec<usize> =
        (0..comparison.runs.len()).filter(|&place| comparison.runs[place].is_final()).collect();
    for &place in &finals[..6] {
        comparison.runs[place].outcome.as_mut().unwrap().waiting_share = Some(0.4);
    }
    let told = words::clock(&comparison);
    assert!(
        told.contains("disturbed 6 of 16 timed runs, which waited for a processor for up to 40 %"),
        "{told}"
    );
    assert!(!words::times_compare(&comparison));
}

#[test]
fn a_score_has_an_interval_that_contains_it_and_none_of_its_width_comes_from_equal_times() {
    let mut comparison = example_of(Repeats::EachSeed, 0.0);
    comparison.plan.seeds = Seeds::Count(8);
    for run in comparison.runs.iter_mut().filter(|run| run.is_final()) {
        let step = if run.arm == "adamw" { 100 } else { 120 + 60 * (run.trial.seed as usize % 4) };
        run.outcome = Some(outcome(0.9, Some(step)));
    }
    let scores = times::scores(&comparison, &comparison.summaries(), 4.0).unwrap();
    // adamw is the fastest whatever is drawn; the median of 120, 180, 240, 300 twice each is 210: at a ratio
    // of 2.1 the exact score is (4 − 2.1) / 3.
    assert_eq!(scores[0], [1.0, 1.0, 1.0]);
    let [score, low, high] = scores[1];
    assert!((score - 1.9 / 3.0).abs() < 0.01 && low < score && score < high, "{scores:?}");
    assert!(low > (4.0 - 3.0) / 3.0 - 0.01 && high < (4.0 - 1.2) / 3.0 + 0.01, "{scores:?}");
}

#[test]
fn a_comparison_whose_replicates_are_not_all_tuned_has_no_verdict() {
    let mut stopped = example_of(Repeats::EachSeed, 0.0);
    stopped.plan.seeds = Seeds::Count(20);
    // Eight of twenty replicates have ended, and the final runs of the others are not listed yet.
    let text = render(&stopped, 200);
    assert!(
        text.contains("20 replicates") && text.contains("No verdict yet: 16 of 40 runs have ended"),
        "{text}"
    );
    assert!(!text.contains("verdict  ") && text.contains("not run yet"), "{text}");
}

#[test]
fn a_replicate_that_lost_all_its_tuning_trials_is_named() {
    let mut comparison = example_of(Repeats::EachSeed, 0.0);
    for run in
        comparison.runs.iter_mut().filter(|run| run.arm == "sgd" && matches!(run.replicate(), Some(2 | 5)))
    {
        run.outcome = Some(lost(Status::Diverged, "loss is NaN at step 3"));
    }
    let said = "sgd: every tuning trial of replicates 2, 5 was lost, so the settings given were kept there";
    assert!(render(&comparison, 200).contains(said));
}

#[test]
fn comparisons_with_other_test_parts_are_not_compared() {
    let fixed = example_of(Repeats::EachSeed, 0.0);
    let mut resampled = fixed.clone();
    resampled.plan.split = Split::Resampled;
    let refused = between::render(&fixed, &resampled).unwrap_err().to_string();
    assert!(refused.contains("on digits-cnn they differ in split"), "{refused}");
}
