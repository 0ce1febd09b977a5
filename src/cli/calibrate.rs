//! `optlab calibrate`: measures how often verdicts on a workload are wrong.

use crate::Error;
use crate::cli::Exit;
use crate::cli::data_warnings::DataWarnings;
use crate::cli::one_workload::OneWorkload;
use crate::cli::output;
use clap::Args;
use optlab_compare::plan::arm::Arm;
use optlab_compare::plan::tuning::Tuning;
use optlab_compare::plan::{Plan, Seeds};
use optlab_compare::report::number;
use optlab_compare::result::comparison::Comparison;
use optlab_compare::result::summary::Summary;
use optlab_compare::result::verdicts::ALPHA;
use optlab_compare::run::experiment::Experiment;
use optlab_compare::run::folder::{self, Kind};
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::search::{Dimension, Distribution, Space};
use optlab_stats::statistics::calibration::Calibration;
use optlab_stats::statistics::proportion::Proportion;
use std::ffi::OsString;
use std::fmt::Write;

/// The statistical powers at which the smallest differences are printed.
const USUAL: f64 = 0.8;
const ALMOST_ALWAYS: f64 = 0.95;

/// The largest number of splits, each of which holds its runs.
const MOST_SPLITS: usize = 1_000_000;

/// Arguments of `optlab calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    #[command(flatten)]
    on: OneWorkload,
    /// The optimizer: name or name:key=value,key=value; `lr` may be among the keys
    #[arg(long, value_name = "SPEC")]
    optimizer: OptimizerChoice,
    /// Number of runs, or with --tune of replicates; each side of a comparison gets half of them
    #[arg(long, allow_negative_numbers = true, default_value_t = 40, value_name = "N")]
    seeds: u64,
    /// Number of random splits of the runs into two sides
    #[arg(long, allow_negative_numbers = true, default_value_t = 10_000, value_name = "N")]
    splits: usize,
    /// Tune the optimizer anew for each run, with TRIALS trials: calibrates the whole procedure of
    /// `optlab compare --tune TRIALS` [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "TRIALS")]
    tune: Option<usize>,
    /// Also run the optimizer with its learning rate times FACTOR, a difference to detect, as 0.1; with
    /// --tune, the learning rates of its search space
    #[arg(long, allow_negative_numbers = true, value_name = "FACTOR")]
    planted: Option<f64>,
    /// The learning-rate schedule [default: constant]
    #[arg(long, value_name = "SPEC")]
    schedule: Option<ScheduleSpec>,
}

impl CalibrateArgs {
    fn check(&self) -> Result<(), Error> {
        if self.seeds < 4 {
            return Err(Error::invalid("calibrate", "seeds", "at least 4, two for each side", self.seeds));
        }
        if self.splits == 0 {
            return Err(Error::invalid("calibrate", "splits", "at least 1", 0));
        }
        if self.splits > MOST_SPLITS {
            return Err(Error::invalid(
                "calibrate",
                "splits",
                &format!("at most {MOST_SPLITS}"),
                self.splits,
            ));
        }
        match self.planted {
            Some(factor) if !(factor > 0.0 && factor.is_finite() && factor != 1.0) => {
                Err(Error::invalid("calibrate", "planted", "in (0, ∞) and not 1", factor))
            }
            _ => Ok(()),
        }
    }

    fn plan(&self) -> Result<Plan, Error> {
        let default = Plan::default();
        let schedule =
            self.schedule.clone().into_iter().chain(default.schedules.clone()).take(1).collect::<Vec<_>>();
        let planted = self.planted.map(|factor| self.planted_arm(factor, schedule[0].clone()));
        Ok(Plan {
            optimizers: vec![self.optimizer.clone()],
            arms: planted.into_iter().collect(),
            schedules: schedule,
            seeds: Seeds::Count(self.seeds),
            tuning: Tuning { trials: self.tune.unwrap_or(0), ..default.tuning },
            ..self.on.plan()?
        })
    }

    /// Returns the optimizer with its rate, and the rates of its search space, times `factor`.
    fn planted_arm(&self, factor: f64, schedule: ScheduleSpec) -> Arm {
        let lr = Some(self.optimizer.learning_rate() * factor);
        let optimizer = OptimizerChoice { lr, ..self.optimizer.clone() };
        let mut arm =
            Arm::new(format!("{} with {factor} times its rate", self.optimizer), optimizer, schedule);
        let own = Arm::new(String::new(), self.optimizer.clone(), arm.schedule.clone()).space();
        let dimension = |dimension: &Dimension| match &dimension.distribution {
            Distribution::LogUniform { low, high } if dimension.name == "lr" => Dimension {
                distribution: Distribution::LogUniform { low: low * factor, high: high * factor },
                ..dimension.clone()
            },
            _ => dimension.clone(),
        };
        arm.space = Some(Space::of(own.dimensions().iter().map(dimension).collect()));
        arm
    }

    /// Returns what the runs are called: "seeds", or "replicates" if each has a tuning of its own.
    fn unit(&self) -> &'static str {
        if self.tune.is_some_and(|trials| trials > 0) { "replicates" } else { "seeds" }
    }
}

/// Runs `optlab calibrate`; `arguments` is the command line.
///
/// # Errors
/// Invalid arguments; a folder that holds something else or cannot be written.
pub fn run(args: &CalibrateArgs, arguments: &[OsString]) -> Result<(), Exit> {
    args.check()?;
    let plan = args.plan()?;
    let output = args.on.output("calibrate", &plan)?;
    let warnings = DataWarnings::new(!folder::holds_trials(&output));
    let defaults = |workload: &str| args.on.workers.defaults(workload, &warnings);
    let experiment = Experiment::new(plan.clone(), &defaults)?;
    let runner = args.on.workers.runner(&plan.workloads, &plan.backends)?;
    warnings.print();
    let folder = experiment
        .claim(&output, Kind::Calibration, &args.on.workers.invocation(arguments, false))
        .map_err(|error| args.on.with_output_hint(error))?;
    let mut bars = args.on.workers.bars();
    experiment.run(&folder, &runner, &mut bars)?;
    bars.clear();
    let comparison = Comparison::read(folder.path())?;
    let summaries = comparison.summaries();
    let name = args.optimizer.to_string();
    let of = |is_own: bool| summaries.iter().find(|arm| (arm.arm == name) == is_own);
    let Some(own) = of(true) else { return Ok(()) };
    output::print(text(args.splits, args.unit(), own, of(false))?);
    output::tell(format_args!("the runs are in {}", folder.path().display()));
    Ok(())
}

fn text(splits: usize, unit: &str, own: &Summary, planted: Option<&Summary>) -> Result<String, Error> {
    let calibration = Calibration { splits, alpha: ALPHA, seed: 0 };
    let values = values(own);
    let half = values.len() / 2;
    let points = number::unit_of_difference(&own.metric);
    let mut text =
        format!("{} on {}: {} {unit}, {} {}\n", own.arm, own.workload, values.len(), own.metric, middle(own));
    let false_alarms = calibration.false_alarms(&values)?;
    told(
        &mut text,
        format_args!(
            "against itself, {half} {unit} per side: {} of {splits} splits called different, {} (should be at most {:.0} %)",
            false_alarms.happened,
            share(&false_alarms),
            ALPHA * 100.0
        ),
    );
    for seeds in [5, 10, 20].into_iter().filter(|&seeds| seeds < half).chain([half]) {
        let needed = |power| calibration.smallest_difference(&values, seeds, power);
        let said = |difference: f64| {
            format!("{} {points}", number::plain(&own.metric, difference)).trim_end().to_string()
        };
        match (needed(USUAL)?, needed(ALMOST_ALWAYS)?) {
            (Some(usual), Some(almost_always)) => told(
                &mut text,
                format_args!(
                    "{seeds} {unit} show a difference of {} four times in five, of {} nineteen times in twenty",
                    said(usual),
                    said(almost_always)
                ),
            ),
            _ => {
                told(&mut text, format_args!("{seeds} {unit} cannot show a difference, however large it is"))
            }
        }
    }
    if let Some(planted) = planted {
        let found = calibration.found_share(&values, &self::values(planted), own.metric.direction, half)?;
        told(
            &mut text,
            format_args!(
                "{} ({} {}): found to be worse with {half} {unit} in {} of {splits} draws, {}",
                planted.arm,
                planted.metric,
                middle(planted),
                found.happened,
                share(&found)
            ),
        );
    }
    Ok(text)
}

/// Appends a line.
fn told(text: &mut String, line: std::fmt::Arguments) {
    // Writing to a string does not fail.
    writeln!(text, "{line}").unwrap_or_default();
}

fn values(arm: &Summary) -> Vec<f64> {
    arm.values.iter().map(|(_, value)| *value).collect()
}

fn middle(arm: &Summary) -> String {
    arm.result.as_ref().map_or("–".into(), |result| number::estimate(&arm.metric, &result.mean))
}

fn share(of: &Proportion) -> String {
    format!("{:.1} % [{:.1}, {:.1}]", of.share * 100.0, of.low * 100.0, of.high * 100.0)
}
