//! The text form of a distribution, and the ranges of its ends.

use crate::Error;
use crate::search::distribution::{Distribution, is_same};
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
    /// form; [`Error::Usage`] for one that is too long. Also the errors of [`check`](Self::check).
    pub fn read(name: &str, text: &str) -> Result<Self, Error> {
        spec::check_length(OWNER, text)?;
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
        if values[..place].iter().any(|earlier| is_same(earlier, value)) {
            return Err(Error::Usage(format!("{OWNER}: `{name}` has the choice {text} twice")));
        }
        // A list, a table, or a text that would be read back as another value.
        if !is_readable(&text, value) {
            return Err(Error::Usage(format!("{OWNER}: `{name}` cannot have the choice `{text}`")));
        }
    }
    Ok(())
}

/// Returns whether `text`, as one of several choices, is read as `value`.
fn is_readable(text: &str, value: &Value) -> bool {
    value.as_str() != Some("")
        && is_balanced(text)
        && spec::elements(text).len() == 1
        && choice(text) == *value
}

/// Reads a choice: a plain value, or one in parentheses, which may have commas.
fn choice(text: &str) -> Value {
    let text = text.trim();
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    plain(inside.filter(|inside| is_balanced(inside)).unwrap_or(text).trim())
}

/// Reads a value as in a spec: a number, `true`, `false`, `none`, or else text.
fn plain(text: &str) -> Value {
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

/// Returns whether each parenthesis and each bracket is closed by one of its kind.
fn is_balanced(text: &str) -> bool {
    let mut open = Vec::new();
    let is_closed = text.chars().all(|c| match c {
        '(' | '[' => {
            open.push(c);
            true
        }
        ')' => open.pop() == Some('('),
        ']' => open.pop() == Some('['),
        _ => true,
    });
    is_closed && open.is_empty()
}

/// Returns the text of a choice, in parentheses if it is not read as this value without.
fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Null => NONE.into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let in_parentheses = format!("({text})");
    if !is_readable(&text, value) && is_readable(&in_parentheses, value) { in_parentheses } else { text }
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
            "choice(constant,(step:gamma=0.5,step_size=3))",
            "choice((multi_step:milestones=[30%,60%],gamma=0.1),constant)",
            "choice((product:schedules=[(cosine:min_lr=0.01,x=1),step],y=2))",
            "choice((a,(b,[c,(d)])),((e,f)),cosine:min_lr=0.01)",
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
    fn a_choice_in_parentheses_is_the_text_inside() {
        for (text, values) in [
            (
                "choice(constant,(step:gamma=0.5,step_size=3))",
                vec!["constant".into(), "step:gamma=0.5,step_size=3".into()],
            ),
            ("choice( ( a:b=(c:d=1,e=2),f=[1,2] ) , (1) )", vec!["a:b=(c:d=1,e=2),f=[1,2]".into(), 1.into()]),
            ("choice((sgd),(none),((x,y)))", vec!["sgd".into(), Value::Null, "(x,y)".into()]),
            ("choice((a)b,c(d,e))", vec!["(a)b".into(), "c(d,e)".into()]),
        ] {
            let distribution = Distribution::read("x", text).unwrap();
            assert_eq!(distribution, Distribution::Choice(values), "{text}");
            assert_eq!(Distribution::read("x", &distribution.to_string()).unwrap(), distribution, "{text}");
        }
        assert!(Distribution::Choice(vec!["a,b".into()]).check("x").is_ok());
        // In a space, commas inside of parentheses separate no dimensions.
        let text = "schedule=choice(constant,(step:gamma=0.5,step_size=3)),lr=log(1e-4,1e-1)";
        let space: crate::search::Space = text.parse().unwrap();
        assert_eq!((space.dimensions().len(), space.to_string().as_str()), (2, text));
    }

    #[test]
    fn a_repeated_choice_and_a_choice_without_a_text_are_refused() {
        assert_eq!(message("choice(1,2,1.0)"), "search space: `lr` has the choice 1.0 twice");
        assert_eq!(
            message("choice((a:b=1,c=2),(a:b=1,c=2))"),
            "search space: `lr` has the choice (a:b=1,c=2) twice"
        );
        assert!(message("choice()").contains("cannot have the choice ``"));
        assert!(message("choice(a,,b)").contains("cannot have the choice ``"));
        assert!(message("choice(a,())").contains("cannot have the choice ``"));
        for (text, refused) in [
            ("choice(a,(b:c=1,d=2)", "(b:c=1,d=2"),
            ("choice(a,b:c=[1,2)", "b:c=[1,2"),
            ("choice(a,(b:c=[1,2)])", "(b:c=[1,2)]"),
            ("choice(a,b))", "b)"),
        ] {
            assert_eq!(message(text), format!("search space: `lr` cannot have the choice `{refused}`"));
        }
        for value in [
            "".into(),
            " a".into(),
            "a)(b".into(),
            "true".into(),
            "1".into(),
            "none".into(),
            Value::Array(Vec::new()),
        ] {
            assert!(Distribution::Choice(vec![value.clone()]).check("lr").unwrap_err().is_usage(), "{value}");
        }
    }
}
