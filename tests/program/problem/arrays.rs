//! Arrays of NumPy as data of a problem.

use crate::program::{optlab, succeeds, text};
use std::path::Path;

/// Writes two arrays as NumPy does: `[40, 2]` inputs, by turns 0, 1 and 1, 0, and `target` of that shape.
fn write_npz(path: &Path, inputs_name: &str, (shape, target): (&str, Vec<u8>)) {
    let npy = |descr: &str, shape: &str, bytes: Vec<u8>| {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(63 - (header.len() + 10) % 64));
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &bytes].concat()
    };
    let inputs = (0..40).flat_map(|i| [f32::from(i as u8 % 2), 1.0 - f32::from(i as u8 % 2)]);
    let inputs = npy("<f4", "(40, 2)", inputs.flat_map(f32::to_le_bytes).collect());
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let inputs_file = format!("{inputs_name}.npy");
    for (name, bytes) in [(inputs_file.as_str(), inputs), ("target.npy", npy("|u1", shape, target))] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, &bytes).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn arrays_of_numpy_are_read_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Made by NumPy, see its script beside it.
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/optlab-train/tests/fixtures");
    std::fs::copy(fixtures.join("numpy.npz"), folder.join("data.npz")).unwrap();
    std::fs::write(folder.join("data.toml"), "[data]\nnpz = \"data.npz\"\n").unwrap();
    let output = optlab(folder, &["describe", "data.toml"]);
    let said = text(&output.stderr);
    assert!(said.contains("array") && said.lines().count() == 1, "{said}");

    write_npz(&folder.join("data.npz"), "inputs", ("(40,)", (0..40).map(|i| i % 2).collect()));
    let train = ["train", "data.toml", "--epochs", "30", "--optimizer", "adam:lr=1e-2", "--output", "run"];
    let said = succeeds(folder, &train);
    assert!(said.contains("test accuracy 1.0000"), "{said}");

    // Arrays of a later file are predicted from the run alone, in their order.
    write_npz(&folder.join("later.npz"), "x", ("(40,)", vec![0; 40]));
    std::fs::remove_file(folder.join("data.npz")).unwrap();
    let said = succeeds(folder, &["predict", "run", "later.npz"]);
    let classes: Vec<&str> = said.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(classes, ["0", "1"].repeat(20), "{said}");
}

#[test]
fn labels_of_arrays_stay_0_and_1_beside_standardized_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let labels = (0..80).map(|i| u8::from(i / 2 % 2 == i % 2)).collect();
    write_npz(&folder.join("data.npz"), "features", ("(40, 2)", labels));
    let toml = "task = \"multi_label\"\n[data]\nnpz = \"data.npz\"\ninputs = \"features\"\n";
    std::fs::write(folder.join("data.toml"), toml).unwrap();
    let train = ["train", "data.toml", "--epochs", "60", "--optimizer", "adam:lr=1e-2", "--output", "run"];
    // The loss of labels that are certain falls to 0, and of standardized ones below it.
    let said = succeeds(folder, &train);
    let facts = std::fs::read_to_string(folder.join("run/facts.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    let standardizer =
        facts["facts"]["prepared"].as_object().unwrap().values().next().unwrap()["standardizer"].clone();
    let scales = |of: &str| standardizer[of].as_array().map(Vec::len);
    assert_eq!((scales("inputs"), scales("targets")), (Some(2), Some(0)), "{standardizer}");
    assert!(said.contains("test f1 1.0000"), "{said}");
}

#[test]
fn targets_of_arrays_that_cannot_be_learned_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (task, shape, target, expected) in [
        ("regression", "(40,)", vec![3; 40], "`target` has only one value"),
        ("classification", "(40,)", vec![3; 40], "`target` has a single class"),
        // A class per example, so that those of the test part are nowhere else.
        ("classification", "(40,)", (0..40).collect(), "is only in the test part, so no model can learn it"),
        ("multi_label", "(40, 2)", [1, 5].repeat(40), "example 0: the label 5 is neither 0 nor 1"),
        ("regression", "(40, 0)", vec![], "`target` holds no numbers: its shape is [40, 0]"),
    ] {
        write_npz(&folder.join("data.npz"), "inputs", (shape, target));
        std::fs::write(folder.join("data.toml"), format!("task = \"{task}\"\n[data]\nnpz = \"data.npz\"\n"))
            .unwrap();
        let output = optlab(folder, &["train", "data.toml", "--epochs", "1", "--output", "run"]);
        let said = text(&output.stderr);
        assert!(said.contains("data.npz") && said.contains(expected), "{expected}: {said}");
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(!folder.join("run").exists());
    }
}
