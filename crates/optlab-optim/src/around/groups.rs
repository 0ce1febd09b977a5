//! Wrappers that treat some parameters differently: `group` and `no_vector_decay`.

use crate::Error;
use crate::around::{Wrapper, base, base_field};
use crate::driver::{Assembly, Group, ParameterRule, Patterns};
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// A group of parameters, selected by name, with its own rule, learning rate and weight decay; the base
    /// moves all other parameters.
    ///
    /// A parameter's path consists of the names of the fields that lead to it: `conv.weight`,
    /// `layers.0.linear.bias`. A group that matches no parameter is an error in
    /// [`ModelOptimizer::check`](crate::driver::ModelOptimizer::check) and in a trial. Groups can be nested:
    /// a parameter takes its rule, schedule and weight decay each from the outermost group that matches it
    /// and sets them, and the factors multiply up to the group that sets the rule. A `weight_decay` of 0 also
    /// exempts the group from the penalties of wrappers.
    ///
    /// A group with a schedule uses the rate that [`LearningRates`](crate::driver::LearningRates) gives for
    /// it (a trial does this), times its factor. A schedule with fields is written in parentheses:
    /// `group:parameters=*.bias,schedule=(cosine:min_lr=0.01)`.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range,
    /// no pattern is given, or the rule has no weight decay to set; [`Error::Usage`] if `other` is not a
    /// rule.
    ///
    /// # Example
    /// ```
    /// let spec = "group:parameters=*.bias|norm.*,weight_decay=0,lr_factor=2,base=adamw:weight_decay=0.1";
    /// assert!(spec.parse::<optlab_optim::OptimizerSpec>()?.build().is_ok());
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    pub struct GroupConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Path patterns, separated by vertical bars; `*` matches anything and `?` one character.
        parameters: String = ("*".into()) as "`*`", allowed "patterns, with `|` between them";
        /// Rule of these parameters; none for the rule of the base.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule";
        /// Factor of the learning rate of these parameters.
        lr_factor: f64 = 1.0, in NON_NEGATIVE, search(1, Search::Log(0.1, 10.0));
        /// Schedule of these parameters, written as text; none for the schedule of the run.
        schedule: Option<String> = None, allowed "a schedule";
        /// Weight decay of these parameters; none for the weight decay of the rule.
        weight_decay: Option<f64> = None, in NON_NEGATIVE;
    }
}

impl Wrapper for GroupConfig {
    base_field!();

    fn set_own_weight_decay(&mut self, decay: f64) {
        self.weight_decay = Some(decay);
    }

    fn check_more(&self, owner: &str) -> Result<(), Error> {
        self.patterns(owner).map(drop)
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        let (patterns, place) = (self.patterns(owner)?, assembly.groups.len());
        let Self { lr_factor, schedule, .. } = self;
        let group = Group { patterns: patterns.clone(), lr_factor: *lr_factor, schedule: schedule.clone() };
        assembly.groups.push(group);
        let rules = rules_of(&self.base, &assembly, self.other.as_deref(), self.weight_decay)?;
        let group = rules.into_iter().map(|rule| {
            let patterns = patterns.clone();
            let rule = if self.schedule.is_some() { rule.with_rate_of_group(place) } else { rule };
            rule.with_lr_factor(self.lr_factor)
                .for_parameters(move |parameter| patterns.matches(parameter.path))
        });
        Ok(Assembly { rules: group.chain(assembly.rules).collect(), ..assembly })
    }
}

impl GroupConfig {
    fn patterns(&self, owner: &str) -> Result<Patterns, Error> {
        let allowed = "at least one pattern of a path";
        Patterns::of(&self.parameters)
            .ok_or_else(|| Error::invalid(owner, "parameters", allowed, &self.parameters))
    }
}

settings! {
    /// No weight decay for biases and norms: one-dimensional parameters get no weight decay and no penalty,
    /// all others keep those of the base.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if the base has no weight
    /// decay to set; the errors of the base.
    ///
    /// # Example
    /// ```
    /// let spec = "no_vector_decay:base=adamw:weight_decay=0.1";
    /// assert!(spec.parse::<optlab_optim::OptimizerSpec>()?.build().is_ok());
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    pub struct NoVectorDecayConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
    }
}

impl Wrapper for NoVectorDecayConfig {
    base_field!();

    fn wrap(&self, _owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let vectors = rules_of(&self.base, &assembly, None, Some(0.0))?;
        let vectors =
            vectors.into_iter().map(|rule| rule.for_parameters(|parameter| parameter.shape.len() < 2));
        Ok(Assembly { rules: vectors.chain(assembly.rules).collect(), ..assembly })
    }
}

/// Returns the group's rules: those of `other` if given, else those of the base (already in `assembly`), with
/// `weight_decay` applied.
fn rules_of(
    base: &OptimizerSpec,
    assembly: &Assembly,
    other: Option<&OptimizerSpec>,
    weight_decay: Option<f64>,
) -> Result<Vec<ParameterRule>, Error> {
    let rules = match (other, weight_decay) {
        (Some(other), Some(decay)) => other.with_weight_decay(decay)?.rules()?,
        (Some(other), None) => other.rules()?,
        (None, Some(decay)) => base.with_weight_decay(decay)?.assemble()?.rules,
        (None, None) => assembly.rules.clone(),
    };
    let is_spared = weight_decay == Some(0.0);
    Ok(rules.into_iter().map(|rule| if is_spared { rule.without_penalties() } else { rule }).collect())
}
