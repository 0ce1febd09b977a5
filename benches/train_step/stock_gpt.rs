//! The language workloads with Burn's own layers.

use burn::module::Module;
use burn::nn::attention::{
    MhaInput, MultiHeadAttention, MultiHeadAttentionConfig, generate_autoregressive_mask,
};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Embedding, EmbeddingConfig, Gelu, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use optlab::Error;
use optlab::data::{Preparation, Source};
use optlab::nn::Mode;
use optlab::workload::language::{LanguageFacts, TokenBatch};
use optlab::workload::{Info, Language, Parts, Tally, Workload};

/// A language workload with Burn's layers instead of ours.
#[derive(Debug)]
pub struct StockLanguage(pub Language);

/// nanoGPT's configuration for a CPU, of Burn's layers.
#[derive(Module, Debug)]
pub struct StockGpt {
    tokens: Embedding,
    positions: Embedding,
    blocks: Vec<StockBlock>,
    norm: LayerNorm,
}

#[derive(Module, Debug)]
pub struct StockBlock {
    norm_1: LayerNorm,
    attention: MultiHeadAttention,
    norm_2: LayerNorm,
    dense_1: Linear,
    dense_2: Linear,
    gelu: Gelu,
}

const WIDTH: usize = 128;

impl StockGpt {
    fn new(facts: &LanguageFacts, device: &Device) -> Self {
        let norm = || LayerNormConfig::new(WIDTH).with_bias(false).init(device);
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).with_bias(false).init(device);
        let block = |_| StockBlock {
            norm_1: norm(),
            attention: MultiHeadAttentionConfig::new(WIDTH, 4).with_dropout(0.0).init(device),
            norm_2: norm(),
            dense_1: linear(WIDTH, 4 * WIDTH),
            dense_2: linear(4 * WIDTH, WIDTH),
            gelu: Gelu::new(),
        };
        StockGpt {
            tokens: EmbeddingConfig::new(facts.alphabet.len(), WIDTH).init(device),
            positions: EmbeddingConfig::new(facts.context, WIDTH).init(device),
            blocks: (0..4).map(block).collect(),
            norm: norm(),
        }
    }

    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<2> {
        let ([batch, time], device) = (tokens.dims(), tokens.device());
        let places = Tensor::<1, Int>::arange(0..time as i64, &device).unsqueeze();
        let mask = generate_autoregressive_mask(batch, time, &device);
        let x = self.tokens.forward(tokens) + self.positions.forward(places);
        let x = self.blocks.iter().fold(x, |x, block| {
            let given = MhaInput::self_attn(block.norm_1.forward(x.clone())).mask_attn(mask.clone());
            let x = x + block.attention.forward(given).context;
            let hidden = block.gelu.forward(block.dense_1.forward(block.norm_2.forward(x.clone())));
            x + block.dense_2.forward(hidden)
        });
        let x = self.norm.forward(x).reshape([batch * time, WIDTH]);
        x.matmul(self.tokens.weight.val().transpose())
    }
}

impl Workload for StockLanguage {
    type Model = StockGpt;
    type Batch = TokenBatch;
    type Facts = LanguageFacts;

    fn info(&self) -> Info {
        self.0.info()
    }

    fn parts(
        &self,
        source: &Source,
        preparation: &Preparation,
    ) -> Result<Parts<TokenBatch, LanguageFacts>, Error> {
        self.0.parts(source, preparation)
    }

    fn model(&self, facts: &LanguageFacts, _seed: u64, device: &Device) -> Result<StockGpt, Error> {
        Ok(StockGpt::new(facts, device))
    }

    fn loss(&self, model: &StockGpt, batch: &TokenBatch, _facts: &LanguageFacts, _mode: Mode) -> Tensor<1> {
        let logits = model.forward(batch.tokens.clone());
        CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, batch.targets.clone())
    }

    fn evaluate(
        &self,
        model: &StockGpt,
        batch: &TokenBatch,
        facts: &LanguageFacts,
        _tally: &mut Tally,
    ) -> Tensor<1> {
        self.loss(model, batch, facts, Mode::Evaluate)
    }
}
