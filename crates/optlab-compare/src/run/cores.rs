//! The processors of this machine, and the pinning of workers to them.

use crate::Error;
#[cfg(target_os = "linux")]
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::process::Pid;
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Returns the numbers of the processors that this process may use; on systems that do not report them,
/// numbers from 0 up to the available parallelism.
pub fn available() -> Vec<usize> {
    match allowed() {
        allowed if !allowed.is_empty() => allowed,
        _ => (0..std::thread::available_parallelism().map_or(1, usize::from)).collect(),
    }
}

/// Returns the processors of the worker in `slot`, with `threads` processors per worker, as a list: "2,3".
/// `None` if there are not enough processors for that slot, or the system cannot pin a process.
pub fn share(slot: usize, threads: usize) -> Option<String> {
    let allowed = allowed();
    let mine = allowed.get(slot * threads..(slot + 1) * threads)?;
    Some(mine.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
}

/// Returns the number of processors per worker for `jobs` workers: an equal share of all, and at least one.
pub fn threads(jobs: usize) -> usize {
    (available().len() / jobs.max(1)).max(1)
}

/// Returns whether each of `jobs` workers can be pinned to its own processors.
pub fn are_enough(jobs: usize) -> bool {
    share(jobs.saturating_sub(1), threads(jobs)).is_some()
}

/// Reads a list in the form of [`share`].
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for text that is not a list of numbers.
pub fn parse(list: &str) -> Result<Vec<usize>, Error> {
    let invalid = |_| Error::invalid("worker", "cores", "numbers with commas between them", list);
    list.split(',').map(|number| number.parse().map_err(invalid)).collect()
}

/// Pins all threads of this process, and the threads that they start later, to these processors.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io) if the system refuses.
#[cfg(target_os = "linux")]
pub fn hold_to(cores: &[usize]) -> Result<(), Error> {
    let mut set = CpuSet::new();
    cores.iter().filter(|&&core| core < CpuSet::MAX_CPU).for_each(|&core| set.set(core));
    let tasks = "/proc/self/task";
    for entry in std::fs::read_dir(tasks).map_err(Error::io("read", tasks))? {
        let name = entry.map_err(Error::io("read", tasks))?.file_name();
        let thread = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        // A thread may have ended since the folder was read.
        match sched_setaffinity(thread, &set) {
            Err(Errno::SRCH) | Ok(()) => {}
            Err(error) => {
                return Err(Error::io("hold this process to", format!("processors {cores:?}"))(error.into()));
            }
        }
    }
    Ok(())
}

/// Does nothing, since this system cannot pin a process.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn hold_to(_cores: &[usize]) -> Result<(), Error> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn workers_share_the_processors_without_overlap() {
        let all = available();
        let of_one = |slot| share(slot, 1).map(|list| parse(&list).unwrap());
        let shares: Vec<usize> = (0..all.len()).flat_map(|slot| of_one(slot).unwrap()).collect();
        assert_eq!(shares, all);
        assert_eq!(
            (share(0, all.len()).is_some(), share(1, all.len()), share(all.len(), 1)),
            (true, None, None)
        );
        assert!(are_enough(all.len()) && !are_enough(all.len() + 1));
        assert!(parse("1,x").is_err());
    }
}
