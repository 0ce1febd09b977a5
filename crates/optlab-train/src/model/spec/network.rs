//! The kinds of models and their fields.

use crate::model::spec::choice::{Activation, Cell, Norm, Padding, Pool, Pooling, Positions};
use crate::model::spec::layer_spec::LayerSpec;
use crate::model::spec::slot::{Field, Slot};

/// The kind of a model, with its fields.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkSpec {
    /// One dense layer.
    Linear,
    /// Dense layers.
    Mlp(MlpSpec),
    /// Convolutions, then dense layers.
    Cnn(CnnSpec),
    /// Recurrent layers.
    Recurrent(RecurrentSpec),
    /// Attention blocks.
    Transformer(TransformerSpec),
    /// A decoder that predicts the next token.
    Gpt(GptSpec),
    /// A list of layers; at least one.
    Layers(Vec<LayerSpec>),
}

/// Hidden dense layers, each followed by `norm → activation → dropout`, then a dense layer of outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpSpec {
    /// Units of each hidden layer; at least one layer.
    pub units: Vec<usize>,
    /// Function after each hidden layer.
    pub activation: Activation,
    /// Dropout probability after each hidden layer, `[0, 1)`.
    pub dropout: f64,
    /// Normalization before each activation.
    pub norm: Norm,
}

/// Convolutions, each followed by `norm → activation → 2×2 pooling → dropout`, then hidden dense layers as in
/// [`MlpSpec`], then a dense layer of outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct CnnSpec {
    /// Filters of each convolution; at least one convolution.
    pub filters: Vec<usize>,
    /// Height and width of the kernels, in pixels; at least 1.
    pub kernel: usize,
    /// Distance between positions of a kernel, in pixels; at least 1.
    pub stride: usize,
    /// Zeros around the images before each convolution.
    pub padding: Padding,
    /// Pooling after each convolution.
    pub pool: Pool,
    /// Units of each hidden dense layer; may be empty.
    pub dense: Vec<usize>,
    /// Dropout probability after each pooling and after each hidden dense layer, `[0, 1)`.
    pub dropout: [f64; 2],
    /// Function after each convolution and hidden dense layer.
    pub activation: Activation,
    /// Normalization before each activation.
    pub norm: Norm,
}

/// Recurrent layers, each followed by dropout, then a dense layer of outputs from the last state; with
/// `bidirectional` from the last states of both directions.
///
/// Differs from PyTorch, which has no dropout after the last layer, and so none at all with one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct RecurrentSpec {
    /// The cell of all layers.
    pub cell: Cell,
    /// Units of each layer, per direction; at least one layer.
    pub units: Vec<usize>,
    /// Whether each layer also reads from the end to the beginning.
    pub bidirectional: bool,
    /// Dropout probability after each layer, `[0, 1)`.
    pub dropout: f64,
}

/// Attention blocks over a sequence (Vaswani et al., 2017), normalized before attention and dense layers
/// (Xiong et al., 2020), with learned positions, GELU and no mask:
///
/// ```text
/// x ← dropout(W u + positions)                     or the embeddings of tokens for W u
/// x ← x + dropout(attention(norm(x)))              in each block
/// x ← x + dropout(B gelu(A norm(x) + a) + b)
/// ŷ = V pool(norm(x)) + c
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerSpec {
    /// Number of blocks, at least 1.
    pub blocks: usize,
    /// Attention heads of each block; a divisor of `width`.
    pub heads: usize,
    /// Numbers per time step, at least 1.
    pub width: usize,
    /// Units of each block's hidden dense layer, at least 1; `None` for `4 width`.
    pub feed_forward: Option<usize>,
    /// Dropout probability, `[0, 1)`.
    pub dropout: f64,
    /// The vector to predict from.
    pub pooling: Pooling,
}

/// A decoder-only transformer that predicts the next token, a [`Gpt`](crate::model::Gpt).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GptSpec {
    /// Number of blocks, at least 1.
    pub blocks: usize,
    /// Attention heads of each block; a divisor of `width`.
    pub heads: usize,
    /// Numbers per token, at least 1.
    pub width: usize,
    /// Whether the output layer is the table of the tokens.
    pub tied: bool,
    /// How a token's place in the sequence is told.
    pub positions: Positions,
    /// Whether dense layers and norms have biases.
    pub bias: bool,
}

impl NetworkSpec {
    /// Returns the kind called `kind` with the default of every field.
    pub(super) fn default_of(kind: &str) -> Option<Self> {
        Some(match kind {
            "linear" => NetworkSpec::Linear,
            "mlp" => NetworkSpec::Mlp(MlpSpec {
                units: vec![64, 64],
                activation: Activation::Relu,
                dropout: 0.0,
                norm: Norm::None,
            }),
            "cnn" => NetworkSpec::Cnn(CnnSpec {
                filters: vec![16, 32],
                kernel: 3,
                stride: 1,
                padding: Padding::Same,
                pool: Pool::Max,
                dense: vec![64],
                dropout: [0.0; 2],
                activation: Activation::Relu,
                norm: Norm::None,
            }),
            "transformer" => NetworkSpec::Transformer(TransformerSpec {
                blocks: 2,
                heads: 4,
                width: 64,
                feed_forward: None,
                dropout: 0.0,
                pooling: Pooling::Mean,
            }),
            "gpt" => NetworkSpec::Gpt(GptSpec {
                blocks: 4,
                heads: 4,
                width: 128,
                tied: true,
                positions: Positions::Learned,
                bias: false,
            }),
            "layers" => NetworkSpec::Layers(Vec::new()),
            kind => NetworkSpec::Recurrent(RecurrentSpec {
                cell: Cell::from_name(kind)?,
                units: vec![64],
                bidirectional: false,
                dropout: 0.0,
            }),
        })
    }

    /// Returns the name of the kind: `linear`, `mlp`, `cnn`, `rnn`, `gru`, `lstm`, `transformer`, `gpt` or
    /// `layers`.
    pub fn kind(&self) -> &'static str {
        match self {
            NetworkSpec::Linear => "linear",
            NetworkSpec::Mlp(_) => "mlp",
            NetworkSpec::Cnn(_) => "cnn",
            NetworkSpec::Recurrent(spec) => spec.cell.name(),
            NetworkSpec::Transformer(_) => "transformer",
            NetworkSpec::Gpt(_) => "gpt",
            NetworkSpec::Layers(_) => "layers",
        }
    }

    /// Returns its fields; the first names the kind.
    pub(super) fn fields(&mut self) -> Vec<Field<'_>> {
        let kind = self.kind();
        match self {
            NetworkSpec::Linear => vec![(kind, Slot::Present)],
            NetworkSpec::Layers(layers) => vec![(kind, Slot::Layers(layers))],
            NetworkSpec::Mlp(MlpSpec { units, activation, dropout, norm }) => vec![
                (kind, Slot::Counts { counts: units, is_required: true, is_plain: false }),
                ("activation", Slot::Choice(activation)),
                ("norm", Slot::Choice(norm)),
                ("dropout", Slot::Share(dropout)),
            ],
            NetworkSpec::Cnn(spec) => vec![
                (kind, Slot::Counts { counts: &mut spec.filters, is_required: true, is_plain: false }),
                ("kernel", Slot::Count(&mut spec.kernel)),
                ("stride", Slot::Count(&mut spec.stride)),
                ("padding", Slot::Choice(&mut spec.padding)),
                ("pool", Slot::Choice(&mut spec.pool)),
                ("dense", Slot::Counts { counts: &mut spec.dense, is_required: false, is_plain: false }),
                ("activation", Slot::Choice(&mut spec.activation)),
                ("norm", Slot::Choice(&mut spec.norm)),
                ("dropout", Slot::TwoShares(&mut spec.dropout)),
            ],
            NetworkSpec::Recurrent(RecurrentSpec { units, bidirectional, dropout, .. }) => vec![
                (kind, Slot::Counts { counts: units, is_required: true, is_plain: true }),
                ("bidirectional", Slot::Flag(bidirectional)),
                ("dropout", Slot::Share(dropout)),
            ],
            NetworkSpec::Transformer(spec) => vec![
                (kind, Slot::Count(&mut spec.blocks)),
                ("heads", Slot::Count(&mut spec.heads)),
                ("width", Slot::Count(&mut spec.width)),
                ("feed_forward", Slot::OptionalCount(&mut spec.feed_forward)),
                ("dropout", Slot::Share(&mut spec.dropout)),
                ("pooling", Slot::Choice(&mut spec.pooling)),
            ],
            NetworkSpec::Gpt(spec) => vec![
                (kind, Slot::Count(&mut spec.blocks)),
                ("heads", Slot::Count(&mut spec.heads)),
                ("width", Slot::Count(&mut spec.width)),
                ("tied", Slot::Flag(&mut spec.tied)),
                ("positions", Slot::Choice(&mut spec.positions)),
                ("bias", Slot::Flag(&mut spec.bias)),
            ],
        }
    }
}
