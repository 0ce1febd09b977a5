//! Numbers of steps, given as steps, as epochs or as a share of the run.

use crate::Error;
use crate::schedule::Run;
use serde::de::{Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A number of steps, given directly, `500`; in epochs, which are passes over the training data, `10ep` or
/// `0.5ep`; or as a share of the run, `10%`.
///
/// Epochs and shares are converted to the nearest step when the run is known. Inside a combinator, the run is
/// the section that the schedule is built for.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, Span};
///
/// let run = Run { steps_per_epoch: Some(40), ..Run::new(0.1, 1000) };
/// let steps = |text: &str| run.steps("step", "step_size", text.parse()?);
/// assert_eq!((steps("25")?, steps("2.5ep")?, steps("10%")?), (25, 100, 100));
/// assert!(steps("-1").is_err() && steps("nan%").is_err() && steps("ten").is_err());
/// # Ok::<(), optlab_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// Steps.
    Steps(usize),
    /// Passes over the training data.
    Epochs(f64),
    /// A share of the run, in percent.
    Percent(f64),
}

impl Span {
    fn is_share(&self) -> bool {
        matches!(self, Span::Percent(_))
    }
}

impl From<usize> for Span {
    fn from(steps: usize) -> Self {
        Span::Steps(steps)
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Usage(format!("`{text}` is not a number of steps: write 500, 10ep or 10%"));
        let number = |text: &str| {
            let number = text.trim().parse().ok().filter(|number: &f64| *number >= 0.0 && number.is_finite());
            number.ok_or_else(malformed)
        };
        let text = text.trim();
        if let Some(epochs) = text.strip_suffix("ep") {
            number(epochs).map(Span::Epochs)
        } else if let Some(percent) = text.strip_suffix('%') {
            number(percent).map(Span::Percent)
        } else {
            text.parse().map(Span::Steps).map_err(|_| malformed())
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Span::Steps(steps) => write!(f, "{steps}"),
            Span::Epochs(epochs) => write!(f, "{epochs}ep"),
            Span::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Span::Steps(steps) => serializer.serialize_u64(*steps as u64),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepsOrText;
        impl Visitor<'_> for StepsOrText {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of steps, as 500, 10ep or 10%")
            }

            fn visit_u64<E: serde::de::Error>(self, steps: u64) -> Result<Span, E> {
                let steps = usize::try_from(steps);
                steps.map(Span::Steps).map_err(|_| E::invalid_value(Unexpected::Unsigned(u64::MAX), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, steps: i64) -> Result<Span, E> {
                let steps = usize::try_from(steps);
                steps.map(Span::Steps).map_err(|_| E::invalid_value(Unexpected::Signed(i64::MIN), &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(StepsOrText)
    }
}

/// A sum of spans: whole steps, and the exact length of epochs and shares before it is rounded to steps.
///
/// The borders of parts that follow each other are the rounded sums, not sums of rounded lengths. So shares
/// of 100 % together fill a run of any length.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    steps: usize,
    others: f64,
}

impl Sum {
    fn plus(self, span: Span, exact: f64) -> Self {
        match span {
            Span::Steps(steps) => Sum { steps: self.steps.saturating_add(steps), ..self },
            Span::Epochs(_) | Span::Percent(_) => Sum { others: self.others + exact, ..self },
        }
    }

    fn rounded(self) -> usize {
        self.steps.saturating_add(nearest(self.others))
    }
}

/// Returns the nearest number of steps; half a step counts up, also where a share of the run is a little less
/// in 64 bits: 94.96 % of 625 steps are 593.5.
fn nearest(steps: f64) -> usize {
    (steps + 1e-9).round() as usize
}

impl Run {
    /// Returns the number of steps of a field of `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for epochs if the run has none.
    pub fn steps(&self, owner: &str, field: &str, span: Span) -> Result<usize, Error> {
        Ok(Sum::default().plus(span, self.exact(owner, field, span)?).rounded())
    }

    /// Returns the length of `span` in steps, before it is rounded.
    fn exact(&self, owner: &str, field: &str, span: Span) -> Result<f64, Error> {
        match (span, self.steps_per_epoch) {
            (Span::Steps(steps), _) => Ok(steps as f64),
            (Span::Percent(percent), _) => Ok(percent / 100.0 * self.total_steps as f64),
            (Span::Epochs(epochs), Some(steps)) => Ok(epochs * steps as f64),
            (Span::Epochs(_), None) => {
                Err(Error::invalid(owner, field, "in steps or a share of a run without epochs", span))
            }
        }
    }

    /// Returns the end of each of the parts that follow each other with the given lengths: the rounded sums
    /// of the lengths, so that shares of 100 % together end where the run ends.
    ///
    /// # Errors
    /// The errors of [`steps`](Self::steps).
    pub fn borders(&self, owner: &str, field: &str, lengths: &[Span]) -> Result<Vec<usize>, Error> {
        let mut sum = Sum::default();
        let mut percent = 0.0;
        let border = |&span: &Span| {
            sum = sum.plus(span, self.exact(owner, field, span)?);
            percent += if let Span::Percent(share) = span { share } else { 0.0 };
            let is_whole = sum.steps == 0 && (percent - 100.0_f64).abs() < 1e-9;
            // The sum of many shares is only nearly 100 %.
            Ok(if is_whole && lengths.iter().all(Span::is_share) { self.total_steps } else { sum.rounded() })
        };
        lengths.iter().map(border).collect()
    }

    /// Returns the step at which the last part of `length` begins, if it ends at step `end`, which is `given`
    /// or the end of the run. At least one step is left for a share, which may round to none.
    ///
    /// # Errors
    /// The errors of [`steps`](Self::steps).
    pub(super) fn begin_of_last(
        &self,
        owner: &str,
        field: &str,
        (given, end): (Option<Span>, usize),
        length: Span,
    ) -> Result<usize, Error> {
        let exact = self.exact(owner, field, length)?;
        if let Span::Steps(steps) = length {
            return Ok(end.saturating_sub(steps));
        }
        let exact_end = given.map_or(Ok(self.total_steps as f64), |end| self.exact(owner, field, end))?;
        let begin = nearest((exact_end - exact).max(0.0));
        Ok(if exact > 0.0 { begin.min(end.saturating_sub(1)) } else { begin.min(end) })
    }

    /// Returns the number of steps of a warm-up that ends before step `end`. A share is rounded down where
    /// the nearest number of steps would leave no step after it.
    ///
    /// # Errors
    /// The errors of [`steps`](Self::steps).
    pub(super) fn warmup_steps(
        &self,
        owner: &str,
        field: &str,
        span: Option<Span>,
        default: usize,
        end: usize,
    ) -> Result<usize, Error> {
        let steps = self.steps_or(owner, field, span, default)?;
        match span {
            Some(span) if span.is_share() && self.exact(owner, field, span)? < end as f64 => {
                Ok(steps.min(end.saturating_sub(1)))
            }
            _ => Ok(steps),
        }
    }

    /// Returns the number of steps of a field that has a default.
    ///
    /// # Errors
    /// The errors of [`steps`](Self::steps).
    pub fn steps_or(
        &self,
        owner: &str,
        field: &str,
        span: Option<Span>,
        default: usize,
    ) -> Result<usize, Error> {
        span.map_or(Ok(default), |span| self.steps(owner, field, span))
    }

    /// Returns the steps of a field that lists them, each later than the previous one.
    ///
    /// # Errors
    /// The errors of [`steps`](Self::steps), and [`Error::InvalidConfig`] for steps that are not strictly
    /// increasing, except that two rising shares of a short run may be the same step.
    pub fn rising_steps(&self, owner: &str, field: &str, spans: &[Span]) -> Result<Vec<usize>, Error> {
        let steps =
            spans.iter().map(|span| self.steps(owner, field, *span)).collect::<Result<Vec<_>, _>>()?;
        let is_rising = |pair: (&[Span], &[usize])| match pair.0 {
            [Span::Percent(earlier), Span::Percent(later)] => earlier < later,
            _ => pair.1[0] < pair.1[1],
        };
        if !spans.windows(2).zip(steps.windows(2)).all(is_rising) {
            return Err(Error::invalid(
                owner,
                field,
                "steps each later than the one before",
                format!("{steps:?}"),
            ));
        }
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_it_is_read() {
        for (span, text, json) in [
            (Span::Steps(500), "500", "500"),
            (Span::Epochs(10.0), "10ep", "\"10ep\""),
            (Span::Epochs(0.25), "0.25ep", "\"0.25ep\""),
            (Span::Percent(10.0), "10%", "\"10%\""),
            (Span::Percent(0.7), "0.7%", "\"0.7%\""),
        ] {
            assert_eq!(serde_json::to_string(&span).unwrap(), json);
            assert_eq!(span.to_string(), text);
            for read in [text.parse().unwrap(), serde_json::from_str::<Span>(json).unwrap()] {
                assert_eq!(read, span, "{text}");
            }
        }
        for text in ["", "ep", "%", "-1", "-1ep", "-1%", "nanep", "inf%", "1.5", "1e3", "ten"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for json in ["-1", "1.5", "true", "\"ten\""] {
            assert!(serde_json::from_str::<Span>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn epochs_and_shares_are_rounded_to_the_nearest_step() {
        let run = Run { steps_per_epoch: Some(41), ..Run::new(0.1, 123) };
        let steps = |text: &str| run.steps("step", "step_size", text.parse().unwrap()).unwrap();
        assert_eq!([steps("3ep"), steps("0.5ep"), steps("10%"), steps("100%")], [123, 21, 12, 123]);
        // Half a step counts up, also where the product is a little less in 64 bits.
        let half = Run::new(0.1, 625).steps("step", "step_size", Span::Percent(94.96)).unwrap();
        assert_eq!((half, 94.96_f64 / 100.0 * 625.0 < 593.5), (594, true));
        let error = Run::new(0.1, 123).steps("step", "step_size", Span::Epochs(1.0)).unwrap_err();
        assert!(error.to_string().starts_with("step: `step_size` must be in steps"), "{error}");
    }

    #[test]
    fn a_list_of_steps_must_rise_in_any_unit() {
        let run = Run { steps_per_epoch: Some(40), ..Run::new(0.1, 200) };
        let rising = |texts: &[&str]| {
            let spans: Vec<Span> = texts.iter().map(|text| text.parse().unwrap()).collect();
            run.rising_steps("multi_step", "milestones", &spans).map_err(|error| error.to_string())
        };
        assert_eq!(rising(&["10", "1ep", "50%"]), Ok(vec![10, 40, 100]));
        assert_eq!(rising(&[]), Ok(vec![]));
        for (texts, steps) in [(["20%", "1ep"], "[40, 40]"), (["30", "10"], "[30, 10]")] {
            let expected =
                format!("multi_step: `milestones` must be steps each later than the one before, not {steps}");
            assert_eq!(rising(&texts), Err(expected));
        }
    }
}
