//! Numbers of an optimizer that follow schedules: read and written, checked before the first step, set at
//! each step, and resumed in the middle.

use burn::module::Param;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use optlab_optim::schedule::{Run, ScheduleSpec};
use optlab_optim::{
    AdamWConfig, Error, ModelOptimizer, MuonConfig, OptimizerChoice, OptimizerSpec, ParameterRule,
    RuleConfig, ScheduledOptimizer, SgdConfig, register, settings,
};
use serde_json::json;

type Model = Param<Tensor<2>>;

const SHAPE: [usize; 2] = [4, 3];
/// The share of a parameter that is added to its gradient.
const PULL: f64 = 0.25;

fn spec(text: &str) -> OptimizerSpec {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn build(text: &str, steps: usize) -> ModelOptimizer {
    spec(text).build_for(Run::new(0.1, steps)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn told(text: &str) -> String {
    let built = text.parse::<OptimizerSpec>().and_then(|spec| spec.build_for(Run::new(0.1, 400)));
    built.err().unwrap_or_else(|| panic!("{text} is accepted")).to_string()
}

fn wave(seed: usize) -> Vec<f32> {
    (0..12).map(|place| ((place + 13 * seed) as f32 * 0.7).sin()).collect()
}

fn model() -> Model {
    let data = TensorData::new(wave(0), SHAPE);
    Param::from_tensor(Tensor::from_data(data, &Device::default().autodiff()))
}

fn step(optimizer: &mut ModelOptimizer, model: Model, t: usize) -> Model {
    let (model, _) = optimizer.step(0.1, model, |model: &Model| {
        // The gradient depends on the model, for rules that evaluate at two points.
        let wave = Tensor::<2>::from_data(TensorData::new(wave(t), SHAPE), &Device::default());
        let mut gradients = GradientsParams::new();
        gradients.register(model.id, model.val().inner() * PULL + wave);
        // Some rules need a loss.
        (1.0 / t as f64, gradients)
    });
    model
}

fn values(model: &Model) -> Vec<f32> {
    model.val().into_data().try_to_vec().unwrap()
}

fn trained(text: &str, run: usize, steps: usize) -> Vec<f32> {
    let mut optimizer = build(text, run);
    values(&(1..=steps).fold(model(), |model, t| step(&mut optimizer, model, t)))
}

#[test]
fn a_schedule_in_place_of_a_number_is_written_as_it_is_read() {
    for text in [
        "muon:momentum=(linear:from=0.85,steps=300,to=0.95)",
        "adamw:beta_1=(cosine:to=0.5),beta_2=(sequence:lengths=[50%],schedules=[(constant:from=0.9),constant])",
        "sgd:momentum=constant",
        "sam:rho=(warmup:initial_factor=0.1,steps=10%),base=sgd:momentum=(linear:from=0.5,to=0.9)",
        "ema:decay=(linear:from=0.9,to=0.99),base=clip:norm=(linear:from=2,to=1),base=adamw",
        "group:parameters=head*,weight_decay=(linear:from=0.1),base=adamw",
        "group:other=(sgd:momentum=(cosine:from=0.9,to=0.5)),base=muon:momentum=(linear:to=0.9),other=adamw:beta_1=step",
    ] {
        let read = spec(text);
        assert_eq!(spec(&read.to_string()), read, "{text}: {read}");
        let json = serde_json::to_value(&read).unwrap();
        assert_eq!(serde_json::from_value::<OptimizerSpec>(json.clone()).unwrap(), read, "{text}: {json}");
        assert_eq!(OptimizerSpec::from_value(&json).unwrap(), read, "{text}");
        assert!(read.build().is_err(), "{text}: built without a run");
        assert!(read.build_for(Run::new(0.1, 100)).is_ok(), "{text}");
    }
    let text = "muon:momentum=(linear:from=0.85,steps=300,to=0.95)";
    assert_eq!(spec(text).to_string(), text);
    let from_table = |momentum| OptimizerSpec::from_value(&json!({"rule": "muon", "momentum": momentum}));
    let table = json!({"schedule": "linear", "from": 0.85, "to": 0.95, "steps": 300});
    assert_eq!(from_table(table).unwrap(), spec(text));
    assert_eq!(from_table(json!("linear:from=0.85,to=0.95,steps=300")).unwrap(), spec(text));
    let choice: OptimizerChoice =
        "muon:lr=0.5,momentum=(linear:from=0.85,steps=300,to=0.95)".parse().unwrap();
    assert_eq!((choice.lr, &choice.optimizer), (Some(0.5), &spec(text)));
    assert_eq!(choice.to_string().parse::<OptimizerChoice>().unwrap(), choice);
    let fields = spec(text).fields();
    assert!(fields.contains(&("momentum".into(), "linear:from=0.85,steps=300,to=0.95".into())), "{fields:?}");
}

#[test]
fn what_cannot_follow_a_schedule_is_refused_before_the_first_step() {
    for (text, said) in [
        ("muon:momentum=(linear:from=0.85,to=1.5)", "muon: `momentum` must be in [0, 1), not 1."),
        ("ema:decay=(exponential:from=0.5,gamma=1.01)", "ema: `decay` must be in [0, 1), not 1."),
        ("sam:rho=(linear:to=0,steps=100)", "sam: `rho` must be in (0, ∞), not 0 at step 100"),
        (
            "sgd:momentum=(linear:from=0,to=0.9)",
            "sgd: `momentum` must be a schedule with which the rule keeps",
        ),
        ("muon:ns_steps=(linear:from=1,to=5)", "muon: `ns_steps` must be a whole number"),
        ("muon:nesterov=(linear:from=1,to=5)", "muon: `nesterov` must be true or false"),
        ("adamw:beta_1=(linear:end_lr=0.5)", "schedule `linear` has no field `end_lr`"),
        ("adamw:beta_1=(linear:from=-1)", "linear: `from` must be in [0, ∞), not -1"),
        ("adamw:beta_1=(cosin:to=0.5)", "unknown schedule `cosin`"),
        ("adamw:beta_1=fast", "adamw: `beta_1` must be a finite number, not fast"),
        ("adamw:beta_1=(reduce_on_plateau)", "a schedule of the step alone, without measurements"),
        ("group:weight_decay=(linear:to=1)", "group: `weight_decay` must be a schedule with its own first"),
        ("group:lr_factor=(linear:to=0.5)", "group: `lr_factor` must be a number"),
        ("burn.lbfgs:tolerance_grad=(linear:to=1e-9)", "burn.lbfgs"),
        ("lbfgs:tolerance_gradient=(linear:to=1e-9)", "`lbfgs`: no number can follow a schedule"),
        ("ema:base=adamw:beta_1=(linear:from=0.5,to=2)", "adamw: `beta_1` must be in [0, 1), not 1."),
    ] {
        let told = told(text);
        assert!(told.contains(said), "{text}: {told}");
    }
    let error = spec("adamw:beta_1=(linear:to=0.5)").build().unwrap_err().to_string();
    assert!(error.starts_with("`adamw`: `beta_1` follows a schedule"), "{error}");
    let without_epochs = spec("adamw:beta_1=(linear:to=0.5,steps=2ep)").build_for(Run::new(0.1, 100));
    let error = without_epochs.unwrap_err().to_string();
    assert!(error.contains("`steps` must be in steps or a share of a run without epochs"), "{error}");
}

#[test]
fn a_number_has_the_value_of_its_schedule_at_each_step_and_the_last_after_the_run() {
    let text = "sgd:momentum=(linear:from=0.5,to=0.9,steps=4),weight_decay=(linear:from=0.2,to=0)";
    let mut optimizer = build(text, 6);
    let (mut by_us, mut velocity) = (model(), vec![0.0; 12]);
    let mut theta: Vec<f64> = wave(0).into_iter().map(f64::from).collect();
    for t in 1..=9_usize {
        by_us = step(&mut optimizer, by_us, t);
        let at = (t - 1).min(5) as f64;
        let (momentum, decay) = (0.5 + 0.4 * (at / 4.0).min(1.0), 0.2 * (1.0 - at / 6.0));
        for ((theta, velocity), grad) in theta.iter_mut().zip(&mut velocity).zip(wave(t)) {
            let grad = f64::from(grad) + PULL * *theta;
            *velocity = momentum * *velocity + grad + decay * *theta;
            *theta -= 0.1 * *velocity;
        }
        for (value, expected) in values(&by_us).into_iter().zip(&theta) {
            assert!((f64::from(value) - expected).abs() < 1e-5, "step {t}: {value}, not {expected}");
        }
    }
}

#[test]
fn adamw_follows_schedules_of_all_its_numbers() {
    let text = "adamw:beta_1=(linear:from=0.8,to=0.95),beta_2=(cosine:from=0.9,to=0.99,steps=5),\
                weight_decay=(step:from=0.5,gamma=0.5,step_size=2),epsilon=(linear:from=1e-3,to=1e-8)";
    assert!(told(text).contains("cosine: `to` must be in [0, 0.9]"), "{}", told(text));
    let text = text.replace("cosine:from=0.9,to=0.99", "linear:from=0.9,to=0.99");
    let mut optimizer = build(&text, 8);
    let mut by_us = model();
    let mut theta: Vec<f64> = wave(0).into_iter().map(f64::from).collect();
    let mut moments = vec![[0.0_f64; 2]; 12];
    for t in 1..=8_usize {
        by_us = step(&mut optimizer, by_us, t);
        let at = (t - 1) as f64;
        let beta_1 = 0.8 + 0.15 * at / 8.0;
        let beta_2 = 0.9 + 0.09 * (at / 5.0).min(1.0);
        let decay = 0.5 * 0.5_f64.powi((t as i32 - 1) / 2);
        let epsilon = 1e-8 + (1e-3 - 1e-8) * (1.0 - at / 8.0);
        for ((theta, [first, second]), grad) in theta.iter_mut().zip(&mut moments).zip(wave(t)) {
            let grad = f64::from(grad) + PULL * *theta;
            *theta -= 0.1 * decay * *theta;
            *first = beta_1 * *first + (1.0 - beta_1) * grad;
            *second = beta_2 * *second + (1.0 - beta_2) * grad * grad;
            let mean = *first / (1.0 - beta_1.powi(t as i32));
            let root = (*second / (1.0 - beta_2.powi(t as i32))).sqrt();
            *theta -= 0.1 * mean / (root + epsilon);
        }
        for (value, expected) in values(&by_us).into_iter().zip(&theta) {
            assert!((f64::from(value) - expected).abs() < 2e-5, "step {t}: {value}, not {expected}");
        }
    }
}

/// Returns the fields of every optimizer that may follow a schedule, with their defaults.
fn numbers() -> Vec<(String, String, f64)> {
    let mut numbers = Vec::new();
    for mut spec in OptimizerSpec::all() {
        let name = spec.name();
        for field in spec.settings() {
            if let Some(number) = spec.number_mut(field.name) {
                numbers.push((name.to_string(), field.name.to_string(), *number));
            }
        }
    }
    numbers
}

#[test]
fn a_constant_schedule_of_any_number_changes_nothing() {
    let mut tried = 0;
    for (name, field, default) in numbers() {
        // The first two are refused, and the third needs labels drawn by a model.
        if ["lbfgs", "burn.lbfgs", "sophia_g"].contains(&name.as_str()) || default < 0.0 {
            continue;
        }
        let scheduled = format!("{name}:{field}=(constant:from={default})");
        assert_eq!(trained(&scheduled, 10, 3), trained(&name, 10, 3), "{scheduled}");
        // The default is the first value, too.
        assert_eq!(trained(&format!("{name}:{field}=constant"), 10, 3), trained(&name, 10, 3), "{scheduled}");
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_changing_number_of_any_rule_leaves_its_state_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (run, mut tried, mut refused) = (Run::new(0.1, 4), 0, Vec::new());
    for (name, field, default) in numbers() {
        if ["lbfgs", "burn.lbfgs", "sophia_g"].contains(&name.as_str()) || default <= 0.0 {
            continue;
        }
        let line = format!("linear:initial_lr={default},end_lr={}", default * 0.9);
        let schedule = line.parse::<ScheduleSpec>().unwrap().build(run).unwrap();
        let text = format!("{name}:{field}=(linear:from={default},to={})", default * 0.9);
        let Ok(mut ours) = spec(&text).build_for(run) else {
            refused.push(text);
            continue;
        };
        // Beside it, an optimizer that is built anew for each step and knows the state from a file alone.
        let (mut by_us, mut by_file) = (model(), model());
        for t in 1..=4 {
            let mut plain = spec(&name);
            *plain.number_mut(&field).unwrap() = schedule.lr_at(t - 1);
            let mut plain = plain.build().unwrap();
            if t > 1 {
                plain.load(&path, &by_file, &Device::default()).unwrap();
            }
            by_us = step(&mut ours, by_us, t);
            by_file = step(&mut plain, by_file, t);
            plain.save(&path).unwrap();
            assert_eq!(values(&by_us), values(&by_file), "{text} at {t}");
        }
        tried += 1;
    }
    assert!(tried > 100 && refused.len() < 10, "{tried} tried, refused: {refused:?}");
}

#[test]
fn a_number_of_every_wrapper_and_of_what_it_wraps_changes_the_steps() {
    for (scheduled, plain) in [
        ("sam:rho=(linear:from=0.5,to=0.1),base=sgd", "sam:rho=0.5,base=sgd"),
        ("clip:norm=(linear:from=1,to=0.1),base=sgd", "clip:norm=1,base=sgd"),
        ("decay:weight_decay=(linear:from=0.1,to=0.9),base=sgd", "decay:weight_decay=0.1,base=sgd"),
        ("lookahead:steps=2,alpha=(linear:from=0.5,to=0.1),base=sgd", "lookahead:steps=2,base=sgd"),
        ("ema:base=adam:beta_1=(linear:to=0.5)", "ema:base=adam"),
        ("group:weight_decay=(linear:from=0.1,to=0.9),base=adamw", "group:weight_decay=0.1,base=adamw"),
        (
            "group:other=(sgd:momentum=(linear:from=0.9,to=0.5)),base=adam",
            "group:other=(sgd:momentum=0.9),base=adam",
        ),
        ("muon:other=(sgd:momentum=(linear:from=0.9,to=0.5))", "muon:other=(sgd:momentum=0.9)"),
        ("burn.adam:beta_1=(linear:to=0.5)", "burn.adam"),
        ("prodigy:beta_1=(linear:to=0.5)", "prodigy"),
        ("soap:beta_1=(linear:to=0.5)", "soap"),
    ] {
        assert_ne!(trained(scheduled, 4, 4), trained(plain, 4, 4), "{scheduled}");
        // The first step is that of the first value.
        assert_eq!(trained(scheduled, 4, 1), trained(plain, 4, 1), "{scheduled}");
    }
    let evaluated = |text: &str| {
        let mut optimizer = build(text, 4);
        let model = (1..=4).fold(model(), |model, t| step(&mut optimizer, model, t));
        values(&optimizer.for_evaluation(&model))
    };
    assert_ne!(evaluated("ema:decay=(linear:from=0.9,to=0.1),base=sgd"), evaluated("ema:decay=0.9,base=sgd"));
}

#[test]
fn training_resumes_exactly_in_the_middle_of_a_schedule() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        "adamw:beta_1=(linear:from=0.5,to=0.9),weight_decay=(cosine:from=0.5)",
        "muon:momentum=(linear:from=0.85,to=0.95,steps=3)",
        "schedule_free_sgd:momentum=(linear:from=0.5,to=0.9)",
        "ema:decay=(linear:from=0.1,to=0.9),base=sam:rho=(linear:to=0.1),base=sgd:momentum=(linear:from=0.5,to=0.9)",
        "prodigy:beta_1=(linear:to=0.5)",
        "burn.adam:beta_1=(linear:to=0.5)",
    ] {
        let mut whole = build(text, 8);
        let halfway = (1..=4).fold(model(), |model, t| step(&mut whole, model, t));
        let path = folder.path().join("state");
        whole.save(&path).unwrap();
        let mut resumed = build(text, 8);
        resumed.load(&path, &halfway, &Device::default()).unwrap();
        let evaluated = |optimizer: &ModelOptimizer, model: &Model| values(&optimizer.for_evaluation(model));
        assert_eq!(evaluated(&resumed, &halfway), evaluated(&whole, &halfway), "{text}");
        let (mut one, mut other, mut fresh) = (halfway.clone(), halfway.clone(), halfway);
        let mut unrestored = build(text, 8);
        for t in 5..=8 {
            one = step(&mut whole, one, t);
            other = step(&mut resumed, other, t);
            fresh = step(&mut unrestored, fresh, t);
            assert_eq!(values(&one), values(&other), "{text} at {t}");
        }
        assert_ne!(values(&one), values(&fresh), "{text}");
    }
}

#[test]
fn a_fixed_weight_decay_replaces_a_schedule_of_it() {
    let scheduled = spec("adamw:weight_decay=(linear:from=0.5,to=0.1)");
    assert_eq!(scheduled.with_weight_decay(0.25).unwrap(), spec("adamw:weight_decay=0.25"));
    let both = spec("adamw:weight_decay=(linear:from=0.5,to=0.1),beta_1=(linear:to=0.5)");
    assert_eq!(both.with_weight_decay(0.25).unwrap(), spec("adamw:weight_decay=0.25,beta_1=(linear:to=0.5)"));
    // Vectors are spared, and matrices follow the schedule.
    let text = "no_vector_decay:base=adamw:weight_decay=(linear:from=0.5,to=0.1)";
    assert_eq!(trained(text, 4, 4), trained("adamw:weight_decay=(linear:from=0.5,to=0.1)", 4, 4));
}

/// Makes a step with Burn's own optimizer of a module.
fn step_in_burn(optimizer: &mut ModuleOptimizer, model: Model, t: usize) -> Model {
    let wave = Tensor::<2>::from_data(TensorData::new(wave(t), SHAPE), &Device::default());
    let mut gradients = GradientsParams::new();
    gradients.register(model.id, model.val().inner() * PULL + wave);
    optimizer.step(0.1, model, gradients)
}

#[test]
fn burns_optimizer_of_a_module_follows_schedules_and_resumes_in_the_middle() {
    let run = Run::new(0.1, 8);
    let number = |field, text: &str| (field, text.parse().unwrap());
    let adamw = || -> ModuleOptimizer {
        let numbers = [number("beta_1", "linear:from=0.5,to=0.9"), number("weight_decay", "cosine:from=0.5")];
        let config = AdamWConfig::default();
        ScheduledOptimizer::new("adamw", config, AdamWConfig::build, numbers, run).unwrap().into()
    };
    let muon = || -> ModuleOptimizer {
        let numbers = [number("momentum", "linear:from=0.85,to=0.95,steps=3")];
        ScheduledOptimizer::new("muon", MuonConfig::default(), MuonConfig::build, numbers, run)
            .unwrap()
            .into()
    };
    let makers: [(&str, &dyn Fn() -> ModuleOptimizer); 2] = [
        ("adamw:beta_1=(linear:from=0.5,to=0.9),weight_decay=(cosine:from=0.5)", &adamw),
        ("muon:momentum=(linear:from=0.85,to=0.95,steps=3)", &muon),
    ];
    for (text, make) in makers {
        let (mut ours, mut burns) = (build(text, 8), make());
        let (mut by_us, mut by_burn) = (model(), model());
        for t in 1..=10 {
            if t == 5 {
                burns = make().from_bytes(burns.into_bytes().unwrap()).unwrap();
            }
            by_us = step(&mut ours, by_us, t);
            by_burn = step_in_burn(&mut burns, by_burn, t);
            assert_eq!(values(&by_burn), values(&by_us), "{text} at {t}");
        }
    }
    let refused = |field, text: &str| {
        let numbers = [number(field, text)];
        let built = ScheduledOptimizer::new("sgd", SgdConfig::default(), SgdConfig::build, numbers, run);
        built.unwrap_err().to_string()
    };
    let told = refused("momentum", "linear:from=0.5,to=1.5");
    assert!(told.starts_with("sgd: `momentum` must be in [0, 1), not 1 at step 4"), "{told}");
    let told = refused("momentum", "linear:from=0,to=0.9");
    assert!(told.contains("keeps the same state at every step"), "{told}");
    let told = refused("nesterov", "constant:from=1");
    assert!(told.starts_with("sgd: `nesterov` must be a number with a range"), "{told}");
}

/// SGD with a schedule of its own as a setting, and a momentum whose range is declared.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WithASchedule {
    own: ScheduleSpec,
    weight_decay: f64,
}

impl Default for WithASchedule {
    fn default() -> Self {
        WithASchedule { own: "constant".parse().unwrap(), weight_decay: 0.0 }
    }
}

impl RuleConfig for WithASchedule {
    const DEFAULT_LR: f64 = 0.1;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        SgdConfig { weight_decay: self.weight_decay, ..SgdConfig::default() }.rules(owner)
    }
}

settings! {
    /// SGD with momentum.
    pub struct OwnSgd {
        /// Decay of the velocity.
        mu: f64 = 0.5, in BELOW_ONE;
    }
}

impl RuleConfig for OwnSgd {
    const DEFAULT_LR: f64 = 0.1;

    optlab_optim::settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        SgdConfig { momentum: self.mu, ..SgdConfig::default() }.rules(owner)
    }
}

#[test]
fn a_registered_rule_follows_schedules_where_it_declares_ranges_and_keeps_its_own() {
    register("with_a_schedule", "", WithASchedule::default()).unwrap();
    register("own_sgd", "", OwnSgd::default()).unwrap();
    let table = json!({"rule": "with_a_schedule", "own": {"schedule": "cosine", "min_lr": 0.5}});
    let read: OptimizerSpec = serde_json::from_value(table).unwrap();
    assert!(read.build().is_ok() && read.to_string().contains("cosine"), "{read}");
    let told = told("with_a_schedule:weight_decay=(linear:from=1)");
    assert!(told.contains("only one that is declared with its range follows a schedule"), "{told}");
    let text = "own_sgd:mu=(linear:from=0.5,to=0.9)";
    assert_eq!(trained(text, 4, 4), trained("sgd:momentum=(linear:from=0.5,to=0.9)", 4, 4));
    assert_eq!(spec(&spec(text).to_string()), spec(text));
}
