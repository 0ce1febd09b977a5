//! `optlab`: parse, run, one line for an error, an exit code.

use std::process::ExitCode;

/// Keeps freed memory for the next step, which asks for the same again (docs/optimizer-speed.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    optlab::kernel::compute_on_this_thread();
    optlab::cli::main()
}
