//! The parts of an input that are replaced as a whole.

use crate::Model;
use optlab_train::Error;
use optlab_train::model::InputShape;

/// The most parts that a default window leaves.
const MOST_BY_DEFAULT: usize = 64;

/// A partition of the elements of an input: columns of a table, time steps, squares of pixels over all
/// channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Players {
    /// The part of each element.
    pub of_element: Vec<usize>,
    /// Number of parts.
    pub count: usize,
}

impl Players {
    /// Returns the parts of the model's inputs: squares of `window` × `window` pixels, or runs of `window`
    /// time steps; by default at most 64 of them. The parts of a table are its columns.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a window on a table, or one that is larger
    /// than the input.
    pub fn of(model: &Model<'_>, method: &str, window: Option<usize>) -> Result<Self, Error> {
        let of_element: Vec<usize> = match *model.input() {
            InputShape::Columns(_) => {
                if let Some(window @ 2..) = window {
                    let allowed = "none for a table: its columns are replaced one by one";
                    return Err(Error::invalid(method, "window", allowed, window));
                }
                model.groups().to_vec()
            }
            InputShape::Tokens { time, .. } | InputShape::Sequence { time, .. } => {
                let window = checked(method, window, time, time.div_ceil(MOST_BY_DEFAULT))?;
                let per_step = model.elements() / time;
                (0..model.elements()).map(|i| i / per_step / window).collect()
            }
            InputShape::Image { height, width, .. } => {
                let window = checked(method, window, height.max(width), square(height, width))?;
                let across = width.div_ceil(window);
                let pixels = height * width;
                let place = |i: usize| (i % pixels / width / window) * across + i % width / window;
                (0..model.elements()).map(place).collect()
            }
        };
        let count = of_element.iter().max().map_or(0, |last| last + 1);
        Ok(Players { of_element, count })
    }

    /// Returns the number of elements of each part.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        self.of_element.iter().for_each(|player| sizes[*player] += 1);
        sizes
    }

    /// Spreads a number of each part evenly over its elements, so that the sum stays.
    pub fn spread(&self, values: &[f64]) -> Vec<f64> {
        let sizes = self.sizes();
        self.of_element.iter().map(|&player| values[player] / sizes[player] as f64).collect()
    }
}

/// Returns the side of the smallest squares that cover an image with at most 64 of them.
pub(crate) fn square(height: usize, width: usize) -> usize {
    let covers = |side: &usize| height.div_ceil(*side) * width.div_ceil(*side) <= MOST_BY_DEFAULT;
    (1..=height.max(width)).find(covers).unwrap_or(1)
}

/// Returns the given window or the default.
pub(crate) fn checked(
    method: &str,
    window: Option<usize>,
    most: usize,
    default: usize,
) -> Result<usize, Error> {
    match window {
        None => Ok(default.max(1)),
        Some(window) if (1..=most).contains(&window) => Ok(window),
        Some(window) => Err(Error::invalid(method, "window", &format!("from 1 to {most}"), window)),
    }
}
