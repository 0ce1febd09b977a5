//! Parts of a step that several rules share: moving averages, momentum, weight decay, masks, matrix
//! decompositions.

pub(crate) mod cautious;
pub(crate) mod eigenbasis;
pub(crate) mod factored;
pub(crate) mod hidden_matrix;
pub(crate) mod linear_algebra;
pub(crate) mod lines;
pub(crate) mod moments;
pub(crate) mod newton_schulz;
pub(crate) mod schedule_free;
pub(crate) mod slices;
pub(crate) mod trust_ratio;
pub(crate) mod velocity;
pub(crate) mod weight_decay;
