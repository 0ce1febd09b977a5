//! Turns each kind of model into its layers.

use crate::Error;
use crate::model::InputShape;
use crate::model::plan::Plan;
use crate::model::plan::planner::Planner;
use crate::model::shape::Shape;
use crate::model::spec::{
    Activation, CnnSpec, LayerSpec, MlpSpec, ModelSpec, NetworkSpec, Norm, OWNER, Pool, Pooling,
    RecurrentSpec, TransformerSpec,
};

/// The largest number of parameters: 16 GiB of them.
const MOST_PARAMETERS: u64 = 1 << 32;

/// The largest number of layers of a list, or of blocks.
const MOST_LAYERS: usize = 1000;

/// A training holds the weights, their gradients and, with Adam, two means of them.
const COPIES: u64 = 4;

/// The default width of an embedding of `categories`: half of them, rounded up, at most 50.
fn default_width(categories: usize) -> usize {
    categories.div_ceil(2).min(50)
}

/// Returns the layers of a model for inputs of a shape.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a field out of its range, a shape that the model
/// cannot read, more than a thousand layers, or more parameters than 2³² or than the memory holds in a
/// training.
pub(in crate::model) fn plan(spec: &ModelSpec, input: &InputShape, outputs: usize) -> Result<Plan, Error> {
    spec.check()?;
    check_layers(spec)?;
    let mut planner = Planner::new(input)?;
    let embed = |planner: &mut Planner, default: fn(usize) -> usize| {
        planner.embed(|categories| spec.embedding.unwrap_or_else(|| default(categories)));
    };
    check_input(spec, input)?;
    match &spec.network {
        NetworkSpec::Transformer(network) => {
            let of_tokens = |_| spec.embedding.unwrap_or(network.width);
            planner.embed(of_tokens);
            transformer(&mut planner, network)?;
        }
        network => {
            embed(&mut planner, default_width);
            match network {
                NetworkSpec::Mlp(network) => mlp(&mut planner, network)?,
                NetworkSpec::Cnn(network) => cnn(&mut planner, network)?,
                NetworkSpec::Recurrent(network) => recurrent(&mut planner, network)?,
                NetworkSpec::Layers(layers) => list(&mut planner, layers)?,
                NetworkSpec::Linear | NetworkSpec::Transformer(_) | NetworkSpec::Gpt(_) => {}
            }
        }
    }
    let plan = planner.finish(outputs)?;
    let summary = plan.summary();
    let parameters = summary.parameters;
    if parameters > MOST_PARAMETERS {
        let allowed = format!("at most {MOST_PARAMETERS}");
        return Err(Error::invalid(OWNER, "number of parameters", &allowed, parameters));
    }
    let needed = summary.weight_bytes.saturating_mul(COPIES);
    match machine_memory() {
        Some(memory) if needed > memory => {
            let gibibytes = |bytes: u64| bytes as f64 / (1_u64 << 30) as f64;
            let allowed = format!(
                "few enough to train in {:.1} GiB of memory, where {parameters} need {:.1} GiB with Adam",
                gibibytes(memory),
                gibibytes(needed)
            );
            Err(Error::invalid(OWNER, "number of parameters", &allowed, parameters))
        }
        _ => Ok(plan),
    }
}

/// Returns the bytes of this machine's memory, if the system tells.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Checks the number of layers before there is one.
fn check_layers(spec: &ModelSpec) -> Result<(), Error> {
    let layers = match &spec.network {
        NetworkSpec::Linear => 1,
        NetworkSpec::Mlp(network) => network.units.len(),
        NetworkSpec::Cnn(network) => network.filters.len() + network.dense.len(),
        NetworkSpec::Recurrent(network) => network.units.len(),
        NetworkSpec::Transformer(network) => network.blocks,
        NetworkSpec::Gpt(network) => network.blocks,
        NetworkSpec::Layers(layers) => layers.len(),
    };
    match layers > MOST_LAYERS {
        true => Err(Error::invalid(OWNER, "number of layers", &format!("at most {MOST_LAYERS}"), layers)),
        false => Ok(()),
    }
}

/// Checks that this kind of model can read inputs of this kind.
fn check_input(spec: &ModelSpec, input: &InputShape) -> Result<(), Error> {
    let is_image = matches!(input, InputShape::Image { .. });
    let is_table = matches!(input, InputShape::Columns(_));
    let needed = match spec.network {
        NetworkSpec::Cnn(_) if !is_image => "images [channels, height, width]",
        NetworkSpec::Recurrent(_) | NetworkSpec::Transformer(_) if is_table => {
            "sequences [time, features], tokens [time] or images"
        }
        NetworkSpec::Gpt(_) => {
            let allowed = "given tokens whose next one is to be predicted, as in `jargon-gpt`";
            return Err(Error::invalid(OWNER, spec.kind(), allowed, input));
        }
        _ => return Ok(()),
    };
    let fitting =
        if is_table { "`linear` and `mlp`" } else { "`rnn`, `gru`, `lstm`, `transformer` and `mlp`" };
    let given = format!("{input}; these fit {fitting}");
    Err(Error::invalid(OWNER, spec.kind(), &format!("given {needed}"), given))
}

fn mlp(planner: &mut Planner, network: &MlpSpec) -> Result<(), Error> {
    planner.flatten();
    let MlpSpec { units, activation, dropout, norm } = network;
    dense(planner, units, *norm, *activation, *dropout)
}

/// Adds hidden dense layers.
fn dense(
    planner: &mut Planner,
    units: &[usize],
    norm: Norm,
    activation: Activation,
    dropout: f64,
) -> Result<(), Error> {
    for units in units {
        planner.dense(*units)?;
        normalize(planner, norm);
        planner.activation(activation);
        planner.dropout(dropout);
    }
    Ok(())
}

fn normalize(planner: &mut Planner, norm: Norm) {
    match norm {
        Norm::None => {}
        Norm::Batch => planner.batch_norm(),
        Norm::Layer => planner.layer_norm(),
    }
}

fn cnn(planner: &mut Planner, network: &CnnSpec) -> Result<(), Error> {
    let CnnSpec { kernel, stride, padding, norm, activation, .. } = *network;
    let [after_pool, after_dense] = network.dropout;
    for filters in &network.filters {
        planner.conv(*filters, kernel, stride, padding)?;
        normalize(planner, norm);
        planner.activation(activation);
        match network.pool {
            Pool::Max => planner.pool(true, 2, 2)?,
            Pool::Avg => planner.pool(false, 2, 2)?,
            Pool::None => {}
        }
        planner.dropout(after_pool);
    }
    planner.flatten();
    dense(planner, &network.dense, norm, activation, after_dense)
}

fn recurrent(planner: &mut Planner, network: &RecurrentSpec) -> Result<(), Error> {
    for (place, units) in network.units.iter().enumerate() {
        let only_last = place + 1 == network.units.len();
        planner.recurrent(network.cell, *units, network.bidirectional, only_last)?;
        planner.dropout(network.dropout);
    }
    Ok(())
}

fn transformer(planner: &mut Planner, network: &TransformerSpec) -> Result<(), Error> {
    let TransformerSpec { blocks, heads, width, feed_forward, dropout, pooling } = *network;
    planner.rows();
    let is_embedded = planner.has_embedding();
    if !(is_embedded && matches!(planner.shape(), Shape::Sequence { features, .. } if features == width)) {
        planner.dense(width)?;
    }
    planner.positions();
    planner.dropout(dropout);
    for _ in 0..blocks {
        planner.block(heads, feed_forward.unwrap_or_else(|| width.saturating_mul(4)), dropout);
    }
    planner.layer_norm();
    planner.pool_time(pooling == Pooling::Mean)
}

fn list(planner: &mut Planner, layers: &[LayerSpec]) -> Result<(), Error> {
    for (place, layer) in layers.iter().enumerate() {
        planner.called = Some(format!("layer {}, {layer}", place + 1));
        match *layer {
            LayerSpec::Dense { units } => planner.dense(units)?,
            LayerSpec::Conv { filters, kernel, stride, padding } => {
                planner.conv(filters, kernel, stride, padding)?;
            }
            LayerSpec::MaxPool { size, stride } => planner.pool(true, size, stride)?,
            LayerSpec::AvgPool { size, stride } => planner.pool(false, size, stride)?,
            LayerSpec::Flatten => planner.flatten(),
            LayerSpec::Activation(activation) => planner.activation(activation),
            LayerSpec::Dropout(probability) => planner.dropout(probability),
            LayerSpec::BatchNorm => planner.batch_norm(),
            LayerSpec::LayerNorm => planner.layer_norm(),
            LayerSpec::Recurrent { cell, units } => planner.recurrent(cell, units, false, false)?,
            LayerSpec::Last => planner.pool_time(false)?,
            LayerSpec::Mean => planner.pool_time(true)?,
        }
    }
    planner.called = None;
    Ok(())
}
