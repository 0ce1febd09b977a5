//! What several benches measure.

use burn::optim::GradientsParams;
use optlab::data::{Batch, Batches, ExampleSet};
use optlab::nn::Mode;
use optlab::train::Trial;
use optlab::workload::{self, Supervised};
use optlab::{Error, device};
use std::time::Instant;

/// Returns the milliseconds per step of a loop that only trains, the first step excluded, on examples of this
/// shape.
pub fn bare_loop(
    trial: &Trial,
    examples: &dyn ExampleSet<Batch>,
    input_shape: &[usize],
    steps: usize,
) -> Result<f64, Error> {
    let network = workload::built_in(&trial.workload.name)?;
    let device = device::open(&trial.backend)?.autodiff();
    let sizes = trial.recipe.batch_sizes(network.info().batch_size, examples.len())?;
    let mut batches = Batches::of_run(examples, sizes, trial.seed);
    let mut model = network.model(input_shape, trial.seed, &device)?;
    let mut optimizer = trial.optimizer.build()?;
    let loss_of = network.objective().loss;
    let mut began = Instant::now();
    for step in 0..steps {
        if step == 1 {
            began = Instant::now();
        }
        let batch = batches.batch(step, &device)?;
        let mode = Mode::Train { seed: trial.seed, step: step as u64 };
        let loss = loss_of.mean(network.forward(&model, batch.inputs, mode), &batch.targets);
        let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.apply(trial.lr, model, &mut gradients);
    }
    // `flex` has finished a step when the call returns, so there is nothing to wait for.
    Ok(began.elapsed().as_secs_f64() * 1e3 / (steps - 1) as f64)
}
