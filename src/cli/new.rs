//! `optlab new`: writes a project with a workload of one's own.

mod name;

use crate::Error;
use crate::cli::{Exit, output};
use clap::Args;
use optlab_train::files::disk;
use optlab_train::files::disk::create_folder;
use std::path::{Path, PathBuf};

/// The program that the project starts from, which is also the example `own_model`.
const PROGRAM: &str = include_str!("../../examples/own_model.rs");

/// The test of the project.
const TEST: &str = include_str!("new/it_trains.rs");

/// The first page of the project; `SOURCES` stands for the folder of optlab's sources.
const README: &str = include_str!("new/README.md");

/// Arguments of `optlab new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The project's name, which is also its folder: letters, digits, `-` and `_`
    name: String,
    /// The folder of optlab's sources [default: where this program was built, if it is still there]
    #[arg(long, value_name = "DIR")]
    optlab: Option<PathBuf>,
}

/// Runs `optlab new`.
///
/// # Errors
/// A name that no package can have; a folder that exists; sources that are not found.
pub fn run(args: &NewArgs) -> Result<(), Exit> {
    let name = args.name.as_str();
    name::check(name)?;
    let folder = Path::new(name);
    if folder.exists() {
        return Err(Error::usage(format!("{name} exists already: choose another name")).into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = args.optlab.clone().unwrap_or_else(|| built.into());
    if !sources.join("Cargo.toml").is_file() {
        let reason =
            format!("{} holds no Cargo.toml: give optlab's sources with --optlab", sources.display());
        return Err(Error::usage(reason).into());
    }
    let sources = std::path::absolute(&sources).map_err(Error::io("find", &sources))?;
    create_folder(&folder.join("src"))?;
    create_folder(&folder.join("tests"))?;
    for (file, text) in [
        ("Cargo.toml", manifest(name, &sources)),
        ("src/main.rs", program(name)),
        ("tests/it_trains.rs", TEST.replace("own-model", name)),
        ("README.md", readme(name, &sources)),
        (".gitignore", "/target\n/artifacts\n".into()),
    ] {
        disk::replace(&folder.join(file), text.as_bytes())?;
    }
    let text = format!(
        "written: {name}/Cargo.toml, src/main.rs, tests/it_trains.rs, README.md\n\
         next: cd {name} && cargo run    (the first build takes 10 to 20 minutes on two cores)"
    );
    output::tell(text);
    Ok(())
}

fn program(name: &str) -> String {
    let (_, code) = PROGRAM.split_once("\n\n").unwrap_or(("", PROGRAM));
    let code = code.replace("own-model", name);
    format!("//! The workload `{name}`, compared over optimizers: `cargo run`.\n\n{code}")
}

fn manifest(name: &str, sources: &Path) -> String {
    let sources = toml::Value::from(sources.to_string_lossy().into_owned());
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[features]
# `cargo run --features wgpu` trains on the GPU.
wgpu = ["optlab/wgpu"]

[dependencies]
optlab = {{ path = {sources} }}
# The very version that optlab is built with.
burn = {{ version = "=0.22.1", default-features = false, features = ["std"] }}

# Training without optimization is a hundred times slower.
[profile.dev]
opt-level = 3
debug = "line-tables-only"

[profile.dev.package."*"]
debug = false
debug-assertions = false
overflow-checks = false
codegen-units = 16
"#
    )
}

fn readme(name: &str, sources: &Path) -> String {
    let sources = sources.display().to_string();
    README.replace("own-model", name).replace("SOURCES", &sources)
}
