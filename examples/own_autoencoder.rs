//! A variational autoencoder (Kingma and Welling, 2014) of 8 × 8 digits: a loss of two parts, and noise that
//! is drawn anew in each step. `cargo run --example own_autoencoder` compares three optimizers on it.

mod shared;

use burn::module::Module;
use burn::tensor::activation::{sigmoid, softplus};
use burn::tensor::{Device, Distribution, Tensor};
use optlab::data::{self, Batch, Preparation, Source};
use optlab::nn::Mode;
use optlab::workload::{self, Direction, Info, Metric, Parts, RowFacts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread, model::seeded};
use shared::Perceptron;

const LATENT: usize = 6;

#[derive(Module, Debug)]
struct Autoencoder {
    encoder: Perceptron,
    decoder: Perceptron,
}

impl Autoencoder {
    fn new(device: &Device) -> Self {
        let network = |sizes| Perceptron::new(sizes, device);
        Autoencoder { encoder: network([64, 64, 2 * LATENT]), decoder: network([LATENT, 64, 64]) }
    }

    /// Returns mean and logarithm of the variance of the code of each image, `[batch, LATENT]` each.
    fn encode(&self, images: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let code = self.encoder.forward(images);
        (code.clone().narrow(1, 0, LATENT), code.narrow(1, LATENT, LATENT))
    }

    /// Returns the two parts of the loss in nats per image: the pixels' cross entropy, and the divergence of
    /// the codes from a normal distribution.
    fn losses(&self, images: Tensor<2>) -> [Tensor<1>; 2] {
        let (mean, log_variance) = self.encode(images.clone());
        // The trial's seed and the step decide this noise.
        let noise = mean.random_like(Distribution::Normal(0.0, 1.0));
        let logits = self.decoder.forward(mean.clone() + noise * (log_variance.clone() * 0.5).exp());
        let pixels = softplus(logits.clone(), 1.0) - logits * images;
        let divergence = (mean.square() + log_variance.clone().exp() - log_variance - 1.0) * 0.5;
        [pixels.sum_dim(1).mean(), divergence.sum_dim(1).mean()]
    }
}

struct OwnAutoencoder;

impl Workload for OwnAutoencoder {
    type Model = Autoencoder;
    type Batch = Batch;
    type Facts = RowFacts;

    fn info(&self) -> Info {
        let measures = ["mse", "divergence"].map(|name| Metric::new(name, "", Direction::Smaller));
        Info::new("own-autoencoder", "variational autoencoder of 8×8 digits", measures.to_vec())
    }

    /// `prepare` draws the test part anew where a recipe has a `split`.
    fn resamples(&self, _source: &Source) -> Result<bool, Error> {
        Ok(true)
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, RowFacts>, Error> {
        Ok(data::load("digits", source)?.prepare(preparation)?.into())
    }

    fn model(&self, _: &RowFacts, seed: u64, device: &Device) -> Result<Autoencoder, Error> {
        Ok(seeded(seed, device, Autoencoder::new))
    }

    fn loss(&self, model: &Autoencoder, batch: &Batch, _: &RowFacts, _mode: Mode) -> Tensor<1> {
        let [pixels, divergence] = model.losses(batch.inputs.clone());
        pixels + divergence
    }

    fn evaluate(&self, model: &Autoencoder, batch: &Batch, _: &RowFacts, tally: &mut Tally) -> Tensor<1> {
        let (mean, _) = model.encode(batch.inputs.clone());
        let errors = (sigmoid(model.decoder.forward(mean)) - batch.inputs.clone()).square();
        let [pixels, divergence] = model.losses(batch.inputs.clone());
        let len = batch.len as f64;
        tally.add("mse", &[errors.sum().into_scalar::<f64>(), len * 64.0]);
        tally.add("divergence", &[divergence.clone().into_scalar::<f64>() * len, len]);
        pixels + divergence
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare =
        "compare --workloads own-autoencoder --optimizers adam,sgd:momentum=0.9,lion --seeds 3 --epochs 10";
    // Runs all of `optlab` with this workload; the comparison's workers start here, too.
    cli::main_with(workload::register(OwnAutoencoder), compare)
}
