//! QK-clip: heads whose largest attention score exceeds a threshold get smaller queries and keys.

use crate::StopAfter;
use burn::tensor::{Device, Int, Tensor, TensorData};
use optlab_train::Error;
use optlab_train::model::{Gpt, GptSpec, Init, Positions};
use optlab_train::nn::{AttentionInput, attention, largest_scores};
use optlab_train::train::{self, Budget, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, Language, Workload, language};

const HEADS: usize = 2;

fn wave(shape: [usize; 3]) -> Vec<f32> {
    (0..shape.iter().product())
        .map(|i: usize| (i as f32 * 0.7 + (i as f32 * 0.013).cos()).sin() * 2.0)
        .collect()
}

#[test]
fn the_largest_score_of_a_head_is_that_of_all_visible_pairs_of_places() {
    let (batch, time, width) = (2, 5, 6);
    let size = width / HEADS;
    let device = Device::default();
    let values = wave([batch, time, 3 * width]);
    let joined =
        || Tensor::<3>::from_data(TensorData::new(values.clone(), [batch, time, 3 * width]), &device);
    let parts = || [0, 1, 2].map(|part| joined().narrow(2, part * width, width));
    for is_causal in [true, false] {
        let mut expected = vec![f64::NEG_INFINITY; HEADS];
        for (example, query, key) in (0..batch).flat_map(|example| {
            (0..time).flat_map(move |query| (0..time).map(move |key| (example, query, key)))
        }) {
            if is_causal && key > query {
                continue;
            }
            for (head, largest) in expected.iter_mut().enumerate() {
                let at = |place: usize, part: usize, i: usize| {
                    f64::from(values[(example * time + place) * 3 * width + part * width + head * size + i])
                };
                let product: f64 = (0..size).map(|i| at(query, 0, i) * at(key, 1, i)).sum();
                *largest = largest.max(product / (size as f64).sqrt());
            }
        }
        for input in [AttentionInput::Joined(joined()), AttentionInput::Separate(parts())] {
            let (output, scores) = largest_scores(|| attention(input.clone(), HEADS, is_causal));
            let scores = scores.of_layers(1).remove(0);
            assert_eq!(scores.len(), HEADS);
            for (score, expected) in scores.iter().zip(&expected) {
                assert!((score - expected).abs() < 1e-5, "{score}, not {expected}");
            }
            // To listen changes nothing.
            assert_eq!(output.into_data(), attention(input, HEADS, is_causal).into_data());
        }
    }
}

fn gpt(positions: Positions, bias: bool) -> Gpt {
    let spec = GptSpec { blocks: 2, heads: HEADS, width: 8, tied: true, positions, bias };
    let mut model = spec.init(11, 6, &mut Init::new(3, &Device::default().autodiff())).unwrap();
    for block in &mut model.blocks {
        // The heads' scores differ, and are large.
        block.joined.weight = block.joined.weight.clone().map(|weight| {
            let factors =
                (0..24).map(|column| if column % 8 < 4 { 60.0 } else { 90.0 }).collect::<Vec<f32>>();
            let factors = Tensor::<1>::from_floats(&factors[..], &weight.device().inner()).unsqueeze();
            Tensor::from_inner(weight.inner() * factors).require_grad()
        });
    }
    model
}

fn scores_of(model: &Gpt) -> Vec<Vec<f64>> {
    let tokens: Vec<i64> = (0..12).map(|i| i * 5 % 11).collect();
    let tokens =
        Tensor::<2, Int>::from_data(TensorData::new(tokens, [2, 6]), &model.blocks[0].joined.weight.device());
    largest_scores(|| model.forward(tokens)).1.of_layers(2)
}

#[test]
fn a_clipped_head_has_the_threshold_as_its_largest_score_and_others_keep_every_bit() {
    for (positions, bias) in [(Positions::Learned, true), (Positions::Rotary, false)] {
        let model = gpt(positions, bias);
        let before = scores_of(&model);
        // Between the two heads of the first block.
        let threshold = (before[0][0] + before[0][1]) / 2.0;
        assert!(before[0][0] < threshold && threshold < before[0][1], "{before:?}");
        let tokens: Vec<i64> = (0..12).map(|i| i * 5 % 11).collect();
        let device = model.blocks[0].joined.weight.device();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [2, 6]), &device);
        // Two passes of a step, as with micro-batches: the larger score counts.
        let ((), largest) = largest_scores(|| {
            drop(model.forward(tokens.clone().slice([0..1, 0..6])));
            drop(model.forward(tokens));
        });
        let clipped = model.clone().with_clipped_scores(largest, threshold);
        // Inputs of the first block are the same as before.
        let after = scores_of(&clipped).remove(0);
        assert_eq!(after[0].to_bits(), before[0][0].to_bits());
        assert!((after[1] / threshold - 1.0).abs() < 1e-5, "{after:?}, not {threshold}");
        let columns = |model: &Gpt| -> Vec<f32> {
            model.blocks[0].joined.weight.val().into_data().try_to_vec().unwrap()
        };
        let factor = (threshold / before[0][1]).sqrt() as f32;
        for (place, (after, before)) in columns(&clipped).iter().zip(columns(&model)).enumerate() {
            let column = place % 24;
            let expected = if column < 16 && column % 8 >= 4 { before * factor } else { before };
            assert_eq!(*after, expected, "column {column}");
        }
        assert!(clipped.blocks[0].joined.weight.is_require_grad());
        // A listener within another one hears alone.
        let ((), largest) = largest_scores(|| drop(scores_of(&model)));
        assert!(largest.of_layers(2).iter().all(Vec::is_empty));
    }
}

fn workload() -> Language {
    language::all().into_iter().find(|workload| workload.info().name == "jargon-gpt").unwrap()
}

fn trial(qk_clip: Option<f64>) -> Trial {
    let mut trial = Trial::new(&workload().info());
    trial.model = "gpt=1,width=32".parse().unwrap();
    trial.recipe.budget = Budget::Steps(12);
    trial.recipe.batch_size = 4.into();
    trial.recipe.qk_clip = qk_clip;
    trial.schedule = "constant".parse().unwrap();
    trial.lr = 0.02;
    trial
}

#[test]
fn a_clipped_run_resumes_to_the_same_bytes_and_a_high_threshold_changes_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, trial: &Trial, stop: Option<usize>| {
        let options =
            |resume| RunOptions { resume, ..RunOptions::new(RunDirectory::new(folder.path().join(name))) };
        let workload = workload().with_model(&trial.model).unwrap();
        if let Some(step) = stop {
            let stopped = train::run(&workload, trial, &options(false), &mut StopAfter(step)).unwrap_err();
            assert!(matches!(stopped, Error::Interrupted { .. }), "{stopped}");
        }
        train::run(&workload, trial, &options(stop.is_some()), &mut ()).unwrap();
        std::fs::read(folder.path().join(name).join("checkpoints/step-000012/model.bpk")).unwrap()
    };
    let without = run("without", &trial(None), None);
    assert_eq!(run("high", &trial(Some(1e6)), None), without);
    let clipped = run("clipped", &trial(Some(0.05)), None);
    assert_ne!(clipped, without);
    assert_eq!(run("resumed", &trial(Some(0.05)), Some(5)), clipped);
}

#[test]
fn a_model_without_attention_and_a_threshold_of_nothing_are_refused() {
    let workload = workload::built_in("digits-cnn").unwrap();
    let mut trial = Trial::new(&Workload::info(&workload));
    trial.recipe.qk_clip = Some(100.0);
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunDirectory::new(folder.path().join("run")));
    let error = train::run(&workload, &trial, &options, &mut ()).unwrap_err().to_string();
    assert!(error.contains("its model has no attention, which `qk_clip` needs"), "{error}");
    assert!(!folder.path().join("run").exists(), "nothing is left of a run that did not begin");
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        trial.recipe.qk_clip = Some(wrong);
        let error = trial.validate().unwrap_err().to_string();
        assert!(error.contains("`qk_clip`"), "{wrong}: {error}");
    }
}
