//! The parts that all crates of optlab share: errors, ranges, specs as text and tables, and reproducible
//! random numbers.

pub mod bounded_file;
pub mod error;
pub mod line;
pub mod markup;
pub mod metric;
pub mod random;
pub mod range;
pub mod settings;
pub mod spec;

pub use error::Error;
pub use metric::{Direction, Metric};
