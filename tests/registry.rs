//! A rule registered at run time works like the built-in rules.

use optlab::kernel::{Update, Value};
use optlab::optim::Error;
use optlab::optim::OptimizerChoice;
use optlab::optim::*;
use optlab::range;
use optlab::train::{self, Budget, Observer, Recipe, RunDirectory, RunOptions, Trial};
use optlab::workload::{self, Supervised};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::LazyLock;

/// Heavy-ball momentum: mₜ = β mₜ₋₁ + gₜ, θₜ = θₜ₋₁ − ηₜ mₜ.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct HeavyBall {
    beta: f64,
    warm: bool,
}

impl RuleConfig for HeavyBall {
    const DEFAULT_LR: f64 = 0.02;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        range::check(owner, [("beta", self.beta, range::BELOW_ONE)])?;
        Ok(vec![ParameterRule::elementwise(self.clone())])
    }
}

impl Rule for HeavyBall {
    const STATE: &'static [&'static str] = &["momentum"];
}

impl ElementwiseRule for HeavyBall {
    type Step = Step;

    fn at_step(&self, at: At<'_>) -> Step {
        Step { lr: at.lr, beta: self.beta }
    }
}

#[derive(Clone, Copy)]
struct Step {
    lr: f64,
    beta: f64,
}

impl Update for Step {
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        *momentum = momentum.clone().mul_scalar(self.beta) + grad;
        theta - momentum.clone().mul_scalar(self.lr)
    }
}

/// Stops a run after this many of its steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn interrupts(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}

const SUMMARY: &str = "momentum, once more";

/// Registered once, by whichever test runs first.
static HEAVY_BALL: LazyLock<OptimizerSpec> =
    LazyLock::new(|| register("heavy_ball", SUMMARY, HeavyBall { beta: 0.9, warm: false }).unwrap());

fn parse(text: &str) -> Result<OptimizerSpec, Error> {
    LazyLock::force(&HEAVY_BALL);
    text.parse()
}

#[test]
fn a_registered_rule_has_a_name_summary_rate_and_fields_and_is_listed() {
    let spec = parse("heavy_ball").unwrap();
    assert_eq!(spec, *HEAVY_BALL);
    assert_eq!((spec.name(), spec.summary(), spec.default_lr()), ("heavy_ball", SUMMARY, 0.02));
    let fields = [("beta", "0.9"), ("warm", "false")].map(|(field, value)| (field.into(), value.into()));
    assert_eq!(spec.fields(), fields);
    let all = OptimizerSpec::all();
    assert_eq!(all.iter().filter(|of| **of == spec).count(), 1);
    assert!(all.iter().position(|of| *of == spec) > all.iter().position(|of| of.name() == "burn.sgd"));
    assert!(format!("{spec:?}").contains("heavy_ball"));
}

#[test]
fn a_registered_rule_round_trips_through_text_and_json() {
    for text in ["heavy_ball", "heavy_ball:beta=0.5", "heavy_ball:beta=0.1,warm=true"] {
        let spec = parse(text).unwrap();
        assert_eq!(spec.to_string(), text);
        let json = serde_json::to_string(&spec).unwrap();
        assert!(json.starts_with(r#"{"rule":"heavy_ball","#), "{json}");
        assert_eq!(serde_json::from_str::<OptimizerSpec>(&json).unwrap(), spec);
        assert_eq!(OptimizerSpec::from_value(&serde_json::from_str(&json).unwrap()).unwrap(), spec);
    }
    assert_ne!(parse("heavy_ball:beta=0.5").unwrap(), parse("heavy_ball").unwrap());
    assert_ne!(parse("heavy_ball").unwrap(), parse("sgd").unwrap());
    // Fields missing from JSON get their defaults.
    let short = serde_json::from_value::<OptimizerSpec>(json!({"rule": "heavy_ball", "warm": true})).unwrap();
    assert_eq!(short, parse("heavy_ball:warm=true").unwrap());
    let arm: OptimizerChoice = "heavy_ball:lr=0.5,beta=0.3".parse().unwrap();
    assert_eq!((arm.lr, arm.optimizer), (Some(0.5), parse("heavy_ball:beta=0.3").unwrap()));
}

#[test]
fn mistakes_in_a_registered_rule_get_the_usual_messages() {
    for (text, said) in [
        ("heavy_bal", "did you mean `heavy_ball`?"),
        ("heavy_ball:bet=0.5", "did you mean `beta`?"),
        ("heavy_ball:beta=fast", "heavy_ball: `beta` must be a finite number, not fast"),
        ("heavy_ball:beta=nan", "heavy_ball: `beta` must be a finite number"),
        ("heavy_ball:warm=1", "heavy_ball: `warm` must be true or false, not 1"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
    for beta in ["1", "-0.1", "1e300"] {
        let error = parse(&format!("heavy_ball:beta={beta}")).unwrap().build().unwrap_err();
        assert!(error.to_string().starts_with("heavy_ball: `beta` must be in [0, 1), not "), "{error}");
    }
    // Reading a file rejects unknown fields and wrong types, too.
    for value in [json!({"rule": "heavy_ball", "bet": 0.5}), json!({"rule": "heavy_ball", "beta": "0.5"})] {
        assert!(serde_json::from_value::<OptimizerSpec>(value).is_err());
    }
}

#[test]
fn mistakes_in_a_built_in_rule_get_the_same_messages_as_before() {
    let error = parse("burn.muon:ns_steps=1.5").unwrap_err().to_string();
    assert!(error.contains("`ns_steps`") && error.contains("floating point"), "{error}");
    let read = |value| serde_json::from_value::<OptimizerSpec>(value).unwrap_err().to_string();
    assert!(read(json!({"rule": "adam", "beta": 0.5})).contains("unknown field `beta`"));
    assert!(read(json!({"rule": "adan_"})).contains("unknown optimizer `adan_`, did you mean `adan`?; see"));
    assert!(read(json!({"beta": 0.5})).contains("missing field `rule`"));
}

#[test]
fn a_name_that_is_taken_or_cannot_be_written_is_refused() {
    LazyLock::force(&HEAVY_BALL);
    let rule = || HeavyBall { beta: 0.9, warm: false };
    for name in ["heavy_ball", "adam", "burn.sgd"] {
        let error = register(name, SUMMARY, rule()).unwrap_err();
        assert!(matches!(error, Error::NameTaken { .. }) && error.is_usage(), "{error}");
        assert_eq!(error.to_string(), format!("there is optimizer `{name}` already; choose another name"));
    }
    for name in ["", "heavy ball", "heavy:ball", "heavy,ball", "heavy=ball", "a/b", "ball²"] {
        let error = register(name, SUMMARY, rule()).unwrap_err();
        assert!(error.to_string().starts_with("optimizer: `name` must be letters"), "{name}: {error}");
    }
    assert_eq!(OptimizerSpec::all().iter().filter(|spec| spec.summary() == SUMMARY).count(), 1);
}

/// Declares settings of some form, with no rules.
macro_rules! settings {
    ($(#[$attribute:meta])* struct $name:ident $($body:tt)*) => {
        #[derive(Serialize, Deserialize)]
        $(#[$attribute])*
        struct $name $($body)*

        impl RuleConfig for $name {
            const DEFAULT_LR: f64 = 1.0;

            fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
                Ok(vec![])
            }
        }
    };
}

settings! { struct WithLr { lr: f64 } }
settings! { struct WithRule { rule: f64 } }
settings! { struct Unnamed(f64); }
settings! { struct Unit; }
settings! { struct Empty {} }
settings! {
    #[serde(deny_unknown_fields)]
    struct Strict { mode: String, steps: Option<usize> }
}

#[test]
fn settings_that_no_text_can_name_are_refused() {
    for (error, said) in [
        (
            register("with_lr", "", WithLr { lr: 0.1 }),
            "optimizer `with_lr`: none of its settings may be called `lr`",
        ),
        (register("with_rule", "", WithRule { rule: 0.1 }), "none of its settings may be called `rule`"),
        (register("unnamed", "", Unnamed(0.5)), "its settings are not a struct with named fields"),
        (register("unit", "", Unit), "its settings are not a struct with named fields"),
    ] {
        let error = error.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{error}");
    }
    let refused = register("refused", SUMMARY, HeavyBall { beta: 1.0, warm: false }).unwrap_err();
    assert!(refused.to_string().starts_with("refused: `beta` must be in [0, 1)"), "{refused}");
    for name in ["with_lr", "with_rule", "unnamed", "unit", "refused"] {
        assert!(matches!(name.parse::<OptimizerSpec>(), Err(Error::UnknownName { .. })), "{name}");
    }
}

#[test]
fn settings_may_be_texts_or_none_and_a_rule_may_have_no_settings() {
    let empty = register("empty", "nothing to set", Empty {}).unwrap();
    assert_eq!((empty.to_string().as_str(), empty.fields().len()), ("empty", 0));
    assert_eq!("empty".parse::<OptimizerSpec>().unwrap(), empty);
    register("strict", "all kinds", Strict { mode: "fast".into(), steps: None }).unwrap();
    let text = "strict:mode=slow,steps=3";
    assert_eq!(text.parse::<OptimizerSpec>().unwrap().to_string(), text);
    let error = "strict:steps=1.5".parse::<OptimizerSpec>().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("`steps`"), "{error}");
}

/// A wrapper that takes its driver and rate from its base.
#[derive(Serialize, Deserialize)]
struct Around {
    base: OptimizerSpec,
}

impl RuleConfig for Around {
    const DEFAULT_LR: f64 = 1.0;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.base.rules()
    }

    fn assemble(&self, _owner: &str) -> Result<Assembly, Error> {
        self.base.assemble()
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

#[test]
fn a_registered_wrapper_wraps_any_rule_and_can_be_wrapped() {
    let around = register("around", "nothing more", Around { base: parse("sam").unwrap() }).unwrap();
    assert_eq!(around.default_lr(), parse("sam").unwrap().default_lr());
    for text in ["lookahead:base=(heavy_ball:beta=0.5)", "around:base=(heavy_ball:beta=0.5)"] {
        let spec = parse(text).unwrap();
        assert_eq!(spec.to_string().parse::<OptimizerSpec>().unwrap(), spec);
        assert_eq!(spec.default_lr(), 0.02, "{text}");
        spec.build().unwrap();
        let error = parse(&text.replace("0.5", "1.5")).unwrap().build().unwrap_err();
        assert!(error.to_string().contains("`beta` must be in [0, 1)"), "{text}: {error}");
    }
}

fn trial(optimizer: &str) -> Trial {
    let info = workload::built_in("digits-rnn").unwrap().info();
    Trial {
        optimizer: parse(optimizer).unwrap(),
        lr: 0.02,
        recipe: Recipe { budget: Budget::Steps(40), ..Trial::new(&info).recipe },
        ..Trial::new(&info)
    }
}

fn train(
    trial: &Trial,
    folder: &std::path::Path,
    resume: bool,
    stop: Option<usize>,
) -> Result<(), optlab::Error> {
    let workload = workload::built_in(&trial.workload.name)?;
    let options = RunOptions { resume, ..RunOptions::new(RunDirectory::new(folder)) };
    match stop {
        Some(step) => train::run(&workload, trial, &options, &mut StopAfter(step)).map(|_| ()),
        None => train::run(&workload, trial, &options, &mut ()).map(|_| ()),
    }
}

#[test]
fn a_registered_rule_trains_and_a_resumed_run_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let trial = trial("heavy_ball:beta=0.8");
    assert!(trial.id().starts_with("digits-rnn-heavy_ball-seed0-"));
    train(&trial, &whole, false, None).unwrap();
    assert!(matches!(train(&trial, &parts, false, Some(15)), Err(optlab::Error::Interrupted { .. })));
    // The rest of the run reads the trial from its folder.
    let from_folder = RunDirectory::new(&parts).read_trial().unwrap();
    assert_eq!(from_folder, trial);
    train(&from_folder, &parts, true, None).unwrap();
    for file in ["model.bpk", "optimizer.bpk"] {
        let [a, b] = [&whole, &parts]
            .map(|run| std::fs::read(run.join("checkpoints/step-000040").join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
    // The run used the registered rule at the requested settings.
    let model = |folder: &str, optimizer: &str| {
        let folder = folder_of(&whole, folder);
        train(&self::trial(optimizer), &folder, false, None).unwrap();
        std::fs::read(folder.join("checkpoints/step-000040/model.bpk")).unwrap()
    };
    let ours = std::fs::read(whole.join("checkpoints/step-000040/model.bpk")).unwrap();
    assert!(model("sgd", "sgd:momentum=0.8") == ours);
    assert!(model("other", "heavy_ball") != ours);
}

fn folder_of(run: &std::path::Path, name: &str) -> std::path::PathBuf {
    run.with_file_name(name)
}
