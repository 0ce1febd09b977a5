//! Tests of the program: its commands, its comparisons, its report page and the structure of its source.

mod architecture;
mod calibration;
mod cli;
mod comparison;
mod conclusions;
mod corpus;
mod documents;
mod experiment_folder;
mod explain;
mod heard;
mod hostile;
mod newcomer;
mod older;
mod output;
mod problem;
mod program;
mod report_page;
#[cfg(unix)]
mod signals;
mod split;
