//! Names and fields to a rule: every optimizer that the command line, a TOML plan or a run's folder can name.

use crate::error::Error;
use crate::optim::*;
use crate::spec::{self, Family};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

pub(super) const FAMILY: Family = Family {
    kind: "optimizer",
    tag: "rule",
    nested: &["other", "base"],
    foreign: &["schedule"],
    no_value: "none",
};

/// The settings of a rule: checked, then built.
pub trait RuleConfig {
    /// The learning rate of the reference implementation where the caller names none.
    const DEFAULT_LR: f64;

    /// The rules that it consists of; each parameter gets the first that is for it. Errors name `owner`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error>;

    /// The rules with what is around them.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        Ok(Assembly::of(self.rules(owner)?))
    }

    /// The learning rate where the caller names none, with these settings.
    fn default_lr(&self) -> f64 {
        Self::DEFAULT_LR
    }
}

macro_rules! rules {
    ($($name:literal => $variant:ident($config:ty), $summary:literal;)*) => {
        /// A rule and its settings: `{"rule": "adamw", "beta_1": 0.9}`, or `adamw:beta_1=0.9` in a line of text.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "rule")]
        pub enum OptimizerSpec {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $variant($config),
            )*
            /// a rule of [`register`]
            #[serde(untagged)]
            Registered(Registered),
        }

        /// Reads the rules that come with the program.
        #[derive(Deserialize)]
        #[serde(tag = "rule", remote = "OptimizerSpec")]
        enum BuiltIn {
            $(#[serde(rename = $name)] $variant($config),)*
        }

        impl OptimizerSpec {
            /// Every rule that comes with the program.
            pub(super) fn built_in() -> Vec<Self> {
                vec![$(OptimizerSpec::$variant(<$config>::default())),*]
            }

            /// Its name on the command line.
            pub fn name(&self) -> &'static str {
                match self {
                    $(OptimizerSpec::$variant(_) => $name,)*
                    OptimizerSpec::Registered(rule) => rule.name(),
                }
            }

            /// What it is, in a line.
            pub fn summary(&self) -> &'static str {
                match self {
                    $(OptimizerSpec::$variant(_) => $summary,)*
                    OptimizerSpec::Registered(rule) => rule.summary(),
                }
            }

            /// The learning rate of the reference implementation where the caller names none.
            pub fn default_lr(&self) -> f64 {
                match self {
                    $(OptimizerSpec::$variant(config) => config.default_lr(),)*
                    OptimizerSpec::Registered(rule) => rule.default_lr(),
                }
            }

            /// The rules that it consists of; each parameter gets the first that is for it.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN.
            pub fn rules(&self) -> Result<Vec<ParameterRule>, Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => config.rules($name),)*
                    OptimizerSpec::Registered(rule) => rule.rules(),
                }
            }

            /// The rules with what is around them.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN.
            pub fn assemble(&self) -> Result<Assembly, Error> {
                match self {
                    $(OptimizerSpec::$variant(config) => config.assemble($name),)*
                    OptimizerSpec::Registered(rule) => rule.assemble(),
                }
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
    "nadam" => NAdam(NAdamConfig), "Adam that looks one step ahead along its momentum (Dozat, 2016)";
    "adabelief" => AdaBelief(AdaBeliefConfig), "mean of the gradients over how far they are from it (Zhuang et al., 2020)";
    "yogi" => Yogi(YogiConfig), "Adam whose second moment moves by a share of each square (Zaheer et al., 2018)";
    "adopt" => Adopt(AdoptConfig), "mean of the gradients, each over the root of the squares before it (Taniguchi et al., 2024)";
    "laprop" => LaProp(LaPropConfig), "mean of the gradients, each over the root of the squares (Ziyin et al., 2020)";
    "ademamix" => AdEMAMix(AdEMAMixConfig), "Adam with a second, much slower mean of the gradients (Pagliardini et al., 2024)";
    "adan" => Adan(AdanConfig), "Adam along the gradients and their differences (Xie et al., 2022)";
    "rmsprop" => RmsProp(RmsPropConfig), "gradient over the root of the mean of its squares (Tieleman & Hinton, 2012)";
    "adagrad" => AdaGrad(AdaGradConfig), "gradient over the root of the sum of its squares (Duchi et al., 2011)";
    "adadelta" => AdaDelta(AdaDeltaConfig), "gradient in units of the steps so far (Zeiler, 2012)";
    "lion" => Lion(LionConfig), "sign of momentum and gradient together (Chen et al., 2023)";
    "lamb" => Lamb(LambConfig), "Adam's direction, as long in each tensor as the tensor (You et al., 2019)";
    "lars" => Lars(LarsConfig), "momentum, each gradient as long as a share of its tensor (You et al., 2017)";
    "stable_adamw" => StableAdamW(StableAdamWConfig), "AdamW, shorter where gradients surprise it (Wortsman et al., 2023)";
    "rprop" => Rprop(RpropConfig), "sign of the gradient, a step size for each element (Riedmiller & Braun, 1993)";
    "signum" => Signum(SignumConfig), "sign of the momentum (Bernstein et al., 2018)";
    "cautious_lion" => CautiousLion(CautiousLionConfig), "Lion where the gradient agrees (Liang et al., 2024)";
    "cautious_adamw" => CautiousAdamW(CautiousAdamWConfig), "AdamW where the gradient agrees (Liang et al., 2024)";
    "grams" => Grams(GramsConfig), "length of Adam's step, sign of the gradient (Cao, Li & Song, 2024)";
    "mars" => Mars(MarsConfig), "AdamW of gradients corrected by their change (Yuan et al., 2024)";
    "ftrl" => Ftrl(FtrlConfig), "follows the regularized leader: exact zeros under L1 (McMahan et al., 2013)";
    "novograd" => NovoGrad(NovoGradConfig), "gradients over the root of their mean squared length (Ginsburg et al., 2019)";
    "adafactor" => Adafactor(AdafactorConfig), "second moments of rows and columns only (Shazeer & Stern, 2018)";
    "came" => Came(CameConfig), "Adafactor with a momentum, longer where steps agree (Luo et al., 2023)";
    "sm3" => Sm3(Sm3Config), "AdaGrad with a sum for each row and each column only (Anil et al., 2019)";
    "prodigy" => Prodigy(ProdigyConfig), "Adam with a rate estimated from the way come (Mishchenko & Defazio, 2023)";
    "dadapt_adam" => DAdaptAdam(DAdaptAdamConfig), "Adam with a rate that is the distance to go (Defazio & Mishchenko, 2023)";
    "dowg" => DoWG(DoWGConfig), "gradient descent at the distance come over the gradients (Khaled et al., 2023)";
    "schedule_free_sgd" => ScheduleFreeSgd(ScheduleFreeSgdConfig), "averaged weights in place of a schedule (Defazio et al., 2024)";
    "schedule_free_adamw" => ScheduleFreeAdamW(ScheduleFreeAdamWConfig), "AdamW, averaged in place of a schedule (Defazio et al., 2024)";
    "sophia_g" => SophiaG(SophiaGConfig), "mean of the gradients over the curvature, clipped (Liu et al., 2023)";
    "muon" => Muon(MuonConfig), "mean of the gradients of a matrix, made about orthogonal (Jordan et al., 2024)";
    "shampoo" => Shampoo(ShampooConfig), "gradient times a root of its inverse covariance by dimension (Gupta et al., 2018)";
    "soap" => Soap(SoapConfig), "Adam in the eigenbasis of Shampoo's preconditioners (Vyas et al., 2024)";
    "sam" => Sam(SamConfig), "around any rule: gradients from where the loss is largest nearby (Foret et al., 2020)";
    "asam" => Asam(AsamConfig), "around any rule: SAM in units of the parameters (Kwon et al., 2021)";
    "lookahead" => Lookahead(LookaheadConfig), "around any rule: slow weights that follow (Zhang et al., 2019)";
    "ema" => Ema(EmaConfig), "around any rule: evaluates a moving average of the weights (Polyak & Juditsky, 1992)";
    "swa" => Swa(SwaConfig), "around any rule: evaluates the mean of the weights (Izmailov et al., 2018)";
    "centralized" => Centralized(CentralizedConfig), "around any rule: gradients of mean zero (Yong et al., 2020)";
    "clip" => Clip(ClipConfig), "around any rule: gradients clipped by value or norm (Pascanu et al., 2012)";
    "adaptive_clip" => AdaptiveClip(AdaptiveClipConfig), "around any rule: gradients no larger than a share (Brock et al., 2021)";
    "skip_non_finite" => SkipNonFinite(SkipNonFiniteConfig), "around any rule: leaves out steps that are not finite";
    "cautious" => Cautious(CautiousConfig), "around any rule: steps where the gradient agrees (Liang et al., 2024)";
    "decay" => Decay(DecayConfig), "around any rule: decoupled weight decay, proximal L1 (Loshchilov & Hutter, 2017)";
    "group" => Group(GroupConfig), "around any rule: another rule, rate or decay for some parameters";
    "no_vector_decay" => NoVectorDecay(NoVectorDecayConfig), "around any rule: no decay for biases and norms";
    "burn.sgd" => BurnSgd(BurnSgdConfig), "Burn's built-in SGD";
    "burn.adam" => BurnAdam(BurnAdamConfig), "Burn's built-in Adam";
    "burn.adamw" => BurnAdamW(BurnAdamWConfig), "Burn's built-in AdamW";
    "burn.adagrad" => BurnAdaGrad(BurnAdaGradConfig), "Burn's built-in AdaGrad";
    "burn.rmsprop" => BurnRmsProp(BurnRmsPropConfig), "Burn's built-in RMSprop";
    "burn.lion" => BurnLion(BurnLionConfig), "Burn's built-in Lion";
    "burn.lamb" => BurnLamb(BurnLambConfig), "Burn's built-in LAMB";
    "burn.adan" => BurnAdan(BurnAdanConfig), "Burn's built-in Adan";
    "burn.adafactor" => BurnAdafactor(BurnAdafactorConfig), "Burn's built-in Adafactor";
    "burn.lbfgs" => BurnLbfgs(BurnLbfgsConfig), "Burn's built-in L-BFGS, several evaluations a step";
    "burn.muon" => BurnMuon(BurnMuonConfig), "Burn's built-in Muon for matrices, its AdamW at the same rate for the rest";
}

impl<'de> Deserialize<'de> for OptimizerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = match registry::from_value(&value) {
            Some(registered) => registered.map(OptimizerSpec::Registered),
            None => BuiltIn::deserialize(value),
        };
        read.map_err(D::Error::custom)
    }
}

impl OptimizerSpec {
    /// Every rule with its default settings: those that come with the program, then those of [`register`].
    pub fn all() -> Vec<Self> {
        let registered = registry::all().into_iter().map(OptimizerSpec::Registered);
        Self::built_in().into_iter().chain(registered).collect()
    }

    /// The optimizer.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::assembled(self.name(), self.assemble()?))
    }

    /// Reads a JSON object `{"rule": name, field: value, …}` or a text.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::UnknownField`], [`Error::InvalidConfig`] or [`Error::Usage`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Error> {
        spec::from_value(FAMILY, value, &Self::all())
    }

    /// What it is put around, if it is put around an optimizer.
    pub fn base(&self) -> Option<Self> {
        Self::from_value(spec::to_value(self).get("base")?).ok()
    }

    /// The same with that weight decay in its rules, and in those that they are put together from.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] where a rule has no weight decay, unless it is to be 0.
    pub fn with_weight_decay(&self, decay: f64) -> Result<Self, Error> {
        let mut value = spec::to_value(self);
        set_weight_decay(&mut value, decay)?;
        Self::from_value(&value)
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

fn set_weight_decay(spec: &mut serde_json::Value, decay: f64) -> Result<(), Error> {
    if spec.get("base").is_some() {
        if spec.get("parameters").is_some() {
            // A group, which has its own.
            spec["weight_decay"] = decay.into();
        }
        return set_weight_decay(&mut spec["base"], decay);
    }
    if spec.get("other").is_some_and(serde_json::Value::is_object) {
        set_weight_decay(&mut spec["other"], decay)?;
    }
    if spec.get("weight_decay").is_some() {
        spec["weight_decay"] = decay.into();
    } else if decay != 0.0 {
        let name = spec[FAMILY.tag].as_str().unwrap_or_default();
        return Err(Error::invalid(name, "weight_decay", "0, since the rule has none", decay));
    }
    Ok(())
}
