//! Measures the time and memory of one case.

use crate::arguments::{Case, Layers};
use crate::stock::{self, StockWorkload};
use crate::stock_gpt::StockLanguage;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab::data::{Batches, Source};
use optlab::nn::Mode;
use optlab::train::{self, Trial};
use optlab::workload::{self, Workload, language};
use optlab::{Error, device};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The length of a measurement without a given number of steps.
const LENGTH: Duration = Duration::from_secs(3);

/// Number of steps before the clock starts.
const WARM_UP: usize = 5;

/// The results of measuring one case.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Milliseconds per training step, including its batch and the optimizer.
    pub step_milliseconds: f64,
    /// Number of examples evaluated per second, with loss and metric.
    pub evaluated_per_second: f64,
    /// Peak memory of the process during training, in MiB; NaN if the system does not report it.
    pub peak_mebibytes: f64,
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measurement { step_milliseconds, evaluated_per_second, peak_mebibytes } = self;
        write!(f, "{step_milliseconds} {evaluated_per_second} {peak_mebibytes}")
    }
}

impl FromStr for Measurement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[step_milliseconds, evaluated_per_second, peak_mebibytes]) => {
                Ok(Measurement { step_milliseconds, evaluated_per_second, peak_mebibytes })
            }
            _ => Err(format!("three numbers, not {text:?}")),
        }
    }
}

/// Trains with Adam, then evaluates on the same examples.
pub fn measure(case: &Case, steps: usize) -> Result<Measurement, Error> {
    if let Some(language) = language::all().into_iter().find(|language| language.info().name == case.workload)
    {
        return match case.layers {
            Layers::Optlab => measure_workload(&language, own_loss, case, steps),
            Layers::Burn => measure_workload(&StockLanguage(language), own_loss, case, steps),
        };
    }
    let workload = workload::built_in(&case.workload)?;
    match case.layers {
        Layers::Optlab => measure_workload(&workload, own_loss, case, steps),
        Layers::Burn => measure_workload(&StockWorkload(workload), stock::loss_of_rows, case, steps),
    }
}

/// The most examples that are evaluated at once.
const MOST_EVALUATED: usize = 10_000;

/// Computes the loss of a batch.
type LossOf<W> =
    fn(&W, &<W as Workload>::Model, &<W as Workload>::Batch, &<W as Workload>::Facts, Mode) -> Tensor<1>;

/// Returns the loss as the workload computes it.
fn own_loss<W: Workload>(
    workload: &W,
    model: &W::Model,
    batch: &W::Batch,
    facts: &W::Facts,
    mode: Mode,
) -> Tensor<1> {
    workload.loss(model, batch, facts, mode)
}

fn measure_workload<W: Workload>(
    workload: &W,
    loss: LossOf<W>,
    case: &Case,
    steps: usize,
) -> Result<Measurement, Error> {
    let info = workload.info();
    let trial = Trial { backend: case.backend.clone(), optimizer: "adam".parse()?, ..Trial::new(&info) };
    let device = device::open(&trial.backend)?.autodiff();
    let parts = workload.parts(&Source::default(), &train::preparation(&trial))?;
    let mut batches = Batches::new(&*parts.train, info.batch_size, trial.seed);
    let mut model = workload.model(&parts.facts, trial.seed, &device)?;
    let mut optimizer = trial.optimizer.build()?;
    forget_peak();
    let (mut began, mut done) = (Instant::now(), 0);
    while match steps {
        0 => done < WARM_UP + 1 || began.elapsed() < LENGTH,
        steps => done < WARM_UP + steps,
    } {
        if done == WARM_UP {
            began = Instant::now();
        }
        let batch = batches.batch(done, &device)?;
        let mode = Mode::Train { seed: trial.seed, step: done as u64 };
        let loss = loss(workload, &model, &batch, &parts.facts, mode);
        let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.apply(trial.lr, model, &mut gradients);
        done += 1;
    }
    device.sync().unwrap_or_else(|error| panic!("{} failed: {error}", trial.backend));
    let step_milliseconds = began.elapsed().as_secs_f64() * 1e3 / (done - WARM_UP) as f64;
    let peak_mebibytes = peak_mebibytes();

    let (model, device) = (model.valid(), device.inner());
    let (mut began, mut rounds) = (Instant::now(), 0);
    let evaluated = if parts.train.len() > MOST_EVALUATED { &parts.validation } else { &parts.train };
    let evaluate = || train::evaluate(workload, &model, &**evaluated, &parts.facts, &device);
    evaluate()?;
    while rounds == 0 || began.elapsed() < LENGTH / 3 && steps == 0 {
        if rounds == 0 {
            began = Instant::now();
        }
        evaluate()?;
        rounds += 1;
    }
    let evaluated_per_second = (rounds * evaluated.len()) as f64 / began.elapsed().as_secs_f64();
    Ok(Measurement { step_milliseconds, evaluated_per_second, peak_mebibytes })
}

/// Resets the peak memory, so that it includes the training but not reading the data.
fn forget_peak() {
    // Only Linux has this file, and only Linux reports the peak.
    let _is_linux = std::fs::write("/proc/self/clear_refs", "5");
}

/// Returns the peak memory in MiB, which only Linux reports.
fn peak_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kibibytes.map_or(f64::NAN, |kibibytes| kibibytes / 1024.0)
}
