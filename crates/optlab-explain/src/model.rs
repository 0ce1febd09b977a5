//! A model as a function from rows of numbers to outputs.

use burn::tensor::{Device, Tensor, TensorData};
use optlab_train::Error;
use optlab_train::model::InputShape;
use optlab_train::nn::tap;
use std::fmt;

/// The most rows that go through a model at once, by default.
const BATCH_SIZE: usize = 500;

/// The tap at which a [`Stack`](optlab_train::model::Stack) embeds tokens.
const EMBEDDING: &str = "embedding.0";

/// The name that errors of a model have.
const OWNER: &str = "explain";

/// A model in evaluation mode, as a function: rows `[examples, elements]` to outputs `[examples, outputs]`.
///
/// The examples of a batch must not depend on each other, and a program that explains without need of
/// gradients in the parameters is faster with `model.no_grad()`.
pub struct Model<'a> {
    forward: Box<dyn Fn(Tensor<2>) -> Tensor<2> + 'a>,
    input: InputShape,
    device: Device,
    batch_size: usize,
    groups: Vec<usize>,
    embedding: Option<String>,
}

impl fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Model");
        shown.field("input", &self.input).field("batch_size", &self.batch_size).finish_non_exhaustive()
    }
}

impl<'a> Model<'a> {
    /// Returns the model that computes `forward`, for inputs of the shape `input`.
    ///
    /// `device` has autodiff; the model's parameters are on it. At most 500 rows go through the model at
    /// once.
    pub fn new(input: InputShape, device: &Device, forward: impl Fn(Tensor<2>) -> Tensor<2> + 'a) -> Self {
        let embedding = matches!(input, InputShape::Tokens { .. }).then(|| EMBEDDING.into());
        Model {
            forward: Box::new(forward),
            groups: (0..input.elements()).collect(),
            device: device.clone(),
            batch_size: BATCH_SIZE,
            input,
            embedding,
        }
    }

    /// Sends at most `batch_size` rows through the model at once, at least 1. The memory grows with it.
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size.max(1);
        self
    }

    /// Says which columns of a table an element belongs to, such as the elements `city = Bonn` and
    /// `city = Köln`: methods that replace parts of the input replace a column as a whole. `groups` has a
    /// number for each element, from 0.
    ///
    /// # Panics
    /// If there are not as many numbers as elements.
    pub fn with_groups(mut self, groups: Vec<usize>) -> Self {
        assert_eq!(groups.len(), self.input.elements(), "a group for each element");
        self.groups = groups;
        self
    }

    /// Says at which [tap](mod@optlab_train::nn::tap) the model has embedded its tokens, `[batch, time,
    /// width]`; by default `embedding.0`, as a [`Stack`](optlab_train::model::Stack) calls it. Gradients are
    /// taken there.
    pub fn with_embedding(mut self, tap: &str) -> Self {
        self.embedding = Some(tap.into());
        self
    }

    /// Returns the shape of an input.
    pub fn input(&self) -> &InputShape {
        &self.input
    }

    /// Returns the number of elements of an input.
    pub fn elements(&self) -> usize {
        self.input.elements()
    }

    /// Returns the group of each element.
    pub(crate) fn groups(&self) -> &[usize] {
        &self.groups
    }

    /// Returns the tap at which tokens are embedded.
    pub(crate) fn embedding(&self) -> Option<&str> {
        self.embedding.as_deref()
    }

    /// Returns whether elements are indices of categories or tokens, which have no gradient.
    pub fn has_indices(&self) -> bool {
        match &self.input {
            InputShape::Tokens { .. } => true,
            InputShape::Columns(columns) => columns.iter().any(Option::is_some),
            InputShape::Sequence { .. } | InputShape::Image { .. } => false,
        }
    }

    /// Returns a batch of rows on the model's device.
    pub(crate) fn batch(&self, rows: &[f32], width: usize) -> Tensor<2> {
        let data = TensorData::new(rows.to_vec(), [rows.len() / width, width]);
        Tensor::from_data(data, &self.device)
    }

    /// Computes the outputs of a batch.
    pub(crate) fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        (self.forward)(rows)
    }

    /// Returns the outputs of rows, row-major: `rows.len() / elements · outputs` numbers.
    ///
    /// # Errors
    /// [`Workload`](Error::Workload) for an output that is not finite.
    ///
    /// # Panics
    /// If `rows` has no whole number of rows.
    pub fn outputs(&self, rows: &[f32]) -> Result<Vec<f64>, Error> {
        let width = self.elements();
        assert_eq!(rows.len() % width, 0, "rows of {width} elements");
        let mut outputs = Vec::new();
        for rows in rows.chunks(self.batch_size * width) {
            outputs.extend(self.forward(self.batch(rows, width)).into_data().iter::<f64>());
        }
        finite(&outputs, "output")?;
        Ok(outputs)
    }

    /// Returns the output number `output` of each row.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs); [`InvalidConfig`](optlab_core::Error::InvalidConfig) for an output that
    /// the model does not have.
    ///
    /// # Panics
    /// If `rows` has no whole number of rows.
    pub fn output(&self, rows: &[f32], output: usize) -> Result<Vec<f64>, Error> {
        let count = rows.len() / self.elements();
        let outputs = self.outputs(rows)?;
        let width = outputs.len() / count.max(1);
        check_output(output, width)?;
        Ok(outputs.chunks(width.max(1)).map(|outputs| outputs[output]).collect())
    }

    /// Returns the output number `output` of each row, and its gradient in the elements of that row.
    ///
    /// # Errors
    /// As [`output`](Self::output); [`Usage`](optlab_core::Error::Usage) if the output has no gradient.
    ///
    /// # Panics
    /// If `rows` has no whole number of rows.
    pub fn gradients(&self, rows: &[f32], output: usize) -> Result<(Vec<f64>, Vec<f32>), Error> {
        self.gradients_of(rows, self.elements(), output, |rows| Ok(self.forward(rows)))
    }

    /// Returns the output of each point and its gradient there, where `forward` makes outputs of a batch of
    /// points of `width` numbers.
    pub(crate) fn gradients_of(
        &self,
        points: &[f32],
        width: usize,
        output: usize,
        forward: impl Fn(Tensor<2>) -> Result<Tensor<2>, Error>,
    ) -> Result<(Vec<f64>, Vec<f32>), Error> {
        assert_eq!(points.len() % width, 0, "points of {width} numbers");
        let (mut values, mut gradients) = (Vec::new(), Vec::with_capacity(points.len()));
        for points in points.chunks(self.batch_size * width) {
            let leaf = self.batch(points, width).require_grad();
            let outputs = forward(leaf.clone())?;
            check_output(output, outputs.dims()[1])?;
            let chosen = outputs.narrow(1, output, 1);
            values.extend(chosen.clone().into_data().iter::<f64>());
            let gradient = leaf.grad(&chosen.sum().backward()).ok_or_else(no_gradient)?;
            gradients.extend(gradient.into_data().iter::<f32>());
        }
        finite(&values, "output")?;
        finite(&gradients.iter().map(|value| f64::from(*value)).collect::<Vec<_>>(), "gradient")?;
        Ok((values, gradients))
    }

    /// Computes the outputs of a batch of `rows` with `value` in place of the result at a tap.
    pub(crate) fn forward_from<const D: usize>(
        &self,
        name: &str,
        value: Tensor<D>,
        rows: Tensor<2>,
    ) -> Result<Tensor<2>, Error> {
        match tap::with_replacement(name, value, || self.forward(rows)) {
            (outputs, true) => Ok(outputs),
            (_, false) => {
                Err(Error::usage(format!("the model has no tap `{name}` with a tensor of rank {D}")))
            }
        }
    }
}

fn check_output(output: usize, outputs: usize) -> Result<(), Error> {
    if output < outputs {
        return Ok(());
    }
    let allowed = format!("below {outputs}, the number of outputs");
    Err(Error::invalid(OWNER, "output", &allowed, output))
}

fn finite(values: &[f64], what: &str) -> Result<(), Error> {
    match values.iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::Workload {
            workload: OWNER.into(),
            reason: format!("an {what} of the model is {value}: there is nothing to attribute"),
        }),
    }
}

/// Returns the error of an output that no gradient connects with the input.
pub(crate) fn no_gradient() -> Error {
    Error::usage(
        "the output has no gradient in the input, as for indices of categories; these methods need none: \
         occlusion, lime, kernel_shap, attention_rollout",
    )
}
