//! `optlab tune`: runs a study of one optimizer.

use crate::Error;
use crate::cli::data_warnings::DataWarnings;
use crate::cli::one_workload::OneWorkload;
use crate::cli::{Exit, compare, output};
use clap::Args;
use optlab_compare::plan::Plan;
use optlab_compare::plan::tuning::Tuning;
use optlab_compare::report::labels::{counted, unclear};
use optlab_compare::report::{self, number};
use optlab_compare::result::comparison::Comparison;
use optlab_compare::run::folder::{self, Kind, PLAN};
use optlab_compare::tune::{Findings, Study};
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::search::{Flatness, Importance, Pruner, Sampler, Space};
use std::ffi::OsString;
use std::path::Path;

/// Arguments of `optlab tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
    #[command(flatten)]
    on: OneWorkload,
    /// The optimizer: name or name:key=value,key=value; fields set here are not searched, except lr
    #[arg(long, value_name = "SPEC")]
    optimizer: Option<OptimizerChoice>,
    /// The learning-rate schedule [default: constant]
    #[arg(long, value_name = "SPEC")]
    schedule: Option<ScheduleSpec>,
    /// Search space, as
    /// lr=log(1e-4,1e-1),beta_1=complement(0.5,0.99),n=int(1,8),x=uniform(0,1),flag=choice(true,false)
    /// [default: the rule's search space]
    #[arg(long, value_name = "NAME=DISTRIBUTION,…")]
    space: Option<Space>,
    /// Number of trials [default: 30]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    trials: Option<usize>,
    /// Sampler of the trials: random, halton, sobol, tpe or cma-es [default: tpe]
    #[arg(long, value_name = "SAMPLER")]
    sampler: Option<Sampler>,
    /// Pruner that stops bad trials early: none, median, asha or hyperband [default: none]
    #[arg(long, value_name = "PRUNER")]
    pruner: Option<Pruner>,
    /// Seed of the sampler [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    seed: Option<u64>,
}

/// The default number of trials.
const TRIALS: usize = 30;

/// The fewest trials about as good as the best whose range is shown.
const FEWEST_CLOSE: usize = 3;

impl TuneArgs {
    fn plan(&self) -> Result<Plan, Error> {
        let default = Plan::default();
        let on = self.on.plan()?;
        let optimizer = self.optimizer.clone();
        let optimizer =
            optimizer.ok_or_else(|| Error::usage("name the optimizer to tune, as --optimizer adamw"))?;
        let name = optimizer.to_string();
        Ok(Plan {
            optimizers: vec![optimizer],
            schedules: self.schedule.clone().map_or(default.schedules.clone(), |schedule| vec![schedule]),
            tuning: Tuning {
                trials: self.trials.unwrap_or(TRIALS),
                sampler: self.sampler.unwrap_or(Sampler::Tpe),
                pruner: self.pruner.unwrap_or(default.tuning.pruner),
                seed: self.seed.unwrap_or(default.tuning.seed),
                spaces: self.space.iter().map(|space| (name.clone(), space.clone())).collect(),
                ..default.tuning.clone()
            },
            ..on
        })
    }

    /// Returns the plan of the study in `folder`, with a larger number of trials if one is given.
    fn plan_of(&self, folder: &Path) -> Result<Plan, Error> {
        let is_given = self.optimizer.is_some()
            || self.schedule.is_some()
            || self.space.is_some()
            || self.sampler.is_some()
            || self.pruner.is_some()
            || self.seed.is_some();
        if is_given || self.on.decides_something() {
            return Err(Error::usage(format!(
                "the study in {} keeps its settings: only --trials, --jobs, --stall-limit and --data-dir can be \
                 added",
                folder.display()
            )));
        }
        let mut plan = Plan::read(&folder.join(PLAN))?;
        plan.tuning.trials = self.trials.unwrap_or(plan.tuning.trials);
        Ok(plan)
    }
}

/// Runs `optlab tune`; `arguments` is the command line.
///
/// # Errors
/// Invalid arguments; a folder that holds something else or cannot be written.
pub fn run(args: &TuneArgs, arguments: &[OsString]) -> Result<(), Exit> {
    let resumed = args.on.folder_of(Kind::Study)?;
    let plan = match &resumed {
        Some(folder) => args.plan_of(folder)?,
        None => args.plan()?,
    };
    let output = match resumed {
        Some(folder) => folder,
        None => args.on.output("tune", &plan)?,
    };
    let warnings = DataWarnings::new(!folder::holds_trials(&output));
    let defaults = |workload: &str| args.on.workers.defaults(workload, &warnings);
    let study = Study::new(plan.clone(), &defaults)?;
    let runner = args.on.workers.runner(&plan.workloads, &plan.backends)?;
    warnings.print();
    let folder = study
        .claim(&output, &args.on.workers.invocation(arguments, false))
        .map_err(|error| args.on.with_output_hint(error))?;
    let mut bars = args.on.workers.bars();
    study.run(&folder, &runner, &mut bars)?;
    bars.clear();
    show(&Comparison::read(folder.path())?, folder.path(), output::show)
}

/// Writes the reports of a study into its folder `path`, and its findings with `print`.
///
/// # Errors
/// A report that cannot be written.
pub fn show(study: &Comparison, path: &Path, print: fn(String)) -> Result<(), Exit> {
    let findings = Findings::of(study)?;
    report::write_all(study, &study.summaries(), path)?;
    print(text(&findings));
    compare::say_where(path);
    Ok(())
}

fn text(findings: &Findings) -> String {
    let Findings { trials, pruned, lost, .. } = findings;
    let mut text = counted(*trials, "trial");
    for (count, how) in [(pruned, "pruned"), (lost, "diverged or failed")] {
        if *count > 0 {
            text.push_str(&format!(", {count} {how}"));
        }
    }
    text.push('\n');
    text.extend(unclear(&findings.unclear).map(|line| format!("{line}\n")));
    let Some(best) = &findings.best else {
        text.push_str("no trial completed: search smaller learning rates if they diverged\n");
        return text;
    };
    let value = number::metric(&best.metric, best.value);
    text.push_str(&format!(
        "best: validation {} {value}, trial {}\n  {}\n",
        best.metric, best.number, best.command
    ));
    match &findings.importance {
        Err(reason) => text.push_str(&format!("{reason}\n")),
        Ok(importance) if !importance.iter().any(Importance::is_shown) => {
            text.push_str("importance: no setting mattered more than chance alone would show\n");
        }
        Ok(importance) => {
            text.push_str("importance, the share of each setting in how good a trial was:\n");
            for one in importance {
                let chance = if one.is_shown() { "" } else { "   (may be chance)" };
                text.push_str(&format!("  {:<20} {:>3.0} %{chance}\n", one.name, one.share * 100.0));
            }
        }
    }
    match &findings.flatness {
        Some(flat) if flat.count >= FEWEST_CLOSE => text.push_str(&flatness(flat)),
        // The range of one or two trials says nothing.
        Some(flat) => text.push_str(&format!(
            "flatness: needs at least {FEWEST_CLOSE} trials about as good as the best, and there {}\n",
            if flat.count == 1 { "is 1" } else { "are 2" }
        )),
        None => {}
    }
    text
}

/// Returns the lines about the trials that are about as good as the best.
fn flatness(flat: &Flatness) -> String {
    let mut text = format!(
        "flatness: {} of the trials ({:.0} %) are about as good as the best (within {:.0} % of its distance to the median)\n",
        flat.count,
        flat.share * 100.0,
        flat.tolerance * 100.0
    );
    for interval in &flat.intervals {
        let factor = interval
            .factor
            .map_or_else(String::new, |factor| format!(", a factor of {}", number::significant(factor, 2)));
        text.push_str(&format!(
            "  {:<20} from {} to {}{factor}\n",
            interval.name, interval.low, interval.high
        ));
    }
    text
}
