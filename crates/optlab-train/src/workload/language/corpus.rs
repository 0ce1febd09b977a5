//! The data of language workloads.

use crate::Error;
use crate::data::{Preparation, Source, TextName};
use crate::workload::Parts;
use crate::workload::language::LanguageFacts;
use crate::workload::language::token_set::{NO_TARGET, Sequences, TokenBatch, Windows};
use optlab_core::random::{Purpose, stream};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What a language model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Corpus {
    /// Windows of a text.
    Text(TextName),
    /// Names, each from its beginning to its end.
    Names,
    /// `a + b mod p`: the tokens `a`, `+`, `b`, `=` and the sum, for every pair.
    Addition {
        /// `p`.
        modulus: usize,
    },
}

/// The share of a text at its end that is not trained on if no validation part is asked for.
const TEST: f64 = 0.1;

impl Corpus {
    /// Loads the data. `context` is the length of the sequences of a text.
    pub fn parts(
        self,
        context: usize,
        source: &Source,
        preparation: &Preparation,
    ) -> Result<Parts<TokenBatch, LanguageFacts>, Error> {
        match self {
            Corpus::Text(name) => text(&name.load(source)?, context, preparation),
            Corpus::Names => Ok(names(&TextName::Names.load(source)?, preparation)),
            Corpus::Addition { modulus } => Ok(addition(modulus, preparation)),
        }
    }
}

/// Cuts a text: the share [`Preparation::validation`] at its end is not trained on; its first half is the
/// validation part and its second half the test part. Without a validation part the last tenth is the test
/// part.
fn text(
    text: &str,
    context: usize,
    preparation: &Preparation,
) -> Result<Parts<TokenBatch, LanguageFacts>, Error> {
    let alphabet = alphabet(text);
    let tokens: Vec<u32> = text.chars().map(|c| token_of(&alphabet, c)).collect();
    let (held_out, validation) = match preparation.validation {
        0.0 => (TEST, 0.0),
        share => (share, share / 2.0),
    };
    let place = |share: f64| ((1.0 - share) * tokens.len() as f64) as usize;
    let (first, second) = (place(held_out), place(held_out - validation));
    let part = |range: std::ops::Range<usize>| Windows { tokens: tokens[range].to_vec(), context };
    let [train, validation, test] = [part(0..first), part(first..second), part(second..tokens.len())];
    if train.tokens.len() <= context || test.tokens.len() <= context {
        let reason = "`validation` leaves no window of the context to train on or to test";
        return Err(Error::usage(reason));
    }
    let facts = LanguageFacts { alphabet, context };
    Ok(Parts { train: Box::new(train), validation: Box::new(validation), test: Box::new(test), facts })
}

/// Returns the characters of a text, sorted.
fn alphabet(text: &str) -> Vec<char> {
    let mut alphabet: Vec<char> = text.chars().collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    alphabet
}

/// Returns the place of a character in the alphabet.
fn token_of(alphabet: &[char], c: char) -> u32 {
    alphabet.binary_search(&c).expect("a character of the text") as u32
}

/// Pads names with their end, which is token 0: a name of `n` letters predicts `n + 1` tokens. 1,000 names
/// drawn at random are the test part.
fn names(text: &str, preparation: &Preparation) -> Parts<TokenBatch, LanguageFacts> {
    let mut names: Vec<&str> = text.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    let letters = alphabet(&names.concat());
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let time = longest + 1;
    names.shuffle(&mut of_test_part(preparation));
    let test = names.split_off(names.len() - names.len().min(10_000) / 10);
    names.shuffle(&mut stream(preparation.seed, Purpose::Split, 0));
    let held_out = (preparation.validation * names.len() as f64).round() as usize;
    let validation = names.split_off(names.len() - held_out);
    let sequences = |names: &[&str]| {
        let mut sequences = Sequences { time, ..Sequences::default() };
        for name in names {
            let tokens: Vec<i32> = name.chars().map(|c| token_of(&letters, c) as i32 + 1).collect();
            let padding = time - tokens.len() - 1;
            sequences.tokens.push(0);
            sequences.tokens.extend(&tokens);
            sequences.tokens.extend(vec![0; padding]);
            sequences.targets.extend(&tokens);
            sequences.targets.push(0);
            sequences.targets.extend(vec![NO_TARGET; padding]);
        }
        Box::new(sequences)
    };
    let facts = LanguageFacts {
        alphabet: std::iter::once('\n').chain(letters.iter().copied()).collect(),
        context: time,
    };
    Parts { train: sequences(&names), validation: sequences(&validation), test: sequences(&test), facts }
}

/// Makes every sum of two numbers below `modulus`. Half of the pairs are trained on, drawn at random; of the
/// others [`Preparation::validation`] times two are the validation part, and the rest is the test part.
fn addition(modulus: usize, preparation: &Preparation) -> Parts<TokenBatch, LanguageFacts> {
    let mut pairs: Vec<(usize, usize)> =
        (0..modulus).flat_map(|a| (0..modulus).map(move |b| (a, b))).collect();
    pairs.shuffle(&mut of_test_part(preparation));
    let half = pairs.len() / 2;
    let held_out = ((2.0 * preparation.validation).min(1.0) * half as f64).round() as usize;
    let (plus, equals) = (modulus as i32, modulus as i32 + 1);
    let part = |range: std::ops::Range<usize>| {
        let mut sequences = Sequences { time: 4, ..Sequences::default() };
        for &(a, b) in &pairs[range] {
            sequences.tokens.extend([a as i32, plus, b as i32, equals]);
            let sum = ((a + b) % modulus) as i32;
            sequences.targets.extend([NO_TARGET, NO_TARGET, NO_TARGET, sum]);
        }
        Box::new(sequences)
    };
    let [train, validation, test] = [0..half, half..half + held_out, half + held_out..pairs.len()].map(part);
    // Tokens are numbers and two signs, which have no characters.
    Parts { train, validation, test, facts: LanguageFacts { alphabet: Vec::new(), context: 4 } }
}

/// Returns the generator that draws the test part.
fn of_test_part(preparation: &Preparation) -> ChaCha8Rng {
    match preparation.split {
        None => stream(0, Purpose::Split, 1),
        Some(split) => stream(split, Purpose::Split, 2),
    }
}
