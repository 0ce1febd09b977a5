//! Formatting of numbers for people.

use optlab_core::Metric;
use optlab_stats::statistics::bootstrap::Estimate;
use optlab_stats::statistics::paired_test::Test;
use optlab_stats::statistics::verdict::Comparison;

/// Formats a metric with its unit: `97.44 %`, `53.21`.
pub fn metric(of: &Metric, value: f64) -> String {
    match of.is_share() {
        _ if !value.is_finite() => plain(of, value),
        true => format!("{:.2} %", value * 100.0),
        false => significant(value, 4),
    }
}

/// Formats a metric without its unit: `97.44`, `53.21`, `∞`.
pub fn plain(of: &Metric, value: f64) -> String {
    match value {
        f64::INFINITY => "∞".into(),
        f64::NEG_INFINITY => "−∞".into(),
        value if of.is_share() => format!("{:.2}", value * 100.0),
        value => significant(value, 4),
    }
}

/// Formats an interval without the unit: `[97.21, 97.63]`; empty if there is no interval.
pub fn interval(of: &Metric, (low, high): (f64, f64)) -> String {
    match low.is_finite() || high.is_finite() {
        true => format!("[{}, {}]", plain(of, low), plain(of, high)),
        false => String::new(),
    }
}

/// Formats a metric with its unit and its interval: `97.44 % [97.21, 97.63]`.
pub fn estimate(of: &Metric, estimate: &Estimate) -> String {
    let interval = interval(of, (estimate.low, estimate.high));
    format!("{} {interval}", metric(of, estimate.value)).trim_end().into()
}

/// Formats a difference of a metric without its unit, with its interval: `+0.21 [-0.10, 0.52]`, and says if
/// it is a difference of ranks.
pub fn difference(of: &Metric, comparison: &Comparison) -> String {
    let measured = match comparison.difference {
        Some(difference) if difference > 0.0 => format!("+{}", plain(of, difference)),
        Some(difference) => plain(of, difference),
        None => "?".into(),
    };
    let interval = interval(of, (comparison.low, comparison.high));
    let test = if comparison.test == Test::Ranks { "by ranks" } else { "" };
    [measured, interval, test.into()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns the unit of a difference of a metric: `points` for a share in percent, else empty.
pub fn unit_of_difference(of: &Metric) -> &'static str {
    if of.is_share() { "points" } else { "" }
}

/// Formats a number with `digits` significant digits; very large and very small numbers get an exponent.
pub fn significant(value: f64, digits: usize) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e7).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    format!("{value:.*}", decimals(value, digits))
}

/// Formats a number with at most 4 significant digits and no trailing zeros: `0.001`, `3e-5`.
pub fn short(value: f64) -> String {
    rounded_to(4, value)
}

/// Formats a number with at most `digits` significant digits and no trailing zeros.
pub fn rounded_to(digits: usize, value: f64) -> String {
    let rounded: f64 = format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value);
    match rounded.abs() {
        small if small > 0.0 && small < 1e-3 => format!("{rounded:e}"),
        large if large >= 1e7 => format!("{rounded:e}"),
        _ => format!("{rounded}"),
    }
}

fn decimals(value: f64, digits: usize) -> usize {
    if value == 0.0 || !value.is_finite() {
        return digits.saturating_sub(1);
    }
    let whole_digits = value.abs().log10().floor() as i64 + 1;
    usize::try_from(digits as i64 - whole_digits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use optlab_core::Direction;

    fn accuracy() -> Metric {
        Metric { name: "accuracy".into(), unit: "%".into(), ..Metric::unknown() }
    }

    fn rmse() -> Metric {
        Metric { name: "rmse".into(), direction: Direction::Smaller, ..Metric::unknown() }
    }

    #[test]
    fn numbers_have_as_many_digits_as_a_reader_needs() {
        assert_eq!(metric(&accuracy(), 0.97439), "97.44 %");
        assert_eq!(metric(&rmse(), 53.2149), "53.21");
        assert_eq!([significant(1234.6, 3), significant(0.012345, 3)], ["1235", "0.0123"]);
        assert_eq!([significant(3.2e-7, 3), significant(0.0, 3)], ["3.20e-7", "0.00"]);
        assert_eq!([short(0.1 * 0.07), short(3e-5), short(2.0)], ["0.007", "3e-5", "2"]);
    }

    #[test]
    fn intervals_and_differences_are_formatted_as_their_metric_and_may_be_infinite() {
        let estimate = Estimate { value: 0.97, low: 0.965, high: f64::INFINITY };
        assert_eq!(interval(&accuracy(), (estimate.low, estimate.high)), "[96.50, ∞]");
        assert_eq!(
            (plain(&rmse(), 53.2149), plain(&accuracy(), f64::NEG_INFINITY)),
            ("53.21".into(), "−∞".into())
        );
        let shown = |differences: &[f64]| {
            let zeros = vec![0.0; differences.len()];
            let family = [(differences, zeros.as_slice())];
            difference(
                &accuracy(),
                &optlab_stats::statistics::verdict::compare(&family, Direction::Larger, 0.05, Test::Mean)
                    .unwrap()[0],
            )
        };
        assert_eq!(shown(&[0.01, 0.03]), "+2.00");
        assert_eq!(shown(&[-0.01]), "-1.00");
        assert_eq!(shown(&[f64::INFINITY, f64::NEG_INFINITY]), "? by ranks");
    }
}
