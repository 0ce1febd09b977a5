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
