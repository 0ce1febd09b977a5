//! Signals that child processes hear, also in a job that ignores them.

/// Lets SIGHUP, SIGINT and SIGQUIT have their default handling in the programs that this test starts, even if
/// this process ignores them: `nohup` ignores the first, a shell's `&` the others, and a child inherits this.
/// A signal with a handler has its default handling in a child; the handler does nothing.
#[cfg(unix)]
pub fn children_hear_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};
    use std::sync::Once;
    use std::sync::atomic::AtomicBool;
    static HEARD: AtomicBool = AtomicBool::new(false);
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        for signal in [SIGHUP, SIGINT, SIGQUIT] {
            if ignored & (1 << (signal - 1)) != 0 {
                signal_hook::flag::register(signal, &HEARD).unwrap();
            }
        }
    });
}

#[cfg(not(unix))]
pub fn children_hear_signals() {}
