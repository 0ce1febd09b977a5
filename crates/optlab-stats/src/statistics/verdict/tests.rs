use super::*;
use optlab_core::random::{Purpose, stream};
use rand::Rng;

const INF: f64 = f64::INFINITY;

const A: [f64; 8] = [92.8, 93.1, 92.3, 92.5, 93.4, 92.3, 93.9, 92.2];
const B: [f64; 8] = [92.0, 92.0, 92.5, 92.0, 92.5, 92.0, 92.5, 92.1];

fn one(a: &[f64], b: &[f64], direction: Direction, alpha: f64) -> Comparison {
    compare(&[(a, b)], direction, alpha, Test::Mean).unwrap().remove(0)
}

#[test]
fn a_comparison_matches_scipy_and_numpy() {
    // d = numpy.array(A) - B; d.mean(); d.mean() / d.std(ddof=1); scipy.stats.permutation_test((d,),
    // numpy.mean, permutation_type='samples', n_resamples=numpy.inf).pvalue
    let comparison = one(&A, &B, Direction::Larger, 0.05);
    assert!((comparison.difference.unwrap() - 0.6125).abs() < 1e-12);
    assert!((comparison.effect.unwrap() - 1.1433841515360539).abs() < 1e-9);
    assert_eq!((comparison.p_value, comparison.adjusted_p), (0.0234375, 0.0234375));
    assert_eq!((comparison.improvement.value, comparison.test), (7.0 / 8.0, Test::Mean));
    assert_eq!((comparison.verdict, comparison.seeds, comparison.level), (Verdict::Better, 8, 0.95));
    assert_eq!(
        (comparison.least_seeds, comparison.seeds_to_settle),
        (Some(6), power::seeds(1.1433841515360539, 0.05, 0.8))
    );
    // numpy.sort of the means of all 255 subsets of d: number 6 from either end, ⌊0.05 · 256 / 2⌋.
    assert!(
        (comparison.low - 0.1333333333333).abs() < 1e-12 && (comparison.high - 1.1000000000000).abs() < 1e-12,
        "{comparison:?}"
    );
}

#[test]
fn the_direction_of_the_metric_reverses_the_verdict() {
    let (larger, smaller) = (one(&A, &B, Direction::Larger, 0.05), one(&A, &B, Direction::Smaller, 0.05));
    assert_eq!((larger.verdict, smaller.verdict), (Verdict::Better, Verdict::Worse));
    assert_eq!((larger.low, larger.high), (-smaller.high, -smaller.low));
    assert_eq!(larger.difference, smaller.difference.map(|difference| -difference));
    assert_eq!(
        (one(&A, &B, Direction::Larger, 0.02).verdict, one(&A, &A, Direction::Larger, 0.05).verdict),
        { (Verdict::NotShown, Verdict::NotShown) }
    );
}

#[test]
fn an_interval_that_excludes_zero_implies_the_verdict_and_the_adjusted_p_value_is_the_verdict() {
    let mut random = stream(5, Purpose::Order, 0);
    let (mut verdicts, mut beyond) = (0, 0);
    for family in 0..60 {
        let arms: Vec<(Vec<f64>, Vec<f64>)> = (0..6)
            .map(|arm| {
                let mut draw = |shift| (0..12).map(|_| (random.next_u32() % 10) as f64 + shift).collect();
                (draw(f64::from(arm) - 1.0), draw(0.0))
            })
            .collect();
        let pairs: Vec<(&[f64], &[f64])> = arms.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        let direction = [Direction::Larger, Direction::Smaller][family % 2];
        for comparison in compare(&pairs, direction, 0.05, Test::ALL[family / 2 % 2]).unwrap() {
            let shown = match comparison {
                Comparison { low, .. } if low > 0.0 => Verdict::Better,
                Comparison { high, .. } if high < 0.0 => Verdict::Worse,
                _ => Verdict::NotShown,
            };
            assert!(shown == Verdict::NotShown || shown == comparison.verdict);
            assert_eq!(comparison.p_value <= 0.05 / 6.0, shown != Verdict::NotShown);
            assert_eq!(comparison.adjusted_p <= 0.05, comparison.verdict != Verdict::NotShown);
            let side = comparison.difference.unwrap() > 0.0;
            assert!(comparison.verdict != if side { Verdict::Worse } else { Verdict::Better });
            verdicts += usize::from(comparison.verdict != Verdict::NotShown);
            beyond += usize::from(comparison.verdict != shown);
        }
    }
    assert!((60..240).contains(&verdicts) && beyond > 0, "{verdicts} {beyond}");
}

#[test]
fn a_family_is_stricter_than_a_comparison_by_itself() {
    // Alone its p-value is 0.0234; each of three has the level 0.05 / 3.
    let comparisons = compare(&[(&B, &B), (&A, &B), (&A, &A)], Direction::Larger, 0.05, Test::Mean).unwrap();
    assert_eq!(comparisons[1].verdict, Verdict::NotShown);
    assert_eq!((comparisons[1].p_value, comparisons[1].adjusted_p), (0.0234375, 3.0 * 0.0234375));
    assert!(comparisons.iter().all(|comparison| comparison.level == 1.0 - 0.05 / 3.0));
    assert!(comparisons.iter().all(|comparison| comparison.least_seeds == Some(7)));
    assert!(
        comparisons[1].low <= 0.0
            && comparisons[1].seeds_to_settle > one(&A, &B, Direction::Larger, 0.05).seeds_to_settle
    );
    assert!(compare(&[], Direction::Larger, 0.05, Test::Mean).unwrap().is_empty());
}

#[test]
fn holm_decides_more_than_the_intervals_show() {
    // The p-values are 2 / 256 and 6 / 256 (scipy, as above): the first is below 0.04 / 2, and then the
    // second is below 0.04, but above 0.04 / 2.
    let all_better = B.map(|value| value + value / 100.0);
    let comparisons = compare(&[(&A, &B), (&all_better, &B)], Direction::Larger, 0.04, Test::Mean).unwrap();
    assert_eq!((comparisons[0].p_value, comparisons[1].p_value), (0.0234375, 0.0078125));
    assert!(comparisons.iter().all(|comparison| comparison.verdict == Verdict::Better));
    assert!(comparisons[0].low <= 0.0 && comparisons[1].low > 0.0);
    for comparison in comparisons {
        assert_eq!((comparison.level, comparison.least_seeds), (0.98, Some(7)));
        assert_eq!(comparison.seeds_to_settle, power::seeds(comparison.effect.unwrap(), 0.02, 0.8));
    }
}

#[test]
fn an_interval_that_ends_at_zero_shows_nothing() {
    for sign in [-1.0, 1.0] {
        let a = [1.0, 2.0, 3.0, 4.0, 0.0].map(|value| sign * value);
        let comparison = one(&a, &[0.0; 5], Direction::Larger, 0.1);
        assert_eq!((sign * comparison.low).min(sign * comparison.high), 0.0);
        assert_eq!(comparison.verdict, Verdict::NotShown);
    }
}

#[test]
fn few_seeds_have_an_infinite_interval_and_one_has_no_effect() {
    let comparison = one(&A[..5], &B[..5], Direction::Larger, 0.05);
    assert_eq!((comparison.low, comparison.high, comparison.verdict), (-INF, INF, Verdict::NotShown));
    let comparison = one(&A[..1], &B[..1], Direction::Larger, 0.05);
    assert_eq!((comparison.effect, comparison.seeds_to_settle, comparison.p_value), (None, None, 1.0));
    // Every difference is 0.1, after rounding.
    let comparison = one(&[0.8, 0.4, 0.3], &[0.7, 0.3, 0.2], Direction::Larger, 0.05);
    assert_eq!((comparison.effect, comparison.seeds_to_settle), (None, None));
    assert_eq!(
        (one(&B, &B, Direction::Larger, 0.05).effect, one(&B, &B, Direction::Larger, 0.05).p_value),
        (None, 1.0)
    );
}

#[test]
fn equal_differences_and_two_seeds_have_a_verdict_but_no_interval() {
    // Every difference is 0.1, after rounding.
    let (a, b) = ([0.8, 0.4, 0.3].repeat(4), [0.7, 0.3, 0.2].repeat(4));
    for test in Test::ALL {
        let comparison = &compare(&[(&a, &b)], Direction::Larger, 0.05, test).unwrap()[0];
        assert_eq!((comparison.verdict, comparison.p_value), (Verdict::Better, 2.0 / 4096.0));
        assert_eq!((comparison.low, comparison.high), (-INF, INF));
        let two = &compare(&[(&A[..2], &B[..2])], Direction::Larger, 0.5, test).unwrap()[0];
        assert_eq!((two.low, two.high, two.verdict), (-INF, INF, Verdict::Better));
    }
}

#[test]
fn a_diverged_arm_is_worse_and_two_diverged_arms_are_equal() {
    let lost = [INF; 8];
    let comparison = one(&A, &lost, Direction::Smaller, 0.05);
    assert_eq!((comparison.verdict, comparison.difference), (Verdict::Better, Some(INF)));
    assert_eq!((comparison.test, comparison.high), (Test::Ranks, INF));
    assert!(comparison.low > 0.0 && comparison.low.is_finite());
    assert_eq!((comparison.effect, comparison.improvement.value), (None, 1.0));
    assert_eq!(one(&lost, &lost, Direction::Smaller, 0.05).verdict, Verdict::NotShown);
    let comparison = one(&[INF, 1.0], &[1.0, INF], Direction::Smaller, 0.05);
    assert_eq!((comparison.difference, comparison.p_value), (None, 1.0));
}

#[test]
fn a_few_lost_runs_leave_a_verdict_and_finite_numbers() {
    // a is better by 1 to 10, but lost one run; b lost two.
    let b: Vec<f64> = (0..12).map(|i| f64::from(i) + 20.0).collect();
    let mut a: Vec<f64> = b.iter().zip(1..).map(|(b, i)| b - f64::from(i % 10 + 1)).collect();
    let mut b = b;
    (a[3], b[5], b[9]) = (INF, INF, INF);
    let comparison = one(&a, &b, Direction::Smaller, 0.05);
    assert_eq!((comparison.verdict, comparison.test), (Verdict::Better, Test::Ranks));
    assert!(comparison.difference.unwrap().is_finite() && comparison.low > 0.0);
    let mirror = one(&b, &a, Direction::Smaller, 0.05);
    assert_eq!((mirror.verdict, mirror.p_value), (Verdict::Worse, comparison.p_value));
    assert_eq!((mirror.low, mirror.high), (-comparison.high, -comparison.low));
}

#[test]
fn an_invalid_comparison_is_refused() {
    for (a, b, said) in [
        (&[][..], &[][..], "at least one seed"),
        (&[1.0], &[f64::NAN], "no NaN"),
        (&A, &B[1..], "not on 8 and 7 of them"),
    ] {
        let error = compare(&[(a, b)], Direction::Larger, 0.05, Test::Mean).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{error}");
    }
    for alpha in [0.0, 1.0, f64::NAN] {
        assert!(
            compare(&[(&A, &B)], Direction::Larger, alpha, Test::Mean)
                .unwrap_err()
                .to_string()
                .contains("`alpha`")
        );
    }
}

#[test]
fn a_comparison_is_json_with_the_verdict_in_words_and_null_for_infinity() {
    let json = serde_json::to_value(one(&A[..5], &B[..5], Direction::Larger, 0.05)).unwrap();
    assert_eq!((&json["verdict"], &json["low"]), (&"not_shown".into(), &serde_json::Value::Null));
    assert_eq!((&json["seeds"], &json["test"]), (&5.into(), &"mean".into()));
    assert!(json["improvement"]["value"].is_number());
}

#[test]
fn an_estimate_by_ranks_lies_inside_its_interval_although_lost_runs_are_infinite() {
    // `a` is lost on the four seeds on which `b` is bad, too, and better on the others.
    let b = [60.0, 61.0, 59.0, 62.0, 80.0, 81.0, 82.0, 80.5, 81.5, 82.5, 79.5, 80.2];
    let a: Vec<f64> = b.iter().map(|&b| if b < 70.0 { -INF } else { b + 10.0 }).collect();
    let comparison = one(&a, &b, Direction::Larger, 0.05);
    let difference = comparison.difference.unwrap();
    assert!(comparison.low <= difference && difference <= comparison.high, "{comparison:?}");
}
