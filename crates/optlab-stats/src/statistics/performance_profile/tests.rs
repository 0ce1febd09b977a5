use super::*;

const MISS: f64 = f64::INFINITY;

fn matrix(times: &[&[f64]]) -> TimeMatrix {
    let names = |count: usize| (0..count).map(|place| place.to_string()).collect();
    let rows = times.iter().map(|row| row.to_vec()).collect();
    TimeMatrix::new(names(times.len()), names(times[0].len()), rows).unwrap()
}

/// Returns four submissions on five workloads. No submission reaches the third, and the first row does not
/// win all others. The ratios are [1, 3, ∞, 1, 4], [2.5, 1, ∞, ∞, 1], [3.99, 2.5, ∞, 1.2, ∞] and [4, ∞, ∞,
/// 4.2, 7.3].
fn four() -> TimeMatrix {
    matrix(&[
        &[100.0, 30.0, MISS, 50.0, 8.0],
        &[250.0, 10.0, MISS, MISS, 2.0],
        &[399.0, 25.0, MISS, 60.0, MISS],
        &[400.0, MISS, MISS, 210.0, 14.6],
    ])
}

fn assert_close(values: &[f64], expected: &[f64]) {
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() < 1e-12, "{values:?} instead of {expected}");
    }
}

#[test]
fn a_profile_counts_the_workloads_within_tau_times_the_fastest_including_tau() {
    for (tau, shares) in [
        (1.0, [0.4, 0.4, 0.0, 0.0]),
        (1.2, [0.4, 0.4, 0.2, 0.0]),
        (2.5, [0.4, 0.6, 0.4, 0.0]),
        (4.0, [0.8, 0.6, 0.6, 0.2]),
        (7.3, [0.8, 0.6, 0.6, 0.6]),
        (f64::INFINITY, [0.8, 0.6, 0.6, 0.6]),
        (0.99, [0.0; 4]),
        (f64::NAN, [0.0; 4]),
    ] {
        assert_eq!(profile(&four(), tau), shares, "at {tau}");
    }
}

#[test]
fn published_scores_match_the_trapezoidal_rule_of_numpy() {
    // x = numpy.linspace(1, tau_max, 100); numpy.trapezoid([(R <= t).sum(1) / 5 for t in x], x, axis=0) /
    // (tau_max - 1)
    for (tau_max, expected) in [
        (
            4.0,
            [
                0.468_686_868_686_867_93,
                0.499_999_999_999_999_33,
                0.287_878_787_878_787_5,
                0.001_010_101_010_101_009_2,
            ],
        ),
        (2.0, [0.4, 0.4, 0.160_606_060_606_060_56, 0.0]),
        // 1 + 99 · 6.3/99 is a little less than 7.3 in 64 bits, and the last ratio is exactly 7.3.
        (
            7.3,
            [
                0.640_404_040_404_040_5,
                0.552_525_252_525_252_3,
                0.451_515_151_515_151_4,
                0.203_030_303_030_303_06,
            ],
        ),
    ] {
        let scores: Vec<f64> =
            profiles(&four()).iter().map(|profile| profile.score(tau_max).unwrap()).collect();
        assert_close(&scores, &expected);
    }
}

#[test]
fn exact_scores_match_a_hand_computation() {
    // τ_max 4: (3 + 1 + 3 + 0, 1.5 + 3 + 3, 0.01 + 1.5 + 2.8, 0) / 5 / 3.
    // τ_max 7.3: (6.3 + 4.3 + 6.3 + 3.3, 4.8 + 6.3 + 6.3, 3.31 + 4.8 + 6.1, 3.3 + 3.1 + 0) / 5 / 6.3.
    for (tau_max, areas) in [
        (4.0, [7.0 / 15.0, 7.5 / 15.0, 4.31 / 15.0, 0.0]),
        (7.3, [20.2 / 31.5, 17.4 / 31.5, 14.21 / 31.5, 6.4 / 31.5]),
    ] {
        let scores: Vec<f64> =
            profiles(&four()).iter().map(|profile| profile.exact_score(tau_max).unwrap()).collect();
        assert_close(&scores, &areas);
    }
}

#[test]
fn the_two_scores_differ_by_at_most_half_a_distance_of_points() {
    for ratio in (0..=4000).map(|step| 1.0 + f64::from(step) / 1000.0) {
        let slow = &profiles(&matrix(&[&[1.0], &[ratio]]))[1];
        let difference = slow.score(4.0).unwrap() - slow.exact_score(4.0).unwrap();
        assert!(difference.abs() <= 1.0 / 198.0 + 1e-12, "{difference} at {ratio}");
    }
}

#[test]
fn the_fastest_everywhere_scores_one_and_reaching_no_target_scores_zero() {
    let profiles = profiles(&matrix(&[&[1.0, 2.0], &[MISS, MISS], &[1.0, 3.0]]));
    assert_close(&[profiles[0].score(4.0).unwrap(), profiles[0].exact_score(4.0).unwrap()], &[1.0, 1.0]);
    let nothing = [profiles[1].score(4.0).unwrap(), profiles[1].exact_score(4.0).unwrap()];
    assert!(nothing == [0.0, 0.0] && nothing.iter().all(|score| score.is_sign_positive()), "{nothing:?}");
}

#[test]
fn a_workload_that_nobody_reached_counts_for_nobody() {
    let profiles = profiles(&matrix(&[&[1.0, MISS], &[1.0, MISS]]));
    assert_eq!(profiles.iter().map(|profile| profile.at(1e300)).collect::<Vec<_>>(), [0.5, 0.5]);
    assert_eq!((profiles[0].ratios(), profiles[0].workloads()), (&[1.0][..], 2));
}

#[test]
fn an_overflowing_ratio_still_counts_as_a_reached_target() {
    let slow = &profiles(&matrix(&[&[1e-300], &[1e300]]))[1];
    assert_eq!((slow.ratios().len(), slow.at(4.0), slow.at(f64::MAX)), (1, 0.0, 1.0));
}

#[test]
fn breakpoints_are_all_ratios_in_order_and_each_once() {
    assert_eq!(breakpoints(&four()), [1.0, 1.2, 2.5, 3.0, 3.99, 4.0, 4.2, 7.3]);
    assert!(breakpoints(&matrix(&[&[MISS]])).is_empty());
}

#[test]
fn corners_go_up_where_the_profile_does_and_end_at_tau_max() {
    let profiles = profiles(&four());
    let first = [(1.0, 0.4), (3.0, 0.4), (3.0, 0.6), (4.0, 0.6), (4.0, 0.8), (4.0, 0.8)];
    assert_eq!(profiles[0].corners(4.0).unwrap(), first);
    assert_eq!(profiles[3].corners(2.0).unwrap(), [(1.0, 0.0), (2.0, 0.0)]);
}

#[test]
fn tau_max_is_above_one_and_finite() {
    let profile = &profiles(&four())[0];
    for tau_max in [1.0, 0.5, -1.0, f64::INFINITY, f64::NAN] {
        let told = format!("performance profile: `tau_max` must be in (1, ∞), not {tau_max}");
        assert_eq!(profile.score(tau_max).unwrap_err().to_string(), told);
        assert_eq!(profile.exact_score(tau_max).unwrap_err().to_string(), told);
        assert_eq!(profile.corners(tau_max).unwrap_err().to_string(), told);
    }
    assert!(profile.score(1.000_001).is_ok() && profile.exact_score(f64::MAX).is_ok());
}
