//! Workloads of another program: this one, which registers three examples and a faulty workload, and which
//! the tests start as a user would. It has no test harness, since it is its own worker.

#![allow(clippy::duplicate_mod, reason = "both examples have the parts that examples share")]

#[path = "../../examples/lecun1989/main.rs"]
#[allow(dead_code, reason = "an example's own main")]
mod lecun1989;
#[path = "../../examples/own_gan.rs"]
#[allow(dead_code, reason = "an example's own main")]
mod own_gan;
#[path = "../../examples/own_tokens.rs"]
#[allow(dead_code, reason = "an example's own main")]
mod own_tokens;

mod faulty;
#[path = "../program/heard.rs"]
mod heard;
mod network_of_1989;
#[cfg(unix)]
mod signals;
mod tests;

use optlab::{cli, workload};
use std::panic::catch_unwind;
use std::process::ExitCode;

/// Set for this program when it runs as a user's program.
const AS_PROGRAM: &str = "OPTLAB_TEST_PROGRAM";

fn main() -> ExitCode {
    if std::env::var_os(AS_PROGRAM).is_some() {
        let registered = workload::register(own_tokens::OwnTokens)
            .and_then(|()| workload::register(own_gan::OwnGan))
            .and_then(|()| workload::register(lecun1989::LeCun1989::default()))
            .and_then(|()| workload::register(faulty::Faulty));
        return cli::main_with(registered, "");
    }
    let filter: Option<String> = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut failed = 0;
    for (name, test) in tests::ALL {
        if filter.as_ref().is_none_or(|filter| name.contains(filter.as_str())) {
            let result = catch_unwind(test);
            println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
            failed += u8::from(result.is_err());
        }
    }
    ExitCode::from(failed)
}
