use super::*;
use crate::statistics::draw::shuffle;
use crate::statistics::subsets::all_means;
use optlab_core::random::{Purpose, stream};
use rand::Rng;

const INF: f64 = f64::INFINITY;

/// Asymmetric and in general position: no two subsets have the same sum.
const MAGNITUDES: [f64; 11] = [0.31, 1.7, 0.023, 4.9, 2.2, 0.83, 13.1, 0.57, 7.3, 1.19, 0.107];

fn signed(magnitudes: &[f64], signs: usize) -> Vec<f64> {
    let sign = |i: usize| if signs >> i & 1 == 1 { -1.0 } else { 1.0 };
    magnitudes.iter().enumerate().map(|(i, magnitude)| sign(i) * magnitude).collect()
}

fn excludes_zero(interval: (f64, f64)) -> bool {
    interval.0 > 0.0 || interval.1 < 0.0
}

fn uniform(random: &mut impl Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[test]
fn the_interval_covers_exactly_its_level_over_all_signs() {
    for count in [1, 3, 5, 8] {
        let all = 1 << count;
        let samples: Vec<Paired> =
            (0..all).map(|signs| Paired::of(&signed(&MAGNITUDES[..count], signs)).unwrap()).collect();
        for k in 0..=all / 2 {
            let alpha = 2.0 * k as f64 / all as f64;
            let missed = |side: fn((f64, f64)) -> bool| {
                samples.iter().filter(|sample| side(sample.interval(1.0 - alpha))).count()
            };
            // It misses half of `alpha` on either side.
            assert_eq!(missed(|interval| interval.0 > 0.0), k, "{count} {k}");
            assert_eq!(missed(|interval| interval.1 < 0.0), k, "{count} {k}");
        }
    }
}

#[test]
fn the_interval_moves_with_the_differences() {
    let signs = signed(&MAGNITUDES[..7], 0b0100110);
    let shifted: Vec<f64> = signs.iter().map(|difference| 2.0 * difference + 10.0).collect();
    let (at_zero, at_ten) = (Paired::of(&signs).unwrap(), Paired::of(&shifted).unwrap());
    for level in [0.0, 0.5, 0.9, 0.95] {
        let ((low, high), (low_at_ten, high_at_ten)) = (at_zero.interval(level), at_ten.interval(level));
        assert!(
            (2.0 * low + 10.0 - low_at_ten).abs() < 1e-12 && (2.0 * high + 10.0 - high_at_ten).abs() < 1e-12
        );
    }
}

#[test]
fn three_differences_match_a_hand_computation() {
    // The means: 1, 2, 6, 1.5, 3.5, 4, 3; in order 1, 1.5, 2, 3, 3.5, 4, 6. Eight pieces.
    let paired = Paired::of(&[1.0, 6.0, 2.0]).unwrap();
    assert_eq!(paired.mean(), 3.0);
    assert_eq!(paired.interval(0.75), (1.0, 6.0));
    assert_eq!(paired.interval(0.6), (1.0, 6.0));
    assert_eq!(paired.interval(0.5), (1.5, 4.0));
    assert_eq!(paired.interval(0.25), (2.0, 3.5));
    assert_eq!((paired.interval(0.0), paired.interval(-1.0)), ((3.0, 3.0), (3.0, 3.0)));
    assert_eq!(paired.interval(0.76), (-INF, INF));
    assert_eq!(paired.p_value(), 0.25);
    // −1, 6, 2: of the means −1, 0.5, … one is below 0.
    assert_eq!(Paired::of(&[-1.0, 6.0, 2.0]).unwrap().p_value(), 0.5);
    assert_eq!(Paired::of(&[1.0, -6.0, -2.0]).unwrap().p_value(), 0.5);
}

#[test]
fn the_count_of_means_matches_the_sign_flip_test() {
    for (count, signs) in [(5, 0b00100), (8, 0b0010_0001), (9, 0), (9, 0b1_1111_0100)] {
        let differences = signed(&MAGNITUDES[..count], signs);
        let total: f64 = differences.iter().sum();
        // The number of sums that are at least, and at most, as large, over all flips including the empty
        // one.
        let sums = || (0..1 << count).map(|flips| signed(&differences, flips).iter().sum::<f64>());
        let at_least = sums().filter(|&sum| sum >= total - 1e-12).count();
        let at_most = sums().filter(|&sum| sum <= total + 1e-12).count();
        let means = all_means(&differences);
        assert_eq!(means.iter().filter(|&&mean| mean <= 0.0).count() + 1, at_least);
        assert_eq!(means.iter().filter(|&&mean| mean >= 0.0).count() + 1, at_most);
        // The usual two-sided p-value: the share of sums that are at least as far from 0.
        let extreme = sums().filter(|sum| sum.abs() >= total.abs() - 1e-12).count();
        let p_value = Paired::of(&differences).unwrap().p_value();
        assert_eq!(p_value, extreme as f64 / (1 << count) as f64);
    }
}

#[test]
fn p_values_match_scipy() {
    // scipy.stats.permutation_test((d,), numpy.mean, permutation_type='samples',
    // n_resamples=numpy.inf).pvalue
    for (differences, expected) in [
        (&[0.8, 1.1, -0.2, 0.5, 0.9, 0.3, 1.4, 0.1][..], 0.0234375),
        (&[1.0, -2.0, 3.0, 0.5, 0.25, 4.0][..], 0.28125),
        (&[-1.0, -1.0, -2.0, 0.0, -1.0, -3.0, -2.0, -1.0, 1.0, -2.0][..], 0.0234375),
    ] {
        assert_eq!(Paired::of(differences).unwrap().p_value(), expected);
    }
}

#[test]
fn a_p_value_is_at_most_alpha_exactly_if_the_interval_excludes_zero() {
    let mut random = stream(7, Purpose::Order, 0);
    for sample in 0..300 {
        let count = 1 + sample % 20;
        // Including tied and zero differences; every other sample is shifted.
        let draw =
            |random: &mut _| ((uniform(random) * 8.0) as i64 - 3 + (sample % 2) as i64 * 2) as f64 * 0.1;
        let differences: Vec<f64> = (0..count).map(|_| draw(&mut random)).collect();
        let paired = Paired::of(&differences).unwrap();
        let p_value = paired.p_value();
        let alphas = [0.001, 0.01, 0.05 / 3.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.999];
        for alpha in alphas.into_iter().chain([p_value, p_value - 1e-9]).filter(|&alpha| alpha < 1.0) {
            assert_eq!(
                p_value <= alpha,
                excludes_zero(paired.interval(1.0 - alpha)),
                "{differences:?} {alpha}"
            );
        }
    }
}

#[test]
fn the_interval_holds_the_mean_for_any_number_of_differences() {
    for count in [12, 15, 20, 60] {
        let differences: Vec<f64> = (0..count).map(|i| MAGNITUDES[i % 11] * (1.0 + i as f64)).collect();
        let paired = Paired::of(&differences).unwrap();
        let mean = paired.mean();
        assert_eq!(paired.interval(0.0), (mean, mean));
        for level in [0.001, 0.5, 0.95] {
            let (low, high) = paired.interval(level);
            assert!(low <= mean && mean <= high);
        }
        // Random subsets have 2¹⁸ pieces.
        let pieces = if count == 60 { 18 } else { count as i32 };
        assert_eq!(paired.p_value(), 2.0 / 2_f64.powi(pieces));
    }
}

#[test]
fn zero_differences_have_a_p_value_of_one() {
    for count in [12, 20, 41] {
        let paired = Paired::of(&vec![0.0; count]).unwrap();
        assert_eq!((paired.mean(), paired.p_value(), paired.interval(0.95)), (0.0, 1.0, (0.0, 0.0)));
    }
    // A zero among differences of one sign counts on both sides: {0} alone, and the empty set as well.
    assert_eq!(Paired::of(&[1.0, 2.0, 4.0, 0.0]).unwrap().p_value(), 4.0 / 16.0);
    let mut with_zero = vec![1.0; 17];
    with_zero[5] = 0.0;
    assert_eq!(Paired::of(&with_zero).unwrap().p_value(), 4.0 / 2_f64.powi(17));
    for refused in [&[][..], &[1.0, f64::NAN], &[1.0, INF], &[-INF]] {
        assert!(Paired::of(refused).is_none());
    }
}

#[test]
fn the_least_number_of_seeds_is_enough_if_all_differences_have_one_sign() {
    for (alpha, seeds) in
        [(0.5, 2), (0.1, 5), (0.05, 6), (0.05 / 10.0, 9), (1.0, 1), (2.0 / 16384.0, 14), (0.05 / 435.0, 15)]
    {
        assert_eq!(least_seeds(alpha), Some(seeds));
        assert!(Paired::of(&MAGNITUDES.repeat(2)[..seeds as usize]).unwrap().p_value() <= alpha);
        if seeds > 1 {
            assert!(Paired::of(&MAGNITUDES.repeat(2)[..seeds as usize - 1]).unwrap().p_value() > alpha);
        }
    }
    assert_eq!((least_seeds(0.0), least_seeds(f64::NAN), least_seeds(2e-12)), (None, None, Some(40)));
}

#[test]
fn a_difference_is_positive_where_the_first_is_better() {
    assert_eq!(
        (difference(3.0, 1.0, Direction::Larger), difference(3.0, 1.0, Direction::Smaller)),
        (2.0, -2.0)
    );
    assert_eq!(
        (difference(INF, INF, Direction::Smaller), difference(-INF, -INF, Direction::Larger)),
        (0.0, 0.0)
    );
    assert_eq!(
        (difference(1.0, INF, Direction::Smaller), difference(-INF, 1.0, Direction::Larger)),
        (INF, -INF)
    );
}

#[test]
fn equal_arms_get_a_verdict_in_at_most_alpha_of_the_samples() {
    let mut random = stream(3, Purpose::Order, 0);
    // Skewed: the cube of an exponential, with a scale per seed that both arms share.
    let skewed = |random: &mut _| -uniform(random).ln().powi(3);
    for tied in [false, true] {
        for (count, samples) in [(7, 2000), (12, 800), (17, 2000), (50, 60)] {
            let mut found = 0;
            for _ in 0..samples {
                let differences: Vec<f64> = (0..count)
                    .map(|_| {
                        let scale = 1.0 + 9.0 * uniform(&mut random);
                        let mut arm = || {
                            let value = scale * skewed(&mut random);
                            if tied { value.sqrt().round() / 1000.0 } else { value }
                        };
                        difference(arm(), arm(), Direction::Larger)
                    })
                    .collect();
                found += usize::from(Paired::of(&differences).unwrap().p_value_is_at_most(0.05));
            }
            // Four standard deviations of a binomial. Without ties nearly 5 % are found.
            let (expected, error) = (0.05 * f64::from(samples), 4.0 * (0.0475 * f64::from(samples)).sqrt());
            assert!((found as f64) <= expected + error, "{count} {tied}: {found}");
            assert!(tied || found as f64 >= expected - error - 22.0, "{count}: {found}");
        }
    }
}

/// Returns skewed differences with a mean above 0, rounded to multiples of `unit`.
fn skewed(count: usize, unit: f64, seed: u64) -> Vec<f64> {
    let mut random = stream(seed, Purpose::Order, 0);
    let one = |random: &mut _| (3.0 * uniform(random).powi(3) - 0.3) / unit;
    (0..count).map(|_| one(&mut random).round() * unit).collect()
}

#[test]
fn nothing_depends_on_the_order_of_the_differences() {
    for (count, unit) in [(10, 1e-9), (24, 1e-9), (24, 0.1), (45, 1e-9)] {
        let mut differences = skewed(count, unit, 2);
        let of = |differences: &[f64]| {
            let paired = Paired::of(differences).unwrap();
            let (low, high) = paired.interval(0.95);
            [paired.mean(), paired.p_value(), low, high].map(f64::to_bits)
        };
        let expected = of(&differences);
        let mut random = stream(1, Purpose::Order, 0);
        for _ in 0..6 {
            shuffle(&mut differences, &mut random);
            assert_eq!(of(&differences), expected, "{count} {unit}");
        }
        differences.reverse();
        assert_eq!(of(&differences), expected);
    }
}

#[test]
fn swapping_the_arms_mirrors_the_result() {
    for (count, unit) in [(10, 1e-9), (24, 1e-9), (24, 0.1), (45, 1e-9)] {
        let differences = skewed(count, unit, 3);
        let mirrored: Vec<f64> = differences.iter().map(|difference| -difference).collect();
        let (paired, mirror) = (Paired::of(&differences).unwrap(), Paired::of(&mirrored).unwrap());
        let (low, high) = paired.interval(0.9);
        assert_eq!((mirror.mean(), mirror.p_value()), (-paired.mean(), paired.p_value()));
        assert_eq!(mirror.interval(0.9), (-high, -low));
    }
}

#[test]
fn counted_subsets_match_listed_ones() {
    for (count, unit) in [(16, 1e-9), (17, 0.1), (18, 1e-9), (18, 0.5)] {
        let differences = skewed(count, unit, 4);
        let means = all_means(&differences);
        let paired = Paired::of(&differences).unwrap();
        let not_above = means.partition_point(|&mean| mean <= 0.0);
        assert_eq!(paired.p_value(), 2.0 * (not_above + 1) as f64 / 2_f64.powi(count as i32));
        for alpha in [0.001, 0.01, 0.05, 0.2, 0.9] {
            let k = (alpha * 2_f64.powi(count as i32 - 1)) as usize;
            let (low, high) = paired.interval_missing(alpha);
            let expected = (means[k - 1], means[means.len() - k]);
            assert!((low - expected.0).abs() < 1e-8 && (high - expected.1).abs() < 1e-8, "{count} {alpha}");
        }
    }
}

#[test]
fn random_subsets_nearly_match_all_of_them() {
    let differences = skewed(40, 1e-9, 5);
    let exact = Paired::of(&differences).unwrap();
    let random = Paired { means: Means::Random(OnceLock::new()), ..exact.clone() };
    let (p, q) = (exact.p_value(), random.p_value());
    assert!((p - q).abs() <= 4.0 * (2.0 * p / 2_f64.powi(18)).sqrt() + 1e-5, "{p} {q}");
    let ((low, high), (random_low, random_high)) = (exact.interval(0.95), random.interval(0.95));
    let near = |a: f64, b: f64| (a - b).abs() < 0.01 * (high - low);
    assert!(near(low, random_low) && near(high, random_high));
}

#[test]
fn a_decision_without_the_p_value_or_the_end_is_the_same() {
    for (count, unit) in [(10, 1e-9), (18, 0.1), (24, 1e-9), (24, 0.1), (45, 1e-9)] {
        for seed in 0..2 {
            let mut differences = skewed(count, unit, seed);
            if seed % 2 == 1 {
                differences.iter_mut().for_each(|difference| *difference = 0.1 - *difference);
            }
            let paired = Paired::of(&differences).unwrap();
            for alpha in [1e-6, 0.01, 0.05, 0.3] {
                assert_eq!(paired.p_value_is_at_most(alpha), paired.p_value() <= alpha, "{count} {alpha}");
                let low = paired.low_missing(alpha);
                assert_eq!(low, paired.interval_missing(alpha).0);
                for theta in [low - 0.05, low - 1e-6, low + 1e-6, low + 0.05, 0.0, 1.0] {
                    assert_eq!(
                        paired.low_is_above(theta, alpha),
                        low > theta,
                        "{count} {unit} {alpha} {theta}"
                    );
                }
            }
        }
    }
}
