//! Settings that are declared once: type, default, range, meaning, symbol, and whether a search tries other
//! values.
//!
//! [`settings!`](crate::settings!) turns such a declaration into the struct, its default, the check of its
//! ranges, the table on its page, and [`Settings::FIELDS`], from which listings, search spaces and tests are
//! made.
//!
//! ```
//! use optlab_core::settings::{Search, Settings};
//!
//! optlab_core::settings! {
//!     /// Settings of momentum.
//!     pub struct MomentumConfig {
//!         /// Decay of the velocity.
//!         momentum: f64 = 0.9, "μ", in BELOW_ONE, search(1, Search::Momentum);
//!         /// Whether the step looks ahead.
//!         nesterov: bool = false;
//!     }
//! }
//!
//! let config = MomentumConfig { momentum: 1.5, ..MomentumConfig::default() };
//! let error = config.check("sgd").unwrap_err();
//! assert_eq!(error.to_string(), "sgd: `momentum` must be in [0, 1), not 1.5");
//! assert_eq!(MomentumConfig::FIELDS[0].meaning, "Decay of the velocity.");
//! ```

use crate::error::Error;
use crate::range::{self, Range};
use std::any::Any;

/// A setting as it was declared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// The name in code, text, TOML and JSON.
    pub name: &'static str,
    /// The symbol in the formula; empty if it has none.
    pub symbol: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// The range; `None` for a setting that is not a bounded number.
    pub range: Option<Range>,
    /// The meaning, in a sentence.
    pub meaning: &'static str,
    /// How a search varies it, and its place among the settings of its rule, 1 for the most important; `None`
    /// if a search leaves it alone.
    pub search: Option<(u8, Search)>,
    /// The day on which it was added to a rule that trials on disk already had. Its default then is what the
    /// rule did before, and it does not change the names of trials.
    pub since: Option<&'static str>,
}

/// The values that a search tries for a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Search {
    /// A decay of gradients: `1 − β` from a fifth to five times the default's.
    Momentum,
    /// A decay of squares or weights: `1 − β` from a tenth to a hundred times the default's.
    Decay,
    /// 1e-5 to 1e-1, or 1e-4 to 1 where the default is not 0; uniform in the logarithm.
    WeightDecay,
    /// A hundredth to a million times the default; uniform in the logarithm.
    Epsilon,
    /// True or false.
    Flag,
    /// From the first to the second number.
    Uniform(f64, f64),
    /// From the first to the second number, uniform in the logarithm.
    Log(f64, f64),
    /// Whole numbers from the first to the second.
    Integer(i64, i64),
    /// One of these.
    Choice(&'static [u64]),
}

/// A struct that [`settings!`](crate::settings!) declared.
pub trait Settings {
    /// Its settings, in their order.
    const FIELDS: &'static [Field];

    /// Returns name, value and range of each bounded number; a setting that is `None` is left out.
    fn bounded(&self) -> Vec<(&'static str, f64, Range)>;

    /// Returns the number in the field of that name; `None` if there is no such field or it holds none.
    fn number_mut(&mut self, field: &str) -> Option<&mut f64>;

    /// Returns the values of all settings mutably, in their order, for callers that know one of the types.
    fn values_mut(&mut self) -> Vec<&mut dyn Any>;

    /// Checks every number against its range. NaN is in none.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] that names `owner` and the first field out of its range.
    fn check(&self, owner: &str) -> Result<(), Error> {
        self.bounded().into_iter().try_for_each(|field| range::check(owner, [field]))
    }

    /// Checks every number against its range, and that rounding it to 32 bits, as a step with 32-bit
    /// parameters does, makes no number infinite and no positive or negative one 0.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    fn check_rounded(&self, owner: &str) -> Result<(), Error> {
        self.check(owner)?;
        for (field, value, range) in self.bounded() {
            let rounded = f64::from(value as f32);
            if (rounded == 0.0 || rounded.is_infinite()) && !range.contains(rounded) {
                let allowed = format!("{} in 32 bits", range.allowed());
                return Err(Error::invalid(owner, field, &allowed, format!("{value:e}")));
            }
        }
        Ok(())
    }

    /// Checks every number against its range after rounding it to 32 bits, for code that keeps it so.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    fn check_in_32_bits(&self, owner: &str) -> Result<(), Error> {
        let rounded = |(field, value, range)| (field, f64::from(value as f32), range);
        self.bounded().into_iter().map(rounded).try_for_each(|field| range::check(owner, [field]))
    }
}

/// The type of a bounded setting.
pub trait Bounded {
    /// Returns the number, if there is one.
    fn number(&self) -> Option<f64>;

    /// Returns the number to change it, if it is one of 64 bits.
    fn number_mut(&mut self) -> Option<&mut f64> {
        None
    }
}

impl Bounded for f64 {
    fn number(&self) -> Option<f64> {
        Some(*self)
    }

    fn number_mut(&mut self) -> Option<&mut f64> {
        Some(self)
    }
}

impl Bounded for usize {
    fn number(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(T::number)
    }

    fn number_mut(&mut self) -> Option<&mut f64> {
        self.as_mut().and_then(T::number_mut)
    }
}

/// Declares a struct of settings, each once.
///
/// A field is `/// meaning`, then `name: Type = default`, and after commas, in this order and each optional:
/// its symbol in the formula, `in RANGE` with a constant of [`range`](crate::range), `allowed "…"` for the
/// page of a field without a range, `search(place, how)` with a [`Search`](crate::settings::Search), and
/// `since("2026-11-30")` for a field that is added to a rule after trials were written with it. A default of
/// more than one token stands in parentheses: `(-0.5)`, `(Some(1.0))`; `as "…"` after it says how the page
/// shows it.
///
/// The struct is `Debug`, `Clone`, `PartialEq`, `Default`, `Serialize` and `Deserialize`, where a missing
/// field has its default and an unknown one is an error; the crate that calls it depends on `serde`. It also
/// defines the macro `settings_table!`, the table of the settings for the documentation of the items below
/// it.
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $config:ident {
            $(
                $(#[doc = $meaning:literal])+
                $name:ident: $type:ty = $default:tt $(as $shown:literal)?
                    $(, $symbol:literal)?
                    $(, in $range:ident)?
                    $(, allowed $allowed:literal)?
                    $(, search($place:literal, $search:expr))?
                    $(, since($since:literal))?;
            )*
        }
    ) => {
        #[allow(unused_macros)]
        macro_rules! settings_table {
            () => {
                concat!(
                    "| setting | symbol | default | range | meaning |\n|:--|:--|--:|:--|:--|\n",
                    $(
                        "| `", stringify!($name), "` | ",
                        $("`", $symbol, "`",)?
                        " | ",
                        $crate::shown_default!($default $(as $shown)?),
                        " | ",
                        $crate::shown_range!($default $(in $range)? $(allowed $allowed)?),
                        " | ", $($meaning,)+
                        " |\n",
                    )*
                )
            };
        }

        $(#[$meta])*
        ///
        /// # Settings
        #[doc = settings_table!()]
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $config {
            $(
                $(#[doc = $meaning])+
                pub $name: $type,
            )*
        }

        impl Default for $config {
            fn default() -> Self {
                $config { $($name: $crate::default_value!($default),)* }
            }
        }

        impl $crate::settings::Settings for $config {
            const FIELDS: &'static [$crate::settings::Field] = &[$(
                $crate::settings::Field {
                    name: stringify!($name),
                    symbol: concat!($($symbol)?),
                    default: $crate::shown_default!($default $(as $shown)?),
                    range: $crate::optional!($($crate::range::$range)?),
                    meaning: concat!($($meaning),+).trim_ascii(),
                    search: $crate::optional!($(($place, $search))?),
                    since: $crate::optional!($($since)?),
                },
            )*];

            fn bounded(&self) -> Vec<(&'static str, f64, $crate::range::Range)> {
                let fields: [Option<(&'static str, f64, $crate::range::Range)>; _] = [$(
                    $crate::optional!($(
                        $crate::settings::Bounded::number(&self.$name)
                            .map(|number| (stringify!($name), number, $crate::range::$range))
                    )?).flatten(),
                )*];
                fields.into_iter().flatten().collect()
            }

            fn number_mut(&mut self, field: &str) -> Option<&mut f64> {
                $($(
                    // Named, so that only a bounded field is asked.
                    let _: $crate::range::Range = $crate::range::$range;
                    if field == stringify!($name) {
                        return $crate::settings::Bounded::number_mut(&mut self.$name);
                    }
                )?)*
                let _: &str = field;
                None
            }

            fn values_mut(&mut self) -> Vec<&mut dyn std::any::Any> {
                vec![$(&mut self.$name),*]
            }
        }
    };
}

/// `Some` of its argument, or `None` without one.
#[doc(hidden)]
#[macro_export]
macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

/// The value of a default, with or without parentheses around it.
#[doc(hidden)]
#[macro_export]
macro_rules! default_value {
    (($($value:tt)+)) => { $($value)+ };
    ($value:tt) => { $value };
}

/// How the page shows a default.
#[doc(hidden)]
#[macro_export]
macro_rules! shown_default {
    ($default:tt as $shown:literal) => {
        $shown
    };
    (None) => {
        "none"
    };
    ((Some($value:literal))) => {
        stringify!($value)
    };
    ((-$value:literal)) => {
        concat!("−", stringify!($value))
    };
    ($value:tt) => {
        stringify!($value)
    };
}

/// How the page shows a range.
#[doc(hidden)]
#[macro_export]
macro_rules! shown_range {
    ($default:tt allowed $allowed:literal) => {
        $allowed
    };
    ($default:tt in $range:ident allowed $allowed:literal) => {
        $allowed
    };
    (None in $range:ident) => {
        concat!($crate::range_text!($range), " or none")
    };
    ((Some($value:literal)) in $range:ident) => {
        concat!($crate::range_text!($range), " or none")
    };
    ($default:tt in $range:ident) => {
        $crate::range_text!($range)
    };
    (true) => {
        "true or false"
    };
    (false) => {
        "true or false"
    };
    ($default:tt) => {
        ""
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    settings! {
        /// Settings with a field of each form.
        pub struct EveryForm {
            /// A number
            /// with a range.
            beta: f64 = 0.9, "β", in BELOW_ONE, search(1, Search::Decay);
            /// A negative number.
            power: f64 = (-0.5), in NEGATIVE;
            /// A count.
            steps: usize = 5, in COUNT;
            /// A limit that can be absent.
            norm: Option<f64> = None, in POSITIVE;
            /// A limit that is set.
            value: Option<f64> = (Some(1.0)), "c", in POSITIVE;
            /// A flag.
            fast: bool = true;
            /// A text.
            mode: String = (String::from("plain")) as "plain", allowed "`plain` or `odd`";
        }
    }

    #[test]
    fn a_declaration_gives_defaults_and_fields() {
        let config = EveryForm::default();
        assert_eq!((config.beta, config.power, config.steps, config.norm), (0.9, -0.5, 5, None));
        assert_eq!((config.value, config.fast, config.mode.as_str()), (Some(1.0), true, "plain"));
        let fields = EveryForm::FIELDS;
        let defaults: Vec<&str> = fields.iter().map(|field| field.default).collect();
        assert_eq!(defaults, ["0.9", "−0.5", "5", "none", "1.0", "true", "plain"]);
        assert_eq!((fields[0].meaning, fields[0].symbol), ("A number with a range.", "β"));
        assert_eq!((fields[0].search, fields[1].search), (Some((1, Search::Decay)), None));
        assert_eq!((fields[3].range, fields[5].range), (Some(range::POSITIVE), None));
    }

    #[test]
    fn the_table_has_a_row_for_each_setting() {
        let table = settings_table!();
        assert!(table.contains("| `beta` | `β` | 0.9 | `[0, 1)` |  A number with a range. |\n"), "{table}");
        assert!(table.contains("| `steps` |  | 5 | 1… |"), "{table}");
        assert!(table.contains("| `norm` |  | none | `(0, ∞)` or none |"), "{table}");
        assert!(table.contains("| `fast` |  | true | true or false |"), "{table}");
        assert!(table.contains("| `mode` |  | plain | `plain` or `odd` |"), "{table}");
    }

    #[test]
    fn a_number_out_of_its_range_is_refused_with_its_owner() {
        let refused = |config: EveryForm| config.check("mine").unwrap_err().to_string();
        let config = EveryForm::default();
        assert!(config.check("mine").is_ok());
        let error = refused(EveryForm { beta: f64::NAN, ..config.clone() });
        assert_eq!(error, "mine: `beta` must be in [0, 1), not NaN");
        let error = refused(EveryForm { steps: 0, ..config.clone() });
        assert_eq!(error, "mine: `steps` must be at least 1, not 0");
        let error = refused(EveryForm { norm: Some(0.0), ..config.clone() });
        assert_eq!(error, "mine: `norm` must be in (0, ∞), not 0");
        let rounded = |config: EveryForm| config.check_rounded("mine").map_err(|error| error.to_string());
        assert!(rounded(EveryForm { beta: 1.0 - 1e-9, value: None, ..config.clone() }).is_ok());
        assert!(rounded(EveryForm { beta: 1e-300, power: -1e-44, ..config.clone() }).is_ok());
        for (power, norm, message) in [
            (-1e-300, Some(1.0), "mine: `power` must be in (−∞, 0) in 32 bits, not -1e-300"),
            (-1.0, Some(1e-46), "mine: `norm` must be in (0, ∞) in 32 bits, not 1e-46"),
            (-1.0, Some(1e39), "mine: `norm` must be in (0, ∞) in 32 bits, not 1e39"),
            (1e-300, None, "mine: `power` must be in (−∞, 0), not 0"),
        ] {
            let error = rounded(EveryForm { power, norm, ..config.clone() }).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        let error = EveryForm { beta: 1.0 - 1e-9, ..config }.check_in_32_bits("mine").unwrap_err();
        assert_eq!(error.to_string(), "mine: `beta` must be in [0, 1), not 1");
    }

    #[test]
    fn a_number_is_found_by_the_name_of_its_field() {
        let mut config = EveryForm::default();
        *config.number_mut("power").unwrap() = -2.0;
        *config.number_mut("value").unwrap() = 3.0;
        assert_eq!((config.power, config.value), (-2.0, Some(3.0)));
        for field in ["steps", "norm", "fast", "mode", "other"] {
            assert!(config.number_mut(field).is_none(), "{field}");
        }
    }

    #[test]
    fn an_unknown_field_in_a_file_is_refused_and_a_missing_one_has_its_default() {
        let read = |text: &str| serde_json::from_str::<EveryForm>(text);
        assert_eq!(read(r#"{"beta": 0.5}"#).unwrap(), EveryForm { beta: 0.5, ..EveryForm::default() });
        assert!(read(r#"{"beat": 0.5}"#).unwrap_err().to_string().contains("unknown field `beat`"));
    }
}
