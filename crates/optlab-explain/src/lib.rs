//! Explains the outputs of any Burn model that reads rows of numbers: which parts of an input an output
//! depends on.
//!
//! ```text
//! Model      a function: rows [examples, elements] to outputs [examples, outputs]
//!   └─ Question      an output of it, the background rows, the seed
//!        └─ MethodSpec::explain(question, row) ──> Attribution: a number for each element of the row
//! curve      deletion and insertion: does the output follow the attribution?
//! data_set   importance over many rows; the examples a model is surest and most wrong about
//! picture, page      heat maps (PNG), bars and lines (SVG), a page for a browser
//! ```
//!
//! # Example
//! ```
//! use burn::tensor::{Device, Tensor};
//! use optlab_explain::{MethodSpec, Model, Question};
//! use optlab_train::model::InputShape;
//!
//! // y = 3 a − b, for the row (a, b) = (2, 5).
//! let device = Device::default().autodiff();
//! let weights = Tensor::<2>::from_data([[3.0], [-1.0]], &device);
//! let model = Model::new(InputShape::numbers(2), &device, |rows| rows.matmul(weights.clone()));
//! let method: MethodSpec = "integrated_gradients:steps=20".parse()?;
//! let attribution = method.explain(&Question::new(&model, 0), &[2.0, 5.0])?;
//! let rounded: Vec<f64> = attribution.values.iter().map(|value| value.round()).collect();
//! assert_eq!(rounded, [6.0, -5.0]);
//! assert!(attribution.completeness_gap().is_some_and(|gap| gap < 1e-5));
//! # Ok::<(), optlab_train::Error>(())
//! ```

mod attribution;
pub mod curve;
pub mod data_set;
pub mod method;
mod model;
pub mod page;
pub mod picture;
mod players;
mod question;
mod regression;
mod replacement;
mod space;

pub use attribution::Attribution;
pub use method::MethodSpec;
pub use model::Model;
pub use question::Question;
pub use regression::{LinearFit, weighted_ridge};
pub use replacement::Baseline;
