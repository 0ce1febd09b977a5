//! The type of the built-in workloads and of their models.

use crate::Error;
use crate::data::{self, Preparation, Source, Splits};
use crate::model::{
    Cnn, CnnConfig, Init, InputShape, LinearRegression, ModelPatch, ModelSpec, ResNet, ResNetConfig,
    SimpleRnn, SimpleRnnConfig, Stack,
};
use crate::nn::Mode;
use crate::objective::Objective;
use crate::workload::{
    Defaults, Info, Supervised, diabetes_linear, digits_cnn, digits_rnn, mnist_cnn, mnist_resnet,
    sunspots_gated, sunspots_rnn,
};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// A workload that comes with the program.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    pub(super) facts: BuiltInFacts,
    pub(super) network: NetworkConfig,
}

/// The facts of a built-in workload, apart from its model.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuiltInFacts {
    pub name: &'static str,
    pub summary: &'static str,
    pub data_set: &'static str,
    /// The shape of one input, before padding.
    pub input_shape: &'static [usize],
    /// Makes the loss and the measure.
    pub objective: fn() -> Objective,
    /// The metric on the validation part that counts as success.
    pub target: f64,
    /// Number of outputs of the model.
    pub outputs: usize,
    pub batch_size: usize,
    pub epochs: usize,
    /// Whether inputs and numeric targets are standardized.
    pub standardize: bool,
}

/// The configuration of a built-in workload's model.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NetworkConfig {
    LinearRegression,
    Cnn(CnnConfig),
    SimpleRnn(SimpleRnnConfig),
    ResNet(ResNetConfig),
    /// Given by `--model`.
    Spec(ModelSpec),
}

impl NetworkConfig {
    /// Returns the model as a spec, from which settings can be changed.
    fn spec(&self) -> Result<ModelSpec, Error> {
        match self {
            NetworkConfig::LinearRegression => "linear".parse(),
            NetworkConfig::Cnn(config) => {
                let [first, second] = config.filters;
                let padding = if config.padding == 0 { "valid" } else { "same" };
                let [after_pool, after_dense] = config.dropout;
                format!(
                    "cnn=[{first},{second}],padding={padding},dense=[{}],dropout=[{after_pool},{after_dense}]",
                    config.hidden
                )
                .parse()
            }
            NetworkConfig::SimpleRnn(config) => format!("rnn={}", config.hidden).parse(),
            NetworkConfig::ResNet(_) => Err(Error::usage(
                "a residual network has no settings; `--model` can name another kind of model",
            )),
            NetworkConfig::Spec(spec) => Ok(spec.clone()),
        }
    }
}

/// The model of a built-in workload: one type, so that the training code is compiled once for all of them.
#[derive(Module, Debug)]
pub enum Network {
    /// Linear regression.
    LinearRegression(LinearRegression),
    /// A convolutional network.
    Cnn(Cnn),
    /// A simple recurrent network.
    SimpleRnn(SimpleRnn),
    /// A residual network.
    ResNet(ResNet),
    /// A model given by `--model`.
    Stack(Stack),
}

impl Supervised for BuiltIn {
    type Model = Network;

    fn info(&self) -> Info {
        let BuiltInFacts { name, summary, objective, target, batch_size, epochs, input_shape, .. } =
            self.facts;
        Info {
            name: name.into(),
            summary: summary.into(),
            measures: objective().metrics(Some(target)),
            batch_size,
            epochs,
            augments: input_shape.len() == 3,
            defaults: Defaults::default(),
        }
    }

    fn objective(&self) -> Objective {
        (self.facts.objective)()
    }

    fn version(&self) -> Option<String> {
        None
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error> {
        let spec = match &self.network {
            NetworkConfig::ResNet(_) if patch.kind().is_some() => patch.clone().into_spec()?,
            network => patch.apply(&network.spec()?)?,
        };
        Ok(BuiltIn { network: NetworkConfig::Spec(spec), ..self.clone() })
    }

    fn resamples(&self, _source: &Source) -> Result<bool, Error> {
        Ok(!data::SERIES.contains(&self.facts.data_set))
    }

    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        let preparation = Preparation { standardize: self.facts.standardize, ..preparation.clone() };
        data::load(self.facts.data_set, source)?.prepare(&preparation)
    }

    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Network, Error> {
        let init = &mut Init::new(seed, device);
        let wrong_shape =
            |expected| Error::invalid(self.facts.name, "input shape", expected, format!("{input_shape:?}"));
        Ok(match (&self.network, input_shape) {
            (NetworkConfig::Spec(spec), shape) => {
                let outputs = self.facts.outputs;
                Network::Stack(spec.build(&InputShape::from_sizes(shape)?, outputs, init)?)
            }
            (NetworkConfig::LinearRegression, shape) => {
                Network::LinearRegression(LinearRegression::new(shape.iter().product(), init))
            }
            (NetworkConfig::Cnn(config), &[channels, height, width]) => {
                Network::Cnn(config.init([channels, height, width], init))
            }
            (NetworkConfig::SimpleRnn(config), &[_time, features]) => {
                Network::SimpleRnn(config.init(features, init))
            }
            // An image is read row by row.
            (NetworkConfig::SimpleRnn(config), &[1, _rows, columns]) => {
                Network::SimpleRnn(config.init(columns, init))
            }
            (NetworkConfig::ResNet(config), &[channels, height, width]) => {
                Network::ResNet(config.init([channels, height, width], init))
            }
            (NetworkConfig::Cnn(_) | NetworkConfig::ResNet(_), _) => {
                return Err(wrong_shape("[channels, height, width]"));
            }
            (NetworkConfig::SimpleRnn(_), _) => return Err(wrong_shape("[time, features]")),
        })
    }

    fn element_names(&self) -> Vec<String> {
        let names: &[&str] = if self.facts.data_set == "diabetes" { &data::DIABETES_COLUMNS } else { &[] };
        names.iter().map(ToString::to_string).collect()
    }

    fn forward(&self, model: &Network, inputs: Tensor<2>, mode: Mode) -> Tensor<2> {
        match model {
            Network::LinearRegression(model) => model.forward(inputs),
            Network::Stack(model) => model.forward(inputs, mode),
            Network::Cnn(model) => {
                let [batch, _] = inputs.dims();
                let [channels, height, width] = model.image_shape();
                model.forward(inputs.reshape([batch, channels, height, width]), mode)
            }
            Network::ResNet(model) => {
                let [batch, _] = inputs.dims();
                let [channels, height, width] = model.image_shape();
                model.forward(inputs.reshape([batch, channels, height, width]), mode)
            }
            Network::SimpleRnn(model) => {
                let [batch, features] = inputs.dims();
                let width = model.features();
                model.forward(inputs.reshape([batch, features / width, width]))
            }
        }
    }
}

/// Returns all workloads that come with the program.
pub fn all() -> Vec<BuiltIn> {
    vec![
        diabetes_linear::diabetes_linear(),
        digits_cnn::digits_cnn(),
        digits_rnn::digits_rnn(),
        mnist_cnn::mnist_10k_cnn(),
        mnist_cnn::mnist_cnn(),
        mnist_resnet::mnist_resnet(),
        sunspots_rnn::sunspots_rnn(),
        sunspots_gated::sunspots_gru(),
        sunspots_gated::sunspots_lstm(),
    ]
}

/// Returns the workload called `name` that comes with the program, with its type of model.
/// [`find`](crate::registry::find) knows registered ones, too.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName).
pub fn built_in(name: &str) -> Result<BuiltIn, Error> {
    let all = all();
    let names: Vec<&str> = all.iter().map(|workload| workload.facts.name).collect();
    let unknown = Error::unknown_name("workload", name, &names);
    all.into_iter().find(|workload| workload.facts.name == name).ok_or(unknown)
}
