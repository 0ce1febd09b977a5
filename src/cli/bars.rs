//! The progress display of many trials: one bar for all of them and one per running trial.

use crate::Error;
use crate::cli::output;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use optlab_compare::report::labels::counted;
use optlab_compare::report::number;
use optlab_compare::run::cost::{Cost, Offer};
use optlab_compare::run::events::RunnerEvents;
use optlab_compare::run::signals;
use optlab_compare::run::worker::{Evaluated, Measure, Progress};
use optlab_core::Metric;
use optlab_train::train::{Outcome, Status, Trial};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Progress bars on standard error, with a line there for each lost trial.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<usize, TrialBar>,
    lines: Option<Lines>,
}

/// Lines instead of bars, where standard error is no terminal.
struct Lines {
    began: Instant,
    latest: Instant,
}

/// The time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The estimated time from which on it is printed.
const WORTH_TELLING: Duration = Duration::from_secs(10);

impl Lines {
    fn new() -> Self {
        let now = Instant::now();
        Lines { began: now, latest: now }
    }

    /// Returns the line that is due at `now`, if one is.
    fn due(&mut self, now: Instant, ended: u64, planned: u64) -> Option<String> {
        if now.duration_since(self.latest) < BETWEEN_LINES {
            return None;
        }
        self.latest = now;
        let seconds = now.duration_since(self.began).as_secs();
        Some(format!("{ended} of {planned} trials so far have ended, after {seconds} s"))
    }
}

/// A running trial.
struct TrialBar {
    bar: ProgressBar,
    title: String,
    loss: String,
    metric: String,
    measured: Metric,
}

impl Bars {
    /// Returns bars for trials that are still to be planned.
    pub fn new() -> Self {
        let all = MultiProgress::with_draw_target(output::bars());
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{elapsed:>4} [{bar:30}] {pos}/{len} trials, {eta} left"));
        total.enable_steady_tick(Duration::from_millis(500));
        let lines = (!output::has_bars()).then(Lines::new);
        Bars { all, total, running: BTreeMap::new(), lines }
    }

    /// Prints a line if one is due.
    fn tell(&mut self) {
        let (ended, planned) = (self.total.position(), self.total.length().unwrap_or(0));
        if let Some(line) = self.lines.as_mut().and_then(|lines| lines.due(Instant::now(), ended, planned)) {
            output::note(format_args!("{line}\n"));
        }
    }

    /// Removes the bars.
    pub fn clear(&self) {
        // The place where they are drawn reports no errors.
        self.all.clear().unwrap_or_default();
    }
}

/// Returns what a comparison costs, and what cheaper plans of the same arms would.
pub fn cost_in_words(cost: &Cost) -> String {
    let mut text = format!(
        "{} in about {}, judged by the first trial of each arm{}\n",
        counted(cost.trials, "trial"),
        rounded(cost.time),
        if cost.is_measured { "" } else { ", without the start of its process" }
    );
    if cost.by_workload.len() > 1 {
        let each = cost.by_workload.iter().map(|(name, time)| format!("{name} {}", rounded(*time)));
        text.push_str(&format!("  of which {}\n", each.collect::<Vec<_>>().join(", ")));
    }
    for Offer { change, consequence, time } in &cost.offers {
        text.push_str(&format!("  cheaper: {change}, about {}; {consequence}\n", rounded(*time)));
    }
    text
}

/// Returns a time with its two largest units: `1h 20m`, `45s`.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let unit = if seconds < 100.0 { 1.0 } else { 60.0 };
    humantime::format_duration(Duration::from_secs_f64((seconds / unit).round().max(1.0) * unit)).to_string()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            // Writing to a string does not fail.
            write!(text, "{:.0}/s", state.per_sec()).unwrap_or_default();
        })
        .progress_chars("=> ")
}

fn title(trial: &Trial) -> String {
    format!("{} {} lr {} seed {}", trial.workload, trial.optimizer, number::short(trial.lr), trial.seed)
}

impl TrialBar {
    fn show(&self) {
        // A narrow terminal wraps the line, so the title comes last.
        let parts = [self.loss.as_str(), &self.metric, &self.title];
        let told: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.bar.set_message(told.join(", "));
    }
}

impl RunnerEvents for Bars {
    fn planned(&mut self, trials: usize) {
        self.total.inc_length(trials as u64);
    }

    fn noted(&mut self, note: &str) {
        self.all.suspend(|| output::note(format_args!("{note}\n")));
    }

    fn estimated(&mut self, cost: &Cost) {
        // The bars of the trials that the estimate is from.
        std::mem::take(&mut self.running).into_values().for_each(|running| running.bar.finish_and_clear());
        if cost.time >= WORTH_TELLING {
            self.all.suspend(|| output::note(cost_in_words(cost)));
        }
    }

    fn skipped(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) {
        self.total.inc(1);
        self.total.reset_eta();
    }

    fn started(&mut self, index: usize, trial: &Trial, attempt: usize) {
        if let Some(before) = self.running.remove(&index) {
            before.bar.finish_and_clear();
        }
        // A signal to the whole process group ends the worker and then this process.
        if attempt > 1 && signals::requested().is_none() {
            self.all.suspend(|| {
                output::note(format_args!("{}: its worker died or hung; retrying\n", title(trial)));
            });
        }
        let bar = self.all.add(ProgressBar::new(0));
        bar.set_style(style("     starting {msg}"));
        let (loss, metric) = (String::new(), String::new());
        let running = TrialBar { bar, title: title(trial), loss, metric, measured: Metric::unknown() };
        running.show();
        self.running.insert(index, running);
    }

    fn progress(&mut self, index: usize, _trial: &Trial, progress: Progress) {
        if let Some(running) = self.running.get_mut(&index) {
            let bar = &running.bar;
            if bar.length() != Some(progress.total_steps as u64) {
                bar.set_style(style("     [{bar:12}] {pos}/{len} steps, {rate}, {eta} left, {msg}"));
                bar.set_length(progress.total_steps as u64);
            }
            bar.set_position(progress.step as u64);
            running.loss = match progress.loss {
                Some(loss) => format!("loss {loss:.4}"),
                None => "loss not finite".into(),
            };
            running.show();
        }
        self.tell();
    }

    fn measures(&mut self, index: usize, measure: &Measure) {
        if let Some(running) = self.running.get_mut(&index) {
            running.measured = measure.metric.clone();
        }
    }

    fn evaluated(&mut self, index: usize, _trial: &Trial, evaluated: &Evaluated) {
        if let Some(running) = self.running.get_mut(&index) {
            running.bar.set_position(evaluated.step as u64);
            let metric = &running.measured;
            running.metric = format!("{metric} {}", number::metric(metric, evaluated.score.metric));
            running.show();
        }
    }

    fn finished(&mut self, index: usize, trial: &Trial, outcome: &Outcome) -> Result<(), Error> {
        if let Some(running) = self.running.remove(&index) {
            running.bar.finish_and_clear();
        }
        self.total.inc(1);
        if matches!(outcome.status, Status::Diverged | Status::Failed) {
            let how = if outcome.status == Status::Diverged { "diverged" } else { "failed" };
            let reason = outcome.reason.as_deref().unwrap_or_default();
            self.all.suspend(|| output::note(format_args!("{}: {how}: {reason}\n", title(trial))));
        }
        self.tell();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_a_line_is_due_every_ten_seconds() {
        let mut lines = Lines::new();
        let mut at = |seconds| lines.due(lines.began + Duration::from_secs(seconds), 3, 8);
        assert_eq!(at(9), None);
        assert_eq!(at(10).unwrap(), "3 of 8 trials so far have ended, after 10 s");
        assert_eq!(at(19), None);
        assert!(at(25).is_some() && at(26).is_none());
    }
}
