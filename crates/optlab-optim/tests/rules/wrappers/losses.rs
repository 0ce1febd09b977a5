//! Rules that need the loss of a step.

use super::*;
use optlab_optim::{Evaluate, Loss};

#[test]
fn a_rule_that_needs_the_loss_cannot_step_along_gradients_alone() {
    for rule in [
        "momo",
        "momo_adam",
        "polyak",
        "schedule_free_plus",
        "ema:base=momo",
        "group:parameters=conv.*,other=polyak,base=sgd",
    ] {
        let mut optimizer = build(rule);
        assert!(optimizer.needs_more_than_gradients(), "{rule}");
        let step = std::panic::AssertUnwindSafe(|| {
            let model = Model::new();
            let mut given = gradients(&model, 1);
            optimizer.apply(0.1, model, &mut given);
        });
        let reason = std::panic::catch_unwind(step).unwrap_err();
        let reason = reason.downcast::<String>().unwrap();
        assert!(reason.contains("needs more than gradients: call `step`"), "{rule}: {reason}");
    }
}

/// A loss that counts how often it is read.
struct Counted<'a>(&'a std::cell::Cell<usize>);

impl Loss for Counted<'_> {
    fn loss(&self) -> f64 {
        self.0.set(self.0.get() + 1);
        0.5
    }
}

#[test]
fn the_loss_is_read_once_for_a_rule_that_needs_it_and_never_for_another() {
    for (rule, expected) in [("adamw", 0), ("prodigy", 0), ("sam:base=adamw", 0), ("momo", 1), ("polyak", 1)]
    {
        let read = std::cell::Cell::new(0);
        build(rule).step(0.1, Model::new(), |model| (Counted(&read), gradients(model, 1)));
        assert_eq!(read.get(), expected, "{rule}");
    }
}

/// Returns the parameters after a Polyak step of the parameters at `places` with the given loss.
fn polyak(theta: &mut Values, grad: &Values, places: &[usize], lr: f64, loss: f64) {
    let square: f64 = places.iter().flat_map(|&place| &grad[place]).map(|grad| grad * grad).sum();
    let rate = lr * (loss / square).min(1.0);
    for &place in places {
        for (theta, grad) in theta[place].iter_mut().zip(&grad[place]) {
            *theta -= rate * grad;
        }
    }
}

#[test]
fn a_group_has_the_norm_of_its_own_gradients_and_the_loss_of_the_whole_step() {
    let mut optimizer = build("group:parameters=conv.*,other=polyak,base=sgd");
    let mut model = Model::new();
    let mut theta = values(&model);
    for t in 1..=3 {
        let (loss, grad) = (0.8 / t as f64, gradient_values(t));
        let mut descended = theta.clone();
        descend(&mut descended, &grad, rate(t));
        theta[..2].clone_from_slice(&descended[..2]);
        polyak(&mut theta, &grad, &[2, 3], rate(t), loss);
        model = optimizer.step(rate(t), model, |model| (loss, gradients(model, t))).0;
        assert_close(&values(&model), &theta, &format!("step {t}"));
    }
}

/// Two evaluations with different losses and gradients.
struct Twice(usize);

impl Evaluate<Model> for Twice {
    type Measured = f64;

    fn evaluate(&mut self, model: &Model) -> (f64, GradientsParams) {
        self.0 += 1;
        (self.0 as f64, gradients(model, self.0))
    }
}

#[test]
fn around_a_rule_that_needs_the_loss_sam_passes_the_loss_of_the_nearby_point() {
    let model = Model::new();
    let mut theta = values(&model);
    polyak(&mut theta, &gradient_values(2), &[0, 1, 2, 3], 0.5, 2.0);
    let (model, measured) = build("sam:base=polyak").step_with(0.5, model, &mut Twice(0));
    assert_eq!(measured, 1.0);
    assert_close(&values(&model), &theta, "sam");
}

#[test]
fn a_loss_that_is_not_a_number_shows_in_the_parameters() {
    for rule in ["momo", "momo_adam", "polyak", "polyak:non_negative=true", "schedule_free_plus"] {
        let (model, _) = build(rule).step(0.1, Model::new(), |model| (f64::NAN, gradients(model, 1)));
        assert!(values(&model).iter().flatten().all(|theta| theta.is_nan()), "{rule}");
    }
}

#[test]
fn where_all_gradients_are_zero_nothing_moves() {
    for rule in ["momo", "momo_adam", "polyak", "schedule_free_plus"] {
        let start = Model::new();
        let before = bits(&start);
        let (model, _) = build(rule).step(0.1, start, |model| {
            (1.0, gradients_of(model, |_, values, _| Some(vec![0.0; values.len()])))
        });
        assert_eq!(bits(&model), before, "{rule}");
    }
}

#[test]
fn momo_and_momo_adam_step_to_their_own_lower_bound_of_the_loss() {
    for (rule, cautious, proximal) in [
        ("momo:beta=0.7,bias_correction=true", false, true),
        ("momo:beta=0.7,bias_correction=true", true, true),
        ("momo_adam:beta_1=0.7,beta_2=0.9,epsilon=0.1", true, true),
        ("momo_adam:beta_1=0.7,beta_2=0.9,epsilon=0.1,proximal_decay=false", true, false),
    ] {
        let text = format!(
            "{rule},weight_decay={DECAY},lower_bound={LOWEST},adapt_lower_bound=true,cautious_decay={cautious}"
        );
        steps_to_its_own_lower_bound(&text, rule.starts_with("momo_adam"), cautious, proximal);
    }
}

const DECAY: f64 = 0.4;
const LOWEST: f64 = -0.5;

fn steps_to_its_own_lower_bound(text: &str, is_adam: bool, cautious: bool, proximal: bool) {
    let mut optimizer = build(text);
    let mut model = Model::new();
    let mut theta: Vec<f64> = values(&model).concat();
    let zeros = vec![0.0; theta.len()];
    let (mut mean, mut second, mut divisor) = (zeros.clone(), zeros.clone(), vec![1.0; theta.len()]);
    let (mut mean_loss, mut product, mut bound) = (0.0, 0.0, LOWEST);
    let (mut longest, mut shorter, mut none, mut reset) = (0, 0, 0, 0);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for t in 1..=12 {
        let loss = [4.0, 3.0, 0.1, 2.5, -2.0, 1.0][t % 6];
        let (lr, grad) = (2.0 * rate(t), gradient_values(t).concat());
        let weights = 1.0 - f64::powi(0.7, t as i32);
        for i in 0..theta.len() {
            mean[i] = 0.7 * mean[i] + 0.3 * grad[i];
            if is_adam {
                second[i] = 0.9 * second[i] + 0.1 * grad[i] * grad[i];
                divisor[i] = (second[i] / (1.0 - f64::powi(0.9, t as i32))).sqrt() + 0.1;
            }
        }
        let direction: Vec<f64> = mean.iter().zip(&divisor).map(|(mean, divisor)| mean / divisor).collect();
        mean_loss = 0.7 * mean_loss + 0.3 * loss;
        product = 0.7 * product + 0.3 * dot(&theta, &grad);
        let (inner, square, scale) = (dot(&theta, &mean), dot(&mean, &direction), 1.0 + lr * DECAY);
        let cap = scale * mean_loss + inner - scale * product;
        if cap < scale * weights * bound {
            bound = f64::max(cap / (2.0 * scale * weights), LOWEST);
            reset += 1;
        }
        let gap = scale * (mean_loss - weights * bound) + inner - scale * product;
        let step = f64::min(lr / weights, f64::max(gap, 0.0) / square);
        *if step == 0.0 {
            &mut none
        } else if step == lr / weights {
            &mut longest
        } else {
            &mut shorter
        } += 1;
        bound = f64::max((mean_loss + inner - product - 0.5 * step * square) / weights, LOWEST);
        for (theta, direction) in theta.iter_mut().zip(&direction) {
            let decays = !cautious || step * direction * *theta >= 0.0;
            *theta = match (decays, proximal) {
                (false, _) => *theta - step * direction,
                (true, true) => (*theta - step * direction) / scale,
                (true, false) => (1.0 - lr * DECAY) * *theta - step * direction,
            };
        }
        model = optimizer.step(lr, model, |model| (loss, gradients(model, t))).0;
        assert_close(&vec![values(&model).concat()], &vec![theta.clone()], &format!("{text}, step {t}"));
    }
    let counts = [longest, shorter, none, reset];
    assert!(counts.iter().all(|count| *count > 0), "{text}: {counts:?}");
}

#[test]
fn schedule_free_plus_steps_to_a_loss_of_zero_and_evaluates_the_average() {
    for cautious in [false, true] {
        let text = format!(
            "schedule_free_plus:beta_1=0.7,beta_2=0.9,momentum=0.6,final_momentum=0.9,momentum_steps=5,\
             weight_decay=2,length_decay=0.5,average_after=2,r=1.5,weight_lr_power=0.5,epsilon=0.1,\
             cautious_decay={cautious}"
        );
        let mut optimizer = build(&text);
        let mut model = Model::new();
        let mut theta: Vec<f64> = values(&model).concat();
        let (mut fast, mut average) = (theta.clone(), theta.clone());
        let (mut first, mut second) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
        let (mut length, mut largest, mut weights): (f64, f64, f64) = (0.0, 0.1, 0.0);
        let (mut still, mut spared) = (0, 0);
        for t in 1..=10_i32 {
            let loss = [4.0, 30.0, 0.1, 25.0, -20.0, 60.0][t as usize % 6];
            let (lr, grad) = (2.0 * rate(t as usize), gradient_values(t as usize).concat());
            let share = f64::min(f64::from(t - 1) / 5.0, 1.0);
            let momentum = 1.0 - f64::exp((1.0 - share) * f64::ln(0.4) + share * f64::ln(0.1));
            let norm: f64 = grad.iter().map(|grad| grad.abs()).sum();
            let inner: f64 = (0..theta.len()).map(|i| grad[i] * (fast[i] - average[i])).sum();
            let halves = f64::sqrt(std::f64::consts::PI / 2.0) * norm / 2.0;
            length = (length / 2.0 + halves) / (1.0 - 0.5_f64.powi(t));
            let step = f64::max(lr, 0.1) * f64::max(loss + momentum * inner, 0.0) / length;
            still += usize::from(step == 0.0);
            largest = largest.max(step);
            let mut part = 1.0;
            if t > 2 {
                let weight = f64::from(t).powf(1.5) * largest.sqrt();
                weights += weight;
                part = weight / weights;
            }
            for i in 0..theta.len() {
                first[i] = 0.7 * first[i] + 0.3 * grad[i];
                second[i] = 0.9 * second[i] + 0.1 * grad[i] * grad[i];
                let mean = first[i] / (1.0 - 0.7_f64.powi(t));
                let direction = mean / ((second[i] / (1.0 - 0.9_f64.powi(t))).sqrt() + 0.1);
                let decays = !cautious || direction * theta[i] >= 0.0;
                spared += usize::from(!decays);
                let decay = if decays { step * step * 2.0 * theta[i] } else { 0.0 };
                fast[i] -= step * direction + decay;
                average[i] += part * (fast[i] - average[i]);
                theta[i] = (1.0 - momentum) * fast[i] + momentum * average[i];
            }
            model = optimizer.step(lr, model, |model| (loss, gradients(model, t as usize))).0;
            let what = format!("{text}, step {t}");
            assert_close(&vec![values(&model).concat()], &vec![theta.clone()], &what);
            let evaluated = values(&optimizer.for_evaluation(&model)).concat();
            assert_close(&vec![evaluated], &vec![average.clone()], &what);
        }
        assert!(still > 0 && still < 9 && (spared > 0) == cautious, "{still}, {spared}");
    }
}

#[test]
fn without_its_average_dog_is_evaluated_where_it_is_trained() {
    for rule in ["dog", "ldog"] {
        for (average, differs) in [("8", true), ("none", false)] {
            let mut optimizer = build(&format!("{rule}:reps_rel=0.1,average_power={average}"));
            assert_eq!(optimizer.has_evaluation_mode(), differs);
            let mut model = Model::new();
            for t in 1..=3 {
                let mut given = gradients(&model, t);
                model = optimizer.apply(1.0, model, &mut given);
            }
            let evaluated = bits(&optimizer.for_evaluation(&model));
            assert_eq!(evaluated != bits(&model), differs, "{rule}, {average}");
        }
    }
}
