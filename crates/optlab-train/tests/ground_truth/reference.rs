//! The reference files, and models with weights from them.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Returns the unpacked content of a file in `references/ground_truth`.
pub fn unpacked(name: &str) -> Vec<u8> {
    unpacked_at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../references/ground_truth").join(name))
}

pub fn unpacked_at(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut content).unwrap();
    content
}

pub fn json(name: &str) -> Value {
    serde_json::from_slice(&unpacked(name)).unwrap()
}

/// Returns the numbers of nested lists, row by row.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// Returns the whole numbers of a list.
pub fn places(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|place| place.as_u64().unwrap() as usize).collect()
}

/// Returns the device with gradients.
pub fn device() -> Device {
    optlab_train::device::open("flex").unwrap().autodiff()
}

/// Returns rows of numbers as a tensor.
pub fn matrix(rows: &[&[f64]], device: &Device) -> Tensor<2> {
    let numbers: Vec<f32> = rows.iter().flat_map(|row| row.iter().map(|number| *number as f32)).collect();
    Tensor::from_data(TensorData::new(numbers, [rows.len(), rows[0].len()]), device)
}

/// Returns `model` with these numbers in its parameters, by path; each must be there.
pub fn with_weights<M: Module>(model: M, weights: BTreeMap<&str, &Value>) -> M {
    struct Mapper<'a>(Vec<String>, BTreeMap<&'a str, &'a Value>);
    impl ModuleMapper for Mapper<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let path = self.0.join(".");
            let weights = self.1.remove(path.as_str()).unwrap_or_else(|| panic!("no weights for {path}"));
            let weights: Vec<f32> = numbers(weights).into_iter().map(|number| number as f32).collect();
            param.map(|tensor| {
                let data = TensorData::new(weights, tensor.dims());
                Tensor::from_data(data, &tensor.device()).require_grad()
            })
        }
    }
    let mut mapper = Mapper(Vec::new(), weights);
    let model = model.map(&mut mapper);
    assert!(mapper.1.is_empty(), "the model has no {:?}", mapper.1.keys());
    model
}

/// Returns the sum of the squares of all parameters of at least `rank` dimensions, in 64 bits.
pub fn squares<M: Module>(model: &M, rank: usize) -> f64 {
    struct Visitor(usize, f64);
    impl ModuleVisitor for Visitor {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D >= self.0 {
                self.1 += param.val().into_data().iter::<f64>().map(|number| number * number).sum::<f64>();
            }
        }
    }
    let mut visitor = Visitor(rank, 0.0);
    model.visit(&mut visitor);
    visitor.1
}

/// Returns `factor (g + decay θ)` for each gradient; only parameters of two or more dimensions decay.
pub fn decayed_and_scaled<M: Module>(
    model: &M,
    gradients: GradientsParams,
    decay: f64,
    factor: f64,
) -> GradientsParams {
    struct Visitor(GradientsParams, f64, f64);
    impl ModuleVisitor for Visitor {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let mut gradient = self.0.remove::<D>(param.id).unwrap();
            if D >= 2 {
                gradient = gradient + param.val().inner() * self.1;
            }
            self.0.register(param.id, gradient * self.2);
        }
    }
    let mut visitor = Visitor(gradients, decay, factor);
    model.visit(&mut visitor);
    visitor.0
}

/// Returns the largest difference of two curves of the same length.
pub fn distance(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

/// Returns the number of rows whose largest output is that of their label.
pub fn right(outputs: Tensor<2>, labels: &[usize]) -> usize {
    let answers: Vec<i64> = outputs.argmax(1).into_data().iter::<i64>().collect();
    assert_eq!(answers.len(), labels.len());
    answers.iter().zip(labels).filter(|(answer, label)| **answer == **label as i64).count()
}
