//! Replays the files of `fuzz/corpus`: what a fuzzer found, and examples to begin with.

use std::path::Path;
use std::time::{Duration, Instant};

#[path = "../../fuzz/readers.rs"]
mod readers;

#[test]
fn every_reader_takes_every_file_of_its_corpus_without_a_panic_and_in_bounded_time() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, read) in readers::ALL {
        let mut files: Vec<_> =
            std::fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no files");
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let began = Instant::now();
            read(&bytes);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(5), "{}: {took:?}", file.display());
        }
    }
}

#[test]
fn every_reader_takes_files_that_are_empty_cut_short_or_changed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, read) in readers::ALL {
        read(&[]);
        let mut files: Vec<_> =
            std::fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().take(2) {
            let whole = std::fs::read(file).unwrap();
            for part in 1..8 {
                let place = whole.len() * part / 8;
                read(&whole[..place]);
                let mut changed = whole.clone();
                if let Some(byte) = changed.get_mut(place) {
                    *byte = byte.wrapping_add(0x55);
                }
                read(&changed);
            }
        }
    }
}
