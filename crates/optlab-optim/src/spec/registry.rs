//! Rules that a user's own program adds to the built-in ones.

use crate::Error;
use crate::driver::{Assembly, ParameterRule};
use crate::spec::{NAMES, OptimizerSpec, RuleConfig};
use optlab_core::settings::Field;
use optlab_core::spec::{self, Spec};
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Every registered rule, in the order of registration.
static RULES: RwLock<Vec<RegisteredRule>> = RwLock::new(Vec::new());

/// Field names with another meaning in the text or table of an optimizer: its name, and the rate of its
/// trials.
const RESERVED: [&str; 2] = [OptimizerSpec::TAG, "lr"];

/// Adds `name` as a rule for the rest of the process, usable like the built-in ones.
///
/// From then on [`OptimizerSpec`] reads and writes it, so it can be named in text, plans, trials and their
/// checkpoints, and [`OptimizerSpec::all`], which `optlab list` shows, includes it. A program that calls
/// `optlab::cli::main` afterwards is an `optlab` that knows the rule, also in the worker processes of its
/// comparisons.
///
/// `default` provides the value of every setting that is not given, with or without `serde(default)`; an
/// unknown setting is an error, with or without `serde(deny_unknown_fields)`. Returns the rule with the
/// default settings.
///
/// # Errors
/// [`Error::NameTaken`] for the name of another rule. [`Error::InvalidConfig`] for a name with characters
/// other than letters, digits, `_`, `-` and `.`. [`Error::Usage`] for settings that are not a struct with
/// named fields, or have a field called `rule` or `lr`. Any error of [`RuleConfig::assemble`] for `default`.
///
/// # Example
/// ```
/// use optlab_optim::{LionConfig, OptimizerSpec, ParameterRule, RuleConfig, register};
/// use serde::{Deserialize, Serialize};
///
/// /// Lion with one decay in place of two.
/// #[derive(Serialize, Deserialize)]
/// struct OneDecay {
///     beta: f64,
/// }
///
/// impl RuleConfig for OneDecay {
///     const DEFAULT_LR: f64 = 3e-4;
///
///     fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, optlab_optim::Error> {
///         LionConfig { beta_1: self.beta, beta_2: self.beta, ..LionConfig::default() }.rules(owner)
///     }
/// }
///
/// register("one_decay", "Lion with one decay", OneDecay { beta: 0.95 })?;
/// let spec: OptimizerSpec = "one_decay:beta=0.5".parse()?;
/// assert_eq!((spec.to_string().as_str(), spec.default_lr()), ("one_decay:beta=0.5", 3e-4));
/// assert!("one_decay:beat=0.5".parse::<OptimizerSpec>().is_err());
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub fn register<C>(name: &'static str, summary: &'static str, default: C) -> Result<OptimizerSpec, Error>
where
    C: RuleConfig + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    spec::check_name::<OptimizerSpec>(name)?;
    let refuse = |reason: String| Error::Usage(format!("{} `{name}`: {reason}", OptimizerSpec::KIND));
    let unnamed = |reason| refuse(format!("its settings are not a struct with named fields ({reason})"));
    let fields = default.fields().map_err(unnamed)?;
    if let Some(field) = RESERVED.into_iter().find(|field| fields.contains_key(*field)) {
        return Err(refuse(format!("none of its settings may be called `{field}`")));
    }
    RuleConfig::assemble(&default, name)?;
    let default = Registered { name, summary, settings: Arc::new(default) };
    // One lock covers the check and the insertion, so that two threads cannot register the same name.
    let mut rules = RULES.write().unwrap_or_else(PoisonError::into_inner);
    let registered = rules.iter().map(|rule| rule.default.name);
    if NAMES.iter().copied().chain(registered).any(|taken| taken == name) {
        return Err(Error::NameTaken { kind: OptimizerSpec::KIND, name: name.into() });
    }
    rules.push(RegisteredRule { default: default.clone(), read: read::<C> });
    Ok(OptimizerSpec::Registered(default))
}

/// A rule added by [`register`], and its settings.
#[derive(Clone)]
pub struct Registered {
    name: &'static str,
    summary: &'static str,
    settings: Arc<dyn AnyConfig>,
}

impl Registered {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn summary(&self) -> &'static str {
        self.summary
    }

    pub(crate) fn default_lr(&self) -> f64 {
        self.settings.default_lr()
    }

    pub(crate) fn lr_search(&self) -> (f64, f64) {
        self.settings.lr_search()
    }

    pub(crate) fn settings(&self) -> &'static [Field] {
        self.settings.settings()
    }

    pub(crate) fn base(&self) -> Option<&OptimizerSpec> {
        self.settings.base()
    }

    /// Sets the weight decay. If the settings are not declared, the field is found by its name.
    pub(crate) fn set_weight_decay(&mut self, decay: f64) -> Result<(), Error> {
        if !self.replace_number("weight_decay", decay)? {
            self.settings = self.settings.with_weight_decay(self.name, decay)?;
        }
        Ok(())
    }

    /// Sets a number.
    pub(crate) fn set_number(&mut self, field: &str, value: f64) -> Result<(), Error> {
        match self.replace_number(field, value)? {
            true => Ok(()),
            false => Err(Error::invalid(self.name, field, "a number", value)),
        }
    }

    /// Sets the field of that name, and returns whether it is a number.
    fn replace_number(&mut self, field: &str, value: f64) -> Result<bool, Error> {
        let unwritable = |reason: serde_json::Error| Error::Usage(format!("`{}`: {reason}", self.name));
        let mut table = self.settings.fields().map_err(unwritable)?;
        let number = table.get_mut(field).filter(|value| value.is_number());
        let (Some(number), Some(entry)) = (number, default_entry(self.name)) else { return Ok(false) };
        *number = value.into();
        self.settings = (entry.read)(Value::Object(table)).map_err(unwritable)?;
        Ok(true)
    }

    pub(crate) fn rules(&self) -> Result<Vec<ParameterRule>, Error> {
        self.settings.rules(self.name)
    }

    pub(crate) fn assemble(&self) -> Result<Assembly, Error> {
        self.settings.assemble(self.name)
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name).field(&self.settings.fields()).finish()
    }
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        // Settings that cannot be serialized equal nothing.
        let fields = |rule: &Self| rule.settings.fields().ok();
        self.name == other.name && fields(self).is_some_and(|of_this| Some(of_this) == fields(other))
    }
}

impl Serialize for Registered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.settings.fields().map_err(S::Error::custom)?;
        let name = (OptimizerSpec::TAG.to_string(), Value::from(self.name));
        serializer.collect_map(std::iter::once(name).chain(fields))
    }
}

/// Returns every registered rule with its default settings.
pub(crate) fn all() -> Vec<Registered> {
    entries().into_iter().map(|entry| entry.default).collect()
}

/// Returns the registered rule with the given name, with its default settings.
pub(super) fn default_of(name: &str) -> Option<Registered> {
    default_entry(name).map(|entry| entry.default)
}

fn default_entry(name: &str) -> Option<RegisteredRule> {
    entries().into_iter().find(|entry| entry.default.name == name)
}

/// Reads a rule added by [`register`]; `None` if no rule has that name.
pub(crate) fn from_value(value: &Value) -> Option<Result<Registered, serde_json::Error>> {
    let table = value.as_object()?;
    let entry = default_entry(table.get(OptimizerSpec::TAG)?.as_str()?)?;
    Some(entry.read(table))
}

/// Returns a copy, so that the lock is not held while settings are read or written: settings that contain a
/// spec would need the lock again.
fn entries() -> Vec<RegisteredRule> {
    RULES.read().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Clone)]
struct RegisteredRule {
    default: Registered,
    read: fn(Value) -> Result<Arc<dyn AnyConfig>, serde_json::Error>,
}

impl RegisteredRule {
    /// Reads the rule with the settings in `table`; missing ones keep their defaults.
    fn read(&self, table: &Map<String, Value>) -> Result<Registered, serde_json::Error> {
        let mut fields = self.default.settings.fields()?;
        for (field, value) in table.iter().filter(|(field, _)| *field != OptimizerSpec::TAG) {
            let unknown = || serde::de::Error::custom(format!("unknown field `{field}`"));
            *fields.get_mut(field).ok_or_else(unknown)? = value.clone();
        }
        let settings = (self.read)(Value::Object(fields))?;
        Ok(Registered { settings, ..self.default.clone() })
    }
}

fn read<C>(fields: Value) -> Result<Arc<dyn AnyConfig>, serde_json::Error>
where
    C: RuleConfig + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    Ok(Arc::new(serde_json::from_value::<C>(fields)?))
}

/// A type-erased [`RuleConfig`] that can be serialized.
trait AnyConfig: Send + Sync {
    fn default_lr(&self) -> f64;

    fn lr_search(&self) -> (f64, f64);

    fn settings(&self) -> &'static [Field];

    fn base(&self) -> Option<&OptimizerSpec>;

    fn with_weight_decay(&self, owner: &str, decay: f64) -> Result<Arc<dyn AnyConfig>, Error>;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error>;

    fn assemble(&self, owner: &str) -> Result<Assembly, Error>;

    fn fields(&self) -> Result<Map<String, Value>, serde_json::Error>;
}

impl<C: RuleConfig + Serialize + DeserializeOwned + Send + Sync + 'static> AnyConfig for C {
    fn default_lr(&self) -> f64 {
        RuleConfig::default_lr(self)
    }

    fn lr_search(&self) -> (f64, f64) {
        RuleConfig::lr_search(self)
    }

    fn settings(&self) -> &'static [Field] {
        RuleConfig::settings(self)
    }

    fn base(&self) -> Option<&OptimizerSpec> {
        RuleConfig::base(self)
    }

    fn with_weight_decay(&self, owner: &str, decay: f64) -> Result<Arc<dyn AnyConfig>, Error> {
        let unwritable = |reason: serde_json::Error| Error::Usage(format!("`{owner}`: {reason}"));
        let copy = serde_json::to_value(self).and_then(serde_json::from_value::<C>);
        let mut config = copy.map_err(unwritable)?;
        config.set_weight_decay(owner, decay)?;
        Ok(Arc::new(config))
    }

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        RuleConfig::rules(self, owner)
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        RuleConfig::assemble(self, owner)
    }

    fn fields(&self) -> Result<Map<String, Value>, serde_json::Error> {
        serde_json::from_value(serde_json::to_value(self)?)
    }
}
