//! The signals that ask the program to stop, and the handling of signals in the workers that it starts.
//!
//! | signal                     | effect                                                                       |
//! |:---------------------------|:-----------------------------------------------------------------------------|
//! | SIGINT, SIGTERM, SIGHUP,   | after [`catch_stops`]: a request that [`requested`] returns                  |
//! | SIGXCPU                    | after [`end_on_stop`]: runs a function, then ends the process                |
//! |                            | before both: the default, which ends the process                             |
//! | SIGINT or SIGTERM again    | ends the process at once                                                     |
//! | SIGXFSZ                    | after these two or [`survive_file_size_limit`]: none, and the write that     |
//! |                            | caused it fails with EFBIG                                                   |
//!
//! A process that ends on request has the exit code [`code`], 128 + signal. A signal that the process ignores
//! from its start on stays ignored: `nohup` ignores SIGHUP, a shell's `&` SIGINT and SIGQUIT. Systems without
//! `/proc` do not report ignored signals, and a handler replaces them there.
//!
//! A second signal only counts a moment after the first: `timeout` signals the process and then its group,
//! and so this process twice. SIGHUP and SIGXCPU never count as first or second: both the terminal and the
//! shell send the one, and the system the other every second.

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGQUIT, SIGXCPU, SIGXFSZ};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// The signals that ask a process to stop.
#[cfg(unix)]
const STOPS: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGXCPU];
#[cfg(not(unix))]
const STOPS: [i32; 2] = [SIGINT, SIGTERM];

/// The signals that end a process at once if it was asked to stop by one of them before.
const INSISTS: [i32; 2] = [SIGINT, SIGTERM];

/// The time between two looks at [`LATEST`].
const INTERVAL: Duration = Duration::from_millis(50);

/// The time after a request from which on another SIGINT or SIGTERM ends the process.
const PATIENCE: Duration = Duration::from_millis(250);

/// The latest signal that asked this process to stop; 0 for none.
static LATEST: AtomicUsize = AtomicUsize::new(0);

/// Whether another SIGINT or SIGTERM ends the process.
static IS_IMPATIENT: AtomicBool = AtomicBool::new(false);

/// The function of [`end_on_stop`].
static LAST: Mutex<Option<Last>> = Mutex::new(None);

type Last = Box<dyn FnOnce() + Send>;

/// Returns the first signal that asked this process to stop.
pub fn requested() -> Option<i32> {
    static FIRST: OnceLock<i32> = OnceLock::new();
    latest().map(|latest| *FIRST.get_or_init(|| latest))
}

fn latest() -> Option<i32> {
    i32::try_from(LATEST.load(Ordering::SeqCst)).ok().filter(|&signal| signal > 0)
}

/// Returns the exit code of a process that stops on request: 128 + signal, that of Ctrl-C if no signal came.
pub fn code() -> u8 {
    u8::try_from(128 + requested().unwrap_or(SIGINT)).unwrap_or(u8::MAX)
}

/// Turns the signals that end this process into requests to stop, which the caller looks for with
/// [`requested`].
///
/// # Errors
/// The system's, if it refuses a handler or a thread.
pub fn catch_stops() -> io::Result<()> {
    static CAUGHT: Once = Once::new();
    let mut result = Ok(());
    CAUGHT.call_once(|| result = install());
    result
}

/// Ends this process when it is asked to stop, after a call of `last`, which says how to resume.
///
/// # Errors
/// The system's, if it refuses a handler or a thread.
pub fn end_on_stop(last: impl FnOnce() + Send + 'static) -> io::Result<()> {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(last));
    catch_stops()
}

/// Ends this process if it is to end on request and a request came. The thread that waits for requests would
/// do the same some milliseconds later, and an error that the same signal caused need not be reported.
pub fn end_if_requested() {
    if requested().is_none() {
        return;
    }
    // Held to the end, so that a second caller waits for the end of the process.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(last) = last.take() {
        last();
        std::process::exit(code().into());
    }
}

/// Lets a write beyond the limit on the size of files (`ulimit -f`) fail with an error instead of ending this
/// process.
pub fn survive_file_size_limit() {
    #[cfg(unix)]
    {
        static SURVIVED: AtomicBool = AtomicBool::new(false);
        if !is_ignored(SIGXFSZ) {
            // Registering fails only for signals that cannot be caught.
            let _registered = flag::register(SIGXFSZ, &SURVIVED);
        }
    }
}

/// Lets SIGINT and SIGQUIT end the processes that this process starts, even if this process ignores these
/// signals.
///
/// A shell starts a job with `&` so that it ignores both signals, and a child inherits this: an interrupted
/// worker would continue and later count as hanging. A signal with a handler has its default handling in a
/// child, so this function installs a handler that does nothing for each ignored signal. This process still
/// survives both signals. On systems without `/proc` nothing changes.
pub(super) fn restore_for_children() {
    #[cfg(unix)]
    {
        static IGNORED: AtomicBool = AtomicBool::new(false);
        static RESTORED: Once = Once::new();
        RESTORED.call_once(|| {
            for signal in [SIGINT, SIGQUIT].into_iter().filter(|&signal| is_ignored(signal)) {
                // Registering fails only for signals that cannot be caught.
                let _registered = flag::register(signal, &IGNORED);
            }
        });
    }
}

fn install() -> io::Result<()> {
    survive_file_size_limit();
    for signal in STOPS.into_iter().filter(|&signal| !is_ignored(signal)) {
        // The first action must not see the flag that the same signal sets.
        if INSISTS.contains(&signal) {
            flag::register_conditional_shutdown(signal, 128 + signal, &IS_IMPATIENT)?;
        }
        flag::register_usize(signal, &LATEST, signal.unsigned_abs() as usize)?;
    }
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

/// Waits for a request.
fn wait() {
    while requested().is_none() {
        thread::sleep(INTERVAL);
    }
    // In a thread of its own: the last words may never be read.
    if thread::Builder::new().spawn(lose_patience).is_err() {
        IS_IMPATIENT.store(true, Ordering::SeqCst);
    }
    end_if_requested();
}

/// Lets another SIGINT or SIGTERM end this process, some time after the first of them.
fn lose_patience() {
    while latest().is_none_or(|signal| !INSISTS.contains(&signal)) {
        thread::sleep(INTERVAL);
    }
    thread::sleep(PATIENCE);
    IS_IMPATIENT.store(true, Ordering::SeqCst);
}

/// Returns whether this process ignored a signal when it was first asked; later its handlers hide that.
fn is_ignored(signal: i32) -> bool {
    static IGNORED: OnceLock<u64> = OnceLock::new();
    IGNORED.get_or_init(ignored_signals) & (1 << (signal - 1)) != 0
}

/// Returns the signals that this process ignores, one bit each, the lowest for signal 1; 0 if the system does
/// not report them.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
