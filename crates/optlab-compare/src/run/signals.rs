//! Gives workers the default handling of signals.

/// Lets SIGINT and SIGQUIT end the processes that this process starts, even if this process ignores these
/// signals.
///
/// A shell starts a job with `&` so that it ignores both signals, and a child inherits this: an interrupted
/// worker would continue and later count as hanging. A signal with a handler has its default handling in a
/// child, so this function installs a handler that does nothing for each ignored signal. This process still
/// survives both signals. On systems without `/proc` nothing changes.
pub(super) fn restore_for_children() {
    #[cfg(target_os = "linux")]
    {
        use signal_hook::consts::{SIGINT, SIGQUIT};
        use std::sync::Arc;
        use std::sync::Once;
        use std::sync::atomic::AtomicBool;

        static RESTORED: Once = Once::new();
        RESTORED.call_once(|| {
            let ignored = ignored_signals();
            for signal in [SIGINT, SIGQUIT].into_iter().filter(|signal| ignored & (1 << (signal - 1)) != 0) {
                // Registering fails only for signals that cannot be caught.
                let _registered = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
            }
        });
    }
}

/// Returns the signals that this process ignores, one bit each, the lowest for signal 1; 0 if the system does
/// not report them.
#[cfg(target_os = "linux")]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
