//! Runs the trials of a plan: worker processes, their queue, and the folder that everything is written to.

pub mod command;
pub mod cores;
pub mod cost;
pub mod events;
pub mod experiment;
pub mod folder;
pub mod queue;
pub mod runner;
pub mod signals;
pub mod worker;
