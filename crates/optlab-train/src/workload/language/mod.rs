//! Workloads that predict the next token, with a decoder-only transformer: texts, names, sums.

mod corpus;
mod generate;
mod token_set;

pub use generate::Generation;
pub use token_set::TokenBatch;

use crate::Error;
use crate::data::{Preparation, Source, TextName};
use crate::model::{Gpt, GptSpec, Init, ModelPatch, ModelSpec, NetworkSpec, Positions};
use crate::nn::{LargestScores, Mode, cross_entropy_of_some};
use crate::objective::Tally;
use crate::workload::{Defaults, Info, Parts, Workload};
use burn::tensor::{Device, Tensor};
use corpus::Corpus;
use optlab_core::metric::PERCENT;
use optlab_core::{Direction, Metric};
use serde::{Deserialize, Serialize};

/// A workload that predicts the next token.
#[derive(Debug, Clone)]
pub struct Language {
    name: &'static str,
    summary: &'static str,
    corpus: Corpus,
    /// The model.
    model: GptSpec,
    /// The value of the measure that counts as success.
    target: f64,
    batch_size: usize,
    defaults: Settings,
}

/// What a language model and its texts need to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageFacts {
    /// The character of each token; none for tokens without characters.
    pub alphabet: Vec<char>,
    /// The most tokens of a sequence.
    pub context: usize,
}

/// nanoGPT's configuration for a CPU.
const SMALL: GptSpec =
    GptSpec { blocks: 4, heads: 4, width: 128, tied: true, positions: Positions::Learned, bias: false };

/// The tokens of a sequence of a text, nanoGPT's for a CPU.
const CONTEXT: usize = 64;

/// The default settings of a workload's trials.
#[derive(Debug, Clone, Copy)]
struct Settings {
    optimizer: &'static str,
    lr: f64,
    schedule: &'static str,
    steps: usize,
    clip_norm: Option<f64>,
}

impl Settings {
    fn defaults(self) -> Defaults {
        Defaults {
            optimizer: self.optimizer.parse().expect("an optimizer"),
            lr: Some(self.lr),
            schedule: self.schedule.parse().expect("a schedule"),
            steps: Some(self.steps),
            clip_norm: self.clip_norm,
        }
    }
}

/// The training of nanoGPT's configuration for a CPU.
const NANO_GPT: Settings = Settings {
    optimizer: "no_vector_decay:base=(adamw:beta_2=0.99,weight_decay=0.1)",
    lr: 1e-3,
    schedule: "warmup_cosine:warmup_steps=100,end_lr=1e-4",
    steps: 2000,
    clip_norm: Some(1.0),
};

/// Returns the language workloads that come with the program.
pub fn all() -> Vec<Language> {
    vec![
        Language {
            name: "jargon-gpt",
            summary: "GPT on the Jargon File, 1.6 million characters, which ships with the program",
            corpus: Corpus::Text(TextName::Jargon),
            model: SMALL,
            target: 3.0,
            batch_size: 12,
            defaults: NANO_GPT,
        },
        Language {
            name: "shakespeare-gpt",
            summary: "GPT on Shakespeare's plays (from --data-dir, else downloaded), nanoGPT's configuration",
            corpus: Corpus::Text(TextName::Shakespeare),
            model: SMALL,
            target: 2.75,
            batch_size: 12,
            defaults: NANO_GPT,
        },
        Language {
            name: "names-transformer",
            summary: "transformer that invents names, from 32,000 (from --data-dir, else downloaded)",
            corpus: Corpus::Names,
            model: GptSpec { width: 64, tied: false, bias: true, ..SMALL },
            target: 2.85,
            batch_size: 32,
            defaults: Settings {
                optimizer: "no_vector_decay:base=(adamw:beta_2=0.99,weight_decay=0.01)",
                lr: 5e-4,
                schedule: "constant",
                steps: 10_000,
                clip_norm: None,
            },
        },
        Language {
            name: "grokking",
            summary: "two-block transformer on a + b mod 97: generalizes long after it fits",
            corpus: Corpus::Addition { modulus: 97 },
            model: GptSpec { blocks: 2, tied: false, bias: true, ..SMALL },
            target: 0.95,
            batch_size: 512,
            defaults: Settings {
                optimizer: "adam:beta_2=0.98",
                lr: 1e-3,
                schedule: "constant",
                steps: 5000,
                clip_norm: None,
            },
        },
    ]
}

impl Language {
    /// Returns whether its measure is the share of right answers.
    fn has_answers(&self) -> bool {
        matches!(self.corpus, Corpus::Addition { .. })
    }

    /// Returns the number of different tokens.
    fn vocabulary(&self, facts: &LanguageFacts) -> usize {
        match self.corpus {
            Corpus::Addition { modulus } => modulus + 2,
            Corpus::Text(_) | Corpus::Names => facts.alphabet.len(),
        }
    }
}

/// The name of the measure of texts.
const BITS: &str = "bits_per_character";

impl Workload for Language {
    type Model = Gpt;
    type Batch = TokenBatch;
    type Facts = LanguageFacts;

    fn info(&self) -> Info {
        let measure = match self.has_answers() {
            true => Metric::new("accuracy", PERCENT, Direction::Larger),
            false => Metric::new(BITS, "bits", Direction::Smaller),
        };
        Info {
            batch_size: self.batch_size,
            defaults: self.defaults.defaults(),
            ..Info::new(self.name, self.summary, vec![measure.with_target(self.target)])
        }
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn resamples(&self, _source: &Source) -> Result<bool, Error> {
        Ok(!matches!(self.corpus, Corpus::Text(_)))
    }

    fn parts(
        &self,
        source: &Source,
        preparation: &Preparation,
    ) -> Result<Parts<TokenBatch, LanguageFacts>, Error> {
        self.corpus.parts(CONTEXT, source, preparation)
    }

    fn model(&self, facts: &LanguageFacts, seed: u64, device: &Device) -> Result<Gpt, Error> {
        self.model.init(self.vocabulary(facts), facts.context, &mut Init::new(seed, device))
    }

    fn loss(&self, model: &Gpt, batch: &TokenBatch, _facts: &LanguageFacts, _mode: Mode) -> Tensor<1> {
        cross_entropy_of_some(model.forward(batch.tokens.clone()), &batch.targets, batch.counted)
    }

    fn evaluate(
        &self,
        model: &Gpt,
        batch: &TokenBatch,
        _facts: &LanguageFacts,
        tally: &mut Tally,
    ) -> Tensor<1> {
        let logits = model.forward(batch.tokens.clone());
        if self.has_answers() {
            let answers = logits.clone().argmax(1).reshape([-1]);
            let right = answers.equal(batch.targets.clone()).int().sum().into_scalar::<i64>();
            tally.add("accuracy", &[right as f64, batch.counted as f64]);
        }
        let loss = cross_entropy_of_some(logits, &batch.targets, batch.counted);
        let nats = f64::from(loss.clone().into_scalar::<f32>()) * batch.counted as f64;
        tally.add(BITS, &[nats / std::f64::consts::LN_2, batch.counted as f64]);
        loss
    }

    fn clips_scores(&self) -> bool {
        true
    }

    fn with_clipped_scores(&self, model: Gpt, largest: LargestScores, threshold: f64) -> Gpt {
        model.with_clipped_scores(largest, threshold)
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error> {
        let base = ModelSpec { network: NetworkSpec::Gpt(self.model), embedding: None };
        match patch.apply(&base)?.network {
            NetworkSpec::Gpt(model) => Ok(Language { model, ..self.clone() }),
            other => Err(Error::usage(format!("`{}` takes a `gpt`, not a `{}`", self.name, other.kind()))),
        }
    }

    fn generate(
        &self,
        model: &Gpt,
        facts: &LanguageFacts,
        generation: &Generation,
        device: &Device,
    ) -> Result<String, Error> {
        if facts.alphabet.is_empty() {
            return Err(Error::usage(format!("`{}` has no characters to write", self.name)));
        }
        generate::text(model, facts, generation, device)
    }
}
