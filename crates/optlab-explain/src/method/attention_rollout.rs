//! Attention rollout: which tokens the attention of all layers leads back to.

use crate::{Attribution, Question};
use optlab_core::settings;
use optlab_train::Error;
use optlab_train::model::InputShape;
use optlab_train::nn::ATTENTION;
use optlab_train::nn::tap::{self, Activation};
use serde::{Deserialize, Serialize};

/// The tokens whose attention is followed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The last one if the model has a tap whose name begins with `last`, else all.
    #[default]
    Auto,
    /// The last token.
    Last,
    /// All tokens, averaged.
    Mean,
}

settings! {
    /// Settings of attention rollout (Abnar & Zuidema, 2020).
    ///
    /// ```text
    /// Âₗ = ½ I + ½ mean over heads of Aₗ,  rows divided by their sum        R = Â_L … Â₂ Â₁
    /// ```
    ///
    /// One pass forward. The attributions are the row of `R` of the token that the model reads its answer
    /// from, or the mean of all rows; they sum to 1. They know neither the output that is asked for nor what
    /// else the layers do with a token. The attention weights are taken from the tap `attention`, `[batch,
    /// heads, time, time]`.
    ///
    /// # Reference
    /// Abnar & Zuidema, *Quantifying Attention Flow in Transformers*, 2020,
    /// <https://arxiv.org/abs/2005.00928>
    pub struct AttentionRolloutConfig {
        /// The token that the model reads its answer from.
        from: From = (From::Auto) as "auto", allowed "`auto`, `last` or `mean`";
    }
}

impl AttentionRolloutConfig {
    pub(super) const NAME: &'static str = "attention_rollout";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        question.check(row)?;
        let model = question.model;
        let (time, per_step) = match *model.input() {
            InputShape::Tokens { time, .. } => (time, 1),
            InputShape::Sequence { time, features } => (time, features),
            ref other => {
                let reason = format!("{} is for sequences, and the model reads {other}", Self::NAME);
                return Err(Error::usage(reason));
            }
        };
        let (_, recorded) = tap::record(|| model.forward(model.batch(row, row.len())));
        let is_attention = |activation: &&Activation| activation.name == ATTENTION;
        let layers = recorded.iter().filter(is_attention).map(|activation| {
            let values: Vec<f64> = activation.values.clone().into_data().iter::<f64>().collect();
            match activation.shape[..] {
                [1, heads, from, to] if from == time && to == time => Ok(mean_over_heads(&values, heads)),
                ref other => Err(Error::usage(format!(
                    "{}: the tap `{ATTENTION}` has the shape {other:?}, not [batch, heads, {time}, {time}]",
                    Self::NAME
                ))),
            }
        });
        let layers = layers.collect::<Result<Vec<_>, Error>>()?;
        if layers.is_empty() {
            return Err(Error::usage(format!("{}: the model has no attention", Self::NAME)));
        }
        let joint = rollout(&layers, time);
        let reads_last = match self.from {
            From::Last => true,
            From::Mean => false,
            From::Auto => recorded.iter().any(|activation| activation.name.starts_with("last")),
        };
        let of_token = |token: usize| match reads_last {
            true => joint[(time - 1) * time + token],
            false => (0..time).map(|from| joint[from * time + token]).sum::<f64>() / time as f64,
        };
        let values = (0..row.len()).map(|i| of_token(i / per_step) / per_step as f64).collect();
        Ok(Attribution::of(values, model.output(row, question.output)?[0]))
    }
}

/// Returns the mean over heads of weights `[heads, time, time]`.
fn mean_over_heads(weights: &[f64], heads: usize) -> Vec<f64> {
    let size = weights.len() / heads;
    (0..size).map(|i| weights.iter().skip(i).step_by(size).sum::<f64>() / heads as f64).collect()
}

/// Returns the product of the layers' attention with the residual connections, `[time, time]`: row `i` says
/// how much of each token reaches token `i` of the last layer. `layers` are means over heads `[time, time]`,
/// the first layer first.
///
/// # Panics
/// If a layer has not `time · time` numbers.
pub fn rollout(layers: &[Vec<f64>], time: usize) -> Vec<f64> {
    let mut joint: Vec<f64> = (0..time * time).map(|i| f64::from(u8::from(i / time == i % time))).collect();
    for layer in layers {
        assert_eq!(layer.len(), time * time, "attention of {time} tokens to {time} tokens");
        let mut mixed: Vec<f64> = layer
            .iter()
            .enumerate()
            .map(|(i, a)| 0.5 * a + if i / time == i % time { 0.5 } else { 0.0 })
            .collect();
        for row in mixed.chunks_mut(time) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        let product =
            |i: usize| (0..time).map(|k| mixed[i / time * time + k] * joint[k * time + i % time]).sum();
        joint = (0..time * time).map(product).collect();
    }
    joint
}
