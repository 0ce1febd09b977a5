//! Every rule and every schedule does what its reference implementation does, on every backend that is compiled in.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use optlab::optim::{ModelOptimizer, OptimizerSpec};
use optlab::schedule::{Run, ScheduleSpec};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_rule_follows_its_reference_implementation() {
    let known: Vec<&str> = OptimizerSpec::all().iter().map(|spec| spec.name()).collect();
    let mut report = Report::default();
    for (path, file) in files("optimizers").filter(|(_, file)| file["rule"].is_string()) {
        let rule = text(&file["rule"]);
        if !known.contains(&rule) {
            report.skipped.push(path);
            continue;
        }
        let spec = OptimizerSpec::from_value(&named(&file["config"], "rule", rule));
        for (backend, device) in backends() {
            for way in Way::on(backend) {
                let error = match &spec {
                    Ok(spec) => {
                        without_panic(|| rule_error(spec, &path, &file, &device.clone().autodiff(), way))
                    }
                    Err(error) => Err(error.to_string()),
                };
                report.add(&path, &format!("{backend}, {way:?}"), error);
            }
        }
        report.run.insert(rule.into());
    }
    report.finish(&known);
}

#[test]
fn every_schedule_gives_the_rates_of_its_reference_implementation() {
    let known: Vec<&str> = ScheduleSpec::all().iter().map(|spec| spec.name()).collect();
    let mut report = Report::default();
    for (path, file) in files("schedules") {
        let name = text(&file["schedule"]);
        if !known.contains(&name) {
            report.skipped.push(path);
            continue;
        }
        report.add(&path, "any backend", without_panic(|| schedule_error(name, &file)));
        report.run.insert(name.into());
    }
    report.finish(&known);
}

/// What a rule is run on: each of these takes another path through the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Parameters and gradients that nothing else holds.
    InPlace,
    /// Parameters that a clone of the model holds as well.
    Shared,
    /// Parameters and gradients that are transposed views, where they have two dimensions or more.
    Transposed,
    /// Parameters and gradients of 64-bit floats.
    Double,
}

impl Way {
    /// Those that a backend knows.
    fn on(backend: &str) -> Vec<Self> {
        let mut ways = vec![Way::InPlace, Way::Shared, Way::Transposed];
        // Shaders have no 64-bit floats.
        if backend != "wgpu" {
            ways.push(Way::Double);
        }
        ways
    }

    fn tensor<const D: usize>(self, values: &[f64], shape: &[usize], device: &Device) -> Tensor<D> {
        let data = TensorData::new(values.to_vec(), shape.to_vec());
        let dtype = if self == Way::Double { DType::F64 } else { DType::F32 };
        let tensor = Tensor::<D>::from_data(data, (device, dtype));
        if self != Way::Transposed || D < 2 {
            return tensor;
        }
        // In memory the transpose of the transpose, so that the view has the values in their places.
        let transposed = tensor.swap_dims(D - 2, D - 1).into_data();
        Tensor::<D>::from_data(transposed, (device, dtype)).swap_dims(D - 2, D - 1)
    }
}

/// The backends of this build.
fn backends() -> Vec<(&'static str, Device)> {
    optlab::device::compiled()
        .map(|backend| (backend.name, optlab::device::open(backend.name).unwrap()))
        .collect()
}

/// The JSON files of `references/` and of the folder that `OPTLAB_REFERENCES` names.
fn files(folder: &str) -> impl Iterator<Item = (PathBuf, Value)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("references");
    let other = std::env::var_os("OPTLAB_REFERENCES").map(PathBuf::from);
    let mut paths = Vec::new();
    for folder in [Some(own), other].into_iter().flatten().map(|root| root.join(folder)) {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        paths.extend(entries.map(|entry| entry.unwrap().path()));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read(&path)))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What ran, what did not, and by how much it failed, as a share of what was allowed.
#[derive(Default)]
struct Report {
    run: BTreeSet<String>,
    skipped: Vec<PathBuf>,
    failures: Vec<String>,
}

impl Report {
    /// `error` is the largest error as a share of its tolerance, or why there is none.
    fn add(&mut self, path: &Path, backend: &str, error: Result<f64, String>) {
        let path = path.display();
        match error {
            // So that NaN fails.
            Ok(share) if share <= 1.0 => println!("{path} on {backend}: {share:.4} of the tolerance"),
            Ok(share) => self.failures.push(format!("{path} on {backend}: {share:.4} times the tolerance")),
            Err(reason) => self.failures.push(format!("{path} on {backend}: {reason}")),
        }
    }

    fn finish(self, known: &[&str]) {
        println!("skipped {} files of unknown names: {:?}", self.skipped.len(), self.skipped);
        assert!(self.failures.is_empty(), "{} failures:\n{}", self.failures.len(), self.failures.join("\n"));
        for name in known.iter().filter(|name| !name.starts_with("burn.")) {
            assert!(self.run.contains(*name), "no reference file for `{name}`");
        }
    }
}

/// One file that cannot be read must not hide what became of the others.
fn without_panic(check: impl FnOnce() -> Result<f64, String>) -> Result<f64, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(check))
        .unwrap_or_else(|_| Err("panicked; its message stands above".into()))
}

/// Parameters of any shapes: a module with one list for each rank.
#[derive(Module, Debug)]
struct Parameters {
    rank_1: Vec<Param<Tensor<1>>>,
    rank_2: Vec<Param<Tensor<2>>>,
    rank_3: Vec<Param<Tensor<3>>>,
    rank_4: Vec<Param<Tensor<4>>>,
}

/// Where a parameter of the file is in [`Parameters`].
struct Place {
    rank: usize,
    index: usize,
    shape: Vec<usize>,
}

impl Parameters {
    fn new(values: &[(Vec<f64>, Vec<usize>)], way: Way, device: &Device) -> (Self, Vec<Place>) {
        let mut parameters =
            Parameters { rank_1: Vec::new(), rank_2: Vec::new(), rank_3: Vec::new(), rank_4: Vec::new() };
        let mut places = Vec::new();
        for (values, shape) in values {
            let list_length = match shape.len() {
                1 => add(&mut parameters.rank_1, way.tensor(values, shape, device)),
                2 => add(&mut parameters.rank_2, way.tensor(values, shape, device)),
                3 => add(&mut parameters.rank_3, way.tensor(values, shape, device)),
                4 => add(&mut parameters.rank_4, way.tensor(values, shape, device)),
                rank => panic!("a parameter of rank {rank}"),
            };
            places.push(Place { rank: shape.len(), index: list_length - 1, shape: shape.clone() });
        }
        (parameters, places)
    }

    fn register(
        &self,
        gradients: &mut GradientsParams,
        place: &Place,
        values: &[f64],
        way: Way,
        device: &Device,
    ) {
        let Place { rank, index, shape } = place;
        match rank {
            1 => gradients.register(self.rank_1[*index].id, way.tensor::<1>(values, shape, device)),
            2 => gradients.register(self.rank_2[*index].id, way.tensor::<2>(values, shape, device)),
            3 => gradients.register(self.rank_3[*index].id, way.tensor::<3>(values, shape, device)),
            _ => gradients.register(self.rank_4[*index].id, way.tensor::<4>(values, shape, device)),
        }
    }

    fn values(&self, place: &Place) -> Vec<f64> {
        let data = match place.rank {
            1 => self.rank_1[place.index].val().into_data(),
            2 => self.rank_2[place.index].val().into_data(),
            3 => self.rank_3[place.index].val().into_data(),
            _ => self.rank_4[place.index].val().into_data(),
        };
        data.iter::<f64>().collect()
    }
}

fn add<const D: usize>(list: &mut Vec<Param<Tensor<D>>>, tensor: Tensor<D>) -> usize {
    list.push(Param::from_tensor(tensor));
    list.len()
}

/// The largest error of a rule's trajectory as a share of its tolerance.
fn rule_error(
    spec: &OptimizerSpec,
    path: &Path,
    file: &Value,
    device: &Device,
    way: Way,
) -> Result<f64, String> {
    let stream = read(&path.with_file_name(text(&file["stream"])));
    let initial: Vec<(Vec<f64>, Vec<usize>)> = list(&stream["parameters"])
        .iter()
        .map(|parameter| (numbers(&parameter["initial"]), sizes(&parameter["shape"])))
        .collect();
    let expected = by_step(&file["expected"]);
    let expected_eval = by_step(&file["expected_eval"]);
    let displacement = largest_displacements(&initial, &expected);
    let steps = *expected.keys().next_back().ok_or("no expected values")?;

    let mut optimizer: ModelOptimizer = spec.build().map_err(|error| error.to_string())?;
    let (mut model, places) = Parameters::new(&initial, way, device);
    let mut worst: f64 = 0.0;
    for step in 1..=steps {
        let mut gradients = GradientsParams::new();
        let at_step = list(list(&stream["gradients"]).get(step - 1).ok_or("too few gradients")?);
        for (place, gradient) in places.iter().zip(at_step) {
            model.register(&mut gradients, place, &numbers(gradient), way, &device.clone().inner());
        }
        let lr = match &file["learning_rate"] {
            Value::Array(rates) => rates.get(step - 1).and_then(Value::as_f64),
            rate => rate.as_f64(),
        };
        let shared = (way == Way::Shared).then(|| model.clone());
        model = optimizer.apply(lr.ok_or("no learning rate")?, model, &mut gradients);
        drop(shared);
        if let Some(expected) = expected.get(&step) {
            worst = larger(worst, largest_error(&model, &places, expected, &displacement));
        }
        if let Some(expected) = expected_eval.get(&step) {
            let model = optimizer.for_evaluation(&model);
            worst = larger(worst, largest_error(&model, &places, expected, &displacement));
        }
    }
    Ok(worst)
}

/// `|θ − expected| / (2e-6 max(1, |expected|) + 1e-4 d)`, the largest of all elements.
fn largest_error(model: &Parameters, places: &[Place], expected: &[Vec<f64>], displacement: &[f64]) -> f64 {
    let mut worst = 0.0;
    for ((place, expected), d) in places.iter().zip(expected).zip(displacement) {
        let values = model.values(place);
        assert_eq!(values.len(), expected.len(), "a parameter of another size");
        for (value, expected) in values.iter().zip(expected) {
            let tolerance = 2e-6 * expected.abs().max(1.0) + 1e-4 * d;
            worst = larger(worst, (value - expected).abs() / tolerance);
        }
    }
    worst
}

/// Like [`f64::max`], but NaN wins.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

fn largest_displacements(
    initial: &[(Vec<f64>, Vec<usize>)],
    expected: &BTreeMap<usize, Vec<Vec<f64>>>,
) -> Vec<f64> {
    let displacement = |i: usize, start: &[f64]| {
        expected
            .values()
            .flat_map(|parameters| parameters[i].iter().zip(start))
            .map(|(end, start)| (end - start).abs())
            .fold(0.0, larger)
    };
    initial.iter().enumerate().map(|(i, (start, _))| displacement(i, start)).collect()
}

/// The largest error of a schedule's rates as a share of its tolerance: `1e-6` relative, `1e-9` absolute. optax computes
/// in 32 bits, so its files get half a unit in the last place of their largest rate on top.
fn schedule_error(name: &str, file: &Value) -> Result<f64, String> {
    let expected = numbers(&file["expected"]);
    let spec = ScheduleSpec::from_value(&named(&file["config"], "schedule", name))
        .map_err(|error| error.to_string())?;
    let run = Run { lr: expected[0], total_steps: expected.len() };
    let schedule = spec.build(run).map_err(|error| error.to_string())?;
    let is_in_32_bits = file["reference"].as_str().is_some_and(|reference| reference.contains("optax"));
    let largest = expected.iter().copied().fold(0.0, larger);
    let rounding = if is_in_32_bits { largest * f64::from(f32::EPSILON) / 2.0 } else { 0.0 };
    let errors = expected.iter().enumerate().map(|(step, expected)| {
        let tolerance = 1e-6 * expected.abs() + 1e-9 + rounding;
        (schedule.lr_at(step) - expected).abs() / tolerance
    });
    Ok(errors.fold(0.0, larger))
}

/// `config` with its name in the field `tag`.
fn named(config: &Value, tag: &str, name: &str) -> Value {
    let mut config = config.clone();
    config[tag] = name.into();
    config
}

fn by_step(value: &Value) -> BTreeMap<usize, Vec<Vec<f64>>> {
    let steps = value.as_object().into_iter().flatten();
    steps
        .map(|(step, parameters)| {
            let parameters = list(parameters).iter().map(numbers).collect();
            (step.parse().expect("a step is a number"), parameters)
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// The numbers of a list, however deeply nested, row-major.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))],
    }
}

fn sizes(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|size| size as usize).collect()
}
