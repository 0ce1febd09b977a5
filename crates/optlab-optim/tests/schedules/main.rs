//! Tests of the schedules: settings, formulas, and resuming from any step.

mod combinators;
mod ranges;
mod single;
