//! The arguments of the benchmark, and the cases that they select.

use clap::{Parser, ValueEnum};
use optlab::workload;
use std::fmt;

/// Measures training steps.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Workloads
    #[arg(default_values = ["mnist-10k-cnn", "digits-cnn", "digits-rnn", "sunspots-rnn"])]
    workloads: Vec<String>,
    /// Library whose layers the models use
    #[arg(long, value_delimiter = ',', default_values = ["optlab", "burn"])]
    layers: Vec<Layers>,
    /// Backends
    #[arg(long, value_delimiter = ',', default_value = "flex")]
    backend: Vec<String>,
    /// Steps per measurement [default: enough for about three seconds]
    #[arg(long, default_value_t = 0)]
    pub steps: usize,
    /// Number of times that everything is measured
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// Measure in two processes at a time, each on one thread
    #[arg(long)]
    pub pair: bool,
    /// Measure in this process
    #[arg(long, hide = true)]
    pub alone: bool,
    /// Passed by `cargo bench`; without it the program only shows that it works
    #[arg(long, hide = true)]
    bench: bool,
}

/// The library whose layers a model uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layers {
    Optlab,
    Burn,
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Layers::Optlab => "optlab",
            Layers::Burn => "burn",
        })
    }
}

/// A workload, backend and library of layers to measure.
#[derive(Debug, Clone)]
pub struct Case {
    pub workload: String,
    pub backend: String,
    pub layers: Layers,
    pub batch_size: usize,
}

impl Arguments {
    pub fn parse() -> Self {
        let arguments = <Self as Parser>::parse();
        match arguments.bench || arguments.alone {
            true => arguments,
            false => Arguments { steps: 3, rounds: 1, ..arguments },
        }
    }

    pub fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for workload in &self.workloads {
            let info = workload::find(workload).unwrap_or_else(|error| panic!("{error}")).info();
            for backend in &self.backend {
                for layers in &self.layers {
                    cases.push(Case {
                        workload: workload.clone(),
                        backend: backend.clone(),
                        layers: *layers,
                        batch_size: info.batch_size,
                    });
                }
            }
        }
        cases
    }
}

impl Case {
    /// Returns the arguments that select this case.
    pub fn arguments(&self) -> [String; 5] {
        let Case { workload, backend, layers, .. } = self;
        [workload.clone(), "--layers".into(), layers.to_string(), "--backend".into(), backend.clone()]
    }
}
