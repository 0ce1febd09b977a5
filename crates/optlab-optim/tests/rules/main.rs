//! Tests of the rules: settings, formulas, the one pass over memory, and wrappers.

mod compact;
mod formulas;
mod one_pass;
mod specs;
mod wrappers;
