//! The error rate and the power of verdicts about tuned arms, on the real replicates of
//! `artifacts/calibration/`.

use optlab::statistics::calibration::Calibration;
use optlab::statistics::paired_test::Test;
use optlab::statistics::proportion::Proportion;
use optlab::statistics::verdict::{self, Verdict};
use optlab::workload::Direction;
use std::collections::BTreeMap;

const PLANTED: &str = include_str!("../../artifacts/calibration/planted.csv");
const REPLICATES: &str = include_str!("../../artifacts/calibration/replicates.csv");

/// Returns the metrics of the replicates of each workload, rule and number of trials, larger if better;
/// infinite for a lost one.
fn replicates() -> BTreeMap<(&'static str, &'static str, &'static str), Vec<f64>> {
    let mut all: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for line in REPLICATES.lines().skip(1) {
        let [workload, rule, trials, _, metric] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("not five columns: {line}")
        };
        let sign = if workload == "digits-cnn" { 1.0 } else { -1.0 };
        let metric = metric.parse().map_or(f64::NEG_INFINITY, |metric: f64| sign * metric);
        all.entry((workload, rule, trials)).or_default().push(metric);
    }
    all
}

/// Returns how many families of `arms` arms with `seeds` replicates each, all of one rule, have a verdict.
/// Each replicate is in one family.
fn wrong_families(arms: usize, seeds: usize) -> Proportion {
    let (mut wrong, mut families) = (0, 0);
    for ((workload, rule, trials), metrics) in replicates() {
        let before = (wrong, families);
        for family in metrics.chunks_exact(arms * seeds) {
            let arms: Vec<&[f64]> = family.chunks(seeds).collect();
            let pairs: Vec<(&[f64], &[f64])> = (0..arms.len())
                .flat_map(|a| (0..a).map(move |b| (a, b)))
                .map(|(a, b)| (arms[a], arms[b]))
                .collect();
            let compared = verdict::compare(&pairs, Direction::Larger, 0.05, Test::Mean).unwrap();
            wrong += usize::from(compared.iter().any(|pair| pair.verdict != Verdict::NotShown));
            families += 1;
        }
        println!(
            "{arms} × {seeds}, {workload} {rule} {trials} trials: {} of {}",
            wrong - before.0,
            families - before.1
        );
    }
    Proportion::of(wrong, families).unwrap()
}

/// `cargo test --test program calibration -- --nocapture` prints the counts.
#[test]
fn a_rule_tuned_anew_for_each_replicate_is_called_different_from_itself_in_at_most_five_percent_of_families()
{
    assert_eq!(replicates().len(), 3 * 4 * 3, "workloads × rules × numbers of trials");
    for (arms, seeds) in [(2, 6), (2, 8), (3, 8)] {
        let wrong = wrong_families(arms, seeds);
        println!("{arms} arms with {seeds} replicates: {wrong:?}");
        // A family of two with 6 replicates is wrong in 3.1 % of cases, the others in up to 5 %.
        assert!(wrong.share <= 0.05 && wrong.high < 0.08, "{arms} × {seeds}: {wrong:?}");
    }
}

/// Returns the test accuracies of the arms of `planted.toml` by their names, in the order of the replicates.
fn planted() -> BTreeMap<&'static str, Vec<f64>> {
    let mut arms: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for line in PLANTED.lines().skip(1) {
        let (rest, metric) = line.rsplit_once(',').unwrap();
        let (arm, _) = rest.rsplit_once(',').unwrap();
        arms.entry(arm.trim_matches('"')).or_default().push(metric.parse().unwrap());
    }
    arms
}

/// The sentence beside a verdict names the number of replicates that would show a difference of the observed
/// size four times in five.
#[test]
fn a_planted_difference_is_found_four_times_in_five_with_the_number_of_replicates_that_is_named_for_it() {
    let arms = planted();
    for (better, worse) in [
        ("adamw", "adamw, rates ten times too low"),
        ("muon:other=adamw", "muon with one step"),
        ("adamw", "adamw with dropout"),
    ] {
        let (a, b) = (&arms[better], &arms[worse]);
        let compared = &verdict::compare(&[(a, b)], Direction::Larger, 0.05, Test::Mean).unwrap()[0];
        assert_eq!(compared.verdict, Verdict::Better, "{better} against {worse}");
        let named = compared.seeds_to_settle.unwrap() as usize;
        let calibration = Calibration { splits: 4000, alpha: 0.05, seed: 1 };
        let found = |seeds| calibration.found_share(a, b, Direction::Larger, seeds).unwrap().share;
        let shares = [named - 1, named].map(found);
        println!(
            "{better} against {worse}: {named} replicates, found in {shares:?} with one fewer and with these"
        );
        assert!(shares[1] >= 0.75, "{worse} with {named} replicates: {shares:?}");
        // Six replicates are the fewest that can show anything; otherwise one fewer is not enough.
        assert!(shares[0] <= 0.85 || named == 6, "{worse} with {named} replicates: {shares:?}");
    }
}
