//! The workloads `sunspots-gru` and `sunspots-lstm`.

use crate::model::{Cell, ModelSpec, NetworkSpec, RecurrentSpec};
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};
use crate::workload::sunspots_rnn::sunspots_rnn;

/// Returns the data of `sunspots-rnn` with a GRU of 64 units.
pub(super) fn sunspots_gru() -> BuiltIn {
    with_cell(Cell::Gru, "sunspots-gru", "gated recurrent network (GRU) on the data of sunspots-rnn")
}

/// Returns the data of `sunspots-rnn` with an LSTM of 64 units.
pub(super) fn sunspots_lstm() -> BuiltIn {
    with_cell(Cell::Lstm, "sunspots-lstm", "long short-term memory (LSTM) on the data of sunspots-rnn")
}

fn with_cell(cell: Cell, name: &'static str, summary: &'static str) -> BuiltIn {
    let network = RecurrentSpec { cell, units: vec![64], bidirectional: false, dropout: 0.0 };
    let spec = ModelSpec { network: NetworkSpec::Recurrent(network), embedding: None };
    let facts = BuiltInFacts { name, summary, ..sunspots_rnn().facts };
    BuiltIn { facts, network: NetworkConfig::Spec(spec) }
}
