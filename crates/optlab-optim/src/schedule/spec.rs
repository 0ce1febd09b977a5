//! Specs: the names and fields of every schedule that the command line, a TOML plan or a run's folder can
//! name.

use crate::Error;
use crate::schedule::*;
use optlab_core::spec::{self, Spec};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// The settings of a schedule. Building it takes unset fields from the run and checks the ranges.
pub trait ScheduleConfig {
    /// Builds the schedule for `run`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error>;
}

macro_rules! schedules {
    ($($name:literal => $variant:ident($config:ty), $summary:literal;)*) => {
        /// A schedule and its settings: `{"schedule": "cosine", "min_lr": 1e-5}`, or `cosine:min_lr=1e-5` as
        /// text.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "schedule")]
        pub enum ScheduleSpec {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $variant($config),
            )*
            /// a schedule added by [`register`]
            #[serde(untagged)]
            Registered(Registered),
        }

        /// The built-in schedules, for deserialization.
        #[derive(Deserialize)]
        #[serde(tag = "schedule", remote = "ScheduleSpec")]
        enum BuiltIn {
            $(#[serde(rename = $name)] $variant($config),)*
        }

        /// The names of the built-in schedules.
        pub(super) const NAMES: &[&str] = &[$($name),*];

        impl ScheduleSpec {
            /// Returns the built-in schedule with the given name, with its default settings.
            fn built_in(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(ScheduleSpec::$variant(<$config>::default())),)*
                    _ => None,
                }
            }

            /// Returns its name on the command line.
            pub fn name(&self) -> &'static str {
                match self {
                    $(ScheduleSpec::$variant(_) => $name,)*
                    ScheduleSpec::Registered(schedule) => schedule.name(),
                }
            }

            /// Returns a one-line summary.
            pub fn summary(&self) -> &'static str {
                match self {
                    $(ScheduleSpec::$variant(_) => $summary,)*
                    ScheduleSpec::Registered(schedule) => schedule.summary(),
                }
            }

            /// Builds the schedule for `run`, which provides the fields that are not set.
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
    "step" => Step(StepConfig), "multiplies the rate by gamma every step_size steps";
    "multi_step" => MultiStep(MultiStepConfig), "multiplies the rate by gamma at each milestone";
    "exponential" => Exponential(ExponentialConfig), "multiplies the rate by gamma at every step";
    "cosine" => Cosine(CosineConfig), "half a cosine down to min_lr (Loshchilov & Hutter, 2016)";
    "cosine_restarts" => CosineRestarts(CosineRestartsConfig), "repeated half cosines, restarting at the initial rate (Loshchilov & Hutter, 2016)";
    "polynomial" => Polynomial(PolynomialConfig), "decays as a power of the remaining share of the run";
    "linear" => Linear(LinearConfig), "a straight line from one rate to another, down or up";
    "warmup_cosine" => WarmupCosine(WarmupCosineConfig), "linear warm-up, then half a cosine (Goyal et al., 2017)";
    "warmup_stable_decay" => WarmupStableDecay(WarmupStableDecayConfig),
        "linear warm-up, a constant rate, then a decay (Hu et al., 2024)";
    "inverse_sqrt" => InverseSqrt(InverseSqrtConfig), "linear warm-up, then an inverse square root (Raffel et al., 2019)";
    "inverse_time" => InverseTime(InverseTimeConfig), "divides the rate by a linearly growing number";
    "noam" => Noam(NoamConfig), "linear warm-up, then an inverse square root, scaled by model width (Vaswani et al., 2017)";
    "one_cycle" => OneCycle(OneCycleConfig), "one rise to the highest rate, then a fall far below the first (Smith & Topin, 2017)";
    "cyclic" => Cyclic(CyclicConfig), "rises and falls linearly between two rates (Smith, 2015)";
    "piecewise_constant" => PiecewiseConstant(PiecewiseConstantConfig), "a list of rates, each constant up to its boundary";
    "rex" => Rex(RexConfig), "decays slowly at first, then ever faster, down to min_lr (Chen et al., 2021)";
    "power_cool" => PowerCool(PowerCoolConfig), "a constant rate, then a power of the remaining steps, down to 0";
    "power" => Power(PowerConfig), "linear warm-up, then a power of the tokens seen, for a run of any length (Shen et al., 2024)";
    "infinite_cosine" => InfiniteCosine(InfiniteCosineConfig), "linear warm-up, half a cosine to a constant rate, and a decay at the end (Ibrahim et al., 2024)";
    "chebyshev" => Chebyshev(ChebyshevConfig), "step sizes for quadratics, large and small in a fractal order (Agarwal et al., 2021)";
    "one_cycle_momentum" => OneCycleMomentum(OneCycleMomentumConfig), "for a momentum: falls while the rate of one_cycle rises, and rises again";
    "cyclic_momentum" => CyclicMomentum(CyclicMomentumConfig), "for a momentum: falls while the rate of cyclic rises, and rises while it falls";
    "reduce_on_plateau" => ReduceOnPlateau(ReduceOnPlateauConfig), "multiplies the rate by factor when the validation loss or metric stops improving";
    "warmup" => Warmup(WarmupConfig), "a warm-up before any schedule (Goyal et al., 2017)";
    "sequence" => Sequence(SequenceConfig), "several schedules, one after the other";
    "scale" => Scale(ScaleConfig), "a schedule multiplied by a constant factor";
    "product" => Product(ProductConfig), "the product of several schedules";
    "repeat" => Repeat(RepeatConfig), "a schedule repeated with a fixed period";
    "clamp" => Clamp(ClampConfig), "a schedule limited to the range from min to max";
    "burn.cosine" => BurnCosine(BurnCosineConfig), "Burn's built-in cosine";
    "burn.linear" => BurnLinear(BurnLinearConfig), "Burn's built-in linear schedule";
    "burn.exponential" => BurnExponential(BurnExponentialConfig), "Burn's built-in exponential decay";
    "burn.step" => BurnStep(BurnStepConfig), "Burn's built-in step decay";
    "burn.noam" => BurnNoam(BurnNoamConfig), "Burn's built-in Noam: linear warm-up, inverse square root (Vaswani et al., 2017)";
}

impl<'de> Deserialize<'de> for ScheduleSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        spec::check_depth(Self::KIND, &value).map_err(D::Error::custom)?;
        let is_registered = value[Self::TAG].as_str().is_some_and(registry::has);
        let read = if is_registered {
            Registered::deserialize(value).map(ScheduleSpec::Registered)
        } else {
            spec::check_known::<Self>(&value).map_err(D::Error::custom)?;
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
    /// Returns every schedule with its default settings: the built-in schedules, then those added by
    /// [`register`].
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

    /// Returns whether it is a combinator: made of other schedules.
    pub fn is_combined(&self) -> bool {
        let value = spec::to_value(self);
        Self::NESTED.iter().any(|field| value.get(field).is_some())
    }

    /// Returns the fields and their values, for listings.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields = spec::fields(self);
        if let ScheduleSpec::Clamp(ClampConfig { max: None, .. }) = self {
            // `None` is no bound here; it is not filled in from the run.
            fields.retain(|(field, _)| field != "max");
            fields.push(("max".into(), "none".into()));
        }
        fields
    }
}
