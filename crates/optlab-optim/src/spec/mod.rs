//! Specs: the names and settings of every optimizer that the command line, a TOML plan or a run's folder can
//! name.

mod choice;
mod registry;
mod rule_config;

pub use choice::{OptimizerChoice, split_specs};
pub use registry::{Registered, register};
pub use rule_config::RuleConfig;
pub(crate) use rule_config::{rule_config, set_own_weight_decay};

use crate::Error;
use crate::around::*;
use crate::burn_rules::*;
use crate::driver::{Assembly, ModelOptimizer, ParameterRule};
use crate::rules::*;
use optlab_core::settings::Field;
use optlab_core::spec;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

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
                }
            }

            /// Returns a one-line summary.
            pub fn summary(&self) -> &'static str {
                match self {
                    $(OptimizerSpec::$variant(_) => $summary,)*
                    OptimizerSpec::Registered(rule) => rule.summary(),
                }
            }

            /// Returns the learning rate of the reference implementation, used unless the caller gives one.
            pub fn default_lr(&self) -> f64 {
                match self {
                    $(OptimizerSpec::$variant(config) => config.default_lr(),)*
                    OptimizerSpec::Registered(rule) => rule.default_lr(),
                }
            }

            /// Returns the two factors of the search range: it goes from the default learning rate divided by
            /// the first to the default times the second.
            pub fn lr_search(&self) -> (f64, f64) {
                match self {
                    $(OptimizerSpec::$variant(config) => config.lr_search(),)*
                    OptimizerSpec::Registered(rule) => rule.lr_search(),
                }
            }

            /// Returns the declarations of its settings; empty for a registered rule that does not declare
            /// them.
            pub fn settings(&self) -> &'static [Field] {
                match self {
                    $(OptimizerSpec::$variant(config) => config.settings(),)*
                    OptimizerSpec::Registered(rule) => rule.settings(),
                }
            }

            /// Returns the named setting mutably, if it is a number with a range.
            pub fn number_mut(&mut self, field: &str) -> Option<&mut f64> {
                match self {
                    $(OptimizerSpec::$variant(config) => RuleConfig::number_mut(config, field),)*
                    OptimizerSpec::Registered(_) => None,
                }
            }

            /// Returns the optimizer that it wraps, if it is a wrapper.
            pub fn base(&self) -> Option<&OptimizerSpec> {
                match self {
                    $(OptimizerSpec::$variant(config) => RuleConfig::base(config),)*
                    OptimizerSpec::Registered(rule) => rule.base(),
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
                }
            }

            /// Builds the rules; each parameter is moved by the first rule that applies to it.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN.
            pub fn rules(&self) -> Result<Vec<ParameterRule>, Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => config.rules($name),)*
                    OptimizerSpec::Registered(rule) => rule.rules(),
                }
            }

            /// Builds the rules together with their wrappers.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN.
            pub fn assemble(&self) -> Result<Assembly, Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => config.assemble($name),)*
                    OptimizerSpec::Registered(rule) => rule.assemble(),
                }
            }
        }
    };
}

macro_rules! with_wrappers {
    ($($rules:tt)*) => { wrapper_list! { with_burn_rules { $($rules)* } } };
}

macro_rules! with_burn_rules {
    ($($rules:tt)*) => { burn_rule_list! { optimizers { $($rules)* } } };
}

rule_list!(with_wrappers);

impl<'de> Deserialize<'de> for OptimizerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        spec::check_depth(<Self as spec::Spec>::KIND, &value).map_err(D::Error::custom)?;
        let read = match registry::from_value(&value) {
            Some(registered) => registered.map(OptimizerSpec::Registered),
            None => {
                spec::check_known::<Self>(&value).map_err(D::Error::custom)?;
                BuiltIn::deserialize(value)
            }
        };
        read.map_err(D::Error::custom)
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

    const SHORTHAND: Option<spec::Shorthand> =
        Some(spec::Shorthand { name: "compact", base: "base", fields: &["state", "parameters"] });

    fn default_of(name: &str) -> Option<Self> {
        Self::built_in(name).or_else(|| registry::default_of(name).map(OptimizerSpec::Registered))
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
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::assembled(self.name(), self.assemble()?))
    }

    /// Reads a JSON object `{"rule": name, field: value, …}` or a text.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::UnknownField`], [`Error::InvalidConfig`] or [`Error::Usage`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Error> {
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
