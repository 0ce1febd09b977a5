//! Cautious weight decay: of rules, and around rules.

use super::*;
use optlab_optim::Evaluate;
use serde_json::{Value, json};

/// The gradients of step `t`, under the labels of the data and under drawn ones.
struct Step(usize);

impl Evaluate<Model> for Step {
    type Measured = f64;

    fn evaluate(&mut self, model: &Model) -> (f64, GradientsParams) {
        (1.0, gradients(model, self.0))
    }

    fn evaluate_sampled(&mut self, model: &Model) -> Option<(GradientsParams, usize)> {
        Some((gradients(model, 300 + self.0), 4))
    }
}

/// Returns every rule that has cautious decay.
fn with_cautious_decay() -> Vec<OptimizerSpec> {
    let all = OptimizerSpec::all().into_iter();
    all.filter(|spec| spec.fields().iter().any(|(field, _)| field == "cautious_decay")).collect()
}

/// Returns the optimizer of `spec` with other values of the fields that it has.
fn with_fields(spec: &OptimizerSpec, changes: &[(&str, Value)]) -> ModelOptimizer {
    let mut fields = serde_json::to_value(spec).unwrap();
    for (field, value) in changes {
        if let Some(place) = fields.get_mut(*field) {
            *place = value.clone();
        }
    }
    OptimizerSpec::from_value(&fields).unwrap().build().unwrap()
}

#[test]
fn cautious_decay_leaves_out_exactly_the_elements_that_the_rule_moves_away_from_zero() {
    let specs = with_cautious_decay();
    assert!(specs.len() >= 20, "{specs:?}");
    for spec in specs {
        // Fast weights decay, too, or the step size depends on the decay: `formulas/global.rs` and
        // `losses.rs` have their formulas.
        if ["schedule_free_adamw", "schedule_free_plus", "momo", "momo_adam"].contains(&spec.name()) {
            continue;
        }
        let build = |decay: f64, cautious: bool| {
            let decoupled = ("decoupled_weight_decay", json!(true));
            let changes = [("weight_decay", json!(decay)), ("cautious_decay", json!(cautious)), decoupled];
            with_fields(&spec, &[&changes[..], &[("d0", json!(0.5))]].concat())
        };
        let mut optimizers = [build(0.0, false), build(0.8, false), build(0.8, true)];
        let mut model = Model::new();
        let (mut decays, mut stays) = (0, 0);
        for t in 1..=5 {
            let start = values(&model);
            let moved = optimizers.each_mut().map(|optimizer| {
                values(&optimizer.step_with(rate(t), with_values(Model::new(), &start), &mut Step(t)).0)
            });
            let [alone, decayed, cautious] = moved.each_ref().map(|values| values.iter().flatten());
            for (((theta, alone), decayed), cautious) in
                start.iter().flatten().zip(alone).zip(decayed).zip(cautious)
            {
                let is_opposed = (theta - alone) * theta < 0.0;
                let expected = if is_opposed { alone } else { decayed };
                assert_eq!(cautious, expected, "{spec}, step {t}: from {theta}, alone {alone}");
                if alone != decayed {
                    *if is_opposed { &mut stays } else { &mut decays } += 1;
                }
            }
            model = with_values(model, &moved[2]);
        }
        assert!(decays > 20 && stays > 20, "{spec}: {decays} elements decay, {stays} do not");
    }
}

#[test]
fn cautious_decay_needs_decay_outside_of_the_gradient() {
    for rule in ["radam", "nadam"] {
        let spec = |text: &str| format!("{rule}:{text}").parse::<OptimizerSpec>().unwrap();
        let error = spec("cautious_decay=true").build().unwrap_err().to_string();
        let expected =
            format!("{rule}: `cautious_decay` must be false without `decoupled_weight_decay`, not true");
        assert_eq!(error, expected);
        spec("cautious_decay=true,decoupled_weight_decay=true").build().unwrap();
    }
}

/// Decays `theta` cautiously after a step from `before`.
fn decayed(before: f64, theta: f64, amount: f64) -> f64 {
    if (before - theta) * before >= 0.0 { theta - amount * before } else { theta }
}

#[test]
fn decay_around_a_rule_can_be_cautious() {
    assert_follows("decay:cautious=true,weight_decay=0.5,base=sgd", 6, |_, lr, theta, grad| {
        each(theta, grad, |theta, grad| decayed(theta, theta - lr * grad, lr * 0.5));
        theta.clone()
    });
    let text = "ema:decay=0.7,base=(decay:cautious=true,weight_decay=0.5,l1=0.2,base=sgd)";
    let mut average = values(&Model::new());
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(theta, grad, |theta, grad| {
            let theta = decayed(theta, theta - lr * grad, lr * 0.5);
            if theta.abs() <= lr * 0.2 { 0.0 } else { theta - lr * 0.2 * theta.signum() }
        });
        each(&mut average, theta, |average, theta| 0.7 * average + 0.3 * theta);
        average.clone()
    });
}

#[test]
fn decay_around_a_rule_that_runs_by_itself_can_be_cautious() {
    let mut velocity: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let text = "decay:cautious=true,weight_decay=0.5,base=(burn.sgd:momentum=0.9,dampening=0.0)";
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(&mut velocity, grad, |velocity, grad| 0.9 * velocity + grad);
        each(theta, &velocity, |theta, velocity| decayed(theta, theta - lr * velocity, lr * 0.5));
        theta.clone()
    });
}

#[test]
fn a_cautious_step_decays_cautiously_after_its_mask() {
    let text = "cautious:base=(decay:cautious=true,weight_decay=0.5,base=(sgd:momentum=0.9))";
    let mut velocity: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let mut masked = 0;
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(&mut velocity, grad, |velocity, grad| 0.9 * velocity + grad);
        for (place, theta) in theta.iter_mut().enumerate() {
            let agrees = |i: usize| velocity[place][i] * grad[place][i] > 0.0;
            let share = (0..theta.len()).filter(|&i| agrees(i)).count() as f64 / theta.len() as f64;
            for (i, theta) in theta.iter_mut().enumerate() {
                let step = if agrees(i) { lr * velocity[place][i] / share.max(1e-3) } else { 0.0 };
                masked += usize::from(step == 0.0);
                *theta = decayed(*theta, *theta - step, lr * 0.5);
            }
        }
        theta.clone()
    });
    assert!(masked > 20);
}

#[test]
fn parameters_without_penalties_do_not_decay_cautiously_either() {
    let text = "no_vector_decay:base=(decay:cautious=true,weight_decay=0.5,base=sgd)";
    assert_follows(text, 3, |_, lr, theta, grad| {
        for place in 0..4 {
            let amount = if SHAPES[place].len() == 1 { 0.0 } else { lr * 0.5 };
            for (theta, grad) in theta[place].iter_mut().zip(&grad[place]) {
                *theta = decayed(*theta, *theta - lr * grad, amount);
            }
        }
        theta.clone()
    });
}

#[test]
fn cautious_decay_around_lion_is_lions_own() {
    let [around, itself] =
        ["decay:cautious=true,weight_decay=0.6,base=lion", "lion:weight_decay=0.6,cautious_decay=true"].map(
            |text| {
                let mut optimizer = build(text);
                let mut model = Model::new();
                for t in 1..=6 {
                    model = optimizer.step(rate(t), model, |model| (0.0, gradients(model, t))).0;
                }
                values(&model)
            },
        );
    assert_close(&around, &itself, "six steps");
}
