//! Names and fields to a rule: every optimizer that the command line, a TOML plan or a run's folder can name.

use crate::error::Error;
use crate::optim::*;
use crate::spec::{self, Family};
use serde::{Deserialize, Serialize};

const FAMILY: Family = Family { kind: "optimizer", tag: "rule", nested: &["other"] };

/// The settings of a rule: checked, then built.
pub trait RuleConfig {
    /// The learning rate of the reference implementation where the caller names none.
    const DEFAULT_LR: f64;

    /// The rules that it consists of; each parameter gets the first that is for it. Errors name `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error>;
}

macro_rules! rules {
    ($($name:literal => $variant:ident($config:ty), $summary:literal;)*) => {
        /// A rule and its settings: `{"rule": "adamw", "beta_1": 0.9}`, or `adamw:beta_1=0.9` in a line of text.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "rule")]
        pub enum OptimizerSpec {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $variant($config),
            )*
        }

        impl OptimizerSpec {
            /// Every rule with its default settings.
            pub fn all() -> Vec<Self> {
                vec![$(OptimizerSpec::$variant(<$config>::default())),*]
            }

            /// Its name on the command line.
            pub fn name(&self) -> &'static str {
                match self { $(OptimizerSpec::$variant(_) => $name),* }
            }

            /// What it is, in a line.
            pub fn summary(&self) -> &'static str {
                match self { $(OptimizerSpec::$variant(_) => $summary),* }
            }

            /// The learning rate of the reference implementation where the caller names none.
            pub fn default_lr(&self) -> f64 {
                match self { $(OptimizerSpec::$variant(_) => <$config as RuleConfig>::DEFAULT_LR),* }
            }

            /// The rules that it consists of; each parameter gets the first that is for it.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN.
            pub fn rules(&self) -> Result<Vec<ParameterRule>, Error> {
                match self { $(OptimizerSpec::$variant(config) => config.rules($name)),* }
            }
        }
    };
}

rules! {
    "sgd" => Sgd(SgdConfig), "gradient descent with momentum, heavy-ball or Nesterov's (Sutskever et al., 2013)";
    "adam" => Adam(AdamConfig), "mean of the gradients over the root of the mean of their squares (Kingma & Ba, 2014)";
    "adamw" => AdamW(AdamWConfig), "Adam with decoupled weight decay (Loshchilov & Hutter, 2017)";
    "adamax" => Adamax(AdamaxConfig), "mean of the gradients over the largest of them (Kingma & Ba, 2014)";
    "radam" => RAdam(RAdamConfig), "Adam that trusts its second moment only after some steps (Liu et al., 2019)";
    "rmsprop" => RmsProp(RmsPropConfig), "gradient over the root of the mean of its squares (Tieleman & Hinton, 2012)";
    "adagrad" => AdaGrad(AdaGradConfig), "gradient over the root of the sum of its squares (Duchi et al., 2011)";
    "adadelta" => AdaDelta(AdaDeltaConfig), "gradient in units of the steps so far (Zeiler, 2012)";
    "lion" => Lion(LionConfig), "sign of momentum and gradient together (Chen et al., 2023)";
    "lamb" => Lamb(LambConfig), "Adam's direction, as long in each tensor as the tensor (You et al., 2019)";
    "muon" => Muon(MuonConfig), "mean of the gradients of a matrix, made about orthogonal (Jordan et al., 2024)";
    "shampoo" => Shampoo(ShampooConfig), "gradient times a root of its inverse covariance by dimension (Gupta et al., 2018)";
    "soap" => Soap(SoapConfig), "Adam in the eigenbasis of Shampoo's preconditioners (Vyas et al., 2024)";
    "burn.sgd" => BurnSgd(BurnSgdConfig), "Burn's built-in SGD";
    "burn.adam" => BurnAdam(BurnAdamConfig), "Burn's built-in Adam";
    "burn.adamw" => BurnAdamW(BurnAdamWConfig), "Burn's built-in AdamW";
    "burn.adagrad" => BurnAdaGrad(BurnAdaGradConfig), "Burn's built-in AdaGrad";
    "burn.rmsprop" => BurnRmsProp(BurnRmsPropConfig), "Burn's built-in RMSprop";
    "burn.lion" => BurnLion(BurnLionConfig), "Burn's built-in Lion";
    "burn.lamb" => BurnLamb(BurnLambConfig), "Burn's built-in LAMB";
    "burn.adan" => BurnAdan(BurnAdanConfig), "Burn's built-in Adan";
    "burn.adafactor" => BurnAdafactor(BurnAdafactorConfig), "Burn's built-in Adafactor";
    "burn.muon" => BurnMuon(BurnMuonConfig), "Burn's built-in Muon for matrices, its AdamW at the same rate for the rest";
}

impl OptimizerSpec {
    /// The optimizer.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::with_rules(self.name(), self.rules()?))
    }

    /// Reads a JSON object `{"rule": name, field: value, …}` or a text.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::UnknownField`], [`Error::InvalidConfig`] or [`Error::Usage`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Error> {
        spec::from_value(FAMILY, value, &Self::all())
    }

    /// The JSON object `{"rule": name, field: value, …}` that a text stands for, whether there is such a rule or not.
    ///
    /// # Errors
    /// [`Error::Usage`] if the text has another form, or a field twice.
    pub fn table(text: &str) -> Result<serde_json::Value, Error> {
        spec::parse_text(FAMILY, text)
    }

    /// The fields and their values, for listings.
    pub fn fields(&self) -> Vec<(String, String)> {
        spec::fields(FAMILY, self, &Self::all())
    }
}

impl std::str::FromStr for OptimizerSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_value(&Self::table(text)?)
    }
}

impl std::fmt::Display for OptimizerSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&spec::to_text(FAMILY, self, &Self::all()))
    }
}
