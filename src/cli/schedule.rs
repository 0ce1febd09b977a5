//! `optlab schedule`: draws learning-rate schedules.

use crate::Error;
use crate::cli::Exit;
use clap::Args;
use optlab_compare::chart::{Chart, Line, Scale};
use optlab_compare::report::number::short;
use optlab_optim::schedule::Run;
use optlab_optim::schedule::ScheduleSpec;
use std::path::PathBuf;

/// The largest number of points per curve.
const POINTS: usize = 2000;

/// Arguments of `optlab schedule`.
#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// Schedules: name or name:key=value,key=value
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<String>,
    /// The length of the run, in steps
    #[arg(long, value_name = "N", default_value_t = 1000)]
    steps: usize,
    /// The learning rate of the run
    #[arg(long, allow_negative_numbers = true, value_name = "X", default_value_t = 1.0)]
    lr: f64,
    /// Steps per epoch, for lengths given in epochs, as 10ep
    #[arg(long, value_name = "N")]
    steps_per_epoch: Option<usize>,
    /// Draw the learning rate on a logarithmic axis
    #[arg(long)]
    log: bool,
    /// Also write the chart to an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs `optlab schedule`.
///
/// # Errors
/// An unknown schedule, a setting out of range, a file that cannot be written.
pub fn run(args: &ScheduleArgs) -> Result<(), Exit> {
    let at_least_one = |field, value: usize| match value {
        0 => Err(Error::invalid("run", field, "at least 1", value)),
        _ => Ok(()),
    };
    at_least_one("steps", args.steps)?;
    at_least_one("steps_per_epoch", args.steps_per_epoch.unwrap_or(1))?;
    let run = Run { lr: args.lr, total_steps: args.steps, steps_per_epoch: args.steps_per_epoch };
    let chart = Chart {
        title: "Learning-rate schedules".into(),
        subtitle: format!("{} steps, base learning rate {}", args.steps, args.lr),
        along: "step".into(),
        x_scale: Scale::Linear,
        quantity: "learning rate".into(),
        y_scale: if args.log { Scale::Log } else { Scale::Linear },
        from_zero: !args.log,
        lines: args.specs.iter().map(|text| line(text, run)).collect::<Result<_, Error>>()?,
        marks: Vec::new(),
    };
    crate::cli::print_chart(&chart, args.svg.as_deref())
}

fn line(text: &str, run: Run) -> Result<Line, Error> {
    let spec: ScheduleSpec = text.parse()?;
    let schedule = spec.build(run)?;
    let last = run.total_steps - 1;
    let shown = run.total_steps.min(POINTS);
    // Evenly, with the first and the last step.
    let step = |place: usize| match shown {
        1 => 0,
        _ => (place as u128 * last as u128 / (shown as u128 - 1)) as usize,
    };
    let points = (0..shown).map(|place| (step(place) as f64, schedule.lr_at(step(place))));
    let label =
        format!("{spec}: {} at first, {} at last", short(schedule.lr_at(0)), short(schedule.lr_at(last)));
    Ok(Line { label, points: points.collect() })
}
