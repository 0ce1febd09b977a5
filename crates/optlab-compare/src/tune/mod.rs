//! Searches for the best settings of one optimizer, with a [`Study`], or for the best of several optimizers
//! within a time limit, with a [`Recommender`].

pub mod findings;
pub mod recommend;
pub mod study;

pub use findings::Findings;
pub use recommend::{Recommendation, Recommender};
pub use study::Study;
