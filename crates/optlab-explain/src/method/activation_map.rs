//! Activation maps: what a convolution computed.

use crate::method::layer_map::{self, Maps};
use crate::{Attribution, Question};
use optlab_core::settings;
use optlab_train::Error;

settings! {
    /// Settings of activation maps: the result of a convolution, whatever it is used for.
    ///
    /// One pass forward. It does not depend on the output that is asked for. The map has the size of the
    /// layer's; it is interpolated bilinearly to the picture's. The layer is a
    /// [tap](mod@optlab_train::nn::tap) of rank 4, by default the last one.
    ///
    /// # Reference
    /// Zeiler & Fergus, *Visualizing and Understanding Convolutional Networks*, 2014,
    /// <https://arxiv.org/abs/1311.2901>; Captum's `LayerActivation`
    pub struct ActivationMapConfig {
        /// The layer.
        layer: Option<String> = None, allowed "the name of a layer with maps, or none for the last";
        /// The channel.
        channel: Option<usize> = None, allowed "a number from 0, or none for the mean over all channels";
    }
}

impl ActivationMapConfig {
    pub(super) const NAME: &'static str = "activation_map";

    /// Returns the maps of all channels at the size of the layer: shape `[channels, height, width]`.
    ///
    /// # Errors
    /// The errors of [`MethodSpec::explain`](crate::MethodSpec::explain).
    pub fn maps(&self, question: &Question<'_>, row: &[f32]) -> Result<Maps, Error> {
        layer_map::check_pictures(Self::NAME, question)?;
        layer_map::activation(Self::NAME, question, self.layer.as_deref(), row)
    }

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let map = self.maps(question, row)?.of_channel(Self::NAME, self.channel)?;
        let output = question.model.output(row, question.output)?[0];
        Ok(Attribution::of(map.stretched(question.model), output))
    }
}
