use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// Where a run took place; the run folder's `environment.json`. It decides how long a run takes, not what it computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// This crate's version.
    pub optlab_version: String,
    /// Burn's version.
    pub burn_version: String,
    /// The backend, as the trial names it.
    pub backend: String,
    /// Operating system and architecture.
    pub platform: String,
    /// The processor's name, where the system tells it.
    pub cpu: Option<String>,
    /// Logical processors.
    pub processors: usize,
    /// Threads that the CPU backends use.
    pub threads: usize,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
}

impl Environment {
    /// This machine, now, for a run on `backend`.
    pub fn here(backend: &str) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = std::env::var("RAYON_NUM_THREADS").map(|text| text.parse::<usize>());
        Environment {
            optlab_version: env!("CARGO_PKG_VERSION").into(),
            burn_version: "0.22.1".into(),
            backend: backend.into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: cpu_name(),
            processors,
            threads: match threads {
                Ok(Ok(threads)) if threads > 0 => threads,
                _ => processors,
            },
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }
}

/// The most memory that this process has held, in bytes, where the system tells it.
pub(super) fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn cpu_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}
