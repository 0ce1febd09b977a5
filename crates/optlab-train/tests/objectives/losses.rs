//! Values and gradients of the losses.

use crate::formulas;
use crate::reference::reference;
use crate::tensors::{
    Targets, exact, flex, generator, host_devices, matrix, random_below, random_matrix, values,
};
use burn::tensor::{DType, Device, Tensor};
use optlab_train::data::BatchTargets;
use optlab_train::nn;
use optlab_train::objective::{LossSpec, TargetKind};

/// Returns the loss and its gradient.
fn computed(
    loss: &LossSpec,
    outputs: &[Vec<f64>],
    targets: &Targets,
    on: &(Device, DType),
) -> (f64, Vec<f64>) {
    let outputs = matrix(outputs, on).require_grad();
    let mean = loss.mean(outputs.clone(), &targets.all(on));
    assert_eq!(mean.dims(), [1]);
    // Another factor than 1 shows a gradient that ignores the one that it is given.
    let gradients = (mean.clone() * 3.0).backward();
    let gradient = values(outputs.grad(&gradients).unwrap());
    (values(mean)[0], gradient.into_iter().map(|number| number / 3.0).collect())
}

/// Checks a loss and its gradient; differences of a gradient are relative to its largest number, at most 1.
#[track_caller]
fn assert_close(given: &(f64, Vec<f64>), expected: &(f64, Vec<f64>), tolerance: f64, case: &str) {
    let off = (given.0 - expected.0).abs();
    assert!(off <= tolerance * expected.0.abs().max(1e-3), "{case}: {} for {}", given.0, expected.0);
    let largest = expected.1.iter().fold(1e-3_f64, |largest, number| largest.max(number.abs())).min(1.0);
    assert_eq!(given.1.len(), expected.1.len(), "{case}");
    for (place, (given, expected)) in given.1.iter().zip(&expected.1).enumerate() {
        let close = (given - expected).abs() <= tolerance * largest.max(expected.abs());
        assert!(close, "{case}: gradient {place}: {given} for {expected}");
    }
}

type Formula = Box<dyn Fn(&[Vec<f64>], &Targets) -> f64>;

/// Every loss in several settings, with its formula and the numbers of columns to try.
fn table() -> Vec<(&'static str, Formula, &'static [usize], &'static str)> {
    let weights = || vec![0.5, 2.0, 1.0];
    vec![
        ("mse", Box::new(formulas::mse), &[1, 3], "values"),
        ("l1", Box::new(formulas::l1), &[1, 3], "values"),
        ("huber", Box::new(formulas::huber(1.0)), &[1, 3], "values"),
        ("huber:delta=0.2", Box::new(formulas::huber(0.2)), &[1, 3], "values"),
        ("quantile", Box::new(formulas::quantile(0.5)), &[1, 3], "values"),
        ("quantile:q=0.9", Box::new(formulas::quantile(0.9)), &[1, 3], "values"),
        ("cross_entropy", Box::new(formulas::cross_entropy(0.0, vec![])), &[2, 3, 11], "classes"),
        (
            "cross_entropy:label_smoothing=0.2",
            Box::new(formulas::cross_entropy(0.2, vec![])),
            &[2, 3, 11],
            "classes",
        ),
        (
            "cross_entropy:class_weights=[0.5,2,1]",
            Box::new(formulas::cross_entropy(0.0, weights())),
            &[3],
            "classes",
        ),
        (
            "cross_entropy:class_weights=[0.5,2,1],label_smoothing=0.2",
            Box::new(formulas::cross_entropy(0.2, weights())),
            &[3],
            "classes",
        ),
        ("binary_cross_entropy", Box::new(formulas::binary_cross_entropy(1.0)), &[1], "classes"),
        (
            "binary_cross_entropy:positive_weight=3",
            Box::new(formulas::binary_cross_entropy(3.0)),
            &[1],
            "classes",
        ),
        ("multi_label", Box::new(formulas::binary_cross_entropy(1.0)), &[1, 4], "labels"),
        ("hinge", Box::new(formulas::hinge), &[1, 3, 11], "classes"),
    ]
}

/// Returns random outputs and targets.
fn example(kind: &str, rows: usize, columns: usize, seed: u64) -> (Vec<Vec<f64>>, Targets) {
    let mut random = generator(seed);
    let outputs = random_matrix(rows, columns, 1.5, &mut random);
    let targets = match kind {
        "classes" => Targets::Classes(random_below(rows, columns.max(2), &mut random)),
        "labels" => {
            let labels = random_below(rows * columns, 2, &mut random);
            let labels: Vec<f64> = labels.into_iter().map(|label| label as f64).collect();
            Targets::Values(labels.chunks(columns).map(Vec::from).collect())
        }
        _ => Targets::Values(random_matrix(rows, columns, 1.0, &mut random)),
    };
    (outputs, targets)
}

#[test]
fn every_loss_and_its_gradient_match_its_formula() {
    let named: Vec<LossSpec> = table().iter().map(|(text, ..)| text.parse().unwrap()).collect();
    for loss in LossSpec::all() {
        assert!(named.contains(&loss), "the table has no {loss}");
    }
    for (text, formula, all_columns, kind) in table() {
        let loss: LossSpec = text.parse().unwrap();
        for (&columns, rows, seed) in
            all_columns.iter().flat_map(|c| [(c, 1, 1), (c, 2, 2), (c, 17, 3), (c, 64, 4), (c, 64, 5)])
        {
            let (outputs, targets) = example(kind, rows, columns, seed);
            let expected = (formula(&outputs, &targets), formulas::gradient(&formula, &outputs, &targets));
            let case = format!("{text}, {rows} × {columns}, seed {seed}");
            let given = computed(&loss, &outputs, &targets, &exact());
            assert!((given.0 - expected.0).abs() <= 1e-12 * expected.0.abs(), "{case}: {given:?}");
            assert_close(&given, &expected, 1e-7, &case);
            for on in host_devices() {
                assert_close(&computed(&loss, &outputs, &targets, &on), &expected, 2e-5, &case);
            }
        }
    }
}

#[test]
fn losses_and_gradients_are_those_of_pytorch_and_scikit_learn() {
    let cases = reference().losses;
    assert_eq!(cases.iter().filter(|case| case.gradient.is_some()).count(), 13);
    for case in &cases {
        let mut loss: LossSpec = case.loss.parse().unwrap();
        if let Some(counts) = &case.counts {
            loss = loss.resolve(counts).unwrap();
        }
        let on = exact();
        let given = computed(&loss, &case.outputs, &case.targets(), &on);
        let gradient = case.gradient.as_ref().map_or_else(|| given.1.clone(), |gradient| gradient.concat());
        let expected = (case.expected["mean"], gradient);
        assert_close(&given, &expected, 1e-12, &case.loss);
        for on in host_devices() {
            assert_close(&computed(&loss, &case.outputs, &case.targets(), &on), &expected, 1e-5, &case.loss);
        }
    }
}

#[test]
fn balanced_weights_are_those_of_scikit_learn() {
    let cases = reference().losses;
    let case = cases.iter().find(|case| case.counts.is_some()).unwrap();
    let resolved = case.loss.parse::<LossSpec>().unwrap().resolve(case.counts.as_ref().unwrap()).unwrap();
    let weights = case.weights.clone().unwrap();
    let text = format!("cross_entropy:class_weights={weights:?}");
    assert_eq!(resolved, text.parse::<LossSpec>().unwrap());
}

#[test]
fn the_plain_losses_have_the_bits_of_the_workloads_so_far() {
    for on in host_devices() {
        let (outputs, targets) = example("classes", 33, 10, 7);
        let outputs = matrix(&outputs, &on);
        let BatchTargets::Classes(classes) = targets.all(&on) else { panic!("classes") };
        let expected = nn::cross_entropy(outputs.clone(), &classes).into_scalar::<f32>();
        let loss = LossSpec::default_for(TargetKind::Classes(10));
        assert_eq!(loss.mean(outputs, &BatchTargets::Classes(classes)).into_scalar::<f32>(), expected);

        let (outputs, targets) = example("values", 33, 1, 8);
        let outputs = matrix(&outputs, &on);
        let BatchTargets::Values(numbers) = targets.all(&on) else { panic!("values") };
        let expected = (outputs.clone() - numbers.clone()).square().mean().into_scalar::<f32>();
        let loss = LossSpec::default_for(TargetKind::Values(1));
        assert_eq!(loss.mean(outputs, &BatchTargets::Values(numbers)).into_scalar::<f32>(), expected);
    }
}

#[test]
fn very_large_outputs_have_a_finite_loss_and_gradient_and_nan_shows() {
    for (text, _, all_columns, kind) in table() {
        let loss: LossSpec = text.parse().unwrap();
        for (&columns, on) in
            all_columns.iter().flat_map(|c| host_devices().into_iter().map(move |on| (c, on)))
        {
            let (mut outputs, targets) = example(kind, 12, columns, 9);
            for (row, outputs) in outputs.iter_mut().enumerate() {
                outputs[row % columns] = if row % 2 == 0 { 1e4 } else { -1e4 };
            }
            let (mean, gradient) = computed(&loss, &outputs, &targets, &on);
            assert!(mean.is_finite() && gradient.iter().all(|number| number.is_finite()), "{text}: {mean}");
            outputs[1][0] = f64::NAN;
            assert!(computed(&loss, &outputs, &targets, &on).0.is_nan(), "{text}");
        }
    }
}

#[test]
fn gradients_where_a_formula_has_a_corner() {
    let gradient = |text: &str, output: f64, targets: Targets| {
        let given = computed(&text.parse().unwrap(), &[vec![output]], &targets, &flex());
        given.1[0]
    };
    let number = || Targets::Values(vec![vec![2.0]]);
    assert_eq!(gradient("l1", 2.0, number()), 0.0);
    assert_eq!(gradient("huber:delta=0.5", 2.5, number()), 0.5);
    assert_eq!(gradient("quantile:q=0.9", 2.0, number()), 0.0);
    // At the logit 0 of a model whose last weights are 0.
    assert_eq!(gradient("binary_cross_entropy", 0.0, Targets::Classes(vec![0])), 0.5);
    assert_eq!(gradient("binary_cross_entropy", 0.0, Targets::Classes(vec![1])), -0.5);
    assert_eq!(gradient("multi_label", 0.0, Targets::Values(vec![vec![1.0]])), -0.5);
}

#[test]
fn a_small_loss_keeps_its_digits() {
    for (text, outputs, targets) in [
        ("binary_cross_entropy", vec![vec![20.0]], Targets::Classes(vec![1])),
        ("multi_label", vec![vec![-20.0]], Targets::Values(vec![vec![0.0]])),
    ] {
        let given = computed(&text.parse().unwrap(), &outputs, &targets, &flex());
        assert_close(&given, &((-20_f64).exp().ln_1p(), given.1.clone()), 1e-6, text);
        assert!((given.0 / (-20_f64).exp() - 1.0).abs() < 1e-6, "{text}: {}", given.0);
    }
}

#[test]
fn predictions_are_probabilities_or_numbers() {
    let on = exact();
    let predict = |text: &str, outputs: &[Vec<f64>]| {
        values(text.parse::<LossSpec>().unwrap().predict(matrix(outputs, &on)))
    };
    let three = [3_f64.ln(), 0.0, 1e4, -1e4];
    let rows = [vec![3_f64.ln(), 0.0], vec![1e4, -1e4]];
    let close =
        |given: &[f64], expected: &[f64]| given.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    for text in ["cross_entropy", "cross_entropy:label_smoothing=0.1,class_weights=[1,2]"] {
        assert!(close(&predict(text, &rows), &[0.75, 0.25, 1.0, 0.0]));
    }
    assert!(close(&predict("multi_label", &rows), &[0.75, 0.5, 1.0, 0.0]));
    let column: Vec<Vec<f64>> = three.iter().map(|x| vec![*x]).collect();
    assert!(close(&predict("binary_cross_entropy", &column), &[0.75, 0.5, 1.0, 0.0]));
    for text in ["mse", "l1", "huber", "quantile", "hinge"] {
        assert_eq!(predict(text, &rows), three);
    }
}

fn mean_of_zeros(text: &str, shape: [usize; 2], targets: &Targets) {
    let (device, dtype) = exact();
    let outputs = Tensor::<2>::zeros(shape, &device).cast(dtype);
    text.parse::<LossSpec>().unwrap().mean(outputs, &targets.all(&(device, dtype)));
}

#[test]
#[should_panic(expected = "balanced weights are resolved before the training")]
fn unresolved_weights_are_refused() {
    mean_of_zeros("cross_entropy:class_weights=balanced", [1, 2], &Targets::Classes(vec![0]));
}

#[test]
#[should_panic(expected = "a weight for each class")]
fn weights_of_other_classes_are_refused() {
    mean_of_zeros("cross_entropy:class_weights=[1,2]", [1, 3], &Targets::Classes(vec![0]));
}

#[test]
#[should_panic(expected = "a target for each row")]
fn rows_without_a_target_are_refused() {
    mean_of_zeros("cross_entropy:label_smoothing=0.1", [3, 2], &Targets::Classes(vec![0, 1]));
}

#[test]
#[should_panic(expected = "loss `l1` is not for targets of this kind")]
fn targets_of_another_kind_are_refused() {
    mean_of_zeros("l1", [1, 2], &Targets::Classes(vec![0]));
}

#[test]
fn outputs_of_another_shape_than_the_targets_are_refused_and_not_repeated() {
    let values = || Targets::Values(vec![vec![1.0, 0.0]; 3]);
    let classes = || Targets::Classes(vec![1, 0]);
    for (text, shape, targets) in [
        ("mse", [3, 1], values()),
        ("l1", [1, 2], values()),
        ("huber", [3, 1], values()),
        ("quantile", [3, 1], values()),
        ("multi_label", [3, 1], values()),
        ("cross_entropy:label_smoothing=0.1", [1, 2], classes()),
        ("cross_entropy:label_smoothing=0.1", [3, 2], classes()),
        ("binary_cross_entropy", [2, 2], classes()),
        ("hinge", [1, 1], classes()),
        ("hinge", [3, 3], classes()),
    ] {
        let refused = std::panic::catch_unwind(|| mean_of_zeros(text, shape, &targets));
        assert!(refused.is_err(), "{text} {shape:?}");
    }
}
