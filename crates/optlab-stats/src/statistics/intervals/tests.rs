use super::*;
use crate::statistics::describe::sorted;
use crate::statistics::simulated::Random;

const INF: f64 = f64::INFINITY;

/// In ascending order.
const VALUES: [f64; 8] = [88.7, 90.4, 91.2, 91.9, 92.4, 92.9, 93.3, 95.1];

fn near(estimate: Option<Estimate>, value: f64, low: f64, high: f64) -> bool {
    let estimate = estimate.unwrap();
    let ends = [(estimate.value, value), (estimate.low, low), (estimate.high, high)];
    ends.iter().all(|(a, b)| (a - b).abs() < 1e-9)
}

#[test]
fn the_interval_of_the_mean_matches_scipy() {
    // scipy.stats.t.interval(0.95, n - 1, numpy.mean(x), scipy.stats.sem(x))
    assert!(near(of_mean(&VALUES), 91.9875, 90.3648946736428, 93.61010532635723));
}

#[test]
fn the_interval_of_the_interquartile_mean_matches_scipy() {
    // y = scipy.stats.mstats.winsorize(x, (g / n, g / n)); the half width is
    // scipy.stats.t.ppf(0.975, n - 2 * g - 1) * y.std(ddof=1) * 2 / numpy.sqrt(n), with g = (n - 1) // 4.
    assert!(near(of_interquartile_mean(&VALUES[..3]), 90.25, 83.90693056048336, 96.59306943951664));
    assert!(near(of_interquartile_mean(&VALUES[..5]), 91.17, 88.282410285554, 94.05758971444601));
    assert!(near(
        of_interquartile_mean(&VALUES[..7]),
        91.80714285714286,
        89.5346399693395,
        94.07964574494623
    ));
    assert!(near(of_interquartile_mean(&VALUES[..8]), 92.1, 89.91500543970913, 94.28499456029085));
}

#[test]
fn the_interval_of_the_median_is_between_order_statistics() {
    // k = the number of scipy.stats.binom.cdf(range(n // 2), n, 0.5) that are at most 0.025; 1 for n = 5.
    let expected =
        [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 8, 8, 8, 9, 9, 10];
    for (count, k) in (1..).zip(expected) {
        let values: Vec<f64> = (0..count).map(f64::from).collect();
        let estimate = of_median(&values).unwrap();
        let ends = if k == 0 { (-INF, INF) } else { (f64::from(k - 1), f64::from(count - k)) };
        assert_eq!((estimate.low, estimate.high), ends, "{count}");
        assert_eq!(estimate.value, f64::from(count - 1) / 2.0);
    }
}

#[test]
fn an_infinite_value_outside_of_the_middle_leaves_the_interval_of_the_interquartile_mean() {
    let mut values = VALUES;
    values[7] = INF;
    let replaced = of_interquartile_mean(&values).unwrap();
    values[7] = 100.0;
    assert_eq!(of_interquartile_mean(&values), Some(replaced));
    values[6] = INF;
    values[7] = INF;
    assert_eq!(of_interquartile_mean(&values).unwrap().high, INF);
    assert_eq!(of_mean(&values), Some(Estimate { value: INF, low: -INF, high: INF }));
}

/// A distribution, its mean, its median and its interquartile mean.
type Case = (&'static str, fn(&mut Random) -> f64, [f64; 3]);

const CASES: [Case; 4] = [
    ("normal", Random::normal, [0.0, 0.0, 0.0]),
    ("exponential", Random::exponential, [1.0, std::f64::consts::LN_2, 0.7383759281177261]),
    ("log-normal", Random::log_normal, [1.6487212707001282, 1.0, 1.0729227432534363]),
    ("t with 2 degrees", Random::student_2, [0.0, 0.0, 0.0]),
];

/// Returns the shares of the samples in which the intervals of mean, median and interquartile mean contain
/// it.
fn coverage(case: &Case, count: usize, samples: usize) -> [f64; 3] {
    let mut random = Random::new(count as u64);
    let mut covered = [0; 3];
    for _ in 0..samples {
        let values = sorted(&(0..count).map(|_| case.1(&mut random)).collect::<Vec<_>>());
        let estimates = [of_mean(&values), of_median(&values), of_interquartile_mean(&values)];
        for ((covered, estimate), truth) in covered.iter_mut().zip(estimates).zip(case.2) {
            let Estimate { low, high, .. } = estimate.unwrap();
            *covered += usize::from(low <= truth && truth <= high);
        }
    }
    covered.map(|covered| covered as f64 / samples as f64)
}

#[test]
fn intervals_cover_their_centre_as_often_as_they_say() {
    // Four standard deviations of a binomial are 1.9 %.
    for case in &CASES[..2] {
        for count in [6, 10, 20] {
            let [mean, median, interquartile_mean] = coverage(case, count, 2000);
            assert!(median > 0.93 && interquartile_mean > 0.925, "{} {count}", case.0);
            assert!(mean > if case.0 == "normal" { 0.93 } else { 0.86 }, "{} {count} {mean}", case.0);
        }
    }
}

#[test]
#[ignore = "prints the table of the module's documentation"]
fn coverage_table() {
    for case in &CASES {
        for count in [3, 5, 6, 8, 10, 20] {
            let [mean, median, interquartile_mean] =
                coverage(case, count, 20_000).map(|share| format!("{:.1}", share * 100.0));
            println!(
                "//! | {:<16} | {count:>6} | {mean:>5} | {median:>6} | {interquartile_mean:>19} |",
                case.0
            );
        }
    }
}
