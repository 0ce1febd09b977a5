//! The axes along which training images are flipped, as a setting.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The axes along which an image is flipped, each with probability ½.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// No flips.
    #[default]
    None,
    /// Left to right.
    Horizontal,
    /// Left to right and, independently, top to bottom.
    Both,
}

impl FromStr for Flip {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim() {
            "none" => Ok(Flip::None),
            "horizontal" => Ok(Flip::Horizontal),
            "both" => Ok(Flip::Both),
            _ => Err(Error::invalid("trial", "flip", "none, horizontal or both", text)),
        }
    }
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flip::None => "none",
            Flip::Horizontal => "horizontal",
            Flip::Both => "both",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_has_the_same_name_as_text_and_in_a_file() {
        for flip in [Flip::None, Flip::Horizontal, Flip::Both] {
            assert_eq!(flip.to_string().parse::<Flip>().unwrap(), flip);
            assert_eq!(serde_json::to_string(&flip).unwrap(), format!("\"{flip}\""));
        }
    }

    #[test]
    fn an_unknown_flip_is_refused() {
        let error = "vertical".parse::<Flip>().unwrap_err();
        assert!(error.is_usage(), "{error}");
        assert_eq!(error.to_string(), "trial: `flip` must be none, horizontal or both, not vertical");
    }
}
