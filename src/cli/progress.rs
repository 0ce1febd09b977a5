//! The progress display of `train`: a bar on standard error, a line per epoch on standard output.

use crate::cli::{output, warn_passed_over};
use indicatif::{ProgressBar, ProgressStyle};
use optlab_compare::report::labels::counted;
use optlab_compare::run::signals;
use optlab_train::train::{EpochReport, Observer, Outcome, SlowRule, Start, Status};
use optlab_train::workload::Info;
use std::time::{Duration, Instant};

/// The most lines of epochs; of more epochs every second, third … has a line.
const MOST_LINES: usize = 100;

/// Formats seconds with two significant digits, in the largest unit that leaves one before the point.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 5400.0 => format!("{:.1} h", s / 3600.0),
        s if s >= 90.0 => format!("{:.1} min", s / 60.0),
        s if s >= 1.0 => format!("{s:.1} s"),
        s => format!("{:.2} ms", s * 1e3),
    }
}

/// A progress bar, and a line per epoch.
pub struct Progress {
    info: Info,
    epochs: usize,
    bar: ProgressBar,
    shown: Option<Instant>,
}

impl Progress {
    /// Returns the display of a run of the workload that `info` describes. From now on Ctrl-C, SIGTERM and
    /// SIGHUP end the run with a checkpoint, and a second Ctrl-C or SIGTERM ends the program.
    pub fn new(info: Info) -> Self {
        if let Err(error) = signals::catch_stops() {
            output::warn(format_args!("Ctrl-C will end the run without a checkpoint ({error})"));
        }
        Progress { info, epochs: 0, bar: ProgressBar::hidden(), shown: None }
    }

    fn line(&self, line: &str) {
        self.bar.suspend(|| output::tell(line));
    }
}

impl Observer for Progress {
    fn start(&mut self, start: &Start) {
        warn_passed_over(start.passed_over);
        self.epochs = start.epochs;
        let [train, validation, test] = start.examples;
        output::tell(format_args!(
            "{}: {}; {} for training, {validation} for validation, {test} for testing",
            self.info.name,
            counted(start.parameters, "parameter"),
            counted(train, "example")
        ));
        let (smallest, largest) = start.batch_sizes;
        if smallest < largest {
            output::tell(format_args!(
                "batches of {smallest} to {largest} examples, {} in {}",
                counted(start.epochs, "epoch"),
                counted(start.total_steps, "step")
            ));
        }
        if start.resumed_step > 0 {
            output::tell(format_args!("resuming after step {} of {}", start.resumed_step, start.total_steps));
        }
        if let Some(before) = start.elsewhere {
            output::warn(format_args!(
                "this run began with {before}: here its last bits may differ from an uninterrupted run's"
            ));
        }
        if let Some(SlowRule { rule_seconds, model_seconds }) = start.slow_rule {
            output::warn(format_args!(
                "a step of this optimizer will take about {}, {:.0} times the model's {}: some {} in all",
                duration(rule_seconds),
                rule_seconds / model_seconds,
                duration(model_seconds),
                duration(rule_seconds * (start.total_steps - start.resumed_step) as f64),
            ));
        }
        let style =
            ProgressStyle::with_template("{elapsed:>4} [{bar:30}] {pos}/{len} steps, {msg}, {eta} left");
        self.bar = ProgressBar::with_draw_target(Some(start.total_steps as u64), output::bars())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "))
            .with_position(start.resumed_step as u64);
        self.bar.reset_eta();
    }

    fn step(&mut self, step: usize, loss: f64) {
        // The training clock runs here, and a step may take as little as ten microseconds.
        if self.shown.is_some_and(|shown| shown.elapsed() < Duration::from_millis(50)) {
            return;
        }
        self.shown = Some(Instant::now());
        self.bar.set_position(step as u64);
        self.bar.set_message(format!("loss {}", short(loss)));
    }

    fn epoch(&mut self, report: &EpochReport) {
        let every = self.epochs.div_ceil(MOST_LINES);
        if report.epoch != self.epochs && !report.epoch.is_multiple_of(every) && report.epoch != 1 {
            return;
        }
        let metric = self.info.metric();
        let validation = report.validation.as_ref().map_or_else(String::new, |score| {
            let best = if report.is_best { "  (best)" } else { "" };
            format!("  validation loss {}  {metric} {}{best}", short(score.loss), short(score.metric))
        });
        self.line(&format!(
            "epoch {:>3}/{}  {:>6.1} s  lr {:.2e}  train loss {}{validation}",
            report.epoch,
            self.epochs,
            report.training_seconds,
            report.lr,
            short(report.train_loss)
        ));
    }

    fn rollback(&mut self, from: usize, to: usize, lr_factor: f64, reason: &str) {
        self.line(&format!(
            "{reason}: back to step {to} from step {from}, with the learning rate times {lr_factor}"
        ));
    }

    fn interrupts(&mut self) -> bool {
        signals::requested().is_some()
    }

    fn end(&mut self, outcome: &Outcome) {
        self.bar.finish_and_clear();
        match outcome.status {
            Status::Diverged => {}
            Status::StoppedEarly => output::tell(format_args!("stopped early after step {}", outcome.steps)),
            _ => {
                if let Some(milliseconds) = outcome.step_milliseconds {
                    output::tell(format_args!(
                        "{} in {:.1} s, {milliseconds:.2} ms per step; first step {:.2} s",
                        counted(outcome.steps, "step"),
                        outcome.training_seconds,
                        outcome.first_step_seconds
                    ));
                }
            }
        }
        if outcome.skipped_steps > 0 {
            let steps = counted(outcome.skipped_steps as usize, "step");
            output::tell(format_args!("{steps} skipped, with gradients that were not finite"));
        }
        if let Some(instability) = outcome.instability() {
            output::warn(format_args!("this run was unstable: {instability}; optlab diagnose says more"));
        }
        print_test(outcome);
    }
}

/// Returns a loss or a metric with four decimals, or as a power of ten where that would be long.
fn short(value: f64) -> String {
    if value.abs() < 1e6 { format!("{value:.4}") } else { format!("{value:.3e}") }
}

/// Prints the measures on the test part, and which checkpoint they are of.
pub fn print_test(outcome: &Outcome) {
    let Some(test) = &outcome.test else { return };
    match outcome.best_step {
        Some(step) => {
            output::tell(format_args!("with the checkpoint of step {step}, the best on the validation part:"))
        }
        None => output::tell(format_args!("with the last checkpoint, of step {}:", outcome.steps)),
    }
    output::tell(format_args!("test {} {:.4}", outcome.metric, test.metric));
    for (name, value) in &test.others {
        output::tell(format_args!("test {name} {value:.4}"));
    }
}
