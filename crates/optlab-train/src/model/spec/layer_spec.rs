//! The layers that `layers = ["conv 16 3", "relu", …]` names.

use crate::Error;
use crate::model::spec::choice::{Activation, Cell, Padding};
use crate::model::spec::text::OWNER;
use optlab_core::range::BELOW_ONE;
use std::fmt;
use std::str::FromStr;

/// A layer, written as a text of words.
///
/// | text                                                   | layer                                                  |
/// |:-------------------------------------------------------|:-------------------------------------------------------|
/// | `dense UNITS`                                           | dense layer; on sequences at each time step             |
/// | `conv FILTERS [KERNEL] [stride N] [same or valid]`      | 2D convolution; kernel 3, stride 1, `same`              |
/// | `maxpool [SIZE] [stride N]`, `avgpool [SIZE] [stride N]` | 2D pooling; size 2, stride as the size                  |
/// | `flatten`                                               | images or sequences to one row of numbers               |
/// | `relu`, `tanh`, `gelu`, `sigmoid`, `silu`, `leaky_relu`  | [`Activation`]                                          |
/// | `dropout P`                                             | dropout with probability `P` in `[0, 1)`                |
/// | `batchnorm`, `layernorm`                                | [`Norm`](crate::model::Norm)                            |
/// | `rnn UNITS`, `gru UNITS`, `lstm UNITS`                  | recurrent layer, all its states; it reads images row by row |
/// | `last`, `mean`                                          | the last vector of a sequence, or their mean over time  |
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LayerSpec {
    /// A dense layer.
    Dense {
        /// Number of outputs.
        units: usize,
    },
    /// A 2D convolution.
    Conv {
        /// Number of output channels.
        filters: usize,
        /// Height and width of the kernel, in pixels.
        kernel: usize,
        /// Distance between positions of the kernel, in pixels.
        stride: usize,
        /// Zeros around the images.
        padding: Padding,
    },
    /// 2D max pooling.
    MaxPool {
        /// Height and width of the window, in pixels.
        size: usize,
        /// Distance between positions of the window, in pixels.
        stride: usize,
    },
    /// 2D average pooling.
    AvgPool {
        /// Height and width of the window, in pixels.
        size: usize,
        /// Distance between positions of the window, in pixels.
        stride: usize,
    },
    /// Images or sequences to one row of numbers.
    Flatten,
    /// An activation.
    Activation(Activation),
    /// Dropout with this probability, `[0, 1)`.
    Dropout(f64),
    /// Batch normalization.
    BatchNorm,
    /// Layer normalization.
    LayerNorm,
    /// A recurrent layer that returns all its states.
    Recurrent {
        /// The cell.
        cell: Cell,
        /// Number of units of its state.
        units: usize,
    },
    /// The vector of the last time step.
    Last,
    /// The mean over time.
    Mean,
}

/// The first word of each layer's text, and the form of the text.
const FORMS: [(&str, &str); 19] = [
    ("dense", "dense UNITS"),
    ("conv", "conv FILTERS [KERNEL] [stride N] [same or valid]"),
    ("maxpool", "maxpool [SIZE] [stride N]"),
    ("avgpool", "avgpool [SIZE] [stride N]"),
    ("flatten", "flatten"),
    ("relu", "relu"),
    ("tanh", "tanh"),
    ("gelu", "gelu"),
    ("sigmoid", "sigmoid"),
    ("silu", "silu"),
    ("leaky_relu", "leaky_relu"),
    ("dropout", "dropout P` with P in `[0, 1)"),
    ("batchnorm", "batchnorm"),
    ("layernorm", "layernorm"),
    ("rnn", "rnn UNITS"),
    ("gru", "gru UNITS"),
    ("lstm", "lstm UNITS"),
    ("last", "last"),
    ("mean", "mean"),
];

impl LayerSpec {
    /// Returns the first words of all layer texts.
    pub fn names() -> Vec<&'static str> {
        FORMS.iter().map(|(name, _)| *name).collect()
    }

    fn parse(words: &mut Words) -> Option<Self> {
        let name = words.next()?;
        let layer = match name {
            "dense" => LayerSpec::Dense { units: words.count()? },
            "conv" => {
                let filters = words.count()?;
                let kernel = words.count_or(3)?;
                let stride = words.stride_or(1)?;
                let padding = words.next().map_or(Some(Padding::Same), Padding::from_name)?;
                LayerSpec::Conv { filters, kernel, stride, padding }
            }
            "maxpool" | "avgpool" => {
                let size = words.count_or(2)?;
                let stride = words.stride_or(size)?;
                let is_max = name == "maxpool";
                if is_max { LayerSpec::MaxPool { size, stride } } else { LayerSpec::AvgPool { size, stride } }
            }
            "flatten" => LayerSpec::Flatten,
            "dropout" => LayerSpec::Dropout(words.next()?.parse().ok()?),
            "batchnorm" => LayerSpec::BatchNorm,
            "layernorm" => LayerSpec::LayerNorm,
            "last" => LayerSpec::Last,
            "mean" => LayerSpec::Mean,
            _ => match (Activation::from_name(name), Cell::from_name(name)) {
                (Some(activation), _) => LayerSpec::Activation(activation),
                (_, Some(cell)) => LayerSpec::Recurrent { cell, units: words.count()? },
                _ => return None,
            },
        };
        words.next().is_none().then_some(layer)
    }

    /// Returns whether all its numbers are in their ranges.
    fn is_valid(&self) -> bool {
        match *self {
            LayerSpec::Dense { units } | LayerSpec::Recurrent { units, .. } => units > 0,
            LayerSpec::Conv { filters, kernel, stride, .. } => filters > 0 && kernel > 0 && stride > 0,
            LayerSpec::MaxPool { size, stride } | LayerSpec::AvgPool { size, stride } => {
                size > 0 && stride > 0
            }
            LayerSpec::Dropout(probability) => BELOW_ONE.contains(probability),
            _ => true,
        }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a count of 0, or a probability outside of
    /// `[0, 1)`.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_valid() { Ok(()) } else { Err(malformed(&self.to_string())) }
    }
}

fn malformed(text: &str) -> Error {
    let name = text.split_whitespace().next().unwrap_or_default();
    match FORMS.iter().find(|(known, _)| *known == name) {
        Some((_, form)) => Error::invalid(OWNER, "layers", &format!("written `{form}`"), format!("`{text}`")),
        None => Error::unknown_name("layer", name, &LayerSpec::names()),
    }
}

/// The words of a text, read one by one.
struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn count(&mut self) -> Option<usize> {
        self.next()?.parse().ok()
    }

    /// Reads a count, if the next word is one.
    fn count_or(&mut self, default: usize) -> Option<usize> {
        match self.0.peek() {
            Some(word) if word.starts_with(|c: char| c.is_ascii_digit()) => self.count(),
            _ => Some(default),
        }
    }

    /// Reads `stride N`, if the next word is `stride`.
    fn stride_or(&mut self, default: usize) -> Option<usize> {
        if self.0.next_if_eq(&"stride").is_some() { self.count() } else { Some(default) }
    }
}

impl FromStr for LayerSpec {
    type Err = Error;

    /// # Errors
    /// [`UnknownName`](optlab_core::Error::UnknownName), or
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) that shows the form of the layer's text.
    fn from_str(text: &str) -> Result<Self, Error> {
        let layer = LayerSpec::parse(&mut Words(text.split_whitespace().peekable()));
        layer.filter(LayerSpec::is_valid).ok_or_else(|| malformed(text))
    }
}

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = |name: &str, size: usize, stride: usize| {
            if stride == size { format!("{name} {size}") } else { format!("{name} {size} stride {stride}") }
        };
        let text = match *self {
            LayerSpec::Dense { units } => format!("dense {units}"),
            LayerSpec::Conv { filters, kernel, stride, padding } => {
                let stride = if stride == 1 { String::new() } else { format!(" stride {stride}") };
                let padding = if padding == Padding::Same { "" } else { " valid" };
                format!("conv {filters} {kernel}{stride}{padding}")
            }
            LayerSpec::MaxPool { size, stride } => pool("maxpool", size, stride),
            LayerSpec::AvgPool { size, stride } => pool("avgpool", size, stride),
            LayerSpec::Flatten => "flatten".into(),
            LayerSpec::Activation(activation) => activation.name().into(),
            LayerSpec::Dropout(probability) => format!("dropout {probability}"),
            LayerSpec::BatchNorm => "batchnorm".into(),
            LayerSpec::LayerNorm => "layernorm".into(),
            LayerSpec::Recurrent { cell, units } => format!("{} {units}", cell.name()),
            LayerSpec::Last => "last".into(),
            LayerSpec::Mean => "mean".into(),
        };
        f.write_str(&text)
    }
}
