//! The machine and software that a run uses.

use crate::device;
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::time::SystemTime;

/// The machine and software of a run, saved as `environment.json` in the run folder. They decide how long a
/// run takes, and the last bits of what it computes ([`decides_bytes`](Self::decides_bytes)).
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
    /// The processor's name, if the system provides it.
    pub cpu: Option<String>,
    /// The graphics processor and its driver, for a GPU backend and if the system provides them.
    #[serde(default)]
    pub gpu: Option<String>,
    /// The widest vectors of the processor, in bits; `None` if this program does not ask this processor.
    #[serde(default)]
    pub vector_bits: Option<usize>,
    /// Number of logical processors.
    pub processors: usize,
    /// Number of threads that the CPU backends use.
    pub threads: usize,
    /// Start time of the run, or of its first part here, RFC 3339 in UTC.
    pub started: String,
    /// Where earlier parts of the run were made, if it was resumed on another machine or with other software.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Environment>,
}

impl Environment {
    /// Describes this machine now, for a run on `backend`.
    pub fn here(backend: &str) -> Self {
        let available = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = std::env::var("RAYON_NUM_THREADS").map(|text| text.parse::<usize>());
        Environment {
            optlab_version: env!("CARGO_PKG_VERSION").into(),
            burn_version: "0.22.1".into(),
            backend: backend.into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: cpu_name(),
            gpu: gpu_name(backend),
            vector_bits: vector_bits(),
            // Counts the whole machine's processors: a worker may be restricted to some of them.
            processors: processors().unwrap_or(available),
            threads: match threads {
                Ok(Ok(threads)) if threads > 0 => threads,
                _ => available,
            },
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            earlier: Vec::new(),
        }
    }

    /// Returns this environment for a run that goes on here, and was `before` in another or the same.
    pub(super) fn after(self, before: Environment) -> Environment {
        let Environment { started, earlier, .. } = before.clone();
        let last = Environment { earlier: Vec::new(), ..before };
        if last == (Environment { started: started.clone(), ..self.clone() }) {
            return Environment { started, earlier, ..self };
        }
        // Each place once, so that a run that moves to and fro does not fill the file.
        let is_other = |it: &Environment| Environment { started: last.started.clone(), ..it.clone() } != last;
        let mut earlier: Vec<Environment> = earlier.into_iter().filter(is_other).collect();
        earlier.push(last);
        Environment { earlier, ..self }
    }

    /// Returns what the bytes of a run rest on: the same trial gives the same bytes wherever this is the
    /// same. Sums are grouped by the width of the vectors, and each backend and driver has its own order of
    /// operations. A file from before the width was written gets that of `other`.
    pub fn decides_bytes(&self, other: &Environment) -> String {
        let Environment { optlab_version, burn_version, backend, platform, gpu, .. } = self;
        let vector_bits = self.vector_bits.or(other.vector_bits);
        let mut words = format!("optlab {optlab_version}, Burn {burn_version}, {backend}, {platform}");
        if let Some(bits) = vector_bits {
            words += &format!(", vectors of {bits} bits");
        }
        if let Some(gpu) = gpu {
            words += &format!(", {gpu}");
        }
        words
    }
}

/// Returns the number of bits of the widest vectors of this processor, if it is of a kind that can be asked.
fn vector_bits() -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
        let widths = [
            (std::arch::is_x86_feature_detected!("avx512f"), 512),
            (std::arch::is_x86_feature_detected!("avx2"), 256),
        ];
        Some(widths.into_iter().find(|(has, _)| *has).map_or(128, |(_, bits)| bits))
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// Returns the peak memory of this process in bytes, if the system provides it.
pub(super) fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the share of the time in which the threads of this process wanted a processor and had to wait for
/// one, if the system provides it.
pub(super) fn waiting_share() -> Option<f64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let texts = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    share_of_waiting(texts)
}

/// Returns that share from the `schedstat` of each thread, which begins with the nanoseconds that it ran and
/// those that it waited.
fn share_of_waiting(texts: impl Iterator<Item = String>) -> Option<f64> {
    let (mut ran, mut waited) = (0.0, 0.0);
    for text in texts {
        let mut numbers = text.split_whitespace().map(str::parse::<f64>);
        let (Some(Ok(running)), Some(Ok(waiting))) = (numbers.next(), numbers.next()) else { continue };
        ran += running;
        waited += waiting;
    }
    (ran > 0.0).then(|| waited / (ran + waited))
}

/// Returns the GPU's name from the driver's own program; `None` for a CPU backend.
fn gpu_name(backend: &str) -> Option<String> {
    let is_host = device::parse(backend).map_or(true, |(backend, _)| backend.is_host);
    let told = |program: &str, arguments: &[&str]| -> Option<String> {
        let output = Command::new(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if is_host {
        return None;
    }
    if let Some(text) = told("nvidia-smi", &["--query-gpu=name,driver_version", "--format=csv,noheader"]) {
        return text.lines().next().map(|line| line.trim().replace(", ", ", driver "));
    }
    let text = told("vulkaninfo", &["--summary"])?;
    let value = |key: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(key))?;
        Some(line.split_once('=')?.1.trim().to_string())
    };
    Some(format!("{}, driver {}", value("deviceName")?, value("driverInfo").unwrap_or_default()))
}

fn processors() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(text.lines().filter(|line| line.starts_with("processor")).count()).filter(|&count| count > 0)
}

fn cpu_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_moves_keeps_where_its_earlier_parts_were_made() {
        let first = Environment { started: "1".into(), ..Environment::here("flex") };
        let same = Environment { started: "2".into(), ..first.clone() };
        assert_eq!(same.after(first.clone()), first);
        let other = Environment { started: "3".into(), vector_bits: Some(64), ..first.clone() };
        let moved = other.clone().after(first.clone());
        assert_eq!(moved, Environment { earlier: vec![first.clone()], ..other.clone() });
        let back = Environment { started: "4".into(), ..first.clone() }.after(moved);
        assert_eq!(back.earlier, [first.clone(), other.clone()]);
        let again = Environment { started: "5".into(), ..other.clone() }.after(back);
        assert_eq!(again.earlier.len(), 2, "{again:?}");
    }

    #[test]
    fn the_share_of_waiting_is_over_all_threads_and_unknown_without_one_that_ran() {
        let share = |texts: &[&str]| share_of_waiting(texts.iter().map(|text| text.to_string()));
        assert_eq!(share(&["600 100 3\n", "200 100 9\n"]), Some(0.2));
        assert_eq!(share(&["600 0 3", "damaged"]), Some(0.0));
        assert_eq!((share(&["0 0 0"]), share(&[])), (None, None));
    }
}
