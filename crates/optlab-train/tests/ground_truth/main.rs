//! Networks that other programs trained, trained here from the same initial weights on the same examples in
//! the same order: whole loss curves and final scores. `references/ground_truth/README.md` describes the
//! files.

mod keras;
mod lecun;
mod micrograd;
mod reference;
mod sklearn;
