//! The data sets have their documented sizes, values and file checksums.

use optlab_train::Error;
use optlab_train::data::{DataSet, Examples, NAMES, SERIES, Source, Targets, load};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

pub fn bundled(name: &str) -> DataSet {
    load(name, &Source::default()).unwrap()
}

fn labels(examples: &Examples) -> &[u32] {
    match &examples.targets {
        Targets::Classes { labels, .. } => labels,
        Targets::Values { .. } => panic!("these have classes"),
    }
}

fn values(examples: &Examples) -> &[f32] {
    match &examples.targets {
        Targets::Values { values, .. } => values,
        Targets::Classes { .. } => panic!("these have numbers"),
    }
}

fn counts(examples: &Examples) -> [usize; 10] {
    let mut counts = [0; 10];
    for &label in labels(examples) {
        counts[label as usize] += 1;
    }
    counts
}

#[test]
fn every_bundled_set_has_its_size_and_shape() {
    for (name, train, test, shape, is_series) in [
        ("mnist-10k", 10_000, 10_000, &[1, 28, 28][..], false),
        ("digits", 1_438, 359, &[1, 8, 8], false),
        ("diabetes", 354, 88, &[10], false),
        ("sunspots", 239, 50, &[20, 1], true),
    ] {
        let set = bundled(name);
        assert_eq!(set.name, name);
        assert_eq!((set.train.len(), set.test.len()), (train, test), "{name}");
        assert_eq!(set.is_series, is_series, "{name}");
        assert_eq!(SERIES.contains(&name), is_series, "{name}");
        for part in [&set.train, &set.test] {
            assert_eq!(part.input_shape, shape, "{name}");
            assert_eq!(part.inputs.len(), part.len() * shape.iter().product::<usize>(), "{name}");
        }
    }
}

#[test]
fn mnist_has_its_labels_and_pixels() {
    let set = bundled("mnist-10k");
    assert_eq!(labels(&set.test)[..5], [7, 2, 1, 0, 4]);
    assert_eq!(labels(&set.train)[..5], [5, 0, 4, 1, 9]);
    // The counts of the official test set.
    assert_eq!(counts(&set.test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!(counts(&set.train), [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
    for part in [&set.train, &set.test] {
        assert!(part.inputs.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        assert_eq!(part.inputs.iter().copied().fold(0.0, f32::max), 1.0);
    }
}

#[test]
fn digits_are_scaled_to_one_and_every_fifth_is_for_the_test() {
    let set = bundled("digits");
    assert_eq!(set.train.input(0)[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0].map(|v: f32| v / 16.0));
    // The file begins with the digits 0 to 9 twice.
    assert_eq!(labels(&set.train)[..8], [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(labels(&set.test)[..4], [4, 9, 4, 9]);
    let [train, test] = [counts(&set.train), counts(&set.test)];
    let all: Vec<usize> = train.iter().zip(test).map(|(a, b)| a + b).collect();
    assert_eq!(all, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(set.train.inputs.iter().copied().fold(0.0, f32::max), 1.0);
}

#[test]
fn diabetes_is_in_its_own_units() {
    let set = bundled("diabetes");
    assert_eq!(set.train.input(0), [59.0, 2.0, 32.1, 101.0, 157.0, 93.2, 38.0, 4.0, 4.8598, 87.0]);
    assert_eq!(values(&set.train)[..5], [151.0, 75.0, 141.0, 206.0, 97.0]);
    assert_eq!(values(&set.test)[0], 135.0);
}

#[test]
fn sunspots_forecast_the_year_after_twenty() {
    let set = bundled("sunspots");
    assert_eq!(set.train.input(0)[..2], [5.0, 11.0]);
    // 1958 is the last year to train on, 2008 the last of all.
    assert_eq!(values(&set.train)[238], 184.8);
    assert_eq!(values(&set.test)[49], 2.9);
    assert_eq!(set.test.input(49)[18..], [15.2, 7.5]);
    // Each window's last year is the target of the window before.
    for part in [&set.train, &set.test] {
        for i in 1..part.len() {
            assert_eq!(part.input(i)[19], values(part)[i - 1]);
            assert_eq!(part.input(i)[..19], part.input(i - 1)[1..]);
        }
    }
    assert_eq!(set.test.input(0)[19], values(&set.train)[238]);
}

#[test]
fn the_bundled_files_have_the_checksums_of_the_readme() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut checked = 0;
    for kind in ["mnist", "small", "text"] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let mut content = vec![];
            flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap())
                .read_to_end(&mut content)
                .unwrap();
            let name = format!("| `{kind}/{}` |", path.file_name().unwrap().to_str().unwrap());
            let line = readme
                .lines()
                .find(|line| line.starts_with(&name))
                .unwrap_or_else(|| panic!("no row {name}"));
            let sum: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(line.contains(&sum), "{name} has {sum}");
            checked += 1;
        }
    }
    assert_eq!(checked, 8);
}

#[test]
fn an_unknown_set_suggests_the_nearest() {
    let error = load("mnist-10", &Source::default()).unwrap_err();
    assert!(matches!(error, Error::Core(optlab_core::Error::UnknownName { .. })));
    assert!(error.to_string().contains("`mnist-10k`"), "{error}");
    assert!(NAMES.iter().all(|name| error.to_string().contains(name)), "{error}");
}

/// Returns a folder with the 10,000 test images of MNIST under both parts' names: well-formed, but not
/// MNIST's training part.
fn folder_of_test_images() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    for kind in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
        for part in ["train", "t10k"] {
            std::fs::copy(
                bundled.join(format!("t10k-{kind}.gz")),
                folder.path().join(format!("{part}-{kind}.gz")),
            )
            .unwrap();
        }
    }
    folder
}

fn mnist_from(folder: &Path) -> Result<DataSet, Error> {
    load("mnist", &Source { data_dir: Some(folder.into()), show_progress: false })
}

#[test]
fn a_folder_without_a_file_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("no such folder")] {
        let error = mnist_from(&path).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(path.join("train-images-idx3-ubyte").to_str().unwrap()), "{text}");
    }
}

#[test]
fn a_truncated_or_foreign_file_of_a_folder_is_an_error_that_names_it() {
    let folder = folder_of_test_images();
    let images = folder.path().join("train-images-idx3-ubyte.gz");
    let labels = folder.path().join("train-labels-idx1-ubyte.gz");
    let whole = std::fs::read(&images).unwrap();
    let error_names = |path: &Path, reason: &str| {
        let error = mnist_from(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains(reason), "{text}");
    };

    error_names(&images, "SHA-256");
    std::fs::write(&images, &whole[..whole.len() / 2]).unwrap();
    error_names(&images, "cannot be unpacked");
    std::fs::write(&images, b"<html>not found</html>").unwrap();
    error_names(&images, "holds no IDX images");
    std::fs::copy(&labels, &images).unwrap();
    error_names(&images, "holds no IDX images");
    std::fs::write(&images, &whole).unwrap();
    std::fs::write(&labels, [&[0, 0, 8, 1, 0, 0, 0, 3][..], &[1, 2, 3]].concat()).unwrap();
    error_names(&labels, "3 labels for 10000 images");
}

#[test]
fn files_of_a_folder_may_be_packed_or_not_and_have_a_dot_in_their_names() {
    let folder = folder_of_test_images();
    let mut content = vec![];
    let packed = folder.path().join("train-images-idx3-ubyte.gz");
    flate2::read::GzDecoder::new(std::fs::File::open(&packed).unwrap()).read_to_end(&mut content).unwrap();
    std::fs::remove_file(packed).unwrap();
    // The checksum is compared last, so a checksum error means that everything before it succeeded.
    for name in ["train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx3-ubyte.gz"] {
        let path = folder.path().join(name);
        std::fs::write(&path, &content).unwrap();
        let error = mnist_from(folder.path()).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("SHA-256"), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}

/// Runs the test `name` of this file again, in a process with these additional environment variables.
fn run_alone(name: &str, variables: &[(&str, &str)]) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("OPTLAB_TEST_ALONE", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn without_a_network_mnist_names_what_works_without_one() {
    if std::env::var_os("OPTLAB_TEST_ALONE").is_none() {
        let home = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = home.path().to_str().unwrap();
        run_alone(
            "data::without_a_network_mnist_names_what_works_without_one",
            &[
                ("OPTLAB_MNIST_URL", &format!("http://127.0.0.1:{port}/here")),
                // A proxy cannot reach this machine, so one that does not exist must not matter.
                ("ALL_PROXY", "http://proxy.invalid:1"),
                ("HOME", home),
                ("XDG_CACHE_HOME", home),
            ],
        );
        return;
    }
    let error = load("mnist", &Source::default()).unwrap_err();
    assert!(matches!(error, Error::Download { .. }), "{error}");
    let text = error.to_string();
    for part in ["/here/train-images-idx3-ubyte.gz", "`mnist-10k`", "`--data-dir`"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("refused"), "{text}");
}

/// Needs the four files of MNIST, as gzip, in the folder that `OPTLAB_MNIST_FOLDER` names.
#[test]
#[ignore = "needs the whole of MNIST: OPTLAB_MNIST_FOLDER=DIR cargo test --test training -- data:: --ignored"]
fn the_whole_of_mnist_comes_from_a_folder_or_from_a_server_and_then_from_the_cache() {
    let folder = std::env::var("OPTLAB_MNIST_FOLDER").expect("OPTLAB_MNIST_FOLDER names a folder");
    let from_folder = mnist_from(Path::new(&folder)).unwrap();
    assert_eq!((from_folder.train.len(), from_folder.test.len()), (60_000, 10_000));
    assert_eq!(labels(&from_folder.train)[..5], [5, 0, 4, 1, 9]);
    assert_eq!(counts(&from_folder.train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(from_folder.test, bundled("mnist-10k").test);
    assert_eq!(from_folder.train.select(&[9_999]), bundled("mnist-10k").train.select(&[9_999]));
    if std::env::var_os("OPTLAB_MNIST_URL").is_some() {
        for _ in 0..2 {
            assert_eq!(load("mnist", &Source::default()).unwrap(), from_folder);
        }
    }
}
