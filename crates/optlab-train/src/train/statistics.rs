//! The model that an evaluation uses: the weights that the optimizer evaluates, with running statistics of
//! their own.

use crate::Error;
use crate::data::Batches;
use crate::train::Trial;
use crate::train::batch_evaluation::BatchEvaluation;
use crate::workload::{Parts, Workload};
use burn::module::Module;
use burn::tensor::Device;
use optlab_optim::{ModelOptimizer, StatisticsAverage};

/// The largest number of training batches from which statistics are recomputed.
const MOST_BATCHES: usize = 100;

/// Returns the model to evaluate while training continues; it shares nothing with `model` that changes.
///
/// If the optimizer evaluates other weights than the trained ones and the model has running statistics, as
/// batch normalization has, they are recomputed for these weights as PyTorch's
/// `torch.optim.swa_utils.update_bn` does: the mean over the first batches of the first epoch, at most 100,
/// each passed forward in training mode. All have `batch_size` examples, the size of the run's first batch,
/// and a smaller last one is left out. So they depend on the trial and the weights alone, and the trained
/// model's statistics do not change.
///
/// # Errors
/// Data that cannot be read.
pub(super) fn evaluated<W: Workload>(
    workload: &W,
    (trial, batch_size): (&Trial, usize),
    optimizers: &[ModelOptimizer],
    model: &W::Model,
    parts: &Parts<W::Batch, W::Facts>,
    training_device: &Device,
) -> Result<W::Model, Error> {
    let with_weights = |model, optimizer: &ModelOptimizer| optimizer.with_evaluated_parameters(model);
    let evaluated = optimizers.iter().fold(model.valid(), with_weights);
    if !optimizers.iter().any(ModelOptimizer::has_evaluation_mode) {
        return Ok(evaluated);
    }
    let Some(mut average) = StatisticsAverage::new(&evaluated) else {
        return Ok(evaluated);
    };
    let mut batches = Batches::new(&*parts.train, batch_size, trial.seed);
    let full = batches.sizes().of_step(0);
    let full = trial.recipe.micro_batch_size.map_or(full, |size| full.min(size));
    for step in 0..batches.sizes().steps_of(0).end.min(MOST_BATCHES) {
        let batch =
            BatchEvaluation::of_step(workload, &parts.facts, trial, step, &mut batches, training_device)?;
        batch.add_statistics(full, &mut average);
    }
    Ok(average.finish())
}
