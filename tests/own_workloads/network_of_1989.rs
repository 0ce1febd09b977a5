//! The example `lecun1989`.

use crate::lecun1989::network::Network;
use crate::lecun1989::pictures::{self, Batch, Pictures};
use crate::tests::{fails, program, succeeds};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use optlab::data::{Draw, ExampleSet, Source};
use optlab::device;
use optlab::model::Activation;
use optlab::nn::Mode;
use std::collections::BTreeSet;

const PLAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lecun1989/ladder.toml");

pub fn has_9_760_parameters_and_its_plan_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    assert!(succeeds(folder.path(), &["describe", "lecun1989"]).contains("9760 parameters"));
    let plan = succeeds(folder.path(), &["compare", PLAN, "--print-plan"]);
    assert_eq!(plan.matches("[[arms]]").count(), 4, "{plan}");
    let steps = ["--steps", "2", "--validation", "0", "--optimizer", "adamw", "--output", "run"];
    let model = ["train", "lecun1989", "--shift", "1", "--model", "activation=relu,dropout=0.25"];
    assert!(succeeds(folder.path(), &[&model[..], &steps].concat()).contains("9760 parameters"));
    for (setting, reason) in [("--rotation", "`shift` is the only"), ("--model", "expected `activation`")] {
        let value = if setting == "--model" { "norm=batch" } else { "5" };
        let train = ["train", "lecun1989", setting, value, "--steps", "1", "--optimizer", "adamw"];
        let error = fails(program(folder.path(), &train));
        assert!(error.contains(reason), "{error}");
    }
}

/// The numbers of each parameter, in the order of the network's fields.
#[derive(Default)]
struct Parameters(Vec<Vec<f64>>);

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data().iter::<f64>().collect());
    }
}

/// Computes the ten logits of a picture unit by unit, from the description of the network.
fn logits(parameters: &[Vec<f64>], picture: &[f32]) -> Vec<f64> {
    let [h1, h1_bias, h2, h2_bias, h3, h3_bias, output, output_bias] = parameters else { panic!("8 layers") };
    let inside = |y: usize, x: usize, side: usize| (2..side + 2).contains(&y) && (2..side + 2).contains(&x);
    let mut first = vec![[[0.0; 8]; 8]; 12];
    for (plane, y, x) in (0..12 * 64).map(|i| (i / 64, i / 8 % 8, i % 8)) {
        let mut sum = h1_bias[(y * 8 + x) * 12 + plane];
        for (i, j) in (0..25).map(|place| (place / 5, place % 5)) {
            let (y, x) = (2 * y + i, 2 * x + j);
            let pixel = if inside(y, x, 16) { f64::from(picture[(y - 2) * 16 + x - 2]) } else { -1.0 };
            sum += pixel * h1[(i * 5 + j) * 12 + plane];
        }
        first[plane][y][x] = sum.tanh();
    }
    // Planes 0 to 3 of H2 see planes 0 to 7 of H1, planes 4 to 7 planes 4 to 11, planes 8 to 11 the others.
    let seen = [[0, 1, 2, 3, 4, 5, 6, 7], [4, 5, 6, 7, 8, 9, 10, 11], [0, 1, 2, 3, 8, 9, 10, 11]];
    let mut second = Vec::new();
    for (third, unit, plane) in (0..192).map(|i| (i / 64, i / 4 % 16, i % 4)) {
        let mut sum = h2_bias[(third * 16 + unit) * 4 + plane];
        for (place, (number, &from)) in
            (0..25).flat_map(|at| seen[third].iter().enumerate().map(move |s| (at, s)))
        {
            let (y, x) = (unit / 4 * 2 + place / 5, unit % 4 * 2 + place % 5);
            let value = if inside(y, x, 8) { first[from][y - 2][x - 2] } else { -1.0 };
            sum += value * h2[(third * 200 + place * 8 + number) * 4 + plane];
        }
        second.push(sum.tanh());
    }
    let dense = |x: &[f64], weight: &[f64], bias: &[f64]| -> Vec<f64> {
        let sum =
            |unit: usize| x.iter().enumerate().map(|(i, x)| x * weight[i * bias.len() + unit]).sum::<f64>();
        (0..bias.len()).map(|unit| bias[unit] + sum(unit)).collect()
    };
    let third: Vec<f64> = dense(&second, h3, h3_bias).into_iter().map(f64::tanh).collect();
    dense(&third, output, output_bias)
}

pub fn gives_the_logits_of_loops_over_its_units() {
    let device = device::open("flex").unwrap();
    let network = Network::new(3, Activation::Tanh, 0.0, &device);
    // Biases are 0 at first; a test needs others.
    struct Moved;
    impl burn::module::ModuleMapper for Moved {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|values| {
                let shape = values.dims();
                let moved = values.into_data().try_to_vec::<f32>().unwrap().into_iter().enumerate();
                let moved: Vec<f32> = moved.map(|(i, value)| value + (i as f32 * 0.7).sin() * 0.1).collect();
                Tensor::from_data(TensorData::new(moved, shape), &device::open("flex").unwrap())
            })
        }
    }
    let network = network.map(&mut Moved);
    let mut parameters = Parameters::default();
    network.visit(&mut parameters);
    let examples = pictures::load(&Source::default()).unwrap().test;
    let pictures = Pictures { examples, shift: 0 };
    let (windows, _) = pictures.batch(&[0, 5, 2006], None, &device).unwrap();
    let found: Vec<f64> = network.forward(windows, Mode::Evaluate).into_data().iter::<f64>().collect();
    for (number, row) in [0, 5, 2006].into_iter().enumerate() {
        let expected = logits(&parameters.0, pictures.examples.input(row));
        for (found, expected) in found[number * 10..][..10].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} and {expected}");
        }
    }
}

pub fn pictures_are_moved_to_all_nine_places_and_wrap_around() {
    let device = device::open("flex").unwrap();
    let examples = pictures::load(&Source::default()).unwrap().test.select(&[7]);
    let windows = |batch: Batch| batch.0.into_data().try_to_vec::<f32>().unwrap();
    let plain = |down: usize, across: usize| {
        let mut rolled = examples.clone();
        for (i, pixel) in rolled.inputs.iter_mut().enumerate() {
            *pixel = examples.inputs[(i / 16 + 16 - down) % 16 * 16 + (i % 16 + 16 - across) % 16];
        }
        windows(Pictures { examples: rolled, shift: 0 }.batch(&[0], None, &device).unwrap())
    };
    let places: Vec<_> =
        [15, 0, 1].iter().flat_map(|down| [15, 0, 1].map(|across| plain(*down, across))).collect();
    let moved = Pictures { examples: examples.clone(), shift: 1 };
    let place = |step| {
        let batch = moved.batch(&[0], Some(Draw { seed: 0, step, first: 0 }), &device).unwrap();
        let batch = windows(batch);
        places.iter().position(|place| *place == batch).expect("one of nine places")
    };
    assert_eq!((0..100).map(place).collect::<BTreeSet<_>>().len(), 9);
    // An evaluation moves nothing.
    assert_eq!(windows(moved.batch(&[0], None, &device).unwrap()), places[4]);
}
