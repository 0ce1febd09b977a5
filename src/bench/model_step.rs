//! Times optimizer steps on the parameters of a real model.

use crate::Error;
use crate::bench::counterpart;
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor};
use clap::ValueEnum;
use optlab_optim::OptimizerSpec;
use optlab_stats::statistics::describe::quantile;
use optlab_train::device;
use serde::Serialize;
use std::time::{Duration, Instant};

/// The number of steps before those that are timed: state is allocated and first bases are computed in them.
const WARM_UP: usize = 2;

/// The number of timed steps, and the time after which no further step starts.
const STEPS: usize = 28;
const TIME: Duration = Duration::from_secs(60);

/// A model whose parameters are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// The network of the workload of this name: 2 convolutions and 2 dense layers, 225,034 parameters.
    #[value(name = "mnist-10k-cnn")]
    #[serde(rename = "mnist-10k-cnn")]
    Mnist10kCnn,
    /// A transformer of 4 layers, 128 wide, for 65 characters and a context of 64: 812,416 parameters.
    GptSmall,
}

impl Model {
    /// Returns the name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Model::Mnist10kCnn => "mnist-10k-cnn",
            Model::GptSmall => "gpt-small",
        }
    }

    /// Returns the shapes of the parameters, in the model's order. Weights of dense layers are `[inputs,
    /// outputs]`.
    pub fn shapes(self) -> Vec<Vec<usize>> {
        match self {
            Model::Mnist10kCnn => vec![
                vec![32, 1, 3, 3],
                vec![32],
                vec![64, 32, 3, 3],
                vec![64],
                vec![1600, 128],
                vec![128],
                vec![128, 10],
                vec![10],
            ],
            Model::GptSmall => {
                let width = 128;
                let block = [
                    vec![width],
                    vec![width, 3 * width],
                    vec![width, width],
                    vec![width],
                    vec![width, 4 * width],
                    vec![4 * width, width],
                ];
                let embeddings = [vec![65, width], vec![64, width]];
                let blocks = std::iter::repeat_n(block, 4).flatten();
                embeddings.into_iter().chain(blocks).chain([vec![width], vec![width, 65]]).collect()
            }
        }
    }
}

/// The times of a rule's steps on a model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelMeasurement {
    /// The rule and its settings.
    pub rule: String,
    /// The backend and device.
    pub backend: String,
    /// The model.
    pub model: Model,
    /// The median of the milliseconds per step.
    pub median_ms: f64,
    /// The mean of the milliseconds per step; larger than the median if some steps do more than others.
    pub mean_ms: f64,
    /// The milliseconds of the longest step.
    pub longest_ms: f64,
    /// The number of timed steps.
    pub steps: usize,
    /// The bytes of the rule's state per parameter.
    pub state_bytes_per_parameter: f64,
}

/// Times the steps of `rules`, and of Burn's rule of the same name, on the parameters of `model`. Calls
/// `observe` with the results of each rule and its counterpart.
///
/// # Errors
/// A rule whose step evaluates a model; the errors of [`device::open`] and of the rules.
pub fn time_model_steps(
    model: Model,
    backends: &[String],
    rules: &[OptimizerSpec],
    mut observe: impl FnMut(&[ModelMeasurement]),
) -> Result<Vec<ModelMeasurement>, Error> {
    for rule in rules {
        if rule.build()?.needs_more_than_gradients() {
            let reason = "its step evaluates a model, and this benchmark has only parameters";
            return Err(Error::usage(format!("`{rule}` cannot be timed by itself: {reason}")));
        }
    }
    let mut all = Vec::new();
    for backend in backends {
        let device = device::open(backend)?;
        for rule in rules {
            let pair = std::iter::once(rule.clone()).chain(counterpart(rule));
            let measured =
                pair.map(|rule| measure(model, &rule, backend, &device)).collect::<Result<Vec<_>, _>>()?;
            observe(&measured);
            all.extend(measured);
        }
    }
    Ok(all)
}

fn measure(
    model: Model,
    rule: &OptimizerSpec,
    backend: &str,
    device: &Device,
) -> Result<ModelMeasurement, Error> {
    let mut optimizer = rule.build()?;
    let mut parameters = Parameters::of(&model.shapes(), &device.clone().autodiff());
    let mut times = Vec::new();
    let began = Instant::now();
    for step in 0..WARM_UP + STEPS {
        let mut gradients = parameters.gradients(device);
        synchronize(device);
        let start = Instant::now();
        parameters = optimizer.apply(1e-3, parameters, &mut gradients);
        synchronize(device);
        if step >= WARM_UP {
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if began.elapsed() > TIME {
                break;
            }
        }
    }
    parameters.check(backend)?;
    Ok(ModelMeasurement {
        rule: rule.to_string(),
        backend: backend.into(),
        model,
        median_ms: quantile(&times, 0.5).unwrap_or(f64::NAN),
        mean_ms: times.iter().sum::<f64>() / times.len() as f64,
        longest_ms: times.iter().copied().fold(0.0, f64::max),
        steps: times.len(),
        state_bytes_per_parameter: optimizer.state_bytes() as f64 / parameters.num_params() as f64,
    })
}

fn synchronize(device: &Device) {
    // `Parameters::check` notices a failed device.
    let _failure_shows_later = device.sync();
}

/// Parameters without a model.
#[derive(Module, Debug)]
struct Parameters {
    parameters: Vec<Parameter>,
}

#[derive(Module, Debug)]
enum Parameter {
    Vector(Param<Tensor<1>>),
    Matrix(Param<Tensor<2>>),
    Kernel(Param<Tensor<4>>),
}

impl Parameters {
    fn of(shapes: &[Vec<usize>], device: &Device) -> Self {
        let parameter = |shape: &Vec<usize>| match shape[..] {
            [a] => Parameter::Vector(Param::from_tensor(random([a], 0.05, device))),
            [a, b] => Parameter::Matrix(Param::from_tensor(random([a, b], 0.05, device))),
            [a, b, c, d] => Parameter::Kernel(Param::from_tensor(random([a, b, c, d], 0.05, device))),
            _ => unreachable!("the parameters of these models are vectors, matrices and kernels"),
        };
        Parameters { parameters: shapes.iter().map(parameter).collect() }
    }

    /// Returns new random gradients.
    fn gradients(&self, device: &Device) -> GradientsParams {
        let mut gradients = GradientsParams::new();
        for parameter in &self.parameters {
            match parameter {
                Parameter::Vector(of) => {
                    gradients.register(of.id, random(of.lazy_shape().dims::<1>(), 0.01, device))
                }
                Parameter::Matrix(of) => {
                    gradients.register(of.id, random(of.lazy_shape().dims::<2>(), 0.01, device))
                }
                Parameter::Kernel(of) => {
                    gradients.register(of.id, random(of.lazy_shape().dims::<4>(), 0.01, device))
                }
            }
        }
        gradients
    }

    /// Checks that the device made the steps and that the parameters are finite.
    fn check(&self, backend: &str) -> Result<(), Error> {
        let is_finite = |parameter: &Parameter| match parameter {
            Parameter::Vector(of) => is_finite(of.val()),
            Parameter::Matrix(of) => is_finite(of.val()),
            Parameter::Kernel(of) => is_finite(of.val()),
        };
        if self.parameters.iter().all(is_finite) {
            return Ok(());
        }
        let reason = "a parameter is no longer finite, or the device failed".into();
        Err(Error::NoDevice { backend: backend.into(), reason })
    }
}

fn is_finite<const D: usize>(tensor: Tensor<D>) -> bool {
    tensor.inner().try_into_data().is_ok_and(|data| data.iter::<f32>().all(f32::is_finite))
}

fn random<const D: usize>(shape: [usize; D], deviation: f64, device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, deviation), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_have_the_parameters_that_their_pages_say() {
        let count = |model: Model| -> usize {
            model.shapes().iter().map(|shape| shape.iter().product::<usize>()).sum()
        };
        assert_eq!(count(Model::Mnist10kCnn), 225_034);
        assert_eq!(count(Model::GptSmall), 812_416);
    }

    #[test]
    fn every_parameter_of_a_model_is_updated() {
        let rule = "sgd:momentum=0.9".parse().unwrap();
        let measured = measure(Model::Mnist10kCnn, &rule, "flex", &Device::default()).unwrap();
        assert_eq!(measured.steps, STEPS);
        assert_eq!(measured.state_bytes_per_parameter, 4.0);
        assert!(measured.median_ms <= measured.longest_ms && measured.mean_ms <= measured.longest_ms);
    }
}
