//! Problems that a file describes, through every command, as a user sees them.

mod arrays;
mod bad_input;

use crate::program::{optlab, succeeds, text};
use std::path::Path;

/// Writes a table of 120 flats whose rent is `10 · size + 50 · rooms`, plus 100 in Bonn.
fn write_flats(folder: &Path) {
    let mut csv = String::from("size;rooms;city;rent\n");
    for i in 0..120_u32 {
        let (size, rooms) = (30 + (i * 37) % 90, 1 + (i * 7) % 5);
        let city = if i % 3 == 0 { "Bonn" } else { "Köln" };
        let rent = 10 * size + 50 * rooms + if i % 3 == 0 { 100 } else { 0 };
        csv += &format!("{size};{rooms};{city};{rent}\n");
    }
    std::fs::write(folder.join("flats.csv"), csv).unwrap();
}

/// Writes the problem of the flats, with a linear model.
fn write_problem(folder: &Path) {
    write_flats(folder);
    let toml =
        "task = \"regression\"\n[data]\ncsv = \"flats.csv\"\ntarget = \"rent\"\n[model]\nlinear = true\n";
    std::fs::write(folder.join("flats.toml"), toml).unwrap();
}

/// Returns the numbers of the row that starts with `name`.
fn row(table: &str, name: &str) -> Vec<f64> {
    let line = table.lines().map(str::trim).rfind(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no row {name}:\n{table}"));
    line[name.len()..].split_whitespace().filter_map(|cell| cell.parse().ok()).collect()
}

#[test]
fn a_linear_model_of_a_csv_file_finds_the_coefficients_in_the_datas_own_units() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_problem(folder);
    let train = ["train", "flats.toml", "--optimizer", "adam:lr=0.05", "--steps", "1500", "--output", "run"];
    let said = succeeds(folder, &train);
    assert!(said.contains("96 examples for training") || said.contains("86 examples for training"), "{said}");
    let said = succeeds(folder, &["inspect", "run"]);
    assert!(said.contains("output.weight"), "{said}");
    let coefficients = &said[said.find("COEFFICIENTS").expect("coefficients")..];
    let near = |name: &str, expected: f64| {
        let given = row(coefficients, name)[0];
        assert!((given - expected).abs() < 0.5, "{name}: {given}, not {expected}\n{coefficients}");
    };
    near("size", 10.0);
    near("rooms", 50.0);
    let [bonn, koeln] = ["city = Bonn", "city = Köln"].map(|name| row(coefficients, name)[0]);
    assert!((bonn - koeln - 100.0).abs() < 1.0, "{coefficients}");

    // The run alone predicts for a table without the target, with its columns in another order.
    std::fs::remove_file(folder.join("flats.csv")).unwrap();
    std::fs::write(folder.join("new.csv"), "city,rooms,size\nBonn,3,100\nKöln,1,40\n").unwrap();
    let said = succeeds(folder, &["predict", "run", "new.csv"]);
    let rents: Vec<f64> =
        said.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert!(said.starts_with("example,rent\nnew.csv:2,"), "{said}");
    assert!((rents[0] - 1250.0).abs() < 3.0 && (rents[1] - 450.0).abs() < 3.0, "{said}");
    succeeds(folder, &["predict", "run", "new.csv", "--output", "predictions.csv"]);
    assert_eq!(std::fs::read_to_string(folder.join("predictions.csv")).unwrap(), said);
}

/// Returns the weights of ridge regression on standardized inputs and targets, in 64 bits: the solution of
/// `(2/n XᵀX + λ) w = 2/n Xᵀy`.
fn ridge(lambda: f64) -> Vec<f64> {
    let train = optlab::data::load("diabetes", &optlab::data::Source::default()).unwrap().train;
    let optlab::data::Targets::Values { values, .. } = &train.targets else { panic!("numbers") };
    let n = train.len();
    let standardized = |column: Vec<f64>| {
        let mean = column.iter().sum::<f64>() / n as f64;
        let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        column.into_iter().map(|x| (x - mean) / deviation).collect::<Vec<f64>>()
    };
    let column = |i: usize| (0..n).map(|row| f64::from(train.input(row)[i])).collect();
    let x: Vec<Vec<f64>> = (0..10).map(|i| standardized(column(i))).collect();
    let y = standardized(values.iter().map(|y| f64::from(*y)).collect());
    let mean = |a: &[f64], b: &[f64]| 2.0 / n as f64 * a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut system: Vec<Vec<f64>> = (0..10)
        .map(|i| (0..10).map(|j| mean(&x[i], &x[j]) + if i == j { lambda } else { 0.0 }).collect())
        .collect();
    let mut solution: Vec<f64> = x.iter().map(|x| mean(x, &y)).collect();
    // The matrix is positive definite, so elimination needs no pivots.
    for i in 0..10 {
        for j in (0..10).filter(|j| *j != i) {
            let factor = system[j][i] / system[i][i];
            let row = system[i].clone();
            system[j].iter_mut().zip(&row).for_each(|(entry, pivot)| *entry -= factor * pivot);
            solution[j] -= factor * solution[i];
        }
    }
    (0..10).map(|i| solution[i] / system[i][i]).collect()
}

#[test]
fn ridge_regression_by_gradient_descent_over_all_patients_reaches_the_closed_form() {
    let folder = tempfile::tempdir().unwrap();
    let problem = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/problems/ridge.toml");
    let train = [
        "train",
        problem.to_str().unwrap(),
        "--optimizer",
        "sgd:lr=0.1",
        "--l2",
        "0.1",
        "--steps",
        "1000",
        "--validation",
        "0",
        "--output",
        "run",
    ];
    succeeds(folder.path(), &train);
    let said =
        succeeds(folder.path(), &["inspect", "run", "--checkpoint", "last", "--values", "output.weight"]);
    let given: Vec<f64> = said.lines().map(|line| line.parse().unwrap()).collect();
    let expected = ridge(0.1);
    assert_eq!(given.len(), 10);
    for (given, expected) in given.iter().zip(&expected) {
        assert!((given - expected).abs() < 1e-5, "{given}, not {expected}");
    }
}

#[test]
fn y_is_2_x_on_five_points_is_found_to_six_digits() {
    let folder = tempfile::tempdir().unwrap();
    let problem = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/problems/line.toml");
    let train = [
        "train",
        problem.to_str().unwrap(),
        "--optimizer",
        "sgd:lr=0.1",
        "--steps",
        "200",
        "--validation",
        "0",
        "--output",
        "run",
    ];
    succeeds(folder.path(), &train);
    let said = succeeds(folder.path(), &["inspect", "run"]);
    let coefficients = &said[said.find("COEFFICIENTS").unwrap()..];
    assert!(
        (row(coefficients, "x")[0] - 2.0).abs() < 1e-5 && row(coefficients, "intercept")[0].abs() < 1e-4,
        "{said}"
    );
}

#[test]
fn describe_shows_columns_parts_layers_and_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_problem(folder);
    let said = succeeds(folder, &["describe", "flats.toml", "--model", "mlp=[8],dropout=0.1"]);
    for part in ["COLUMNS", "size", "number, target", "category", "PARTS", "MODEL", "dense.0", "loss mse"] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    // Features: size, rooms, two cities. A dense layer of 8 units and one output: 4·8 + 8 + 8 + 1.
    assert!(said.contains("49 trained parameters"), "{said}");
}

#[test]
fn a_data_file_with_a_target_becomes_a_problem_that_says_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_flats(folder);
    let said =
        succeeds(folder, &["train", "flats.csv", "--target", "rent", "--epochs", "1", "--output", "run"]);
    assert!(said.contains("written: flats.toml"), "{said}");
    let said = succeeds(folder, &["lr-find", "flats.toml", "--steps", "20"]);
    assert!(said.contains("flats"), "{said}");
    // The same again uses the file, and an edited one is not overwritten.
    succeeds(folder, &["describe", "flats.csv", "--target", "rent"]);
    std::fs::write(folder.join("flats.toml"), "mine").unwrap();
    let output = optlab(folder, &["describe", "flats.csv", "--target", "rent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("flats.toml exists already"));
    assert_eq!(std::fs::read_to_string(folder.join("flats.toml")).unwrap(), "mine");
}

#[test]
fn data_that_are_no_problem_leave_no_file_and_the_corrected_command_works() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_flats(folder);
    let files = || std::fs::read_dir(folder).unwrap().count();
    for (argument, target) in [("flats.csv", "rnet"), (".", "rent")] {
        let output = optlab(folder, &["describe", argument, "--target", target]);
        assert_eq!((output.status.code(), files()), (Some(2), 1), "{}", text(&output.stderr));
    }
    succeeds(folder, &["describe", "flats.csv", "--target", "rent"]);
    let written = std::fs::read_to_string(folder.join("flats.toml")).unwrap();
    // The path is relative, so the folder can move; what was taken from the data stands in comments.
    for line in ["csv = \"flats.csv\"", "task = \"regression\"", "# loss = \"mse\"", "# mlp = [64, 64]"] {
        assert!(written.lines().any(|written| written == line), "no {line} in {written}");
    }
    // With every # removed it describes the same problem.
    let (first, rest) = written.split_once('\n').unwrap();
    assert!(first.starts_with("# Lines"), "{first}");
    std::fs::write(folder.join("open.toml"), rest.replace("# ", "")).unwrap();
    let described = |file| {
        let said = succeeds(folder, &["describe", file]);
        said.split_once('\n').unwrap().1.to_string()
    };
    assert_eq!(described("open.toml"), described("flats.toml"));
}

#[test]
fn rows_without_a_target_are_left_out_of_a_written_problem_which_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let row = |i: u32| if i.is_multiple_of(10) { format!("{i},\n") } else { format!("{i},{}\n", 2 * i) };
    std::fs::write(folder.join("gaps.csv"), "x,y\n".to_string() + &(0..60).map(row).collect::<String>())
        .unwrap();
    let said = succeeds(folder, &["describe", "gaps.csv", "--target", "y"]);
    let parts = ["training", "validation", "test"].map(|part| self::row(&said, part)[0]);
    assert_eq!(parts.iter().sum::<f64>(), 54.0, "{said}");
    let written = std::fs::read_to_string(folder.join("gaps.toml")).unwrap();
    assert!(written.contains("drop_missing_target = true    # 6 of 60 rows"), "{written}");
}

#[test]
fn a_run_whose_measure_is_undefined_on_few_examples_is_evaluated_and_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // One row for validation, on which R² is 0 / 0.
    let rows: String = (0..15).map(|i| format!("{i},{}\n", 3 * i + i % 4)).collect();
    std::fs::write(folder.join("few.csv"), format!("x,y\n{rows}")).unwrap();
    succeeds(folder, &["train", "few.csv", "--target", "y", "--epochs", "2", "--output", "run"]);
    let outcome = std::fs::read_to_string(folder.join("run/outcome.json")).unwrap();
    let outcome: serde_json::Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!(outcome["best_validation"]["others"]["r2"], serde_json::Value::Null);
    succeeds(folder, &["evaluate", "run"]);
    succeeds(folder, &["inspect", "run"]);
    assert_eq!(succeeds(folder, &["predict", "run", "few.csv"]).lines().count(), 16);
    std::fs::remove_file(folder.join("run/outcome.json")).unwrap();
    succeeds(folder, &["train", "--resume", "run"]);
}

#[test]
fn a_first_measure_that_is_undefined_ends_a_run_with_its_name_and_part() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // The latest rows, which are held out, have one class.
    let rows: String =
        (0..60).map(|i| format!("{i},{}\n", if i < 40 && i % 2 == 0 { "a" } else { "b" })).collect();
    std::fs::write(folder.join("late.csv"), format!("t,y\n{rows}")).unwrap();
    let toml = "measures = [\"auc\"]\n[data]\ncsv = \"late.csv\"\ntarget = \"y\"\ntime = \"t\"\n";
    std::fs::write(folder.join("late.toml"), toml).unwrap();
    let output = optlab(folder, &["train", "late.toml", "--epochs", "2", "--output", "run"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("measure `auc` is not defined on the") && said.contains("validation part"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn models_of_a_problem_are_arms_that_a_comparison_resumes_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_problem(folder);
    let compare = [
        "compare",
        "flats.toml",
        "--optimizers",
        "adam:lr=0.01",
        "--model",
        "linear",
        "--model",
        "mlp=[8],dropout=0.2",
        "--seeds",
        "2",
        "--epochs",
        "2",
        "--output",
        "out",
    ];
    let said = succeeds(folder, &compare);
    assert!(
        said.contains("adam:lr=0.01 · linear") && said.contains("adam:lr=0.01 · mlp=[8],dropout=0.2"),
        "{said}"
    );
    let trials = succeeds(folder, &["list", "trials", "out"]);
    assert_eq!(trials.lines().filter(|line| line.contains("completed")).count(), 4, "{trials}");
    // From its folder alone, wherever it is called from.
    std::fs::create_dir(folder.join("elsewhere")).unwrap();
    let said = succeeds(&folder.join("elsewhere"), &["compare", "../out"]);
    assert!(said.contains("flats"), "{said}");
    succeeds(&folder.join("elsewhere"), &["report", "../out"]);
}

#[test]
fn a_search_varies_settings_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plan = r#"
        workloads = ["digits-rnn"]
        epochs = 1
        seeds = 1
        [tuning]
        trials = 2
        [[arms]]
        optimizer = "adam"
        model = "mlp=[16]"
        space = "lr=log(1e-3,1e-2),model.dropout=uniform(0.1,0.5)"
    "#;
    std::fs::write(folder.join("plan.toml"), plan).unwrap();
    succeeds(folder, &["compare", "plan.toml", "--output", "out"]);
    let trials = std::fs::read_to_string(folder.join("out/trials.jsonl")).unwrap();
    let models: Vec<serde_json::Value> = trials
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|entry| entry.pointer("/trial/model").or(entry.get("model")).cloned().unwrap_or_default())
        .collect();
    assert_eq!(models.len(), 3, "{trials}");
    for model in &models {
        let dropout = model["dropout"].as_f64().unwrap();
        assert!((0.1..=0.5).contains(&dropout) && model["mlp"] == serde_json::json!([16]), "{model}");
    }
    assert_ne!(models[0], models[1]);
}

#[test]
fn predictions_with_a_hinge_are_the_classes_that_evaluation_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let class = |i: u32| if (i * 7) % 20 > 9 { "pos" } else { "neg" };
    let rows: String = (0..200).map(|i| format!("{},{}\n", (i * 7) % 20, class(i))).collect();
    std::fs::write(folder.join("h.csv"), format!("x,y\n{rows}")).unwrap();
    let toml = "loss = \"hinge\"\n[data]\ncsv = \"h.csv\"\ntarget = \"y\"\ntest = \"h.csv\"\n[model]\nlinear = true\n";
    std::fs::write(folder.join("h.toml"), toml).unwrap();
    // So few steps that many scores lie between 0 and 0.5.
    let said = succeeds(
        folder,
        &["train", "h.toml", "--steps", "3", "--optimizer", "sgd:lr=0.05", "--output", "run"],
    );
    let predicted = succeeds(folder, &["predict", "run", "h.csv"]);
    assert!(predicted.starts_with("example,prediction,score of neg,score of pos\n"), "{predicted}");
    let right =
        predicted.lines().skip(1).zip(0..).filter(|(line, i)| line.split(',').nth(1) == Some(class(*i)));
    let accuracy = right.count() as f64 / 200.0;
    assert!(said.contains(&format!("test accuracy {accuracy:.4}")), "{accuracy}: {said}");
}

#[test]
fn a_large_table_is_read_once_for_the_trials_of_a_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // 4.6 MB; the text column makes the rows long.
    let filler = "a".repeat(80);
    let rows: String = (0..50_000).map(|i| format!("{i},{},{filler}\n", (i * 7) % 1000)).collect();
    std::fs::write(folder.join("large.csv"), format!("x,y,text\n{rows}")).unwrap();
    let toml = "task = \"regression\"\n[data]\ncsv = \"large.csv\"\ntarget = \"y\"\n[model]\nlinear = true\n";
    std::fs::write(folder.join("large.toml"), toml).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_optlab"));
        let output = command.args(arguments).current_dir(folder).env("XDG_CACHE_HOME", folder.join("cache"));
        let output = output.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let tables = || std::fs::read_dir(folder.join("cache/optlab/tables")).map_or(0, Iterator::count);
    let trained = run(&["train", "large.toml", "--steps", "3", "--output", "run"]);
    assert_eq!(tables(), 0, "a single run shares nothing");
    run(&[
        "compare",
        "large.toml",
        "--optimizers",
        "adam",
        "--seeds",
        "1",
        "--steps",
        "3",
        "--output",
        "out",
    ]);
    assert_eq!(tables(), 1);
    // The shared table trains to the same numbers.
    assert_eq!(
        run(&["train", "large.toml", "--steps", "3", "--output", "again"]).lines().next(),
        trained.lines().next()
    );
    let outcome = |run: &str| {
        let outcome = std::fs::read_to_string(folder.join(run).join("outcome.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&outcome).unwrap()["test"].clone()
    };
    assert_eq!(outcome("run"), outcome("again"));
}

#[test]
fn a_run_whose_data_changed_is_refused_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_problem(folder);
    succeeds(folder, &["train", "flats.toml", "--epochs", "1", "--output", "run"]);
    succeeds(folder, &["evaluate", "run"]);
    let mut csv = std::fs::read_to_string(folder.join("flats.csv")).unwrap();
    csv.push_str("50;2;Bonn;700\n");
    std::fs::write(folder.join("flats.csv"), csv).unwrap();
    let output = optlab(folder, &["evaluate", "run"]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("workload `flats`: the run is of version"), "{said}");
    let output = optlab(folder, &["train", "flats.toml", "--epochs", "1", "--output", "run"]);
    assert!(text(&output.stderr).contains("holds another run"), "{}", text(&output.stderr));
}

#[test]
fn pictures_in_a_folder_per_class_are_learned_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (class, at) in [("left", 0), ("right", 8)] {
        std::fs::create_dir_all(folder.join("pictures").join(class)).unwrap();
        for number in 0..20_u8 {
            let pixels: Vec<u8> =
                (0..256).map(|i| if (i % 16) / 8 * 8 == at { 200 + number } else { number }).collect();
            let file = std::fs::File::create(folder.join(format!("pictures/{class}/{number}.png"))).unwrap();
            let mut encoder = png::Encoder::new(file, 16, 16);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        }
    }
    std::fs::write(folder.join("sides.toml"), "[data]\nimages = \"pictures\"\n[model]\ncnn = [4]\n").unwrap();
    let train = [
        "train",
        "sides.toml",
        "--epochs",
        "8",
        "--optimizer",
        "adam:lr=1e-2",
        "--flip",
        "none",
        "--output",
        "run",
    ];
    let said = succeeds(folder, &train);
    assert!(said.contains("test accuracy 1.0000"), "{said}");
    let said = succeeds(folder, &["predict", "run", "pictures/left/3.png", "pictures/right/4.png"]);
    assert!(said.contains("3.png: left (") && said.contains("4.png: right ("), "{said}");
    // A picture in another folder has another class, though no picture and no place in the order changed.
    std::fs::rename(folder.join("pictures/left/9.png"), folder.join("pictures/right/!.png")).unwrap();
    let output = optlab(folder, &["evaluate", "run"]);
    assert!(text(&output.stderr).contains("the run is of version"), "{}", text(&output.stderr));
}

#[test]
fn characters_of_a_text_are_predicted_from_those_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("abc.txt"), "abcabd".repeat(60)).unwrap();
    let toml = "[data]\ntext = \"abc.txt\"\ncontext = 6\n[model]\nrnn = 16\n";
    std::fs::write(folder.join("abc.toml"), toml).unwrap();
    let train = ["train", "abc.toml", "--epochs", "20", "--optimizer", "adam:lr=1e-2", "--output", "run"];
    let said = succeeds(folder, &train);
    assert!(said.contains("test accuracy 1.0000"), "{said}");
    std::fs::write(folder.join("prompt.txt"), "cabdabcab").unwrap();
    let said = succeeds(folder, &["predict", "run", "prompt.txt"]);
    assert!(said.lines().nth(1).unwrap().starts_with("prompt.txt,d,"), "{said}");

    // In UTF-16, and with a character that the end of the text, its test part, has alone.
    let end = "abcabd".repeat(60) + "Z" + &"abcabd".repeat(3);
    let utf_16: Vec<u8> = end.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.join("abc.txt"), [vec![0xff, 0xfe], utf_16].concat()).unwrap();
    let said = succeeds(folder, &["describe", "abc.toml"]);
    assert!(said.contains("has 4 outputs"), "{said}");
    let windows = 60 * 6 + 1 + 3 * 6 - 6;
    let test = windows - (f64::from(windows) * 0.8).round() as i32 - 6;
    // 6 windows have it as an input, and one as what follows.
    assert_eq!(row(&said, "test"), [f64::from(test - 7)], "{said}");
}
