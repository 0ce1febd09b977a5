//! Trains models that are written for Burn's `Learner` as workloads, without a change.

mod metric;
mod workload;

pub use workload::BurnTrainWorkload;

use burn::module::Module;
use burn_train::metric::{Adaptor, LossInput};
use burn_train::{InferenceStep, ItemLazy, TrainStep};

/// A model with Burn's [`TrainStep`] and [`InferenceStep`] on the same batches, whose outputs have a loss.
///
/// Every model that can go into Burn's `Learner` with a `LossMetric` is one; there is nothing to implement.
pub trait BurnTrainModel:
    Module
    + TrainStep<Input = <Self as BurnTrainModel>::Batch, Output = <Self as BurnTrainModel>::Trained>
    + InferenceStep<Input = <Self as BurnTrainModel>::Batch, Output = <Self as BurnTrainModel>::Evaluated>
    + 'static
{
    /// A batch.
    type Batch: Clone + Send + 'static;
    /// The output of a training step.
    type Trained: ItemLazy + Adaptor<LossInput> + 'static;
    /// The output of an evaluation.
    type Evaluated: ItemLazy + Adaptor<LossInput> + 'static;
}

impl<M> BurnTrainModel for M
where
    M: Module + TrainStep + InferenceStep<Input = <M as TrainStep>::Input> + 'static,
    <M as TrainStep>::Input: Clone,
    <M as TrainStep>::Output: Adaptor<LossInput>,
    <M as InferenceStep>::Output: Adaptor<LossInput>,
{
    type Batch = <M as TrainStep>::Input;
    type Trained = <M as TrainStep>::Output;
    type Evaluated = <M as InferenceStep>::Output;
}
