//! Tests of the schedules: settings, formulas, and resuming from any step.

mod combinators;
mod extremes;
mod ranges;
mod shares;
mod single;
