//! Names and fields to a schedule: everything that the command line, a TOML plan or a run's folder can name.

use crate::Error;
use crate::schedule::*;
use optlab_core::spec::{self, Spec};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// The settings of a schedule: completed by the run, checked, then built.
pub trait ScheduleConfig {
    /// The schedule for `run`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error>;
}

macro_rules! schedules {
    ($($name:literal => $variant:ident($config:ty), $summary:literal;)*) => {
        /// A schedule and its settings: `{"schedule": "cosine", "min_lr": 1e-5}`, or `cosine:min_lr=1e-5` in a line of
        /// text.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "schedule")]
        pub enum ScheduleSpec {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $variant($config),
            )*
            /// a schedule of [`register`]
            #[serde(untagged)]
            Registered(Registered),
        }

        /// Reads the schedules that come with the program.
        #[derive(Deserialize)]
        #[serde(tag = "schedule", remote = "ScheduleSpec")]
        enum BuiltIn {
            $(#[serde(rename = $name)] $variant($config),)*
        }

        /// The names of the schedules that come with the program.
        pub(super) const NAMES: &[&str] = &[$($name),*];

        impl ScheduleSpec {
            /// The schedule of that name that comes with the program, with its default settings.
            fn built_in(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(ScheduleSpec::$variant(<$config>::default())),)*
                    _ => None,
                }
            }

            /// Its name on the command line.
            pub fn name(&self) -> &'static str {
                match self {
                    $(ScheduleSpec::$variant(_) => $name,)*
                    ScheduleSpec::Registered(schedule) => schedule.name(),
                }
            }

            /// What it is, in a line.
            pub fn summary(&self) -> &'static str {
                match self {
                    $(ScheduleSpec::$variant(_) => $summary,)*
                    ScheduleSpec::Registered(schedule) => schedule.summary(),
                }
            }

            /// The schedule for `run`, which gives the fields that are not set.
            ///
            /// # Errors
            /// [`Error::InvalidConfig`] for a field out of its range or NaN.
            pub fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
                match self {
                    $(ScheduleSpec::$variant(config) => config.build(run),)*
                    ScheduleSpec::Registered(schedule) => schedule.build(run),
                }
            }
        }
    };
}

schedules! {
    "constant" => Constant(ConstantConfig), "the same rate at every step";
    "step" => Step(StepConfig), "times gamma every step_size steps";
    "multi_step" => MultiStep(MultiStepConfig), "times gamma at each milestone";
    "exponential" => Exponential(ExponentialConfig), "times gamma every step";
    "cosine" => Cosine(CosineConfig), "half a cosine down to min_lr (Loshchilov & Hutter, 2016)";
    "cosine_restarts" => CosineRestarts(CosineRestartsConfig), "half cosines in a row (Loshchilov & Hutter, 2016)";
    "polynomial" => Polynomial(PolynomialConfig), "a power of what is left of the run";
    "linear" => Linear(LinearConfig), "a straight line, down or up";
    "warmup_cosine" => WarmupCosine(WarmupCosineConfig), "a straight warm-up, then half a cosine (Goyal et al., 2017)";
    "warmup_stable_decay" => WarmupStableDecay(WarmupStableDecayConfig),
        "a straight warm-up, a plateau, a decay (Hu et al., 2024)";
    "inverse_sqrt" => InverseSqrt(InverseSqrtConfig), "a straight warm-up, then an inverse root (Raffel et al., 2019)";
    "inverse_time" => InverseTime(InverseTimeConfig), "the inverse of a straight line";
    "noam" => Noam(NoamConfig), "an inverse root scaled by a model's width (Vaswani et al., 2017)";
    "one_cycle" => OneCycle(OneCycleConfig), "once up and far down (Smith & Topin, 2017)";
    "cyclic" => Cyclic(CyclicConfig), "up and down between two rates (Smith, 2015)";
    "piecewise_constant" => PiecewiseConstant(PiecewiseConstantConfig), "a list of rates, each up to its boundary";
    "rex" => Rex(RexConfig), "slowly, then ever faster down to min_lr (Chen et al., 2021)";
    "reduce_on_plateau" => ReduceOnPlateau(ReduceOnPlateauConfig), "times factor when the validation loss stays";
    "warmup" => Warmup(WarmupConfig), "a warm-up before any schedule (Goyal et al., 2017)";
    "sequence" => Sequence(SequenceConfig), "schedules one after the other";
    "scale" => Scale(ScaleConfig), "a schedule times a factor";
    "product" => Product(ProductConfig), "a schedule times others";
    "repeat" => Repeat(RepeatConfig), "a schedule that begins again and again";
    "clamp" => Clamp(ClampConfig), "a schedule within bounds";
    "burn.cosine" => BurnCosine(BurnCosineConfig), "Burn's built-in cosine";
    "burn.linear" => BurnLinear(BurnLinearConfig), "Burn's built-in straight line";
    "burn.exponential" => BurnExponential(BurnExponentialConfig), "Burn's built-in factor per step";
    "burn.step" => BurnStep(BurnStepConfig), "Burn's built-in staircase";
    "burn.noam" => BurnNoam(BurnNoamConfig), "Burn's built-in warm-up and inverse root (Vaswani et al., 2017)";
}

impl<'de> Deserialize<'de> for ScheduleSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let is_registered = value[Self::TAG].as_str().is_some_and(registry::has);
        let read = if is_registered {
            Registered::deserialize(value).map(ScheduleSpec::Registered)
        } else {
            BuiltIn::deserialize(value)
        };
        read.map_err(D::Error::custom)
    }
}

impl Spec for ScheduleSpec {
    const KIND: &'static str = "schedule";
    const TAG: &'static str = "schedule";
    const NESTED: &'static [&'static str] = &["base", "schedules"];
    const FOREIGN: &'static [&'static str] = &[];
    const NO_VALUE: &'static str = "from the run";

    fn names() -> Vec<&'static str> {
        NAMES.iter().copied().chain(registry::all().iter().map(Registered::name)).collect()
    }

    fn default_of(name: &str) -> Option<Self> {
        let registered = || registry::all().into_iter().find(|schedule| schedule.name() == name);
        Self::built_in(name).or_else(|| registered().map(ScheduleSpec::Registered))
    }
}

optlab_core::spec_as_text!(ScheduleSpec);

impl ScheduleSpec {
    /// Returns every schedule with its default settings: those that come with the program, then those of [`register`].
    pub fn all() -> Vec<Self> {
        let built_in = NAMES.iter().filter_map(|name| Self::built_in(name));
        built_in.chain(registry::all().into_iter().map(ScheduleSpec::Registered)).collect()
    }

    /// Reads a JSON object `{"schedule": name, field: value, …}`.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::UnknownField`] or [`Error::InvalidConfig`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Error> {
        spec::from_value(value)
    }

    /// Returns whether it is made of other schedules.
    pub fn is_combined(&self) -> bool {
        let value = spec::to_value(self);
        Self::NESTED.iter().any(|field| value.get(field).is_some())
    }

    /// Returns the fields and their values, for listings.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields = spec::fields(self);
        if let ScheduleSpec::Clamp(ClampConfig { max: None, .. }) = self {
            // No bound, which the run does not give either.
            fields.retain(|(field, _)| field != "max");
            fields.push(("max".into(), "none".into()));
        }
        fields
    }
}
