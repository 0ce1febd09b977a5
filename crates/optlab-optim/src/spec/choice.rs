//! An optimizer together with the learning rate that its trials use: one side of a comparison.

use crate::Error;
use crate::spec::OptimizerSpec;
use optlab_core::spec;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// An optimizer and, if it is not the rule's default, its base learning rate.
///
/// Written as text, `adamw:lr=3e-4,beta_1=0.9`, or in a plan also as a table,
/// `{ rule = "adamw", lr = 3e-4, beta_1 = 0.9 }`. The rate is stored next to the spec because it belongs to
/// the trial, whose schedule starts from it, and not to the rule.
///
/// | field | range    | default                                                    |
/// |:------|:---------|:-----------------------------------------------------------|
/// | `lr`  | `(0, ∞)` | the rule's own, [`OptimizerSpec::default_lr`]                |
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerChoice {
    /// The rule and its settings.
    pub optimizer: OptimizerSpec,
    /// The base learning rate; `None` for the rule's default.
    pub lr: Option<f64>,
}

impl OptimizerChoice {
    /// Returns the base learning rate of its trials.
    pub fn learning_rate(&self) -> f64 {
        self.lr.unwrap_or_else(|| self.optimizer.default_lr())
    }

    /// Reads a text or a table, as written in a plan.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::UnknownField`], [`Error::InvalidConfig`] or [`Error::Usage`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        match value {
            Value::String(text) => text.parse(),
            Value::Object(table) => {
                let mut table = table.clone();
                let name = table.get("rule").and_then(Value::as_str).unwrap_or("optimizer").to_string();
                let lr = table.remove("lr").map(|lr| checked_lr(&name, lr.as_f64(), &lr)).transpose()?;
                let optimizer = OptimizerSpec::from_value(&Value::Object(table))?;
                Ok(OptimizerChoice { optimizer, lr })
            }
            other => Err(Error::Usage(format!("an optimizer must be a text or a table, not {other}"))),
        }
    }
}

impl FromStr for OptimizerChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_value(&spec::parse_text::<OptimizerSpec>(text)?)
    }
}

impl fmt::Display for OptimizerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = self.optimizer.to_string();
        match (self.lr, spec.split_once(':')) {
            (None, _) => f.write_str(&spec),
            (Some(lr), None) => write!(f, "{spec}:lr={lr}"),
            (Some(lr), Some((name, fields))) => write!(f, "{name}:lr={lr},{fields}"),
        }
    }
}

/// Splits `adamw:lr=3e-4,beta_1=0.9,sgd` into `adamw:lr=3e-4,beta_1=0.9` and `sgd`: a piece `key=value`
/// without a name and colon before it belongs to the spec on its left.
pub fn split_specs(text: &str) -> Vec<String> {
    let mut specs: Vec<String> = Vec::new();
    for piece in spec::elements(text) {
        let is_field = piece.split_once('=').is_some_and(|(before, _)| !before.contains(':'));
        match specs.last_mut() {
            Some(spec) if is_field => {
                spec.push(',');
                spec.push_str(piece);
            }
            _ => specs.push(piece.trim().to_string()),
        }
    }
    specs
}

fn checked_lr(name: &str, lr: Option<f64>, given: &dyn fmt::Display) -> Result<f64, Error> {
    lr.filter(|lr| *lr > 0.0 && lr.is_finite())
        .ok_or_else(|| Error::invalid(name, "lr", "a number in (0, ∞)", given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_and_table_give_the_same_arm_and_the_text_reads_back() {
        let text: OptimizerChoice = "adamw:lr=3e-4,weight_decay=0.5".parse().unwrap();
        let table =
            OptimizerChoice::from_value(&json!({"rule": "adamw", "lr": 3e-4, "weight_decay": 0.5})).unwrap();
        assert_eq!(text, table);
        assert_eq!(text.lr, Some(3e-4));
        assert_eq!(text.to_string().parse::<OptimizerChoice>().unwrap(), text);
    }

    #[test]
    fn without_a_rate_the_rules_default_is_used() {
        let arm: OptimizerChoice = "adamw".parse().unwrap();
        assert_eq!((arm.lr, arm.learning_rate()), (None, arm.optimizer.default_lr()));
        assert_eq!(arm.to_string(), "adamw");
    }

    #[test]
    fn a_rate_that_is_not_positive_or_is_given_twice_is_refused() {
        for text in ["adamw:lr=0", "adamw:lr=-1", "adamw:lr=nan", "adamw:lr=inf", "adamw:lr=x"] {
            let error = text.parse::<OptimizerChoice>().unwrap_err().to_string();
            assert!(error.starts_with("adamw: `lr` must be a number in (0, ∞), not "), "{error}");
        }
        let error = "adamw:lr=1,lr=2".parse::<OptimizerChoice>().unwrap_err().to_string();
        assert_eq!(error, "optimizer `adamw:lr=1,lr=2`: `lr` is given twice");
        assert!(OptimizerChoice::from_value(&json!({"rule": "adamw", "lr": "fast"})).is_err());
        assert!(OptimizerChoice::from_value(&json!({"lr": 0.1})).is_err());
        assert!(OptimizerChoice::from_value(&json!(3)).is_err());
    }

    #[test]
    fn the_rate_belongs_to_the_outer_rule_and_a_nested_rule_has_none() {
        let text = "muon:lr=0.5,other=adamw:beta_1=0.8,weight_decay=0.1";
        let arm: OptimizerChoice = text.parse().unwrap();
        assert_eq!((arm.lr, arm.to_string()), (Some(0.5), text.into()));
        assert_eq!(split_specs(&format!("{text},sgd")), [text, "sgd"]);
        let in_parentheses = "muon:other=(adamw:beta_1=0.8,weight_decay=0.1),lr=0.5";
        assert_eq!(in_parentheses.parse::<OptimizerChoice>().unwrap(), arm);
        assert_eq!(split_specs(&format!("sgd,{in_parentheses}")), ["sgd", in_parentheses]);
        let error = "muon:other=adamw:lr=0.5".parse::<OptimizerChoice>().unwrap_err().to_string();
        assert!(error.starts_with("optimizer `adamw` has no field `lr`"), "{error}");
    }

    #[test]
    fn a_list_of_specs_is_split_between_specs_and_not_between_fields() {
        let specs = split_specs("adamw:lr=3e-4,beta_1=0.9, burn.adam,cosine:min_lr=0");
        assert_eq!(specs, ["adamw:lr=3e-4,beta_1=0.9", "burn.adam", "cosine:min_lr=0"]);
        let lists = ["sequence:schedules=[(linear:end_lr=0.1,initial_lr=0),step],lengths=[10%,90%]", "step"];
        assert_eq!(split_specs(&lists.join(",")), lists);
    }
}
