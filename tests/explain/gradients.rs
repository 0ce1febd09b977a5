//! Methods of gradients beside Captum and shap, and closed forms.

use crate::reference::{Subject, device, floats, near, numbers};
use burn::tensor::Tensor;
use optlab::explain::{Attribution, MethodSpec, Model, Question};
use optlab::model::InputShape;
use serde_json::Value;

/// The files with networks.
const FILES: [&str; 3] = ["table", "image", "linear"];

/// The distance that rounding to 32 bits makes, as a share of the largest attribution.
const ROUNDING: f64 = 2e-5;

fn explained(method: &str, question: &Question<'_>, row: &[f32]) -> Attribution {
    method.parse::<MethodSpec>().unwrap().explain(question, row).unwrap()
}

/// Compares the attributions of a method with those of a list in a file, input by input.
fn compare(
    name: &str,
    subject: &Subject,
    method: &str,
    baseline: Option<&[f32]>,
    expected: &Value,
    most: f64,
) {
    for (i, row) in subject.inputs.iter().enumerate() {
        let mut question = Question::new(&subject.model, subject.targets[i]);
        question.baseline = baseline;
        let given = explained(method, &question, row).values;
        near(&format!("{name} {i}"), &given, &numbers(&expected[i]), most);
    }
}

#[test]
fn the_networks_of_the_references_give_the_outputs_of_the_references() {
    for name in FILES {
        let subject = Subject::read(name);
        let given = subject.model.outputs(&subject.inputs.concat()).unwrap();
        near(name, &given, &numbers(&subject.file["outputs"]), 1e-6);
    }
}

#[test]
fn saliency_and_input_x_gradient_are_those_of_captum() {
    for name in FILES {
        let subject = Subject::read(name);
        let captum = &subject.file["captum"];
        for (method, key) in [
            ("saliency:signed=true", "saliency"),
            ("saliency", "saliency_abs"),
            ("input_x_gradient", "input_x_gradient"),
        ] {
            compare(&format!("{name} {key}"), &subject, method, None, &captum[key], ROUNDING);
        }
    }
}

#[test]
fn integrated_gradients_are_those_of_captum_from_zeros_and_from_another_baseline() {
    for name in FILES {
        let subject = Subject::read(name);
        for case in subject.file["captum"]["integrated_gradients"].as_array().unwrap() {
            if case["method"] != "gausslegendre" {
                continue;
            }
            let baseline = floats(&case["baseline"]);
            let method = format!("integrated_gradients:steps={}", case["steps"]);
            let title = format!("{name} from {}", case["baseline_name"]);
            compare(&title, &subject, &method, Some(&baseline), &case["attributions"], ROUNDING);
            // The gap of the sum is Captum's, too.
            for (i, row) in subject.inputs.iter().enumerate() {
                let question = Question::new(&subject.model, subject.targets[i]).with_baseline(&baseline);
                let given = explained(&method, &question, row);
                let gap = given.sum() - (given.output - given.baseline_output.unwrap());
                let of_captum = case["delta"][i].as_f64().unwrap();
                assert!(
                    (gap - of_captum).abs() < 2e-5 * given.output.abs().max(1.0),
                    "{gap}, not {of_captum}"
                );
            }
        }
        let zeros = &subject.file["captum"]["integrated_gradients"][0];
        compare(name, &subject, "integrated_gradients", None, &zeros["attributions"], ROUNDING);
    }
}

#[test]
fn gradients_at_captums_noisy_inputs_average_to_its_noise_tunnel() {
    for name in ["table", "image"] {
        let subject = Subject::read(name);
        let tunnel = &subject.file["captum"]["noise_tunnel"];
        for (i, row) in subject.inputs.iter().enumerate() {
            let noisy = floats(&tunnel["noisy_inputs"][i]);
            let (_, gradients) = subject.model.gradients(&noisy, subject.targets[i]).unwrap();
            let copies = gradients.len() / row.len();
            let mean = |of: &dyn Fn(f64) -> f64, j: usize| {
                gradients.iter().skip(j).step_by(row.len()).map(|g| of(f64::from(*g))).sum::<f64>()
                    / copies as f64
            };
            let means: Vec<f64> = (0..row.len()).map(|j| mean(&|g| g, j)).collect();
            let squares: Vec<f64> = (0..row.len()).map(|j| mean(&|g| g * g, j)).collect();
            near(name, &means, &numbers(&tunnel["smoothgrad"][i]), ROUNDING);
            near(name, &squares, &numbers(&tunnel["smoothgrad_sq"][i]), ROUNDING);
        }
    }
}

/// y = x³ in each of two elements, summed: the gradient is 3 x², and its mean over noise of deviation σ is
/// 3 (x² + σ²), of its square 9 (x⁴ + 6 x² σ² + 3 σ⁴).
#[test]
fn smooth_grad_has_the_closed_form_of_a_cubic_function() {
    let cube = |rows: Tensor<2>| (rows.clone() * rows.clone() * rows).sum_dim(1);
    let model = Model::new(InputShape::numbers(2), &device(), cube);
    let row = [1.0, -1.0];
    let deviation: f64 = 0.25 * 2.0;
    let (square, fourth) = (deviation.powi(2), deviation.powi(4));
    let mean = 3.0 * (1.0 + square);
    let mean_square = 9.0 * (1.0 + 6.0 * square + 3.0 * fourth);
    for (kind, expected) in [("mean", mean), ("square", mean_square), ("variance", mean_square - mean * mean)]
    {
        let method = format!("smooth_grad:samples=20000,noise=0.25,kind={kind}");
        let given = explained(&method, &Question::new(&model, 0).with_seed(3), &row);
        for (i, value) in given.values.iter().enumerate() {
            let error = given.standard_errors.as_ref().map_or(0.02 * expected, |errors| errors[i]);
            assert!((value - expected).abs() < 4.0 * error, "{kind}: {value} ± {error}, not {expected}");
        }
        assert_eq!(given.output, 0.0);
    }
    let other = explained("smooth_grad", &Question::new(&model, 0).with_seed(4), &row);
    assert_ne!(other.values, explained("smooth_grad", &Question::new(&model, 0).with_seed(5), &row).values);
}

#[test]
fn expected_gradients_are_within_their_errors_of_captums_mean_over_the_background() {
    let subject = Subject::read("table");
    let background = subject.background();
    let limit = &subject.file["shap"]["gradient"]["limit"];
    for (i, row) in subject.inputs.iter().enumerate() {
        let output = subject.targets[i];
        let expected: Vec<f64> = (0..row.len()).map(|j| limit[i][j][output].as_f64().unwrap()).collect();
        let question = Question::new(&subject.model, output).with_background(&background).with_seed(7);
        let given = explained("expected_gradients:samples=4000", &question, row);
        let errors = given.standard_errors.clone().unwrap();
        for j in 0..row.len() {
            let apart = (given.values[j] - expected[j]).abs();
            assert!(apart < 4.0 * errors[j] + 1e-3, "{i} {j}: {apart} apart, error {}", errors[j]);
        }
        assert!(given.completeness_gap().unwrap() < 0.01, "{:?}", given.completeness_gap());
        // Without samples it is integrated gradients from each background row.
        let given = explained("integrated_gradients:baseline=background", &question, row);
        near("limit", &given.values, &expected, ROUNDING);
    }
}

#[test]
fn shaps_expected_gradients_are_within_their_errors_of_ours() {
    let subject = Subject::read("table");
    let background = subject.background();
    let gradient = &subject.file["shap"]["gradient"];
    let (row, output) = (&subject.inputs[1], subject.targets[1]);
    let question = Question::new(&subject.model, output).with_background(&background);
    let given = explained("expected_gradients:samples=20000", &question, row);
    for (j, own) in given.standard_errors.unwrap().into_iter().enumerate() {
        let at = |key: &str| gradient[key][1][j][output].as_f64().unwrap();
        let error = own.hypot(at("standard_error_of_mean"));
        let apart = (given.values[j] - at("values_mean_of_seeds")).abs();
        assert!(apart < 4.0 * error, "{j}: {apart} apart, error {error}");
    }
}
