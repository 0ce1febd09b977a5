//! A share with its uncertainty.

use crate::statistics::normal::upper;
use serde::Serialize;

/// How often something happened, with an interval at a level of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// The number of cases.
    pub count: usize,
    /// The number of cases in which it happened.
    pub happened: usize,
    /// The share, in `[0, 1]`.
    pub share: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Proportion {
    /// Returns the share of `happened` in `count` independent cases, with Wilson's interval:
    ///
    /// ```text
    /// (k + z² / 2 ± z √(k (n − k) / n + z² / 4)) / (n + z²)        z = z₀.₉₇₅
    /// ```
    ///
    /// Returns `None` for no cases, and if `happened` exceeds `count`.
    ///
    /// # Reference
    /// Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of the
    /// American Statistical Association 22, 1927.
    pub fn of(happened: usize, count: usize) -> Option<Self> {
        if count == 0 || happened > count {
            return None;
        }
        let (k, n, z) = (happened as f64, count as f64, upper(0.025));
        let middle = k + z * z / 2.0;
        let half = z * (k * (n - k) / n + z * z / 4.0).sqrt();
        let end = |end: f64| (end / (n + z * z)).clamp(0.0, 1.0);
        Some(Proportion { count, happened, share: k / n, low: end(middle - half), high: end(middle + half) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_scipy() {
        // scipy.stats.binomtest(happened, count).proportion_ci(method='wilson')
        for (happened, count, low, high) in [
            (0, 10, 0.0, 0.27753279986288926),
            (10, 10, 0.7224672001371109, 1.0),
            (3, 10, 0.10779126740630102, 0.6032218525388546),
            (1, 1, 0.20654931437723745, 1.0),
            (47, 1000, 0.035527105106384495, 0.061939938081528444),
        ] {
            let proportion = Proportion::of(happened, count).unwrap();
            assert_eq!(proportion.share, happened as f64 / count as f64);
            assert_eq!((proportion.happened, proportion.count), (happened, count));
            assert!((proportion.low - low).abs() < 1e-12 && (proportion.high - high).abs() < 1e-12);
        }
    }

    #[test]
    fn no_end_is_outside_of_zero_to_one() {
        for count in 1..200 {
            let (none, all) = (Proportion::of(0, count).unwrap(), Proportion::of(count, count).unwrap());
            assert!(none.low >= 0.0 && none.high < 1.0 && all.low > 0.0 && all.high <= 1.0, "{count}");
        }
    }

    #[test]
    fn there_is_no_share_of_zero_cases_or_above_one() {
        assert_eq!((Proportion::of(0, 0), Proportion::of(3, 2)), (None, None));
    }
}
