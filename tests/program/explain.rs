//! `optlab explain` as a user runs it: files, bytes, and mistakes.

use crate::program::{fails, succeeds, text};
use optlab::explain::MethodSpec;
use std::path::Path;
use std::process::Command;

/// Trains `workload` briefly to the folder `run`.
fn train(folder: &Path, workload: &str) {
    succeeds(folder, &["train", workload, "--epochs", "1", "--output", "run"]);
}

#[test]
fn the_same_seed_gives_the_same_files_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, "digits-cnn");
    let arguments = ["explain", "run", "--surest", "1", "--method", "integrated_gradients:steps=40"];
    let more = ["--method", "kernel_shap:samples=200", "--method", "smooth_grad", "--method", "grad_cam"];
    for (threads, output) in [("1", "one"), ("3", "three")] {
        let ran = Command::new(env!("CARGO_BIN_EXE_optlab"))
            .current_dir(folder)
            .args(arguments)
            .args(more)
            .args(["--seed", "5", "--output", output])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", text(&ran.stderr));
    }
    let files = |name: &str| {
        let entries = std::fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
        files.sort();
        files
    };
    let (one, three) = (files("one"), files("three"));
    assert_eq!(one.len(), 6, "four pictures, the numbers and the page");
    assert!(one == three, "the files differ");

    let data: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("one/explanations.json")).unwrap()).unwrap();
    let first = &data["explanations"][0];
    assert_eq!(first["method"], "integrated_gradients:steps=40");
    assert_eq!(first["values"].as_array().unwrap().len(), 64);
    assert!(first["completeness_gap"].as_f64().unwrap() < 0.01, "{}", first["completeness_gap"]);
    let picture = folder.join("one").join(first["picture"].as_str().unwrap());
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(picture).unwrap()));
    let reader = decoder.read_info().unwrap();
    assert_eq!(reader.info().size(), (2 * 256 + 16, 256));
    // A second call replaces the files; the run and other folders are refused.
    succeeds(folder, &["explain", "run", "--examples", "0", "--output", "one"]);
    for (output, named) in [("run", "run holds something else"), (".", "holds something else")] {
        let error = fails(folder, &["explain", "run", "--output", output], 2);
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn names_of_columns_and_categories_are_escaped_in_the_page_and_columns_are_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut csv = String::from("a<b>,city,y\n");
    for i in 0..60 {
        let city = ["<i>x</i>", "B & C", "D"][i % 3];
        csv += &format!("{},{city},{}\n", i * 7 % 11, i * 7 % 11 + 5 * (i % 3));
    }
    std::fs::write(folder.join("t.csv"), csv).unwrap();
    std::fs::write(
        folder.join("t.toml"),
        "[data]\ncsv = \"t.csv\"\ntarget = \"y\"\n[model]\nlinear = true\n",
    )
    .unwrap();
    train(folder, "t.toml");
    std::fs::write(folder.join("new.csv"), "city,a<b>\nD,3\n").unwrap();
    let said = succeeds(folder, &["explain", "run", "new.csv", "--output", "out"]);
    assert!(said.contains("new.csv:2: predicted y"), "{said}");
    // The three features of the column are one row, whose value is its category.
    let row = said.lines().find(|line| line.trim_start().starts_with("city")).unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some("D"), "{said}");
    succeeds(folder, &["explain", "run", "--global", "20", "--examples", "0,1", "--output", "out"]);
    let page = std::fs::read_to_string(folder.join("out/index.html")).unwrap();
    assert!(page.contains("a&lt;b&gt;") && !page.contains("<i>x"), "{page}");
    assert!(page.contains("Importance over 20 examples") || page.contains("Importance over 12 examples"));
}

#[test]
fn a_mistake_in_an_argument_of_explain_is_one_line_that_names_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, "diabetes-linear");
    for (arguments, expected) in [
        (vec!["--method", "shap"], "unknown method `shap`"),
        (vec!["--method", "grad_cam"], "grad_cam is for pictures"),
        (vec!["--of", "bmi"], "unknown target `bmi`; known: target"),
        (
            vec!["--examples", "88"],
            "explain: `examples` must be below 88, the examples of the test part, not 88",
        ),
        (vec!["--examples", "3-1"], "neither a number from 0 nor a range"),
        (vec!["--part", "dev"], "must be train, validation or test"),
        (vec!["--probability"], "explain: `probability` must be false for a model without probabilities"),
        (vec!["--global", "0"], "explain: `global` must be at least 1"),
        (vec!["--seed", "9999999999999999999"], "explain: `seed` must be at most"),
        (vec!["a.csv", "--surest", "1"], "cannot be used with"),
    ] {
        let error = fails(folder, &[&["explain", "run"], &arguments[..]].concat(), 2);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    let error = fails(folder, &["explain", "missing"], 1);
    assert!(error.contains("missing: no such folder"), "{error}");
}

#[test]
fn the_page_on_explanations_has_every_method_and_so_has_the_list() {
    let page = include_str!("../../docs/explaining.md");
    let folder = tempfile::tempdir().unwrap();
    let list = succeeds(folder.path(), &["list", "explanations"]);
    for name in MethodSpec::NAMES {
        assert!(page.contains(&format!("| `{name}` |")), "no row of {name}");
        assert!(list.contains(name), "{list}");
    }
}
