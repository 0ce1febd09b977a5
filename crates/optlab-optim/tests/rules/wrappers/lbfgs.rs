//! L-BFGS: its line search, its state, and what goes together with it.

use super::*;
use optlab_optim::GradientTransform;

/// Returns an element of `A` in the loss ½ θᵀAθ over all parameters: positive definite.
fn curvature(i: usize, j: usize) -> f64 {
    if i == j { 1.0 + i as f64 / 4.0 } else { 0.2 / (1.0 + (i + j) as f64) }
}

/// Returns the loss and the gradient at `theta`, and what a batch `t` adds to the gradient.
fn loss_of(theta: &Values, t: usize) -> (f64, Values) {
    let flat = theta.concat();
    let noise: Vec<f64> = gradient_values(t).concat().iter().map(|noise| noise / 10.0).collect();
    let bent = |i: usize| (0..flat.len()).map(|j| curvature(i, j) * flat[j]).sum::<f64>();
    let bent: Vec<f64> = (0..flat.len()).map(bent).collect();
    let loss = (0..flat.len()).map(|i| flat[i] * (bent[i] / 2.0 + noise[i])).sum();
    let mut slope = bent.iter().zip(&noise).map(|(bent, noise)| bent + noise);
    (loss, theta.iter().map(|values| values.iter().map(|_| slope.next().unwrap()).collect()).collect())
}

fn evaluate(model: &Model, t: usize) -> (f64, GradientsParams) {
    let (loss, slope) = loss_of(&values(model), t);
    (loss, gradients_of(model, |place, _, _| Some(slope[place].clone())))
}

fn step(optimizer: &mut ModelOptimizer, model: Model, t: usize) -> Model {
    optimizer.step(1.0, model, |model| evaluate(model, t)).0
}

#[test]
fn it_finds_the_minimum_of_a_quadratic_in_one_step_and_stays_there() {
    let mut optimizer = build("lbfgs:max_iterations=100");
    let mut measured = f64::NAN;
    let (model, first) = optimizer.step(1.0, Model::new(), |model| evaluate(model, 1));
    let (start, _) = loss_of(&values(&Model::new()), 1);
    assert!((first - start).abs() < 1e-5, "the loss of the first evaluation: {first}, not {start}");
    let (_, slope) = loss_of(&values(&model), 1);
    assert!(slope.iter().flatten().all(|slope| slope.abs() < 1e-4), "{slope:?}");
    let before = values(&model);
    let (model, _) = optimizer.step(1.0, model, |model| {
        measured = evaluate(model, 1).0;
        evaluate(model, 1)
    });
    assert_close(&values(&model), &before, "a further step");
    assert!(measured < start);
}

#[test]
fn evaluations_are_limited_and_the_first_one_is_at_the_model() {
    for (text, most) in [
        ("lbfgs:max_iterations=4,max_evaluations=30", 30),
        ("lbfgs:max_iterations=4", 5),
        ("lbfgs:max_iterations=4,max_evaluations=3", 4),
        ("lbfgs:max_iterations=1,line_search=fixed", 1),
        ("lbfgs:max_iterations=3,line_search=fixed", 3),
    ] {
        let mut optimizer = build(text);
        let mut model = Model::new();
        for t in 1..=3 {
            let (before, mut points) = (values(&model), Vec::new());
            model = optimizer
                .step(0.3, model, |model| {
                    points.push(values(model));
                    evaluate(model, t)
                })
                .0;
            assert_eq!(points[0], before, "{text}");
            assert!(points.len() <= most, "{text}: {} evaluations", points.len());
        }
    }
}

#[test]
fn it_resumes_exactly_from_saved_state_with_averages_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    for text in [
        "lbfgs:max_iterations=3,history=2",
        "lbfgs:max_iterations=2,line_search=fixed",
        "ema:decay=0.7,base=lbfgs:max_iterations=2",
        "swa:start=2,base=lbfgs:max_iterations=2",
        "lawa:snapshots=2,every=2,base=lbfgs:max_iterations=2",
        "group:parameters=*.bias,other=adam,base=(lbfgs:max_iterations=2)",
    ] {
        for before in [0, 1, 4] {
            let mut optimizer = build(text);
            let model = (1..=before).fold(Model::new(), |model, t| step(&mut optimizer, model, t));
            optimizer.save(&path).unwrap();
            let mut restored = build(text);
            restored.load(&path, &model, &Device::default()).unwrap();
            let mut unrestored = build(text);
            let [uninterrupted, resumed, restarted] =
                [&mut optimizer, &mut restored, &mut unrestored].map(|optimizer| {
                    let model = (5..=8).fold(model.clone(), |model, t| step(optimizer, model, t));
                    [bits(&model), bits(&optimizer.for_evaluation(&model))]
                });
            assert_eq!(resumed, uninterrupted, "{text} after {before} steps");
            assert!(before == 0 || restarted[0] != uninterrupted[0], "{text} after {before} steps");
        }
    }
}

#[test]
fn averages_follow_the_steps_from_the_initial_weights() {
    let mut optimizer = build("ema:decay=0.7,base=lbfgs:max_iterations=2");
    let mut alone = build("lbfgs:max_iterations=2");
    let mut average = values(&Model::new());
    let [mut model, mut other] = [Model::new(), Model::new()];
    for t in 1..=4 {
        model = step(&mut optimizer, model, t);
        other = step(&mut alone, other, t);
        assert_eq!(bits(&model), bits(&other), "step {t}");
        each(&mut average, &values(&model), |average, theta| 0.7 * average + 0.3 * theta);
        assert_close(&values(&optimizer.for_evaluation(&model)), &average, &format!("step {t}"));
    }
}

#[test]
fn other_rules_step_along_the_gradients_of_the_first_evaluation() {
    let mut optimizer = build("group:parameters=*.bias,other=sgd,base=(lbfgs:max_iterations=5)");
    let model = Model::new();
    let (start, (_, slope)) = (values(&model), loss_of(&values(&model), 1));
    let mut points = Vec::new();
    let (model, _) = optimizer.step(0.5, model, |model| {
        points.push(values(model));
        evaluate(model, 1)
    });
    assert!(points.len() > 2);
    let after = values(&model);
    for place in [1, 3] {
        assert!(points.iter().all(|point| point[place] == start[place]), "held during the iterations");
        for ((after, start), slope) in after[place].iter().zip(&start[place]).zip(&slope[place]) {
            assert!((after - (start - 0.5 * slope)).abs() < 1e-6);
        }
    }
    assert!(points.iter().any(|point| point[0] != start[0]) && after[0] != start[0]);
}

#[test]
fn the_factor_of_a_group_scales_its_rate_and_0_freezes_it() {
    for factor in [0.0_f64, 0.25, 9.0] {
        let text = format!(
            "group:parameters=conv.*,lr_factor={factor},base=(lbfgs:max_iterations=1,line_search=fixed)"
        );
        let mut optimizer = build(&text);
        let model = Model::new();
        let (start, (_, slope)) = (values(&model), loss_of(&values(&model), 1));
        let after = values(&optimizer.step(0.1, model, |model| evaluate(model, 1)).0);
        // The first iteration is descent; its length depends on all scaled slopes together.
        let scale = |place: usize| if place < 2 { 1.0 } else { factor };
        let sum: f64 =
            (0..4).map(|p| slope[p].iter().map(|slope| scale(p).sqrt() * slope.abs()).sum::<f64>()).sum();
        let length = 0.1 * (1.0 / sum).min(1.0);
        for place in 0..4 {
            for ((after, start), slope) in after[place].iter().zip(&start[place]).zip(&slope[place]) {
                let expected = start - length * scale(place) * slope;
                assert!((after - expected).abs() < 1e-6, "{text}, parameter {place}");
            }
        }
        // And it converges with the scaled variables, too.
        let text = format!("group:parameters=conv.*,lr_factor={factor},base=(lbfgs:max_iterations=100)");
        let (model, _) = build(&text).step(1.0, Model::new(), |model| evaluate(model, 1));
        let (_, slope) = loss_of(&values(&model), 1);
        let moved = if factor == 0.0 { 0..2 } else { 0..4 };
        assert!(slope[moved].iter().flatten().all(|slope| slope.abs() < 1e-3), "{text}: {slope:?}");
    }
}

#[test]
fn a_loss_that_is_not_finite_ahead_shortens_the_step() {
    let mut optimizer = build("lbfgs:max_evaluations=40");
    let start = values(&Model::new());
    let (model, _) = optimizer.step(1e3, Model::new(), |model| {
        let (loss, gradients) = evaluate(model, 1);
        let is_far =
            values(model).concat().iter().zip(start.concat()).any(|(now, start)| (now - start).abs() > 5.0);
        (if is_far { f64::NAN } else { loss }, gradients)
    });
    let after = values(&model);
    assert!(after.iter().flatten().all(|theta| theta.is_finite()) && after != start);
    assert!(loss_of(&after, 1).0 < loss_of(&start, 1).0);
}

#[test]
fn penalties_and_other_wrappers_are_refused() {
    for around in [
        "sam",
        "asam",
        "lookahead",
        "clip",
        "adaptive_clip",
        "centralized",
        "cautious",
        "decay",
        "hyperball",
        "mechanic",
        "skip_non_finite",
        "grokfast",
        "variance_reduced",
        "schedule_free",
        "ema_nesterov",
    ] {
        for text in [format!("{around}:base=lbfgs"), format!("{around}:base=(group:base=(ema:base=lbfgs))")] {
            let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
            let said = format!("`{around}` cannot wrap L-BFGS");
            assert!(error.is_usage() && error.to_string().contains(&said), "{text}: {error}");
        }
    }
    for text in ["muon:other=lbfgs", "group:other=lbfgs"] {
        let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert!(error.to_string().contains("`lbfgs` moves all parameters together"), "{text}: {error}");
    }
    let error = "group:schedule=step,base=lbfgs".parse::<OptimizerSpec>().unwrap().build().unwrap_err();
    assert!(error.to_string().contains("no schedule of their own"), "{error}");
    let beside = "group:parameters=*.bias,other=sophia_g,base=lbfgs".parse::<OptimizerSpec>().unwrap();
    let error = beside.build().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("draws no labels"), "{error}");
    let penalty = GradientTransform { l2: 0.1, ..GradientTransform::default() };
    assert!(build("lbfgs").with_gradient_transform(penalty).unwrap_err().is_usage());
    assert!(build("lbfgs").with_weight_average(0.9).is_ok());
}

#[test]
#[should_panic(expected = "`lbfgs` needs more than gradients: call `step`")]
fn it_cannot_step_along_gradients_alone() {
    let model = Model::new();
    let mut given = gradients(&model, 1);
    build("lbfgs").apply(0.1, model, &mut given);
}
