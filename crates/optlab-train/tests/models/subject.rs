//! Models to test, their parameters, and inputs.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use optlab_train::device;
use optlab_train::model::{Init, InputShape, ModelSpec, Stack};
use std::collections::BTreeMap;

pub const IMAGES: InputShape = InputShape::Image { channels: 2, height: 6, width: 5 };
pub const SEQUENCES: InputShape = InputShape::Sequence { time: 4, features: 3 };
pub const TOKENS: InputShape = InputShape::Tokens { time: 4, vocabulary: 7 };

/// Returns the shape of two numbers, a category out of 5, a number and a category out of 3.
pub fn categories() -> InputShape {
    InputShape::Columns(vec![None, None, Some(5), None, Some(3)])
}

/// Every kind of model and layer, with a shape to build it for.
pub fn models() -> Vec<(&'static str, InputShape)> {
    let table = || InputShape::numbers(6);
    vec![
        ("linear", table()),
        ("linear", TOKENS),
        ("mlp=[5,4]", table()),
        ("mlp=[5,4],activation=gelu,norm=layer", categories()),
        ("mlp=[5],activation=tanh,norm=batch", IMAGES),
        ("mlp=[5],activation=sigmoid,embedding=3", TOKENS),
        ("mlp=[5],activation=silu", SEQUENCES),
        ("mlp=[5],activation=leaky_relu", table()),
        ("cnn=[3,4],dense=[5]", IMAGES),
        ("cnn=[3],padding=valid,pool=avg,dense=[],activation=tanh", IMAGES),
        ("cnn=[3,4],kernel=2,stride=2,pool=none,norm=batch", IMAGES),
        ("cnn=[3],kernel=4,norm=layer", IMAGES),
        ("rnn=4", SEQUENCES),
        ("rnn=[4,3],bidirectional=true", IMAGES),
        ("gru=4", SEQUENCES),
        ("gru=[4,3],bidirectional=true", SEQUENCES),
        ("lstm=4", TOKENS),
        ("lstm=[4,3],bidirectional=true", SEQUENCES),
        ("transformer=1,heads=2,width=6", SEQUENCES),
        ("transformer=2,heads=3,width=6,feed_forward=5,pooling=last", TOKENS),
        ("transformer=1,heads=1,width=4,embedding=3", TOKENS),
        ("transformer=1,heads=2,width=4", IMAGES),
        (
            "layers=[conv 3 2 stride 2 valid,batchnorm,gelu,avgpool 2 stride 1,flatten,layernorm,dense 5,relu]",
            IMAGES,
        ),
        ("layers=[dense 4,batchnorm,tanh,rnn 3,layernorm,lstm 3,last]", SEQUENCES),
        ("layers=[conv 3,maxpool,gru 3,mean,dense 4,silu]", IMAGES),
    ]
}

/// Returns the device without gradients.
pub fn device() -> Device {
    device::open("flex").unwrap()
}

/// Returns the model of a text with 3 outputs and the initial weights of seed 1.
pub fn build(text: &str, shape: &InputShape, device: &Device) -> Stack {
    let spec: ModelSpec = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    spec.build(shape, 3, &mut Init::new(1, device)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns the error of building a model for 3 outputs.
#[track_caller]
pub fn refusal(text: &str, shape: &InputShape) -> String {
    let spec: ModelSpec = text.parse().unwrap();
    let error = spec.build(shape, 3, &mut Init::new(1, &device())).unwrap_err();
    assert!(error.is_usage() && !error.to_string().contains('\n'), "{error}");
    error.to_string()
}

/// Returns numbers in [−1, 1) from a fixed formula; no two within a few thousand are equal.
pub fn numbers(len: usize, seed: usize) -> Vec<f64> {
    // Multiples of the golden ratio, modulo 1, are spread evenly.
    let golden = 0.618_033_988_749_895;
    (0..len).map(|i| ((i as f64 + 1.0 + 1000.0 * seed as f64) * golden).fract() * 2.0 - 1.0).collect()
}

/// Returns a batch of inputs of a shape, row-major.
pub fn inputs(shape: &InputShape, batch: usize) -> Vec<Vec<f64>> {
    let index = |number: f64, count: usize| ((number + 1.0) / 2.0 * count as f64).floor();
    let row = |row: usize| {
        let mut numbers = numbers(shape.elements(), 70 + row);
        match shape {
            InputShape::Tokens { vocabulary, .. } => {
                numbers.iter_mut().for_each(|number| *number = index(*number, *vocabulary));
            }
            InputShape::Columns(columns) => {
                for (number, categories) in numbers.iter_mut().zip(columns) {
                    *number = categories.map_or(*number, |count| index(*number, count));
                }
            }
            _ => {}
        }
        numbers
    };
    (0..batch).map(row).collect()
}

/// Returns rows as a tensor.
pub fn tensor(rows: &[Vec<f64>], device: &Device) -> Tensor<2> {
    let numbers: Vec<f32> = rows.iter().flatten().map(|number| *number as f32).collect();
    Tensor::from_data(TensorData::new(numbers, [rows.len(), rows[0].len()]), device)
}

/// Returns the rows of a tensor.
pub fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let [_, width] = tensor.dims();
    let numbers: Vec<f64> = tensor.into_data().iter::<f64>().collect();
    numbers.chunks(width).map(<[f64]>::to_vec).collect()
}

/// The parameters and statistics of a model by path: shape and numbers.
pub type Parameters = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// Returns the parameters and statistics of a model.
pub fn parameters<M: Module>(model: &M) -> Parameters {
    #[derive(Default)]
    struct Visitor(Vec<String>, Parameters);
    impl ModuleVisitor for Visitor {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            let numbers = value.clone().into_data().iter::<f64>().collect();
            assert!(self.1.insert(self.0.join("."), (value.dims().to_vec(), numbers)).is_none());
        }
    }
    let mut visitor = Visitor::default();
    model.visit(&mut visitor);
    visitor.1
}

/// Returns whether a path is of a value that is saved, but not trained.
pub fn is_statistic(path: &str) -> bool {
    path.ends_with(".running_mean") || path.ends_with(".running_var")
}

/// Returns the model with other numbers in every parameter and statistic, so that each of them matters.
pub fn scrambled(model: Stack) -> Stack {
    #[derive(Default)]
    struct Mapper(Vec<String>, usize);
    impl ModuleMapper for Mapper {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.1 += 1;
            let is_variance = self.0.last().is_some_and(|name| name == "running_var");
            let number = |number: f64| if is_variance { number.abs() + 0.5 } else { number * 0.8 };
            let seed = self.1;
            param.map(|value| {
                let numbers = numbers(value.shape().num_elements(), seed);
                let numbers: Vec<f32> = numbers.into_iter().map(|x| number(x) as f32).collect();
                let data = TensorData::new(numbers, value.dims());
                let scrambled = Tensor::from_data(data, &value.device());
                if value.is_require_grad() { scrambled.require_grad() } else { scrambled }
            })
        }
    }
    model.map(&mut Mapper::default())
}

/// Returns the model with 64-bit numbers, for which layers use Burn's operations instead of our kernels.
pub fn in_64_bits(model: Stack) -> Stack {
    struct Mapper;
    impl ModuleMapper for Mapper {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| value.cast(DType::F64))
        }
    }
    model.map(&mut Mapper)
}
