//! Times layers forward and backward, ours beside Burn's, at the sizes of `shakespeare-gpt`.
//!
//! ```text
//! cargo bench --bench layers
//! ```
//!
//! A line is a layer: milliseconds forward, and forward with backward; the medians of many calls.

use burn::nn::attention::{MhaInput, MultiHeadAttentionConfig, generate_autoregressive_mask};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{EmbeddingConfig, LayerNormConfig, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use optlab::kernel::compute_on_this_thread;
use optlab::nn::{AttentionInput, Embedding, LayerNorm, Linear, attention, cross_entropy};
use optlab::statistics::describe::median;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 12;
const TIME: usize = 64;
const WIDTH: usize = 128;
const VOCABULARY: usize = 65;
const HEADS: usize = 4;

fn main() {
    compute_on_this_thread();
    let calls = if std::env::args().any(|argument| argument == "--bench") { 200 } else { 2 };
    let device = Device::flex().autodiff();
    println!("{:<28} {:>10} {:>10} {:>10} {:>10}", "layer", "ours", "and back", "Burn's", "and back");
    let rows = BATCH * TIME;
    for (inputs, outputs) in [(WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, VOCABULARY)] {
        let burns = LinearConfig::new(inputs, outputs).with_bias(false).init(&device);
        let ours = Linear::from(burns.clone());
        let x = numbers([rows, inputs], &device);
        line(
            &format!("linear {inputs} to {outputs}"),
            calls,
            || ours.forward(x.clone()),
            || burns.forward(x.clone()),
        );
    }
    let burns = LinearConfig::new(WIDTH, 4 * WIDTH).with_bias(false).init(&device);
    let ours = Linear::from(burns.clone()).with_gelu();
    let x = numbers([rows, WIDTH], &device);
    line("linear with GELU", calls, || ours.forward(x.clone()), || gelu(burns.forward(x.clone())));
    let burns = LinearConfig::new(WIDTH, WIDTH).with_bias(false).init(&device);
    let ours = Linear::from(burns.clone());
    line(
        "linear and residual",
        calls,
        || ours.forward_add(x.clone(), x.clone()),
        || burns.forward(x.clone()) + x.clone(),
    );
    let burns = LayerNormConfig::new(WIDTH).with_bias(false).init(&device);
    let ours = LayerNorm::from(burns.clone());
    line("layer norm", calls, || ours.forward(x.clone()), || burns.forward(x.clone()));
    let burns = MultiHeadAttentionConfig::new(WIDTH, HEADS).with_dropout(0.0).init(&device);
    let joined = numbers([BATCH, TIME, 3 * WIDTH], &device);
    let mask = generate_autoregressive_mask(BATCH, TIME, &device);
    let x = numbers([BATCH, TIME, WIDTH], &device);
    line(
        "attention (Burn's: and dense)",
        calls,
        || attention(AttentionInput::Joined(joined.clone()), HEADS, true),
        || burns.forward(MhaInput::self_attn(x.clone()).mask_attn(mask.clone())).context,
    );
    let burns = EmbeddingConfig::new(VOCABULARY, WIDTH).init(&device);
    let ours = Embedding::from(burns.clone());
    let tokens: Vec<i32> = (0..rows).map(|place| (place * 7 % VOCABULARY) as i32).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [BATCH, TIME]), &device);
    line("embedding", calls, || ours.forward(tokens.clone()), || burns.forward(tokens.clone()));
    let burns = CrossEntropyLossConfig::new().init(&device);
    let logits = numbers([rows, VOCABULARY], &device);
    let targets: Tensor<1, Int> = tokens.reshape([rows as i32]);
    line(
        "cross entropy",
        calls,
        || cross_entropy(logits.clone(), &targets),
        || burns.forward(logits.clone(), targets.clone()),
    );
}

fn numbers<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let count = shape.iter().product::<usize>();
    let numbers: Vec<f32> = (0..count).map(|i| (i as f32 * 0.618).fract() - 0.5).collect();
    Tensor::<D>::from_data(TensorData::new(numbers, shape), device).require_grad()
}

fn line<const D: usize, const E: usize>(
    name: &str,
    calls: usize,
    ours: impl Fn() -> Tensor<D>,
    burns: impl Fn() -> Tensor<E>,
) {
    let [forward, both] = times(calls, ours);
    let [of_burn, of_both] = times(calls.div_ceil(4), burns);
    println!("{name:<28} {forward:>10.3} {both:>10.3} {of_burn:>10.3} {of_both:>10.3}");
}

/// Returns the median milliseconds of a forward pass, and of one with its backward pass.
fn times<const D: usize>(calls: usize, forward: impl Fn() -> Tensor<D>) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..calls {
        let start = Instant::now();
        let y = forward();
        times[0].push(start.elapsed().as_secs_f64() * 1e3);
        let grads = y.sum().backward();
        times[1].push(start.elapsed().as_secs_f64() * 1e3);
        drop(grads);
    }
    times.map(|times| median(&times).unwrap_or(f64::NAN))
}
