//! Specs: the names and settings of every optimizer that the command line, a TOML plan or a run's folder can
//! name.

mod choice;
mod registry;
mod rule_config;
mod scheduled;

pub use choice::{OptimizerChoice, split_specs};
pub use registry::{Registered, register};
pub use rule_config::{RuleConfig, nested_in};
pub(crate) use rule_config::{rule_config, set_own_weight_decay};
pub use scheduled::Scheduled;

use crate::Error;
use crate::around::*;
use crate::burn_rules::*;
use crate::driver::{Assembly, Following, ModelOptimizer, ParameterRule};
use crate::rules::*;
use crate::schedule::Run;
use optlab_core::settings::{Field, Settings as _};
use optlab_core::spec;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! optimizers {
    ($($name:literal => $variant:ident($config:ty), $summary:literal;)*) => {
        /// A rule and its settings: `{"rule": "adamw", "beta_1": 0.9}`, or `adamw:beta_1=0.9` as text.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "rule")]
        pub enum OptimizerSpec {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $variant($config),
            )*
            /// a rule added by [`register`]
            #[serde(untagged)]
            Registered(Registered),
            /// an optimizer of which some numbers follow schedules
            #[serde(untagged)]
            Scheduled(Scheduled),
        }

        /// The built-in rules, for deserialization.
        #[derive(Deserialize)]
        #[serde(tag = "rule", remote = "OptimizerSpec")]
        enum BuiltIn {
            $(#[serde(rename = $name)] $variant($config),)*
        }

        /// The names of the built-in rules.
        const NAMES: &[&str] = &[$($name),*];

        impl OptimizerSpec {
            /// Returns the built-in rule with the given name, with its default settings.
            fn built_in(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(OptimizerSpec::$variant(<$config>::default())),)*
                    _ => None,
                }
            }

            /// Returns its name on the command line.
            pub fn name(&self) -> &'static str {
                match self {
                    $(OptimizerSpec::$variant(_) => $name,)*
                    OptimizerSpec::Registered(rule) => rule.name(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.name(),
                }
            }

            /// Returns a one-line summary.
            pub fn summary(&self) -> &'static str {
                match self {
                    $(OptimizerSpec::$variant(_) => $summary,)*
                    OptimizerSpec::Registered(rule) => rule.summary(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.summary(),
                }
            }

            /// Returns the learning rate of the reference implementation, used unless the caller gives one.
            pub fn default_lr(&self) -> f64 {
                match self {
                    $(OptimizerSpec::$variant(config) => config.default_lr(),)*
                    OptimizerSpec::Registered(rule) => rule.default_lr(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.default_lr(),
                }
            }

            /// Returns the two factors of the search range: it goes from the default learning rate divided by
            /// the first to the default times the second.
            pub fn lr_search(&self) -> (f64, f64) {
                match self {
                    $(OptimizerSpec::$variant(config) => config.lr_search(),)*
                    OptimizerSpec::Registered(rule) => rule.lr_search(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.lr_search(),
                }
            }

            /// Returns the declarations of its settings; empty for a registered rule that does not declare
            /// them.
            pub fn settings(&self) -> &'static [Field] {
                match self {
                    $(OptimizerSpec::$variant(config) => config.settings(),)*
                    OptimizerSpec::Registered(rule) => rule.settings(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.settings(),
                }
            }

            /// Returns the named setting mutably, if it is a number with a range and follows no schedule.
            pub fn number_mut(&mut self, field: &str) -> Option<&mut f64> {
                match self {
                    $(OptimizerSpec::$variant(config) => RuleConfig::number_mut(config, field),)*
                    OptimizerSpec::Registered(_) => None,
                    OptimizerSpec::Scheduled(scheduled) if scheduled.numbers.contains_key(field) => None,
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.number_mut(field),
                }
            }

            /// Returns the optimizers within this one: a wrapper's base, the rule of other parameters. Those
            /// within a registered rule are not known.
            pub(crate) fn nested_mut(&mut self) -> Vec<&mut OptimizerSpec> {
                match self {
                    $(OptimizerSpec::$variant(config) => RuleConfig::nested_mut(config),)*
                    OptimizerSpec::Registered(_) => Vec::new(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.nested_mut(),
                }
            }

            /// Returns the optimizer that it wraps, if it is a wrapper.
            pub fn base(&self) -> Option<&OptimizerSpec> {
                match self {
                    $(OptimizerSpec::$variant(config) => RuleConfig::base(config),)*
                    OptimizerSpec::Registered(rule) => rule.base(),
                    OptimizerSpec::Scheduled(scheduled) => scheduled.spec.base(),
                }
            }

            /// Sets the weight decay of every rule in this spec.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] if a rule has no weight decay and `decay` is not 0.
            pub(crate) fn set_weight_decay(&mut self, decay: f64) -> Result<(), Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => config.set_weight_decay($name, decay),)*
                    OptimizerSpec::Registered(rule) => rule.set_weight_decay(decay),
                    OptimizerSpec::Scheduled(scheduled) => {
                        scheduled.spec.set_weight_decay(decay)?;
                        scheduled.numbers.remove("weight_decay");
                        if scheduled.numbers.is_empty() {
                            *self = (*scheduled.spec).clone();
                        }
                        Ok(())
                    }
                }
            }

            /// Builds the rules; each parameter is moved by the first rule that applies to it.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN; [`Error::Usage`] if a number
            /// follows a schedule.
            pub fn rules(&self) -> Result<Vec<ParameterRule>, Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => {
                        let rules = config.rules($name)?;
                        config.check_rounded($name)?;
                        Ok(rules)
                    })*
                    OptimizerSpec::Registered(rule) => rule.rules(),
                    OptimizerSpec::Scheduled(scheduled) => Err(scheduled.needs_a_run()),
                }
            }

            /// Builds the rules together with their wrappers.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN; [`Error::Usage`] if a number
            /// follows a schedule.
            pub fn assemble(&self) -> Result<Assembly, Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => {
                        let assembly = config.assemble($name)?;
                        config.check_rounded($name)?;
                        Ok(assembly)
                    })*
                    OptimizerSpec::Registered(rule) => rule.assemble(),
                    OptimizerSpec::Scheduled(scheduled) => Err(scheduled.needs_a_run()),
                }
            }
        }
    };
}

macro_rules! with_wrappers {
    ($($rules:tt)*) => {
        wrapper_list! {
            with_burn_rules {
                $($rules)*
                "lbfgs" => Lbfgs(LbfgsConfig), "Newton's method with the curvature of the latest steps and a line search (Liu & Nocedal, 1989)";
            }
        }
    };
}

macro_rules! with_burn_rules {
    ($($rules:tt)*) => { burn_rule_list! { optimizers { $($rules)* } } };
}

rule_list!(with_wrappers);

impl<'de> Deserialize<'de> for OptimizerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        spec::check_depth(<Self as spec::Spec>::KIND, &value).map_err(D::Error::custom)?;
        let numbers = scheduled::take_schedules(&mut value).map_err(D::Error::custom)?;
        let read = match registry::from_value(&value) {
            Some(registered) => registered.map(OptimizerSpec::Registered),
            None => {
                spec::check_known::<Self>(&value).map_err(D::Error::custom)?;
                BuiltIn::deserialize(value)
            }
        };
        let spec = read.map_err(D::Error::custom)?;
        Ok(match numbers.is_empty() {
            true => spec,
            false => OptimizerSpec::Scheduled(Scheduled { spec: Box::new(spec), numbers }),
        })
    }
}

impl spec::Spec for OptimizerSpec {
    const KIND: &'static str = "optimizer";
    const TAG: &'static str = "rule";
    const NESTED: &'static [&'static str] = &["other", "base"];
    const FOREIGN: &'static [&'static str] = &["schedule"];
    const NO_VALUE: &'static str = "none";

    fn names() -> Vec<&'static str> {
        NAMES.iter().copied().chain(registry::all().iter().map(Registered::name)).collect()
    }

    fn default_of(name: &str) -> Option<Self> {
        Self::built_in(name).or_else(|| registry::default_of(name).map(OptimizerSpec::Registered))
    }

    fn read_for_number(name: &str, field: &str, given: &Value) -> Option<Result<Value, Error>> {
        scheduled::read_for_number(name, field, given)
    }

    fn text_for_number(table: &Value) -> Option<String> {
        scheduled::text_for_number(table)
    }
}

optlab_core::spec_as_text!(OptimizerSpec);

impl OptimizerSpec {
    /// Returns every rule with its default settings: the built-in rules, then those added by [`register`].
    pub fn all() -> Vec<Self> {
        let built_in = NAMES.iter().filter_map(|name| Self::built_in(name));
        built_in.chain(registry::all().into_iter().map(OptimizerSpec::Registered)).collect()
    }

    /// Builds the optimizer.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN; [`Error::Usage`] if a number follows a
    /// schedule, which needs the length of the run: see [`build_for`](Self::build_for).
    pub fn build(&self) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::assembled(self.name(), self.assemble()?))
    }

    /// Builds the optimizer for `run`, whose length decides the schedules that numbers of the optimizer
    /// follow.
    ///
    /// A number has the value of its schedule at the optimizer's own step, counted from 0; after the end of
    /// the run it keeps its last value. Where a schedule of a learning rate starts from the run's rate, the
    /// schedule of a number starts from the number's default.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN, at any step of the run, and for a number
    /// whose values change which state the rule keeps; the errors of the schedules; [`Error::Usage`] for a
    /// schedule that depends on measurements, and for numbers of `burn.lbfgs`.
    ///
    /// # Example
    /// ```
    /// use optlab_optim::OptimizerSpec;
    /// use optlab_optim::schedule::Run;
    ///
    /// let spec: OptimizerSpec = "muon:momentum=(linear:from=0.85,to=0.95,steps=300)".parse()?;
    /// assert!(spec.build().is_err());
    /// assert!(spec.build_for(Run::new(0.02, 1000)).is_ok());
    ///
    /// let spec: OptimizerSpec = "muon:momentum=(linear:from=0.85,to=1.5)".parse()?;
    /// let error = spec.build_for(Run::new(0.02, 1000)).unwrap_err().to_string();
    /// assert!(error.starts_with("muon: `momentum` must be in [0, 1), not "));
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    pub fn build_for(&self, run: Run) -> Result<ModelOptimizer, Error> {
        match Following::of(self, run)? {
            None => self.build(),
            Some(following) => ModelOptimizer::following(self.name(), following),
        }
    }

    /// Sets a number, also of a registered rule.
    pub(crate) fn set_number(&mut self, field: &str, value: f64) -> Result<(), Error> {
        if let OptimizerSpec::Registered(rule) = self {
            return rule.set_number(field, value);
        }
        match self.number_mut(field) {
            Some(number) => *number = value,
            None => return Err(Error::invalid(self.name(), field, "a number with a range", value)),
        }
        Ok(())
    }

    /// Reads a JSON object `{"rule": name, field: value, …}` or a text.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::UnknownField`], [`Error::InvalidConfig`] or [`Error::Usage`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        spec::from_value(value)
    }

    /// Returns the same optimizer with the given weight decay in every rule.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if a rule has no weight decay and `decay` is not 0.
    pub fn with_weight_decay(&self, decay: f64) -> Result<Self, Error> {
        let mut spec = self.clone();
        spec.set_weight_decay(decay)?;
        Ok(spec)
    }

    /// Returns the settings and their values, for listings.
    pub fn fields(&self) -> Vec<(String, String)> {
        spec::fields(self)
    }
}
