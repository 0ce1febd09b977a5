//! Parts of a step that several rules share: moving averages, momentum, weight decay, masks, matrix
//! decompositions.

pub(crate) mod cautious;
pub(crate) mod eigenbasis;
pub(crate) mod factored;
pub(crate) mod hidden;
pub(crate) mod hidden_matrix;
pub(crate) mod inverse_root;
pub(crate) mod kl_factors;
pub(crate) mod kron_factors;
pub(crate) mod linear_algebra;
pub(crate) mod lines;
pub(crate) mod low_rank;
pub(crate) mod model_based;
pub(crate) mod moments;
pub(crate) mod newton_schulz;
pub(crate) mod polynomial_average;
pub(crate) mod schedule_free;
pub(crate) mod slices;
pub(crate) mod triangular;
pub(crate) mod trust_ratio;
pub(crate) mod velocity;
pub(crate) mod weight_decay;
