//! Evaluates one step's batch for an optimizer: loss and gradients, any number of times.

use crate::data::{Batch, Batches};
use crate::nn::Mode;
use crate::train::Trial;
use crate::workload::Workload;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use optlab_core::random::{Purpose, stream};
use optlab_optim::Evaluate;
use rand::Rng;

/// The batch of a step, and the workload to evaluate on it.
pub(super) struct BatchEvaluation<'a, W: Workload> {
    workload: &'a W,
    batch: Batch,
    seed: u64,
    step: u64,
    /// Number of examples that go through the model at once.
    micro_batch_size: usize,
}

impl<'a, W: Workload> BatchEvaluation<'a, W> {
    /// Prepares step `step` of a trial whose model is on `device`.
    pub fn of_step(
        workload: &'a W,
        trial: &Trial,
        step: usize,
        batches: &mut Batches<'_>,
        device: &Device,
    ) -> Self {
        // For models that use the backend's own generator, as Burn's dropout does.
        device.seed(stream(trial.seed, Purpose::Backend, step as u64).next_u64());
        let batch = batches.batch(step, device);
        let micro_batch_size = trial.recipe.micro_batch_size.unwrap_or(batch.len);
        BatchEvaluation { workload, batch, seed: trial.seed, step: step as u64, micro_batch_size }
    }

    /// Returns the batch mean of the loss and its gradients; `loss_of` computes the loss of each part from
    /// the part and the model's outputs.
    fn mean(
        &self,
        model: &W::Model,
        mut loss_of: impl FnMut(&Batch, Tensor<2>) -> Tensor<1>,
    ) -> (Tensor<1>, GradientsParams) {
        let mut sum: Option<Tensor<1>> = None;
        let mut gradients = GradientsAccumulator::new();
        let len = self.batch.len;
        for (number, first) in (0..len).step_by(self.micro_batch_size.max(1)).enumerate() {
            let part = self.batch.part(first, self.micro_batch_size.min(len - first));
            // Each part has its own dropout masks.
            let seed = self.seed.wrapping_add((number as u64) << 40);
            let mode = Mode::Train { seed, step: self.step };
            let outputs = self.workload.forward(model, part.inputs.clone(), mode);
            let loss = loss_of(&part, outputs);
            let loss = if part.len == len { loss } else { loss.mul_scalar(part.len as f64 / len as f64) };
            let of_part = GradientsParams::from_grads(loss.backward(), model);
            let loss = loss.inner();
            if part.len == len {
                return (loss, of_part);
            }
            gradients.accumulate(model, of_part);
            sum = Some(sum.map_or(loss.clone(), |sum| sum + loss));
        }
        (sum.expect("a batch has examples"), gradients.grads())
    }
}

impl<W: Workload> Evaluate<W::Model> for BatchEvaluation<'_, W> {
    type Measured = Tensor<1>;

    fn evaluate(&mut self, model: &W::Model) -> (Tensor<1>, GradientsParams) {
        let task = self.workload.info().task;
        self.mean(model, |part, outputs| task.loss(outputs, &part.targets))
    }

    fn evaluate_sampled(&mut self, model: &W::Model) -> Option<(GradientsParams, usize)> {
        let task = self.workload.info().task;
        let mut random = stream(self.seed, Purpose::Labels, self.step);
        let (_, gradients) = self.mean(model, |_, outputs| {
            let drawn = task.drawn(outputs.clone().detach(), &mut random);
            task.loss(outputs, &drawn)
        });
        Some((gradients, self.batch.len))
    }
}
