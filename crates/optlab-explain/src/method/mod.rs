//! Methods by name, with their settings: `integrated_gradients:steps=200`.

mod activation_map;
mod attention_rollout;
mod expected_gradients;
mod grad_cam;
mod input_x_gradient;
mod integrated_gradients;
mod kernel_shap;
mod layer_map;
mod lime;
mod occlusion;
mod saliency;
mod smooth_grad;

pub use activation_map::ActivationMapConfig;
pub use attention_rollout::{AttentionRolloutConfig, From, rollout};
pub use expected_gradients::ExpectedGradientsConfig;
pub use grad_cam::GradCamConfig;
pub use integrated_gradients::IntegratedGradientsConfig;
pub use kernel_shap::KernelShapConfig;
pub use layer_map::Maps;
pub use lime::{LimeConfig, Nearby, cosine_distance, kernel};
pub use occlusion::OcclusionConfig;
pub use saliency::SaliencyConfig;
pub use smooth_grad::{SmoothGradConfig, Smoothing};

use crate::{Attribution, Question};
use optlab_core::settings::{Field, Settings};
use optlab_core::spec::{self, Spec};
use optlab_train::Error;
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The most points whose gradients are in memory at once.
const PORTION: usize = 500;

/// A method and its settings: `occlusion:window=2,stride=1` as text, `{"method": "occlusion", …}` as a table.
///
/// | method                 | needs                        | the attributions sum to                       |
/// |:-----------------------|:-----------------------------|:----------------------------------------------|
/// | `saliency`             | gradients                    | nothing; sizes without a sign                 |
/// | `input_x_gradient`     | gradients                    | nothing                                       |
/// | `smooth_grad`          | gradients                    | nothing                                       |
/// | `integrated_gradients` | gradients, a baseline        | output − output of the baseline               |
/// | `expected_gradients`   | gradients, background rows   | output − mean output of the background        |
/// | `grad_cam`             | gradients at a convolution   | nothing                                       |
/// | `activation_map`       | a convolution                | nothing; whatever the output                  |
/// | `occlusion`            | outputs, a baseline          | nothing                                       |
/// | `lime`                 | outputs, a baseline          | nothing                                       |
/// | `kernel_shap`          | outputs, background rows     | output − mean output of the background        |
/// | `attention_rollout`    | attention                    | 1; whatever the output                        |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum MethodSpec {
    /// The size of the gradient.
    Saliency(SaliencyConfig),
    /// The input times the gradient.
    InputXGradient,
    /// The mean gradient of noisy copies.
    SmoothGrad(SmoothGradConfig),
    /// The gradient along the way from a baseline.
    IntegratedGradients(IntegratedGradientsConfig),
    /// Integrated gradients from random background rows.
    ExpectedGradients(ExpectedGradientsConfig),
    /// The maps of a convolution, weighted by their gradients.
    GradCam(GradCamConfig),
    /// The maps of a convolution.
    ActivationMap(ActivationMapConfig),
    /// The output without a window of the input.
    Occlusion(OcclusionConfig),
    /// A linear model of the outputs nearby.
    Lime(LimeConfig),
    /// Shapley values.
    KernelShap(KernelShapConfig),
    /// Attention followed back through all layers.
    AttentionRollout(AttentionRolloutConfig),
}

impl Spec for MethodSpec {
    const KIND: &'static str = "method";
    const TAG: &'static str = "method";
    const NESTED: &'static [&'static str] = &[];
    const FOREIGN: &'static [&'static str] = &[];
    const NO_VALUE: &'static str = "none";

    fn names() -> Vec<&'static str> {
        MethodSpec::NAMES.to_vec()
    }

    fn default_of(name: &str) -> Option<Self> {
        MethodSpec::all().into_iter().find(|method| method.name() == name)
    }
}

impl FromStr for MethodSpec {
    type Err = Error;

    /// Reads `name` or `name:key=value,key=value`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let method: MethodSpec = spec::from_value(&spec::parse_text::<Self>(text)?)?;
        method.check()?;
        Ok(method)
    }
}

impl fmt::Display for MethodSpec {
    /// Writes the shortest text that is read as the same method.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spec::to_text(self))
    }
}

impl MethodSpec {
    /// Every name, in the order of listings.
    pub const NAMES: [&'static str; 11] = [
        SaliencyConfig::NAME,
        "input_x_gradient",
        SmoothGradConfig::NAME,
        IntegratedGradientsConfig::NAME,
        ExpectedGradientsConfig::NAME,
        GradCamConfig::NAME,
        ActivationMapConfig::NAME,
        OcclusionConfig::NAME,
        LimeConfig::NAME,
        KernelShapConfig::NAME,
        AttentionRolloutConfig::NAME,
    ];

    /// Returns all methods with their default settings, in the order of listings.
    pub fn all() -> Vec<Self> {
        vec![
            MethodSpec::Saliency(SaliencyConfig::default()),
            MethodSpec::InputXGradient,
            MethodSpec::SmoothGrad(SmoothGradConfig::default()),
            MethodSpec::IntegratedGradients(IntegratedGradientsConfig::default()),
            MethodSpec::ExpectedGradients(ExpectedGradientsConfig::default()),
            MethodSpec::GradCam(GradCamConfig::default()),
            MethodSpec::ActivationMap(ActivationMapConfig::default()),
            MethodSpec::Occlusion(OcclusionConfig::default()),
            MethodSpec::Lime(LimeConfig::default()),
            MethodSpec::KernelShap(KernelShapConfig::default()),
            MethodSpec::AttentionRollout(AttentionRolloutConfig::default()),
        ]
    }

    /// Returns its name in text and files.
    pub fn name(&self) -> &'static str {
        match self {
            MethodSpec::Saliency(_) => SaliencyConfig::NAME,
            MethodSpec::InputXGradient => "input_x_gradient",
            MethodSpec::SmoothGrad(_) => SmoothGradConfig::NAME,
            MethodSpec::IntegratedGradients(_) => IntegratedGradientsConfig::NAME,
            MethodSpec::ExpectedGradients(_) => ExpectedGradientsConfig::NAME,
            MethodSpec::GradCam(_) => GradCamConfig::NAME,
            MethodSpec::ActivationMap(_) => ActivationMapConfig::NAME,
            MethodSpec::Occlusion(_) => OcclusionConfig::NAME,
            MethodSpec::Lime(_) => LimeConfig::NAME,
            MethodSpec::KernelShap(_) => KernelShapConfig::NAME,
            MethodSpec::AttentionRollout(_) => AttentionRolloutConfig::NAME,
        }
    }

    /// Returns a one-line summary.
    pub fn summary(&self) -> &'static str {
        match self {
            MethodSpec::Saliency(_) => "how fast the output changes with each element",
            MethodSpec::InputXGradient => "each element times its gradient",
            MethodSpec::SmoothGrad(_) => "the mean gradient of noisy copies",
            MethodSpec::IntegratedGradients(_) => "the gradient along the way from a baseline",
            MethodSpec::ExpectedGradients(_) => "integrated gradients from background rows, by samples",
            MethodSpec::GradCam(_) => "where a convolution found evidence for the output",
            MethodSpec::ActivationMap(_) => "what a convolution computed",
            MethodSpec::Occlusion(_) => "by how much the output falls without a part of the input",
            MethodSpec::Lime(_) => "a linear model of the outputs of inputs nearby",
            MethodSpec::KernelShap(_) => "Shapley values of the parts of the input",
            MethodSpec::AttentionRollout(_) => "which tokens the attention of all layers leads back to",
        }
    }

    /// Returns the declared settings.
    pub fn fields(&self) -> &'static [Field] {
        match self {
            MethodSpec::Saliency(_) => SaliencyConfig::FIELDS,
            MethodSpec::InputXGradient => &[],
            MethodSpec::SmoothGrad(_) => SmoothGradConfig::FIELDS,
            MethodSpec::IntegratedGradients(_) => IntegratedGradientsConfig::FIELDS,
            MethodSpec::ExpectedGradients(_) => ExpectedGradientsConfig::FIELDS,
            MethodSpec::GradCam(_) => GradCamConfig::FIELDS,
            MethodSpec::ActivationMap(_) => ActivationMapConfig::FIELDS,
            MethodSpec::Occlusion(_) => OcclusionConfig::FIELDS,
            MethodSpec::Lime(_) => LimeConfig::FIELDS,
            MethodSpec::KernelShap(_) => KernelShapConfig::FIELDS,
            MethodSpec::AttentionRollout(_) => AttentionRolloutConfig::FIELDS,
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a number out of its range, or NaN.
    pub fn check(&self) -> Result<(), Error> {
        let name = self.name();
        match self {
            MethodSpec::Saliency(config) => config.check(name),
            MethodSpec::InputXGradient => Ok(()),
            MethodSpec::SmoothGrad(config) => config.check(name),
            MethodSpec::IntegratedGradients(config) => config.check(name),
            MethodSpec::ExpectedGradients(config) => config.check(name),
            MethodSpec::GradCam(config) => config.check(name),
            MethodSpec::ActivationMap(config) => config.check(name),
            MethodSpec::Occlusion(config) => config.check(name),
            MethodSpec::Lime(config) => config.check(name),
            MethodSpec::KernelShap(config) => config.check(name),
            MethodSpec::AttentionRollout(config) => config.check(name),
        }?;
        Ok(())
    }

    /// Returns whether the method reads the question's background, so that a program must have some.
    pub fn needs_background(&self, has_indices: bool) -> bool {
        use crate::Baseline;
        let of_baseline = |baseline: Baseline| match baseline {
            Baseline::Auto => has_indices,
            Baseline::Zero => false,
            Baseline::Mean | Baseline::Background => true,
        };
        match self {
            MethodSpec::ExpectedGradients(_) | MethodSpec::KernelShap(_) => true,
            MethodSpec::IntegratedGradients(config) => {
                matches!(config.baseline, Baseline::Mean | Baseline::Background)
            }
            MethodSpec::Occlusion(config) => of_baseline(config.baseline),
            MethodSpec::Lime(config) => config.nearby == Nearby::Normal || of_baseline(config.baseline),
            _ => false,
        }
    }

    /// Returns whether the attributions are sizes, without a sign.
    pub fn is_unsigned(&self) -> bool {
        match self {
            MethodSpec::Saliency(config) => !config.signed,
            MethodSpec::SmoothGrad(config) => config.kind != Smoothing::Mean,
            MethodSpec::GradCam(config) => config.relu,
            MethodSpec::AttentionRollout(_) => true,
            _ => false,
        }
    }

    /// Attributes an output of the model to the elements of `row`.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a setting, an input or an output out of its
    /// range; [`Usage`](optlab_core::Error::Usage) for a model that the method cannot explain, or without
    /// the background that it needs; [`Workload`](Error::Workload) for an output or a gradient that is not
    /// finite.
    pub fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        self.check()?;
        match self {
            MethodSpec::Saliency(config) => config.explain(question, row),
            MethodSpec::InputXGradient => input_x_gradient::explain(question, row),
            MethodSpec::SmoothGrad(config) => config.explain(question, row),
            MethodSpec::IntegratedGradients(config) => config.explain(question, row),
            MethodSpec::ExpectedGradients(config) => config.explain(question, row),
            MethodSpec::GradCam(config) => config.explain(question, row),
            MethodSpec::ActivationMap(config) => config.explain(question, row),
            MethodSpec::Occlusion(config) => config.explain(question, row),
            MethodSpec::Lime(config) => config.explain(question, row),
            MethodSpec::KernelShap(config) => config.explain(question, row),
            MethodSpec::AttentionRollout(config) => config.explain(question, row),
        }
    }
}

/// Returns a number that is uniform in `[0, 1)`.
pub(crate) fn unit(random: &mut dyn Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns a number of the standard normal distribution (Box & Muller, 1958).
pub(crate) fn normal(random: &mut dyn Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(random)).cos()
}

/// Puts the elements into a random order (Fisher & Yates).
pub(crate) fn shuffle<T>(elements: &mut [T], random: &mut dyn Rng) {
    for last in (1..elements.len()).rev() {
        let other = (unit(random) * (last + 1) as f64) as usize;
        elements.swap(last, other.min(last));
    }
}
