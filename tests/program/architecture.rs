//! The source keeps its shape: which crate depends on which, which folder of a crate imports which, where
//! cargo features are asked for, and how long files and comments are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates of this project that each may depend on.
const CRATES: [(&str, &[&str]); 9] = [
    ("optlab-core", &[]),
    ("optlab-kernel", &[]),
    ("optlab-optim", &["optlab-core", "optlab-kernel"]),
    ("optlab-stats", &["optlab-core"]),
    ("optlab-train", &["optlab-core", "optlab-kernel", "optlab-optim"]),
    ("optlab-explain", &["optlab-core", "optlab-train"]),
    ("optlab-compare", &["optlab-core", "optlab-optim", "optlab-stats", "optlab-train"]),
    ("optlab-torture", &["optlab-core", "optlab-train"]),
    (
        "optlab",
        &[
            "optlab-compare",
            "optlab-core",
            "optlab-explain",
            "optlab-kernel",
            "optlab-optim",
            "optlab-stats",
            "optlab-train",
        ],
    ),
];

/// Everything else that `optlab-optim` depends on: what a program takes in for one optimizer.
const OPTIM_NEEDS: [&str; 6] = ["burn", "burn-pack", "rayon", "serde", "serde_json", "wildmatch"];

/// The folders and files of a crate that each of them may import. The specs of `optlab-optim` contain each
/// other, so its folders do, too, and have no rows.
const MAY_IMPORT: [(&str, &str, &[&str]); 28] = [
    ("kernel", "memory", &["vectorize"]),
    ("kernel", "matrix", &[]),
    ("kernel", "update", &["memory", "vectorize"]),
    ("kernel", "layer", &["memory", "vectorize"]),
    ("stats", "statistics", &[]),
    ("stats", "search", &["statistics"]),
    ("train", "files", &[]),
    ("train", "device", &[]),
    ("train", "data", &["files"]),
    ("train", "nn", &[]),
    ("train", "model", &["nn"]),
    ("train", "objective", &["data", "nn"]),
    ("train", "workload", &["data", "model", "nn", "objective"]),
    ("train", "burn_train", &["data", "model", "nn", "workload"]),
    ("train", "problem", &["data", "files", "model", "nn", "objective", "workload"]),
    ("train", "train", &["data", "device", "files", "model", "nn", "problem", "workload"]),
    ("train", "registry", &["data", "device", "files", "model", "problem", "train", "workload"]),
    ("explain", "picture", &[]),
    ("explain", "page", &["picture"]),
    ("explain", "method", &[]),
    ("explain", "curve", &[]),
    ("compare", "plan", &[]),
    ("compare", "run", &["plan"]),
    ("compare", "result", &["plan", "run"]),
    ("compare", "tune", &["plan", "result", "run"]),
    ("compare", "chart", &[]),
    ("compare", "report", &["chart", "plan", "result", "run"]),
    ("optim", "schedule", &[]),
];

/// The files that may ask for a cargo feature: three for backends, and two for the module of the feature
/// `burn-train`, which costs every build 25 crates.
const MAY_ASK_FOR_FEATURES: [&str; 5] = [
    "crates/optlab-kernel/src/memory/buffer.rs",
    "crates/optlab-kernel/src/memory/host_backend.rs",
    "crates/optlab-train/src/device.rs",
    "crates/optlab-train/src/lib.rs",
    "src/lib.rs",
];

const LONGEST_SOURCE: usize = 400;
const LONGEST_MAIN: usize = 59;
const LONGEST_EXAMPLE: usize = 99;
/// Columns of a comment; `rustfmt` wraps code at the same width.
const WIDEST_COMMENT: usize = 110;

#[test]
fn crates_depend_on_each_other_in_one_direction_and_the_optimizers_on_little_else() {
    for (name, allowed) in CRATES {
        let dependencies = dependencies(name);
        let ours: BTreeSet<&str> =
            dependencies.iter().map(String::as_str).filter(|other| other.starts_with("optlab")).collect();
        assert_eq!(ours, allowed.iter().copied().collect(), "crates of this project that {name} depends on");
    }
    let optim: BTreeSet<String> =
        dependencies("optlab-optim").into_iter().filter(|name| !name.starts_with("optlab")).collect();
    assert_eq!(optim, OPTIM_NEEDS.map(String::from).into_iter().collect());
    let stats = dependencies("optlab-stats");
    assert!(!stats.iter().any(|name| name.starts_with("burn")), "the statistics know no Burn: {stats:?}");
}

#[test]
fn folders_of_a_crate_import_each_other_in_one_direction() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for (name, folder, allowed) in MAY_IMPORT {
        let source = root().join(format!("crates/optlab-{name}/src"));
        let files = [source.join(folder), source.join(folder).with_extension("rs")];
        let files: Vec<PathBuf> = files.iter().flat_map(|path| rust_files(path)).collect();
        let files = files.into_iter().filter(|path| !path.ends_with("tests.rs"));
        let files: Vec<PathBuf> = files.collect();
        assert!(!files.is_empty(), "optlab-{name} has no {folder}");
        let folders: BTreeSet<&str> =
            MAY_IMPORT.iter().filter(|(of, ..)| *of == name).map(|(_, folder, _)| *folder).collect();
        for path in files {
            for (line, code) in code_lines(&path) {
                for module in imported_modules(&code) {
                    seen += 1;
                    let is_ours = module == folder || !folders.contains(module.as_str());
                    if !is_ours && !allowed.contains(&module.as_str()) {
                        broken.push(format!("{}:{line}: `{folder}` imports `{module}`", shown(&path)));
                    }
                }
            }
        }
    }
    assert!(seen > 200, "only {seen} imports found: the sources are not read right");
    assert_none(&broken);
}

#[test]
fn features_are_asked_for_in_few_files() {
    let mut asking = BTreeSet::new();
    for path in sources() {
        let asks = |code: &str| {
            let is_condition =
                ["#[cfg", "#![cfg", "cfg!(", "all(", "any("].iter().any(|start| code.contains(start));
            is_condition && code.contains("feature =")
        };
        if code_lines(&path).iter().any(|(_, code)| asks(code)) {
            asking.insert(shown(&path));
        }
    }
    assert_eq!(asking, MAY_ASK_FOR_FEATURES.map(String::from).into_iter().collect());
}

#[test]
fn only_the_module_for_output_prints() {
    let prints = ["print!(", "println!(", "dbg!(", "::stdout", "::stderr", "error.print()"];
    assert_eq!(files_with(&prints), ["src/cli/output.rs"]);
}

#[test]
fn only_the_module_for_signals_handles_them() {
    assert_eq!(files_with(&["signal_hook", "ctrlc"]), ["crates/optlab-compare/src/run/signals.rs"]);
}

#[test]
fn files_of_users_are_opened_in_one_place_that_checks_their_kind_and_size() {
    let opens = ["fs::read(", "fs::read_to_string(", "File::open(", "from_path("];
    let mut broken = Vec::new();
    let is_checked = |path: &PathBuf| {
        let is_of_tests =
            path.components().any(|part| part.as_os_str() == "tests") || path.starts_with(torture());
        !path.ends_with("bounded_file.rs") && !is_of_tests
    };
    for path in sources().into_iter().filter(is_checked) {
        for (number, line) in code_lines(&path) {
            // The kernel's own files, and a folder that is flushed to the disk.
            let is_ours = ["\"/proc/", "schedstat", "sync_all()"].iter().any(|part| line.contains(part));
            if opens.iter().any(|open| line.contains(open)) && !is_ours {
                broken.push(format!("{}:{number}: {line}", shown(&path)));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    let mut broken = Vec::new();
    let mut check = |path: &Path, lines: usize, limit: usize| {
        if lines > limit {
            broken.push(format!("{}: {lines} lines without its tests; the limit is {limit}", shown(path)));
        }
    };
    for path in sources() {
        let is_main = path.ends_with("src/main.rs");
        check(
            &path,
            without_tests(&path).lines().count(),
            if is_main { LONGEST_MAIN } else { LONGEST_SOURCE },
        );
    }
    for path in rust_files(&root().join("examples")) {
        check(&path, fs::read_to_string(&path).unwrap().lines().count(), LONGEST_EXAMPLE);
    }
    assert_none(&broken);
}

#[test]
fn comments_are_as_narrow_as_code() {
    let mut broken = Vec::new();
    let folders = ["src", "crates", "tests", "benches", "examples"];
    for path in folders.iter().flat_map(|folder| rust_files(&root().join(folder))) {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let text = line.trim_start();
            let is_row_of_a_table = text.trim_start_matches(['/', '!']).trim_start().starts_with('|');
            if text.starts_with("//") && !is_row_of_a_table && line.chars().count() > WIDEST_COMMENT {
                broken.push(format!("{}:{}: {} columns", shown(&path), number + 1, line.chars().count()));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut broken = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        if !text.lines().take(3).any(|line| line.starts_with("//!")) {
            broken.push(format!("{}: no `//!` line", shown(&path)));
        }
    }
    assert_none(&broken);
}

#[test]
fn this_test_reads_every_form_of_an_import() {
    for (code, expected) in [
        ("use crate::data::{self, Batches, split::Split};", vec!["data"]),
        ("use crate::{model, optim::*, Error};", vec!["model", "optim", "Error"]),
        ("fn f() -> crate::train::Trial { $crate::data::load() }", vec!["train"]),
        ("pub(crate) struct S; use super::own;", vec![]),
        ("use crate::last; let x = crate::first::x;", vec!["last", "first"]),
    ] {
        assert_eq!(imported_modules(code), expected, "{code}");
    }
}

/// The names of the crates that a crate of this workspace depends on, without those of its tests.
fn dependencies(name: &str) -> BTreeSet<String> {
    let folder = if name == "optlab" { root().into() } else { root().join("crates").join(name) };
    let manifest: toml::Table =
        fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().expect("a manifest in TOML");
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

/// The first names after `crate::` in a line of code.
fn imported_modules(code: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c == '$' || c.is_alphanumeric() || c == '_') {
            continue;
        }
        let after = &code[at + "crate::".len()..];
        match after.strip_prefix('{') {
            None => modules.push(name(after)),
            Some(list) => {
                let mut depth = 0;
                let is_end = |c: char| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth < 0 || depth == 0 && c == ','
                };
                let names = list.split(is_end).map(|item| name(item.trim()));
                modules.extend(names.take_while(|name| !name.is_empty()));
            }
        }
    }
    modules
}

/// The sources with one of these texts in their code. Files that print the numbers of simulations and timings
/// are of tests only.
fn files_with(texts: &[&str]) -> Vec<String> {
    let is_of_tests = |path: &Path| {
        path.ends_with("simulations.rs") || path.ends_with("timings.rs") || path.starts_with(torture())
    };
    let has_one = |(_, code): &(usize, String)| texts.iter().any(|text| code.contains(text));
    let files = sources().into_iter().filter(|path| !is_of_tests(path));
    files.filter(|path| code_lines(path).iter().any(has_one)).map(|path| shown(&path)).collect()
}

/// The folder of the program that makes trouble: what it reads and prints is no user's.
fn torture() -> PathBuf {
    root().join("crates/optlab-torture")
}

/// The lines of a file that are neither comments nor tests, with their numbers.
fn code_lines(path: &Path) -> Vec<(usize, String)> {
    let text = without_tests(path);
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim().to_string()));
    lines.filter(|(_, line)| !line.starts_with("//")).collect()
}

/// A file up to its test module, which is the last of it.
fn without_tests(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let tests = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..tests].to_string()
}

/// The files of the program and of its crates, without files of tests.
fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let folders = crates.map(|folder| folder.unwrap().path().join("src")).chain([root().join("src")]);
    let files = folders.flat_map(|folder| rust_files(&folder));
    files.filter(|path| !path.ends_with("tests.rs")).collect()
}

/// The Rust files at or below a path.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return path
            .extension()
            .filter(|extension| *extension == "rs")
            .map(|_| path.into())
            .into_iter()
            .collect();
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flat_map(|entry| rust_files(&entry.unwrap().path())).collect();
    files.sort();
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
