//! Numbers as people read them.

use crate::compare::Spread;

/// Whether a metric is a share, shown in percent.
pub fn is_share(metric: &str) -> bool {
    metric.ends_with("accuracy")
}

/// A metric with its unit: `97.44 %`, `53.21`.
pub fn metric(name: &str, value: f64) -> String {
    match is_share(name) {
        true => format!("{:.2} %", value * 100.0),
        false => significant(value, 4),
    }
}

/// Mean and deviation without the unit: `97.44 ± 0.18`; the mean alone of a single value.
pub fn spread(name: &str, spread: &Spread) -> String {
    let scale = if is_share(name) { 100.0 } else { 1.0 };
    let mean = spread.mean * scale;
    let decimals = if is_share(name) { 2 } else { decimals(mean, 4) };
    match spread.deviation {
        None => format!("{mean:.decimals$}"),
        Some(deviation) => format!("{mean:.decimals$} ± {:.decimals$}", deviation * scale),
    }
}

/// A number with so many significant digits; very large and very small ones with an exponent.
pub fn significant(value: f64, digits: usize) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e7).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    format!("{value:.*}", decimals(value, digits))
}

/// A number with at most 4 significant digits and no zeros at its end: `0.001`, `3e-5`.
pub fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
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

    #[test]
    fn numbers_keep_what_a_reader_needs() {
        assert_eq!(metric("accuracy", 0.97439), "97.44 %");
        assert_eq!(metric("rmse", 53.2149), "53.21");
        assert_eq!([significant(1234.6, 3), significant(0.012345, 3)], ["1235", "0.0123"]);
        assert_eq!([significant(3.2e-7, 3), significant(0.0, 3)], ["3.20e-7", "0.00"]);
        assert_eq!([short(0.1 * 0.07), short(3e-5), short(2.0)], ["0.007", "3e-5", "2"]);
    }

    #[test]
    fn a_spread_of_one_value_claims_no_deviation() {
        let of = |values: &[f64]| spread("accuracy", &Spread::of(values).unwrap());
        assert_eq!(of(&[0.5]), "50.00");
        assert_eq!(of(&[0.5, 0.5]), "50.00 ± 0.00");
        assert_eq!(spread("rmse", &Spread::of(&[50.0, 52.0]).unwrap()), "51.00 ± 1.41");
    }
}
