//! Losses and measures compute their formulas in 64 bits, and the numbers of scikit-learn and PyTorch; specs
//! of them are read and written the same in text, JSON and TOML.

mod draws;
mod formulas;
mod losses;
mod measures;
mod reference;
mod specs;
mod tensors;
