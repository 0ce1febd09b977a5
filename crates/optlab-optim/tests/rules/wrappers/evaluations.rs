//! Rules that evaluate a model more than once in a step.

use super::*;
use optlab_optim::Evaluate;

/// Two parameters, for a loss of both.
#[derive(Module, Debug)]
struct Pair {
    matrix: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

const PAIR: [&[usize]; 2] = [&[2, 2], &[3]];

impl Pair {
    fn new() -> Self {
        let device = Device::default().autodiff();
        Pair {
            matrix: Param::from_tensor(tensor(&random(INITIAL, 0, PAIR[0]), PAIR[0], &device)),
            vector: Param::from_tensor(tensor(&random(INITIAL, 1, PAIR[1]), PAIR[1], &device)),
        }
    }
}

/// Returns the elements of both parameters, one after the other.
fn flat(pair: &Pair) -> Vec<f64> {
    values(pair).concat()
}

/// Returns an element of `A` in the loss ½ θᵀAθ over both parameters: positive, and nowhere 0.
fn curvature(i: usize, j: usize) -> f64 {
    if i == j { 1.0 + i as f64 } else { 0.5 / (1.0 + (i + j) as f64) }
}

fn slope(theta: &[f64]) -> Vec<f64> {
    let row = |i| theta.iter().enumerate().map(|(j, theta)| curvature(i, j) * theta).sum();
    (0..theta.len()).map(row).collect()
}

fn loss(theta: &[f64]) -> f64 {
    slope(theta).iter().zip(theta).map(|(slope, theta)| 0.5 * slope * theta).sum()
}

fn evaluate(pair: &Pair) -> (f64, GradientsParams) {
    let theta = flat(pair);
    let slope = slope(&theta);
    let mut places = 0..;
    let gradients = gradients_of(pair, |_, values, _| {
        Some(values.iter().map(|_| slope[places.next().unwrap()]).collect())
    });
    (loss(&theta), gradients)
}

#[track_caller]
fn assert_flat(given: &[f64], expected: &[f64], case: &str) {
    assert_close(&vec![given.to_vec()], &vec![expected.to_vec()], case);
}

#[test]
fn sam_and_asam_step_by_the_gradients_at_the_worst_nearby_point() {
    for (text, rho, eta) in [
        ("sam:rho=0.3,base=sgd:momentum=0.9", 0.3, None),
        ("sam:base=sgd:momentum=0.9", 0.05, None),
        ("asam:rho=0.7,eta=0.2,base=sgd:momentum=0.9", 0.7, Some(0.2)),
        ("asam:base=sgd:momentum=0.9", 0.5, Some(0.01)),
    ] {
        let mut optimizer = build(text);
        let mut pair = Pair::new();
        let mut theta = flat(&pair);
        let mut velocity = vec![0.0; theta.len()];
        for t in 1..=4 {
            let scale: Vec<f64> =
                theta.iter().map(|theta| eta.map_or(1.0, |eta| theta.abs() + eta)).collect();
            let here = slope(&theta);
            let norm = here.iter().zip(&scale).map(|(g, s)| (g * s).powi(2)).sum::<f64>().sqrt() + 1e-12;
            let ascended: Vec<f64> =
                (0..theta.len()).map(|i| theta[i] + rho * scale[i].powi(2) * here[i] / norm).collect();
            let there = slope(&ascended);
            let first_loss = loss(&theta);
            for i in 0..theta.len() {
                velocity[i] = 0.9 * velocity[i] + there[i];
                theta[i] -= rate(t) * velocity[i];
            }

            let mut evaluated = Vec::new();
            let before = flat(&pair);
            let measured;
            (pair, measured) = optimizer.step(rate(t), pair, |pair| {
                evaluated.push(flat(pair));
                evaluate(pair)
            });
            assert_eq!(evaluated.len(), 2, "{text}: evaluations of step {t}");
            assert_eq!(evaluated[0], before, "{text}");
            assert_flat(&evaluated[1], &ascended, &format!("{text}: the second evaluation of step {t}"));
            assert!((measured - first_loss).abs() < 1e-5, "{text}: {measured}, not {first_loss}");
            assert_flat(&flat(&pair), &theta, &format!("{text} after step {t}"));
        }
    }
}

#[test]
#[should_panic(expected = "`sam` needs more than gradients: call `step`")]
fn sam_cannot_step_along_gradients_alone() {
    let pair = Pair::new();
    let (_, mut gradients) = evaluate(&pair);
    build("sam:base=sgd").apply(0.1, pair, &mut gradients);
}

/// Gradients under the labels of step `t`, and under drawn labels.
struct Sampled {
    t: usize,
    draws: usize,
}

const EXAMPLES: usize = 5;

impl Evaluate<Model> for Sampled {
    type Measured = f64;

    fn evaluate(&mut self, model: &Model) -> (f64, GradientsParams) {
        (self.t as f64, gradients(model, self.t))
    }

    fn evaluate_sampled(&mut self, model: &Model) -> Option<(GradientsParams, usize)> {
        self.draws += 1;
        Some((gradients(model, DRAWN + self.t), EXAMPLES))
    }
}

/// Added to the step number for the seed of the drawn gradients.
const DRAWN: usize = 500;

#[test]
fn sophia_updates_its_curvature_from_drawn_labels_every_update_period() {
    let (beta_1, beta_2, rho, epsilon, decay) = (0.9, 0.7, 0.2, 1e-8, 0.2);
    let text = "sophia_g:beta_1=0.9,beta_2=0.7,rho=0.2,epsilon=1e-8,weight_decay=0.2,update_period=3";
    let mut optimizer = build(text);
    let mut model = Model::new();
    let mut theta = values(&model);
    let zeros: Values = SHAPES.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
    let (mut first, mut curvature) = (zeros.clone(), zeros);
    let (mut draws, mut shorter, mut longest) = (0, 0, 0);
    for t in 1..=7 {
        if [1, 4, 7].contains(&t) {
            draws += 1;
            each(&mut curvature, &gradient_values(DRAWN + t), |h, drawn| {
                beta_2 * h + (1.0 - beta_2) * EXAMPLES as f64 * drawn * drawn
            });
        }
        each(&mut first, &gradient_values(t), |m, grad| beta_1 * m + (1.0 - beta_1) * grad);
        let mut length = first.clone();
        each(&mut length, &curvature, |m, h| {
            let share = m.abs() / (rho * h + epsilon);
            if share < 1.0 {
                shorter += 1
            } else {
                longest += 1
            }
            m.signum() * share.min(1.0)
        });
        each(&mut theta, &length, |theta, length| (1.0 - rate(t) * decay) * theta - rate(t) * length);

        let mut sampled = Sampled { t, draws: 0 };
        let measured;
        (model, measured) = optimizer.step_with(rate(t), model, &mut sampled);
        assert_eq!(measured, t as f64);
        assert_eq!(sampled.draws, usize::from([1, 4, 7].contains(&t)), "draws of step {t}");
        assert_close(&values(&model), &theta, &format!("step {t}"));
    }
    assert_eq!(draws, 3);
    assert!(shorter > 30 && longest > 30, "{shorter} shorter steps, {longest} of the rate");
}

#[test]
#[should_panic(expected = "`sophia_g` needs more than gradients: call `step`")]
fn sophia_cannot_step_along_gradients_alone() {
    let model = Model::new();
    let mut given = gradients(&model, 1);
    build("sophia_g").apply(0.1, model, &mut given);
}

#[test]
#[should_panic(expected = "`sophia_g` needs gradients under labels drawn by the model")]
fn sophia_cannot_step_with_a_closure() {
    build("sophia_g").step(0.1, Model::new(), |model| (0.0, gradients(model, 1)));
}

/// The point at which Rosenbrock's function is evaluated.
type Point = Param<Tensor<1>>;

fn start() -> Point {
    Param::from_tensor(tensor(&[-1.2, 1.0], &[2], &Device::default().autodiff()))
}

fn rosenbrock(point: &Point) -> (f64, GradientsParams) {
    let theta = &values(point)[0];
    let (x, y) = (theta[0], theta[1]);
    let slope = vec![-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)];
    ((1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2), gradients_of(point, |_, _, _| Some(slope.clone())))
}

#[test]
fn lbfgs_finds_the_minimum_of_rosenbrocks_function() {
    let mut optimizer = build("burn.lbfgs:line_search_fn=StrongWolfe");
    let mut point = start();
    let mut losses = Vec::new();
    for _ in 0..6 {
        let before = rosenbrock(&point).0;
        let (mut evaluations, measured);
        evaluations = 0;
        (point, measured) = optimizer.step(1.0, point, |point| {
            evaluations += 1;
            rosenbrock(point)
        });
        assert_eq!(measured, before, "what the first evaluation measured is given");
        assert!(evaluations > 0);
        losses.push(rosenbrock(&point).0);
    }
    assert!(losses.last().unwrap() < &1e-6, "{losses:?}");
}

#[test]
fn lbfgs_resumes_exactly_from_saved_state() {
    let text = "burn.lbfgs:line_search_fn=StrongWolfe,max_iter=3";
    let step = |optimizer: &mut ModelOptimizer, point| optimizer.step(1.0, point, rosenbrock).0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimizer");
    let mut optimizer = build(text);
    let mut point = start();
    for _ in 0..2 {
        point = step(&mut optimizer, point);
    }
    optimizer.save(&path).unwrap();
    let mut restored = build(text);
    restored.load(&path, &point, &Device::default()).unwrap();
    let mut unrestored = build(text);
    let [uninterrupted, resumed, restarted] =
        [&mut optimizer, &mut restored, &mut unrestored].map(|optimizer| {
            let mut point = point.clone();
            for _ in 0..3 {
                point = step(optimizer, point);
            }
            bits(&point)
        });
    assert_eq!(resumed, uninterrupted);
    assert_ne!(restarted, uninterrupted);
}

#[test]
#[should_panic(expected = "`burn.lbfgs` needs more than gradients: call `step`")]
fn lbfgs_cannot_step_along_gradients_alone() {
    let point = start();
    let (_, mut gradients) = rosenbrock(&point);
    build("burn.lbfgs").apply(0.1, point, &mut gradients);
}
