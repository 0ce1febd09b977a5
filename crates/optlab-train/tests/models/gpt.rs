//! The decoder that predicts the next token: its values, its places, and reading token by token.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use optlab_train::device;
use optlab_train::model::{Gpt, GptSpec, Init, Positions};
use optlab_train::nn::cross_entropy;

const VOCABULARY: usize = 11;
const CONTEXT: usize = 8;

fn specs() -> [GptSpec; 3] {
    let learned =
        GptSpec { blocks: 2, heads: 2, width: 12, tied: true, positions: Positions::Learned, bias: false };
    [
        learned,
        GptSpec { tied: false, bias: true, ..learned },
        GptSpec { positions: Positions::Rotary, heads: 3, ..learned },
    ]
}

fn model(spec: &GptSpec, device: &Device) -> Gpt {
    spec.init(VOCABULARY, CONTEXT, &mut Init::new(5, device)).unwrap()
}

fn tokens(count: usize) -> Vec<usize> {
    (0..count).map(|place| (place * place * 3 + place) % VOCABULARY).collect()
}

fn batch(tokens: &[usize], rows: usize, device: &Device) -> Tensor<2, Int> {
    let tokens: Vec<i32> = tokens.iter().map(|token| *token as i32).collect();
    let time = tokens.len() / rows;
    Tensor::from_data(TensorData::new(tokens, [rows, time]), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn assert_close(given: &[f64], expected: &[f64], case: &str) {
    assert_eq!(given.len(), expected.len(), "{case}");
    let largest = expected.iter().fold(1e-3, |largest: f64, x| largest.max(x.abs()));
    for (place, (given, expected)) in given.iter().zip(expected).enumerate() {
        assert!((given - expected).abs() <= 1e-5 * largest, "{case}, {place}: {given} for {expected}");
    }
}

/// Converts parameters to 64 bits, in which Burn's own operations compute them.
struct ToDouble;

impl ModuleMapper for ToDouble {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| Tensor::from_inner(tensor.inner().cast(DType::F64)).require_grad())
    }
}

#[test]
fn the_loss_and_its_gradients_are_those_of_burns_operations_in_64_bits() {
    let device = device::open("flex").unwrap().autodiff();
    for spec in specs() {
        let results = |model: Gpt| {
            let inputs = batch(&tokens(3 * CONTEXT), 3, &device);
            let targets: Vec<i32> = tokens(3 * CONTEXT).iter().map(|token| *token as i32).collect();
            let targets = Tensor::from_data(TensorData::new(targets, [3 * CONTEXT]), &device);
            let loss = cross_entropy(model.forward(inputs), &targets);
            let gradients = loss.backward();
            let of = |weight: &Param<Tensor<2>>| values(weight.val().grad(&gradients).unwrap());
            let block = &model.blocks[0];
            [
                values(loss),
                of(&model.tokens.weight),
                of(&block.joined.weight),
                of(&block.projection.weight),
                of(&block.dense_1.weight),
                of(&model.blocks[1].dense_2.weight),
                values(block.norm_1.gamma.val().grad(&gradients).unwrap()),
            ]
        };
        let ours = results(model(&spec, &device));
        let exact = results(model(&spec, &device).map(&mut ToDouble));
        for (place, (ours, exact)) in ours.iter().zip(&exact).enumerate() {
            assert_close(ours, exact, &format!("{spec:?}, result {place}"));
        }
    }
}

#[test]
fn a_token_changes_no_prediction_before_it() {
    let device = device::open("flex").unwrap();
    for spec in specs() {
        let model = model(&spec, &device);
        let logits = |tokens: &[usize]| values(model.forward(batch(tokens, 1, &device)));
        let mut changed = tokens(CONTEXT);
        changed[5] = (changed[5] + 1) % VOCABULARY;
        let (before, after) = (logits(&tokens(CONTEXT)), logits(&changed));
        let [first, later] = [0..5 * VOCABULARY, 5 * VOCABULARY..CONTEXT * VOCABULARY];
        assert_eq!(before[first.clone()], after[first], "{spec:?}");
        assert_ne!(before[later.clone()], after[later], "{spec:?}");
    }
}

#[test]
fn reading_token_by_token_gives_the_logits_of_the_whole_sequence_and_goes_on_past_the_context() {
    let device = device::open("flex").unwrap();
    for spec in specs() {
        let model = model(&spec, &device);
        let tokens = tokens(2 * CONTEXT);
        let mut session = model.session(&device);
        for place in 0..tokens.len() {
            let logits: Vec<f64> = session.read(tokens[place]).into_iter().map(f64::from).collect();
            // When the context is full, its later half is read again as the beginning.
            let half = CONTEXT / 2;
            let first = if place < CONTEXT { 0 } else { (place - CONTEXT) / half * half + half };
            let whole = values(model.forward(batch(&tokens[first..=place], 1, &device)));
            assert_close(&logits, &whole[whole.len() - VOCABULARY..], &format!("{spec:?}, token {place}"));
        }
    }
}

#[test]
fn the_size_of_nanogpts_configuration_is_nanogpts() {
    let device = device::open("flex").unwrap();
    let spec =
        GptSpec { blocks: 4, heads: 4, width: 128, tied: true, positions: Positions::Learned, bias: false };
    // `sum(p.numel() for p in model.parameters())` of the same in PyTorch, with its places.
    assert_eq!(spec.init(65, 64, &mut Init::new(0, &device)).unwrap().num_params(), 804_096);
}

#[test]
fn sizes_that_do_not_fit_are_refused_by_name() {
    let device = device::open("flex").unwrap();
    let [learned, _, rotary] = specs();
    for (spec, context, said) in [
        (GptSpec { heads: 5, ..learned }, CONTEXT, "gpt: `width` must be a multiple of 5, not 12"),
        (GptSpec { heads: 4, ..rotary }, CONTEXT, "gpt: `width` must be a multiple of 8, not 12"),
        (GptSpec { blocks: 0, ..learned }, CONTEXT, "`blocks` must be at least 1"),
        (learned, 0, "`context` must be at least 1"),
    ] {
        let error = spec.init(VOCABULARY, context, &mut Init::new(0, &device)).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
