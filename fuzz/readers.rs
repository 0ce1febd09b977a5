//! Reads bytes as each kind of input that the project takes from others. A reader may refuse them, and may do
//! nothing else: no panic, no endless loop, no more memory than the bytes explain.
//!
//! The fuzz targets call these functions with bytes of their own, and a test calls them with every file of
//! `corpus/`.

use optlab_compare::Plan;
use optlab_compare::run::folder;
use optlab_optim::schedule::{Run, ScheduleSpec};
use optlab_optim::{OptimizerChoice, OptimizerSpec, split_specs};
use optlab_stats::search::Space;
use optlab_stats::statistics::performance_profile::TimeMatrix;
use optlab_train::data::npz::Npz;
use optlab_train::data::pictures::{Frame, PictureFit, decode_file};
use optlab_train::data::table::{ReadOptions, Table};
use optlab_train::data::{self, Source};
use optlab_train::device;
use optlab_train::files::checksum;
use optlab_train::model::{Init, LinearRegression, ModelSpec};
use optlab_train::objective::{LossSpec, MeasureSpec};
use optlab_train::problem::{Problem, ProblemFacts};
use optlab_train::train::checkpoint::Checkpoint;
use optlab_train::train::{RunDirectory, history};
use std::fs;
use std::path::Path;

/// A reader and the name of its folder in `corpus/`.
pub type Reader = (&'static str, fn(&[u8]));

/// Every reader.
pub const ALL: &[Reader] = &[
    ("spec", spec),
    ("space", space),
    ("plan", plan),
    ("problem", problem),
    ("run_json", run_json),
    ("trials", trials),
    ("history", read_history),
    ("table", table),
    ("times", times),
    ("picture", picture),
    ("idx", idx),
    ("npz", npz),
    ("parquet", parquet),
    ("checkpoint", checkpoint),
];

/// Writes the bytes to a file called `name` in a folder that `read` gets and that is removed after it.
fn in_folder(name: &str, bytes: &[u8], read: impl Fn(&Path, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(folder.path(), &path);
}

/// Optimizers, schedules, models, losses and measures as text, and as JSON tables. What is read is also
/// written and read again, and an optimizer and a schedule are built.
pub fn spec(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(choice) = text.parse::<OptimizerChoice>() {
        let again: OptimizerChoice = choice.to_string().parse().unwrap();
        assert_eq!(again, choice);
        drop(choice.optimizer.build());
    }
    if let Ok(schedule) = text.parse::<ScheduleSpec>()
        && let Ok(schedule) = schedule.build(Run::new(0.1, 1000))
    {
        [0, 1, 999, usize::MAX].into_iter().for_each(|step| assert!(!schedule.lr_at(step).is_nan()));
    }
    if let Ok(model) = text.parse::<ModelSpec>() {
        drop(model.check());
    }
    drop(text.parse::<LossSpec>());
    drop(text.parse::<MeasureSpec>());
    drop(split_specs(&text));
    drop(serde_json::from_slice::<OptimizerSpec>(bytes));
    drop(serde_json::from_slice::<ScheduleSpec>(bytes));
    drop(serde_json::from_slice::<ModelSpec>(bytes));
    drop(serde_json::from_slice::<MeasureSpec>(bytes));
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        drop(OptimizerChoice::from_value(&value));
        drop(ScheduleSpec::from_value(&value));
    }
}

/// Search spaces.
pub fn space(bytes: &[u8]) {
    if let Ok(space) = String::from_utf8_lossy(bytes).parse::<Space>() {
        for u in [0.0, 0.5, 1.0 - 1e-9] {
            space.values(&vec![u; space.dimensions().len()]);
        }
        space.to_string().parse::<Space>().unwrap();
    }
    drop(serde_json::from_slice::<Space>(bytes));
}

/// Plans.
pub fn plan(bytes: &[u8]) {
    in_folder("plan.toml", bytes, |folder, path| {
        if let Ok(plan) = Plan::read(path) {
            drop(plan.to_toml());
            drop(plan.arms());
        }
        drop(Plan::of_folder(folder));
    });
}

/// Problems, whose data are the three rows of `data.csv`.
pub fn problem(bytes: &[u8]) {
    in_folder("problem.toml", bytes, |folder, path| {
        fs::write(folder.join("data.csv"), "x,y,label\n1,2,a\n2,4,b\n3,6,a\n").unwrap();
        drop(Problem::open(path));
    });
}

/// The JSON files of a run's folder.
pub fn run_json(bytes: &[u8]) {
    for name in ["trial.json", "outcome.json", "facts.json"] {
        in_folder(name, bytes, |folder, _| {
            let run = RunDirectory::new(folder);
            if let Ok(trial) = run.read_trial() {
                drop(trial.validate());
                trial.id();
            }
            drop(run.read_outcome());
            drop(run.read_facts::<ProblemFacts>());
        });
    }
    for name in ["state.json", "trial.json", "manifest.json"] {
        in_checkpoint(name, bytes, |checkpoint| {
            drop(checkpoint.state());
            drop(checkpoint.trial());
        });
    }
    in_folder("comparison.json", bytes, |folder, _| drop(folder::read_about(folder)));
}

/// The list of a comparison's trials.
pub fn trials(bytes: &[u8]) {
    in_folder("trials.jsonl", bytes, |folder, _| drop(folder::read_entries(folder)));
}

/// The history of a run.
pub fn read_history(bytes: &[u8]) {
    in_folder("history.jsonl", bytes, |_, path| {
        drop(history::read(path));
        drop(history::read_evaluations(path, None));
    });
}

/// Tables as text, plain or packed with gzip.
pub fn table(bytes: &[u8]) {
    in_folder("table.csv", bytes, |_, path| drop(Table::read(path, &ReadOptions::default())));
}

/// Times to target.
pub fn times(bytes: &[u8]) {
    in_folder("times.csv", bytes, |_, path| drop(TimeMatrix::read(path)));
}

/// Pictures: PNG and JPEG.
pub fn picture(bytes: &[u8]) {
    in_folder("picture.png", bytes, |_, path| {
        drop(data::read_digit_png(path, [1, 28, 28]));
        let frame = Frame { channels: 3, height: 8, width: 8, fit: PictureFit::default() };
        drop(decode_file(path, &frame, &mut vec![0.0; 3 * 8 * 8]));
    });
}

/// The files of MNIST: images, and as labels of images that are right.
pub fn idx(bytes: &[u8]) {
    in_folder("train-images-idx3-ubyte", bytes, |folder, path| {
        let source = Source { data_dir: Some(folder.into()), show_progress: false };
        fs::write(folder.join("train-labels-idx1-ubyte"), bytes).unwrap();
        drop(data::load("mnist", &source));
        let one = [2051_u32, 1, 28, 28].map(u32::to_be_bytes).concat();
        fs::write(path, [one, vec![0; 28 * 28]].concat()).unwrap();
        drop(data::load("mnist", &source));
    });
}

/// Arrays of NumPy, alone and in an archive.
pub fn npz(bytes: &[u8]) {
    for name in ["x.npz", "x.npy"] {
        in_folder(name, bytes, |_, path| drop(Npz::read(path)));
    }
}

/// Parquet files.
pub fn parquet(bytes: &[u8]) {
    in_folder("table.parquet", bytes, |_, path| drop(Table::read(path, &ReadOptions::default())));
}

/// The parameters and the optimizer's state of a checkpoint whose checksums are right.
pub fn checkpoint(bytes: &[u8]) {
    let device = device::open("flex").unwrap();
    let model = LinearRegression::new(2, &mut Init::new(0, &device));
    in_checkpoint("model.bpk", bytes, |checkpoint| drop(checkpoint.load_model(model.clone())));
    in_checkpoint("optimizer.bpk", bytes, |checkpoint| {
        let mut optimizers = ["adam".parse::<OptimizerSpec>().unwrap().build().unwrap()];
        drop(checkpoint.load_optimizers(&mut optimizers, &model, &device));
    });
}

/// Opens a checkpoint in which the file called `name` has these bytes, and a manifest that says so.
fn in_checkpoint(name: &str, bytes: &[u8], read: impl Fn(&Checkpoint)) {
    in_folder(name, bytes, |folder, _| {
        let sums: serde_json::Map<String, serde_json::Value> =
            ["model.bpk", "optimizer.bpk", "state.json", "trial.json"]
                .into_iter()
                .map(|file| {
                    let path = folder.join(file);
                    if file != name {
                        fs::write(&path, "{}").unwrap();
                    }
                    (file.to_string(), checksum::of_file(&path).unwrap().into())
                })
                .collect();
        if name != "manifest.json" {
            let manifest = serde_json::json!({"format": 1, "files": sums}).to_string();
            fs::write(folder.join("manifest.json"), manifest).unwrap();
        }
        if let Ok(checkpoint) = Checkpoint::open(folder) {
            read(&checkpoint);
        }
    });
}
