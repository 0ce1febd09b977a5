//! One table for all rules: every documented range at both ends and with NaN, every field with an effect, every name there
//! and back. A new rule is new rows. `tests/schedules.rs` is the same for schedules.

#[path = "common/ranges.rs"]
mod ranges;

use burn::nn::{Linear, LinearConfig};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use optlab::optim::*;
use ranges::*;
use serde_json::{Value, json};

const BELOW_ONE: Ends = Ends { inside: [0.0, 0.999999], outside: [1.0, -1e-9] };
const ABOVE_ONE: Ends = Ends { inside: [1.000001, 1e30], outside: [1.0, f64::INFINITY] };
const NEGATIVE: Ends = Ends { inside: [-1e30, -1e-30], outside: [0.0, f64::NEG_INFINITY] };
const FINITE: Ends = Ends { inside: [-1e30, 1e30], outside: [f64::INFINITY, f64::NEG_INFINITY] };
/// Beside the other's default of 50.
const UP_TO_RPROPS_LONGEST: Ends = Ends { inside: [0.0, 50.0], outside: [f64::INFINITY, -1e-9] };
/// Beside the other's default of 1e-6.
const FROM_RPROPS_SHORTEST: Ends = Ends { inside: [1e-6, 1e30], outside: [f64::INFINITY, 0.999e-6] };

macro_rules! rule {
    ($variant:ident($config:ident): $($field:ident $ends:ident),*) => {
        vec![$(Row {
            field: stringify!($field),
            ends: $ends,
            build: Box::new(|value| {
                let spec = OptimizerSpec::$variant($config { $field: value, ..$config::default() });
                (spec.name(), spec.build().map(|_| ()))
            }),
        }),*]
    };
}

#[expect(clippy::needless_update, reason = "a rule may have one field alone")]
fn rule_ranges() -> Vec<Row> {
    [
        rule!(Sgd(SgdConfig): momentum BELOW_ONE, dampening SHARE, weight_decay NON_NEGATIVE),
        rule!(Adam(AdamConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(AdamW(AdamWConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(RmsProp(RmsPropConfig): alpha BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE, momentum BELOW_ONE),
        rule!(AdaGrad(AdaGradConfig): epsilon POSITIVE, weight_decay NON_NEGATIVE, lr_decay NON_NEGATIVE,
            initial_accumulator_value NON_NEGATIVE),
        rule!(Lion(LionConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, weight_decay NON_NEGATIVE),
        rule!(Adamax(AdamaxConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(RAdam(RAdamConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(AdaDelta(AdaDeltaConfig): rho BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Lamb(LambConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(NAdam(NAdamConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE,
            momentum_decay NON_NEGATIVE),
        rule!(AdaBelief(AdaBeliefConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(Yogi(YogiConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE,
            initial_accumulator_value NON_NEGATIVE),
        rule!(Adopt(AdoptConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(LaProp(LaPropConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(AdEMAMix(AdEMAMixConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, beta_3 BELOW_ONE, alpha NON_NEGATIVE,
            epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Adan(AdanConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, beta_3 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(Lars(LarsConfig): momentum BELOW_ONE, weight_decay NON_NEGATIVE, trust_coefficient POSITIVE),
        rule!(StableAdamW(StableAdamWConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(Rprop(RpropConfig): eta_minus POSITIVE_BELOW_ONE, eta_plus ABOVE_ONE, step_min UP_TO_RPROPS_LONGEST,
            step_max FROM_RPROPS_SHORTEST),
        rule!(Signum(SignumConfig): beta BELOW_ONE, weight_decay NON_NEGATIVE),
        rule!(CautiousLion(CautiousLionConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, weight_decay NON_NEGATIVE),
        rule!(CautiousAdamW(CautiousAdamWConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(Grams(GramsConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Mars(MarsConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, gamma NON_NEGATIVE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(Ftrl(FtrlConfig): lr_power NEGATIVE, beta NON_NEGATIVE, l1 NON_NEGATIVE, l2 NON_NEGATIVE),
        rule!(NovoGrad(NovoGradConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Adafactor(AdafactorConfig): beta_1 BELOW_ONE, beta_2_decay NEGATIVE, epsilon_1 POSITIVE, epsilon_2 POSITIVE,
            clip_threshold POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Came(CameConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, beta_3 BELOW_ONE, epsilon_1 POSITIVE,
            epsilon_2 POSITIVE, clip_threshold POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Sm3(Sm3Config): momentum BELOW_ONE, epsilon POSITIVE),
        rule!(Muon(MuonConfig): momentum BELOW_ONE, weight_decay NON_NEGATIVE, other_lr_factor NON_NEGATIVE),
        rule!(Shampoo(ShampooConfig): epsilon POSITIVE, momentum BELOW_ONE),
        rule!(Soap(SoapConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(Prodigy(ProdigyConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, d0 POSITIVE, d_coef POSITIVE,
            weight_decay NON_NEGATIVE, epsilon POSITIVE),
        rule!(DAdaptAdam(DAdaptAdamConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, d0 POSITIVE, weight_decay NON_NEGATIVE,
            epsilon POSITIVE),
        rule!(DoWG(DoWGConfig): epsilon POSITIVE),
        rule!(ScheduleFreeSgd(ScheduleFreeSgdConfig): momentum POSITIVE_BELOW_ONE, weight_decay NON_NEGATIVE,
            r NON_NEGATIVE, weight_lr_power NON_NEGATIVE),
        rule!(ScheduleFreeAdamW(ScheduleFreeAdamWConfig): beta_1 POSITIVE_BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE, r NON_NEGATIVE, weight_lr_power NON_NEGATIVE),
        rule!(SophiaG(SophiaGConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, rho POSITIVE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(Sam(SamConfig): rho POSITIVE),
        rule!(Asam(AsamConfig): rho POSITIVE, eta NON_NEGATIVE),
        rule!(Lookahead(LookaheadConfig): alpha SHARE),
        rule!(Ema(EmaConfig): decay BELOW_ONE),
        rule!(AdaptiveClip(AdaptiveClipConfig): limit POSITIVE),
        vec![Row {
            field: "norm",
            ends: POSITIVE,
            build: Box::new(|norm| {
                let spec = OptimizerSpec::Clip(ClipConfig { norm: Some(norm), ..ClipConfig::default() });
                (spec.name(), spec.build().map(|_| ()))
            }),
        }],
        rule!(Decay(DecayConfig): weight_decay NON_NEGATIVE, l1 NON_NEGATIVE),
        rule!(Group(GroupConfig): lr_factor NON_NEGATIVE),
        rule!(BurnSgd(BurnSgdConfig): weight_decay NON_NEGATIVE, momentum BELOW_ONE, dampening SHARE),
        rule!(BurnAdam(BurnAdamConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(BurnAdamW(BurnAdamWConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(BurnAdaGrad(BurnAdaGradConfig): lr_decay NON_NEGATIVE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(BurnRmsProp(BurnRmsPropConfig): alpha BELOW_ONE, momentum BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(BurnLion(BurnLionConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, weight_decay NON_NEGATIVE),
        rule!(BurnLamb(BurnLambConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, epsilon POSITIVE, weight_decay NON_NEGATIVE),
        rule!(BurnAdan(BurnAdanConfig): beta_1 BELOW_ONE, beta_2 BELOW_ONE, beta_3 BELOW_ONE, epsilon POSITIVE,
            weight_decay NON_NEGATIVE),
        rule!(BurnAdafactor(BurnAdafactorConfig): epsilon_1 POSITIVE, epsilon_2 POSITIVE, clip_threshold POSITIVE,
            decay_rate NEGATIVE, weight_decay NON_NEGATIVE),
        rule!(BurnLbfgs(BurnLbfgsConfig): tolerance_grad NON_NEGATIVE, tolerance_change NON_NEGATIVE),
        rule!(BurnMuon(BurnMuonConfig): weight_decay NON_NEGATIVE, momentum BELOW_ONE, dampening SHARE, ns_a FINITE,
            ns_b FINITE, ns_c FINITE, epsilon POSITIVE),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_range_of_every_rule_holds_at_both_ends_and_for_nan() {
    let covered = assert_ranges(rule_ranges());
    for spec in OptimizerSpec::all() {
        for (field, default) in fields(&spec) {
            let row = covered.contains(&(spec.name(), field.as_str()));
            assert_eq!(row, default.is_f64(), "{}: `{field}` has no row above", spec.name());
        }
    }
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
fn every_rule_comes_back_from_its_text_and_from_its_json() {
    for spec in OptimizerSpec::all() {
        assert_eq!(spec.to_string(), spec.name());
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
fn names_fields_and_types_that_do_not_fit_are_usage_errors_that_name_them() {
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
        ("muon:other=(adamw:beta_1=0.9", "a parenthesis of `(adamw:beta_1=0.9` has no counterpart"),
        ("muon:other=adamw:beta_1=0.9)", "has no counterpart"),
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
fn a_rule_in_a_rule_is_a_text_a_table_or_in_parentheses() {
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

/// Another value of the same type, in the same range.
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

/// Gradients that shrink, so that the largest second moment is not the last.
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

/// The parameters after six steps of rate 0.9.
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
    trajectory(bias, |model, mut gradients| optimizer.apply(LR, model, &mut gradients))
}

#[test]
fn every_field_of_every_rule_changes_what_it_does() {
    for default in OptimizerSpec::all() {
        // What needs more than a gradient, and what is put around rules, has its formulas in `tests/wrappers/`.
        if default.base().is_some() || ["sophia_g", "burn.lbfgs"].contains(&default.name()) {
            continue;
        }
        let mut fields = fields(&default);
        // Some fields are idle without momentum or without decay.
        for (field, value) in [("momentum", 0.9), ("weight_decay", 0.05)] {
            if fields.contains_key(field) {
                fields.insert(field.into(), json!(value));
            }
        }
        let base = OptimizerSpec::from_value(&fields.clone().into()).unwrap();
        for (field, value) in &fields {
            let other = match field.as_str() {
                // Muon's is compared with the norm of a whole matrix.
                "epsilon" => Some(json!(30.0)),
                // A warm-up of one step is over with the first.
                "alpha_warmup_steps" | "beta_3_warmup_steps" | "warmup_steps" => Some(json!(3)),
                // In a narrow range, or of account only beside the rate.
                "lr_power" => Some(json!(-0.7)),
                "eta_plus" => Some(json!(1.5)),
                "step_min" | "step_max" => Some(json!(0.95)),
                // Within the steps and the sizes of this test.
                "precondition_frequency" => Some(json!(2)),
                "max_precond_dim" => Some(json!(3)),
                // For a rule that is none by default; below.
                "other_lr_factor" => None,
                // Of account only where the rate changes; `tests/optimizer_formulas/` has it.
                "weight_lr_power" => None,
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
    let other = run(&"muon:other=adamw".parse().unwrap(), true);
    assert_ne!(other, original);
    assert_ne!(run(&"muon:other=adamw,other_lr_factor=0.5".parse().unwrap(), true), other);
    let original = run(&"burn.muon".parse().unwrap(), true);
    assert_ne!(run(&"burn.muon:adjust_lr_fn=MatchRmsAdamW".parse().unwrap(), true), original);
}

#[test]
fn burns_rules_have_burns_defaults_and_take_burns_steps() {
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
fn a_rule_goes_into_burns_own_module_optimizer_unchanged() {
    let mut burns = ModuleOptimizer::from(AdamConfig::default().build().unwrap());
    let expected = trajectory(true, |model, gradients| burns.step(LR, model, gradients));
    assert_eq!(run(&"adam".parse().unwrap(), true), expected);
}
