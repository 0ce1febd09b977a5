//! Occlusion, LIME and curves beside Captum, lime and formulas.

use crate::reference::{Subject, device, floats, near, numbers};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use optlab::explain::method::{cosine_distance, kernel};
use optlab::explain::{MethodSpec, Model, Question, curve, weighted_ridge};
use optlab::model::InputShape;

fn values(method: &str, question: &Question<'_>, row: &[f32]) -> Vec<f64> {
    method.parse::<MethodSpec>().unwrap().explain(question, row).unwrap().values
}

#[test]
fn occlusion_with_windows_of_each_size_and_stride_is_that_of_captum() {
    for name in ["table", "image"] {
        let subject = Subject::read(name);
        for case in subject.file["captum"]["occlusion"].as_array().unwrap() {
            let side = case["window"].as_array().unwrap().last().unwrap();
            let stride = case["stride"].as_array().unwrap().last().unwrap();
            let method = match name {
                "table" => "occlusion".into(),
                _ => format!("occlusion:window={side},stride={stride}"),
            };
            for (i, row) in subject.inputs.iter().enumerate() {
                let question = Question::new(&subject.model, subject.targets[i]);
                let given = values(&method, &question, row);
                near(&method, &given, &numbers(&case["attributions"][i]), 2e-5);
            }
        }
    }
}

#[test]
fn occlusion_of_columns_and_of_squares_is_captums_ablation_from_each_baseline() {
    for (name, method) in
        [("table", "occlusion"), ("linear", "occlusion"), ("image", "occlusion:window=2,stride=2")]
    {
        let subject = Subject::read(name);
        for case in subject.file["captum"]["feature_ablation"].as_array().unwrap() {
            let baseline = floats(&case["baseline"]);
            for (i, row) in subject.inputs.iter().enumerate() {
                let question = Question::new(&subject.model, subject.targets[i]).with_baseline(&baseline);
                near(name, &values(method, &question, row), &numbers(&case["attributions"][i]), 2e-5);
            }
        }
    }
}

#[test]
fn the_fit_of_lime_is_that_of_the_package_on_its_rows() {
    let (table, image) = (Subject::read("table"), Subject::read("image"));
    let cases = table.file["lime"]["tabular"].as_array().unwrap().iter();
    for case in cases.chain(image.file["lime"]["image"].as_array().unwrap()) {
        let (rows, labels) = (numbers(&case["rows"]), numbers(&case["labels"]));
        let width = case["kernel_width"].as_f64().unwrap();
        let distances = numbers(&case["distances"]);
        let weights: Vec<f64> = distances.iter().map(|distance| kernel(*distance, width)).collect();
        near("weights", &weights, &numbers(&case["weights"]), 1e-10);
        let fit = weighted_ridge(&rows, &weights, &labels, 1.0).unwrap();
        near("coefficients", &fit.coefficients, &numbers(&case["coefficients"]), 1e-9);
        assert!((fit.intercept - case["intercept"].as_f64().unwrap()).abs() < 1e-9);
        assert!((fit.score - case["score"].as_f64().unwrap()).abs() < 1e-9);
        if case["segments"].is_array() {
            let of_rows: Vec<f64> = rows
                .chunks(16)
                .map(|row| cosine_distance(&row.iter().map(|kept| *kept == 1.0).collect::<Vec<_>>()))
                .collect();
            near("distances", &of_rows, &distances, 1e-9);
        }
    }
}

/// The coefficients of two sets of draws differ by their sampling error alone, which falls with the root of
/// their number; the reference's own spread over two inputs of ours is not known, so the distance is
/// generous.
#[test]
fn lime_of_many_draws_is_near_the_fit_of_the_packages_draws() {
    let image = Subject::read("image");
    for (i, case) in image.file["lime"]["image"].as_array().unwrap().iter().enumerate() {
        let question = Question::new(&image.model, image.targets[i]).with_seed(1);
        let method = "lime:samples=150,window=2".parse::<MethodSpec>().unwrap();
        let draws: Vec<Vec<f64>> = (0..20)
            .map(|seed| {
                let values = method.explain(&question.with_seed(seed), &image.inputs[i]).unwrap().values;
                // A square of 2 × 2 pixels has the sum of its pixels.
                (0..16).map(|square| 4.0 * values[square / 4 * 16 + square % 4 * 2]).collect()
            })
            .collect();
        let expected = numbers(&case["coefficients"]);
        for square in 0..16 {
            let of_square = || draws.iter().map(|draw| draw[square]);
            let mean = of_square().sum::<f64>() / 20.0;
            let deviation = (of_square().map(|value| (value - mean).powi(2)).sum::<f64>() / 19.0).sqrt();
            let apart = (expected[square] - mean).abs() / (deviation * (1.0_f64 + 1.0 / 20.0).sqrt());
            assert!(apart < 4.5, "input {i}, square {square}: {apart} standard errors apart");
        }
    }
}

#[test]
fn lime_finds_the_contributions_of_a_linear_model() {
    let weights = Tensor::<2>::from_data([[2.0], [-1.0], [0.5]], &device());
    let model = Model::new(InputShape::numbers(3), &device(), move |rows| rows.matmul(weights.clone()));
    let row = [1.0, 3.0, -4.0];
    let given = "lime:samples=2000,alpha=0".parse::<MethodSpec>().unwrap();
    let given = given.explain(&Question::new(&model, 0), &row).unwrap();
    near("presence", &given.values, &[2.0, -3.0, -2.0], 1e-5);
    assert!(given.local_fit.unwrap() > 0.99999, "{:?}", given.local_fit);
    // Relative to the background's mean (1, 0, 0).
    let background = [0.0, -1.0, 2.0, 2.0, 1.0, -2.0];
    let question = Question::new(&model, 0).with_background(&background);
    near("normal", &values("lime:nearby=normal,alpha=0", &question, &row), &[0.0, -3.0, -2.0], 1e-4);
}

#[test]
fn deletion_and_insertion_are_those_of_the_formula() {
    let subject = Subject::read("image");
    let expected = &subject.file["formula"]["curves"];
    let with_softmax = Model::new(subject.model.input().clone(), &device(), |rows| {
        // The model of the file, through its public outputs, so that its order of columns stays.
        let [batch, _] = rows.dims();
        let flat: Vec<f32> = rows.into_data().iter::<f32>().collect();
        let outputs =
            subject.model.outputs(&flat).unwrap().into_iter().map(|value| value as f32).collect::<Vec<_>>();
        let width = outputs.len() / batch;
        softmax(Tensor::from_data(burn::tensor::TensorData::new(outputs, [batch, width]), &device()), 1)
    });
    let question = Question::new(&with_softmax, expected["target"].as_u64().unwrap() as usize);
    let scores = numbers(&expected["attribution"]);
    let curves = curve::curves(&question, &subject.inputs[0], &scores, 1).unwrap();
    near("deletion", &curves.deletion, &numbers(&expected["deletion"]["probabilities"]), 1e-5);
    near("insertion", &curves.insertion, &numbers(&expected["insertion"]["probabilities"]), 1e-5);
    assert!((curves.deletion_area() - expected["deletion"]["area"].as_f64().unwrap()).abs() < 1e-6);
    assert!((curves.insertion_area() - expected["insertion"]["area"].as_f64().unwrap()).abs() < 1e-6);
}
