//! The page on problems of your own has every key, loss, measure, model and field of the code; what it shows
//! runs; and `optlab list` prints the same.

use crate::program::{fails, is_empty, succeeds};
use optlab::data::table::Kind;
use optlab::model::{LayerSpec, ModelSpec};
use optlab::objective::{LossSpec, MeasureSpec};
use optlab_train::problem::SourceKind;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/own-problem.md");

/// Returns the text below a heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let (_, text) = PAGE.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    text.split("\n#").next().unwrap()
}

/// Returns the rows of the tables of a section.
fn rows(heading: &str) -> Vec<&'static str> {
    section(heading).lines().filter(|line| line.starts_with("| `")).collect()
}

/// Returns what stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Returns the names in the first cells of a section's tables.
fn names(heading: &str) -> Vec<&'static str> {
    rows(heading).into_iter().flat_map(|row| quoted(row.split('|').nth(1).unwrap())).collect()
}

/// Returns the known keys, which the error about an unknown one lists.
fn known_keys(file: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "x,y\n1,2\n").unwrap();
    std::fs::write(folder.path().join("a.toml"), file).unwrap();
    let message = fails(folder.path(), &["describe", "a.toml"], 2);
    let (_, known) = message.trim().split_once("it has: ").unwrap_or_else(|| panic!("{message}"));
    known.split(", ").map(String::from).collect()
}

fn sorted<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = list.into_iter().collect();
    list.sort();
    list
}

#[test]
fn the_page_has_a_row_for_every_key_of_a_problems_file_and_for_nothing_else() {
    let in_file = known_keys("qqqqqqqqqqqq = 1\n[data]\ncsv = \"a.csv\"\ntarget = \"y\"\n");
    let page = sorted(names("## All keys").into_iter().map(String::from));
    assert_eq!(page, sorted(in_file));
    let in_data = known_keys("[data]\ncsv = \"a.csv\"\ntarget = \"y\"\nqqqqqqqqqqqq = 1\n");
    let page = sorted(names("### `[data]`").into_iter().map(String::from));
    assert_eq!(page, sorted(in_data));
    let data = section("### `[data]`");
    for name in Kind::ALL.map(|(name, _)| name).iter().chain(&optlab::data::NAMES) {
        assert!(data.contains(&format!("`{name}`")), "no {name}");
    }
}

#[test]
fn the_page_says_which_keys_are_for_each_source() {
    let folder = tempfile::tempdir().unwrap();
    let all = names("### `[data]`");
    let rows = rows("### `[data]`");
    for (source, _) in SourceKind::ALL {
        let row = rows.iter().find(|row| quoted(row)[0] == source).unwrap();
        let on_page = quoted(row.split('|').nth(3).unwrap());
        // Each key alone is refused for the source or not; whether its value is right does not matter.
        let is_for = |key: &&&str| {
            let file = format!("[data]\n{source} = \"there\"\n{key} = [[]]\n");
            std::fs::write(folder.path().join("a.toml"), file).unwrap();
            !fails(folder.path(), &["describe", "a.toml"], 2).contains("is not for")
        };
        let keys: Vec<&str> =
            all.iter().filter(|key| !SourceKind::ALL.iter().any(|(s, _)| s == *key)).copied().collect();
        let of_tables = [
            "delimiter",
            "decimal",
            "header",
            "missing",
            "day_first",
            "columns",
            "max_one_hot",
            "drop_missing_target",
            "exclude",
        ];
        let expected: Vec<&str> = match source {
            "csv" => [&on_page[..], &of_tables].concat(),
            "parquet" => ["target", "test", "time", "group"].into_iter().chain(of_tables).collect(),
            _ => on_page,
        };
        let fitting: Vec<&str> = keys.iter().filter(is_for).copied().collect();
        assert_eq!(sorted(fitting), sorted(expected), "{source}");
    }
}

#[test]
fn the_page_has_a_row_for_every_loss_and_measure_with_its_fields_and_defaults() {
    assert_eq!(names("## Losses"), LossSpec::NAMES);
    assert_eq!(names("## Measures"), MeasureSpec::NAMES);
    let losses = LossSpec::all().into_iter().map(|loss| loss.fields());
    let measures = MeasureSpec::all().into_iter().map(|measure| measure.fields());
    let rows = rows("## Losses").into_iter().chain(rows("## Measures"));
    for (row, fields) in rows.zip(losses.chain(measures)) {
        for (field, default) in fields {
            let default = default.trim_end_matches(".0");
            assert!(row.contains(&format!("`{field}` = {default}")), "no `{field}` = {default}: {row}");
        }
    }
}

#[test]
fn the_page_has_a_row_for_every_model_field_and_layer() {
    let kinds = names("## Models");
    assert_eq!(&kinds[..ModelSpec::kinds().len()], ModelSpec::kinds());
    let rows = rows("## Models");
    let fields = rows.len() - ModelSpec::fields().len();
    for (field, row) in ModelSpec::fields().iter().zip(&rows[fields..]) {
        let kinds: Vec<String> = field.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let of = if field.kinds == ModelSpec::kinds() { "all".into() } else { kinds.join(", ") };
        let default = if field.default.is_empty() { "needed".into() } else { format!("`{}`", field.default) };
        let expected =
            format!("| `{}` | {of} | {default} | {} | {} |", field.name, field.allowed, field.meaning);
        assert_eq!(*row, expected);
    }
    let layers = names("### A list of layers");
    let layers: Vec<&str> = layers.iter().map(|form| form.split(' ').next().unwrap()).collect();
    assert_eq!(layers, LayerSpec::names());
}

#[test]
fn the_list_of_layers_on_the_page_trains() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = section("### A list of layers").split_once("```toml\n").unwrap();
    std::fs::write(folder.path().join("a.toml"), text.split("```").next().unwrap()).unwrap();
    succeeds(folder.path(), &["train", "a.toml", "--steps", "2", "--output", "run"]);
}

#[test]
fn losses_measures_and_models_are_listed_with_their_fields_and_what_they_fit() {
    let folder = tempfile::tempdir().unwrap();
    let list = |what: &str| succeeds(folder.path(), &["list", what]);
    let (losses, measures, models) = (list("losses"), list("measures"), list("models"));
    for loss in LossSpec::all() {
        assert!(losses.contains(&format!("  {:<20} {}\n", loss.name(), loss.summary())), "{losses}");
        assert!(loss.fields().iter().all(|(field, _)| losses.contains(&format!("{field}="))), "{losses}");
    }
    for measure in MeasureSpec::all() {
        assert!(
            measures.contains(&format!("  {:<20} {}\n", measure.name(), measure.summary())),
            "{measures}"
        );
    }
    for field in ModelSpec::fields() {
        let (name, allowed) = (field.name, field.allowed);
        assert!(models.contains(&format!("{name}=")) && models.contains(&format!("({allowed})")), "{models}");
    }
    for (text, expected) in [
        (&losses, "for numbers; delta=1.0 in (0, ∞)"),
        (&losses, "for 2 classes; positive_weight=1.0 in (0, ∞)"),
        (&losses, "class_weights=none (none, balanced or a list of numbers in (0, ∞), one per class)"),
        (&losses, "for labels\n"),
        (&measures, "for 3 or more classes; larger is better; k=5"),
        (&measures, "for classes, labels; larger is better"),
        (&measures, "for classes; smaller is better"),
        (&models, "reads tables, sequences, texts, images"),
        (&models, "reads images\n"),
        (&models, "reads sequences, texts, images\n"),
    ] {
        assert!(text.contains(expected), "no {expected}: {text}");
    }
    let all = list("losses") + "\n" + &list("measures") + "\n" + &list("models");
    assert!(succeeds(folder.path(), &["list"]).contains(&all));
}

#[test]
fn no_command_in_the_documents_has_brackets_that_a_shell_would_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let problems =
        std::fs::read_dir(root.join("examples/problems")).unwrap().map(|entry| entry.unwrap().path());
    let files = pages.chain(problems).chain(["README.md", "CHANGELOG.md"].map(|name| root.join(name)));
    for file in files.filter(|file| file.extension().is_some_and(|e| e == "md" || e == "toml")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for given in text.split("--model ").skip(1) {
            let word = given.split_whitespace().next().unwrap_or_default();
            let is_quoted = word.starts_with(['\'', '"']);
            assert!(is_quoted || !word.contains('['), "{}: --model {word}", file.display());
        }
    }
}

#[test]
fn a_new_project_has_its_name_everywhere_and_links_to_documents_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    let optlab = env!("CARGO_MANIFEST_DIR");
    let said = succeeds(folder.path(), &["new", "flowers", "--optlab", optlab]);
    assert!(said.contains("cd flowers && cargo run"), "{said}");
    for file in ["Cargo.toml", "README.md", "src/main.rs", "tests/it_trains.rs"] {
        let text = std::fs::read_to_string(folder.path().join("flowers").join(file)).unwrap();
        assert!(text.contains("flowers") && !text.contains("own-model"), "{file}: {text}");
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(Path::new(link).exists(), "{file}: {link}");
        }
    }
    let readme = std::fs::read_to_string(folder.path().join("flowers/README.md")).unwrap();
    assert!(readme.contains("docs/own-problem.md)"), "{readme}");
}

#[test]
fn a_project_with_a_name_that_cargo_refuses_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, reason) in [
        ("fn", "is a keyword of Rust"),
        ("yield", "is a keyword of Rust"),
        ("build", "is the name of a folder that cargo makes beside the program"),
        ("deps", "is the name of a folder that cargo makes beside the program"),
        ("test", "is the name of a crate that comes with Rust"),
        ("core", "is the name of a crate that comes with Rust"),
        ("proc-macro", "is the name of a crate that comes with Rust"),
        ("optlab", "is the name of a crate that the project depends on"),
        ("optlab-train", "is the name of a crate that the project depends on"),
        ("burn", "is the name of a crate that the project depends on"),
        ("NUL", "is the name of a device on Windows"),
        ("digits-cnn", "is the name of a workload that optlab has"),
    ] {
        let message = fails(folder.path(), &["new", name], 2);
        assert_eq!(message, format!("error: new: `{name}` {reason}: choose another name\n"));
    }
    for name in ["", "1bad", "_a", "a b", "a/b", "ä", "a.b"] {
        let message = fails(folder.path(), &["new", name], 2);
        let allowed = "a letter, followed by letters, digits, `-` or `_`";
        assert_eq!(message, format!("error: new: `name` must be {allowed}, not `{name}`\n"));
    }
    assert!(is_empty(folder.path()));
}

#[test]
fn predict_and_inspect_need_the_run_alone_and_evaluate_and_resume_the_data_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows: String = (0..40).map(|i| format!("{i}.5,{}\n", 2 * i)).collect();
    std::fs::write(folder.join("a.csv"), format!("x,y\n{rows}")).unwrap();
    std::fs::write(folder.join("a.toml"), "[data]\ncsv = \"a.csv\"\ntarget = \"y\"\n").unwrap();
    succeeds(folder, &["train", "a.toml", "--steps", "2", "--output", "run"]);
    std::fs::rename(folder.join("a.csv"), folder.join("new.csv")).unwrap();
    succeeds(folder, &["predict", "run", "new.csv"]);
    succeeds(folder, &["inspect", "run"]);
    for arguments in [["evaluate", "run"].as_slice(), &["train", "--resume", "run"]] {
        let message = fails(folder, arguments, 1);
        assert!(message.contains("a.csv"), "{message}");
    }
}
