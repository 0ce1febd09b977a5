//! Tokens as batches: windows of a text, or sequences with the tokens to predict.

use crate::Error;
use crate::data::{Draw, ExampleSet};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// The sequences of one step, on a device.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// `[batch, time]`.
    pub tokens: Tensor<2, Int>,
    /// The token to predict at each place, `[batch · time]`; −1 where none is.
    pub targets: Tensor<1, Int>,
    /// Number of tokens to predict.
    pub counted: usize,
}

/// The target of a place where nothing is predicted.
pub(super) const NO_TARGET: i32 = -1;

/// Windows of `context` tokens of a text, which predict the token after each.
///
/// There are as many windows as the text has room for side by side. In training each is moved ahead by a
/// random number of tokens below `context`, so that a window can begin anywhere; the last one stays.
#[derive(Debug)]
pub(super) struct Windows {
    pub tokens: Vec<u32>,
    pub context: usize,
}

/// Sequences of the same length with their targets.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// `[rows, time]`.
    pub tokens: Vec<i32>,
    /// `[rows, time]`, [`NO_TARGET`] for none.
    pub targets: Vec<i32>,
    pub time: usize,
}

impl ExampleSet<TokenBatch> for Windows {
    fn len(&self) -> usize {
        self.tokens.len().saturating_sub(1) / self.context
    }

    fn batch(&self, rows: &[u32], draw: Option<Draw>, device: &Device) -> Result<TokenBatch, Error> {
        let mut shares = draw.map(|draw| draw.numbers(1));
        let last = self.tokens.len() - 1 - self.context;
        let mut tokens = Vec::with_capacity(rows.len() * self.context);
        let mut targets = Vec::with_capacity(tokens.capacity());
        for row in rows {
            let share = shares.as_mut().and_then(Iterator::next).unwrap_or(0.0);
            let ahead = (share * self.context as f64) as usize;
            let start = (*row as usize * self.context + ahead).min(last);
            let window = &self.tokens[start..=start + self.context];
            tokens.extend(window[..self.context].iter().map(|token| *token as i32));
            targets.extend(window[1..].iter().map(|token| *token as i32));
        }
        Ok(batch(tokens, targets, self.context, device))
    }
}

impl ExampleSet<TokenBatch> for Sequences {
    fn len(&self) -> usize {
        self.tokens.len() / self.time.max(1)
    }

    fn batch(&self, rows: &[u32], _draw: Option<Draw>, device: &Device) -> Result<TokenBatch, Error> {
        let of_rows = |numbers: &[i32]| -> Vec<i32> {
            rows.iter().flat_map(|row| &numbers[*row as usize * self.time..][..self.time]).copied().collect()
        };
        Ok(batch(of_rows(&self.tokens), of_rows(&self.targets), self.time, device))
    }
}

fn batch(tokens: Vec<i32>, targets: Vec<i32>, time: usize, device: &Device) -> TokenBatch {
    let counted = targets.iter().filter(|target| **target != NO_TARGET).count();
    let rows = tokens.len() / time;
    TokenBatch {
        tokens: Tensor::from_data(TensorData::new(tokens, [rows, time]), device),
        targets: Tensor::from_data(TensorData::new(targets, [rows * time]), device),
        counted,
    }
}
