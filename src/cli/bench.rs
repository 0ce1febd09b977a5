//! `optlab bench`: times optimizer steps.

use crate::Error;
use crate::bench::{Layout, Measurement, Model, ModelMeasurement, StepBenchmark, time_model_steps};
use crate::cli::{Exit, output};
use clap::Args;
use optlab_optim::OptimizerSpec;
use optlab_optim::split_specs;
use optlab_train::device;

/// Arguments of `optlab bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Backends [default: a GPU backend if compiled in, else flex]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    backend: Vec<String>,
    /// Rules: name or name:key=value,key=value [default: optlab's own; without a model, except the slowest]
    #[arg(long, value_name = "SPEC,…")]
    rules: Option<String>,
    /// Model whose parameters to update, in place of matrices of equal size
    #[arg(long, value_name = "MODEL", value_enum, conflicts_with_all = ["parameters", "tensors", "gradients"])]
    model: Option<Model>,
    /// Numbers of parameters of the model, as 10000 or 1e4
    #[arg(long, value_name = "P,…", value_delimiter = ',', default_value = "1e4,1e6,1e7", value_parser = count)]
    parameters: Vec<usize>,
    /// Number of tensors that the parameters are split into
    #[arg(long, value_name = "T", default_value = "10", value_parser = count)]
    tensors: usize,
    /// Memory layout of the gradients
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t)]
    gradients: Layout,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

/// Parses a whole number from 1, in either notation.
fn count(text: &str) -> Result<usize, String> {
    // A 64-bit float represents every whole number up to 2^53 exactly.
    match text.parse::<f64>() {
        Ok(number) if number >= 1.0 && number <= 2_f64.powi(53) && number.fract() == 0.0 => {
            Ok(number as usize)
        }
        _ => Err("must be a whole number from 1, like 10000 or 1e4".into()),
    }
}

/// Runs `optlab bench`.
///
/// # Errors
/// An unknown rule or backend.
pub fn run(args: &BenchArgs) -> Result<(), Exit> {
    let rules = match &args.rules {
        Some(rules) => {
            split_specs(rules).iter().map(|text| text.parse()).collect::<Result<Vec<OptimizerSpec>, _>>()?
        }
        None => own_rules(args.model.is_some())?,
    };
    let backends = match args.backend.is_empty() {
        true => vec![device::default_backend().to_string()],
        false => args.backend.clone(),
    };
    if let Some(model) = args.model {
        return run_on_model(model, &backends, &rules, args.json);
    }
    let BenchArgs { tensors, gradients, .. } = *args;
    let benchmark =
        StepBenchmark { backends, rules, parameters: args.parameters.clone(), tensors, gradients };
    if args.json {
        let measurements = benchmark.run(|_| ())?;
        return print_json(&measurements);
    }
    let mut heading = Some(HEADING);
    benchmark.run(|pair| {
        output::print(format!("{}{}", heading.take().unwrap_or_default(), row(pair)));
    })?;
    Ok(())
}

/// Prints the times of `rules` on the parameters of `model`.
fn run_on_model(model: Model, backends: &[String], rules: &[OptimizerSpec], json: bool) -> Result<(), Exit> {
    if json {
        return print_json(&time_model_steps(model, backends, rules, |_| ())?);
    }
    let mut heading = Some(MODEL_HEADING);
    time_model_steps(model, backends, rules, |pair| {
        output::print(format!("{}{}", heading.take().unwrap_or_default(), model_row(pair)));
    })?;
    Ok(())
}

fn print_json<T: serde::Serialize>(measurements: &[T]) -> Result<(), Exit> {
    let json = serde_json::to_string_pretty(measurements)
        .map_err(|error| Error::invalid("bench", "result", "numbers that JSON can hold", error))?;
    output::print(format!("{json}\n"));
    Ok(())
}

/// Returns optlab's own rules, and `sgd` with the usual momentum. Leaves out wrappers, whose cost is mostly
/// that of their base; rules that need more than gradients, such as `sophia_g`; unless `slow_too`, rules
/// whose decompositions of matrices take long at large sizes.
fn own_rules(slow_too: bool) -> Result<Vec<OptimizerSpec>, Error> {
    const SLOW: [&str; 9] = [
        "asgo",
        "shampoo",
        "one_sided_shampoo",
        "soap",
        "soap_muon",
        "splus",
        "kron",
        "kl_shampoo",
        "kl_soap",
    ];
    let mut rules = OptimizerSpec::all();
    let is_left_out = |name: &str| name.starts_with("burn.") || !slow_too && SLOW.contains(&name);
    rules.retain(|rule| rule.base().is_none() && !is_left_out(rule.name()));
    rules.retain(|rule| !rule.build().is_ok_and(|optimizer| optimizer.needs_more_than_gradients()));
    rules.insert(1, "sgd:momentum=0.9".parse()?);
    Ok(rules)
}

const HEADING: &str = "\
                                               ms per step        GB/s, share  state    Burn's, or in 32 bits
rule                      backend  parameters  median (quartiles) of a copy    B/param  ms, times ours
";

const MODEL_HEADING: &str = "\
                                             ms per step               state    Burn's
rule                      backend  model          median   mean     longest  B/param  mean ms, times ours
";

fn model_row(pair: &[ModelMeasurement]) -> String {
    let Some(ours) = pair.first() else {
        return String::new();
    };
    let burn = match pair.get(1) {
        Some(burn) => format!("{}, {:.1}", short(burn.mean_ms), burn.mean_ms / ours.mean_ms),
        None => "–".into(),
    };
    let [median, mean, longest] = [ours.median_ms, ours.mean_ms, ours.longest_ms].map(short);
    format!(
        "{:<25} {:<8} {:<14} {median:<8} {mean:<8} {longest:<8} {:<8.0} {burn}\n",
        ours.rule,
        ours.backend,
        ours.model.name(),
        ours.state_bytes_per_parameter
    )
}

fn row(pair: &[Measurement]) -> String {
    let Some(ours) = pair.first() else {
        return String::new();
    };
    let times = format!(
        "{} ({}–{})",
        short(ours.median_ms),
        short(ours.lower_quartile_ms),
        short(ours.upper_quartile_ms)
    );
    let speed = format!("{:.1}, {:.2}", ours.gigabytes_per_second, ours.share_of_copy_speed);
    let burn = match pair.get(1) {
        Some(burn) => format!("{}, {:.1}", short(burn.median_ms), burn.median_ms / ours.median_ms),
        None => "–".into(),
    };
    format!(
        "{:<25} {:<8} {:>10}  {times:<18} {speed:<12} {:<8} {burn}\n",
        ours.rule,
        ours.backend,
        ours.parameters,
        bytes(ours.state_bytes_per_parameter)
    )
}

/// Formats with two digits after the point, unless they are zeros.
fn bytes(per_parameter: f64) -> String {
    let rounded = (per_parameter * 100.0).round() / 100.0;
    format!("{rounded}")
}

/// Formats with three significant digits, down to microseconds.
fn short(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms >= 100.0 => format!("{ms:.0}"),
        ms if ms >= 10.0 => format!("{ms:.1}"),
        ms if ms >= 1.0 => format!("{ms:.2}"),
        ms => format!("{ms:.3}"),
    }
}
