//! Tests of [`DatasetExamples`].

use super::*;
use crate::data::Batches;
use burn::data::dataset::DatasetError;
use std::io::{Error as IoError, ErrorKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

/// Items that are their own row numbers; some of them cannot be read.
#[derive(Default)]
struct Numbers {
    len: usize,
    fails: Option<usize>,
    panics: Option<usize>,
    reads: AtomicUsize,
    readers: Mutex<Vec<ThreadId>>,
}

impl Dataset<usize> for Numbers {
    fn get(&self, index: usize) -> Result<usize, DatasetError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.readers.lock().unwrap().push(std::thread::current().id());
        // Later rows are read faster, so that threads end in another order than they began.
        std::thread::sleep(Duration::from_micros((self.len - index) as u64 % 7 * 30));
        if self.fails == Some(index) {
            return Err(DatasetError::new(IoError::new(ErrorKind::UnexpectedEof, "the file is too short")));
        }
        assert!(self.panics != Some(index), "there is no\nfile {index}");
        Ok(index)
    }

    fn len(&self) -> usize {
        self.len
    }
}

/// Returns the items as they are.
struct AsTheyAre;

impl Batcher<usize, Vec<usize>> for AsTheyAre {
    fn batch(&self, items: Vec<usize>, _device: &Device) -> Vec<usize> {
        items
    }
}

fn with_threads(numbers: Numbers) -> (Arc<Numbers>, DatasetExamples<usize, Vec<usize>>) {
    let numbers = Arc::new(numbers);
    (numbers.clone(), DatasetExamples::new("mine", numbers, Arc::new(AsTheyAre)))
}

fn numbers(len: usize) -> Numbers {
    Numbers { len, ..Numbers::default() }
}

#[test]
fn threads_give_the_same_batches_as_none_for_any_seed() {
    let device = Device::default();
    for seed in [0, 1, 7, 42] {
        let (_, threads) = with_threads(numbers(53));
        let none = DatasetExamples::without_threads("mine", Arc::new(numbers(53)), Arc::new(AsTheyAre));
        let (mut ours, mut theirs) = (Batches::new(&threads, 5, seed), Batches::new(&none, 5, seed));
        for step in 0..40 {
            assert_eq!(ours.batch(step, &device).unwrap(), theirs.batch(step, &device).unwrap(), "{step}");
        }
    }
}

#[test]
fn a_jump_discards_the_batches_that_were_read_ahead() {
    let device = Device::default();
    let (_, examples) = with_threads(numbers(40));
    let straight: Vec<_> = {
        let mut batches = Batches::new(&examples, 4, 3);
        (0..30).map(|step| batches.batch(step, &device).unwrap()).collect()
    };
    let mut jumping = Batches::new(&examples, 4, 3);
    for step in [17, 18, 2, 3, 29, 29, 0, 11, 12, 13] {
        assert_eq!(jumping.batch(step, &device).unwrap(), straight[step], "step {step}");
    }
    // Rows that nobody announced.
    assert_eq!(examples.batch(&[39, 0], None, &device).unwrap(), [39, 0]);
    assert_eq!(jumping.batch(14, &device).unwrap(), straight[14]);
    // Micro-batches are read without an announcement.
    let parts = jumping.parts(15, 3, &device).unwrap();
    assert_eq!(parts.into_iter().flat_map(|(part, _)| part).collect::<Vec<_>>(), straight[15]);
}

#[test]
fn an_evaluation_can_be_repeated_and_left_early() {
    let device = Device::default();
    let (numbers, examples) = with_threads(numbers(30));
    for taken in [10, 2, 10, 1, 1, 10] {
        let mut batches = Batches::in_order(&examples, 3);
        let seen = batches.epoch(0, &device).take(taken).flat_map(|batch| batch.unwrap().0);
        assert_eq!(seen.collect::<Vec<_>>(), (0..3 * taken).collect::<Vec<_>>());
    }
    let reads = numbers.reads.load(Ordering::SeqCst);
    assert!(reads < 6 * 30 + 3 * 10 * 4, "{reads} reads");
}

#[test]
fn items_are_read_by_other_threads_and_by_the_training_thread_without_them() {
    let device = Device::default();
    let this = std::thread::current().id();
    let (with, examples) = with_threads(numbers(20));
    for batch in Batches::new(&examples, 5, 0).epoch(0, &device) {
        batch.unwrap();
    }
    assert!(with.readers.lock().unwrap().iter().all(|reader| *reader != this));
    let without = Arc::new(numbers(20));
    let examples: DatasetExamples<_, Vec<usize>> =
        DatasetExamples::without_threads("mine", without.clone(), Arc::new(AsTheyAre));
    assert_eq!(examples.read_ahead(), 0);
    Batches::new(&examples, 5, 0).batch(0, &device).unwrap();
    assert!(without.readers.lock().unwrap().iter().all(|reader| *reader == this));
}

#[test]
fn an_error_and_a_panic_of_the_data_set_name_the_row() {
    let device = Device::default();
    let failing = || Numbers { fails: Some(13), ..numbers(20) };
    let panicking = || Numbers { panics: Some(13), ..numbers(20) };
    let cases = [
        (failing(), "workload `mine`: row 13 of its data cannot be read: the file is too short"),
        (panicking(), "workload `mine`: reading row 13 of its data panicked: there is no file 13"),
    ];
    for (numbers, expected) in cases {
        let numbers = Arc::new(numbers);
        let sets: [DatasetExamples<_, Vec<usize>>; 2] = [
            DatasetExamples::new("mine", numbers.clone(), Arc::new(AsTheyAre)),
            DatasetExamples::without_threads("mine", numbers, Arc::new(AsTheyAre)),
        ];
        for examples in sets {
            let mut batches = Batches::in_order(&examples, 4);
            for batch in 0..3 {
                batches.batch(batch, &device).unwrap();
            }
            let error = batches.batch(3, &device).unwrap_err().to_string();
            assert_eq!(error, expected);
            // The threads go on after it.
            assert_eq!(batches.batch(4, &device).unwrap(), [16, 17, 18, 19]);
        }
    }
}

#[test]
fn dropping_the_set_ends_its_threads_even_while_they_read() {
    let (numbers, examples) = with_threads(numbers(1_000));
    let mut batches = Batches::new(&examples, 50, 0);
    batches.batch(0, &Device::default()).unwrap();
    assert!(Arc::strong_count(&numbers) > 2, "a thread holds the data set");
    drop(examples);
    assert_eq!(Arc::strong_count(&numbers), 1);
}
