//! Data that are read from disk as they are needed: a Burn data set over a file, read ahead by threads.
//! `cargo run --example own_streamed` compares three optimizers on it.

mod shared;

use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Tensor};
use optlab::data::{Batch, DatasetExamples, Item, Preparation, Source, Subset, Target, ToBatch};
use optlab::nn::{Mode, cross_entropy};
use optlab::workload::{self, Direction, Info, Metric, Parts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread, model::seeded};
use shared::{Perceptron, classes, right};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a digit in the file: its pixels and its class.
const RECORD: usize = 65;

/// A file of digits, of which only the records that are asked for are read.
struct Records(PathBuf);

impl Records {
    fn read(&self, index: usize) -> std::io::Result<Item> {
        let (mut file, mut record) = (File::open(&self.0)?, [0; RECORD]);
        file.seek(SeekFrom::Start((index * RECORD) as u64))?;
        file.read_exact(&mut record)?;
        let input = record[..64].iter().map(|&pixel| f32::from(pixel) / 16.0).collect();
        Ok(Item { input, target: Target::Class(record[64].into()) })
    }
}

impl Dataset<Item> for Records {
    fn get(&self, index: usize) -> Result<Item, DatasetError> {
        self.read(index).map_err(DatasetError::new)
    }

    fn len(&self) -> usize {
        std::fs::metadata(&self.0).map_or(0, |file| file.len() as usize / RECORD)
    }
}

struct OwnStreamed([PathBuf; 2]);

impl Workload for OwnStreamed {
    type Model = Perceptron;
    type Batch = Batch;
    type Facts = ();

    fn info(&self) -> Info {
        let measures = vec![Metric::new("accuracy", "%", Direction::Larger).with_target(0.95)];
        Info::new("own-streamed", "a perceptron on digits that stay on disk", measures)
    }

    /// Makes the contents of the files a part of the version of every trial.
    fn data_files(&self, _source: &Source) -> Result<Vec<PathBuf>, Error> {
        Ok(self.0.to_vec())
    }

    fn parts(&self, _source: &Source, preparation: &Preparation) -> Result<Parts<Batch, ()>, Error> {
        let [train, test] = self.0.clone().map(|file| Arc::new(Records(file)));
        let [train, validation] = Subset::split(train, preparation)?.map(Arc::new);
        let read = |dataset| Box::new(DatasetExamples::new("own-streamed", dataset, Arc::new(ToBatch)));
        Ok(Parts { train: read(train), validation: read(validation), test: read(test), facts: () })
    }

    fn model(&self, _facts: &(), seed: u64, device: &Device) -> Result<Perceptron, Error> {
        Ok(seeded(seed, device, |device| Perceptron::new([64, 64, 10], device)))
    }

    fn loss(&self, model: &Perceptron, batch: &Batch, _: &(), _mode: Mode) -> Tensor<1> {
        cross_entropy(model.forward(batch.inputs.clone()), &classes(batch))
    }

    fn evaluate(&self, model: &Perceptron, batch: &Batch, _: &(), tally: &mut Tally) -> Tensor<1> {
        let logits = model.forward(batch.inputs.clone());
        tally.add("accuracy", &right(&logits, &classes(batch)));
        cross_entropy(logits, &classes(batch))
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare =
        "compare --workloads own-streamed --optimizers adam,sgd:momentum=0.9,lion --seeds 3 --epochs 15";
    // Runs all of `optlab` with this workload; the comparison's workers start here, too.
    cli::main_with(shared::digit_files().and_then(|files| workload::register(OwnStreamed(files))), compare)
}
