//! A workload that panics with one seed, whose version can be changed, and whose third step can be held.

use burn::tensor::{Device, Tensor};
use optlab::Error;
use optlab::data::{self, Batch, BatchTargets, Preparation, Source};
use optlab::model::{Init, LinearRegression};
use optlab::nn::Mode;
use optlab::workload::{Direction, Info, Metric, Parts, RowFacts, Tally, Workload};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Holds the version.
pub const VERSION: &str = "OPTLAB_TEST_VERSION";

/// Holds the path of a file. The third step writes it, and lasts until the file is removed.
pub const HOLD: &str = "OPTLAB_TEST_HOLD";

pub struct Faulty;

impl Faulty {
    fn wait_in_the_third_step() {
        static STEPS: AtomicUsize = AtomicUsize::new(0);
        let step = 1 + STEPS.fetch_add(1, Ordering::Relaxed);
        let Some(file) = std::env::var_os(HOLD).filter(|_| step == 3) else { return };
        std::fs::write(&file, b"").unwrap();
        while Path::new(&file).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn error(model: &LinearRegression, batch: &Batch) -> Tensor<1> {
        let BatchTargets::Values(values) = &batch.targets else { panic!("progression is a number") };
        (model.forward(batch.inputs.clone()) - values.clone()).square().mean()
    }
}

impl Workload for Faulty {
    type Model = LinearRegression;
    type Batch = Batch;
    type Facts = RowFacts;

    fn info(&self) -> Info {
        Info::new("faulty", "panics with seed 1", vec![Metric::new("mse", "", Direction::Smaller)])
    }

    fn version(&self) -> Option<String> {
        Some(std::env::var(VERSION).unwrap_or_else(|_| "1".into()))
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, RowFacts>, Error> {
        let preparation = Preparation { standardize: true, ..preparation.clone() };
        Ok(data::load("diabetes", source)?.prepare(&preparation)?.into())
    }

    fn model(&self, _: &RowFacts, seed: u64, device: &Device) -> Result<LinearRegression, Error> {
        assert!(seed != 1, "no model for seed {seed}");
        Ok(LinearRegression::new(10, &mut Init::new(seed, device)))
    }

    fn loss(&self, model: &LinearRegression, batch: &Batch, _: &RowFacts, _mode: Mode) -> Tensor<1> {
        Self::wait_in_the_third_step();
        Self::error(model, batch)
    }

    fn evaluate(
        &self,
        model: &LinearRegression,
        batch: &Batch,
        _: &RowFacts,
        tally: &mut Tally,
    ) -> Tensor<1> {
        let error = Self::error(model, batch);
        tally.add("mse", &[error.clone().into_scalar::<f64>() * batch.len as f64, batch.len as f64]);
        error
    }
}
