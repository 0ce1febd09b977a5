//! What the program promises: its commands, its comparisons, its pages, and the shape of its source.

mod architecture;
mod cli;
mod comparison;
mod program;
mod report_page;
