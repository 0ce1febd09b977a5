//! Tests of the program: its commands, its comparisons, its report page and the structure of its source.

mod architecture;
mod calibration;
mod cli;
mod comparison;
mod corpus;
mod documents;
mod hostile;
mod newcomer;
mod older;
mod problem;
mod program;
mod report_page;
mod split;
