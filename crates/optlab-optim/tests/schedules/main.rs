//! What the schedules promise: their settings, their formulas, and that they resume anywhere.

mod combinators;
mod ranges;
mod single;
