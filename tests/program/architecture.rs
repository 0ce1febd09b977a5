//! The tree keeps its shape: who may import whom, where features are asked for, and how long a file may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each folder or top-level file of `src/` may import of the others. An entry with a path allows that path alone.
///
/// `lib.rs` and `main.rs` are not in the table: the first lists the modules, the second starts the command line.
const MAY_IMPORT: [(&str, &[&str]); 25] = [
    ("error", &[]),
    ("atomic_file", &["error"]),
    ("checksum", &[]),
    ("json_file", &["error", "atomic_file"]),
    ("random", &[]),
    ("range", &["error"]),
    ("spec", &["error"]),
    ("device", &["error"]),
    ("data", &["error", "checksum", "random"]),
    ("kernel", &[]),
    ("nn", &["kernel"]),
    ("model", &["error", "nn", "random"]),
    ("optim", &["error", "spec", "range", "kernel"]),
    ("schedule", &["error", "spec", "range"]),
    ("statistics", &["error", "random", "range"]),
    ("search", &["error", "random", "range", "spec", "statistics"]),
    ("bench", &["error", "device", "optim", "statistics"]),
    ("verify", &["error", "json_file", "optim", "schedule"]),
    ("workload", &["error", "random", "data", "model", "nn"]),
    (
        "train",
        &[
            "error",
            "checksum",
            "json_file",
            "random",
            "range",
            "device",
            "data",
            "nn",
            "optim",
            "schedule",
            "workload",
        ],
    ),
    (
        "compare",
        &[
            "error",
            "atomic_file",
            "checksum",
            "json_file",
            "spec",
            "train",
            "device",
            "optim",
            "schedule",
            "search",
            "statistics",
            "data::Augmentation",
        ],
    ),
    ("tune", &["error", "compare", "search", "train"]),
    // What the trainer measured reaches a report through `compare`, which reads it from disk.
    ("chart", &[]),
    ("report", &["error", "atomic_file", "chart", "compare", "statistics"]),
    ("cli", &[EVERYTHING]),
];

const EVERYTHING: &str = "*";

/// What `lib.rs` lifts to the crate's root that is none of our modules: what Burn's derives expand to.
const LIFTED_FROM_BURN: [&str; 3] = ["RecordState", "StateSink", "StateSource"];

const LONGEST_SOURCE: usize = 400;
const LONGEST_MAIN: usize = 59;
const LONGEST_EXAMPLE: usize = 79;

#[test]
fn every_import_is_one_that_the_table_allows() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for source in sources() {
        let owner = source.owner();
        if owner == "lib" || owner == "main" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == owner) else {
            broken.push(format!("{}: `{owner}` has no row in MAY_IMPORT", source.path.display()));
            continue;
        };
        for import in imports(&source.code, &source.module()) {
            seen += 1;
            if !is_allowed(&owner, allowed, &import.path) {
                let rule = match allowed.join(", ") {
                    nothing if nothing.is_empty() => "may import nothing".into(),
                    allowed => format!("may import only {allowed}"),
                };
                broken.push(format!(
                    "{}:{}: `{owner}` imports `{}`, but {rule}",
                    source.path.display(),
                    import.line,
                    import.path
                ));
            }
        }
    }
    assert!(seen > 100, "only {seen} imports found: the sources are not read right");
    assert_none(&broken);
}

#[test]
fn the_root_lifts_nothing_but_the_error_and_what_burn_derives_need() {
    let root = sources().into_iter().find(|source| source.owner() == "lib").unwrap();
    let lifted: BTreeSet<String> = root
        .code
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub")?.split_once("use ").map(|(_, path)| path))
        .flat_map(|path| {
            let mut paths = Vec::new();
            expand(&tokens(path, 1), &mut 0, "", 1, &mut paths);
            paths.into_iter().map(|import| import.path)
        })
        .collect();
    let burn = LIFTED_FROM_BURN.map(|name| format!("burn::optim::{name}"));
    let expected = burn.into_iter().chain(["error::Error".into()]).collect();
    assert_eq!(lifted, expected, "src/lib.rs lifts other names to the root than this test knows");
}

#[test]
fn features_are_asked_for_in_three_files() {
    let mut broken = Vec::new();
    let may_ask = ["src/device.rs", "src/kernel/buffer.rs", "src/kernel/host_backend.rs"].map(PathBuf::from);
    for source in sources().into_iter().filter(|source| !may_ask.contains(&source.path)) {
        for line in lines_that_ask_for_a_feature(&without_text(&source.text)) {
            broken.push(format!(
                "{}:{line}: asks for a cargo feature, which only src/device.rs and two files of src/kernel may",
                source.path.display()
            ));
        }
    }
    assert_none(&broken);
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    let mut broken = Vec::new();
    for source in sources() {
        let limit = if source.owner() == "main" { LONGEST_MAIN } else { LONGEST_SOURCE };
        // Cutting leaves empty lines behind, so what counts are the lines that were not inside of a test module.
        let cut = source.text.lines().zip(source.code.lines());
        let lines = source.text.lines().count() - cut.filter(|(_, code)| code.trim() == CUT).count();
        if lines > limit {
            let path = source.path.display();
            broken.push(format!("{path}: {lines} lines without its tests; the limit is {limit}"));
        }
    }
    for path in rust_files(&root().join("examples")) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LONGEST_EXAMPLE {
            let path = path.strip_prefix(root()).unwrap().display();
            broken.push(format!("{path}: {lines} lines; the limit is {LONGEST_EXAMPLE}"));
        }
    }
    assert_none(&broken);
}

#[test]
fn this_test_reads_every_form_of_an_import() {
    let code = r#"
        use crate::data::{self, Batches, split::{Split, Part as P}};
        use crate::{model, optim::*};
        // use crate::comment::Only;
        /* use crate::comment::Too; /* nested */ */
        fn f() -> crate::train::Trial { $crate::data::load("crate::string") }
        const RAW: &str = r"crate::raw";
        use super::super::super::schedule::Schedule;
        use super::super::own; use crate::Error;
        pub(in crate) struct S<'a>(&'a str, char = '"');
        #[cfg(test)]
        mod tests {
            use crate::only::in_tests;
            fn braces() { let _ = "}"; }
        }
        use crate::last;
    "#;
    let module = ["train", "inner", "file"].map(String::from);
    let found: Vec<(usize, String)> = imports(&without_tests(&without_text(code)), &module)
        .into_iter()
        .map(|import| (import.line, import.path))
        .collect();
    let expected = [
        (2, "data"),
        (2, "data::Batches"),
        (2, "data::split::Split"),
        (2, "data::split::Part"),
        (3, "model"),
        (3, "optim::*"),
        (6, "train::Trial"),
        (6, "data::load"),
        (8, "schedule::Schedule"),
        (9, "error::Error"),
        (16, "last"),
    ];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_string())));
}

#[test]
fn this_test_finds_features_in_attributes_and_macros_but_not_in_text() {
    let code = "#[cfg(all(unix,\n feature = \"a\"))]\nif cfg!(feature = \"b\") {}\n// #[cfg(feature = \"c\")]\nlet feature = 1;";
    assert_eq!(lines_that_ask_for_a_feature(&without_text(code)), [1, 3]);
}

fn is_allowed(owner: &str, allowed: &[&str], path: &str) -> bool {
    let first = path.split("::").next().unwrap_or_default();
    let starts_with =
        |entry: &str| path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    first == owner
        || LIFTED_FROM_BURN.contains(&path)
        || allowed.iter().any(|entry| *entry == EVERYTHING || starts_with(entry))
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of `src/` that is in the program and not only in its tests.
struct Source {
    /// From the repository's root.
    path: PathBuf,
    text: String,
    /// `text` without comments, strings and test modules; every line in its place.
    code: String,
}

impl Source {
    /// The names of its modules from the crate's root.
    fn module(&self) -> Vec<String> {
        let path = self.path.strip_prefix("src").unwrap().with_extension("");
        let names = path.iter().map(|name| name.to_str().unwrap().to_string());
        names.filter(|name| name != "mod").collect()
    }

    fn owner(&self) -> String {
        self.module().swap_remove(0)
    }
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut test_files = BTreeSet::new();
    for path in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let code = without_text(&text);
        let stem = path.file_stem().unwrap();
        let folder = match stem == "mod" || stem == "lib" || stem == "main" {
            true => path.parent().unwrap().to_path_buf(),
            false => path.with_extension(""),
        };
        for name in test_modules_in_files(&code) {
            test_files.insert(folder.join(&name).with_extension("rs"));
            test_files.insert(folder.join(&name).join("mod.rs"));
        }
        sources.push((path, text, without_tests(&code)));
    }
    sources.retain(|(path, ..)| !test_files.contains(path));
    let relative = |path: PathBuf| path.strip_prefix(root()).unwrap().to_path_buf();
    sources.into_iter().map(|(path, text, code)| Source { path: relative(path), text, code }).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `text` with comments and the insides of strings and characters blanked, every line in its place.
fn without_text(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let at = |i: usize| bytes.get(i).copied().unwrap_or('\0');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut i = 0;
    while i < bytes.len() {
        let begin = i;
        match (at(i), at(i + 1)) {
            ('/', '/') => {
                while i < bytes.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= bytes.len() {
                        break;
                    }
                }
            }
            ('r', '"' | '#') if i == 0 || !is_name(at(i - 1)) || at(i - 1) == 'b' => {
                let hashes = (i + 1..).take_while(|&j| at(j) == '#').count();
                i += 1 + hashes;
                if at(i) == '"' {
                    let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
                    i += 1;
                    while i < bytes.len() && !bytes[i..].starts_with(&end) {
                        i += 1;
                    }
                    i += end.len();
                }
            }
            ('"', _) => {
                i += 1;
                while i < bytes.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            // A character, not a lifetime.
            ('\'', '\\') => {
                i += 3;
                while i < bytes.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (c, _) => {
                out.push(c);
                i += 1;
                continue;
            }
        }
        // A space keeps `a/**/b` two names; the lines stay where they are.
        out.push(' ');
        out.extend(bytes[begin..i.min(bytes.len())].iter().filter(|c| **c == '\n'));
    }
    out
}

/// What a line that was inside of a test module becomes.
const CUT: &str = "\u{0}";

/// Where items under `#[cfg(test)]` are in `code`, from the attribute to the end of the item.
fn test_items(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(begin) = code[from..].find("#[cfg(").map(|at| from + at) {
        let attribute = begin..begin + code[begin..].find(']').unwrap_or(code.len() - begin);
        from = attribute.end;
        let condition: String = code[attribute].chars().filter(|c| !c.is_whitespace()).collect();
        let asks_for_tests = condition == "#[cfg(test)" || condition.starts_with("#[cfg(all(test,");
        if !asks_for_tests {
            continue;
        }
        let mut depth = 0;
        for (at, c) in code[from..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && (c == '}' || c == ';') {
                from += at + 1;
                break;
            }
        }
        items.push(begin..from);
    }
    items
}

/// `code` without what is only compiled for tests; its lines become [`CUT`].
fn without_tests(code: &str) -> String {
    let mut out = code.to_string();
    for item in test_items(code).into_iter().rev() {
        let lines = code[item.clone()].matches('\n').count();
        out.replace_range(item, &vec![CUT; lines + 1].join("\n"));
    }
    out
}

/// The names in `#[cfg(test)] mod name;`.
fn test_modules_in_files(code: &str) -> Vec<String> {
    let items = test_items(code).into_iter().map(|item| &code[item]);
    let module = |item: &str| {
        let (_, declaration) = item.split_once("mod ")?;
        Some(declaration.strip_suffix(';')?.trim().to_string())
    };
    items.filter_map(module).collect()
}

/// The lines of `cfg(…)`, `cfg!(…)` and `cfg_attr(…)` that ask for a feature, of code without comments and strings.
fn lines_that_ask_for_a_feature(code: &str) -> Vec<usize> {
    let tokens = tokens(code, 1);
    let mut lines = Vec::new();
    for (i, (line, token)) in tokens.iter().enumerate() {
        if token != "cfg" && token != "cfg_attr" {
            continue;
        }
        let open = i + 1 + usize::from(tokens.get(i + 1).is_some_and(|(_, token)| token == "!"));
        if tokens.get(open).is_none_or(|(_, token)| token != "(") {
            continue;
        }
        let mut depth = 0;
        for (_, token) in &tokens[open..] {
            match token.as_str() {
                "(" => depth += 1,
                ")" => depth -= 1,
                "feature" => lines.push(*line),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    lines
}

/// A path of this crate that some code names.
struct Import {
    line: usize,
    /// From the crate's root, without `crate::`.
    path: String,
}

/// Every path in `code` that begins at the crate's root, of the file that is the module `module`.
fn imports(code: &str, module: &[String]) -> Vec<Import> {
    let tokens = tokens(code, 1);
    let is = |at: usize, expected: &str| tokens.get(at).is_some_and(|(_, token)| token == expected);
    let mut imports = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let line = tokens[i].0;
        let mut supers = 0;
        if is(i, "crate") && is(i + 1, "::") {
            i += 2;
        } else if is(i, "super") {
            while is(i, "super") && is(i + 1, "::") {
                (supers, i) = (supers + 1, i + 2);
            }
            // Below the folder's own module it is the folder's own business.
            if supers < module.len() {
                i += usize::from(supers == 0);
                continue;
            }
        } else {
            i += 1;
            continue;
        }
        expand(&tokens, &mut i, "", line, &mut imports);
    }
    imports
}

/// Reads one tree of a `use`, or one path, at `tokens[*i]`, and adds each of its leaves.
fn expand(tokens: &[(usize, String)], i: &mut usize, prefix: &str, line: usize, out: &mut Vec<Import>) {
    let is = |at: usize, expected: &str| tokens.get(at).is_some_and(|(_, token)| token == expected);
    let mut path = prefix.to_string();
    while let Some((_, token)) = tokens.get(*i) {
        if token == "{" {
            *i += 1;
            while *i < tokens.len() && !is(*i, "}") {
                expand(tokens, i, &path, line, out);
                if is(*i, "as") {
                    *i += 2;
                }
                *i += usize::from(is(*i, ","));
            }
            *i += 1;
            return;
        }
        *i += 1;
        if token != "self" {
            if !path.is_empty() {
                path.push_str("::");
            }
            path.push_str(token);
        }
        if !is(*i, "::") {
            break;
        }
        *i += 1;
        // `Vec::<T>::new` ends where its type arguments begin.
        if is(*i, "<") {
            break;
        }
    }
    // The root lifts the error.
    let path = if path == "Error" { "error::Error".into() } else { path };
    out.push(Import { line, path });
}

/// Names, `::` and single other characters of `code`, each with its line, the first being `line`.
fn tokens(code: &str, mut line: usize) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for c in code.chars() {
        let is_name = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some((_, last)) if is_name && continues => last.push(c),
            Some((_, last)) if c == ':' && last == ":" => last.push(c),
            _ if !c.is_whitespace() => tokens.push((line, c.to_string())),
            _ => {}
        }
        continues = is_name;
        line += usize::from(c == '\n');
    }
    tokens
}
