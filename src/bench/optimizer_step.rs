//! Times the steps of optimizers on models of matrices.

use crate::Error;
use crate::bench::Copy;
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor};
use clap::ValueEnum;
use optlab_optim::{ModelOptimizer, OptimizerSpec};
use optlab_stats::statistics::describe::quantile;
use optlab_train::device;
use serde::Serialize;
use std::time::{Duration, Instant};

/// The number of steps timed in a row. All their gradients are written before the first step, so that a step
/// does not find freshly written gradients in a cache.
const STEPS_IN_TURN: usize = 3;

/// The largest number of turns per rule, and the time after which no further turn starts.
const TURNS: usize = 8;
/// The largest number of parameters; their buffers take some 56 GB.
const MOST_PARAMETERS: usize = 1_000_000_000;
const TIME: Duration = Duration::from_secs(20);

/// The memory per parameter for a rule and its counterpart: the parameter, two buffers and the gradients of a
/// turn.
const BYTES_PER_PARAMETER: usize = 2 * (4 + STEPS_IN_TURN) * size_of::<f32>();

/// The settings of a benchmark of optimizer steps.
#[derive(Debug, Clone)]
pub struct StepBenchmark {
    /// Backends, as named in [`device::open`].
    pub backends: Vec<String>,
    /// Rules; Burn's rule of the same name is timed in turn with each.
    pub rules: Vec<OptimizerSpec>,
    /// The numbers of parameters of the model, all tensors together.
    pub parameters: Vec<usize>,
    /// The number of tensors that the parameters are split into.
    pub tensors: usize,
    /// The memory layout of the gradients.
    pub gradients: Layout,
}

/// The memory layout of the gradients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// As the parameters.
    #[default]
    Plain,
    /// Transposed views, as from a product with a transposed matrix.
    Transposed,
    /// Views that repeat one row, as from a sum over rows.
    Broadcast,
    /// As the parameters, with zeros in 99 of 100 rows, as of an embedding.
    Rows,
}

/// The time of a step, and the memory that it uses.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// The rule and its settings.
    pub rule: String,
    /// The backend and device.
    pub backend: String,
    /// The number of parameters of the model.
    pub parameters: usize,
    /// The number of tensors that the parameters are split into.
    pub tensors: usize,
    /// The memory layout of the gradients.
    pub gradients: Layout,
    /// The median of the milliseconds per step.
    pub median_ms: f64,
    /// The lower quartile of the milliseconds per step.
    pub lower_quartile_ms: f64,
    /// The upper quartile of the milliseconds per step.
    pub upper_quartile_ms: f64,
    /// The number of timed steps.
    pub steps: usize,
    /// The bytes of the rule's state per parameter.
    pub state_bytes_per_parameter: f64,
    /// The bytes that a step must read and write: the gradient once, the parameter and the state twice.
    pub bytes_per_step: f64,
    /// `bytes_per_step` over the median time, in 10⁹ bytes per second.
    pub gigabytes_per_second: f64,
    /// The speed of a plain copy on the device, counted in the same way.
    pub copy_gigabytes_per_second: f64,
    /// `gigabytes_per_second / copy_gigabytes_per_second`.
    pub share_of_copy_speed: f64,
}

impl StepBenchmark {
    /// Times every rule at every size on every backend. Calls `observe` with the results of each rule and its
    /// counterpart.
    ///
    /// # Errors
    /// No parameters or no tensors, or more tensors than parameters; the errors of [`device::open`] and of
    /// the rules.
    pub fn run(&self, mut observe: impl FnMut(&[Measurement])) -> Result<Vec<Measurement>, Error> {
        self.check()?;
        let mut all = Vec::new();
        for backend in &self.backends {
            let is_host = device::parse(backend)?.0.is_host;
            let device = device::open(backend)?;
            let mut copy = Copy::new(&device, is_host);
            copy.time();
            for &parameters in &self.parameters {
                for rule in &self.rules {
                    let pair: Vec<OptimizerSpec> =
                        std::iter::once(rule.clone()).chain(counterpart(rule)).collect();
                    let measured = self.measure(&pair, backend, &device, parameters, &mut copy)?;
                    observe(&measured);
                    all.extend(measured);
                }
            }
        }
        Ok(all)
    }

    /// Checks the settings before anything runs.
    fn check(&self) -> Result<(), Error> {
        for rule in &self.rules {
            if rule.build()?.needs_more_than_gradients() {
                let reason = "its step evaluates a model, and this benchmark has none";
                return Err(Error::usage(format!("`{rule}` cannot be timed by itself: {reason}")));
            }
        }
        for backend in &self.backends {
            device::parse(backend)?;
        }
        for &parameters in &self.parameters {
            if self.tensors == 0 || parameters < self.tensors {
                let allowed = "at least one for each of the tensors, and at least one tensor";
                return Err(Error::invalid("bench", "parameters", allowed, parameters));
            }
            let bytes = parameters.saturating_mul(BYTES_PER_PARAMETER);
            if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
                let allowed = "few enough for the memory";
                return Err(Error::invalid("bench", "parameters", allowed, parameters));
            }
            if parameters > MOST_PARAMETERS {
                let allowed = format!("at most {MOST_PARAMETERS}");
                return Err(Error::invalid("bench", "parameters", &allowed, parameters));
            }
        }
        Ok(())
    }

    /// Times `rules` and a copy in turn, since the speed of a machine's memory varies over time.
    fn measure(
        &self,
        rules: &[OptimizerSpec],
        backend: &str,
        device: &Device,
        parameters: usize,
        copy: &mut Copy,
    ) -> Result<Vec<Measurement>, Error> {
        let mut steppers = rules
            .iter()
            .map(|rule| Stepper::new(rule, device, parameters, self.tensors, self.gradients))
            .collect::<Result<Vec<_>, _>>()?;
        let mut times = vec![Vec::new(); rules.len()];
        let mut copy_seconds = Vec::new();
        let began = Instant::now();
        // The first turn, in which state is allocated and kernels are compiled, does not count.
        for turn in 0..=TURNS {
            let mut in_turn: Vec<_> = steppers.iter_mut().zip(&mut times).collect();
            if turn % 2 == 1 {
                // The order changes what a rule finds in the caches.
                in_turn.reverse();
            }
            for (stepper, times) in in_turn {
                let measured = stepper.time(STEPS_IN_TURN);
                if turn > 0 {
                    times.extend(measured.iter().map(|time| time.as_secs_f64() * 1e3));
                }
            }
            copy_seconds.extend((0..STEPS_IN_TURN).map(|_| copy.time().as_secs_f64()));
            if turn > 0 && began.elapsed() > TIME {
                break;
            }
        }
        for stepper in &steppers {
            stepper.check(backend)?;
        }
        let copy_speed = copy.bytes() / quantile(&copy_seconds, 0.5).unwrap_or(f64::NAN);
        let measurement = |((rule, stepper), times): ((&OptimizerSpec, &Stepper), &Vec<f64>)| {
            let quantile = |share| quantile(times, share).unwrap_or(f64::NAN);
            let median_ms = quantile(0.5);
            let state_bytes = stepper.optimizer.state_bytes() as f64;
            let bytes_per_step = (3 * size_of::<f32>() * parameters) as f64 + 2.0 * state_bytes;
            let speed = bytes_per_step / (median_ms * 1e-3);
            Measurement {
                rule: rule.to_string(),
                backend: backend.into(),
                parameters,
                tensors: self.tensors,
                gradients: self.gradients,
                median_ms,
                lower_quartile_ms: quantile(0.25),
                upper_quartile_ms: quantile(0.75),
                steps: times.len(),
                state_bytes_per_parameter: state_bytes / parameters as f64,
                bytes_per_step,
                gigabytes_per_second: speed / 1e9,
                copy_gigabytes_per_second: copy_speed / 1e9,
                share_of_copy_speed: speed / copy_speed,
            }
        };
        Ok(rules.iter().zip(&steppers).zip(&times).map(measurement).collect())
    }
}

/// Returns the optimizer to compare a step with: for `compact` and `lazy` their base alone; for any other
/// Burn's built-in of the same name with the same settings, if Burn has one that accepts them.
pub fn counterpart(rule: &OptimizerSpec) -> Option<OptimizerSpec> {
    match rule {
        OptimizerSpec::Compact(compact) => return Some((*compact.base).clone()),
        OptimizerSpec::Lazy(lazy) => return Some((*lazy.base).clone()),
        _ => {}
    }
    format!("burn.{rule}").parse().ok()
}

/// A model of matrices, and an optimizer that updates it.
#[derive(Debug)]
pub struct Stepper {
    model: Option<Matrices>,
    optimizer: ModelOptimizer,
    gradients: Vec<Tensor<2>>,
    layout: Layout,
    device: Device,
}

#[derive(Module, Debug)]
struct Matrices {
    matrices: Vec<Param<Tensor<2>>>,
}

impl Stepper {
    /// Returns a model of `parameters` parameters in `tensors` matrices, as square as their sizes allow.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for settings of the rule out of their range.
    pub fn new(
        rule: &OptimizerSpec,
        device: &Device,
        parameters: usize,
        tensors: usize,
        layout: Layout,
    ) -> Result<Self, Error> {
        let size = |i: usize| parameters / tensors + usize::from(i < parameters % tensors);
        let random = |shape: [usize; 2], device: &Device| {
            Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), device)
        };
        let tracked = device.clone().autodiff();
        let matrices = (0..tensors).map(|i| Param::from_tensor(random(shape(size(i)), &tracked))).collect();
        let stored = |i: usize| {
            let [rows, columns] = shape(size(i));
            match layout {
                Layout::Plain | Layout::Rows => [rows, columns],
                Layout::Transposed => [columns, rows],
                Layout::Broadcast => [1, columns],
            }
        };
        Ok(Stepper {
            model: Some(Matrices { matrices }),
            optimizer: rule.build()?,
            gradients: (0..tensors).map(|i| with_rows(random(stored(i), device), layout)).collect(),
            layout,
            device: device.clone(),
        })
    }

    /// Returns how long each of `steps` steps takes. All gradients are written before the first step and
    /// owned by their step alone; freeing them is part of the step, as in training.
    pub fn time(&mut self, steps: usize) -> Vec<Duration> {
        let gradients: Vec<GradientsParams> = (0..=steps).map(|_| self.fresh_gradients()).collect();
        let mut times = Vec::new();
        for (step, mut gradients) in gradients.into_iter().enumerate() {
            self.synchronize();
            let began = Instant::now();
            if let Some(model) = self.model.take() {
                self.model = Some(self.optimizer.apply(1e-3, model, &mut gradients));
            }
            self.synchronize();
            // The first step after writing the gradients only flushes the caches.
            if step > 0 {
                times.push(began.elapsed());
            }
        }
        times
    }

    fn fresh_gradients(&self) -> GradientsParams {
        let mut gradients = GradientsParams::new();
        let parameters = self.model.iter().flat_map(|model| &model.matrices);
        for (parameter, gradient) in parameters.zip(&self.gradients) {
            // An operation on a shared tensor writes to new memory.
            let gradient = gradient.clone().mul_scalar(0.5);
            let gradient = match self.layout {
                Layout::Plain | Layout::Rows => gradient,
                Layout::Transposed => gradient.transpose(),
                Layout::Broadcast => gradient.expand(parameter.lazy_shape()),
            };
            gradients.register(parameter.id, gradient);
        }
        gradients
    }

    fn synchronize(&self) {
        // `check` notices a failed device.
        let _failure_shows_later = self.device.sync();
    }

    /// Checks that the device made the steps and that the parameters are finite.
    fn check(&self, backend: &str) -> Result<(), Error> {
        let matrices = self.model.iter().flat_map(|model| &model.matrices);
        for matrix in matrices {
            let failed = |reason: String| Error::NoDevice { backend: backend.into(), reason };
            let first = matrix.base().inner().slice([0..1, 0..1]).try_into_data();
            let first = first.map_err(|error| failed(format!("{error:?}")))?;
            if !first.iter::<f32>().all(f32::is_finite) {
                return Err(failed("a parameter is no longer finite".into()));
            }
        }
        Ok(())
    }
}

/// Returns the sides of a matrix of `size` elements, as close to each other as possible.
fn shape(size: usize) -> [usize; 2] {
    let root = size.isqrt().max(1);
    let rows = (1..=root).rev().find(|rows| size.is_multiple_of(*rows)).unwrap_or(1);
    [rows, size / rows]
}

/// Returns `gradient`, with zeros in 99 of 100 rows if `layout` says so.
fn with_rows(gradient: Tensor<2>, layout: Layout) -> Tensor<2> {
    if layout != Layout::Rows {
        return gradient;
    }
    let ([rows, _], device) = (gradient.dims(), gradient.device());
    let kept: Vec<f32> = (0..rows).map(|row| f32::from(u8::from(row % 100 == 0))).collect();
    gradient * Tensor::<1>::from_floats(&kept[..], &device).reshape([rows, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_as_square_as_their_size_allows() {
        assert_eq!(shape(1_000_000), [1000, 1000]);
        assert_eq!(shape(1000), [25, 40]);
        assert_eq!(shape(7), [1, 7]);
        assert_eq!(shape(1), [1, 1]);
    }

    #[test]
    fn every_parameter_is_in_the_model() {
        let rule = "sgd:momentum=0.9".parse().unwrap();
        for layout in [Layout::Plain, Layout::Transposed, Layout::Broadcast, Layout::Rows] {
            let mut stepper = Stepper::new(&rule, &Device::default(), 1003, 10, layout).unwrap();
            assert_eq!(stepper.time(2).len(), 2);
            assert_eq!(stepper.model.unwrap().num_params(), 1003);
            assert_eq!(stepper.optimizer.state_bytes(), 4 * 1003);
        }
    }

    #[test]
    fn the_counterpart_has_the_same_settings() {
        let of = |text: &str| counterpart(&text.parse().unwrap()).map(|spec| spec.to_string());
        assert_eq!(of("adamw").as_deref(), Some("burn.adamw"));
        assert_eq!(of("sgd:momentum=0.9").as_deref(), Some("burn.sgd:momentum=0.9"));
        assert_eq!(of("adagrad:initial_accumulator_value=0.1"), None);
        assert_eq!(of("burn.adam"), None);
        assert_eq!(of("adamw:beta_2=0.99,state=int8").as_deref(), Some("adamw:beta_2=0.99"));
        assert_eq!(of("lazy:base=adamw").as_deref(), Some("adamw"));
    }
}
