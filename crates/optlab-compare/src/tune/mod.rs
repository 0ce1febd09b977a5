//! The search for the best settings: of one optimizer, in a [`Study`], or of a short list within a time.

pub mod findings;
pub mod recommend;
pub mod study;

pub use findings::Findings;
pub use recommend::{Recommendation, Recommender};
pub use study::Study;
