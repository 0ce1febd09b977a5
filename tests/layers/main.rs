//! Our layers compute what Burn's compute, forward and backward, on every backend of the host, for any shape and layout.

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
