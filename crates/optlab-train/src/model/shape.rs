//! The shapes that a model is built for.

use crate::Error;
use crate::model::spec::OWNER;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Number from which 32-bit floats no longer hold every whole number, and so every index.
const MOST_CATEGORIES: usize = 1 << 24;

/// The meaning and number of a model's inputs. A model reads each example as one row in row-major order;
/// indices of tokens and categories are in it as numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputShape {
    /// `[features]`: for each column `None` if it is a number, or the number of categories `n` if it is an
    /// index in `[0, n)`.
    Columns(Vec<Option<usize>>),
    /// `[time, features]`.
    Sequence {
        /// Number of time steps.
        time: usize,
        /// Numbers per time step.
        features: usize,
    },
    /// `[time]`: indices in `[0, vocabulary)`.
    Tokens {
        /// Number of tokens of an example.
        time: usize,
        /// Number of different tokens.
        vocabulary: usize,
    },
    /// `[channels, height, width]`.
    Image {
        /// Number of channels.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
}

impl InputShape {
    /// Returns the shape of `features` numbers.
    pub fn numbers(features: usize) -> Self {
        InputShape::Columns(vec![None; features])
    }

    /// Returns the shape of numbers with these sizes: `[features]`, `[time, features]` or
    /// `[channels, height, width]`.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for another number of sizes.
    pub fn from_sizes(sizes: &[usize]) -> Result<Self, Error> {
        match *sizes {
            [features] => Ok(InputShape::numbers(features)),
            [time, features] => Ok(InputShape::Sequence { time, features }),
            [channels, height, width] => Ok(InputShape::Image { channels, height, width }),
            _ => {
                let allowed = "[features], [time, features] or [channels, height, width]";
                Err(Error::invalid(OWNER, "input shape", allowed, format!("{sizes:?}")))
            }
        }
    }

    /// Returns the number of values of an example.
    pub fn elements(&self) -> usize {
        self.shape().elements()
    }

    /// Returns the sizes: `[features]`, `[time]`, `[time, features]` or `[channels, height, width]`.
    pub fn sizes(&self) -> Vec<usize> {
        self.shape().sizes()
    }

    /// Checks that nothing in it is empty, and that indices are exact as 32-bit floats.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.elements() == 0 {
            return Err(Error::invalid(OWNER, "input shape", "of at least one number", self));
        }
        let categories: Vec<usize> = match self {
            InputShape::Columns(columns) => columns.iter().flatten().copied().collect(),
            InputShape::Tokens { vocabulary, .. } => vec![*vocabulary],
            _ => Vec::new(),
        };
        match categories.into_iter().find(|count| !(1..=MOST_CATEGORIES).contains(count)) {
            None => Ok(()),
            Some(count) => {
                let allowed = format!("from 1 to {MOST_CATEGORIES}");
                Err(Error::invalid(OWNER, "number of categories", &allowed, count))
            }
        }
    }

    /// Returns the shape in which a model reads it; tokens and categories are still indices there.
    pub(super) fn shape(&self) -> Shape {
        match *self {
            InputShape::Columns(ref columns) => Shape::Flat(columns.len()),
            InputShape::Tokens { time, .. } => Shape::Flat(time),
            InputShape::Sequence { time, features } => Shape::Sequence { time, features },
            InputShape::Image { channels, height, width } => Shape::Image { channels, height, width },
        }
    }
}

impl fmt::Display for InputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputShape::Columns(columns) if columns.len() == 1 => f.write_str("a table of 1 column"),
            InputShape::Columns(columns) => write!(f, "a table of {} columns", columns.len()),
            InputShape::Sequence { time, features } => {
                write!(f, "sequences of {time} steps of {features} numbers")
            }
            InputShape::Tokens { time, vocabulary } => {
                write!(f, "sequences of {time} tokens out of {vocabulary}")
            }
            InputShape::Image { channels, height, width } => {
                write!(f, "images of {channels} × {height} × {width}")
            }
        }
    }
}

/// The shape of a layer's input or output, without the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Flat(usize),
    Sequence { time: usize, features: usize },
    Image { channels: usize, height: usize, width: usize },
}

impl Shape {
    pub fn sizes(self) -> Vec<usize> {
        match self {
            Shape::Flat(numbers) => vec![numbers],
            Shape::Sequence { time, features } => vec![time, features],
            Shape::Image { channels, height, width } => vec![channels, height, width],
        }
    }

    pub fn elements(self) -> usize {
        self.sizes().into_iter().fold(1, usize::saturating_mul)
    }

    /// Returns the number of vectors to which a dense layer is applied, and their length.
    pub fn rows(self) -> [usize; 2] {
        match self {
            Shape::Sequence { time, features } => [time, features],
            other => [1, other.elements()],
        }
    }

    /// Returns the number of features or channels that are normalized by themselves.
    pub fn channels(self) -> usize {
        match self {
            Shape::Flat(features) | Shape::Sequence { features, .. } => features,
            Shape::Image { channels, .. } => channels,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.sizes())
    }
}
