//! Shapley values: by enumeration, of shap and Captum, and of linear models.

use crate::reference::{Subject, device, near, numbers};
use burn::tensor::Tensor;
use optlab::explain::{MethodSpec, Model, Question};
use optlab::model::InputShape;

fn explained(method: &str, question: &Question<'_>, row: &[f32]) -> optlab::explain::Attribution {
    method.parse::<MethodSpec>().unwrap().explain(question, row).unwrap()
}

/// A network of 8 numbers in 64 bits, by hand: y = Σ tanh(W x + b) v + x₀ x₁.
fn by_hand(x: &[f64]) -> f64 {
    let hidden = |unit: usize| {
        let sum: f64 =
            x.iter().enumerate().map(|(i, x)| x * (((unit * 8 + i) * 7 % 11) as f64 - 5.0) / 8.0).sum();
        (sum + unit as f64 / 4.0 - 0.5).tanh()
    };
    (0..5).map(|unit| hidden(unit) * (unit as f64 - 1.5)).sum::<f64>() + x[0] * x[1]
}

/// The same as a model.
fn as_model() -> Model<'static> {
    let weights: Vec<f32> =
        (0..8).flat_map(|i| (0..5).map(move |unit| (((unit * 8 + i) * 7 % 11) as f32 - 5.0) / 8.0)).collect();
    let device = device();
    let weights = Tensor::<2>::from_data(burn::tensor::TensorData::new(weights, [8, 5]), &device);
    let bias = Tensor::<2>::from_data([[-0.5, -0.25, 0.0, 0.25, 0.5]], &device);
    let of_units = Tensor::<2>::from_data([[-1.5], [-0.5], [0.5], [1.5], [2.5]], &device);
    Model::new(InputShape::numbers(8), &device, move |rows| {
        let product = rows.clone().narrow(1, 0, 1) * rows.clone().narrow(1, 1, 1);
        (rows.matmul(weights.clone()) + bias.clone()).tanh().matmul(of_units.clone()) + product
    })
}

/// Shapley values of the mean over the background, by the formula over all subsets.
fn enumerated(row: &[f64], background: &[Vec<f64>]) -> Vec<f64> {
    let players = row.len();
    let value = |set: usize| {
        let mixed = |other: &Vec<f64>| {
            let x: Vec<f64> =
                (0..players).map(|i| if set >> i & 1 == 1 { row[i] } else { other[i] }).collect();
            by_hand(&x)
        };
        background.iter().map(mixed).sum::<f64>() / background.len() as f64
    };
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let of_player = |i: usize| {
        let sets = (0..1_usize << players).filter(|set| set >> i & 1 == 0);
        sets.map(|set| {
            let size = set.count_ones() as usize;
            let weight = factorial(size) * factorial(players - size - 1) / factorial(players);
            weight * (value(set | 1 << i) - value(set))
        })
        .sum()
    };
    (0..players).map(of_player).collect()
}

fn row_and_background() -> (Vec<f32>, Vec<f32>) {
    let number = |i: usize| ((i * 37 + 11) % 17) as f32 / 8.0 - 1.0;
    ((0..8).map(number).collect(), (8..8 * 7).map(number).collect())
}

#[test]
fn kernel_shap_of_8_features_is_their_shapley_values_by_enumeration() {
    let (row, background) = row_and_background();
    let wide = |row: &[f32]| row.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    let expected = enumerated(&wide(&row), &background.chunks(8).map(wide).collect::<Vec<_>>());
    let model = as_model();
    assert!((model.outputs(&row).unwrap()[0] - by_hand(&wide(&row))).abs() < 1e-5);
    let question = Question::new(&model, 0).with_background(&background);
    let given = explained("kernel_shap", &question, &row);
    near("enumeration", &given.values, &expected, 2e-6);
    assert!(given.completeness_gap().unwrap() < 1e-9);
    // With fewer sets than all they are estimates: near, and complete all the same.
    let given = explained("kernel_shap:samples=120", &question, &row);
    near("120 of 254 sets", &given.values, &expected, 0.2);
    assert!(given.completeness_gap().unwrap() < 1e-9);
    let error = |samples: usize| {
        let spread = |seed| {
            let given = explained(&format!("kernel_shap:samples={samples}"), &question.with_seed(seed), &row);
            crate::reference::distance(&given.values, &expected)
        };
        (0..20).map(spread).sum::<f64>() / 20.0
    };
    let (few, more) = (error(40), error(160));
    assert!(more < 0.7 * few, "more sets are nearer: {few} with 40, {more} with 160");
}

#[test]
fn kernel_shap_is_that_of_shap_and_of_captum() {
    for name in ["table", "linear"] {
        let subject = Subject::read(name);
        let background = subject.background();
        for (i, row) in subject.inputs.iter().enumerate() {
            for output in 0..subject.file["outputs"][0].as_array().unwrap().len() {
                let question = Question::new(&subject.model, output).with_background(&background);
                let given = explained("kernel_shap", &question, row);
                for key in ["kernel", "exact"] {
                    let values = &subject.file["shap"][key]["values"][i];
                    let expected: Vec<f64> =
                        (0..row.len()).map(|j| values[j][output].as_f64().unwrap()).collect();
                    near(&format!("{name} {key}"), &given.values, &expected, 1e-5);
                }
                let expected = subject.file["shap"]["kernel"]["expected_value"][output].as_f64().unwrap();
                assert!((given.baseline_output.unwrap() - expected).abs() < 1e-5);
            }
            let zeros = vec![0.0; row.len()];
            let question = Question::new(&subject.model, subject.targets[i]).with_background(&zeros);
            let expected = numbers(&subject.file["captum"]["shapley_values"]["attributions"][i]);
            near(
                &format!("{name} Captum"),
                &explained("kernel_shap", &question, row).values,
                &expected,
                1e-5,
            );
        }
    }
}

/// For y = w x + c, every method that promises a sum gives wᵢ (xᵢ − bᵢ).
#[test]
fn all_methods_agree_on_the_closed_form_of_a_linear_model() {
    let subject = Subject::read("linear");
    let background = subject.background();
    let weights = numbers(&subject.file["model"]["layers"][0]["weight"]);
    let mean = |j: usize| background.iter().skip(j).step_by(6).map(|x| f64::from(*x)).sum::<f64>() / 15.0;
    for (i, row) in subject.inputs.iter().enumerate() {
        let output = subject.targets[i];
        let question = Question::new(&subject.model, output).with_background(&background);
        let from = |baseline: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..6).map(|j| weights[output * 6 + j] * (f64::from(row[j]) - baseline(j))).collect()
        };
        let (of_zero, of_mean) = (from(&|_| 0.0), from(&mean));
        for method in ["input_x_gradient", "integrated_gradients:steps=3", "occlusion"] {
            near(method, &explained(method, &question, row).values, &of_zero, 1e-5);
        }
        for method in ["integrated_gradients:steps=3,baseline=mean", "kernel_shap", "occlusion:baseline=mean"]
        {
            near(method, &explained(method, &question, row).values, &of_mean, 1e-5);
        }
        let given = explained("expected_gradients:samples=1500", &question, row);
        near("expected_gradients", &given.values, &of_mean, 1e-5);
        let of_shap = &subject.file["shap"]["linear"]["values"][i];
        let of_shap: Vec<f64> = (0..6).map(|j| of_shap[j][output].as_f64().unwrap()).collect();
        near("LinearExplainer", &of_mean, &of_shap, 1e-9);
    }
}

#[test]
fn the_elements_of_a_column_are_one_player() {
    let (row, background) = row_and_background();
    // Elements 2, 3 and 4 are one column.
    let model = as_model().with_groups(vec![0, 1, 2, 2, 2, 3, 4, 5]);
    let question = Question::new(&model, 0).with_background(&background);
    let given = explained("kernel_shap", &question, &row);
    assert_eq!(given.values[2], given.values[3]);
    assert_eq!(given.values[3], given.values[4]);
    assert!(given.completeness_gap().unwrap() < 1e-9);
    let alone = explained("occlusion", &question, &row);
    let mut without = row.clone();
    without[2..5].fill(0.0);
    let difference = model.outputs(&row).unwrap()[0] - model.outputs(&without).unwrap()[0];
    assert!((alone.values[2..5].iter().sum::<f64>() - difference).abs() < 1e-6);
}
