use super::*;
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
    // (seeds, dimensions): all subsets, and a subspace of them.
    for (count, dimensions) in [(1, 14), (3, 14), (5, 14), (8, 14), (9, 5), (11, 6)] {
        let all = 1 << count;
        let pieces = 1 << dimensions.min(count);
        let samples: Vec<Paired> = (0..all)
            .map(|signs| Paired::with_dimensions(&signed(&MAGNITUDES[..count], signs), dimensions).unwrap())
            .collect();
        for k in 0..=pieces / 2 {
            let alpha = 2.0 * k as f64 / pieces as f64;
            let missed = |side: fn((f64, f64)) -> bool| {
                samples.iter().filter(|sample| side(sample.interval(1.0 - alpha))).count()
            };
            // It misses half of `alpha` on either side.
            assert_eq!(missed(|interval| interval.0 > 0.0) * pieces, all * k, "{count} {k}");
            assert_eq!(missed(|interval| interval.1 < 0.0) * pieces, all * k, "{count} {k}");
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
    assert_eq!(paired.mean(), Some(3.0));
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
        let means = Paired::of(&differences).unwrap().means.lower;
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
        let count = 1 + sample % 16;
        // Including tied, zero and infinite differences; every other sample is shifted.
        let draw = |random: &mut _| match (uniform(random) * 8.0) as i64 - 3 + (sample % 2) as i64 * 2 {
            5.. if sample % 5 == 0 => INF,
            -3 if sample % 7 == 0 => -INF,
            tied => tied as f64 * 0.1,
        };
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
fn the_interval_holds_the_mean_of_more_than_fourteen_differences_too() {
    for count in [15, 20, 60] {
        let differences: Vec<f64> = (0..count).map(|i| MAGNITUDES[i % 11] * (1.0 + i as f64)).collect();
        let paired = Paired::of(&differences).unwrap();
        // The complement of each set of differences is also included; its mean is on the other side of the
        // overall mean.
        let (low, high) = paired.interval(0.0);
        let mean = paired.mean().unwrap();
        assert!((low - mean).abs() < 1e-13 * mean && (high - mean).abs() < 1e-13 * mean);
        let (low, high) = paired.interval(0.95);
        assert!(low < mean && mean < high);
        assert_eq!(paired.p_value(), 2.0 / 16384.0);
    }
}

#[test]
fn zero_differences_have_a_p_value_of_one() {
    let paired = Paired::of(&[0.0; 12]).unwrap();
    assert_eq!((paired.mean(), paired.p_value(), paired.interval(0.95)), (Some(0.0), 1.0, (0.0, 0.0)));
    // A zero among differences of one sign counts on both sides: {0} alone, and the empty set as well.
    assert_eq!(Paired::of(&[1.0, 2.0, 4.0, 0.0]).unwrap().p_value(), 4.0 / 16.0);
    assert_eq!((Paired::of(&[]), Paired::of(&[1.0, f64::NAN])), (None, None));
}

#[test]
fn infinite_differences_count_for_their_side() {
    // Eleven wins and a rival that diverged are twelve wins.
    let mut differences = vec![1.0; 12];
    differences[3] = INF;
    let paired = Paired::of(&differences).unwrap();
    assert_eq!(
        (paired.mean(), paired.p_value(), paired.interval(0.95)),
        (Some(INF), 2.0 / 4096.0, (1.0, INF))
    );
    // Six against one are no evidence if the one is infinite: 64 subsets contain it.
    let mut differences = vec![1.0; 7];
    differences[0] = -INF;
    let paired = Paired::of(&differences).unwrap();
    assert_eq!((paired.p_value(), paired.interval(0.9)), (1.0, (-INF, 1.0)));
    // The mean of ∞ and −∞ is unknown, and is evidence for neither side.
    let paired = Paired::of(&[INF, -INF, 1.0]).unwrap();
    assert_eq!((paired.mean(), paired.p_value(), paired.interval(0.0)), (None, 1.0, (-INF, INF)));
}

#[test]
fn the_least_number_of_seeds_is_enough_if_all_differences_have_one_sign() {
    for (alpha, seeds) in [(0.5, 2), (0.1, 5), (0.05, 6), (0.05 / 10.0, 9), (1.0, 1), (2.0 / 16384.0, 14)] {
        assert_eq!(least_seeds(alpha), Some(seeds));
        assert!(Paired::of(&MAGNITUDES.repeat(2)[..seeds as usize]).unwrap().p_value() <= alpha);
        if seeds > 1 {
            assert!(Paired::of(&MAGNITUDES.repeat(2)[..seeds as usize - 1]).unwrap().p_value() > alpha);
        }
    }
    assert_eq!((least_seeds(1e-4), least_seeds(f64::NAN)), (None, None));
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
    // Skewed: the cube of an exponential, with a scale per seed that both arms share; one in twelve diverges.
    let skewed = |random: &mut _| -uniform(random).ln().powi(3);
    let lost = |random: &mut _| if uniform(random) < 1.0 / 12.0 { INF } else { 0.0 };
    for (tied, diverging) in [(false, false), (true, false), (false, true)] {
        for (count, dimensions) in [(7, 14), (12, 14), (17, 9)] {
            let mut found = 0;
            for _ in 0..2000 {
                let differences: Vec<f64> = (0..count)
                    .map(|_| {
                        let scale = 1.0 + 9.0 * uniform(&mut random);
                        let mut arm = || {
                            let value = scale * skewed(&mut random);
                            let value = if tied { value.sqrt().round() / 1000.0 } else { value };
                            value + if diverging { lost(&mut random) } else { 0.0 }
                        };
                        difference(arm(), arm(), Direction::Larger)
                    })
                    .collect();
                let paired = Paired::with_dimensions(&differences, dimensions).unwrap();
                found += usize::from(paired.p_value() <= 0.05);
            }
            // At most 100 expected; four standard deviations of a binomial are 39. Without ties nearly 100
            // are found.
            assert!(found <= 139, "{count} {tied} {diverging}: {found}");
            assert!(tied || diverging || found >= 50, "{count}: {found}");
        }
    }
}
