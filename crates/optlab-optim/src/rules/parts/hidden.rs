//! The weights of hidden layers, which some rules treat unlike the others.

use crate::driver::ParameterInfo;

/// Returns whether the parameter is a matrix or a kernel, and neither an embedding nor the last of the model.
pub(crate) fn is_hidden(parameter: &ParameterInfo<'_>) -> bool {
    parameter.shape.len() >= 2 && parameter.module != "Embedding" && !parameter.is_last_matrix
}

/// Returns whether the parameter is a hidden weight of rank 2.
pub(crate) fn is_hidden_weight(parameter: &ParameterInfo<'_>) -> bool {
    parameter.shape.len() == 2 && is_hidden(parameter)
}
