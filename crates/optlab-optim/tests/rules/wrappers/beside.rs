//! Wrappers that act on a parameter before or after its rule.

use super::*;

#[test]
fn lookahead_moves_a_share_of_the_distance_every_given_number_of_steps() {
    let mut slow = values(&Model::new());
    assert_follows("lookahead:steps=3,alpha=0.25,base=sgd", 7, |t, lr, theta, grad| {
        descend(theta, grad, lr);
        if t % 3 == 0 {
            each(&mut slow, theta, |slow, fast| slow + 0.25 * (fast - slow));
            theta.clone_from(&slow);
        }
        theta.clone()
    });
}

#[test]
fn an_exponential_average_is_evaluated_and_not_trained() {
    let mut average = values(&Model::new());
    assert_follows("ema:decay=0.7,base=sgd", 6, |_, lr, theta, grad| {
        descend(theta, grad, lr);
        each(&mut average, theta, |average, theta| 0.7 * average + 0.3 * theta);
        average.clone()
    });
}

#[test]
fn a_stochastic_average_is_the_mean_of_the_selected_weights() {
    let mut counted: Vec<Values> = Vec::new();
    assert_follows("swa:start=3,every=2,base=sgd", 9, |t, lr, theta, grad| {
        descend(theta, grad, lr);
        if [3, 5, 7, 9].contains(&t) {
            counted.push(theta.clone());
        }
        let Some(mut sum) = counted.first().cloned() else {
            return theta.clone();
        };
        counted[1..].iter().for_each(|one| each(&mut sum, one, |sum, theta| sum + theta));
        sum.iter_mut().flatten().for_each(|sum| *sum /= counted.len() as f64);
        sum
    });
}

/// Applies the proximal step of an L1 penalty.
fn soft_threshold(theta: f64, threshold: f64) -> f64 {
    if theta.abs() <= threshold { 0.0 } else { theta - threshold * theta.signum() }
}

#[test]
fn decay_is_decoupled_and_its_l1_makes_exact_zeros() {
    let text = "decay:weight_decay=0.5,l1=0.75,base=sgd";
    let mut zeros = Vec::new();
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(theta, grad, |theta, grad| soft_threshold((1.0 - lr * 0.5) * theta - lr * grad, lr * 0.75));
        zeros.push(theta.iter().flatten().filter(|theta| **theta == 0.0).count());
        theta.clone()
    });
    let mut optimizer = build(text);
    let mut model = Model::new();
    for (t, expected) in (1..).zip(&zeros) {
        let mut given = gradients(&model, t);
        model = optimizer.apply(rate(t), model, &mut given);
        let given = values(&model).into_iter().flatten().filter(|theta| *theta == 0.0).count();
        assert_eq!(given, *expected, "exact zeros after step {t}");
    }
    assert!(zeros.iter().any(|zeros| *zeros > 3), "{zeros:?}");
}

#[test]
fn wrappers_apply_in_the_same_order_however_they_are_nested() {
    for text in [
        "ema:decay=0.7,base=(lookahead:steps=2,alpha=0.25,base=(decay:weight_decay=0.5,l1=0.75,base=sgd))",
        "decay:weight_decay=0.5,l1=0.75,base=(lookahead:steps=2,alpha=0.25,base=(ema:decay=0.7,base=sgd))",
    ] {
        let mut slow = values(&Model::new());
        let mut average = slow.clone();
        assert_follows(text, 5, |t, lr, theta, grad| {
            each(theta, grad, |theta, grad| soft_threshold((1.0 - lr * 0.5) * theta - lr * grad, lr * 0.75));
            if t % 2 == 0 {
                each(&mut slow, theta, |slow, fast| slow + 0.25 * (fast - slow));
                theta.clone_from(&slow);
            }
            each(&mut average, theta, |average, theta| 0.7 * average + 0.3 * theta);
            average.clone()
        });
    }
}

#[test]
fn cautious_adam_with_decay_is_cautious_adamw() {
    let around = "cautious:base=(decay:weight_decay=0.3,base=(adam:beta_1=0.8,beta_2=0.95,epsilon=1e-6))";
    let itself = "cautious_adamw:beta_1=0.8,beta_2=0.95,epsilon=1e-6,weight_decay=0.3";
    let incautious = "adamw:beta_1=0.8,beta_2=0.95,epsilon=1e-6,weight_decay=0.3";
    let [around, itself, incautious] = [around, itself, incautious].map(|text| {
        let mut optimizer = build(text);
        let mut model = Model::new();
        for t in 1..=6 {
            model = optimizer.step(rate(t), model, |model| (0.0, gradients(model, t))).0;
        }
        values(&model)
    });
    assert_close(&around, &itself, "six steps");
    assert!(around[0].iter().zip(&incautious[0]).any(|(one, other)| (one - other).abs() > 0.01));
}

/// Returns the result of a cautious step from `before` to `after`: only elements that descend along the
/// gradient move, scaled up to compensate for the others.
fn cautious(before: &[f64], after: &[f64], grad: &[f64]) -> Vec<f64> {
    let down = |i: usize| (before[i] - after[i]) * grad[i] > 0.0;
    let share = (0..grad.len()).filter(|&i| down(i)).count() as f64 / grad.len() as f64;
    let step = |i: usize| if down(i) { (before[i] - after[i]) / share.max(1e-3) } else { 0.0 };
    (0..grad.len()).map(|i| before[i] - step(i)).collect()
}

#[test]
fn cautious_masks_the_whole_step_of_a_tensor_rule() {
    let (beta_1, beta_2, epsilon, decay) = (0.9, 0.25, 1e-6, 0.8);
    let mut momentum: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let mut second = [0.0; 4];
    let text = format!("cautious:base=novograd:weight_decay={decay}");
    assert_follows(&text, 6, |t, lr, theta, grad| {
        for place in 0..4 {
            let square: f64 = grad[place].iter().map(|grad| grad * grad).sum();
            second[place] = if t == 1 { square } else { beta_2 * second[place] + (1.0 - beta_2) * square };
            let before = theta[place].clone();
            let mut after = before.clone();
            for (i, after) in after.iter_mut().enumerate() {
                let unit = grad[place][i] / (second[place].sqrt() + epsilon);
                momentum[place][i] = beta_1 * momentum[place][i] + unit + decay * before[i];
                *after -= lr * momentum[place][i];
            }
            theta[place] = cautious(&before, &after, &grad[place]);
        }
        theta.clone()
    });
}

#[test]
fn cautious_masks_the_step_of_burns_rule_but_not_the_decay_around_it() {
    let mut velocity: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let text = "decay:weight_decay=0.5,base=(cautious:base=(burn.sgd:momentum=0.9,dampening=0.0))";
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(&mut velocity, grad, |velocity, grad| 0.9 * velocity + grad);
        for (place, velocity) in velocity.iter().enumerate() {
            let decayed: Vec<f64> = theta[place].iter().map(|theta| (1.0 - lr * 0.5) * theta).collect();
            let after: Vec<f64> = decayed.iter().zip(velocity).map(|(theta, v)| theta - lr * v).collect();
            theta[place] = cautious(&decayed, &after, &grad[place]);
        }
        theta.clone()
    });
}
