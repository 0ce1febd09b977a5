//! A generative adversarial network (Goodfellow et al., 2014) on 8 × 8 digits: two networks take turns in
//! each step, each with its own optimizer. `cargo run --example own_gan` compares three optimizers on it.

mod shared;

use burn::tensor::activation::{sigmoid, softplus};
use burn::tensor::{Device, Distribution, Tensor};
use burn::{module::Module, optim::GradientsParams};
use optlab::data::{self, Batch, Preparation, Source};
use optlab::workload::{self, Direction, Info, Metric, Parts, RowFacts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread, model::seeded, nn::Mode};
use shared::{Perceptron, distance};

const LATENT: usize = 16;

#[derive(Module, Debug)]
pub(crate) struct Gan {
    generator: Perceptron,
    discriminator: Perceptron,
}

impl Gan {
    /// Returns as many generated images as there are real ones.
    fn generate(&self, real: &Tensor<2>) -> Tensor<2> {
        let noise = Tensor::random([real.dims()[0], LATENT], Distribution::Normal(0.0, 1.0), &real.device());
        sigmoid(self.generator.forward(noise))
    }

    fn generator_loss(&self, real: &Tensor<2>) -> Tensor<1> {
        softplus(-self.discriminator.forward(self.generate(real)), 1.0).mean()
    }

    fn discriminator_loss(&self, real: &Tensor<2>) -> Tensor<1> {
        let fake = self.generate(real).detach();
        softplus(-self.discriminator.forward(real.clone()), 1.0).mean()
            + softplus(self.discriminator.forward(fake), 1.0).mean()
    }
}

pub(crate) struct OwnGan;

impl Workload for OwnGan {
    type Model = Gan;
    type Batch = Batch;
    type Facts = RowFacts;

    fn info(&self) -> Info {
        let measures = vec![Metric::new("energy_distance", "", Direction::Smaller).with_target(0.3)];
        Info::new("own-gan", "generates 8×8 digits, judged by their energy distance to real ones", measures)
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, RowFacts>, Error> {
        Ok(data::load("digits", source)?.prepare(&Preparation { split: None, ..preparation.clone() })?.into())
    }

    fn model(&self, _: &RowFacts, seed: u64, device: &Device) -> Result<Gan, Error> {
        Ok(seeded(seed, device, |device| Gan {
            generator: Perceptron::new([LATENT, 128, 64], device),
            discriminator: Perceptron::new([64, 128, 1], device),
        }))
    }

    fn turns(&self) -> usize {
        2
    }

    fn gradients(
        &self,
        turn: usize,
        model: &Gan,
        batch: &Batch,
        _: &RowFacts,
        _mode: Mode,
    ) -> (Tensor<1>, GradientsParams) {
        let inputs = &batch.inputs;
        let loss = if turn == 0 { model.discriminator_loss(inputs) } else { model.generator_loss(inputs) };
        let network = if turn == 0 { &model.discriminator } else { &model.generator };
        let gradients = GradientsParams::from_module(&mut loss.backward(), network);
        (loss.inner(), gradients)
    }

    fn loss(&self, model: &Gan, batch: &Batch, _: &RowFacts, _mode: Mode) -> Tensor<1> {
        model.generator_loss(&batch.inputs)
    }

    fn evaluate(&self, model: &Gan, batch: &Batch, _: &RowFacts, tally: &mut Tally) -> Tensor<1> {
        let (real, fake) = (&batch.inputs, &model.generate(&batch.inputs));
        let energy = distance(real, fake) * 2.0 - distance(real, real) - distance(fake, fake);
        tally.add("energy_distance", &[energy.into_scalar::<f64>() * batch.len as f64, batch.len as f64]);
        model.discriminator_loss(real) + model.generator_loss(real)
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare = "compare --workloads own-gan --optimizers adam:lr=2e-4,beta_1=0.5,sgd:momentum=0.9,lion --seeds 3 \
                   --epochs 40";
    cli::main_with(workload::register(OwnGan), compare)
}
