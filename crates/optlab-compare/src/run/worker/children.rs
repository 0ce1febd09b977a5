//! The running worker processes.

use std::io::Write;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The running worker processes, which can be stopped together.
#[derive(Debug, Default)]
pub(in crate::run) struct Children {
    state: Mutex<ChildrenState>,
}

#[derive(Debug, Default)]
struct ChildrenState {
    stopped: bool,
    /// Each child with the index of its trial, to stop it alone.
    running: Vec<(usize, Arc<Mutex<Child>>)>,
}

/// A child that, when dropped, is killed if it is still alive and removed from the list.
pub(super) struct RunningChild<'a> {
    child: Arc<Mutex<Child>>,
    children: &'a Children,
}

impl Children {
    /// Kills every child, and from now on each new one as it starts.
    pub fn stop(&self) {
        let mut state = unpoisoned(&self.state);
        state.stopped = true;
        state.running.iter().for_each(|(_, child)| kill(child));
    }

    /// Kills the child with that index, if it is running.
    pub fn stop_one(&self, index: usize) {
        let state = unpoisoned(&self.state);
        state.running.iter().filter(|(of, _)| *of == index).for_each(|(_, child)| kill(child));
    }

    /// Returns whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        unpoisoned(&self.state).stopped
    }

    /// Lets the child with that index continue after an evaluation.
    pub fn let_continue(&self, index: usize) {
        let state = unpoisoned(&self.state);
        for (_, child) in state.running.iter().filter(|(of, _)| *of == index) {
            if let Some(pipe) = &mut unpoisoned(child).stdin {
                // Writing fails only if the worker is gone, which its own thread notices.
                drop(pipe.write_all(b"\n"));
            }
        }
    }

    /// Adds a child, with the index of its trial.
    pub(super) fn add(&self, index: usize, child: Child) -> RunningChild<'_> {
        let child = Arc::new(Mutex::new(child));
        let mut state = unpoisoned(&self.state);
        state.running.push((index, child.clone()));
        if state.stopped {
            kill(&child);
        }
        RunningChild { child, children: self }
    }
}

impl RunningChild<'_> {
    /// Kills the child if it is still alive.
    pub fn kill(&self) {
        kill(&self.child);
    }

    /// Returns the number of its process.
    pub fn process(&self) -> u32 {
        unpoisoned(&self.child).id()
    }

    /// Waits for the child without holding its lock, so that it can be killed meanwhile.
    pub fn wait(&self) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = unpoisoned(&self.child).try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for RunningChild<'_> {
    fn drop(&mut self) {
        kill(&self.child);
        let mut state = unpoisoned(&self.children.state);
        state.running.retain(|(_, child)| !Arc::ptr_eq(child, &self.child));
    }
}

fn kill(child: &Mutex<Child>) {
    let mut child = unpoisoned(child);
    // Killing fails only for a process that is already gone, which is fine. `wait` leaves no zombie.
    if child.kill().is_ok() {
        drop(child.wait());
    }
}

/// Locks a mutex even after a thread panicked while holding it: the lists are changed by single calls, so
/// they stay consistent.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
