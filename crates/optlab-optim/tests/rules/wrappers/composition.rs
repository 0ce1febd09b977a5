//! Every wrapper works around every kind of rule, and is saved with it.

use super::*;

const AROUND: [&str; 25] = [
    "sam:rho=0.2",
    "asam:rho=0.3",
    "lookahead:steps=2",
    "ema:decay=0.7",
    "swa:start=2",
    "swa:start=2,every=3",
    "lawa:snapshots=2,every=2",
    "schedule_free:momentum=0.8,weight_decay=0.1",
    "ema_nesterov:step=2,decay=0.7",
    "mechanic:initial=0.1",
    "mechanic:initial=0.01,decays=2",
    "hyperball",
    "grokfast:alpha=0.6",
    "grokfast:kind=ma,window=2",
    "grokfast:kind=ma,window=5,warmup=false",
    "variance_reduced:gamma=0.2",
    "variance_reduced:max_norm=none",
    "centralized",
    "clip:value=0.5,tensor_norm=1.0,norm=0.7",
    "adaptive_clip:limit=0.3",
    "skip_non_finite",
    "cautious",
    "decay:weight_decay=0.1,l1=0.01",
    "group:parameters=*.bias,lr_factor=0.5",
    "no_vector_decay",
];

const RULES: [&str; 11] = [
    "adamw",
    "lamb",
    "adafactor",
    "muon:other=adamw",
    "prodigy",
    "schedule_free_sgd",
    "burn.adam",
    "momo",
    "schedule_free_plus",
    "ldog:reps_rel=0.01",
    "dadapt_sgd:momentum=0.9,d0=0.01",
];

/// Makes some steps on a noisy quadratic loss, so that it matters where a model is evaluated.
fn train(optimizer: &mut ModelOptimizer, model: Model, steps: std::ops::RangeInclusive<usize>) -> Model {
    steps.fold(model, |model, t| {
        let step = optimizer.step(rate(t), model, |model| {
            let gradients = gradients_of(model, |place, theta, shape| {
                let noise = random(t, place, shape);
                Some(theta.iter().zip(noise).map(|(theta, noise)| 0.8 * theta + noise).collect())
            });
            (1.0 + 0.1 * t as f64, gradients)
        });
        step.0
    })
}

#[test]
fn every_rule_with_any_wrapper_resumes_exactly_from_saved_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    for around in AROUND {
        for rule in RULES {
            let evaluates_itself =
                ["schedule_free_sgd", "schedule_free_plus", "ldog:reps_rel=0.01"].contains(&rule);
            let moves_evaluated = ["schedule_free", "mechanic"].iter().any(|name| around.starts_with(name));
            if moves_evaluated && evaluates_itself {
                continue;
            }
            let separator = if around.contains(':') { ',' } else { ':' };
            let text = format!("{around}{separator}base={rule}");
            let mut optimizer = build(&text);
            let model = train(&mut optimizer, Model::new(), 1..=3);
            optimizer.save(&path).unwrap();
            let mut restored = build(&text);
            restored.load(&path, &model, &Device::default()).unwrap();
            let mut unrestored = build(&text);
            let evaluated = [&optimizer, &restored].map(|optimizer| bits(&optimizer.for_evaluation(&model)));
            assert_eq!(evaluated[0], evaluated[1], "{text}: evaluated where it stopped");
            let [uninterrupted, resumed, restarted] =
                [&mut optimizer, &mut restored, &mut unrestored].map(|optimizer| {
                    let model = train(optimizer, model.clone(), 4..=6);
                    [bits(&model), bits(&optimizer.for_evaluation(&model))]
                });
            assert_eq!(resumed, uninterrupted, "{text}");
            assert_ne!(restarted[0], uninterrupted[0], "{text}");
        }
    }
}

#[test]
fn every_wrapper_changes_the_steps_of_a_rule() {
    for around in AROUND.into_iter().filter(|around| *around != "skip_non_finite") {
        // With a weight decay, so that `no_vector_decay` has an effect.
        for rule in ["adamw:weight_decay=0.1", "novograd:weight_decay=0.1", "burn.adam:weight_decay=0.1"] {
            let separator = if around.contains(':') { ',' } else { ':' };
            let [with, without] = [format!("{around}{separator}base={rule}"), rule.into()].map(|text| {
                let mut optimizer = build(&text);
                let model = train(&mut optimizer, Model::new(), 1..=6);
                bits(&optimizer.for_evaluation(&model))
            });
            assert_ne!(with, without, "{around} around {rule}");
        }
    }
}
