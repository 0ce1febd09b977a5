//! Stops, damages and hurries `optlab` until something breaks.
//!
//! Each kind of trouble makes a small training (or a comparison), makes trouble for it, goes on as a user
//! would, and holds the result against that of a training without trouble. A result that is lost, wrong or
//! out of reach is a failure; its folder is kept.

pub mod command;
pub mod disk_model;
pub mod kinds;
pub mod program;
pub mod subject;
