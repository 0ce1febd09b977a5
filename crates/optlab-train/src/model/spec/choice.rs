//! Settings whose value is one of several names.

use burn::tensor::{Tensor, activation};

/// A setting whose value is one of several names.
pub(super) trait Choice {
    /// Returns the name of the current value.
    fn chosen(&self) -> &'static str;

    /// Changes to the value called `name`; returns whether there is one.
    fn choose(&mut self, name: &str) -> bool;
}

macro_rules! choice {
    ($(#[$meta:meta])* $choice:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $choice {
            $($(#[$doc])* $variant,)+
        }

        impl $choice {
            /// Every value, in the order of listings.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name in texts and tables.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Returns the value called `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl Choice for $choice {
            fn chosen(&self) -> &'static str {
                self.name()
            }

            fn choose(&mut self, name: &str) -> bool {
                let value = Self::from_name(name);
                *self = value.unwrap_or(*self);
                value.is_some()
            }
        }
    };
}

choice! {
    /// How a decoder tells the places of tokens.
    Positions {
        /// A learned row for each place is added to the token's.
        Learned = "learned",
        /// Queries and keys are rotated by their place (Su et al., 2021, <https://arxiv.org/abs/2104.09864>).
        Rotary = "rotary",
    }
}

choice! {
    /// The function between layers, applied to each number.
    Activation {
        /// `max(0, x)`.
        Relu = "relu",
        /// The hyperbolic tangent.
        Tanh = "tanh",
        /// `x Φ(x)` with the normal distribution function `Φ` (Hendrycks and Gimpel, 2016), exact.
        Gelu = "gelu",
        /// `1 / (1 + e⁻ˣ)`.
        Sigmoid = "sigmoid",
        /// `x / (1 + e⁻ˣ)`.
        Silu = "silu",
        /// `max(0, x) + 0.01 min(0, x)`.
        LeakyRelu = "leaky_relu",
    }
}

choice! {
    /// The normalization between a dense layer or a convolution and its activation.
    Norm {
        /// No normalization.
        None = "none",
        /// By mean and variance of each feature or channel over the batch (Ioffe and Szegedy, 2015).
        Batch = "batch",
        /// By mean and variance of each example (Ba et al., 2016).
        Layer = "layer",
    }
}

choice! {
    /// The zeros around the images before a convolution.
    Padding {
        /// As many as keep the size of the images, or with a stride `s` divide it by `s`, rounded up. Of an
        /// odd number of rows or columns the larger half is below or right.
        Same = "same",
        /// None.
        Valid = "valid",
    }
}

choice! {
    /// The pooling after a convolution.
    Pool {
        /// The largest number of each window.
        Max = "max",
        /// The mean of each window.
        Avg = "avg",
        /// No pooling.
        None = "none",
    }
}

choice! {
    /// The vector that a transformer predicts from.
    Pooling {
        /// The mean over time.
        Mean = "mean",
        /// The vector of the last time step.
        Last = "last",
    }
}

choice! {
    /// The cell of a recurrent layer.
    Cell {
        /// One tanh layer (Elman, 1990).
        Rnn = "rnn",
        /// The gated recurrent unit (Cho et al., 2014).
        Gru = "gru",
        /// Long short-term memory (Hochreiter and Schmidhuber, 1997).
        Lstm = "lstm",
    }
}

impl Activation {
    /// Applies the function to each number of `x`.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Activation::Relu => activation::relu(x),
            Activation::Tanh => activation::tanh(x),
            Activation::Gelu => activation::gelu(x),
            Activation::Sigmoid => activation::sigmoid(x),
            Activation::Silu => activation::silu(x),
            Activation::LeakyRelu => activation::leaky_relu(x, 0.01),
        }
    }
}

impl Cell {
    /// Returns the number of gates, each with its own weights.
    pub fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }
}
