//! The text form of a distribution, and the ranges of its ends.

use crate::Error;
use crate::search::distribution::Distribution;
use optlab_core::spec;
use serde_json::Value;
use std::fmt;

/// The owner in error messages.
const OWNER: &str = "search space";
/// The names in a text, in the order of the variants.
const NAMES: [&str; 5] = ["log", "uniform", "complement", "int", "choice"];
/// Whole numbers up to this one are exact in 64-bit floating point.
const LARGEST_INTEGER: i64 = 1 << 53;
/// The text of a setting without a value.
const NONE: &str = "none";

impl Distribution {
    /// Reads the distribution of the dimension `name`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for an unknown distribution; [`Error::InvalidConfig`] for a text of another
    /// form. Also the errors of [`check`](Self::check).
    pub fn read(name: &str, text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (kind, rest) = text.split_once('(').unwrap_or((text, ""));
        let kind = kind.trim();
        if !NAMES.contains(&kind) {
            return Err(Error::unknown_name("distribution", kind, &NAMES));
        }
        let invalid = || Error::invalid(OWNER, name, allowed(kind), text);
        let inside = rest.strip_suffix(')').ok_or_else(invalid)?;
        let elements = spec::elements(inside).into_iter().map(str::trim);
        let distribution = if kind == "choice" {
            Distribution::Choice(elements.map(choice).collect())
        } else {
            let ends: Vec<f64> = elements.filter_map(|end| end.parse().ok()).collect();
            let &[low, high] = ends.as_slice() else { return Err(invalid()) };
            match kind {
                "log" => Distribution::LogUniform { low, high },
                "uniform" => Distribution::Uniform { low, high },
                "complement" => Distribution::Complement { low, high },
                _ if low.fract() == 0.0 && high.fract() == 0.0 => {
                    Distribution::Integer { low: low as i64, high: high as i64 }
                }
                _ => return Err(invalid()),
            }
        };
        distribution.check_as(name, text)?;
        Ok(distribution)
    }

    /// Checks that the ends of the dimension `name` are in their ranges, or that it has choices, all
    /// different and readable.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if an end is out of range or there are no choices; [`Error::Usage`] for a
    /// choice that is given twice or that has no text form.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        self.check_as(name, &self.to_string())
    }

    fn check_as(&self, name: &str, given: &str) -> Result<(), Error> {
        let is_valid = match *self {
            Distribution::LogUniform { low, high } => 0.0 < low && low < high && high.is_finite(),
            Distribution::Uniform { low, high } => low < high && (high - low).is_finite(),
            Distribution::Complement { low, high } => 0.0 <= low && low < high && high < 1.0,
            Distribution::Integer { low, high } => {
                -LARGEST_INTEGER <= low && low < high && high <= LARGEST_INTEGER
            }
            Distribution::Choice(ref values) => {
                check_choices(name, values)?;
                !values.is_empty()
            }
        };
        if is_valid { Ok(()) } else { Err(Error::invalid(OWNER, name, allowed(self.kind()), given)) }
    }

    fn kind(&self) -> &'static str {
        match self {
            Distribution::LogUniform { .. } => "log",
            Distribution::Uniform { .. } => "uniform",
            Distribution::Complement { .. } => "complement",
            Distribution::Integer { .. } => "int",
            Distribution::Choice(_) => "choice",
        }
    }
}

/// Returns the form of the distribution `kind` and the range of its ends, in words.
fn allowed(kind: &str) -> &'static str {
    match kind {
        "log" => "log(low,high) with 0 < low < high",
        "uniform" => "uniform(low,high) with low < high",
        "complement" => "complement(low,high) with 0 <= low < high < 1",
        "int" => "int(low,high) with whole numbers low < high",
        _ => "choice(a,b,…) with one value or more",
    }
}

fn check_choices(name: &str, values: &[Value]) -> Result<(), Error> {
    for (place, value) in values.iter().enumerate() {
        let text = text_of(value);
        if values[..place].iter().any(|earlier| crate::search::distribution::is_same(earlier, value)) {
            return Err(Error::Usage(format!("{OWNER}: `{name}` has the choice {text} twice")));
        }
        // A list, a table, or a text that would be read back as another value.
        if text.is_empty() || spec::elements(&text).len() != 1 || choice(&text) != *value {
            return Err(Error::Usage(format!("{OWNER}: `{name}` cannot have the choice `{text}`")));
        }
    }
    Ok(())
}

/// Reads a choice as in a spec: a number, `true`, `false`, `none`, or else text.
fn choice(text: &str) -> Value {
    let text = text.trim();
    if text == NONE {
        return Value::Null;
    }
    if let Ok(value) = text.parse::<bool>() {
        return value.into();
    }
    if let Ok(value) = text.parse::<i64>() {
        return value.into();
    }
    match text.parse::<f64>() {
        // JSON has no infinities and no NaN: they stay text, and the field's own check reports them.
        Ok(value) if value.is_finite() => value.into(),
        _ => text.into(),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => NONE.into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns the shorter of `0.001` and `1e-3`, the first if both have the same length.
fn number(x: f64) -> String {
    let (plain, scientific) = (format!("{x}"), format!("{x:e}"));
    if scientific.len() < plain.len() { scientific } else { plain }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            // The ends of a logarithmic range are easier to compare as powers of ten.
            Distribution::LogUniform { low, high } => write!(f, "{kind}({low:e},{high:e})"),
            Distribution::Uniform { low, high } | Distribution::Complement { low, high } => {
                write!(f, "{kind}({},{})", number(*low), number(*high))
            }
            Distribution::Integer { low, high } => write!(f, "{kind}({low},{high})"),
            Distribution::Choice(values) => {
                let values: Vec<String> = values.iter().map(text_of).collect();
                write!(f, "{kind}({})", values.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        let error = Distribution::read("lr", text).unwrap_err();
        assert!(error.is_usage() && !error.to_string().contains('\n'), "{error}");
        error.to_string()
    }

    #[test]
    fn a_text_is_read_and_written_alike() {
        for text in [
            "log(1e-4,1e-1)",
            "uniform(0.5,0.99)",
            "uniform(-1,1e5)",
            "complement(0,0.999)",
            "int(-3,8)",
            "choice(true,false)",
            "choice(1,2.5,-3,none,adamw,(sam:rho=0.1,base=sgd))",
            "choice([1,2],[3])",
        ] {
            assert_eq!(Distribution::read("x", text).unwrap().to_string(), text);
        }
        let spaced = Distribution::read("x", " int ( 1 , 8 ) ").unwrap();
        assert_eq!(spaced, Distribution::Integer { low: 1, high: 8 });
        let choices = vec![true.into(), (-3).into(), 2.5.into(), "sgd".into(), Value::Null];
        assert_eq!(
            Distribution::read("x", "choice(true,-3,2.5,sgd,none)").unwrap(),
            Distribution::Choice(choices)
        );
    }

    #[test]
    fn an_unknown_distribution_suggests_the_nearest_known_one() {
        assert!(message("unifrom(1,2)").contains("unknown distribution `unifrom`, did you mean `uniform`?"));
        assert!(message("0.1").starts_with("unknown distribution `0.1`; known: log, uniform"));
    }

    #[test]
    fn ends_out_of_range_or_of_another_form_are_refused() {
        for (text, allowed) in [
            ("log(0,1)", "0 < low < high"),
            ("log(1e-1,1e-4)", "0 < low < high"),
            ("log(1,1)", "0 < low < high"),
            ("log(nan,1)", "0 < low < high"),
            ("log(1,nan)", "0 < low < high"),
            ("log(1,inf)", "0 < low < high"),
            ("log(1)", "log(low,high)"),
            ("log(1,2,3)", "log(low,high)"),
            ("log(1,x,3,4)", "log(low,high)"),
            ("log()", "log(low,high)"),
            ("log(1,2", "log(low,high)"),
            ("log", "log(low,high)"),
            ("uniform(1,1)", "low < high"),
            ("uniform(nan,1)", "low < high"),
            ("uniform(-inf,1)", "low < high"),
            ("uniform(-1e308,1e308)", "low < high"),
            ("complement(-0.1,0.9)", "0 <= low < high < 1"),
            ("complement(0.9,1)", "0 <= low < high < 1"),
            ("complement(0.9,0.9)", "0 <= low < high < 1"),
            ("complement(nan,0.9)", "0 <= low < high < 1"),
            ("int(1,1)", "whole numbers"),
            ("int(1.5,3)", "whole numbers"),
            ("int(1,3.5)", "whole numbers"),
            ("int(1,9007199254740994)", "whole numbers"),
            ("int(-9007199254740994,1)", "whole numbers"),
            ("int(nan,1)", "whole numbers"),
        ] {
            let message = message(text);
            assert!(message.contains(allowed), "{message}");
            assert!(message.starts_with("search space: `lr` must be"), "{message}");
            assert!(message.ends_with(&format!("not {text}")), "{message}");
        }
        assert!(Distribution::read("x", "int(-9007199254740992,9007199254740992)").is_ok());
        assert!(
            Distribution::Choice(Vec::new())
                .check("x")
                .unwrap_err()
                .to_string()
                .contains("one value or more")
        );
    }

    #[test]
    fn a_repeated_choice_and_a_choice_without_a_text_are_refused() {
        assert_eq!(message("choice(1,2,1.0)"), "search space: `lr` has the choice 1.0 twice");
        assert!(message("choice()").contains("cannot have the choice ``"));
        assert!(message("choice(a,,b)").contains("cannot have the choice ``"));
        for value in
            ["a,b".into(), " a".into(), "true".into(), "1".into(), "none".into(), Value::Array(Vec::new())]
        {
            assert!(Distribution::Choice(vec![value.clone()]).check("lr").unwrap_err().is_usage(), "{value}");
        }
    }
}
