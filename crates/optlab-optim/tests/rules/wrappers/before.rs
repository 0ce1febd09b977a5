//! Wrappers that change gradients before a rule sees them.

use super::*;

/// Rules that step by the gradient itself: at a rate of 1 the step equals the gradient that they saw.
const PLAIN: [&str; 2] = ["sgd", "burn.sgd"];

/// Returns the gradients that a rule inside the wrappers `around`, which ends in `base=`, sees for a model
/// with the parameters `theta`.
fn seen(around: &str, rule: &str, theta: &Values, grad: &Values) -> Values {
    let mut optimizer = build(&format!("{around}{rule}"));
    let model = with_values(Model::new(), theta);
    let mut given = gradients_of(&model, |place, _, _| Some(grad[place].clone()));
    let moved = values(&optimizer.apply(1.0, model, &mut given));
    let mut step = values(&with_values(Model::new(), theta));
    each(&mut step, &moved, |before, after| before - after);
    step
}

/// Returns the indices of the elements of each output: a column of a matrix, or an index of a kernel's first
/// dimension.
fn outputs(shape: &[usize]) -> Vec<Vec<usize>> {
    let elements: usize = shape.iter().product();
    let output_of = |i: usize| match shape {
        [_] => 0,
        [_, columns] => i % columns,
        [_, inner @ ..] => i / inner.iter().product::<usize>(),
        [] => unreachable!("no parameter is a scalar"),
    };
    let count = (0..elements).map(output_of).max().unwrap() + 1;
    (0..count).map(|output| (0..elements).filter(|&i| output_of(i) == output).collect()).collect()
}

fn norm<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn centralized_gradients_have_no_mean_over_an_output() {
    let theta = values(&Model::new());
    for rule in PLAIN {
        let mut expected = gradient_values(1);
        for (grad, shape) in expected.iter_mut().zip(SHAPES).filter(|(_, shape)| shape.len() > 1) {
            for output in outputs(shape) {
                let mean = output.iter().map(|&i| grad[i]).sum::<f64>() / output.len() as f64;
                output.iter().for_each(|&i| grad[i] -= mean);
            }
        }
        assert_close(&seen("centralized:base=", rule, &theta, &gradient_values(1)), &expected, rule);
    }
}

#[test]
fn an_outputs_gradient_is_limited_to_a_share_of_its_parameters_norm() {
    let theta = values(&Model::new());
    for rule in PLAIN {
        let mut expected = gradient_values(2);
        let (mut clipped, mut kept) = (0, 0);
        for ((grad, theta), shape) in expected.iter_mut().zip(&theta).zip(SHAPES) {
            for output in outputs(shape) {
                let of_theta = norm(output.iter().map(|&i| &theta[i])).max(1e-3);
                let of_grad = norm(output.iter().map(|&i| &grad[i]));
                let factor = (0.9 * of_theta / of_grad).min(1.0);
                if factor < 1.0 {
                    clipped += 1
                } else {
                    kept += 1
                }
                output.iter().for_each(|&i| grad[i] *= factor);
            }
        }
        assert!(clipped > 1 && kept > 1, "{clipped} clipped, {kept} not");
        assert_close(
            &seen("adaptive_clip:limit=0.9,base=", rule, &theta, &gradient_values(2)),
            &expected,
            rule,
        );
    }
}

#[test]
fn an_output_of_zeros_can_still_move_and_a_gradient_of_zeros_stays_zero() {
    let theta: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let mut expected = gradient_values(3);
    let mut grad = expected.clone();
    for (place, shape) in SHAPES.iter().enumerate() {
        for (count, output) in outputs(shape).into_iter().enumerate() {
            let of_grad = norm(output.iter().map(|&i| &grad[place][i]));
            for i in output {
                if count == 1 {
                    grad[place][i] = 0.0;
                }
                expected[place][i] = grad[place][i] * 0.5 * 1e-3 / of_grad;
            }
        }
    }
    let given = seen("adaptive_clip:limit=0.5,base=", "sgd", &theta, &grad);
    for (given, expected) in given.iter().flatten().zip(expected.iter().flatten()) {
        assert!((given - expected).abs() <= 1e-6 * expected.abs(), "{given}, not {expected}");
    }
}

#[test]
fn gradients_are_clipped_by_value_then_by_their_norm_then_by_the_norm_of_all() {
    let theta = values(&Model::new());
    for (text, value, tensor_norm, all) in [
        ("clip:value=0.4,norm=1e9,base=", 0.4, f64::INFINITY, f64::INFINITY),
        ("clip:tensor_norm=1.1,norm=1e9,base=", f64::INFINITY, 1.1, f64::INFINITY),
        ("clip:norm=0.75,base=", f64::INFINITY, f64::INFINITY, 0.75),
        ("clip:base=", f64::INFINITY, f64::INFINITY, 1.0),
        ("clip:norm=1e3,base=", f64::INFINITY, f64::INFINITY, f64::INFINITY),
        ("clip:value=0.4,tensor_norm=0.9,norm=1.2,base=", 0.4, 0.9, 1.2),
        ("clip:norm=1.2,base=(clip:value=0.4,tensor_norm=0.9,norm=none,base=", 0.4, 0.9, 1.2),
    ] {
        for rule in PLAIN {
            let mut expected = gradient_values(4);
            for grad in &mut expected {
                grad.iter_mut().for_each(|grad| *grad = grad.clamp(-value, value));
                let factor = (tensor_norm / (norm(&*grad) + 1e-6)).min(1.0);
                grad.iter_mut().for_each(|grad| *grad *= factor);
            }
            let factor = (all / (norm(expected.iter().flatten()) + 1e-6)).min(1.0);
            expected.iter_mut().flatten().for_each(|grad| *grad *= factor);
            let rule = if text.contains('(') { format!("{rule})") } else { rule.into() };
            assert_close(&seen(text, &rule, &theta, &gradient_values(4)), &expected, text);
        }
    }
}

#[test]
fn a_gradient_whose_square_is_infinite_in_32_bits_is_clipped_like_any_other() {
    let theta = values(&Model::new());
    let (limit, share) = (0.5, 0.1);
    for scale in [1e20, 1e30, 1e37] {
        let mut grad = gradient_values(3);
        grad.iter_mut().flatten().for_each(|grad| *grad *= scale);
        let scaled = |of: &[f64], factor: f64| of.iter().map(|grad| grad * factor).collect::<Vec<f64>>();
        let all = norm(grad.iter().flatten());
        let by_output = |place: usize| {
            let mut clipped = grad[place].clone();
            for output in outputs(SHAPES[place]) {
                let norm_of = |of: &[f64]| norm(&output.iter().map(|&i| of[i]).collect::<Vec<f64>>());
                let factor = share * norm_of(&theta[place]).max(1e-3) / norm_of(&grad[place]);
                output.iter().for_each(|&i| clipped[i] *= factor);
            }
            clipped
        };
        let rows: [(&str, Values); 4] = [
            ("clip:norm=0.5,base=", grad.iter().map(|grad| scaled(grad, limit / all)).collect()),
            (
                "clip:tensor_norm=0.5,norm=none,base=",
                grad.iter().map(|grad| scaled(grad, limit / norm(grad))).collect(),
            ),
            (
                "clip:value=0.5,norm=none,base=",
                grad.iter().map(|grad| grad.iter().map(|g| g.signum() * limit).collect()).collect(),
            ),
            ("adaptive_clip:limit=0.1,base=", (0..4).map(by_output).collect()),
        ];
        for (around, expected) in &rows {
            for rule in PLAIN {
                assert_close(
                    &seen(around, rule, &theta, &grad),
                    expected,
                    &format!("{around}{rule}, {scale:e}"),
                );
            }
        }
        let mut optimizer = build("clip:norm=0.5,base=sgd");
        let model = Model::new();
        let mut given = gradients_of(&model, |place, _, _| Some(grad[place].clone()));
        optimizer.apply(1.0, model, &mut given);
        let reported = optimizer.gradient_norm().unwrap().value();
        assert!((reported / all - 1.0).abs() < 1e-6, "{scale:e}: {reported:e}");
    }
}

#[test]
fn the_nearby_point_of_sam_is_as_far_away_for_a_gradient_whose_square_is_infinite_in_32_bits() {
    let model = Model::new();
    let theta = values(&model);
    let mut points = Vec::new();
    build("sam:rho=0.5,base=sgd").step(0.1, model, |model| {
        points.push(values(model));
        (
            0.0,
            gradients_of(model, |place, _, shape| {
                Some(random(3, place, shape).iter().map(|g| g * 1e30).collect())
            }),
        )
    });
    let grad = gradient_values(3);
    let all = norm(grad.iter().flatten());
    let mut expected = theta;
    each(&mut expected, &grad, |theta, grad| theta + 0.5 * grad / all);
    assert_close(&points[1], &expected, "the nearby point");
}
