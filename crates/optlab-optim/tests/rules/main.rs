//! What the rules promise: their settings, their formulas, one pass over memory, and what goes around them.

mod formulas;
mod one_pass;
mod specs;
mod wrappers;
