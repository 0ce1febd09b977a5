//! Steps that are skipped because a gradient is not finite.

use super::*;
use burn_pack::Reader;
use std::collections::BTreeMap;
use std::path::Path;

/// An element-wise rule, one in tensor operations, one of Burn's, and one with an estimate that all
/// parameters share; each is tested with every wrapper that has state.
const TEXTS: [&str; 4] = ["adam", "novograd", "burn.adam", "prodigy"];

fn around(rule: &str) -> ModelOptimizer {
    build(&format!("skip_non_finite:base=(ema:base=(lookahead:steps=2,base={rule}))"))
}

fn step(optimizer: &mut ModelOptimizer, model: Model, t: usize, spoil: Option<(usize, f64)>) -> Model {
    let step = optimizer.step(rate(t), model, |model| {
        let gradients = gradients_of(model, |place, _, shape| {
            let mut gradient = random(t, place, shape);
            if let Some((_, value)) = spoil.filter(|(spoilt, _)| *spoilt == place) {
                gradient[1] = value;
            }
            Some(gradient)
        });
        (0.0, gradients)
    });
    step.0
}

/// Returns everything in a file of saved state, with the number of skipped steps separately.
fn contents(path: &Path) -> (BTreeMap<String, String>, String) {
    let reader = Reader::from_file_exact(path).unwrap();
    let scalars = reader.scalars().iter();
    let mut all: BTreeMap<String, String> =
        scalars.map(|(name, value)| (name.clone(), format!("{value:?}"))).collect();
    for tensor in reader.into_tensors().unwrap() {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().unwrap();
        all.insert(name, format!("{dtype:?} {shape:?} {:?}", &bytes[..]));
    }
    let skipped = all.keys().find(|name| name.ends_with("skipped_steps")).unwrap().clone();
    let skipped = all.remove(&skipped).unwrap();
    (all, skipped)
}

#[test]
fn a_step_that_is_not_finite_changes_nothing_but_its_count() {
    let folder = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| folder.path().join(name));
    for rule in TEXTS {
        let mut optimizer = around(rule);
        let mut model = Model::new();
        for t in 1..=3 {
            model = step(&mut optimizer, model, t, None);
        }
        let mut skipped = 0;
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for place in 0..4 {
                optimizer.save(&before).unwrap();
                let kept = bits(&model);
                model = step(&mut optimizer, model, 4, Some((place, value)));
                skipped += 1;
                assert_eq!(optimizer.skipped_steps(), skipped, "{rule}: {value} in parameter {place}");
                assert_eq!(bits(&model), kept, "{rule}: {value} in parameter {place}");
                optimizer.save(&after).unwrap();
                let (before, after) = (contents(&before), contents(&after));
                assert_eq!(before.0, after.0, "{rule}: {value} in parameter {place}");
                assert_ne!(before.1, after.1, "{rule}: {value} in parameter {place}");
            }
        }

        let mut restored = around(rule);
        restored.load(&after, &model, &Device::default()).unwrap();
        assert_eq!(restored.skipped_steps(), skipped, "{rule}");
        let mut never = around(rule);
        let mut expected = Model::new();
        for t in 1..=6 {
            expected = step(&mut never, expected, t, None);
        }
        let [going_on, resumed] = [optimizer, restored].map(|mut optimizer| {
            let moved = (4..=6).fold(model.clone(), |model, t| step(&mut optimizer, model, t, None));
            [bits(&moved), bits(&optimizer.for_evaluation(&moved))]
        });
        assert_eq!(going_on, [bits(&expected), bits(&never.for_evaluation(&expected))], "{rule}");
        assert_eq!(resumed, going_on, "{rule}");
    }
}

#[test]
fn a_large_finite_gradient_does_not_skip_a_step() {
    for value in [f32::MAX, f32::MIN].map(f64::from) {
        let mut optimizer = build("skip_non_finite:base=sgd");
        let model = Model::new();
        let before = bits(&model);
        let model = step(&mut optimizer, model, 1, Some((0, value)));
        assert_eq!(optimizer.skipped_steps(), 0, "{value}");
        assert!(bits(&model).iter().zip(&before).all(|(one, other)| one != other), "{value}");
    }
}

#[test]
fn without_the_wrapper_a_non_finite_step_is_made() {
    let mut optimizer = build("sgd");
    let model = step(&mut optimizer, Model::new(), 1, Some((0, f64::NAN)));
    assert!(values(&model)[0][1].is_nan() && optimizer.skipped_steps() == 0);
}
