//! Contrastive learning (InfoNCE) on pairs of digits: two images of the same digit shall lie close together.
//! `cargo run --example own_contrastive` compares three optimizers on it.

mod shared;

use burn::tensor::{Device, Tensor};
use optlab::data::{self, Batch, Draw, ExampleSet, Examples, Preparation, Source, Targets};
use optlab::nn::{Mode, cross_entropy};
use optlab::workload::{self, Direction, Info, Metric, Parts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread, model::seeded};
use shared::{Perceptron, classes};

const TEMPERATURE: f64 = 0.2;

/// Images, each with the rows of the other images of the same digit.
struct Pairs {
    images: Examples,
    same: Vec<Vec<u32>>,
}

impl Pairs {
    fn new(images: Examples) -> Box<Self> {
        let Targets::Classes { labels, .. } = &images.targets else { unreachable!("digits are classes") };
        let rows = |label| (0..labels.len() as u32).filter(|&row| labels[row as usize] == label).collect();
        let same = labels.iter().map(|&label| rows(label)).collect();
        Box::new(Pairs { images, same })
    }
}

/// A batch is two batches of images with the same digits.
impl ExampleSet<[Batch; 2]> for Pairs {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn batch(&self, rows: &[u32], draw: Option<Draw>, device: &Device) -> Result<[Batch; 2], Error> {
        // Seed and step decide the partners, so that a resumed run sees the same pairs.
        let shift = draw.map_or(0, |draw| draw.seed as usize + draw.step);
        let partner = |&row: &u32| {
            let same = &self.same[row as usize];
            same[(row as usize + shift) % same.len()]
        };
        let partners: Vec<u32> = rows.iter().map(partner).collect();
        Ok([self.images.batch(rows, None, device)?, self.images.batch(&partners, None, device)?])
    }
}

/// Returns the similarity of each first image with each second one, `[batch, batch]`.
fn similarities(encoder: &Perceptron, batch: &[Batch; 2]) -> Tensor<2> {
    let [first, second] = batch.each_ref().map(|images| {
        let code = encoder.forward(images.inputs.clone());
        code.clone() / (code.square().sum_dim(1).sqrt() + 1e-6)
    });
    first.matmul(second.transpose()) / TEMPERATURE
}

struct OwnContrastive;

impl Workload for OwnContrastive {
    type Model = Perceptron;
    type Batch = [Batch; 2];
    type Facts = ();

    fn info(&self) -> Info {
        let measures = vec![Metric::new("retrieval", "%", Direction::Larger).with_target(0.95)];
        Info::new("own-contrastive", "finds a digit by its likeness to another", measures)
    }

    fn parts(&self, source: &Source, given: &Preparation) -> Result<Parts<[Batch; 2], ()>, Error> {
        let all = data::load("digits", source)?.prepare(&Preparation { split: None, ..given.clone() })?;
        let [train, validation, test] = [all.train, all.validation, all.test].map(Pairs::new);
        Ok(Parts { train, validation, test, facts: () })
    }

    fn model(&self, _facts: &(), seed: u64, device: &Device) -> Result<Perceptron, Error> {
        Ok(seeded(seed, device, |device| Perceptron::new([64, 64, 16], device)))
    }

    fn loss(&self, model: &Perceptron, batch: &[Batch; 2], _: &(), _mode: Mode) -> Tensor<1> {
        let similarities = similarities(model, batch);
        let own = Tensor::arange(0..batch[0].len as i64, &similarities.device());
        cross_entropy(similarities, &own)
    }

    fn evaluate(&self, model: &Perceptron, batch: &[Batch; 2], _: &(), tally: &mut Tally) -> Tensor<1> {
        let nearest = similarities(model, batch).argmax(1).flatten::<1>(0, 1);
        let [first, second] = batch.each_ref().map(classes);
        let right = second.select(0, nearest).equal(first).int().sum();
        tally.add("retrieval", &[right.into_scalar::<f64>(), batch[0].len as f64]);
        self.loss(model, batch, &(), Mode::Evaluate)
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare =
        "compare --workloads own-contrastive --optimizers adam,sgd:momentum=0.9,lion --seeds 3 --epochs 10";
    cli::main_with(workload::register(OwnContrastive), compare)
}
