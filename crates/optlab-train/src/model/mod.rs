//! Models as Burn modules, built from the layers of [`nn`](crate::nn). Initial weights are drawn by
//! [`random`](optlab_core::random), so they are the same on every backend.
//!
//! A [`ModelSpec`] names a model in a text or a table and [builds](ModelSpec::build) it as a [`Stack`] for
//! the [`InputShape`] of its data; a [`ModelPatch`] changes some of its fields.

mod cnn;
mod gpt;
mod gpt_session;
mod init;
pub mod layer;
mod linear_regression;
mod plan;
mod resnet;
mod rnn;
mod seeded;
mod shape;
mod spec;
mod stack;

pub use cnn::{Cnn, CnnConfig};
pub use gpt::{Gpt, GptBlock};
pub use gpt_session::GptSession;
pub use init::Init;
pub use linear_regression::LinearRegression;
pub use plan::{LayerSummary, Summary};
pub use resnet::{ResNet, ResNetConfig};
pub use rnn::{SimpleRnn, SimpleRnnConfig};
pub use seeded::seeded;
pub use shape::InputShape;
pub use spec::{
    Activation, Cell, CnnSpec, GptSpec, LayerSpec, MlpSpec, ModelField, ModelPatch, ModelSpec, NetworkSpec,
    Norm, Padding, Pool, Pooling, Positions, RecurrentSpec, TransformerSpec,
};
pub use stack::Stack;
