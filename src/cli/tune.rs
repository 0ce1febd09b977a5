//! `optlab tune`: runs a study of one optimizer.

use crate::Error;
use crate::cli::one_workload::OneWorkload;
use crate::cli::{Exit, compare};
use clap::Args;
use optlab_compare::plan::Plan;
use optlab_compare::plan::tuning::Tuning;
use optlab_compare::report::{self, number};
use optlab_compare::result::comparison::Comparison;
use optlab_compare::tune::{Findings, Study};
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::search::{FEWEST_TRIALS, Pruner, Sampler, Space};
use std::ffi::OsString;
use std::path::Path;

/// Arguments of `optlab tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
    #[command(flatten)]
    on: OneWorkload,
    /// The optimizer: name or name:key=value,key=value; fields set here are not searched, except lr
    #[arg(long, value_name = "SPEC")]
    optimizer: OptimizerChoice,
    /// The learning-rate schedule [default: constant]
    #[arg(long, value_name = "SPEC")]
    schedule: Option<ScheduleSpec>,
    /// Search space, as
    /// lr=log(1e-4,1e-1),beta_1=complement(0.5,0.99),n=int(1,8),x=uniform(0,1),flag=choice(true,false)
    /// [default: the rule's search space]
    #[arg(long, value_name = "NAME=DISTRIBUTION,…")]
    space: Option<Space>,
    /// Number of trials
    #[arg(long, allow_negative_numbers = true, default_value_t = 30, value_name = "N")]
    trials: usize,
    /// Sampler of the trials: random, halton, sobol, tpe or cma-es
    #[arg(long, default_value = "tpe", value_name = "SAMPLER")]
    sampler: Sampler,
    /// Pruner that stops bad trials early: none, median, asha or hyperband
    #[arg(long, default_value = "none", value_name = "PRUNER")]
    pruner: Pruner,
    /// Seed of the sampler
    #[arg(long, allow_negative_numbers = true, default_value_t = 0, value_name = "N")]
    seed: u64,
}

impl TuneArgs {
    fn plan(&self) -> Result<Plan, Error> {
        let default = Plan::default();
        let name = self.optimizer.to_string();
        Ok(Plan {
            optimizers: vec![self.optimizer.clone()],
            schedules: self.schedule.clone().map_or(default.schedules.clone(), |schedule| vec![schedule]),
            tuning: Tuning {
                trials: self.trials,
                sampler: self.sampler,
                pruner: self.pruner,
                seed: self.seed,
                spaces: self.space.iter().map(|space| (name.clone(), space.clone())).collect(),
                ..default.tuning.clone()
            },
            ..self.on.plan()?
        })
    }
}

/// Runs `optlab tune`; `arguments` is the command line.
///
/// # Errors
/// Invalid arguments; a folder that holds something else or cannot be written.
pub fn run(args: &TuneArgs, arguments: &[OsString]) -> Result<(), Exit> {
    let plan = args.plan()?;
    let defaults = |workload: &str| args.on.workers.defaults(workload);
    let study = Study::new(plan.clone(), &defaults)?;
    let runner = args.on.workers.runner(&plan.workloads, &plan.backends)?;
    let output = args.on.output("tune", &plan)?;
    let folder = study.claim(&output, &args.on.workers.invocation(arguments, false))?;
    let mut bars = args.on.workers.bars();
    study.run(&folder, &runner, &mut bars)?;
    bars.clear()?;
    show(&Comparison::read(folder.path())?, folder.path())
}

/// Writes the reports of a study into its folder `path`, and prints its findings.
///
/// # Errors
/// A report that cannot be written.
pub fn show(study: &Comparison, path: &Path) -> Result<(), Exit> {
    let findings = Findings::of(study)?;
    report::write_all(study, &study.summaries(), path)?;
    crate::cli::print(text(&findings).as_bytes())?;
    compare::say_where(path)
}

fn text(findings: &Findings) -> String {
    let Findings { trials, pruned, lost, .. } = findings;
    let mut text = format!("{trials} trials");
    for (count, how) in [(pruned, "pruned"), (lost, "diverged or failed")] {
        if *count > 0 {
            text.push_str(&format!(", {count} {how}"));
        }
    }
    text.push('\n');
    let Some(best) = &findings.best else {
        text.push_str("no trial completed: search smaller learning rates\n");
        return text;
    };
    let value = number::metric(&best.metric, best.value);
    text.push_str(&format!(
        "best: validation {} {value}, trial {}\n  {}\n",
        best.metric, best.number, best.command
    ));
    match &findings.importance {
        None => text.push_str(&format!("importance: needs at least {FEWEST_TRIALS} trials\n")),
        Some(importance) => {
            text.push_str("importance, the share of each setting in how good a trial was:\n");
            for one in importance {
                text.push_str(&format!("  {:<20} {:>3.0} %\n", one.name, one.share * 100.0));
            }
        }
    }
    if let Some(flat) = &findings.flatness {
        text.push_str(&format!(
            "flatness: {} of the trials ({:.0} %) are about as good as the best (within {:.0} % of its distance to the median)\n",
            flat.count,
            flat.share * 100.0,
            flat.tolerance * 100.0
        ));
        for interval in &flat.intervals {
            let factor = interval.factor.map_or_else(String::new, |factor| {
                format!(", a factor of {}", number::significant(factor, 2))
            });
            text.push_str(&format!(
                "  {:<20} from {} to {}{factor}\n",
                interval.name,
                number::short(interval.low),
                number::short(interval.high)
            ));
        }
    }
    text
}
