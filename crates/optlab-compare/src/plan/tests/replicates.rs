//! Tests of tunings that are repeated for each seed.

use super::*;
use crate::plan::tuning::Repeats;
use std::collections::HashSet;

/// A plan that tunes two rules anew for each of three seeds, with two runs at each of four points.
const REPLICATED: &str = "
workloads = ['digits-cnn']
optimizers = ['adamw', 'adamw:beta_1=0.8']
seeds = [0, 7, 100]
[tuning]
trials = 4
seeds = 2
";

fn entries_of(text: &str) -> Vec<Entry> {
    let plan = parse(text).unwrap();
    plan.entries(&plan.arms_on_workloads(&defaults).unwrap()).unwrap()
}

fn replicate(entry: &Entry) -> Option<u64> {
    match entry.stage {
        Stage::Tuning { replicate, .. } => replicate,
        Stage::Final => panic!("a final trial is not known yet"),
    }
}

#[test]
fn each_seed_has_a_tuning_of_its_own_and_the_arms_share_its_points_and_seeds() {
    let entries = entries_of(REPLICATED);
    assert_eq!(entries.len(), 3 * 2 * 4 * 2);
    // Replicate by replicate, so that a comparison that was stopped has whole ones.
    let order: Vec<Option<u64>> = entries.chunks(16).map(|chunk| replicate(&chunk[0])).collect();
    assert_eq!(order, [Some(0), Some(7), Some(100)]);
    for chunk in entries.chunks(16) {
        assert!(chunk.iter().all(|entry| replicate(entry) == replicate(&chunk[0])));
        let settings = |arm: &[Entry]| -> Vec<(u64, f64)> {
            arm.iter().map(|entry| (entry.trial.seed, entry.trial.lr)).collect()
        };
        assert_eq!(settings(&chunk[..8]), settings(&chunk[8..]));
    }
}

#[test]
fn replicates_share_neither_points_nor_training_seeds() {
    let entries = entries_of(REPLICATED);
    let of_first_arm = || entries.chunks(16).flat_map(|chunk| &chunk[..8]);
    let rates: HashSet<u64> = of_first_arm().map(|entry| entry.trial.lr.to_bits()).collect();
    let seeds: HashSet<u64> = of_first_arm().map(|entry| entry.trial.seed).collect();
    assert_eq!((rates.len(), seeds.len()), (3 * 4, 3 * 2));
    assert!(seeds.iter().all(|&seed| seed >= FIRST_SEED));
    // Another seed of the tuning gives other points.
    let other = entries_of(&format!("{REPLICATED}seed = 1"));
    assert!(other.iter().all(|entry| !rates.contains(&entry.trial.lr.to_bits())));
}

#[test]
fn more_seeds_and_more_trials_contain_the_trials_of_fewer() {
    let few: HashSet<String> = entries_of(REPLICATED).iter().map(|entry| entry.trial.id()).collect();
    let larger = REPLICATED.replace("[0, 7, 100]", "[0, 3, 7, 100]").replace("trials = 4", "trials = 6");
    let many: HashSet<String> = entries_of(&larger).iter().map(|entry| entry.trial.id()).collect();
    assert!(few.is_subset(&many));
    assert_eq!(many.len(), 4 * 2 * 6 * 2);
}

#[test]
fn a_tuned_plan_refuses_seeds_that_a_tuning_may_use_and_other_repeats() {
    let told = |text: &str| {
        let refused = parse(text).and_then(|plan| plan.arms_on_workloads(&defaults).map(|_| ()));
        refused.unwrap_err().to_string()
    };
    assert!(told(&REPLICATED.replace("100", "1000000")).contains("below 1000000"));
    for repeats in ["2", "'each'", "true"] {
        let told = told(&format!("{REPLICATED}repeats = {repeats}"));
        assert!(told.contains("`tuning.repeats` must be \"seeds\""), "{told}");
    }
}

#[test]
fn repeats_are_written_and_read_back() {
    for (text, expected) in
        [("", Repeats::EachSeed), ("repeats = 'seeds'", Repeats::EachSeed), ("repeats = 1", Repeats::Once)]
    {
        let plan = parse(&format!("{REPLICATED}{text}")).unwrap();
        assert_eq!(plan.tuning.repeats, expected);
        assert_eq!(parse(&plan.to_toml().unwrap()).unwrap(), plan);
    }
    let once = parse(&format!("{REPLICATED}repeats = 1")).unwrap();
    assert_ne!(once.id().unwrap(), parse(REPLICATED).unwrap().id().unwrap());
}

#[test]
fn a_resampled_split_is_decided_by_the_replicate_and_the_same_for_its_tuning_and_all_arms() {
    let resampled = format!("split = 'resampled'{REPLICATED}");
    for entry in entries_of(&resampled) {
        assert_eq!(entry.trial.recipe.split, replicate(&entry));
    }
    let plan = parse(&resampled).unwrap();
    let sides = plan.arms_on_workloads(&defaults).unwrap();
    let last = plan.final_entry(&sides[1], &sides[1].trial, 7);
    assert_eq!((last.trial.seed, last.trial.recipe.split), (7, Some(7)));
    assert!(entries_of(REPLICATED).iter().all(|entry| entry.trial.recipe.split.is_none()));
    // A number is the split of all seeds, and a setting of the recipe.
    let numbered = parse(&format!("split = 3{REPLICATED}")).unwrap();
    assert_eq!((numbered.recipe.split, numbered.split), (Some(3), Split::Fixed));
    assert_eq!(parse(&numbered.to_toml().unwrap()).unwrap(), numbered);
    assert_eq!(parse(&plan.to_toml().unwrap()).unwrap(), plan);
    assert!(
        mistake(&format!("split = 'new'{REPLICATED}"))
            .contains("`split` must be fixed, resampled or a whole")
    );
    let both = Plan { split: Split::Resampled, ..numbered };
    let told = both.arms_on_workloads(&defaults).unwrap_err().to_string();
    assert!(told.contains("`split` must be left out where the plan's is \"resampled\""), "{told}");
    // One tuning for all seeds would see the test examples of the others.
    let once = parse(&format!("{resampled}repeats = 1")).unwrap();
    let told = once.arms_on_workloads(&defaults).unwrap_err().to_string();
    assert!(told.contains("`split` must be \"fixed\" with one tuning"), "{told}");
}
