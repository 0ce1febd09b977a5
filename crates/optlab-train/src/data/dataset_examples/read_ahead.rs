//! Threads that read the items of announced batches.
//!
//! ```text
//! announce ──> waiting ──> a thread: read_rows ──> Job::items ──> take
//!        └───> announced, in order ─────────────────────────────────┘
//! ```

use crate::Error;
use crate::data::dataset_examples::read_rows::read_rows;
use burn::data::dataset::Dataset;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// The largest number of threads for one set.
const MOST_THREADS: usize = 4;

/// Number of batches to announce per thread: one that it reads, and one that waits for it.
const BATCHES_PER_THREAD: usize = 2;

/// The threads of a set of examples, and the batches that they read.
pub(super) struct ReadAhead<I> {
    shared: Arc<Shared<I>>,
    threads: Vec<JoinHandle<()>>,
}

/// The state that the reading threads share with the training thread.
struct Shared<I> {
    queue: Mutex<Queue<I>>,
    /// Notified when a batch was announced, and at the end.
    announced: Condvar,
    /// Notified when a batch was read.
    read: Condvar,
}

/// The announced batches.
struct Queue<I> {
    /// All batches that were announced and not taken, in the order of the announcements.
    announced: VecDeque<Arc<Job<I>>>,
    /// The batches that no thread has begun to read, in the same order.
    waiting: VecDeque<Arc<Job<I>>>,
    is_closed: bool,
}

/// A batch to read.
struct Job<I> {
    rows: Vec<u32>,
    /// The items, as soon as they are read.
    items: Mutex<Option<Result<Vec<I>, Error>>>,
}

impl<I: Send + 'static> ReadAhead<I> {
    /// Starts the threads; `None` if the system refuses.
    pub fn start(workload: &str, dataset: &Arc<dyn Dataset<I>>) -> Option<Self> {
        let queue = Queue { announced: VecDeque::new(), waiting: VecDeque::new(), is_closed: false };
        let (announced, read) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { queue: Mutex::new(queue), announced, read });
        let count = std::thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
        let start = |_| {
            let (shared, dataset, workload) = (shared.clone(), dataset.clone(), workload.to_string());
            let thread = std::thread::Builder::new().name("optlab-reader".into());
            thread.spawn(move || shared.read_until_closed(&workload, &*dataset)).ok()
        };
        let threads: Vec<_> = (0..count).map_while(start).collect();
        (!threads.is_empty()).then_some(ReadAhead { shared, threads })
    }
}

impl<I> ReadAhead<I> {
    /// Returns how many batches are to be announced before they are needed.
    pub fn batches(&self) -> usize {
        self.threads.len() * BATCHES_PER_THREAD
    }

    /// Lets a thread read these rows.
    pub fn announce(&self, rows: &[u32]) {
        let job = Arc::new(Job { rows: rows.to_vec(), items: Mutex::new(None) });
        let mut queue = locked(&self.shared.queue);
        queue.announced.push_back(job.clone());
        queue.waiting.push_back(job);
        // Leftovers of an evaluation that ended early are never taken.
        while queue.announced.len() > 2 * (self.batches() + 1) {
            queue.discard_first();
        }
        drop(queue);
        self.shared.announced.notify_one();
    }

    /// Returns the items of these rows, waiting for them if necessary; `None` if they were not announced.
    ///
    /// Discards every batch that was announced before them; all of them, if these rows were not announced.
    pub fn take(&self, rows: &[u32]) -> Option<Result<Vec<I>, Error>> {
        let mut queue = locked(&self.shared.queue);
        while queue.announced.front().is_some_and(|job| job.rows != rows) {
            queue.discard_first();
        }
        let job = queue.announced.pop_front()?;
        loop {
            if let Some(items) = locked(&job.items).take() {
                return Some(items);
            }
            queue = self.shared.read.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<I> Queue<I> {
    /// Discards the batch that was announced first; a thread that reads it finishes for nothing.
    fn discard_first(&mut self) {
        let Some(first) = self.announced.pop_front() else { return };
        if self.waiting.front().is_some_and(|job| Arc::ptr_eq(job, &first)) {
            self.waiting.pop_front();
        }
    }
}

impl<I> Shared<I> {
    /// Reads batches in the order of their announcements until the set is dropped.
    fn read_until_closed(&self, workload: &str, dataset: &dyn Dataset<I>) {
        while let Some(job) = self.next() {
            let items = read_rows(workload, dataset, &job.rows);
            *locked(&job.items) = Some(items);
            // Taken for a moment, so that the training thread is either before its look or waiting.
            drop(locked(&self.queue));
            self.read.notify_all();
        }
    }

    /// Returns the next batch to read, waiting for one; `None` after the set was dropped.
    fn next(&self) -> Option<Arc<Job<I>>> {
        let mut queue = locked(&self.queue);
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(job) = queue.waiting.pop_front() {
                return Some(job);
            }
            queue = self.announced.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<I> Drop for ReadAhead<I> {
    /// Ends the threads and waits for them.
    fn drop(&mut self) {
        locked(&self.shared.queue).is_closed = true;
        self.shared.announced.notify_all();
        for thread in self.threads.drain(..) {
            // A reader catches the panics of the data set, so it has none of its own to pass on.
            drop(thread.join());
        }
    }
}

/// Locks a mutex. No holder leaves its data half changed, so a panic of another thread does not matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
