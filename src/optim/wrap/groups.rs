use super::{BASE_LR, assembled, base, not_a_rule};
use crate::error::Error;
use crate::optim::{Assembly, OptimizerSpec, ParameterRule, RuleConfig};
use crate::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// A group of parameters, by their names, with a rule, a learning rate and a decay of its own; all others are the base's.
///
/// A parameter's path is the names of the fields that lead to it: `conv.weight`, `layers.0.linear.bias`. Groups can be
/// nested: the rule and the weight decay of a parameter are those of the outermost group that names it and sets them, and
/// factors multiply up to the group that sets the rule. A `weight_decay` of 0 spares the group from the penalties around
/// the rules too.
///
/// | field          | default | range                             |
/// |:---------------|--------:|:----------------------------------|
/// | `parameters`   |     `*` | patterns, with `|` between them   |
/// | `other`        |    none | a rule                            |
/// | `lr_factor`    |       1 | `[0, ∞)`                          |
/// | `weight_decay` |    none | `[0, ∞)` or none                  |
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, no pattern is given, or the rule has
/// no weight decay to set; [`Error::Usage`] if `other` is no rule.
///
/// # Example
/// ```
/// let spec = "group:parameters=*.bias|norm.*,weight_decay=0,lr_factor=2,base=adamw:weight_decay=0.1";
/// assert!(spec.parse::<optlab::optim::OptimizerSpec>()?.build().is_ok());
/// # Ok::<(), optlab::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// The paths of its parameters, with `*` for anything and `?` for one character; several with `|` between them.
    pub parameters: String,
    /// Their rule; none for that of the base.
    pub other: Option<Box<OptimizerSpec>>,
    /// What their learning rate is multiplied by, `[0, ∞)`.
    pub lr_factor: f64,
    /// Their weight decay in place of that of the rule, `[0, ∞)`; none for that of the rule.
    pub weight_decay: Option<f64>,
}

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig { base: base(), parameters: "*".into(), other: None, lr_factor: 1.0, weight_decay: None }
    }
}

impl RuleConfig for GroupConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        range::check(owner, [("lr_factor", self.lr_factor, NON_NEGATIVE)])?;
        if let Some(decay) = self.weight_decay {
            range::check(owner, [("weight_decay", decay, NON_NEGATIVE)])?;
        }
        let patterns: Vec<WildMatch> = self
            .parameters
            .split('|')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(WildMatch::new)
            .collect();
        if patterns.is_empty() {
            let allowed = "at least one pattern of a path";
            return Err(Error::invalid(owner, "parameters", allowed, &self.parameters));
        }
        let rules = rules_of(&self.base, self.other.as_deref(), self.weight_decay)?;
        let factor = self.lr_factor;
        let group = rules.into_iter().map(|rule| {
            let patterns = patterns.clone();
            rule.with_lr_factor(factor).for_parameters(move |parameter| {
                patterns.iter().any(|pattern| pattern.matches(parameter.path))
            })
        });
        let assembly = assembled(owner, &self.base)?;
        Ok(Assembly { rules: group.chain(assembly.rules).collect(), ..assembly })
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

/// No decay for biases and norms: parameters of one dimension get no weight decay and no penalty, others those of the base.
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if the base has no weight decay to set; those of the base.
///
/// # Example
/// ```
/// let spec = "no_vector_decay:base=adamw:weight_decay=0.1";
/// assert!(spec.parse::<optlab::optim::OptimizerSpec>()?.build().is_ok());
/// # Ok::<(), optlab::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoVectorDecayConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
}

impl Default for NoVectorDecayConfig {
    fn default() -> Self {
        NoVectorDecayConfig { base: base() }
    }
}

impl RuleConfig for NoVectorDecayConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        let vectors = rules_of(&self.base, None, Some(0.0))?;
        let vectors =
            vectors.into_iter().map(|rule| rule.for_parameters(|parameter| parameter.shape.len() < 2));
        let assembly = assembled(owner, &self.base)?;
        Ok(Assembly { rules: vectors.chain(assembly.rules).collect(), ..assembly })
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

/// The rules of a group: those of `other`, or else of `base`, with that weight decay.
fn rules_of(
    base: &OptimizerSpec,
    other: Option<&OptimizerSpec>,
    weight_decay: Option<f64>,
) -> Result<Vec<ParameterRule>, Error> {
    let with_decay = |spec: &OptimizerSpec| match weight_decay {
        Some(decay) => spec.with_weight_decay(decay),
        None => Ok(spec.clone()),
    };
    let rules = match other {
        Some(other) => with_decay(other)?.rules()?,
        None => with_decay(base)?.assemble()?.rules,
    };
    let is_spared = weight_decay == Some(0.0);
    Ok(rules.into_iter().map(|rule| if is_spared { rule.without_penalties() } else { rule }).collect())
}
