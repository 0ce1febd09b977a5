//! `optlab list losses`, `measures` and `models`: the parts of a problem's file.

use crate::cli::list::entry;
use optlab_core::settings::{Field, Settings};
use optlab_explain::MethodSpec;
use optlab_train::model::{InputShape, LayerSpec, ModelField, ModelSpec};
use optlab_train::objective::{
    BinaryCrossEntropyConfig, CrossEntropyConfig, HuberConfig, LossSpec, MeasureSpec, QuantileConfig,
    TargetKind, TopKConfig,
};

/// The kinds of targets, with how many classes are enough for every measure.
const TARGETS: [(&str, TargetKind); 4] = [
    ("2 classes", TargetKind::Classes(2)),
    ("3 or more classes", TargetKind::Classes(1000)),
    ("numbers", TargetKind::Values(1)),
    ("labels", TargetKind::Labels(1)),
];

/// Returns two lines per loss: summary, targets and settings.
pub fn losses() -> String {
    let mut text = String::from("LOSSES  (`loss` of a problem's file: name or name:key=value,key=value)\n");
    for loss in LossSpec::all() {
        let fields = match &loss {
            LossSpec::Huber(_) => HuberConfig::FIELDS,
            LossSpec::Quantile(_) => QuantileConfig::FIELDS,
            LossSpec::CrossEntropy(_) => CrossEntropyConfig::FIELDS,
            LossSpec::BinaryCrossEntropy(_) => BinaryCrossEntropyConfig::FIELDS,
            LossSpec::Mse | LossSpec::L1 | LossSpec::MultiLabel | LossSpec::Hinge => &[],
        };
        let targets = targets(|kind| loss.outputs(kind).is_ok());
        text += &entry(loss.name(), loss.summary(), &details(&targets, fields));
    }
    text
}

/// Returns two lines per method of explanation: summary and settings.
pub fn explanations() -> String {
    let mut text = String::from("EXPLANATIONS  (`--method` of explain: name or name:key=value,key=value)\n");
    for method in MethodSpec::all() {
        let default = |field: &Field| format!("{}={}", field.name, field.default);
        let fields: Vec<String> = method.fields().iter().map(default).collect();
        let details = if fields.is_empty() { "no settings".into() } else { fields.join(" ") };
        text += &entry(method.name(), method.summary(), &details);
    }
    text
}

/// Returns two lines per measure: summary, targets, direction and settings.
pub fn measures() -> String {
    let mut text =
        String::from("MEASURES  (`measures` of a problem's file, a list of name or name:key=value)\n");
    for measure in MeasureSpec::all() {
        let fields = if let MeasureSpec::TopK(_) = measure { TopKConfig::FIELDS } else { &[] };
        let targets = targets(|kind| measure.fit(&LossSpec::default_for(kind), kind).is_ok());
        let better = if measure.metric().direction.is_larger() { "larger" } else { "smaller" };
        let first = format!("{targets}; {better} is better");
        text += &entry(measure.name(), measure.summary(), &details(&first, fields));
    }
    text
}

/// Returns a line per kind of model and a line per field.
pub fn models() -> String {
    let mut text = String::from(
        "MODELS  (`[model]` of a problem's file, `--model` with the fields as kind=value,key=value; for any \
         targets)\n",
    );
    let has_all = |field: &&ModelField| field.kinds == ModelSpec::kinds();
    for kind in ModelSpec::kinds() {
        text += &entry(kind, summary(kind), &inputs(kind));
        let own = |field: &&ModelField| field.kinds.contains(kind) && !has_all(field);
        text.extend(ModelSpec::fields().iter().filter(own).map(line));
    }
    text += &format!("  {:<20} the fields that all kinds have\n", "(all)");
    text.extend(ModelSpec::fields().iter().filter(has_all).map(line));
    text += &entry(
        "(layers)",
        "the layers of a list; docs/own-problem.md has their numbers and an example",
        &LayerSpec::names().join(", "),
    );
    text
}

/// Returns the line of a model's field: default, allowed values and meaning.
fn line(field: &ModelField) -> String {
    let ModelField { name, default, allowed, meaning, .. } = field;
    let default = if default.is_empty() { "…" } else { default };
    format!("{:23}{name}={default}  ({allowed})  {meaning}\n", "")
}

/// Returns which of the kinds of targets fit, as "for classes" or "for 2 classes, labels".
fn targets(fits: impl Fn(TargetKind) -> bool) -> String {
    let names: Vec<&str> =
        TARGETS.into_iter().filter(|(_, kind)| fits(*kind)).map(|(name, _)| name).collect();
    format!("for {}", names.join(", ")).replace("2 classes, 3 or more classes", "classes")
}

/// Returns targets and settings, each with its default and range.
fn details(targets: &str, fields: &[Field]) -> String {
    let setting = |field: &Field| {
        let range = match (field.range, field.name) {
            (Some(range), _) => format!(" in {range}"),
            (None, "class_weights") => {
                " (none, balanced or a list of numbers in (0, ∞), one per class)".into()
            }
            (None, _) => String::new(),
        };
        format!("{}={}{range}", field.name, field.default)
    };
    let settings: Vec<String> = fields.iter().map(setting).collect();
    if settings.is_empty() { targets.into() } else { format!("{targets}; {}", settings.join(", ")) }
}

/// Returns a one-line summary of a kind of model.
fn summary(kind: &str) -> &'static str {
    match kind {
        "linear" => "one dense layer",
        "mlp" => "hidden dense layers, then a dense layer of outputs",
        "cnn" => "convolutions, hidden dense layers, then a dense layer of outputs",
        "rnn" => "simple recurrent layers, then a dense layer of outputs from the last state",
        "gru" => "gated recurrent layers, then a dense layer of outputs from the last state",
        "lstm" => "long short-term memory layers, then a dense layer of outputs from the last state",
        "transformer" => "attention blocks over a sequence, then a dense layer of outputs",
        _ => "the layers of a list, then a dense layer of outputs",
    }
}

/// Returns the kinds of inputs that a kind of model with its default size reads.
fn inputs(kind: &str) -> String {
    let shapes = [
        ("tables", InputShape::numbers(8)),
        ("sequences", InputShape::Sequence { time: 8, features: 1 }),
        ("texts", InputShape::Tokens { time: 8, vocabulary: 8 }),
        ("images", InputShape::Image { channels: 1, height: 8, width: 8 }),
    ];
    let reads =
        |shape: &InputShape| ModelSpec::default_of(kind).is_ok_and(|spec| spec.summary(shape, 2).is_ok());
    let names: Vec<&str> = shapes.iter().filter(|(_, shape)| reads(shape)).map(|(name, _)| *name).collect();
    if names.is_empty() {
        "reads what its first layer reads".into()
    } else {
        format!("reads {}", names.join(", "))
    }
}
