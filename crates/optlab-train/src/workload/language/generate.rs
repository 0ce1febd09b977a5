//! Text from a language model, character by character.

use crate::Error;
use crate::model::Gpt;
use crate::workload::language::LanguageFacts;
use burn::tensor::Device;
use optlab_core::random::{Purpose, stream};
use optlab_core::range::{self, NON_NEGATIVE};
use rand::RngExt;

/// How a model writes a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The text to go on from; may be empty.
    pub prompt: String,
    /// Number of characters to write.
    pub length: usize,
    /// Divisor of the logits, `[0, ∞)`: 1 draws as the model says, less prefers likely characters, 0 takes
    /// the likeliest.
    pub temperature: f64,
    /// Draws from that many likeliest characters; `None` for all.
    pub top: Option<usize>,
    /// The seed of the draws.
    pub seed: u64,
}

impl Default for Generation {
    fn default() -> Self {
        Generation { prompt: String::new(), length: 500, temperature: 0.8, top: None, seed: 0 }
    }
}

/// Writes a text: the prompt and what follows it.
pub(super) fn text(
    model: &Gpt,
    facts: &LanguageFacts,
    generation: &Generation,
    device: &Device,
) -> Result<String, Error> {
    let Generation { prompt, length, temperature, top, seed } = generation;
    range::check("generate", [("temperature", *temperature, NON_NEGATIVE)])?;
    range::check_seed("generate", "seed", *seed)?;
    if let Some(top) = top {
        range::check_at_least_one("generate", [("top", *top)])?;
    }
    let token_of = |c: char| {
        facts.alphabet.iter().position(|known| *known == c).ok_or_else(|| {
            Error::usage(format!("the prompt has {c:?}, a character that the model has never seen"))
        })
    };
    let mut tokens = prompt.chars().map(token_of).collect::<Result<Vec<usize>, Error>>()?;
    if tokens.is_empty() {
        // A line break is where a sentence may begin.
        tokens.push(token_of('\n').unwrap_or(0));
    }
    let mut random = stream(*seed, Purpose::Labels, 0);
    let mut written = prompt.clone();
    let mut session = model.session(device);
    for token in &tokens[..tokens.len() - 1] {
        session.read(*token);
    }
    let mut token = tokens[tokens.len() - 1];
    for _ in 0..*length {
        let logits = session.read(token);
        token = choose(&logits, *temperature, *top, random.random_range(0.0..1.0));
        written.push(facts.alphabet[token]);
    }
    Ok(written)
}

/// Draws a token; `share` is uniform in `[0, 1)`.
fn choose(logits: &[f32], temperature: f64, top: Option<usize>, share: f64) -> usize {
    let mut ranked: Vec<(usize, f64)> =
        logits.iter().enumerate().map(|(token, logit)| (token, f64::from(*logit))).collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    if temperature == 0.0 {
        return ranked[0].0;
    }
    ranked.truncate(top.unwrap_or(ranked.len()));
    let largest = ranked[0].1;
    let weights: Vec<f64> = ranked.iter().map(|(_, logit)| ((logit - largest) / temperature).exp()).collect();
    let mut rest = share * weights.iter().sum::<f64>();
    for ((token, _), weight) in ranked.iter().zip(&weights) {
        rest -= weight;
        if rest < 0.0 {
            return *token;
        }
    }
    ranked[ranked.len() - 1].0
}
