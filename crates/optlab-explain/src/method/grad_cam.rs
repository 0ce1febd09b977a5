//! Grad-CAM: the maps of a convolution, weighted by their gradients.

use crate::method::layer_map::{self, Maps};
use crate::{Attribution, Question};
use optlab_core::settings;
use optlab_train::Error;
use optlab_train::nn::tap;

settings! {
    /// Settings of Grad-CAM: which places of a picture a convolution's maps found evidence in (Selvaraju et
    /// al., 2017).
    ///
    /// ```text
    /// wₖ = mean over places of ∂y/∂Aₖ        a = max(0, Σₖ wₖ Aₖ)        Aₖ the maps of the layer
    /// ```
    ///
    /// One pass forward and backward. The map has the size of the layer's; it is interpolated bilinearly to
    /// the picture's. The layer is a [tap](mod@optlab_train::nn::tap) of rank 4, by default the last one.
    ///
    /// # Reference
    /// Selvaraju et al., *Grad-CAM*, 2017, <https://arxiv.org/abs/1610.02391>; Captum's `LayerGradCam`, whose
    /// `relu_attributions` is `relu` here
    pub struct GradCamConfig {
        /// The layer.
        layer: Option<String> = None, allowed "the name of a layer with maps, or none for the last";
        /// Whether evidence against the output is cut off.
        relu: bool = true;
    }
}

impl GradCamConfig {
    pub(super) const NAME: &'static str = "grad_cam";

    /// Returns the map at the size of the layer: shape `[1, height, width]`.
    ///
    /// # Errors
    /// The errors of [`MethodSpec::explain`](crate::MethodSpec::explain).
    pub fn map(&self, question: &Question<'_>, row: &[f32]) -> Result<Maps, Error> {
        layer_map::check_pictures(Self::NAME, question)?;
        let model = question.model;
        let maps = layer_map::activation(Self::NAME, question, self.layer.as_deref(), row)?;
        let forward = || model.forward(model.batch(row, row.len()));
        let (outputs, leaf) = tap::with_leaf::<4, _>(&maps.layer, forward);
        // Refuses an output that the model does not have.
        model.output(row, question.output)?;
        let chosen = outputs.narrow(1, question.output, 1).sum();
        let gradient = leaf.and_then(|leaf| leaf.grad(&chosen.backward()));
        let gradient = gradient.ok_or_else(|| {
            Error::usage(format!("{}: the output has no gradient at the layer `{}`", Self::NAME, maps.layer))
        })?;
        let gradient: Vec<f64> = gradient.into_data().iter::<f64>().collect();
        let [channels, height, width] = maps.shape;
        let size = height * width;
        let weight = |k: usize| gradient[k * size..][..size].iter().sum::<f64>() / size as f64;
        let mut values = vec![0.0; size];
        for k in 0..channels {
            let (weight, map) = (weight(k), &maps.values[k * size..][..size]);
            values.iter_mut().zip(map).for_each(|(sum, value)| *sum += weight * value);
        }
        if self.relu {
            values.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        Ok(Maps { shape: [1, height, width], values, ..maps })
    }

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let map = self.map(question, row)?;
        let output = question.model.output(row, question.output)?[0];
        Ok(Attribution::of(map.stretched(question.model), output))
    }
}
