//! Our layers compute the same as Burn's, forward and backward, on every host backend, for any shape and
//! layout.

mod conv2d;
mod corners;
mod dropout;
mod layout;
mod linear;
mod loss;
mod pool2d;
mod rnn;
mod subject;
mod threads;
