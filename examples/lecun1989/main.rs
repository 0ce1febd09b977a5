//! The network of LeCun et al. (1989) as Karpathy rebuilt it in 2022, and four steps of his to fewer mistakes
//! as a comparison: `cargo run --example lecun1989 -- compare examples/lecun1989/ladder.toml --jobs 2`.
//!
//! Each step is called better than the one before it. Mistakes of 2,007, over ten seeds:
//!
//! | arm       | published | mean | lowest to highest | difference from the arm above |
//! |:----------|----------:|-----:|------------------:|:------------------------------|
//! | `softmax` |        88 | 87.9 |          83 to 95 |                               |
//! | `adamw`   |        72 | 72.8 |          65 to 83 | 15.1 fewer, better            |
//! | `shift`   |        44 | 53.2 |          47 to 60 | 19.6 fewer, better            |
//! | `dropout` |        32 | 37.2 |          31 to 47 | 16.0 fewer, better            |

pub(crate) mod network;
pub(crate) mod pictures;

use burn::tensor::{Device, Tensor};
use network::Network;
use optlab::data::{Augmentation, Preparation, Source};
use optlab::model::{Activation, ModelPatch};
use optlab::nn::{Mode, cross_entropy};
use optlab::workload::{self, Direction, Info, Metric, Parts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread};
use pictures::{Batch, Pictures};
use std::path::PathBuf;

/// The workload, and the settings of its model that a plan may change.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LeCun1989 {
    /// The function in H1, H2 and H3.
    activation: String,
    /// The dropout probability between H2 and H3.
    dropout: f64,
}

impl Default for LeCun1989 {
    fn default() -> Self {
        LeCun1989 { activation: "tanh".into(), dropout: 0.0 }
    }
}

impl Workload for LeCun1989 {
    type Model = Network;
    type Batch = Batch;
    type Facts = ();

    fn info(&self) -> Info {
        // The paper has 5.00 % of wrong answers.
        let error = Metric::new("error", "%", Direction::Smaller).with_target(0.05);
        let summary = "the network of LeCun et al., 1989, on 16×16 digits of MNIST";
        Info { batch_size: 1, epochs: 23, augments: true, ..Info::new("lecun1989", summary, vec![error]) }
    }

    fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        Ok(pictures::files(source).into())
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, ()>, Error> {
        let Augmentation { shift, .. } = preparation.augmentation;
        if preparation.augmentation != (Augmentation { shift, ..Augmentation::default() }) {
            return Err(Error::usage("lecun1989: `shift` is the only change of pictures"));
        }
        let splits = pictures::load(source)?.prepare(&Preparation { split: None, ..preparation.clone() })?;
        let part = |examples, shift| Box::new(Pictures { examples, shift });
        let (train, validation) = (part(splits.train, shift), part(splits.validation, 0));
        Ok(Parts { train, validation, test: part(splits.test, 0), facts: () })
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error> {
        let settings = serde_json::to_value(patch).and_then(serde_json::from_value);
        settings.map_err(|error| Error::usage(format!("lecun1989: `model`: {error}")))
    }

    fn model(&self, _facts: &(), seed: u64, device: &Device) -> Result<Network, Error> {
        let activation = Activation::from_name(&self.activation)
            .ok_or_else(|| Error::usage(format!("lecun1989: no activation `{}`", self.activation)))?;
        Ok(Network::new(seed, activation, self.dropout, device))
    }

    fn loss(&self, model: &Network, (windows, digits): &Batch, _: &(), mode: Mode) -> Tensor<1> {
        cross_entropy(model.forward(windows.clone(), mode), digits)
    }

    fn evaluate(&self, model: &Network, (windows, digits): &Batch, _: &(), tally: &mut Tally) -> Tensor<1> {
        let logits = model.forward(windows.clone(), Mode::Evaluate);
        let wrong = logits.clone().argmax(1).flatten::<1>(0, 1).not_equal(digits.clone()).int().sum();
        tally.add("error", &[wrong.into_scalar::<f64>(), digits.dims()[0] as f64]);
        cross_entropy(logits, digits)
    }
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    cli::main_with(workload::register(LeCun1989::default()), "describe lecun1989")
}
