//! Adds layers one after the other, and checks that each can read the output of the one before.

use crate::Error;
use crate::model::InputShape;
use crate::model::plan::step::{Conv, Operation, Step};
use crate::model::plan::{OUTPUT, Plan};
use crate::model::shape::Shape;
use crate::model::spec::{Activation, Cell, OWNER, Padding};
use std::collections::HashMap;

/// A plan in progress.
pub(super) struct Planner {
    input: InputShape,
    steps: Vec<Step>,
    shape: Shape,
    /// Number of layers so far of each name.
    counts: HashMap<&'static str, usize>,
    /// Number of dropout layers so far. Layers with probability 0 count, so that changing one probability
    /// keeps the masks of the other layers.
    dropouts: u32,
    /// The name of the next layer in errors; `None` for its own name.
    pub called: Option<String>,
}

impl Planner {
    pub fn new(input: &InputShape) -> Result<Self, Error> {
        input.check()?;
        let (input, shape) = (input.clone(), input.shape());
        Ok(Planner { input, steps: Vec::new(), shape, counts: HashMap::new(), dropouts: 0, called: None })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the plan with a dense layer of `outputs` numbers at its end.
    pub fn finish(mut self, outputs: usize) -> Result<Plan, Error> {
        if outputs == 0 {
            return Err(Error::invalid(OWNER, "outputs", "at least 1", outputs));
        }
        self.flatten();
        self.dense(outputs)?;
        let mut plan = Plan { input: self.input, steps: self.steps };
        if let Some(last) = plan.steps.last_mut() {
            last.name = OUTPUT.into();
        }
        Ok(plan)
    }

    fn push(&mut self, layer: Operation, output: Shape) {
        let name = layer.name();
        let count = self.counts.entry(name).or_default();
        // A model has one layer of positions.
        let shown = if layer == Operation::Positions { name.into() } else { format!("{name}.{count}") };
        self.steps.push(Step { name: shown, layer, place: *count, input: self.shape, output });
        *count += 1;
        if let Some(Step { layer: Operation::Categories(columns), .. }) = self.steps.last() {
            // Each category has an embedding of its own.
            *count += columns.iter().flatten().count() - 1;
        }
        self.shape = output;
    }

    /// Returns the error of a layer that cannot read the shape before it.
    fn refuse(&self, layer: &Operation, needed: &str) -> Error {
        let name = layer.name();
        let own = || format!("{name}.{}", self.counts.get(name).unwrap_or(&0));
        let called = self.called.clone().unwrap_or_else(own);
        Error::invalid(
            OWNER,
            &called,
            &format!("given {needed}"),
            format!("{} of {}", self.shape, self.input),
        )
    }

    /// Embeds tokens and categories; without any it does nothing.
    pub fn embed(&mut self, width_of: impl Fn(usize) -> usize) {
        match self.input.clone() {
            InputShape::Tokens { time, vocabulary } => {
                let width = width_of(vocabulary);
                let output = Shape::Sequence { time, features: width };
                self.push(Operation::Tokens { vocabulary, width }, output);
            }
            InputShape::Columns(columns) if columns.iter().any(Option::is_some) => {
                let columns = columns.iter().map(|categories| categories.map(|n| [n, width_of(n)]));
                let columns: Vec<Option<[usize; 2]>> = columns.collect();
                let widths = columns.iter().map(|column| column.map_or(1, |[_, width]| width));
                let width = widths.fold(0, usize::saturating_add);
                self.push(Operation::Categories(columns), Shape::Flat(width));
            }
            _ => {}
        }
    }

    /// Returns whether it has an embedding of tokens or categories.
    pub fn has_embedding(&self) -> bool {
        self.counts.contains_key("embedding")
    }

    pub fn flatten(&mut self) {
        if !matches!(self.shape, Shape::Flat(_)) {
            self.push(Operation::Flatten, Shape::Flat(self.shape.elements()));
        }
    }

    /// Turns images into sequences of their rows, the rows of all channels side by side.
    pub fn rows(&mut self) {
        if let Shape::Image { channels, height, width } = self.shape {
            let output = Shape::Sequence { time: height, features: channels.saturating_mul(width) };
            self.push(Operation::Rows, output);
        }
    }

    pub fn dense(&mut self, units: usize) -> Result<(), Error> {
        let layer = Operation::Dense { units, has_bias: true, has_relu: false };
        let output = match self.shape {
            Shape::Flat(_) => Shape::Flat(units),
            Shape::Sequence { time, .. } => Shape::Sequence { time, features: units },
            Shape::Image { .. } => {
                return Err(self.refuse(&layer, "a flat input or a sequence (`flatten` first)"));
            }
        };
        self.push(layer, output);
        Ok(())
    }

    pub fn conv(
        &mut self,
        filters: usize,
        kernel: usize,
        stride: usize,
        padding: Padding,
    ) -> Result<(), Error> {
        let mut conv =
            Conv { filters, kernel, stride, padding: [(0, 0); 2], has_bias: true, has_relu: false };
        let Shape::Image { height, width, .. } = self.shape else {
            return Err(self.refuse(&Operation::Conv(conv), "images [channels, height, width]"));
        };
        let sides = [height, width];
        if padding == Padding::Same {
            conv.padding = sides.map(|side| {
                let covered = ((side.div_ceil(stride) - 1) * stride).saturating_add(kernel);
                let around = covered.saturating_sub(side);
                (around / 2, around.div_ceil(2))
            });
        }
        let padded = [0, 1].map(|axis| sides[axis] + conv.padding[axis].0 + conv.padding[axis].1);
        let output = self.windows(&Operation::Conv(conv.clone()), padded, kernel, stride, filters)?;
        self.push(Operation::Conv(conv), output);
        Ok(())
    }

    pub fn pool(&mut self, is_max: bool, size: usize, stride: usize) -> Result<(), Error> {
        let layer =
            if is_max { Operation::MaxPool { size, stride } } else { Operation::AvgPool { size, stride } };
        let Shape::Image { channels, height, width } = self.shape else {
            return Err(self.refuse(&layer, "images [channels, height, width]"));
        };
        let output = self.windows(&layer, [height, width], size, stride, channels)?;
        self.push(layer, output);
        Ok(())
    }

    /// Returns the shape of a layer with one output per position of a window.
    fn windows(
        &self,
        layer: &Operation,
        sides: [usize; 2],
        size: usize,
        stride: usize,
        channels: usize,
    ) -> Result<Shape, Error> {
        if sides.iter().any(|side| *side < size) {
            return Err(self.refuse(layer, &format!("images of at least {size} × {size} pixels")));
        }
        let [height, width] = sides.map(|side| (side - size) / stride + 1);
        Ok(Shape::Image { channels, height, width })
    }

    /// Adds an activation; the layer before computes a ReLU itself, if it can.
    pub fn activation(&mut self, activation: Activation) {
        let fused = match self.steps.last_mut().map(|step| &mut step.layer) {
            Some(Operation::Dense { has_relu, .. } | Operation::Conv(Conv { has_relu, .. })) => {
                Some(has_relu)
            }
            _ => None,
        };
        match fused {
            Some(has_relu) if activation == Activation::Relu => *has_relu = true,
            _ => self.push(Operation::Activation(activation), self.shape),
        }
    }

    /// Adds batch normalization. The layer before loses its bias, which the mean over the batch would cancel.
    pub fn batch_norm(&mut self) {
        if let Some(
            Operation::Dense { has_bias, has_relu: false, .. }
            | Operation::Conv(Conv { has_bias, has_relu: false, .. }),
        ) = self.steps.last_mut().map(|step| &mut step.layer)
        {
            *has_bias = false;
        }
        self.push(Operation::BatchNorm, self.shape);
    }

    pub fn layer_norm(&mut self) {
        self.push(Operation::LayerNorm, self.shape);
    }

    pub fn dropout(&mut self, probability: f64) {
        let number = self.next_dropout();
        if probability > 0.0 {
            self.push(Operation::Dropout { probability, number }, self.shape);
        }
    }

    fn next_dropout(&mut self) -> u32 {
        self.dropouts += 1;
        self.dropouts - 1
    }

    /// Adds a recurrent layer; it reads images row by row.
    pub fn recurrent(
        &mut self,
        cell: Cell,
        units: usize,
        bidirectional: bool,
        only_last: bool,
    ) -> Result<(), Error> {
        self.rows();
        let layer = Operation::Recurrent { cell, units, bidirectional, only_last };
        let Shape::Sequence { time, .. } = self.shape else {
            return Err(self.refuse(&layer, "sequences [time, features] or images"));
        };
        let features = units.saturating_mul(1 + usize::from(bidirectional));
        let output = if only_last { Shape::Flat(features) } else { Shape::Sequence { time, features } };
        self.push(layer, output);
        Ok(())
    }

    pub fn positions(&mut self) {
        self.push(Operation::Positions, self.shape);
    }

    pub fn block(&mut self, heads: usize, feed_forward: usize, dropout: f64) {
        let numbers = [self.next_dropout(), self.next_dropout()];
        self.push(Operation::Block { heads, feed_forward, dropout, numbers }, self.shape);
    }

    /// Adds the last vector of a sequence, or with `is_mean` the mean over time.
    pub fn pool_time(&mut self, is_mean: bool) -> Result<(), Error> {
        let layer = if is_mean { Operation::Mean } else { Operation::Last };
        let Shape::Sequence { features, .. } = self.shape else {
            return Err(self.refuse(&layer, "sequences [time, features]"));
        };
        self.push(layer, Shape::Flat(features));
        Ok(())
    }
}
