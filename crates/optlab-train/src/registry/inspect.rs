//! Looks into a trained model: its parameters with paths, shapes and norms.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// A parameter of a trained model.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSummary {
    /// The path, which the patterns of `group:parameters=…` match.
    pub path: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// The Euclidean norm.
    pub norm: f64,
    /// The mean.
    pub mean: f64,
    /// The largest absolute value.
    pub largest: f64,
    /// Whether an optimizer trains it; running statistics are not trained.
    pub is_trained: bool,
    /// The values, row-major.
    pub values: Vec<f32>,
}

/// Returns the summaries of a model's parameters, in the model's order.
pub(super) fn parameters<M: Module>(model: &M) -> Vec<ParameterSummary> {
    #[derive(Default)]
    struct Visitor {
        names: Vec<String>,
        found: Vec<ParameterSummary>,
    }
    impl ModuleVisitor for Visitor {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.names.push(name.into());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.names.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let shape = tensor.dims().to_vec();
            let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
            let count = values.len().max(1) as f64;
            let all = || values.iter().map(|value| f64::from(*value));
            self.found.push(ParameterSummary {
                path: self.names.join("."),
                shape,
                norm: all().map(|value| value * value).sum::<f64>().sqrt(),
                mean: all().sum::<f64>() / count,
                largest: all().fold(0.0, |largest, value| value.abs().max(largest)),
                is_trained: param.is_require_grad(),
                values,
            });
        }
    }
    let mut visitor = Visitor::default();
    model.visit(&mut visitor);
    visitor.found
}
