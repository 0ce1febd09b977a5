//! A comparison in words.

use crate::statistics::paired_test::Test;
use crate::statistics::verdict::{Comparison, Verdict};

/// The words of a comparison's sentence.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// The unit of the difference, such as "points"; may be empty.
    pub unit: &'a str,
    /// A pair of results: "seed" or "replicate".
    pub counted_in: &'a str,
    /// The scope of a difference that is not shown: " for these settings", or nothing.
    pub scope: &'a str,
}

impl Comparison {
    /// Returns the comparison of the arms called `a` and `b` as a sentence, without a full stop:
    ///
    /// ```text
    /// adamw is better than sgd: +0.8 points [0.2, 1.4], p = 0.004 (12 seeds)
    /// adamw is better than sgd: +0.8 points [0.2, 1.4] by ranks, p = 0.004 (12 seeds)
    /// no difference shown between lion and adamw with 10 seeds: +0.1 points [-0.6, 0.9]; an effect of this
    /// size would need about 340 seeds
    /// 5 seeds cannot show any difference at this level: at least 9 are needed
    /// ```
    ///
    /// `number` formats a finite number. The p-value is the
    /// corrected one. An interval that does not exist is left out, and so is a difference that is between
    /// both infinities.
    pub fn sentence(&self, (a, b): (&str, &str), wording: Wording, number: impl Fn(f64) -> String) -> String {
        let Wording { unit, counted_in, .. } = wording;
        let number = |value: f64| match value {
            f64::INFINITY => "∞".into(),
            f64::NEG_INFINITY => "−∞".into(),
            value => number(value),
        };
        let seeds = format!("{} {counted_in}{}", self.seeds, if self.seeds == 1 { "" } else { "s" });
        let measured = self.measured(unit, number);
        let relation = match self.verdict {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::NotShown => return self.not_shown((a, b), wording, &seeds, &measured),
        };
        format!("{a} is {relation} than {b}: {measured}, {} ({seeds})", p_in_words(self.adjusted_p))
    }

    /// Returns the difference, its interval and the test, as far as they exist.
    fn measured(&self, unit: &str, number: impl Fn(f64) -> String) -> String {
        let difference = self.difference.map(|difference| {
            let sign = if difference > 0.0 { "+" } else { "" };
            let space = if unit.is_empty() { "" } else { " " };
            format!("{sign}{}{space}{unit}", number(difference))
        });
        let is_interval = self.low > f64::NEG_INFINITY || self.high < f64::INFINITY;
        let interval = is_interval.then(|| format!("[{}, {}]", number(self.low), number(self.high)));
        let test = (self.test == Test::Ranks).then(|| "by ranks".to_string());
        [difference, interval, test].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn not_shown(&self, (a, b): (&str, &str), wording: Wording, seeds: &str, measured: &str) -> String {
        let Wording { counted_in, scope, .. } = wording;
        let Some(least) = self.least_seeds else {
            return format!(
                "no number of {counted_in}s can show any difference at this level: there are too many comparisons"
            );
        };
        if (self.seeds as u64) < least {
            return format!("{seeds} cannot show any difference at this level: at least {least} are needed");
        }
        let needed = match self.seeds_to_settle.filter(|&needed| needed > self.seeds as u64) {
            Some(needed) => format!("; an effect of this size would need about {needed} {counted_in}s"),
            None => String::new(),
        };
        format!("no difference shown{scope} between {a} and {b} with {seeds}: {measured}{needed}")
    }
}

fn p_in_words(p_value: f64) -> String {
    if p_value < 0.001 { "p < 0.001".into() } else { format!("p = {p_value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::bootstrap::Estimate;

    /// Returns a comparison that shows no difference.
    fn comparison() -> Comparison {
        Comparison {
            test: Test::Mean,
            difference: Some(0.1),
            low: -0.6,
            high: 0.9,
            level: 0.95,
            p_value: 0.6,
            adjusted_p: 0.6,
            effect: Some(0.15),
            improvement: Estimate { value: 0.5, low: 0.4, high: 0.6 },
            verdict: Verdict::NotShown,
            seeds: 10,
            least_seeds: Some(6),
            seeds_to_settle: Some(340),
        }
    }

    fn wording(unit: &str) -> Wording<'_> {
        Wording { unit, counted_in: "seed", scope: "" }
    }

    fn shown(comparison: &Comparison) -> String {
        comparison.sentence(("lion", "adamw"), wording("points"), |value| format!("{value:.1}"))
    }

    #[test]
    fn a_verdict_says_by_how_much_and_how_sure_it_is() {
        let better = Comparison {
            difference: Some(0.8),
            low: 0.2,
            high: 1.4,
            p_value: 0.001,
            adjusted_p: 0.004,
            verdict: Verdict::Better,
            seeds: 12,
            ..comparison()
        };
        assert_eq!(shown(&better), "lion is better than adamw: +0.8 points [0.2, 1.4], p = 0.004 (12 seeds)");
        let worse = Comparison {
            difference: Some(-0.8),
            low: f64::NEG_INFINITY,
            high: -0.2,
            adjusted_p: 0.0009,
            verdict: Verdict::Worse,
            ..better
        };
        assert_eq!(shown(&worse), "lion is worse than adamw: -0.8 points [−∞, -0.2], p < 0.001 (12 seeds)");
    }

    #[test]
    fn a_difference_not_shown_says_how_many_seeds_would_show_it() {
        assert_eq!(
            shown(&comparison()),
            "no difference shown between lion and adamw with 10 seeds: +0.1 points [-0.6, 0.9]; an effect of this size \
             would need about 340 seeds"
        );
        let plain = "no difference shown between lion and adamw with 10 seeds: +0.1 [-0.6, 0.9]";
        for seeds_to_settle in [None, Some(10)] {
            let comparison = Comparison { seeds_to_settle, ..comparison() };
            assert_eq!(comparison.sentence(("lion", "adamw"), wording(""), |value| value.to_string()), plain);
        }
    }

    #[test]
    fn ranks_are_said_and_what_does_not_exist_is_not() {
        let ranks = Comparison { test: Test::Ranks, seeds_to_settle: None, ..comparison() };
        let start = "no difference shown between lion and adamw with 10 seeds: ";
        let ends = |comparison: &Comparison| shown(comparison).strip_prefix(start).unwrap().to_string();
        assert_eq!(ends(&ranks), "+0.1 points [-0.6, 0.9] by ranks");
        let lost = Comparison { difference: Some(f64::INFINITY), high: f64::INFINITY, ..ranks.clone() };
        assert_eq!(ends(&lost), "+∞ points [-0.6, ∞] by ranks");
        let no_interval = Comparison { low: f64::NEG_INFINITY, ..lost };
        assert_eq!(ends(&no_interval), "+∞ points by ranks");
        assert_eq!(ends(&Comparison { difference: None, ..no_interval }), "by ranks");
        let better = Comparison { verdict: Verdict::Better, adjusted_p: 0.004, ..ranks };
        let expected = "lion is better than adamw: +0.1 points [-0.6, 0.9] by ranks, p = 0.004 (10 seeds)";
        assert_eq!(shown(&better), expected);
    }

    #[test]
    fn too_few_seeds_say_how_many_are_needed() {
        let few = Comparison { seeds: 5, least_seeds: Some(9), ..comparison() };
        assert_eq!(shown(&few), "5 seeds cannot show any difference at this level: at least 9 are needed");
        let one = Comparison { seeds: 1, ..comparison() };
        assert_eq!(shown(&one), "1 seed cannot show any difference at this level: at least 6 are needed");
        assert!(shown(&Comparison { seeds: 6, ..comparison() }).starts_with("no difference shown"));
        let none = Comparison { least_seeds: None, ..comparison() };
        assert!(shown(&none).starts_with("no number of seeds can show any difference"));
    }
}
