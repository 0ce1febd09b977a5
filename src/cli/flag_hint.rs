//! Hints for flags that a command does not have: what the user meant is often a setting of the model or of
//! the optimizer, or is written without a flag.

use clap::Command;
use optlab_optim::OptimizerSpec;
use optlab_train::model::ModelSpec;
use std::ffi::OsString;

/// Returns what to write instead of `flag`, an argument among `arguments` that the subcommand of `program`
/// does not have; `None` if nothing is near by its meaning.
pub fn hint(program: &Command, arguments: &[OsString], flag: &str) -> Option<String> {
    let command = arguments.iter().find_map(|word| program.find_subcommand(word));
    let command = command.unwrap_or(program);
    let has = |id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
    let name = flag.trim_start_matches('-').replace('-', "_");
    let given = value_of(arguments, flag);
    let value = |default: &str| given.clone().unwrap_or_else(|| default.into());
    let optimizer = ["optimizer", "optimizers"].into_iter().find(|id| has(id));
    match name.as_str() {
        "workload" | "data" | "dataset" | "problem" if has("workload") || has("what") => {
            Some(format!("the workload has no flag: `optlab {} {}`", command.get_name(), value("WORKLOAD")))
        }
        "device" | "gpu" if has("backend") => Some(format!("write `--backend {}`", value("NAME"))),
        "device" | "gpu" if has("backends") => Some(format!("write `--backends {}`", value("NAME"))),
        _ if has("model") && ModelSpec::fields().iter().any(|field| field.name == name) => {
            Some(format!("it is a setting of the model: `--model {name}={}`", value("…")))
        }
        _ => {
            let rule = rule_with(&name)?;
            Some(format!("it is a setting of the optimizer: `--{} {rule}:{name}={}`", optimizer?, value("…")))
        }
    }
}

/// Returns the value that follows `flag`, if there is one.
fn value_of(arguments: &[OsString], flag: &str) -> Option<String> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let place = words.iter().position(|word| word.split('=').next() == Some(flag))?;
    match words[place].split_once('=') {
        Some((_, value)) => Some(value.into()),
        None => words.get(place + 1).filter(|word| !word.starts_with('-')).cloned(),
    }
}

/// Returns the name of a rule with this setting: `adamw` if it has it, else the first one.
fn rule_with(setting: &str) -> Option<&'static str> {
    let has_it = |spec: &OptimizerSpec| {
        setting == "lr" || spec.base().is_none() && spec.fields().iter().any(|(name, _)| name == setting)
    };
    let all = OptimizerSpec::all();
    let usual = all.iter().find(|spec| spec.name() == "adamw").filter(|spec| has_it(spec));
    usual.or_else(|| all.iter().find(|spec| has_it(spec))).map(OptimizerSpec::name)
}
