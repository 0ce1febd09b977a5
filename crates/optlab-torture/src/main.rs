//! `torture`: see [`optlab_torture`].

fn main() -> std::process::ExitCode {
    optlab_torture::command::main()
}
