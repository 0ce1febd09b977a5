//! Types of the settings of a recipe: how each is read, written and switched off.

use crate::Error;
use crate::data::Flip;
use crate::diagnosis::Diagnose;
use crate::train::{BatchSize, LrScaling, OnDivergence};
use optlab_core::range::LARGEST_WHOLE;
use serde::Deserialize;
use serde_json::Value;

/// The type of a setting of a recipe.
pub(super) trait SettingValue: Clone {
    /// The allowed values, as an error lists them.
    const ALLOWED: &'static str;
    /// The value that its flag alone means.
    const ALONE: Option<&'static str> = None;
    /// Whether it is true or false.
    const IS_BOOL: bool = false;

    /// Returns the allowed values that an error about `value` lists: [`ALLOWED`](Self::ALLOWED), narrowed if
    /// `value` has the right type and is too large.
    fn allowed(_value: &Value) -> &'static str {
        Self::ALLOWED
    }

    fn read(value: &Value) -> Option<Self>;

    /// Returns the reason why `value` cannot be read, if it says more than the allowed values.
    fn reason(_value: &Value) -> Option<Error> {
        None
    }

    fn write(self) -> Value;
}

/// The place of a setting in a recipe.
pub(super) trait Slot {
    /// Switches the setting off, if that is possible.
    fn switch_off(&mut self) -> bool {
        false
    }
}

impl<T> Slot for Option<T> {
    fn switch_off(&mut self) -> bool {
        *self = None;
        true
    }
}

impl Slot for usize {}
impl Slot for u32 {}
impl Slot for f64 {}
impl Slot for bool {}
impl Slot for Flip {}

impl Slot for OnDivergence {}
impl Slot for BatchSize {}

impl SettingValue for usize {
    const ALLOWED: &'static str = "a whole number";

    fn allowed(value: &Value) -> &'static str {
        u64::allowed(value)
    }

    fn read(value: &Value) -> Option<Self> {
        usize::try_from(u64::read(value)?).ok()
    }

    fn write(self) -> Value {
        self.into()
    }
}

impl SettingValue for u64 {
    const ALLOWED: &'static str = "a whole number";

    fn allowed(value: &Value) -> &'static str {
        let is_too_large = value.as_f64().is_some_and(|number| number >= LARGEST_WHOLE as f64);
        if is_too_large { "a whole number up to 9223372036854775807" } else { Self::ALLOWED }
    }

    fn read(value: &Value) -> Option<Self> {
        whole(value).filter(|&number| number <= LARGEST_WHOLE)
    }

    fn write(self) -> Value {
        self.into()
    }
}

impl SettingValue for u32 {
    const ALLOWED: &'static str = "a whole number up to 4294967295";

    fn read(value: &Value) -> Option<Self> {
        u32::try_from(whole(value)?).ok()
    }

    fn write(self) -> Value {
        self.into()
    }
}

impl SettingValue for f64 {
    const ALLOWED: &'static str = "a number";

    fn allowed(value: &Value) -> &'static str {
        let is_infinite = value.as_str().and_then(|text| text.parse().ok()).is_some_and(f64::is_infinite);
        if is_infinite { "a finite number" } else { Self::ALLOWED }
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }

    fn write(self) -> Value {
        self.into()
    }
}

impl SettingValue for bool {
    const ALLOWED: &'static str = "true or false";
    const ALONE: Option<&'static str> = Some("true");
    const IS_BOOL: bool = true;

    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn write(self) -> Value {
        self.into()
    }
}

impl SettingValue for Flip {
    const ALLOWED: &'static str = "none, horizontal or both";

    fn read(value: &Value) -> Option<Self> {
        // A spec's `none` is read as null.
        if value.is_null() { Some(Flip::None) } else { value.as_str()?.parse().ok() }
    }

    fn write(self) -> Value {
        self.to_string().into()
    }
}

impl SettingValue for BatchSize {
    const ALLOWED: &'static str = BatchSize::ALLOWED;

    fn allowed(value: &Value) -> &'static str {
        let of_number = usize::allowed(value);
        if of_number == usize::ALLOWED { Self::ALLOWED } else { of_number }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(_) | Value::Object(_) => BatchSize::deserialize(value).ok(),
            number => usize::read(number).map(BatchSize::Fixed),
        }
    }

    fn reason(value: &Value) -> Option<Error> {
        BatchSize::schedule_error(value)
    }

    fn write(self) -> Value {
        match self {
            BatchSize::Fixed(size) => size.into(),
            BatchSize::Scheduled(number) => number.to_string().into(),
        }
    }
}

impl SettingValue for LrScaling {
    const ALLOWED: &'static str = "linear or sqrt, with a batch size as in linear:256";

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn write(self) -> Value {
        self.to_string().into()
    }
}

impl SettingValue for Diagnose {
    const ALLOWED: &'static str =
        "every=N, with gradients=N and curvature=N or off, as in every=10,gradients=100";
    const ALONE: Option<&'static str> = Some("every=10");

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(true) => Some(Diagnose::default()),
            value => value.as_str()?.parse().ok(),
        }
    }

    fn write(self) -> Value {
        self.to_string().into()
    }
}

impl SettingValue for OnDivergence {
    const ALLOWED: &'static str =
        "stop or rollback, with factor and retries as in rollback:factor=0.5,retries=3";

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn write(self) -> Value {
        self.to_string().into()
    }
}

/// Returns whether a value is its type's default, which files leave out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Returns a whole number, also one that is written `1e4`.
fn whole(value: &Value) -> Option<u64> {
    /// From here on, not every whole number is a 64-bit float.
    const EXACT: f64 = 9007199254740992.0;
    let of_float =
        |number: f64| ((0.0..EXACT).contains(&number) && number.fract() == 0.0).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(of_float))
}

/// Reads the value of the setting `name`.
pub(super) fn read<T: SettingValue>(name: &str, value: &Value) -> Result<T, Error> {
    T::read(value).ok_or_else(|| {
        if let Some(reason) = T::reason(value) {
            return reason;
        }
        let given = match value {
            Value::Null => "none".into(),
            Value::String(text) if text.trim().is_empty() => format!("{text:?}"),
            Value::String(text) => text.clone(),
            other => other.to_string().trim_end_matches(".0").into(),
        };
        Error::invalid("trial", name, T::allowed(value), given)
    })
}
