//! Tests of every rule's settings: each range at both ends and with NaN, each field's effect, and each name
//! read and written. `tests/schedules/single.rs` does the same for schedules.

use burn::nn::{Linear, LinearConfig};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use optlab_core::range::{COUNT, ITERATIONS, Range};
use optlab_optim::*;
use serde_json::{Value, json};

/// Settings whose range depends on another setting; [`rprop_checks_its_shortest_step_against_its_longest`]
/// tests them.
const DEPENDENT: [(&str, &str); 2] = [("rprop", "step_min"), ("rprop", "step_max")];

/// Returns numbers at the ends of a range and next to them, and whether the range contains them. Burn's rules
/// round to 32 bits, so the neighbors are 32-bit floats.
fn probes(range: Range) -> Vec<(f64, bool)> {
    let [(lowest, has_lowest), (highest, has_highest)] = range.ends();
    let below = |x: f64| f64::from((x as f32).next_down());
    let above = |x: f64| f64::from((x as f32).next_up());
    let mut probes = vec![(f64::NAN, false), (f64::INFINITY, false), (f64::NEG_INFINITY, false)];
    if lowest.is_finite() {
        probes.extend([(below(lowest), false), (lowest, has_lowest), (above(lowest), true)]);
    }
    if highest.is_finite() {
        probes.extend([(above(highest), false), (highest, has_highest), (below(highest), true)]);
    } else {
        probes.push((1e30, true));
    }
    probes
}

#[test]
fn every_range_of_every_rule_is_checked_at_both_ends_and_for_nan() {
    let mut checked = 0;
    for default in OptimizerSpec::all() {
        for field in default.settings() {
            let Some(range) = field.range else { continue };
            let is_dependent = DEPENDENT.contains(&(default.name(), field.name));
            for (value, is_allowed) in probes(range) {
                let mut spec = default.clone();
                let Some(number) = spec.number_mut(field.name) else { continue };
                *number = value;
                let case = format!("{} with `{}` = {value}, in {range}", default.name(), field.name);
                match spec.build() {
                    Ok(_) => assert!(is_allowed, "{case}: accepted"),
                    Err(error) if is_dependent && is_allowed => drop(error),
                    Err(error) => {
                        let named = format!("{}: `{}` must be in {range}, not ", default.name(), field.name);
                        assert!(!is_allowed && error.to_string().starts_with(&named), "{case}: {error}");
                    }
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 1000, "only {checked} numbers were tried");
}

#[test]
fn a_count_of_zero_is_refused_and_one_is_accepted_and_repetitions_within_a_step_have_an_end() {
    let mut checked = 0;
    let is_count = |range| range == Some(COUNT) || range == Some(ITERATIONS);
    for default in OptimizerSpec::all() {
        for field in default.settings().iter().filter(|field| is_count(field.range)) {
            let with = |count: u64| {
                let mut table = serde_json::to_value(&default).unwrap();
                table[field.name] = count.into();
                OptimizerSpec::from_value(&table).unwrap().build()
            };
            assert!(with(1).is_ok(), "{}: `{}`", default.name(), field.name);
            let is_endless = field.range == Some(COUNT);
            let allowed = if is_endless { "at least 1" } else { "in [1, 1000]" };
            let expected = format!("{}: `{}` must be {allowed}, not 0", default.name(), field.name);
            assert_eq!(with(0).unwrap_err().to_string(), expected);
            assert_eq!(with(1001).is_ok(), is_endless, "{}: `{}`", default.name(), field.name);
            checked += 1;
        }
    }
    assert!(checked >= 10, "only {checked} counts");
}

/// Returns the fields of a spec as they are written to JSON.
fn fields(spec: &OptimizerSpec) -> serde_json::Map<String, Value> {
    serde_json::to_value(spec).unwrap().as_object().unwrap().clone()
}

#[test]
fn every_setting_is_declared_and_every_number_has_a_range() {
    for spec in OptimizerSpec::all() {
        let declared: Vec<&str> = spec.settings().iter().map(|field| field.name).collect();
        for (name, default) in fields(&spec).into_iter().filter(|(name, _)| name != "rule") {
            assert!(declared.contains(&name.as_str()), "{}: `{name}` is not declared", spec.name());
            let field = spec.settings().iter().find(|field| field.name == name).unwrap();
            assert!(!default.is_f64() || field.range.is_some(), "{}: `{name}` has no range", spec.name());
            assert!(field.meaning.ends_with('.'), "{}: `{name}`: {}", spec.name(), field.meaning);
        }
    }
}

/// Settings with the same meaning in every rule must have the same range. The ranges are listed here
/// independently of their declarations.
#[test]
fn settings_that_mean_the_same_have_the_same_range() {
    for (names, allowed) in [
        (&["beta_1", "beta_2", "beta_3", "momentum"][..], &["[0, 1)", "(0, 1)"][..]),
        (
            &["weight_decay", "l1", "l2", "momentum_decay", "lr_decay", "initial_accumulator_value"],
            &["[0, ∞)"],
        ),
        (&["epsilon", "epsilon_1", "epsilon_2", "clip_threshold", "d0", "d_coef"], &["(0, ∞)"]),
        (&["dampening"], &["[0, 1]"]),
        (&["beta_2_decay", "decay_rate", "lr_power"], &["(−∞, 0)"]),
        (&["precondition_frequency", "max_precond_dim"], &["[1, ∞)"]),
        (&["ns_steps", "max_iter", "history_size"], &["[1, 1000]"]),
    ] {
        for spec in OptimizerSpec::all() {
            for field in spec.settings().iter().filter(|field| names.contains(&field.name)) {
                // AdaGrad and similar rules may start at 0; FTRL's `beta` is not a decay.
                let range = field.range.unwrap().to_string();
                assert!(allowed.contains(&range.as_str()), "{}: `{}` in {range}", spec.name(), field.name);
            }
        }
    }
    for (rule, field, expected) in [
        ("rprop", "eta_minus", "(0, 1)"),
        ("rprop", "eta_plus", "(1, ∞)"),
        ("lookahead", "alpha", "[0, 1]"),
        ("ema", "decay", "[0, 1)"),
        ("sam", "rho", "(0, ∞)"),
        ("adadelta", "rho", "[0, 1)"),
        ("rmsprop", "alpha", "[0, 1)"),
        ("signum", "beta", "[0, 1)"),
        ("ftrl", "beta", "[0, ∞)"),
        ("schedule_free_sgd", "momentum", "(0, 1)"),
        ("schedule_free_adamw", "beta_1", "(0, 1)"),
        ("burn.muon", "ns_b", "(−∞, ∞)"),
    ] {
        let spec: OptimizerSpec = rule.parse().unwrap();
        let declared = spec.settings().iter().find(|declared| declared.name == field).unwrap();
        assert_eq!(declared.range.unwrap().to_string(), expected, "{rule}: `{field}`");
    }
}

#[test]
fn rprop_checks_its_shortest_step_against_its_longest() {
    for (text, is_allowed) in [
        ("rprop:step_min=0", true),
        ("rprop:step_min=50", true),
        ("rprop:step_min=50.001", false),
        ("rprop:step_max=1e-6", true),
        ("rprop:step_max=0.999e-6", false),
        ("rprop:step_min=2,step_max=2", true),
    ] {
        let built = text.parse::<OptimizerSpec>().unwrap().build();
        assert_eq!(built.is_ok(), is_allowed, "{text}");
        if let Err(error) = built {
            assert!(error.to_string().starts_with("rprop: `step_max` must be in ["), "{text}: {error}");
        }
    }
}

#[test]
fn a_number_that_32_bits_cannot_hold_is_refused_by_every_rule_and_wrapper() {
    let mut checked = 0;
    for default in OptimizerSpec::all() {
        for field in default.settings() {
            let Some(range) = field.range else { continue };
            for value in [1e-46, 1e-300, -1e-300, 1e39, f64::MAX, f64::MIN] {
                let mut spec = default.clone();
                let Some(number) = spec.number_mut(field.name) else { continue };
                *number = value;
                let rounded = f64::from(value as f32);
                let is_lost = (rounded == 0.0 || rounded.is_infinite()) && !range.contains(rounded);
                if is_lost && !DEPENDENT.contains(&(default.name(), field.name)) {
                    let error = spec.build().unwrap_err().to_string();
                    let named = format!("{}: `{}` must be in {range}", default.name(), field.name);
                    assert!(error.starts_with(&named), "{value:e}: {error}");
                    assert!(spec.rules().is_err(), "{}", default.name());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 400, "only {checked} numbers were tried");
    let adam = AdamConfig { epsilon: 1e-300, ..AdamConfig::default() }.build().unwrap_err().to_string();
    assert_eq!(adam, "adam: `epsilon` must be in (0, ∞) in 32 bits, not 1e-300");
    let nested: OptimizerSpec = "ema:base=(muon:other=adam:epsilon=1e-50)".parse().unwrap();
    assert!(nested.build().unwrap_err().to_string().starts_with("adam: `epsilon` must be in (0, ∞) in 32"));
}

#[test]
fn a_decay_that_burn_would_round_to_one_is_refused() {
    for (rule, field) in [("burn.adam", "beta_1"), ("burn.adan", "beta_3"), ("burn.rmsprop", "alpha")] {
        let spec: OptimizerSpec = format!("{rule}:{field}=0.999999999").parse().unwrap();
        assert!(spec.build().is_err(), "{spec}");
    }
    let own: OptimizerSpec = "adam:beta_2=0.999999999".parse().unwrap();
    assert!(own.build().is_ok());
}

#[test]
fn nesterov_needs_momentum_and_no_dampening() {
    for (text, accepted) in [
        ("sgd:momentum=0.9,nesterov=true", true),
        ("sgd:nesterov=true", false),
        ("sgd:momentum=0.9,dampening=0.1,nesterov=true", false),
        ("lars:nesterov=true", true),
        ("lars:momentum=0.0,nesterov=true", false),
    ] {
        let built = text.parse::<OptimizerSpec>().unwrap().build();
        assert_eq!(built.is_ok(), accepted, "{text}");
        if let Err(error) = built {
            assert!(error.is_usage() && error.to_string().contains("`nesterov`"), "{error}");
        }
    }
}

#[test]
fn counts_of_zero_are_refused_by_name() {
    for (text, field) in [
        ("muon:ns_steps=0", "ns_steps"),
        ("shampoo:precondition_frequency=0", "precondition_frequency"),
        ("soap:precondition_frequency=0", "precondition_frequency"),
        ("soap:max_precond_dim=0", "max_precond_dim"),
        ("burn.muon:ns_steps=0", "ns_steps"),
    ] {
        let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert!(error.to_string().contains(&format!("`{field}`")), "{text}: {error}");
    }
}

#[test]
fn every_rule_round_trips_through_text_and_json() {
    for spec in OptimizerSpec::all() {
        // `compact` is written with its base.
        let name = if spec.name() == "compact" { "adamw:state=bf16" } else { spec.name() };
        assert_eq!(spec.to_string(), name);
        assert_eq!(spec.to_string().parse::<OptimizerSpec>().unwrap(), spec);
        let json = serde_json::to_value(&spec).unwrap();
        assert_eq!(OptimizerSpec::from_value(&json).unwrap(), spec);
        assert!(!spec.summary().is_empty() && spec.default_lr() > 0.0);
        spec.build().unwrap();
    }
    for text in [
        "adamw:beta_1=0.95",
        "burn.muon:adjust_lr_fn=MatchRmsAdamW",
        "sgd:momentum=0.9,nesterov=true",
        "muon:lr_scale=match_rms_adamw",
        "muon:nesterov=false,other=adamw:beta_1=0.8,weight_decay=0.1",
        "muon:nesterov=false,other=lion",
        "muon:momentum=0.5,other=muon:momentum=0.6,other=adam:beta_1=0.8",
    ] {
        assert_eq!(text.parse::<OptimizerSpec>().unwrap().to_string(), text);
    }
}

#[test]
fn unknown_names_fields_and_wrong_types_are_usage_errors_that_name_them() {
    for (text, said) in [
        ("adamv", "did you mean"),
        ("adam:beta1=0.9", "did you mean `beta_1`?"),
        ("adam:beta_1=fast", "`beta_1`"),
        ("adam:beta_1=nan", "`beta_1`"),
        ("adam:beta_1=inf", "`beta_1`"),
        ("adam:amsgrad=1", "`amsgrad`"),
        ("burn.muon:adjust_lr_fn=None", "`adjust_lr_fn`"),
        ("burn.muon:ns_steps=1.5", "`ns_steps`"),
        ("muon:other=adamv", "unknown optimizer `adamv`, did you mean `adam`?"),
        ("muon:other=(adamw:beta1=0.9),nesterov=false", "optimizer `adamw` has no field `beta1`"),
        ("muon:other=adamw:beta_1=fast", "adamw: `beta_1`"),
        ("muon:other=(adamw:beta_1=0.9", "unmatched parenthesis or bracket in `(adamw:beta_1=0.9`"),
        ("muon:other=adamw:beta_1=0.9)", "unmatched parenthesis or bracket"),
        ("muon:other=(adamw)nesterov=false", "a comma between `(adamw)` and `nesterov=false`"),
        ("adamw:other=adam", "has no field `other`"),
        ("", "unknown optimizer"),
    ] {
        let error = text.parse::<OptimizerSpec>().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
    for value in [json!(7), json!({"beta_1": 0.9})] {
        assert!(OptimizerSpec::from_value(&value).is_err_and(|error| error.is_usage()));
    }
}

#[test]
fn a_nested_rule_is_written_as_text_as_a_table_or_in_parentheses() {
    let expected: OptimizerSpec =
        "muon:nesterov=false,other=adamw:beta_1=0.8,weight_decay=0.1".parse().unwrap();
    let adamw = AdamWConfig { beta_1: 0.8, weight_decay: 0.1, ..AdamWConfig::default() };
    let other = Some(Box::new(OptimizerSpec::AdamW(adamw)));
    assert_eq!(expected, OptimizerSpec::Muon(MuonConfig { nesterov: false, other, ..MuonConfig::default() }));
    let in_parentheses = "muon:other=(adamw:beta_1=0.8,weight_decay=0.1),nesterov=false";
    assert_eq!(in_parentheses.parse::<OptimizerSpec>().unwrap(), expected);
    let table = json!({"rule": "adamw", "beta_1": 0.8, "weight_decay": 0.1});
    for other in [table, json!("adamw:beta_1=0.8,weight_decay=0.1")] {
        let value = json!({"rule": "muon", "nesterov": false, "other": other});
        assert_eq!(OptimizerSpec::from_value(&value).unwrap(), expected);
    }
    let saved = serde_json::to_string(&expected).unwrap();
    assert_eq!(serde_json::from_str::<OptimizerSpec>(&saved).unwrap(), expected);
    let error = "muon:other=adamw:beta_1=1.5".parse::<OptimizerSpec>().unwrap().build().unwrap_err();
    assert_eq!(error.to_string(), "adamw: `beta_1` must be in [0, 1), not 1.5");
}

/// Returns another value of the same type, in the same range.
fn another(default: &Value) -> Option<Value> {
    Some(match default {
        Value::Bool(value) => json!(!value),
        Value::Number(value) if value.is_u64() => json!(value.as_u64()? / 2 + 1),
        Value::Number(value) => json!(value.as_f64()? * 0.5 + 0.3),
        _ => return None,
    })
}

fn linear(device: &Device, bias: bool) -> Linear {
    let weight: Vec<f32> = (1..=12).map(|i| (i as f32).sin() + 0.1).collect();
    let mut linear = LinearConfig::new(3, 4).with_bias(bias).init(device);
    linear.weight =
        linear.weight.map(|_| Tensor::from_data(TensorData::new(weight, [3, 4]), device).require_grad());
    linear.bias = linear
        .bias
        .map(|bias| bias.map(|_| Tensor::<1>::from_floats([0.3, -0.2, 0.1, 0.4], device).require_grad()));
    linear
}

/// Returns gradients that shrink, so that the largest second moment is not the last.
fn gradients(model: &Linear, step: usize) -> GradientsParams {
    let wave = |size: usize| -> Vec<f32> {
        let phase = step as f32 * 0.7;
        (0..size).map(|i| (i as f32 * 1.3 + phase).sin() * 0.5_f32.powi(step as i32)).collect()
    };
    let device = model.weight.val().device().inner();
    let mut gradients = GradientsParams::new();
    let weight = Tensor::<2>::from_data(TensorData::new(wave(12), [3, 4]), &device);
    gradients.register(model.weight.id, weight);
    if let Some(bias) = &model.bias {
        let gradient = Tensor::<1>::from_data(TensorData::new(wave(4), [4]), &device);
        gradients.register(bias.id, gradient);
    }
    gradients
}

/// Returns the parameters after six steps with a rate of 0.9.
fn trajectory(bias: bool, mut step: impl FnMut(Linear, GradientsParams) -> Linear) -> Vec<f32> {
    let mut model = linear(&Device::default().autodiff(), bias);
    for t in 0..6 {
        let gradients = gradients(&model, t);
        model = step(model, gradients);
    }
    let weight = model.weight.val().into_data();
    let bias = model.bias.map(|bias| bias.val().into_data());
    weight.iter::<f32>().chain(bias.iter().flat_map(|bias| bias.iter::<f32>())).collect()
}

const LR: f64 = 0.9;

fn run(spec: &OptimizerSpec, bias: bool) -> Vec<f32> {
    let mut optimizer = spec.build().unwrap();
    let mut loss = 1.4;
    trajectory(bias, |model, gradients| {
        // Falls below 0, the default lower bound of rules that need the loss.
        loss -= 0.4;
        let mut gradients = Some(gradients);
        optimizer.step(LR, model, |_| (loss, gradients.take().unwrap())).0
    })
}

#[test]
fn every_field_of_every_rule_changes_its_steps() {
    for default in OptimizerSpec::all() {
        // Rules that need more than a gradient, and wrappers, are tested in `tests/rules/wrappers/`.
        if default.base().is_some() || ["sophia_g", "lbfgs", "burn.lbfgs"].contains(&default.name()) {
            continue;
        }
        let is_about_hidden_weights = ["galore", "apollo"].contains(&default.name());
        let mut fields = fields(&default);
        // Some fields have no effect without momentum, its change or weight decay, or while an estimate is
        // small.
        for (field, value) in [
            ("momentum", json!(0.9)),
            ("weight_decay", json!(0.05)),
            ("decoupled_weight_decay", json!(true)),
            ("d0", json!(0.1)),
            ("momentum_steps", json!(4)),
        ] {
            if fields.contains_key(field) {
                fields.insert(field.into(), value);
            }
        }
        let base = OptimizerSpec::from_value(&fields.clone().into()).unwrap();
        for (field, value) in &fields {
            let other = match field.as_str() {
                // Muon compares its epsilon with the norm of a whole matrix.
                "epsilon" => Some(json!(30.0)),
                // A warm-up of one step ends with the first step.
                "alpha_warmup_steps" | "beta_3_warmup_steps" | "warmup_steps" => Some(json!(3)),
                // These have a narrow range, or matter only relative to the rate.
                "lr_power" => Some(json!(-0.7)),
                "eta_plus" => Some(json!(1.5)),
                "largest_step" => Some(json!(0.01)),
                "step_min" | "step_max" => Some(json!(0.95)),
                // Small enough for the steps and sizes of this test.
                "precondition_frequency" => Some(json!(2)),
                "max_precond_dim" => Some(json!(3)),
                "balance_frequency" => Some(json!(2)),
                // The gradients of this test have two directions, of similar eigenvalues.
                "rank_tolerance" => Some(json!(0.95)),
                // Divides the number of outputs.
                "heads" => Some(json!(2)),
                // Has no effect without `other`; tested below.
                "other_lr_factor" => None,
                // Matters only when the rate changes; tested in `tests/rules/formulas/`.
                "weight_lr_power" => None,
                // Matters only for the evaluated weights; tested by its reference file.
                "average_decay" => None,
                // Matters only for hidden weights, or for some of the norms; tested below.
                "rank" | "projection_frequency" | "scale" | "seed" if is_about_hidden_weights => None,
                "ns_steps" if default.name() == "scion" => None,
                "init_factor" if default.name() == "kl_soap" => None,
                // Matters only in evaluations; the reference files have it.
                "average_power" => None,
                _ => another(value),
            };
            let Some(value) = other else { continue };
            let mut changed = fields.clone();
            changed.insert(field.clone(), value);
            let changed = OptimizerSpec::from_value(&changed.into()).unwrap();
            assert_ne!(run(&changed, true), run(&base, true), "{base}: `{field}` is idle");
        }
    }
    let original = run(&"muon".parse().unwrap(), true);
    assert_ne!(run(&"muon:lr_scale=match_rms_adamw".parse().unwrap(), true), original);
    let smaller = run(&"one_sided_shampoo:power=0.3".parse().unwrap(), true);
    for side in ["outputs", "both"] {
        let text = format!("one_sided_shampoo:power=0.3,side={side}");
        assert_ne!(run(&text.parse().unwrap(), true), smaller, "{side}");
    }
    // The matrix has three inputs and four outputs.
    assert_eq!(run(&"one_sided_shampoo:power=0.3,side=inputs".parse().unwrap(), true), smaller);
    let other = run(&"muon:other=adamw".parse().unwrap(), true);
    assert_ne!(other, original);
    assert_ne!(run(&"muon:other=adamw,other_lr_factor=0.5".parse().unwrap(), true), other);
    let original = run(&"burn.muon".parse().unwrap(), true);
    assert_ne!(run(&"burn.muon:adjust_lr_fn=MatchRmsAdamW".parse().unwrap(), true), original);
}

/// Returns the hidden weight of two layers after six steps.
fn hidden_weight(text: &str) -> Vec<f32> {
    let mut optimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
    let device = Device::default().autodiff();
    let mut layers = vec![linear(&device, false), linear(&device, false)];
    for t in 0..6 {
        let mut all = gradients(&layers[0], t);
        all.register(layers[1].weight.id, layers[1].weight.val().inner());
        layers = optimizer.apply(LR, layers, &mut all);
    }
    layers[0].weight.val().into_data().try_to_vec().unwrap()
}

#[test]
fn settings_of_hidden_weights_and_of_norms_change_their_steps() {
    for (base, changed) in [
        ("galore:rank=2,projection_frequency=3", "rank=1"),
        ("galore:rank=2,projection_frequency=3", "projection_frequency=2"),
        ("galore:rank=2,projection_frequency=3", "scale=2"),
        ("apollo:rank=2,projection_frequency=3", "rank=1"),
        ("apollo:rank=2,projection_frequency=3", "projection_frequency=2"),
        ("apollo:rank=2,projection_frequency=3", "scale=2"),
        ("apollo:rank=2,projection_frequency=3", "seed=1"),
        ("apollo:rank=2,projection_frequency=3", "scale_type=tensor"),
        ("kl_soap:precondition_frequency=2", "init_factor=0.5"),
        ("scion:momentum=0.5", "ns_steps=3"),
        ("scion:momentum=0.5", "norm=sign"),
        ("scion:momentum=0.5", "norm=row"),
        ("scion:momentum=0.5", "norm=column"),
        ("scion:momentum=0.5", "scale=2"),
    ] {
        let (field, _) = changed.split_once('=').unwrap();
        let kept = base.split_once(':').unwrap().1.split(',').filter(|setting| !setting.starts_with(field));
        let name = base.split_once(':').unwrap().0;
        let text = format!("{name}:{}", kept.chain([changed]).collect::<Vec<_>>().join(","));
        assert_ne!(hidden_weight(&text), hidden_weight(base), "{text}: `{field}` is idle");
    }
}

#[test]
fn burns_rules_have_burns_defaults_and_make_burns_steps() {
    use burn::optim as theirs;
    let rows: Vec<(&str, ModuleOptimizer)> = vec![
        ("burn.sgd", theirs::SgdConfig::new().init()),
        (
            "burn.sgd:momentum=0.9,weight_decay=0.1",
            theirs::SgdConfig::new()
                .with_momentum(Some(MomentumConfig::new()))
                .with_weight_decay(Some(WeightDecayConfig::new(0.1)))
                .init(),
        ),
        ("burn.adam", theirs::AdamConfig::new().init()),
        ("burn.adamw", theirs::AdamWConfig::new().init()),
        ("burn.adagrad", theirs::AdaGradConfig::new().init()),
        ("burn.rmsprop", theirs::RmsPropConfig::new().init()),
        ("burn.lion", theirs::LionConfig::new().init()),
        ("burn.lamb", theirs::LambConfig::new().init()),
        ("burn.adan", theirs::AdanConfig::new().init()),
        ("burn.adafactor", theirs::AdafactorConfig::new().init()),
    ];
    for (text, mut theirs) in rows {
        let expected = trajectory(true, |model, gradients| theirs.step(LR, model, gradients));
        assert_eq!(run(&text.parse().unwrap(), true), expected, "{text}");
    }
}

#[test]
fn burns_muon_moves_matrices_and_its_adamw_the_rest() {
    let mut muon = burn::optim::MuonConfig::new().init();
    let matrix = trajectory(false, |model, gradients| muon.step(LR, model, gradients));
    let mut adamw = burn::optim::AdamWConfig::new().with_weight_decay(0.0).init();
    let all = trajectory(true, |model, gradients| adamw.step(LR, model, gradients));
    let ours = run(&"burn.muon".parse().unwrap(), true);
    assert_eq!(ours[..12], matrix);
    assert_eq!(ours[12..], all[12..]);
}

#[test]
fn a_rule_works_unchanged_in_burns_module_optimizer() {
    let mut burns = ModuleOptimizer::from(AdamConfig::default().build().unwrap());
    let expected = trajectory(true, |model, gradients| burns.step(LR, model, gradients));
    assert_eq!(run(&"adam".parse().unwrap(), true), expected);
}
