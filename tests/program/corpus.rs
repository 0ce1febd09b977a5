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

/// How long each reader is tried by [`every_reader_takes_random_changes`].
const SECONDS: u64 = 20;

#[test]
#[ignore = "takes minutes; a fuzzer without coverage, for machines without cargo-fuzz"]
fn every_reader_takes_random_changes_of_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let only = std::env::var("OPTLAB_READER").ok();
    let seed: u64 = std::env::var("OPTLAB_SEED").map_or(0, |seed| seed.parse().unwrap());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below.max(1) as u64) as usize
    };
    for (name, read) in readers::ALL.iter().filter(|(name, _)| only.as_deref().is_none_or(|it| it == *name)) {
        let files = std::fs::read_dir(corpus.join(name)).unwrap();
        let files: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        let (began, mut tried) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(SECONDS) {
            let mut bytes = files[next(files.len())].clone();
            for _ in 0..=next(4) {
                let place = next(bytes.len() + 1);
                match next(6) {
                    0 => bytes.truncate(place),
                    1 => bytes.insert(place, next(256) as u8),
                    2 => {
                        let other = &files[next(files.len())];
                        let from = next(other.len() + 1);
                        bytes.splice(
                            place..place,
                            other[from..(from + next(64)).min(other.len())].iter().copied(),
                        );
                    }
                    3 => bytes
                        .splice(place..place, next(u32::MAX as usize).to_string().into_bytes())
                        .for_each(drop),
                    4 if place < bytes.len() => bytes[place] = [0, 1, 0x7f, 0x80, 0xff][next(5)],
                    _ if place < bytes.len() => bytes[place] ^= 1 << next(8),
                    _ => {}
                }
            }
            let single = Instant::now();
            let outcome = std::panic::catch_unwind(|| read(&bytes));
            if outcome.is_err() || single.elapsed() > Duration::from_secs(2) {
                let path = std::env::temp_dir().join(format!("optlab-{name}-{tried}"));
                std::fs::write(&path, &bytes).unwrap();
                println!("{name}: {} ({:?})", path.display(), single.elapsed());
            }
            tried += 1;
        }
        println!("{name}: {tried} inputs");
    }
}
