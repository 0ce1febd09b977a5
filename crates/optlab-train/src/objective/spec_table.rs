//! Reading and writing of losses and measures: as text and, in files, as text or a table.

/// Implements text, `Serialize` and `Deserialize` for `$spec`, whose derived `serialize` and `deserialize`
/// (`serde(remote = "Self")`) are for its table, and which has `NAMES`, `default_of` and `check`.
macro_rules! spec_as_text_or_table {
    ($spec:ident, $kind:literal) => {
        /// The spec as a table only, as the reader of specs builds it.
        struct Table($spec);

        impl serde::Serialize for Table {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $spec::serialize(&self.0, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for Table {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $spec::deserialize(deserializer).map(Table)
            }
        }

        impl optlab_core::spec::Spec for Table {
            const KIND: &'static str = $kind;
            const TAG: &'static str = $kind;
            const NESTED: &'static [&'static str] = &[];
            const FOREIGN: &'static [&'static str] = &[];
            const NO_VALUE: &'static str = "none";

            fn names() -> Vec<&'static str> {
                $spec::NAMES.to_vec()
            }

            fn default_of(name: &str) -> Option<Self> {
                $spec::default_of(name).map(Table)
            }
        }

        impl $spec {
            /// Returns all of them with their default settings, in the order of listings.
            pub fn all() -> Vec<Self> {
                Self::NAMES.iter().filter_map(|name| Self::default_of(name)).collect()
            }

            /// Reads a text, or a table with the name in its field
            #[doc = concat!("`", $kind, "`.")]
            ///
            /// # Errors
            /// [`UnknownName`](optlab_core::Error::UnknownName) and
            /// [`UnknownField`](optlab_core::Error::UnknownField) with the nearest known one;
            /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a value of the wrong type or out of
            /// its range; [`Usage`](optlab_core::Error::Usage) for another form.
            pub fn from_value(value: &serde_json::Value) -> Result<Self, $crate::Error> {
                let Table(spec) = optlab_core::spec::from_value(value)?;
                spec.check()?;
                Ok(spec)
            }

            /// Returns the settings and their values, for listings.
            pub fn fields(&self) -> Vec<(String, String)> {
                optlab_core::spec::fields(&Table(self.clone()))
            }
        }

        impl std::str::FromStr for $spec {
            type Err = $crate::Error;

            /// Reads `name` or `name:key=value,key=value`.
            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                Self::from_value(&text.into())
            }
        }

        impl std::fmt::Display for $spec {
            /// Writes the shortest text that is read as the same spec.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&optlab_core::spec::to_text(&Table(self.clone())))
            }
        }

        impl serde::Serialize for $spec {
            /// Writes a table.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $spec::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $spec {
            /// Reads a text or a table, and checks the ranges.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_value(&value).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use spec_as_text_or_table;
