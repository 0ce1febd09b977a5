//! Mistakes in a problem's file, its data and its arguments: one line, exit code 2 or 1, nothing half
//! written.

use super::write_flats;
use crate::program::{optlab, text};
use std::path::Path;

/// Runs `train` on a problem with this content, and returns its line of error and its exit code.
fn refused(folder: &Path, toml: &str) -> (String, i32) {
    std::fs::write(folder.join("wrong.toml"), toml).unwrap();
    let output = optlab(folder, &["train", "wrong.toml", "--epochs", "1", "--output", "run"]);
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{toml}: {said}");
    assert!(said.starts_with("error: "), "{toml}: {said}");
    assert!(!folder.join("run").exists(), "{toml}: a folder was left");
    (said, output.status.code().unwrap())
}

#[test]
fn a_mistake_in_a_problems_file_names_key_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_flats(folder);
    let data = "[data]\ncsv = \"flats.csv\"\ntarget = \"rent\"\n";
    for (toml, expected) in [
        ("name = ", "wrong.toml: line 1"),
        ("nam = \"x\"", "did you mean `name`?"),
        ("name = \"x\"", "`data` must be a table"),
        ("[data]\ntarget = \"rent\"", "exactly one source: csv, parquet, images, npz, text, set"),
        ("[data]\ncsv = \"flats.csv\"\nimages = \"x\"", "not csv and images"),
        (
            "[data]\ncsv = \"flats.csv\"",
            "`data.target` must be the column to predict, one of size, rooms, city, rent",
        ),
        ("[data]\ncsv = \"flats.csv\"\ntarget = \"rents\"", "did you mean `rent`?"),
        ("[data]\ncsv = \"flats.csv\"\ntarget = \"rent\"\ntest = 1.5", "in [0, 1)"),
        ("[data]\ncsv = \"flats.csv\"\ntarget = \"rent\"\ntets = 0.1", "did you mean `test`?"),
        (&format!("task = \"guess\"\n{data}"), "regression, classification or multi_label"),
        (&format!("loss = \"cross_entropy\"\ntask = \"regression\"\n{data}"), "does not fit 1 number"),
        (&format!("measures = [\"accuracy\"]\n{data}"), "measure `accuracy` does not fit"),
        (&format!("batch_size = 0\n{data}"), "`batch_size` must be at least 1"),
        (&format!("goal = nan\n{data}"), "`goal` must be a number, not NaN or infinite"),
        ("data = 3", "`data` must be a table with the source of the data, not 3"),
        ("epochs = 2\nepochs = 3\n", "line 2: duplicate key"),
        ("[data]\nnpz = \"x.npz\"\ntime = \"t\"", "`data.time` is not for `npz`"),
        ("[data]\nset = \"digits\"\ntest = 0.3", "`data.test` is not for `set`"),
        ("[data]\ntext = \"x.txt\"\nstandardize = true", "`data.standardize` is not for `text`"),
        (&format!("{data}size = 8"), "`data.size` is not for `csv`"),
        (&format!("{data}exclude = [\"rent\"]"), "`exclude` must be columns other than the target"),
        (&format!("{data}[model]\nmpl = [3]"), "mlp"),
        (&format!("{data}[model]\nmlp = [0]"), "`mlp`"),
        (&format!("{data}[model]\ncnn = [3]"), "images"),
    ] {
        let (said, code) = refused(folder, toml);
        assert!(said.contains(expected), "{toml}\nsaid {said}\nnot {expected}");
        assert_eq!(code, 2, "{toml}: {said}");
    }
}

#[test]
fn damaged_data_are_named_by_file_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows: Vec<String> =
        (0..60).map(|i| format!("{i},{},{}", i * 2, if i % 2 == 0 { "a" } else { "b" })).collect();
    let mut write = |line: usize, row: &str| {
        let before = std::mem::replace(&mut rows[line], row.into());
        std::fs::write(folder.join("data.csv"), format!("x,y,class\n{}\n", rows.join("\n"))).unwrap();
        rows[line] = before;
    };
    for (row, target, expected) in [
        ("5,oops,a", "y", "data.csv: row 7, column `y`"),
        ("5,10", "y", "data.csv: row 7"),
        ("5,,a", "y", "row 7, column `y`: the target is missing in 1 of 60 rows"),
        ("5,inf,a", "y", "data.csv: row 7, column `y`"),
    ] {
        write(5, row);
        let (said, _) = refused(folder, &format!("[data]\ncsv = \"data.csv\"\ntarget = \"{target}\""));
        assert!(said.contains(expected), "{row}: {said}");
    }
    std::fs::write(folder.join("data.csv"), "x,y\n1,5\n2,5\n3,5\n").unwrap();
    let (said, _) = refused(folder, "[data]\ncsv = \"data.csv\"\ntarget = \"y\"");
    assert!(said.contains("data.csv") && said.contains('y'), "{said}");
    for (file, content) in [("data.csv", ""), ("data.csv", "x,y\n")] {
        std::fs::write(folder.join(file), content).unwrap();
        let (said, _) = refused(folder, "[data]\ncsv = \"data.csv\"\ntarget = \"y\"");
        assert!(said.contains("data.csv"), "{said}");
    }
    let (said, _) = refused(folder, "[data]\ncsv = \"nowhere.csv\"\ntarget = \"y\"");
    assert!(said.contains("nowhere.csv"), "{said}");
}

#[test]
fn damaged_pictures_are_named_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let toml = "[data]\nimages = \"pictures\"\n";
    assert!(refused(folder, toml).0.contains("pictures"));
    std::fs::create_dir_all(folder.join("pictures/a")).unwrap();
    std::fs::create_dir_all(folder.join("pictures/b")).unwrap();
    assert!(refused(folder, toml).0.contains("pictures"));
    for file in ["a/1.png", "a/2.png", "b/1.png", "b/2.png"] {
        std::fs::write(folder.join("pictures").join(file), "no picture").unwrap();
    }
    let (said, code) = refused(folder, toml);
    assert!(said.contains("1.png") && code == 1, "{said}");
}

#[test]
fn a_data_file_without_a_target_and_a_missing_problem_say_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_flats(folder);
    for (arguments, expected) in [
        (&["train", "flats.csv"][..], "flats.csv holds data: name the column to predict with --target"),
        (&["recommend", "flats.csv", "--budget", "1s"], "name the column to predict with --target"),
        (&["train", "nowhere.toml"], "nowhere.toml: no such file"),
        (&["train", "nowhere.csv", "--target", "x"], "nowhere.csv: no such file"),
        (&["train", "digits-cnn", "--target", "x"], "--target is for a data file"),
        (&["train", "flats.csv", "--target", "rents"], "did you mean `rent`?"),
        (&["train", "digits-cnn", "--model", "dropot=0.2"], "did you mean `dropout`?"),
        (&["train", "digits-cnn", "--model", "dropout=2"], "`dropout` must be"),
    ] {
        let output = optlab(folder, arguments);
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{arguments:?}: {said}");
    }
}
