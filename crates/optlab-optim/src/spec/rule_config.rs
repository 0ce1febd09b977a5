//! The settings of a rule, and the rules that they build.

use crate::Error;
use crate::driver::{Assembly, ParameterRule};
use crate::spec::OptimizerSpec;
use optlab_core::settings::Field;
use std::any::Any;

/// The settings of a rule: checked, then built.
pub trait RuleConfig {
    /// The learning rate of the reference implementation, used unless the caller gives one.
    const DEFAULT_LR: f64;

    /// The range of a search for the learning rate: from the default divided by the first number to the
    /// default times the second.
    const LR_SEARCH: (f64, f64) = (30.0, 30.0);

    /// Builds the rules; each parameter is moved by the first rule that applies to it. Errors name `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error>;

    /// Builds the rules together with their wrappers. Errors name `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        Ok(Assembly::of(self.rules(owner)?))
    }

    /// Returns the default learning rate with these settings.
    fn default_lr(&self) -> f64 {
        Self::DEFAULT_LR
    }

    /// Returns the factors of [`LR_SEARCH`](Self::LR_SEARCH) with these settings.
    fn lr_search(&self) -> (f64, f64) {
        Self::LR_SEARCH
    }

    /// Returns the declarations of its settings, if they were declared with
    /// [`settings!`](crate::settings!).
    fn settings(&self) -> &'static [Field] {
        &[]
    }

    /// Returns the named setting mutably, if it is a number with a range.
    fn number_mut(&mut self, _field: &str) -> Option<&mut f64> {
        None
    }

    /// Returns the optimizers within these settings: a wrapper's base, the rule of other parameters.
    fn nested_mut(&mut self) -> Vec<&mut OptimizerSpec> {
        Vec::new()
    }

    /// Returns the optimizer that it wraps, if it is a wrapper.
    fn base(&self) -> Option<&OptimizerSpec> {
        None
    }

    /// Sets the weight decay of the rule and of every nested rule. Errors name `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if the rule has no weight decay and `decay` is not 0.
    fn set_weight_decay(&mut self, owner: &str, decay: f64) -> Result<(), Error> {
        set_own_weight_decay(self, owner, decay)
    }
}

/// Sets the weight decay of the rule itself.
pub(crate) fn set_own_weight_decay<C: RuleConfig + ?Sized>(
    config: &mut C,
    owner: &str,
    decay: f64,
) -> Result<(), Error> {
    match config.number_mut("weight_decay") {
        Some(weight_decay) => *weight_decay = decay,
        None if decay == 0.0 => {}
        None => return Err(Error::invalid(owner, "weight_decay", "0, since the rule has none", decay)),
    }
    Ok(())
}

/// Defines, in an `impl RuleConfig`, the methods that return the declarations of
/// [`settings!`](crate::settings!).
#[macro_export]
macro_rules! settings_of {
    () => {
        fn settings(&self) -> &'static [$crate::settings::Field] {
            <Self as $crate::settings::Settings>::FIELDS
        }

        fn number_mut(&mut self, field: &str) -> Option<&mut f64> {
            $crate::settings::Settings::number_mut(self, field)
        }

        fn nested_mut(&mut self) -> Vec<&mut $crate::OptimizerSpec> {
            $crate::nested_in($crate::settings::Settings::values_mut(self))
        }
    };
}

/// Returns the optimizers among the values of settings.
#[doc(hidden)]
pub fn nested_in(values: Vec<&mut dyn Any>) -> Vec<&mut OptimizerSpec> {
    values.into_iter().filter_map(optimizer_in).collect()
}

fn optimizer_in(value: &mut dyn Any) -> Option<&mut OptimizerSpec> {
    if value.is::<Box<OptimizerSpec>>() {
        return value.downcast_mut::<Box<OptimizerSpec>>().map(|spec| &mut **spec);
    }
    value.downcast_mut::<Option<Box<OptimizerSpec>>>()?.as_deref_mut()
}

/// Implements [`RuleConfig`] for settings that build one rule for all parameters with `build_as`; `$kind` is
/// a constructor of [`ParameterRule`].
macro_rules! rule_config {
    // A rule of hidden matrices in tensor operations, whose fields `other` and `other_lr_factor` say what
    // moves the other parameters.
    (with_other $config:ty, lr $lr:expr) => {
        impl $crate::spec::RuleConfig for $config {
            const DEFAULT_LR: f64 = $lr;

            $crate::settings_of!();

            fn set_weight_decay(&mut self, owner: &str, decay: f64) -> Result<(), $crate::Error> {
                if let Some(other) = &mut self.other {
                    other.set_weight_decay(decay)?;
                }
                $crate::spec::set_own_weight_decay(self, owner, decay)
            }

            fn rules(&self, owner: &str) -> Result<Vec<$crate::driver::ParameterRule>, $crate::Error> {
                let rule = $crate::driver::ParameterRule::tensor(self.build_as(owner)?);
                let (other, lr_factor) = (self.other.as_deref(), self.other_lr_factor);
                $crate::rules::parts::hidden_matrix::with_other(rule, other, lr_factor)
            }
        }
    };
    ($kind:ident $config:ty, lr $lr:expr $(, lr_search $lr_search:expr)?) => {
        impl $crate::spec::RuleConfig for $config {
            const DEFAULT_LR: f64 = $lr;

            $(const LR_SEARCH: (f64, f64) = $lr_search;)?

            $crate::settings_of!();

            fn rules(&self, owner: &str) -> Result<Vec<$crate::driver::ParameterRule>, $crate::Error> {
                Ok(vec![$crate::driver::ParameterRule::$kind(self.build_as(owner)?)])
            }
        }
    };
}
pub(crate) use rule_config;
