//! A language model of characters: tokens with an embedding, and batches of one's own type. It learns the
//! Apache licence by heart. `cargo run --example own_tokens` compares three optimizers on it.

mod shared;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use optlab::data::{Draw, ExampleSet, Preparation, Source};
use optlab::nn::{Mode, cross_entropy};
use optlab::workload::{self, Direction, Info, Metric, Parts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread, model::seeded};
use shared::{Perceptron, right};
use std::ops::Range;

static TEXT: &[u8] = include_bytes!("../LICENSE-APACHE");
/// Number of tokens that the model sees, each a byte of ASCII.
const CONTEXT: usize = 12;
const TOKENS: usize = 128;

/// The windows of the text that begin in a range.
struct Windows(Range<usize>);

/// The tokens of each window, `[batch, CONTEXT]`, and the token after it, `[batch]`.
pub(crate) type Batch = (Tensor<2, Int>, Tensor<1, Int>);

impl ExampleSet<Batch> for Windows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, rows: &[u32], _draw: Option<Draw>, device: &Device) -> Result<Batch, Error> {
        let windows = || rows.iter().map(|&row| &TEXT[self.0.start + row as usize..][..=CONTEXT]);
        let tokens: Vec<i32> = windows().flat_map(|text| &text[..CONTEXT]).map(|&byte| byte.into()).collect();
        let next: Vec<i32> = windows().map(|text| text[CONTEXT].into()).collect();
        let tokens = Tensor::from_data(TensorData::new(tokens, [rows.len(), CONTEXT]), device);
        Ok((tokens, Tensor::from_data(TensorData::new(next, [rows.len()]), device)))
    }
}

#[derive(Module, Debug)]
pub(crate) struct LanguageModel {
    embedding: Embedding,
    network: Perceptron,
}

impl LanguageModel {
    fn new(device: &Device) -> Self {
        LanguageModel {
            embedding: EmbeddingConfig::new(TOKENS, 16).init(device),
            network: Perceptron::new([16 * CONTEXT, 128, TOKENS], device),
        }
    }

    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<2> {
        self.network.forward(self.embedding.forward(tokens).flatten(1, 2))
    }
}

pub(crate) struct OwnTokens;

impl Workload for OwnTokens {
    type Model = LanguageModel;
    type Batch = Batch;
    type Facts = ();

    fn info(&self) -> Info {
        let measures = vec![Metric::new("accuracy", "%", Direction::Larger).with_target(0.45)];
        Info::new("own-tokens", "predicts the next character of a licence", measures)
    }

    fn parts(&self, _source: &Source, preparation: &Preparation) -> Result<Parts<Batch, ()>, Error> {
        // Windows overlap, so each part is a stretch of the text.
        let (last, test) = (TEXT.len() - CONTEXT, TEXT.len() / 10 * 9);
        let train = test - (test as f64 * preparation.validation) as usize;
        let part = |range| Box::new(Windows(range));
        Ok(Parts { train: part(0..train), validation: part(train..test), test: part(test..last), facts: () })
    }

    fn model(&self, _facts: &(), seed: u64, device: &Device) -> Result<LanguageModel, Error> {
        Ok(seeded(seed, device, LanguageModel::new))
    }

    fn loss(&self, model: &LanguageModel, (tokens, next): &Batch, _: &(), _mode: Mode) -> Tensor<1> {
        cross_entropy(model.forward(tokens.clone()), next)
    }

    fn evaluate(&self, model: &LanguageModel, batch: &Batch, _: &(), tally: &mut Tally) -> Tensor<1> {
        let (logits, next) = (model.forward(batch.0.clone()), &batch.1);
        tally.add("accuracy", &right(&logits, next));
        cross_entropy(logits, next)
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare = "compare --workloads own-tokens --optimizers adam,sgd:momentum=0.9,lion --seeds 3";
    cli::main_with(workload::register(OwnTokens), compare)
}
