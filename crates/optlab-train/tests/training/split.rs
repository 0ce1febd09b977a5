//! The `split` of a recipe draws the test part of each kind of data that has no fixed one.

use crate::data::bundled;
use optlab_train::data::{Batch, BatchTargets, Examples, Source, Splits};
use optlab_train::problem::{Problem, ProblemWorkload};
use optlab_train::registry::AnyWorkload;
use optlab_train::train::{self, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, Supervised, Workload};
use std::path::Path;

fn trial(name: &str, split: Option<u64>, seed: u64) -> Trial {
    let trial = Trial::new(&Supervised::info(&workload::built_in(name).unwrap()));
    Trial { seed, backend: "flex".into(), recipe: Recipe { split, ..trial.recipe }, ..trial }
}

fn splits(name: &str, split: Option<u64>, seed: u64) -> Splits {
    let preparation = train::preparation(&trial(name, split, seed));
    workload::built_in(name).unwrap().splits(&Source::default(), &preparation).unwrap()
}

/// Returns the examples of some parts as bits, sorted.
fn sorted(parts: &[&Examples]) -> Vec<Vec<u32>> {
    let bits = |part: &Examples, i| part.input(i).iter().map(|value: &f32| value.to_bits()).collect();
    let mut all: Vec<_> = parts.iter().flat_map(|part| (0..part.len()).map(|i| bits(part, i))).collect();
    all.sort();
    all
}

#[test]
fn the_test_part_of_a_split_is_the_same_for_every_seed_and_another_for_each_number() {
    for (name, test) in [("digits-cnn", 359), ("digits-rnn", 359), ("diabetes-linear", 88)] {
        // Inputs of diabetes are standardized by the training part, but targets of classes show the rows.
        let of = |split, seed| splits(name, split, seed).test;
        assert_eq!(of(Some(3), 0).len(), test, "{name}");
        assert_eq!(of(Some(4), 0).len(), test, "{name}");
        assert_ne!(of(Some(3), 0), of(Some(4), 0), "{name}");
        assert_ne!(of(Some(3), 0), of(None, 0), "{name}");
        if name != "diabetes-linear" {
            assert_eq!(of(Some(3), 0), of(Some(3), 1), "{name}");
        }
    }
}

#[test]
fn the_parts_of_the_digits_are_together_all_digits() {
    let whole = bundled("digits");
    let all = sorted(&[&whole.train, &whole.test]);
    for number in [None, Some(0), Some(1)] {
        let Splits { train, validation, test, .. } = splits("digits-cnn", number, 5);
        assert_eq!([train.len(), validation.len(), test.len()], [1294, 144, 359], "{number:?}");
        assert_eq!(sorted(&[&train, &validation, &test]), all, "{number:?}");
    }
}

#[test]
fn the_sunspots_of_a_split_are_those_without_one() {
    let [plain, split] = [None, Some(3)].map(|number| splits("sunspots-rnn", number, 1));
    assert_eq!(plain, split);
}

#[test]
fn all_built_in_workloads_but_the_series_are_resampled() {
    for workload in workload::all() {
        let is_series = Supervised::info(&workload).name.starts_with("sunspots");
        assert_eq!(AnyWorkload::resamples(&workload, &Source::default()).unwrap(), !is_series);
    }
}

#[test]
fn the_training_measures_the_test_part_of_its_split() {
    let folder = tempfile::tempdir().unwrap();
    let workload = workload::built_in("digits-cnn").unwrap();
    let trial = trial("digits-cnn", Some(3), 1);
    let trial = Trial { recipe: Recipe { budget: train::Budget::Steps(20), ..trial.recipe }, ..trial };
    let directory = RunDirectory::new(folder.path().join("run"));
    let outcome = train::run(&workload, &trial, &RunOptions::new(directory.clone()), &mut ()).unwrap();
    let parts = train::prepared(&workload, &trial, &Source::default()).unwrap();
    let device = optlab_train::device::open("flex").unwrap();
    let best = train::Which::Best;
    let trained =
        train::load(&workload, &trial, &directory.checkpoints(), best, &parts.facts, &device).unwrap();
    let of = |part: &Examples| {
        train::evaluate(&workload, &trained.model, part, &parts.facts, &device).unwrap().unwrap().metric
    };
    let told = outcome.test.unwrap().metric;
    assert_eq!(told, of(&splits("digits-cnn", Some(3), 1).test));
    assert_ne!(told, of(&splits("digits-cnn", None, 1).test));
}

#[test]
fn trials_without_a_split_keep_the_names_of_earlier_versions() {
    // A row of `artifacts/comparison/results.csv`, from before recipes had a split.
    let trial = trial("digits-cnn", None, 1_000_000);
    let trial = Trial {
        optimizer: "adamw:beta_1=0.8607,beta_2=0.998396,weight_decay=0.000213".parse().unwrap(),
        lr: 0.0005432,
        recipe: Recipe { budget: train::Budget::Epochs(30), ..trial.recipe },
        ..trial
    };
    assert_eq!(trial.id(), "digits-cnn-adamw-seed1000000-b774d41a45e0");
    let split = Trial { recipe: Recipe { split: Some(0), ..trial.recipe.clone() }, ..trial.clone() };
    assert_ne!(split.id(), trial.id());
    let text = serde_json::to_string(&split).unwrap();
    assert_eq!(serde_json::from_str::<Trial>(&text).unwrap(), split);
}

/// Writes 60 rows with the columns x (the number of the row), class (a third is of one class), group (of four
/// rows) and y, and returns the workload of the problem with these lines in its table `[data]`.
fn table(folder: &Path, lines: &str) -> ProblemWorkload {
    let mut csv = "x,class,group,y\n".to_string();
    for i in 0..60 {
        csv += &format!("{i},{},g{},{}.25\n", if i % 3 == 0 { "a" } else { "b" }, i / 4, (i * 37) % 60);
    }
    std::fs::write(folder.join("table.csv"), &csv).unwrap();
    std::fs::write(folder.join("later.csv"), &csv[..csv.find("\n9,").unwrap()]).unwrap();
    let toml = format!("[data]\ncsv = \"table.csv\"\n{lines}\n[model]\nlinear = true\n");
    std::fs::write(folder.join("problem.toml"), toml).unwrap();
    ProblemWorkload::new(Problem::open(&folder.join("problem.toml")).unwrap())
}

/// Returns the test part as one batch, and the unit of its targets if they are numbers.
fn test_batch(
    workload: &ProblemWorkload,
    split: Option<u64>,
    seed: u64,
) -> (Batch, Option<optlab_train::data::TargetUnit>) {
    let trial = Trial::new(&Workload::info(workload));
    let trial = Trial { seed, recipe: Recipe { split, ..trial.recipe }, ..trial };
    let parts = train::prepared(workload, &trial, &Source::default()).unwrap();
    let rows: Vec<u32> = (0..parts.test.len() as u32).collect();
    let device = optlab_train::device::open("flex").unwrap();
    (parts.test.batch(&rows, None, &device).unwrap(), parts.facts.units.first().copied())
}

/// Returns the targets of the test part, in its order; numbers in their own unit, rounded.
fn tested(workload: &ProblemWorkload, split: Option<u64>, seed: u64) -> Vec<i64> {
    match test_batch(workload, split, seed) {
        (Batch { targets: BatchTargets::Values(values), .. }, Some(unit)) => {
            let values = values.into_data();
            values.iter::<f64>().map(|value| (value * unit.scale + unit.mean).round() as i64).collect()
        }
        (Batch { targets: BatchTargets::Classes(labels), .. }, _) => {
            labels.into_data().iter::<i64>().collect()
        }
        _ => panic!("a regression has units"),
    }
}

#[test]
fn a_drawn_test_part_of_a_table_follows_the_split_and_not_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    for (lines, count) in [("target = \"y\"", 12), ("target = \"y\"\ngroup = \"group\"", 12)] {
        let workload = table(folder.path(), lines);
        let first = tested(&workload, Some(3), 0);
        assert_eq!(first.len(), count);
        assert_eq!(first, tested(&workload, Some(3), 1));
        assert_ne!(first, tested(&workload, Some(4), 0));
        assert_ne!(first, tested(&workload, None, 0));
        assert!(AnyWorkload::resamples(&workload, &Source::default()).unwrap(), "{lines}");
    }
}

#[test]
fn classes_of_a_table_keep_their_shares_in_every_split() {
    let folder = tempfile::tempdir().unwrap();
    let workload = table(folder.path(), "target = \"class\"");
    for number in 0..5 {
        let classes = tested(&workload, Some(number), 0);
        // 20 of the 60 rows are of class a, so 4 of the 12 of the test part are.
        assert_eq!((classes.len(), classes.iter().sum::<i64>()), (12, 8));
    }
}

#[test]
fn a_test_part_that_a_file_or_the_time_decides_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (lines, count) in [
        ("target = \"y\"\ntime = \"x\"", 12),
        ("target = \"y\"\ntest = \"later.csv\"", 9),
        ("target = \"y\"\ntest = 0", 0),
    ] {
        let workload = table(folder.path(), lines);
        assert!(!AnyWorkload::resamples(&workload, &Source::default()).unwrap(), "{lines}");
        if count > 0 {
            let fixed = tested(&workload, None, 0);
            assert_eq!((fixed.len(), &fixed), (count, &tested(&workload, Some(3), 0)), "{lines}");
        }
    }
}

#[test]
fn data_sets_of_a_problem_are_resampled_unless_they_are_series() {
    let folder = tempfile::tempdir().unwrap();
    for (set, count) in [("digits", 359), ("sunspots", 50)] {
        let file = folder.path().join(format!("{set}.toml"));
        std::fs::write(&file, format!("[data]\nset = \"{set}\"\n[model]\nlinear = true\n")).unwrap();
        let workload = ProblemWorkload::new(Problem::open(&file).unwrap());
        let [fixed, first, second] = [None, Some(0), Some(1)].map(|split| tested(&workload, split, 0));
        let is_resampled = AnyWorkload::resamples(&workload, &Source::default()).unwrap();
        assert_eq!((fixed.len(), first.len()), (count, count));
        assert_eq!((first != second, first != fixed), (is_resampled, is_resampled), "{set}");
        assert_eq!(is_resampled, set == "digits");
    }
}

#[test]
fn a_text_keeps_its_end_as_test_part() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..400_u32).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
    std::fs::write(folder.path().join("text.txt"), text).unwrap();
    let file = folder.path().join("text.toml");
    std::fs::write(&file, "[data]\ntext = \"text.txt\"\ncontext = 4\n").unwrap();
    let workload = ProblemWorkload::new(Problem::open(&file).unwrap());
    assert!(!AnyWorkload::resamples(&workload, &Source::default()).unwrap());
    assert_eq!(tested(&workload, None, 0), tested(&workload, Some(3), 0));
}

/// Writes arrays of 40 examples, whose target is their number, as NumPy does.
fn write_arrays(path: &Path) {
    let npy = |shape: &str, values: &[f32]| {
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(63 - (header.len() + 10) % 64));
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &values].concat()
    };
    let numbers: Vec<f32> = (0..40).map(|i| i as f32).collect();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, shape) in [("inputs.npy", "(40, 1)"), ("target.npy", "(40,)")] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, &npy(shape, &numbers)).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn arrays_are_resampled_unless_they_have_no_test_part() {
    let folder = tempfile::tempdir().unwrap();
    write_arrays(&folder.path().join("data.npz"));
    for (share, count) in [(0.25, 10), (0.0, 0)] {
        let file = folder.path().join("data.toml");
        let toml = format!(
            "task = \"regression\"\n[data]\nnpz = \"data.npz\"\ntest = {share:?}\n[model]\nlinear = true\n"
        );
        std::fs::write(&file, toml).unwrap();
        let workload = ProblemWorkload::new(Problem::open(&file).unwrap());
        assert_eq!(AnyWorkload::resamples(&workload, &Source::default()).unwrap(), count > 0);
        if count > 0 {
            let first = tested(&workload, Some(3), 0);
            assert_eq!((first.len(), &first), (count, &tested(&workload, Some(3), 1)));
            assert!(first != tested(&workload, Some(4), 0) && first != tested(&workload, None, 0));
        }
    }
}

/// Writes 20 grey pictures of two classes, each of another brightness, below `folder`.
fn write_pictures(folder: &Path) {
    for i in 0..20_u8 {
        let class = folder.join(if i % 2 == 0 { "even" } else { "odd" });
        std::fs::create_dir_all(&class).unwrap();
        image::GrayImage::from_pixel(8, 8, image::Luma([10 * i]))
            .save(class.join(format!("{i}.png")))
            .unwrap();
    }
}

#[test]
fn pictures_are_resampled_unless_the_folder_has_a_test_part() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("one"));
    for part in ["train", "test"] {
        write_pictures(&folder.path().join("two").join(part));
    }
    for (name, count) in [("one", 4), ("two", 20)] {
        let file = folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, format!("[data]\nimages = \"{name}\"\n[model]\nlinear = true\n")).unwrap();
        let workload = ProblemWorkload::new(Problem::open(&file).unwrap());
        let of = |split, seed| {
            let (batch, _) = test_batch(&workload, split, seed);
            assert_eq!(batch.len, count);
            batch.inputs.into_data().iter::<f32>().collect::<Vec<_>>()
        };
        let is_resampled = AnyWorkload::resamples(&workload, &Source::default()).unwrap();
        assert_eq!(is_resampled, name == "one");
        assert_eq!(of(Some(3), 0), of(Some(3), 1), "{name}");
        assert_eq!(of(Some(3), 0) != of(Some(5), 0), is_resampled, "{name}");
        assert_eq!(of(Some(3), 0) != of(None, 0), is_resampled, "{name}");
    }
}
