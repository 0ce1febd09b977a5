//! Wrappers that combine gradients with earlier ones.

use super::*;
use optlab_optim::GradientTransform;

#[test]
fn an_exponential_mean_of_the_gradients_is_added_to_each() {
    let mut mean: Option<Values> = None;
    assert_follows("grokfast:alpha=0.7,lamb=1.5,base=sgd", 6, |_, lr, theta, grad| {
        let mean = mean.get_or_insert_with(|| grad.clone());
        each(mean, grad, |mean, grad| 0.7 * mean + 0.3 * grad);
        let mut filtered = grad.clone();
        each(&mut filtered, mean, |grad, mean| grad + 1.5 * mean);
        descend(theta, &filtered, lr);
        theta.clone()
    });
}

/// Returns the mean of the gradients of the steps up to `t`, at most `window` of them.
fn mean_of_window(t: usize, window: usize) -> Values {
    let first = t.saturating_sub(window - 1).max(1);
    let mut mean = gradient_values(first);
    (first + 1..=t).for_each(|step| each(&mut mean, &gradient_values(step), |sum, grad| sum + grad));
    mean.iter_mut().flatten().for_each(|sum| *sum /= (t + 1 - first) as f64);
    mean
}

#[test]
fn the_mean_over_a_window_is_added_once_the_window_is_full_or_from_the_start() {
    for window in [1, 3, 4] {
        for (warmup, factor) in [(true, 2.0), (false, 2.0), (true, 0.5)] {
            let text = format!("grokfast:kind=ma,window={window},lamb={factor},warmup={warmup},base=sgd");
            assert_follows(&text, 11, |t, lr, theta, grad| {
                let mut filtered = grad.clone();
                if !warmup || t >= window {
                    each(&mut filtered, &mean_of_window(t, window), |grad, mean| grad + factor * mean);
                }
                descend(theta, &filtered, lr);
                theta.clone()
            });
        }
    }
}

#[test]
fn a_huge_gradient_leaves_no_error_behind_once_it_has_left_the_window() {
    let mut optimizer = build("grokfast:kind=ma,window=3,lamb=1.0,base=sgd");
    for t in 1..=12 {
        // Each step starts from the same parameters, which a huge step would not leave room to move in.
        let model = Model::new();
        let before = values(&model);
        let factor = if t == 4 { 1e8 } else { 1.0 };
        let mut given = gradients_of(&model, |place, _, shape| {
            Some(random(t, place, shape).iter().map(|grad| factor * grad).collect())
        });
        let after = values(&optimizer.apply(1.0, model, &mut given));
        // The lap of the huge gradient ends with step 6, the one after it with step 9.
        if t >= 9 {
            let mut expected = before;
            each(&mut expected, &gradient_values(t), |theta, grad| theta - grad);
            each(&mut expected, &mean_of_window(t, 3), |theta, mean| theta - mean);
            assert_close(&after, &expected, &format!("step {t}"));
        }
    }
}

#[test]
fn gradients_are_corrected_by_their_change_and_limited_in_norm() {
    for (text, limit) in [
        ("variance_reduced:beta=0.8,gamma=0.25,max_norm=none,base=sgd", f64::INFINITY),
        ("variance_reduced:beta=0.8,gamma=0.25,max_norm=2.5,base=sgd", 2.5),
    ] {
        let mut last: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
        let (mut limited, mut free) = (0, 0);
        assert_follows(text, 5, |_, lr, theta, grad| {
            // 0.25 · 0.8 / (1 − 0.8) = 1
            let mut corrected = grad.clone();
            each(&mut corrected, &last, |grad, last| 2.0 * grad - last);
            last.clone_from(grad);
            for values in &mut corrected {
                let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
                let factor = (norm / limit).max(1.0);
                if factor > 1.0 {
                    limited += 1
                } else {
                    free += 1
                }
                values.iter_mut().for_each(|value| *value /= factor);
            }
            descend(theta, &corrected, lr);
            theta.clone()
        });
        assert!(free > 2 && (limit == f64::INFINITY || limited > 2), "{free} free, {limited} limited");
    }
}

#[test]
fn variance_reduction_in_front_of_adamw_is_mars() {
    let around = "variance_reduced:base=adamw:beta_1=0.95,beta_2=0.99,epsilon=1e-30,weight_decay=0.1";
    let [around, mars] = [around, "mars:epsilon=1e-30,weight_decay=0.1"].map(|text| {
        let mut optimizer = build(text);
        (1..=8).fold(Model::new(), |model, t| {
            let mut given = gradients(&model, t);
            optimizer.apply(rate(t), model, &mut given)
        })
    });
    assert_close(&values(&around), &values(&mars), "eight steps");
}

#[test]
fn a_filter_sees_the_gradient_before_penalties_and_clipping() {
    let transform = GradientTransform { l2: 0.5, clip_norm: Some(1.0), ..GradientTransform::default() };
    let mut optimizer =
        build("grokfast:alpha=0.5,lamb=1.0,base=sgd").with_gradient_transform(transform).unwrap();
    let mut model = Model::new();
    let (mut theta, mut mean) = (values(&model), gradient_values(1));
    for t in 1..=4 {
        each(&mut mean, &gradient_values(t), |mean, grad| 0.5 * mean + 0.5 * grad);
        let mut grad = gradient_values(t);
        each(&mut grad, &mean, |grad, mean| grad + mean);
        each(&mut grad, &theta, |grad, theta| grad + 0.5 * theta);
        let norm = grad.iter().flatten().map(|grad| grad * grad).sum::<f64>().sqrt();
        let factor = (1.0 / (norm + 1e-6)).min(1.0);
        each(&mut theta, &grad, |theta, grad| theta - rate(t) * factor * grad);
        let mut given = gradients(&model, t);
        model = optimizer.apply(rate(t), model, &mut given);
        assert_close(&values(&model), &theta, &format!("step {t}"));
    }
}

#[test]
fn a_parameter_without_a_gradient_keeps_its_memory() {
    let mut optimizer = build("grokfast:alpha=0.5,lamb=1.0,base=sgd");
    let mut model = Model::new();
    let mut mean = gradient_values(1);
    for t in 1..=4 {
        let before = values(&model);
        let mut given = gradients_of(&model, |place, _, shape| {
            (place != 1 || t % 2 == 1).then(|| random(t, place, shape))
        });
        model = optimizer.apply(1.0, model, &mut given);
        let (after, grad) = (values(&model), gradient_values(t));
        for place in 0..4 {
            if place == 1 && t % 2 == 0 {
                assert_eq!(after[place], before[place], "step {t}");
                continue;
            }
            for i in 0..grad[place].len() {
                mean[place][i] = 0.5 * mean[place][i] + 0.5 * grad[place][i];
                let expected = before[place][i] - grad[place][i] - mean[place][i];
                assert!((after[place][i] - expected).abs() < 1e-5, "step {t}, parameter {place}");
            }
        }
    }
}
