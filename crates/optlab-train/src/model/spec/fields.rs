//! The fields of all kinds of models, for listings, errors and help.

/// A field of one or more kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelField {
    /// The name in texts and tables.
    pub name: &'static str,
    /// The kinds of models that have it.
    pub kinds: &'static [&'static str],
    /// The default as text. For the field that names the kind: the value if a text is the name alone.
    pub default: &'static str,
    /// The allowed values, as they follow "must be".
    pub allowed: &'static str,
    /// The meaning, in a sentence.
    pub meaning: &'static str,
}

/// All kinds of models; each is also the name of a field, which makes a table of this kind.
pub(super) const KINDS: [&str; 9] =
    ["linear", "mlp", "cnn", "rnn", "gru", "lstm", "transformer", "gpt", "layers"];

/// The kinds that have embeddings of categories and of tokens, whose width can be set.
const WITH_EMBEDDING: &[&str] = &["linear", "mlp", "cnn", "rnn", "gru", "lstm", "transformer", "layers"];

const RECURRENT: &[&str] = &["rnn", "gru", "lstm"];
const COUNT: &str = "a whole number of at least 1";
const SHARE: &str = "in [0, 1)";
const COUNTS: &str = "a list of one or more whole numbers of at least 1";
const UNITS: &str = "a whole number of at least 1, or a list of them";

const fn field(
    name: &'static str,
    kinds: &'static [&'static str],
    default: &'static str,
    allowed: &'static str,
    meaning: &'static str,
) -> ModelField {
    ModelField { name, kinds, default, allowed, meaning }
}

/// All fields, in the order of tables and listings; fields that name a kind come first.
#[rustfmt::skip]
pub(super) const FIELDS: [ModelField; 30] = [
    field("linear", &["linear"], "true", "true", "One dense layer from the inputs to the outputs."),
    field("mlp", &["mlp"], "[64,64]", COUNTS, "Units of each hidden dense layer."),
    field("cnn", &["cnn"], "[16,32]", COUNTS, "Filters of each convolution."),
    field("rnn", &["rnn"], "64", UNITS, "Units of each simple recurrent layer."),
    field("gru", &["gru"], "64", UNITS, "Units of each gated recurrent layer."),
    field("lstm", &["lstm"], "64", UNITS, "Units of each long short-term memory layer."),
    field("transformer", &["transformer"], "2", COUNT, "Number of blocks."),
    field("gpt", &["gpt"], "4", COUNT, "Number of blocks of a decoder that predicts the next token."),
    field("layers", &["layers"], "", "a list of layer texts, like [conv 16 3,relu,flatten]", "The layers, in their order."),
    field("heads", &["transformer", "gpt"], "4", COUNT, "Attention heads of each block; they divide the width."),
    field("width", &["transformer"], "64", COUNT, "Numbers per time step."),
    field("width", &["gpt"], "128", COUNT, "Numbers per token."),
    field("tied", &["gpt"], "true", "true or false", "Whether the output layer is the table of the tokens."),
    field("positions", &["gpt"], "learned", "learned or rotary", "How a token's place in the sequence is told."),
    field("bias", &["gpt"], "false", "true or false", "Whether dense layers and norms have biases."),
    field("feed_forward", &["transformer"], "none", "a whole number of at least 1, or none for 4 times the width", "Units of each block's hidden dense layer."),
    field("kernel", &["cnn"], "3", COUNT, "Height and width of the kernels, in pixels."),
    field("stride", &["cnn"], "1", COUNT, "Distance between positions of a kernel, in pixels."),
    field("padding", &["cnn"], "same", "same or valid", "Zeros around the images before each convolution."),
    field("pool", &["cnn"], "max", "max, avg or none", "Pooling of 2×2 pixels after each convolution."),
    field("dense", &["cnn"], "[64]", "a list of whole numbers of at least 1", "Units of each hidden dense layer after the convolutions; may be []."),
    field("bidirectional", RECURRENT, "false", "true or false", "Whether each layer also reads from the end to the beginning."),
    field("activation", &["mlp", "cnn"], "relu", "relu, tanh, gelu, sigmoid, silu or leaky_relu", "Function after each hidden layer."),
    field("norm", &["mlp", "cnn"], "none", "none, batch or layer", "Normalization before each activation."),
    field("dropout", &["mlp"], "0", SHARE, "Dropout probability after each hidden layer."),
    field("dropout", &["cnn"], "0", "in [0, 1), or a list of two: after each pooling, after each hidden dense layer", "Dropout probability after each pooling and each hidden dense layer."),
    field("dropout", RECURRENT, "0", SHARE, "Dropout probability after each recurrent layer."),
    field("dropout", &["transformer"], "0", SHARE, "Dropout probability after the positions and in each block after attention and dense layers."),
    field("pooling", &["transformer"], "mean", "mean or last", "The vector to predict from."),
    field("embedding", WITH_EMBEDDING, "none", "a whole number of at least 1, or none for half the categories, rounded up, at most 50", "Width of the embeddings of tokens and categories; a transformer's tokens have its width by default."),
];

/// Returns the allowed values of a field of a kind.
pub(super) fn allowed(kind: &str, field: &str) -> &'static str {
    let is_it = |known: &&ModelField| known.name == field && known.kinds.contains(&kind);
    FIELDS.iter().find(is_it).map_or("", |known| known.allowed)
}
