//! Judges whether a silent worker hangs, by time in which it could have worked.

use std::time::Duration;

/// The number of ticks in the time after which a silent worker hangs.
const TICKS: u32 = 40;

/// The silence of a worker, counted in ticks in which both processes ran.
///
/// A wall clock goes on while the whole job is stopped with Ctrl-Z or the machine sleeps. A tick during which
/// that happens takes longer, but counts as one tick.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    counted: Duration,
}

impl Silence {
    /// Creates a count that reaches its end after `limit`.
    pub fn new(limit: Duration) -> Self {
        Silence { limit, counted: Duration::ZERO }
    }

    /// Returns how long to wait for a message until the next tick.
    pub fn tick(&self) -> Duration {
        (self.limit / TICKS).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }

    /// Begins anew, after a message.
    pub fn is_broken(&mut self) {
        self.counted = Duration::ZERO;
    }

    /// Counts a tick without a message, and returns whether the worker hangs. A tick in which the worker was
    /// stopped does not count.
    pub fn goes_on(&mut self, worker_is_stopped: bool) -> bool {
        if !worker_is_stopped {
            self.counted += self.tick();
        }
        self.counted >= self.limit
    }
}

/// Returns whether a process is stopped, by a signal or a debugger; false if the system does not say.
pub(super) fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name before the state is in brackets and may contain any character.
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    matches!(state, Some('T' | 't'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_ends_after_its_limit_in_ticks_and_begins_anew_with_each_message() {
        for limit in [300, 40_000, 600_000].map(Duration::from_millis) {
            let mut silence = Silence::new(limit);
            let ticks = limit.as_nanos().div_ceil(silence.tick().as_nanos());
            for _ in 1..ticks {
                assert!(!silence.goes_on(false));
            }
            silence.is_broken();
            for _ in 1..ticks {
                assert!(!silence.goes_on(false));
                assert!(!silence.goes_on(true), "a stopped worker does not hang");
            }
            assert!(silence.goes_on(false));
        }
    }
}
