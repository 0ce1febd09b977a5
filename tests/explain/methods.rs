//! Methods as specs, their mistakes, and their bytes.

use crate::reference::{Subject, device};
use burn::tensor::Tensor;
use optlab::explain::{MethodSpec, Model, Question};
use optlab::model::InputShape;

#[test]
fn every_method_is_read_from_its_name_and_written_as_the_shortest_text() {
    for (name, method) in MethodSpec::NAMES.into_iter().zip(MethodSpec::all()) {
        assert_eq!(name.parse::<MethodSpec>().unwrap(), method);
        assert_eq!((method.to_string().as_str(), method.name()), (name, name));
        assert!(!method.summary().is_empty());
        let table = serde_json::to_value(&method).unwrap();
        assert_eq!(serde_json::from_value::<MethodSpec>(table).unwrap(), method);
    }
    let text = "occlusion:stride=1,window=2";
    assert_eq!(text.parse::<MethodSpec>().unwrap().to_string(), text);
}

#[test]
fn a_wrong_method_or_setting_is_named_with_what_is_allowed() {
    for (text, expected) in [
        ("integrated_gradient", "did you mean `integrated_gradients`?"),
        ("lime:sample=3", "has no field `sample`, did you mean `samples`?"),
        ("integrated_gradients:steps=0", "integrated_gradients: `steps` must be in [1, 1000], not 0"),
        ("integrated_gradients:steps=100000", "not 100000"),
        ("kernel_shap:background=0", "kernel_shap: `background` must be at least 1, not 0"),
        ("smooth_grad:noise=-1", "smooth_grad: `noise` must be in [0, ∞), not -1"),
        ("lime:nearby=far", "lime: `nearby` must be"),
        ("occlusion:baseline=black", "occlusion: `baseline` must be"),
        ("saliency:signed=1", "true or false"),
    ] {
        let error = text.parse::<MethodSpec>().unwrap_err();
        assert!(error.to_string().contains(expected) && error.is_usage(), "{text}: {error}");
    }
}

#[test]
fn a_model_that_a_method_cannot_explain_is_refused_with_the_reason() {
    let image = Subject::read("image");
    let table = Subject::read("table");
    let refused = |subject: &Subject, method: &str, output: usize, row: &[f32]| {
        let method: MethodSpec = method.parse().unwrap();
        method.explain(&Question::new(&subject.model, output), row).unwrap_err().to_string()
    };
    let (picture, row) = (&image.inputs[0], &table.inputs[0]);
    for (error, expected) in [
        (
            refused(&table, "grad_cam", 0, row),
            "grad_cam is for pictures, and the model reads a table of 8 columns",
        ),
        (refused(&table, "attention_rollout", 0, row), "attention_rollout is for sequences"),
        (refused(&table, "kernel_shap", 0, row), "kernel_shap needs background rows"),
        (
            refused(&table, "saliency", 3, row),
            "explain: `output` must be below 3, the number of outputs, not 3",
        ),
        (
            refused(&table, "saliency", 0, &row[1..]),
            "explain: `input` must be 8 finite numbers, not 7 numbers",
        ),
        (refused(&table, "occlusion:window=2", 0, row), "occlusion: `window` must be none for a table"),
        (refused(&table, "lime:baseline=mean", 0, row), "lime with this baseline needs background rows"),
        (
            refused(&image, "grad_cam:layer=conv_9", 0, picture),
            "grad_cam: `layer` must be one of conv_1, relu_1, conv_2, relu_2, not conv_9",
        ),
        (
            refused(&image, "activation_map:layer=conv_1,channel=4", 0, picture),
            "activation_map: `channel` must be below 4, the channels of `conv_1`, not 4",
        ),
        (refused(&image, "occlusion:window=9", 0, picture), "occlusion: `window` must be from 1 to 8, not 9"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let mut broken = row.clone();
    broken[1] = f32::NAN;
    assert!(refused(&table, "saliency", 0, &broken).contains("not NaN"));
}

#[test]
fn a_category_has_no_gradient_and_the_error_names_the_methods_that_need_none() {
    let shape = InputShape::Columns(vec![None, Some(3)]);
    let model = Model::new(shape, &device(), |rows: Tensor<2>| rows.sum_dim(1));
    let background = [0.0, 1.0, 1.0, 2.0];
    let question = Question::new(&model, 0).with_background(&background);
    for method in
        ["saliency", "input_x_gradient", "smooth_grad", "integrated_gradients", "expected_gradients"]
    {
        let error = method.parse::<MethodSpec>().unwrap().explain(&question, &[1.0, 2.0]).unwrap_err();
        let named = "these methods need none: occlusion, lime, kernel_shap, attention_rollout";
        assert!(error.to_string().contains(named) && error.is_usage(), "{error}");
    }
    // Against each background row: 3 − (0 + 2 + 1 + 2) / 2 for the first, 3 − (1 + 1 + 1 + 2) / 2 for the
    // second.
    for method in ["occlusion", "kernel_shap", "lime:alpha=0"] {
        let values = method.parse::<MethodSpec>().unwrap().explain(&question, &[1.0, 2.0]).unwrap().values;
        assert!((values[0] - 0.5).abs() < 1e-5 && (values[1] - 0.5).abs() < 1e-5, "{method}: {values:?}");
    }
}

#[test]
fn an_output_that_is_no_number_is_an_error_and_no_map() {
    let model = Model::new(InputShape::numbers(1), &device(), |rows: Tensor<2>| rows.log());
    for method in ["saliency", "integrated_gradients", "occlusion"] {
        let method: MethodSpec = method.parse().unwrap();
        let error = method.explain(&Question::new(&model, 0), &[-1.0]).unwrap_err();
        assert!(error.to_string().contains("there is nothing to attribute"), "{error}");
    }
}

#[test]
fn the_same_seed_gives_the_same_numbers_for_any_batch_size_and_another_seed_gives_others() {
    let subject = Subject::read("image");
    let background = subject.inputs.concat();
    for method in ["smooth_grad", "expected_gradients", "lime", "kernel_shap:samples=300"] {
        let method: MethodSpec = method.parse().unwrap();
        let values = |seed| {
            let question = Question::new(&subject.model, 0).with_background(&background).with_seed(seed);
            method.explain(&question, &subject.inputs[0]).unwrap().values
        };
        assert_eq!(values(1), values(1), "{method}");
        assert_ne!(values(1), values(2), "{method}");
    }
}
