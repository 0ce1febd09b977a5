//! Names that a project can have.

use crate::Error;
use optlab_train::registry;

/// Keywords of Rust, those that are only reserved, too.
const KEYWORDS: [&str; 52] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Folders that cargo makes beside a program.
const FOLDERS: [&str; 4] = ["build", "deps", "examples", "incremental"];

/// Crates that come with Rust.
const WITH_RUST: [&str; 5] = ["alloc", "core", "proc_macro", "std", "test"];

/// Crates that the project depends on.
const DEPENDENCIES: [&str; 2] = ["burn", "optlab"];

/// Names of devices, which Windows allows no file to have.
const DEVICES: [&str; 22] = [
    "aux", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "con", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "nul", "prn",
];

/// Checks that `name` can be the name of a package, a folder and a workload.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for other characters;
/// [`Usage`](optlab_core::Error::Usage) for a name that cargo refuses, or that another crate or workload has.
pub fn check(name: &str) -> Result<(), Error> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        let allowed = "a letter, followed by letters, digits, `-` or `_`";
        return Err(Error::invalid("new", "name", allowed, format!("`{name}`")));
    }
    let (lower, as_crate) = (name.to_ascii_lowercase(), name.replace('-', "_"));
    let taken = if KEYWORDS.contains(&name) {
        "is a keyword of Rust"
    } else if FOLDERS.contains(&name) {
        "is the name of a folder that cargo makes beside the program"
    } else if WITH_RUST.contains(&as_crate.as_str()) {
        "is the name of a crate that comes with Rust"
    } else if DEPENDENCIES.contains(&name) || name.starts_with("optlab-") {
        "is the name of a crate that the project depends on"
    } else if DEVICES.contains(&lower.as_str()) {
        "is the name of a device on Windows"
    } else if registry::find(name).is_ok() {
        "is the name of a workload that optlab has"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("new: `{name}` {taken}: choose another name")))
}
