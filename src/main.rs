//! `optlab`: parse, run, one line for an error, an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    optlab::cli::main()
}
