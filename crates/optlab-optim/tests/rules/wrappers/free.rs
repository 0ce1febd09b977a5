//! Wrappers that evaluate or train at other weights: `schedule_free`, `ema_nesterov`, `lawa`; and
//! `hyperball`.

use super::*;
use burn::nn::{BatchNorm, BatchNormConfig};
use optlab_optim::GradientTransform;

#[test]
fn schedule_free_around_sgd_is_schedule_free_sgd() {
    let settings = "momentum=0.8,r=1.0,weight_lr_power=1.0";
    let around = format!("schedule_free:{settings},base=sgd");
    let itself = format!("schedule_free_sgd:{settings}");
    let [around, itself] = [around, itself].map(|text| {
        let mut optimizer = build(&text);
        let mut seen = Values::new();
        (1..=6).fold(Model::new(), |model, t| {
            let mut given = gradients(&model, t);
            let model = optimizer.apply(rate(t), model, &mut given);
            seen.extend(values(&model));
            seen.extend(values(&optimizer.for_evaluation(&model)));
            model
        });
        seen
    });
    assert_close(&around, &itself, "six steps");
}

/// The fast weights and their average in a formula of [`assert_follows`].
struct Free {
    z: Values,
    x: Values,
    weight_sum: f64,
    largest_lr: f64,
}

impl Free {
    fn new() -> Self {
        let start = values(&Model::new());
        Free { z: start.clone(), x: start, weight_sum: 0.0, largest_lr: 0.0 }
    }

    /// Moves the average after `z` has moved, and returns the trained point.
    fn follow(&mut self, lr: f64, momentum: f64) -> Values {
        self.largest_lr = self.largest_lr.max(lr);
        let weight = self.largest_lr.powi(2);
        self.weight_sum += weight;
        let share = weight / self.weight_sum;
        each(&mut self.x, &self.z, |x, z| (1.0 - share) * x + share * z);
        let mut trained = self.z.clone();
        each(&mut trained, &self.x, |z, x| (1.0 - momentum) * z + momentum * x);
        trained
    }
}

#[test]
fn schedule_free_decays_at_both_points_and_thresholds_the_fast_weights() {
    let mut free = Free::new();
    let text = "decay:weight_decay=0.4,l1=0.5,base=(schedule_free:momentum=0.7,weight_decay=0.3,base=sgd)";
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(&mut free.z, theta, |z, theta| (1.0 - lr * 0.4) * (z - lr * 0.3 * theta));
        each(&mut free.z, grad, |z, grad| {
            let moved = z - lr * grad;
            moved.signum() * (moved.abs() - lr * 0.5).max(0.0)
        });
        *theta = free.follow(lr, 0.7);
        free.x.clone()
    });
}

#[test]
fn schedule_free_is_cautious_about_the_fast_weights_with_penalties_at_the_trained_point() {
    for base in ["sgd", "burn.sgd"] {
        let text = format!("schedule_free:momentum=0.7,base=(cautious:base={base})");
        let transform = GradientTransform { l2: 0.8, ..GradientTransform::default() };
        let mut optimizer = build(&text).with_gradient_transform(transform).unwrap();
        let (mut model, mut free) = (Model::new(), Free::new());
        let mut theta = values(&model);
        for t in 1..=6 {
            // A step of descent agrees with its gradient everywhere, so all of it is kept.
            let mut grad = gradient_values(t);
            each(&mut grad, &theta, |grad, theta| grad + 0.8 * theta);
            descend(&mut free.z, &grad, rate(t));
            theta = free.follow(rate(t), 0.7);
            let mut given = gradients(&model, t);
            model = optimizer.apply(rate(t), model, &mut given);
            assert_close(&values(&model), &theta, &format!("{text} after step {t}"));
            assert_close(&values(&optimizer.for_evaluation(&model)), &free.x, &text);
        }
    }
}

#[test]
fn a_schedule_free_group_averages_with_its_own_rate() {
    let mut frees = [Free::new(), Free::new()];
    let text = "group:parameters=conv.*,lr_factor=3,base=(schedule_free:momentum=0.7,base=sgd)";
    assert_follows(text, 5, |_, lr, theta, grad| {
        for (free, (factor, of)) in frees.iter_mut().zip([(1.0, 0..2), (3.0, 2..4)]) {
            descend(&mut free.z, grad, factor * lr);
            let trained = free.follow(factor * lr, 0.7);
            of.for_each(|place| theta[place].clone_from(&trained[place]));
        }
        let mut evaluated = frees[0].x.clone();
        evaluated[2..].clone_from_slice(&frees[1].x[2..]);
        evaluated
    });
}

#[test]
fn schedule_free_refuses_other_averages_and_slow_weights_inside_and_outside() {
    for text in [
        "schedule_free:base=ema",
        "ema:base=schedule_free",
        "swa:base=schedule_free",
        "lawa:base=(decay:base=schedule_free)",
        "lookahead:base=schedule_free",
        "schedule_free:base=lookahead",
        "schedule_free:base=schedule_free_sgd",
        "group:other=schedule_free_adamw,base=schedule_free",
        "schedule_free:base=schedule_free",
    ] {
        let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("`schedule_free`"), "{text}: {error}");
    }
}

#[test]
fn latest_weights_are_averaged_over_the_latest_snapshots() {
    let mut snapshots: Vec<Values> = Vec::new();
    assert_follows("lawa:snapshots=3,every=2,base=sgd", 11, |t, lr, theta, grad| {
        descend(theta, grad, lr);
        if t % 2 == 0 {
            snapshots.push(theta.clone());
        }
        let latest = &snapshots[snapshots.len().saturating_sub(3)..];
        let Some((first, others)) = latest.split_first() else { return theta.clone() };
        let mut mean = first.clone();
        others.iter().for_each(|one| each(&mut mean, one, |sum, theta| sum + theta));
        mean.iter_mut().flatten().for_each(|sum| *sum /= latest.len() as f64);
        mean
    });
}

/// A model with running statistics.
#[derive(Module, Debug)]
struct Normalized {
    scale: Param<Tensor<1>>,
    norm: BatchNorm,
}

#[test]
fn wrappers_that_move_or_average_weights_leave_running_statistics_alone() {
    let device = Device::default().autodiff();
    let mut expected = None;
    for text in [
        "sgd",
        "lawa:every=1,base=sgd",
        "ema_nesterov:step=5,base=sgd",
        "ema_nesterov:base=lawa:every=1,base=sgd",
    ] {
        let mut optimizer = build(text);
        let mut model = Normalized {
            scale: Param::from_tensor(Tensor::ones([2], &device)),
            norm: BatchNormConfig::new(2).init(&device),
        };
        for t in 1..=4 {
            let batch = tensor::<2>(&random(t, 0, &[5, 2]), &[5, 2], &device);
            model = optimizer
                .step(0.0, model, |model| {
                    let outputs: Tensor<2> = model.norm.forward(batch.clone());
                    let loss = (outputs * model.scale.val().unsqueeze()).square().sum();
                    (0.0, GradientsParams::from_grads(loss.backward(), model))
                })
                .0;
        }
        let statistics = optimizer.for_evaluation(&model).norm.running_mean.value().into_data();
        let statistics: Vec<f64> = statistics.iter::<f64>().collect();
        assert_eq!(*expected.get_or_insert_with(|| statistics.clone()), statistics, "{text}");
    }
}

/// Returns the gradient `0.8 θ` plus noise of step `t`.
fn noisy(t: usize, theta: &Values) -> Values {
    let mut grad = gradient_values(t);
    each(&mut grad, theta, |noise, theta| 0.8 * theta + noise);
    grad
}

/// Makes a step on the gradients of [`noisy`]; returns the model and the points that were evaluated.
fn noisy_step(optimizer: &mut ModelOptimizer, model: Model, t: usize) -> (Model, Vec<Values>) {
    let mut points = Vec::new();
    let (model, _) = optimizer.step(rate(t), model, |model| {
        points.push(values(model));
        let grad = noisy(t, &values(model));
        (0.0, gradients_of(model, |place, _, _| Some(grad[place].clone())))
    });
    (model, points)
}

#[test]
fn steps_are_made_ahead_along_the_mean_step_between_warm_up_and_rest() {
    for (fields, scheduled, warmup, rest) in [
        ("step=2.0,decay=0.6,warmup_steps=2,rest_step=6", true, 2, 6),
        ("step=2.0,decay=0.6,scheduled=false", false, 0, usize::MAX),
        ("step=2.0,decay=0.6", true, 0, usize::MAX),
    ] {
        let text = format!("ema_nesterov:{fields},base=sgd");
        let mut optimizer = build(&text);
        let mut model = Model::new();
        let mut theta = values(&model);
        let mut mean: Values = theta.iter().map(|values| vec![0.0; values.len()]).collect();
        let mut largest: f64 = 0.0;
        for t in 1..=8 {
            largest = largest.max(rate(t));
            let share = if scheduled { rate(t) / largest } else { 1.0 };
            let ahead = if t > warmup && t <= rest { 2.0 * share } else { 0.0 };
            let before = theta.clone();
            each(&mut theta, &mean, |theta, mean| theta + ahead * mean);
            let point = theta.clone();
            let grad = noisy(t, &theta);
            descend(&mut theta, &grad, rate(t));
            let mut step = theta.clone();
            each(&mut step, &before, |after, before| after - before);
            each(&mut mean, &step, |mean, step| 0.6 * mean + 0.4 * step);

            let points;
            (model, points) = noisy_step(&mut optimizer, model, t);
            assert_eq!(points.len(), 1, "{text}: evaluations of step {t}");
            assert_close(&points[0], &point, &format!("{text}: evaluated in step {t}"));
            assert_close(&values(&model), &theta, &format!("{text} after step {t}"));
        }
    }
}

#[test]
#[should_panic(expected = "`ema_nesterov` needs more than gradients: call `step`")]
fn ema_nesterov_cannot_step_along_gradients_alone() {
    let model = Model::new();
    let mut given = gradients(&model, 1);
    build("ema_nesterov:base=sgd").apply(0.1, model, &mut given);
}

#[test]
fn a_skipped_step_ahead_changes_nothing() {
    let texts = ["sgd", "adam"].map(|rule| format!("skip_non_finite:base=(ema_nesterov:step=2,base={rule})"));
    for text in texts {
        let (mut optimizer, mut undisturbed) = (build(&text), build(&text));
        let [mut model, mut other] = [Model::new(), Model::new()];
        for t in 1..=5 {
            (other, _) = noisy_step(&mut undisturbed, other, t);
            (model, _) = noisy_step(&mut optimizer, model, t);
            let kept = bits(&model);
            (model, _) = optimizer.step(10.0, model, |model| {
                let spoilt = gradients_of(model, |_, values, _| Some(vec![f64::NAN; values.len()]));
                (0.0, spoilt)
            });
            assert_eq!(bits(&model), kept, "{text}, step {t}");
        }
        assert_eq!(bits(&model), bits(&other), "{text}");
        assert_eq!(optimizer.skipped_steps(), 5);
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Makes a step of `hyperball` from `before` along `before − moved`.
fn on_ball(before: &[f64], moved: &[f64], lr: f64, radius: f64) -> Vec<f64> {
    let step: Vec<f64> = before.iter().zip(moved).map(|(before, moved)| before - moved).collect();
    let length = lr * radius / norm(&step);
    let point: Vec<f64> = before.iter().zip(&step).map(|(before, step)| before - length * step).collect();
    let scale = radius / norm(&point);
    point.iter().map(|value| scale * value).collect()
}

#[test]
fn a_hyperball_keeps_the_norm_of_matrices_and_steps_by_a_share_of_it() {
    for base in ["sgd:weight_decay=0.3", "burn.sgd:weight_decay=0.3"] {
        let radii: Vec<f64> = values(&Model::new()).iter().map(|values| norm(values)).collect();
        let text = format!("decay:weight_decay=0.5,base=(hyperball:base={base})");
        assert_follows(&text, 6, |_, lr, theta, grad| {
            let before = theta.clone();
            each(theta, grad, |theta, grad| {
                let decayed = (1.0 - lr * 0.5) * theta;
                decayed - lr * (grad + 0.3 * decayed)
            });
            for place in [0, 2] {
                theta[place] = on_ball(&before[place], &theta[place], lr, radii[place]);
                assert!((norm(&theta[place]) - radii[place]).abs() < 1e-9);
            }
            theta.clone()
        });
    }
}

#[test]
fn a_hyperball_follows_the_masked_step_of_a_cautious_rule() {
    let radii: Vec<f64> = values(&Model::new()).iter().map(|values| norm(values)).collect();
    let mut velocity: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let text = "ema:decay=0.5,base=(hyperball:base=(cautious:base=sgd:momentum=0.9))";
    let mut average = values(&Model::new());
    assert_follows(text, 6, |_, lr, theta, grad| {
        each(&mut velocity, grad, |velocity, grad| 0.9 * velocity + grad);
        for place in 0..4 {
            let before = theta[place].clone();
            let down: Vec<bool> = velocity[place]
                .iter()
                .zip(&grad[place])
                .map(|(velocity, grad)| velocity * grad > 0.0)
                .collect();
            let share = down.iter().filter(|down| **down).count() as f64 / down.len() as f64;
            for (i, theta) in theta[place].iter_mut().enumerate().filter(|(i, _)| down[*i]) {
                *theta -= lr * velocity[place][i] / share.max(1e-3);
            }
            if place % 2 == 0 {
                theta[place] = on_ball(&before, &theta[place], lr, radii[place]);
            }
        }
        each(&mut average, theta, |average, theta| 0.5 * average + 0.5 * theta);
        average.clone()
    });
}

#[test]
fn a_matrix_of_zeros_is_moved_by_the_base_and_one_without_a_step_stays() {
    let zeros: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let mut optimizer = build("hyperball:base=sgd");
    let model = with_values(Model::new(), &zeros);
    let mut given = gradients(&model, 1);
    let mut expected = zeros.clone();
    descend(&mut expected, &gradient_values(1), 0.5);
    assert_close(&values(&optimizer.apply(0.5, model, &mut given)), &expected, "from zeros");

    let mut optimizer = build("hyperball:base=sgd");
    let model = Model::new();
    let start = values(&model);
    let mut given = gradients_of(&model, |_, values, _| Some(vec![0.0; values.len()]));
    assert_close(&values(&optimizer.apply(0.5, model, &mut given)), &start, "without a step");
}
