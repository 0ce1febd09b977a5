//! Makes a step and measures it.

use crate::Error;
use crate::data::Batches;
use crate::diagnosis::flat::{Layout, dot};
use crate::diagnosis::record::{CurvatureRecord, Diagnosis, GradientRecord};
use crate::diagnosis::spec::Due;
use crate::diagnosis::{activations, curvature, noise, tensors};
use crate::nn::tap;
use crate::train::Trial;
use crate::train::batch_evaluation::{BatchEvaluation, GradientWatcher};
use crate::workload::Workload;
use burn::tensor::{Device, Tensor};
use optlab_optim::{LearningRates, ModelOptimizer, with_statistics_kept};

/// A run whose steps are measured.
pub(crate) struct Probe<'a, W: Workload> {
    pub workload: &'a W,
    pub facts: &'a W::Facts,
    pub trial: &'a Trial,
    pub device: &'a Device,
}

/// A step that was made and measured.
pub(crate) struct MeasuredStep<M> {
    pub model: M,
    pub loss: Tensor<1>,
    pub diagnosis: Diagnosis,
}

impl<W: Workload> Probe<'_, W> {
    /// Makes step `step`, counted from 0, as a run that is not diagnosed does, and measures what is `due`.
    ///
    /// # Errors
    /// Data that cannot be read; a loss that is not one number.
    pub fn step(
        &self,
        step: usize,
        due: Due,
        batches: &mut Batches<'_, W::Batch>,
        optimizers: &mut [ModelOptimizer],
        rates: LearningRates<'_>,
        model: W::Model,
    ) -> Result<MeasuredStep<W::Model>, Error> {
        let Probe { workload, facts, trial, device } = *self;
        let layout = Layout::of(&model);
        // Networks that take turns have no one loss whose gradient or curvature could be measured.
        let has_one_loss = workload.turns() <= 1;
        let (model, noise) = match due.gradients && has_one_loss {
            true => self.noise(step, batches, &layout, model)?,
            false => (model, None),
        };
        let evaluation = BatchEvaluation::of_step(workload, facts, trial, step, batches, device)?;
        let mut evaluation = evaluation.watched_by(GradientWatcher::new(&layout));
        let before = layout.parameters(&model);
        let ((model, loss), activations) =
            tap::record_first(activations::MOST_VALUES, || evaluation.make_turns(optimizers, rates, model));
        evaluation.check()?;
        let mut diagnosis = Diagnosis {
            step: step + 1,
            activations: activations::records(activations),
            gradients: noise,
            ..Diagnosis::default()
        };
        let Some(gradients) = evaluation.take_gradients() else {
            return Ok(MeasuredStep { model, loss, diagnosis });
        };
        let after = layout.parameters(&model);
        (diagnosis.tensors, diagnosis.effective_lr) = tensors::records(&layout, &before, &after, &gradients);
        let direction =
            || after.iter().zip(&before).map(|(after, before)| after - before).collect::<Vec<_>>();
        let is_finite = after.iter().all(|value| value.is_finite());
        let model = if is_finite && has_one_loss && (due.gradients || due.curvature) {
            let (model, (alpha, curvature)) = with_statistics_kept(model, |model| {
                let alpha = due.gradients.then(|| {
                    let at_end = evaluation.gradients_again(model, &layout, device);
                    noise::alpha(&gradients.values, &at_end.values, &direction())
                });
                let curvature = due.curvature.then(|| {
                    let norm = dot(&after, &after).sqrt();
                    self.curvature(step, &mut evaluation, &layout, model, norm)
                });
                (alpha.flatten(), curvature)
            });
            if due.gradients {
                diagnosis.gradients.get_or_insert_default().alpha = alpha;
            }
            diagnosis.curvature = curvature;
            model
        } else {
            model
        };
        Ok(MeasuredStep { model, loss, diagnosis })
    }

    /// Measures the noise of the step's gradient at `model`, from the gradients of parts of its batch.
    fn noise(
        &self,
        step: usize,
        batches: &mut Batches<'_, W::Batch>,
        layout: &Layout,
        model: W::Model,
    ) -> Result<(W::Model, Option<GradientRecord>), Error> {
        let Probe { workload, facts, trial, device } = *self;
        let size = batches.batch_len(step).div_ceil(noise::PARTS);
        let evaluation =
            BatchEvaluation::in_parts(workload, facts, trial, step, batches, device, size.max(1))?;
        let (model, parts) =
            with_statistics_kept(model, |model| evaluation.gradients_of_parts(model, layout));
        Ok((model, noise::record(&parts)))
    }

    fn curvature(
        &self,
        step: usize,
        evaluation: &mut BatchEvaluation<'_, W>,
        layout: &Layout,
        model: &W::Model,
        norm: f64,
    ) -> CurvatureRecord {
        let gradient_at = |direction: &[f32], factor: f32| {
            let moved = layout.moved(model.clone(), direction, factor);
            evaluation.gradients_again(&moved, layout, self.device).values
        };
        curvature::record(gradient_at, norm, layout.len(), self.trial.seed, step as u64)
    }
}
