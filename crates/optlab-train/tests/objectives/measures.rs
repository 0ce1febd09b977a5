//! Values of the measures.

use crate::reference::{Case, reference};
use crate::tensors::{Targets, exact, flex, generator, host_devices, matrix, random_below, random_matrix};
use burn::tensor::{DType, Device};
use optlab_core::metric::{Direction, PERCENT};
use optlab_train::data::{BatchTargets, TargetUnit};
use optlab_train::objective::{LossSpec, MeasureSpec, Tally, TargetKind};

fn measure(text: &str) -> MeasureSpec {
    text.parse().unwrap()
}

fn loss(text: &str) -> LossSpec {
    text.parse().unwrap()
}

/// Returns the tally of all rows, in batches of `batch_size`.
fn tally(
    measures: &[&MeasureSpec],
    loss: &LossSpec,
    (outputs, targets): (&[Vec<f64>], &Targets),
    batch_size: usize,
    on: &(Device, DType),
) -> Tally {
    let mut tally = Tally::default();
    for first in (0..outputs.len()).step_by(batch_size) {
        let rows = first..(first + batch_size).min(outputs.len());
        let (outputs, targets) = (matrix(&outputs[rows.clone()], on), targets.part(rows, on));
        for measure in measures {
            measure.add(&outputs, &targets, loss, &mut tally);
        }
    }
    tally
}

/// Returns the value over all rows in one batch.
fn value(measure: &MeasureSpec, loss: &str, outputs: &[Vec<f64>], targets: &Targets) -> f64 {
    let tally = tally(&[measure], &self::loss(loss), (outputs, targets), usize::MAX / 2, &flex());
    measure.value(&tally, &[TargetUnit::default(); 4])
}

fn kind(case: &Case) -> TargetKind {
    match (case.kind.as_str(), case.count) {
        ("classes", Some(count)) => TargetKind::Classes(count),
        ("values", _) => TargetKind::Values(case.outputs[0].len()),
        _ => TargetKind::Labels(case.outputs[0].len()),
    }
}

#[test]
fn every_measure_is_that_of_scikit_learn_in_any_batches() {
    let mut seen = Vec::new();
    for case in reference().measures {
        let (loss, targets) = (loss(&case.loss), case.targets());
        let measures: Vec<(MeasureSpec, f64)> =
            case.expected.iter().map(|(text, expected)| (measure(text), *expected)).collect();
        // One tally for all of them: none disturbs another.
        let together: Vec<&MeasureSpec> = measures.iter().map(|(measure, _)| measure).collect();
        let devices = host_devices().into_iter().map(|on| (on, 2e-5)).chain([(exact(), 3e-7)]);
        for ((on, tolerance), batch_size) in
            devices.flat_map(|on| [1, 7, 50, 1000].map(|size| (on.clone(), size)))
        {
            let tally = tally(&together, &loss, (&case.outputs, &targets), batch_size, &on);
            for (measure, expected) in &measures {
                measure.fit(&loss, kind(&case)).unwrap();
                let given = measure.value(&tally, &case.units());
                let close = (given - expected).abs() <= tolerance * expected.abs().max(0.1);
                assert!(close, "{}, {measure}, batches of {batch_size}: {given} for {expected}", case.name);
                seen.push(measure.name());
            }
        }
    }
    for name in MeasureSpec::NAMES {
        assert!(seen.contains(&name), "no case has {name}");
    }
}

#[test]
fn accuracy_and_rmse_have_the_bits_of_the_workloads_so_far() {
    for (device, _) in host_devices() {
        let on = (device.inner(), DType::F32);
        let mut random = generator(3);
        let (outputs, classes) = (random_matrix(29, 10, 1.0, &mut random), random_below(29, 10, &mut random));
        let (outputs, targets) = (matrix(&outputs, &on), Targets::Classes(classes).all(&on));
        let BatchTargets::Classes(classes) = &targets else { panic!("classes") };
        let right = outputs.clone().argmax(1).squeeze_dim::<1>(1).equal(classes.clone()).float().sum();
        let mut tally = Tally::default();
        measure("accuracy").add(&outputs, &targets, &loss("cross_entropy"), &mut tally);
        assert_eq!(tally.sums("accuracy"), [f64::from(right.into_scalar::<f32>()), 29.0]);

        let (mut tally, mut sum) = (Tally::default(), 0.0);
        for rows in [500, 111] {
            let outputs = matrix(&random_matrix(rows, 1, 3.0, &mut random), &on);
            let targets = Targets::Values(random_matrix(rows, 1, 1.0, &mut random)).all(&on);
            let BatchTargets::Values(numbers) = &targets else { panic!("values") };
            sum += f64::from((outputs.clone() - numbers.clone()).square().sum().into_scalar::<f32>());
            measure("rmse").add(&outputs, &targets, &loss("mse"), &mut tally);
        }
        let unit = TargetUnit { mean: 152.0, scale: 77.093 };
        assert_eq!(measure("rmse").value(&tally, &[unit]), (sum / 611.0).sqrt() * 77.093);
    }
}

#[test]
fn equal_outputs_are_ordered_by_class_so_the_first_place_is_the_accuracy() {
    let outputs = [vec![1.0, 1.0, 1.0], vec![0.0, 2.0, 2.0], vec![3.0, 0.0, 0.0]];
    for (classes, top_1, top_2) in
        [(vec![0, 1, 0], 3.0, 3.0), (vec![1, 2, 1], 0.0, 3.0), (vec![2, 0, 2], 0.0, 0.0)]
    {
        let targets = Targets::Classes(classes);
        assert_eq!(value(&measure("top_k:k=1"), "cross_entropy", &outputs, &targets), top_1 / 3.0);
        assert_eq!(value(&measure("top_k:k=2"), "cross_entropy", &outputs, &targets), top_2 / 3.0);
        assert_eq!(value(&measure("accuracy"), "cross_entropy", &outputs, &targets), top_1 / 3.0);
    }
}

#[test]
fn outputs_of_0_predict_class_0_and_no_label() {
    let (outputs, targets) = (vec![vec![0.0]; 2], Targets::Classes(vec![0, 1]));
    for loss in ["binary_cross_entropy", "hinge"] {
        assert_eq!(value(&measure("accuracy"), loss, &outputs, &targets), 0.5);
        // Class 0 has F1 2/3, and class 1, which is never predicted, 0.
        assert_eq!(value(&measure("f1"), loss, &outputs, &targets), 1.0 / 3.0);
        assert_eq!(value(&measure("auc"), loss, &outputs, &targets), 0.5);
    }
    let targets = Targets::Values(vec![vec![0.0], vec![1.0]]);
    assert_eq!(value(&measure("hamming"), "multi_label", &outputs, &targets), 0.5);
}

#[test]
fn outputs_that_are_nan_are_no_success() {
    let nan = vec![vec![f64::NAN; 3]; 4];
    let classes = Targets::Classes(vec![0, 1, 2, 2]);
    for text in ["auc", "log_loss"] {
        assert!(value(&measure(text), "cross_entropy", &nan, &classes).is_nan(), "{text}");
    }
    assert_eq!(value(&measure("top_k:k=2"), "cross_entropy", &nan, &classes), 0.0);
    let numbers = Targets::Values(vec![vec![0.5, 1.0, 2.0]; 4]);
    for text in ["rmse", "mae", "r2", "mape"] {
        assert!(value(&measure(text), "mse", &nan, &numbers).is_nan(), "{text}");
    }
    let infinite = vec![vec![f64::INFINITY; 3]; 4];
    assert_eq!(value(&measure("r2"), "mse", &infinite, &numbers), f64::NEG_INFINITY);
}

#[test]
fn very_large_outputs_have_finite_measures() {
    let outputs = [vec![1e4, -1e4, 0.0], vec![-1e4, 1e4, 0.0], vec![0.0, 1e4, 1e4], vec![1e4, 0.0, 0.0]];
    let classes = Targets::Classes(vec![0, 1, 2, 1]);
    for text in ["accuracy", "f1", "balanced_accuracy", "auc", "log_loss", "top_k:k=2"] {
        let value = value(&measure(text), "cross_entropy", &outputs, &classes);
        assert!(value.is_finite(), "{text}: {value}");
    }
    // The third has the probability ½, the last exp(−10000).
    let log_loss = value(&measure("log_loss"), "cross_entropy", &outputs, &classes);
    assert!((log_loss / ((2_f64.ln() + 1e4) / 4.0) - 1.0).abs() < 1e-6, "{log_loss}");
    let one = [vec![1e4], vec![-1e4]];
    let log_loss = value(&measure("log_loss"), "binary_cross_entropy", &one, &Targets::Classes(vec![0, 0]));
    assert_eq!(log_loss, 5e3);
}

#[test]
fn scores_that_two_probabilities_of_1_hide_are_told_apart() {
    let outputs = [vec![0.0, 50.0], vec![0.0, 40.0]];
    let targets = Targets::Classes(vec![1, 0]);
    assert_eq!(value(&measure("auc"), "cross_entropy", &outputs, &targets), 1.0);
}

#[test]
fn a_measure_that_is_not_defined_is_nan() {
    for measure in MeasureSpec::all() {
        assert!(measure.value(&Tally::default(), &[]).is_nan(), "{measure}");
    }
    let one_class = Targets::Classes(vec![1, 1]);
    assert!(value(&measure("auc"), "hinge", &[vec![0.5], vec![1.0]], &one_class).is_nan());
    assert!(value(&measure("r2"), "mse", &[vec![0.5]], &Targets::Values(vec![vec![1.0]])).is_nan());
}

#[test]
fn each_measure_has_its_name_unit_and_direction() {
    use Direction::{Larger, Smaller};
    let expected = [
        ("accuracy", PERCENT, Larger),
        ("top_5", PERCENT, Larger),
        ("f1", "", Larger),
        ("balanced_accuracy", PERCENT, Larger),
        ("auc", "", Larger),
        ("log_loss", "", Smaller),
        ("rmse", "", Smaller),
        ("mae", "", Smaller),
        ("r2", "", Larger),
        ("mape", PERCENT, Smaller),
        ("subset_accuracy", PERCENT, Larger),
        ("hamming", PERCENT, Smaller),
    ];
    let metrics: Vec<_> = MeasureSpec::all().iter().map(MeasureSpec::metric).collect();
    let given: Vec<_> = metrics.iter().map(|m| (m.name.as_str(), m.unit.as_str(), m.direction)).collect();
    assert_eq!(given, expected);
    assert!(metrics.iter().all(|metric| metric.target.is_none()));
    assert_eq!(measure("top_k:k=3").metric().name, "top_3");
}

#[test]
fn the_defaults_are_those_of_the_task() {
    let defaults = |text: &str, targets| {
        let loss = loss(text);
        let measures = MeasureSpec::defaults(&loss, targets);
        for measure in &measures {
            measure.fit(&loss, targets).unwrap();
        }
        measures.iter().map(MeasureSpec::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(defaults("cross_entropy", TargetKind::Classes(3)), "accuracy f1 log_loss");
    assert_eq!(defaults("cross_entropy", TargetKind::Classes(2)), "accuracy f1 log_loss auc");
    assert_eq!(defaults("binary_cross_entropy", TargetKind::Classes(2)), "accuracy f1 log_loss auc");
    assert_eq!(defaults("hinge", TargetKind::Classes(2)), "accuracy f1 auc");
    assert_eq!(defaults("huber", TargetKind::Values(1)), "rmse mae r2");
    assert_eq!(defaults("multi_label", TargetKind::Labels(3)), "f1 subset_accuracy");
}

#[test]
fn a_measure_that_does_not_fit_is_refused_with_those_that_do() {
    let fit = |text: &str, of: &str, targets| {
        measure(text).fit(&loss(of), targets).map_err(|error| {
            assert!(error.is_usage());
            error.to_string()
        })
    };
    let error = fit("auc", "mse", TargetKind::Values(1)).unwrap_err();
    assert_eq!(error, "measure `auc` does not fit loss `mse` and 1 number; these fit: rmse, mae, r2, mape");
    let error = fit("log_loss", "hinge", TargetKind::Classes(3)).unwrap_err();
    assert!(error.ends_with("3 classes; these fit: accuracy, top_k, f1, balanced_accuracy, auc"), "{error}");
    let error = fit("rmse", "multi_label", TargetKind::Labels(4)).unwrap_err();
    assert!(error.ends_with("4 labels; these fit: f1, subset_accuracy, hamming"), "{error}");
    let error = fit("top_k:k=1", "cross_entropy", TargetKind::Classes(2)).unwrap_err();
    assert!(error.ends_with("these fit: accuracy, f1, balanced_accuracy, auc, log_loss"), "{error}");
    let error = fit("top_k", "cross_entropy", TargetKind::Classes(5)).unwrap_err();
    assert_eq!(error, "top_k: `k` must be below the number of classes, 5, not 5");
    assert!(fit("top_k", "cross_entropy", TargetKind::Classes(6)).is_ok());
    let error = fit("rmse", "mse", TargetKind::Classes(3)).unwrap_err();
    assert_eq!(error, "loss `mse` does not fit 3 classes; these fit: cross_entropy, hinge");
}

#[test]
fn what_fits_is_computed() {
    let (rows, on) = (9, flex());
    let mut random = generator(5);
    for loss in LossSpec::all() {
        for targets in [2, 3, 7].map(TargetKind::Classes).into_iter().chain([
            TargetKind::Values(1),
            TargetKind::Values(2),
            TargetKind::Labels(3),
        ]) {
            let Ok(columns) = loss.outputs(targets) else { continue };
            let outputs = matrix(&random_matrix(rows, columns, 1.0, &mut random), &on);
            let batch = match targets {
                TargetKind::Classes(classes) => {
                    Targets::Classes((0..rows).map(|row| row % classes).collect())
                }
                TargetKind::Values(_) => Targets::Values(random_matrix(rows, columns, 1.0, &mut random)),
                TargetKind::Labels(_) => Targets::Values(vec![vec![0.0, 1.0, 1.0]; rows]),
            }
            .all(&on);
            assert!(loss.mean(outputs.clone(), &batch).into_scalar::<f32>().is_finite());
            for measure in MeasureSpec::all().into_iter().filter(|m| m.fit(&loss, targets).is_ok()) {
                let mut tally = Tally::default();
                measure.add(&outputs, &batch, &loss, &mut tally);
                let value = measure.value(&tally, &[TargetUnit::default(); 2]);
                assert!(value.is_finite(), "{loss}, {measure}, {targets}: {value}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "measure `rmse` is not for targets of this kind")]
fn targets_of_another_kind_are_refused() {
    value(&measure("rmse"), "cross_entropy", &[vec![0.0, 1.0]], &Targets::Classes(vec![1]));
}
