//! Our layers compute the same as Burn's, forward and backward, on every host backend, for any shape and
//! layout.

mod attention;
mod conv2d;
mod corners;
mod dropout;
mod embedding;
mod gated;
mod layout;
mod linear;
mod loss;
mod norm;
mod pool2d;
mod rnn;
mod subject;
mod threads;
