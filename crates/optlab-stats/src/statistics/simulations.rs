//! How often verdicts, intervals and numbers of seeds are right, on simulated results.

use crate::statistics::paired_test::{PairedTest, Test};
use crate::statistics::power;
use crate::statistics::simulated::Random;
use crate::statistics::verdict::{Comparison, Verdict, compare};
use optlab_core::Direction;

type Draw = fn(&mut Random) -> f64;

const LOST: f64 = f64::NEG_INFINITY;

/// A normal result; lost with a probability of 5 %.
fn diverging(random: &mut Random) -> f64 {
    let result = random.normal();
    if random.happens(0.05) { LOST } else { result }
}

fn arm(count: usize, draw: Draw, shift: f64, random: &mut Random) -> Vec<f64> {
    (0..count).map(|_| draw(random) + shift).collect()
}

/// Returns the shares of samples in which `a`, better by `shift`, is called better and worse than `b`.
fn shares(test: Test, (a, b): (Draw, Draw), count: usize, shift: f64, samples: usize) -> (f64, f64) {
    let mut random = Random::new(count as u64);
    let (mut better, mut worse) = (0, 0);
    for _ in 0..samples {
        let (a, b) = (arm(count, a, shift, &mut random), arm(count, b, 0.0, &mut random));
        match PairedTest::of(&a, &b, Direction::Larger, test).unwrap().verdict(0.05) {
            Verdict::Better => better += 1,
            Verdict::Worse => worse += 1,
            Verdict::NotShown => {}
        }
    }
    (f64::from(better) / samples as f64, f64::from(worse) / samples as f64)
}

/// Four standard deviations above a share of 5 %.
fn at_most_alpha(samples: usize) -> f64 {
    0.05 + 4.0 * (0.05 * 0.95 / samples as f64).sqrt()
}

#[test]
fn equal_arms_are_rarely_called_different_also_if_runs_are_lost() {
    for draw in [Random::exponential as Draw, Random::student_2, diverging] {
        for (count, samples) in [(6, 2000), (10, 2000), (20, 500)] {
            for test in Test::ALL {
                let (better, worse) = shares(test, (draw, draw), count, 0.0, samples);
                assert!(better + worse <= at_most_alpha(samples), "{test} {count} {better} {worse}");
            }
        }
    }
}

#[test]
fn a_few_lost_runs_leave_nearly_all_of_the_power() {
    for count in [10, 20] {
        let (better, worse) = shares(Test::Mean, (diverging, diverging), count, 2.0 * 2_f64.sqrt(), 1000);
        assert!(better > 0.95 && worse == 0.0, "{count}: {better}");
    }
}

#[test]
fn an_arm_with_the_same_mean_and_another_distribution_is_called_different() {
    let (better, worse) = shares(Test::Mean, (mostly_better, Random::normal), 6, 0.0, 4000);
    // Four standard deviations of a binomial are 2.9 %.
    assert!((better + worse - 0.28).abs() < 0.03, "{better} {worse}");
}

/// Better by `GAIN` than a normal result in nine runs of ten, and worse by nine times as much in the tenth.
fn mostly_better(random: &mut Random) -> f64 {
    let result = random.normal() + GAIN;
    if random.happens(0.1) { result - 10.0 * GAIN } else { result }
}

const GAIN: f64 = 1.8;

/// Returns the share of families of all pairs of three arms in which an interval misses, with true means
/// `0, 0, 1`.
fn families_missed(count: usize, samples: usize) -> f64 {
    let mut random = Random::new(count as u64);
    let mut missed = 0;
    for _ in 0..samples {
        let arms: Vec<Vec<f64>> =
            [0.0, 0.0, 1.0].iter().map(|&mean| arm(count, Random::normal, mean, &mut random)).collect();
        let pairs = [(&arms[0][..], &arms[1][..]), (&arms[0], &arms[2]), (&arms[1], &arms[2])];
        let comparisons = compare(&pairs, Direction::Larger, 0.05, Test::Mean).unwrap();
        let misses =
            |(comparison, truth): (&Comparison, f64)| comparison.low > truth || comparison.high < truth;
        missed += usize::from(comparisons.iter().zip([0.0, -1.0, -1.0]).any(misses));
    }
    missed as f64 / samples as f64
}

#[test]
fn all_intervals_of_a_family_cover_together() {
    for (count, samples) in [(8, 1000), (12, 400)] {
        let missed = families_missed(count, samples);
        assert!(missed <= at_most_alpha(samples), "{count} {missed}");
    }
}

/// Returns the share of samples in which normal differences with a mean of `effect` deviations have a p-value
/// of at most `alpha`.
fn power_of(effect: f64, count: usize, alpha: f64, samples: usize) -> f64 {
    let mut random = Random::new(count as u64);
    let zeros = vec![0.0; count];
    let mut found = 0;
    for _ in 0..samples {
        let differences = arm(count, Random::normal, effect, &mut random);
        let paired = PairedTest::of(&differences, &zeros, Direction::Larger, Test::Mean).unwrap();
        found += usize::from(paired.verdict(alpha) == Verdict::Better);
    }
    found as f64 / samples as f64
}

/// Effects that need from the least number of seeds to 40, with the numbers of seeds.
fn effects(alpha: f64, strength: f64) -> Vec<(f64, usize)> {
    let numbers = (1..400).map(|i| 4.0 * 0.99_f64.powi(i)).filter_map(|effect| {
        let count = power::seeds(effect, alpha, strength)? as usize;
        (count <= 40).then_some((effect, count))
    });
    let mut effects: Vec<(f64, usize)> = numbers.collect();
    // The least effect of each number of seeds.
    effects.reverse();
    effects.dedup_by_key(|(_, count)| *count);
    effects.reverse();
    effects
}

#[test]
fn the_number_of_seeds_has_its_power() {
    for alpha in [0.05, 0.05 / 3.0, 0.05 / 24.0] {
        let effects = effects(alpha, 0.8);
        for &(effect, count) in effects.iter().filter(|(_, count)| *count <= 20).step_by(4) {
            let power = power_of(effect, count, alpha, 1000);
            // Five points, and four standard deviations of a binomial.
            assert!(power > 0.75 - 0.05 && power < 0.85 + 0.05, "{effect} {count} {alpha} {power}");
        }
    }
}

const PRINTS: [(&str, Draw); 4] = [
    ("normal", Random::normal),
    ("exponential", Random::exponential),
    ("t with 2 degrees", Random::student_2),
    ("normal, 5 % lost", diverging),
];

#[test]
#[ignore = "prints the table of the documentation of `verdict::compare`"]
fn verdict_table() {
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    for (name, draw) in PRINTS {
        for test in Test::ALL {
            let size = |count| {
                let (better, worse) = shares(test, (draw, draw), count, 0.0, 40_000);
                percent(better + worse)
            };
            println!("size | {name} | {test} | {} | {} | {} |", size(6), size(10), size(20));
        }
    }
    for (name, draw) in PRINTS {
        for test in Test::ALL {
            let power = |count, shift| percent(shares(test, (draw, draw), count, shift, 4000).0);
            let shift = 2.0 * 2_f64.sqrt();
            let strong = [power(10, 2.0), power(20, 2.0), power(10, shift), power(20, shift)];
            let weak = [power(40, 0.5), power(40, 1.0), power(40, 1.25)];
            println!("power | {name} | {test} | {strong:?} | {weak:?} |");
        }
    }
    for count in [6, 10, 20, 40] {
        let (better, worse) = shares(Test::Mean, (mostly_better, Random::normal), count, 0.0, 10_000);
        println!("same mean | {count} | {} better | {} worse |", percent(better), percent(worse));
    }
    for count in [8, 10, 12, 20] {
        println!("families missed | {count} | {} |", percent(families_missed(count, 4000)));
    }
}

#[test]
#[ignore = "prints the powers of the numbers of seeds"]
fn power_table() {
    for alpha in [0.05, 0.05 / 3.0, 0.05 / 10.0, 0.05 / 24.0] {
        for strength in [0.8, 0.9] {
            for (effect, count) in effects(alpha, strength) {
                let power = power_of(effect, count, alpha, 4000);
                println!("{alpha:.4} {strength} {count} seeds, effect {effect:.3}: {power:.3}");
            }
        }
    }
}
