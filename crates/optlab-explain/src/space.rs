//! Where gradients are taken: in the input, or behind the embedding of tokens.

use crate::Question;
use crate::model::no_gradient;
use optlab_train::Error;
use optlab_train::model::InputShape;
use optlab_train::nn::tap;

/// The numbers that an output is differentiated in, for one input.
pub(crate) struct Space<'a> {
    question: &'a Question<'a>,
    /// The input, as its indices where it is embedded.
    row: Vec<f32>,
    /// The tap and the shape `[time, width]` behind it; `None` for the input itself.
    embedding: Option<(&'a str, [usize; 2])>,
    /// The numbers of the input there.
    pub point: Vec<f32>,
}

impl<'a> Space<'a> {
    /// Returns the space of gradients of the question's model at `row`.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if elements are indices that are embedded at no tap.
    pub fn at(question: &'a Question<'a>, row: &[f32]) -> Result<Self, Error> {
        let model = question.model;
        question.check(row)?;
        let mut space = Space { question, row: row.to_vec(), embedding: None, point: row.to_vec() };
        if !model.has_indices() {
            return Ok(space);
        }
        let (InputShape::Tokens { .. }, Some(name)) = (model.input(), model.embedding()) else {
            return Err(no_gradient());
        };
        let (_, recorded) = tap::record(|| model.forward(model.batch(row, row.len())));
        let found = recorded.into_iter().find(|activation| activation.name == name);
        let Some((shape, values)) = found.map(|activation| (activation.shape, activation.values)) else {
            return Err(Error::usage(format!(
                "the model has no tap `{name}`, where its tokens are embedded"
            )));
        };
        let &[_, time, width] = &shape[..] else {
            return Err(Error::usage(format!(
                "the tap `{name}` has the shape {shape:?}, not [batch, time, width]"
            )));
        };
        space.embedding = Some((name, [time, width]));
        space.point = values.into_data().iter::<f32>().collect();
        Ok(space)
    }

    /// Returns the numbers of another input in this space.
    pub fn point_of(&self, row: &[f32]) -> Result<Vec<f32>, Error> {
        Ok(match self.embedding {
            None => row.to_vec(),
            Some(_) => Space::at(self.question, row)?.point,
        })
    }

    /// Returns whether tokens are embedded.
    pub fn is_embedded(&self) -> bool {
        self.embedding.is_some()
    }

    /// Returns the output at each of `points`, and its gradients there.
    pub fn gradients(&self, points: &[f32]) -> Result<(Vec<f64>, Vec<f32>), Error> {
        let Question { model, output, .. } = *self.question;
        let width = self.point.len();
        match self.embedding {
            None => model.gradients(points, output),
            Some((name, [time, features])) => model.gradients_of(points, width, output, |points| {
                let [batch, _] = points.dims();
                let rows = model.batch(&self.row.repeat(batch), self.row.len());
                model.forward_from(name, points.reshape([batch, time, features]), rows)
            }),
        }
    }

    /// Returns the output at a point.
    pub fn output(&self, point: &[f32]) -> Result<f64, Error> {
        match self.embedding {
            None => Ok(self.question.model.output(point, self.question.output)?[0]),
            Some(_) => Ok(self.gradients(point)?.0[0]),
        }
    }

    /// Returns a number for each element of the input: the sum over the width of an embedding.
    pub fn collapse(&self, values: Vec<f64>) -> Vec<f64> {
        match self.embedding {
            None => values,
            Some((_, [_, width])) => values.chunks(width).map(|of_token| of_token.iter().sum()).collect(),
        }
    }
}
