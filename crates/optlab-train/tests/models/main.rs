//! Models named by a text: what is read and refused, the sizes they get, the values they compute, and how
//! they train.

mod costs;
mod fit;
mod gpt;
mod reference;
mod spec;
mod subject;
mod training;
mod values;
