//! Groups of parameters with their own rule, rate or weight decay.

use super::*;
use optlab_optim::{GradientTransform, LearningRates};

/// The paths of the parameters of [`Model`], in order.
const PATHS: [&str; 4] = ["linear.weight", "linear.bias", "conv.weight", "conv.bias"];

/// How a parameter is moved: by gradient descent with a factor of the rate and a weight decay in the
/// gradient, or by the sign of the gradient.
#[derive(Debug, Clone, Copy)]
enum Moved {
    Down { factor: f64, decay: f64 },
    BySign { factor: f64 },
}
use Moved::{BySign, Down};

const PLAIN: Moved = Down { factor: 1.0, decay: 0.0 };

fn assert_moved(text: &str, by: [Moved; 4]) {
    assert_follows(text, 3, |_, lr, theta, grad| {
        for (place, by) in by.iter().enumerate() {
            for (theta, grad) in theta[place].iter_mut().zip(&grad[place]) {
                match by {
                    Down { factor, decay } => *theta -= factor * lr * (grad + decay * *theta),
                    BySign { factor } => *theta -= factor * lr * grad.signum(),
                }
            }
        }
        theta.clone()
    });
}

const SIGN: &str = "other=signum:beta=0.0";

#[test]
fn a_group_has_a_rule_a_rate_and_a_decay_of_its_own() {
    let half = Down { factor: 0.5, decay: 0.0 };
    assert_moved("group:parameters=*.bias,lr_factor=0.5,base=sgd", [PLAIN, half, PLAIN, half]);
    assert_moved("group:parameters=*.bias,lr_factor=0,base=sgd", {
        let still = Down { factor: 0.0, decay: 0.0 };
        [PLAIN, still, PLAIN, still]
    });
    let decayed = Down { factor: 1.0, decay: 0.4 };
    let text = "group:parameters=*.bias,weight_decay=0,base=sgd:weight_decay=0.4";
    assert_moved(text, [decayed, PLAIN, decayed, PLAIN]);
    let more = Down { factor: 1.0, decay: 0.9 };
    let text = "group:parameters=*.weight,weight_decay=0.9,base=sgd:weight_decay=0.4";
    assert_moved(text, [more, decayed, more, decayed]);
    let (sign, half_sign) = (BySign { factor: 1.0 }, BySign { factor: 0.5 });
    assert_moved(&format!("group:parameters=conv.*,base=sgd,{SIGN}"), [PLAIN, PLAIN, sign, sign]);
    let text = format!("group:parameters=conv.*,lr_factor=0.5,base=sgd:weight_decay=0.4,{SIGN}");
    let text = text.replace("base=sgd:weight_decay=0.4", "base=(sgd:weight_decay=0.4)");
    assert_moved(&text, [decayed, decayed, half_sign, half_sign]);
    let text = "group:parameters=conv.*,weight_decay=0.4,base=sgd,other=sgd:weight_decay=0.7";
    assert_moved(text, [PLAIN, PLAIN, decayed, decayed]);
}

#[test]
fn a_pattern_must_match_the_whole_path() {
    let sign = BySign { factor: 1.0 };
    for (patterns, named) in [
        ("*", [true, true, true, true]),
        ("*.bias", [false, true, false, true]),
        ("conv.*|linear.bias", [false, true, true, true]),
        ("conv.bias | linear.weight", [true, false, false, true]),
        ("con?.weight", [false, false, true, false]),
        ("|conv.weight|", [false, false, true, false]),
        ("bias", [false; 4]),
        ("conv", [false; 4]),
        ("Conv.*", [false; 4]),
        ("nothing.of.that.name", [false; 4]),
    ] {
        let text = format!("group:parameters={patterns},base=sgd,{SIGN}");
        assert_moved(&text, named.map(|named| if named { sign } else { PLAIN }));
    }
}

#[test]
fn a_group_with_a_schedule_uses_its_given_rate_times_its_factor() {
    // The expected rate of each parameter, with rates of 1 for the run and 0.1, 0.2 and 0.4 for the first
    // three groups.
    let cases = [
        ("group:parameters=*.bias,schedule=step,base=sgd", [1.0, 0.1, 1.0, 0.1]),
        ("group:parameters=*.bias,schedule=step,lr_factor=3,base=sgd", [1.0, 0.3, 1.0, 0.3]),
        // Without a schedule the group's rate is ignored.
        ("group:parameters=*.bias,lr_factor=3,base=sgd", [1.0, 3.0, 1.0, 3.0]),
        ("group:parameters=*.bias,schedule=step,other=sgd,base=sgd:momentum=0.0", [1.0, 0.1, 1.0, 0.1]),
        // The inner group has index 0; the outer one wins if both have a schedule.
        (
            "group:parameters=conv.*,schedule=step,base=group:parameters=*.bias,schedule=cosine,base=sgd",
            [1.0, 0.1, 0.2, 0.2],
        ),
        (
            "group:parameters=conv.*,lr_factor=3,base=group:parameters=*.bias,schedule=cosine,base=sgd",
            [1.0, 0.1, 3.0, 0.3],
        ),
        (
            "group:parameters=conv.*,schedule=step,weight_decay=0,base=group:parameters=*.bias,schedule=cosine,base=sgd",
            [1.0, 0.1, 0.2, 0.2],
        ),
        (
            "group:parameters=conv.*,schedule=(cosine:min_lr=0),base=(group:parameters=*.bias,lr_factor=2,base=sgd)",
            [1.0, 2.0, 0.2, 0.4],
        ),
    ];
    for (text, shares) in cases {
        let mut optimizer = build(text);
        let model = Model::new();
        let (before, grads) = (values(&model), gradient_values(1));
        let rates = LearningRates { base: 1.0, groups: &[0.1, 0.2, 0.4] };
        let after = values(&optimizer.apply(rates, model.clone(), &mut gradients(&model, 1)));
        for (place, share) in shares.into_iter().enumerate() {
            for ((after, before), grad) in after[place].iter().zip(&before[place]).zip(&grads[place]) {
                assert!((after - (before - share * grad)).abs() < 1e-5, "{text}, {}", PATHS[place]);
            }
        }
        // A single number is the rate of all parameters.
        let mut optimizer = build(text);
        let all = values(&optimizer.apply(1.0, model.clone(), &mut gradients(&model, 1)));
        assert!((all[0][0] - (before[0][0] - grads[0][0])).abs() < 1e-5, "{text}");
    }
    let spec: OptimizerSpec = "group:parameters=*.bias,schedule=(step:gamma=0.5),base=sgd".parse().unwrap();
    assert_eq!(spec.to_string().parse::<OptimizerSpec>().unwrap(), spec);
    let groups = spec.build().unwrap();
    let [group] = groups.groups() else { panic!("one group") };
    assert_eq!(
        (group.patterns.to_string().as_str(), group.schedule.as_deref()),
        ("*.bias", Some("step:gamma=0.5"))
    );
}

#[test]
fn the_error_for_a_group_without_parameters_lists_the_models_names() {
    let model = Model::new();
    let check = |text: &str| text.parse::<OptimizerSpec>().unwrap().build().unwrap().check(&model);
    let message = check("group:parameters=linear.weigth|nothing,base=sgd").unwrap_err().to_string();
    assert_eq!(
        message,
        "group: `parameters` must be patterns that match some of linear.weight, linear.bias, conv.weight, conv.bias, \
         not linear.weigth|nothing"
    );
    let inside = "ema:base=(group:parameters=*.bias,base=(group:parameters=nothing,base=sgd))";
    assert!(check(inside).unwrap_err().to_string().ends_with("not nothing"));
    // One match per group is enough, and two groups need not overlap.
    check("group:parameters=conv.*|nothing,base=(group:parameters=linear.*,base=sgd)").unwrap();
    check("no_vector_decay:base=adamw").unwrap();
}

#[test]
fn in_nested_groups_the_outermost_sets_rule_and_decay_and_factors_multiply() {
    let factor = |factor| Down { factor, decay: 0.0 };
    let text = "group:parameters=*.bias,lr_factor=0.5,base=(group:parameters=conv.*,lr_factor=4,base=sgd)";
    assert_moved(text, [PLAIN, factor(0.5), factor(4.0), factor(2.0)]);

    let sign = BySign { factor: 1.0 };
    let inner = "group:parameters=conv.*,lr_factor=4,base=sgd,other=sgd:weight_decay=0.4";
    let text = format!("group:parameters=*.bias,base=({inner}),{SIGN}");
    assert_moved(&text, [PLAIN, sign, Down { factor: 4.0, decay: 0.4 }, sign]);

    let decay = |decay| Down { factor: 1.0, decay };
    for inner in [
        "group:parameters=conv.*,weight_decay=0.7,base=sgd:weight_decay=0.4",
        "group:parameters=conv.*,other=(sgd:weight_decay=0.7),base=sgd:weight_decay=0.4",
        "group:parameters=conv.*,weight_decay=0.7,other=(sgd:weight_decay=0.1),base=sgd:weight_decay=0.4",
    ] {
        let text = format!("group:parameters=*.bias,weight_decay=0,base={inner}");
        assert_moved(&text, [decay(0.4), PLAIN, decay(0.7), PLAIN]);
        let text = format!("group:parameters=*.bias,weight_decay=0.2,base={inner}");
        assert_moved(&text, [decay(0.4), decay(0.2), decay(0.7), decay(0.2)]);
        assert_moved(&format!("no_vector_decay:base={inner}"), [decay(0.4), PLAIN, decay(0.7), PLAIN]);
    }
}

#[test]
fn no_vector_decay_exempts_vectors_and_keeps_the_decay_of_the_others() {
    let decayed = Down { factor: 1.0, decay: 0.4 };
    assert_moved("no_vector_decay:base=sgd:weight_decay=0.4", [decayed, PLAIN, decayed, PLAIN]);
    let [without, with, around] =
        ["adamw:weight_decay=0", "adamw:weight_decay=0.4", "no_vector_decay:base=adamw:weight_decay=0.4"]
            .map(|text| {
                let mut optimizer = build(text);
                values(&(1..=3).fold(Model::new(), |model, t| {
                    optimizer.step(rate(t), model, |model| (0.0, gradients(model, t))).0
                }))
            });
    for place in 0..4 {
        let expected = if SHAPES[place].len() == 1 { &without } else { &with };
        assert_eq!(around[place], expected[place], "{}", PATHS[place]);
        assert_ne!(without[place], with[place], "{}", PATHS[place]);
    }
}

#[test]
fn decoupled_penalties_skip_a_group_without_decay() {
    for (text, spared) in [
        ("decay:weight_decay=0.5,l1=0.3,base=(group:parameters=conv.*,weight_decay=0,base=sgd)", [2, 3]),
        ("group:parameters=conv.*,weight_decay=0,base=(decay:weight_decay=0.5,l1=0.3,base=sgd)", [2, 3]),
        ("decay:weight_decay=0.5,l1=0.3,base=(no_vector_decay:base=sgd)", [1, 3]),
        ("decay:weight_decay=0.5,l1=0.3,base=(group:lr_factor=1,base=sgd)", [9, 9]),
        ("decay:weight_decay=0.5,l1=0.3,base=(group:weight_decay=0.0,parameters=x,base=sgd)", [9, 9]),
    ] {
        assert_follows(text, 4, |_, lr, theta, grad| {
            for place in 0..4 {
                let decays = if spared.contains(&place) { 0.0 } else { 1.0 };
                for (theta, grad) in theta[place].iter_mut().zip(&grad[place]) {
                    let moved = (1.0 - decays * lr * 0.5) * *theta - lr * grad;
                    *theta = moved.signum() * (moved.abs() - decays * lr * 0.3).max(0.0);
                }
            }
            theta.clone()
        });
    }
}

#[test]
fn gradient_penalties_skip_a_group_without_decay_also_in_the_norm_and_per_tensor() {
    let penalties = GradientTransform { l1: 0.3, l2: 0.5, ..GradientTransform::default() };
    for (text, clip) in [
        ("group:parameters=conv.*,weight_decay=0,base=sgd", f64::INFINITY),
        ("clip:norm=0.7,base=(group:parameters=conv.*,weight_decay=0,base=sgd)", 0.7),
        ("clip:tensor_norm=1e9,norm=0.7,base=(group:parameters=conv.*,weight_decay=0,base=sgd)", 0.7),
    ] {
        let mut optimizer = build(text).with_gradient_transform(penalties).unwrap();
        let model = Model::new();
        let mut expected = values(&model);
        let mut grad = gradient_values(1);
        for place in [0, 1] {
            for (grad, theta) in grad[place].iter_mut().zip(&expected[place]) {
                *grad += 0.3 * theta.signum() + 0.5 * theta;
            }
        }
        let norm = grad.iter().flatten().map(|grad| grad * grad).sum::<f64>().sqrt();
        descend(&mut expected, &grad, 0.1 * (clip / (norm + 1e-6)).min(1.0));
        let mut given = gradients(&model, 1);
        assert_close(&values(&optimizer.apply(0.1, model, &mut given)), &expected, text);
    }
}

/// Returns every wrapper with its default settings.
fn wrappers() -> Vec<OptimizerSpec> {
    let all = OptimizerSpec::all().into_iter();
    all.filter(|spec| spec.fields().iter().any(|(field, _)| field == "base")).collect()
}

#[test]
fn a_wrapper_cannot_be_one_of_several_rules() {
    assert_eq!(wrappers().len(), 22);
    // A compact rule and a lazy one are still rules.
    for spec in wrappers().into_iter().filter(|spec| !["compact", "lazy"].contains(&spec.name())) {
        let name = spec.name();
        let said = format!("`{name}` wraps an optimizer: it cannot be one of several rules");
        for around in ["muon:other=", "group:other="] {
            let error = format!("{around}{name}").parse::<OptimizerSpec>().unwrap().build().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(&said), "{around}{name}: {error}");
        }
        let error = spec.rules().map(|_| ()).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(&said), "{error}");
    }
}

#[test]
fn only_groups_can_wrap_an_optimizer_twice() {
    for name in [
        "sam",
        "asam",
        "lookahead",
        "ema",
        "swa",
        "lawa",
        "cautious",
        "skip_non_finite",
        "decay",
        "centralized",
        "hyperball",
        "mechanic",
        "ema_nesterov",
        "schedule_free",
    ] {
        for between in ["", "group:base=", "clip:base="] {
            let text = format!("{name}:base={between}{name}");
            let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
            let said = format!("`{name}` wraps an optimizer that already has it");
            assert!(error.is_usage() && error.to_string().contains(&said), "{text}: {error}");
        }
    }
    for (text, said) in [
        ("ema:base=swa", "`ema`"),
        ("swa:base=ema", "`swa`"),
        ("sam:base=asam", "`sam`"),
        ("asam:base=(ema:base=sam)", "`asam`"),
        ("clip:base=clip", "`clip_norm`"),
        ("clip:value=1.0,norm=none,base=(clip:value=2.0)", "`clip_value`"),
        ("adaptive_clip:base=adaptive_clip", "`adaptive_clip`"),
        ("sam:base=burn.lbfgs", "`sam`"),
        ("lawa:base=ema", "`lawa`"),
        ("grokfast:base=grokfast", "`grokfast`"),
        ("variance_reduced:base=(group:base=grokfast)", "`variance_reduced`"),
    ] {
        let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
    for text in ["no_vector_decay:base=no_vector_decay", "group:base=(group:base=sgd)"] {
        assert!(text.parse::<OptimizerSpec>().unwrap().build().is_ok(), "{text}");
    }
}

#[test]
fn every_range_of_a_wrapper_is_checked_at_both_ends_and_counts_of_zero_are_refused() {
    /// Values inside a range, and values outside of it.
    type Ends = ([&'static str; 2], &'static [&'static str]);
    const SHARE: Ends = (["0", "1"], &["1.000001", "-1e-9"]);
    const BELOW_ONE: Ends = (["0", "0.999999"], &["1", "-1e-9"]);
    const POSITIVE: Ends = (["1e-30", "1e30"], &["0", "-1e-9"]);
    const NON_NEGATIVE: Ends = (["0", "1e30"], &["-1e-9"]);
    const COUNT: Ends = (["1", "1000000"], &["0"]);
    const ITERATIONS: Ends = (["1", "1000"], &["0", "1001"]);
    let rows = [
        ("sam", "rho", POSITIVE),
        ("asam", "rho", POSITIVE),
        ("asam", "eta", NON_NEGATIVE),
        ("lookahead", "steps", COUNT),
        ("lookahead", "alpha", SHARE),
        ("ema", "decay", BELOW_ONE),
        ("swa", "start", COUNT),
        ("swa", "every", COUNT),
        ("lawa", "snapshots", ITERATIONS),
        ("lawa", "every", COUNT),
        ("schedule_free", "momentum", (["1e-30", "0.999999"], &["0", "1"])),
        ("schedule_free", "weight_decay", NON_NEGATIVE),
        ("schedule_free", "r", NON_NEGATIVE),
        ("schedule_free", "weight_lr_power", NON_NEGATIVE),
        ("schedule_free", "decoupling", NON_NEGATIVE),
        ("ema_nesterov", "step", NON_NEGATIVE),
        ("ema_nesterov", "decay", BELOW_ONE),
        ("mechanic", "weight_decay", NON_NEGATIVE),
        ("mechanic", "epsilon", POSITIVE),
        ("mechanic", "initial", POSITIVE),
        ("mechanic", "decays", (["1", "16"], &["0", "17"])),
        ("grokfast", "alpha", BELOW_ONE),
        ("grokfast", "window", ITERATIONS),
        ("grokfast", "lamb", NON_NEGATIVE),
        ("variance_reduced", "beta", BELOW_ONE),
        ("variance_reduced", "gamma", NON_NEGATIVE),
        ("variance_reduced", "max_norm", POSITIVE),
        ("lbfgs", "max_iterations", ITERATIONS),
        ("lbfgs", "max_evaluations", ITERATIONS),
        ("lbfgs", "history", ITERATIONS),
        ("lbfgs", "tolerance_gradient", NON_NEGATIVE),
        ("lbfgs", "tolerance_change", NON_NEGATIVE),
        ("clip", "value", POSITIVE),
        ("clip", "tensor_norm", POSITIVE),
        ("clip", "norm", POSITIVE),
        ("adaptive_clip", "limit", POSITIVE),
        ("decay", "weight_decay", NON_NEGATIVE),
        ("decay", "l1", NON_NEGATIVE),
        ("group", "lr_factor", NON_NEGATIVE),
        ("group", "weight_decay", NON_NEGATIVE),
        ("sophia_g", "update_period", COUNT),
        ("burn.lbfgs", "max_iter", ITERATIONS),
        ("burn.lbfgs", "history_size", ITERATIONS),
    ];
    for (name, field, (inside, outside)) in rows {
        for value in inside {
            let text = format!("{name}:{field}={value}");
            let built = text.parse::<OptimizerSpec>().unwrap().build();
            assert!(built.is_ok(), "{text}: {built:?}");
        }
        for value in outside {
            let text = format!("{name}:{field}={value}");
            let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: `{field}` must be ")), "{text}: {error}");
        }
        for value in ["nan", "inf", "fast"] {
            let text = format!("{name}:{field}={value}");
            assert!(text.parse::<OptimizerSpec>().is_err_and(|error| error.is_usage()), "{text}");
        }
    }
    let has_row = |name: &str, field: &str| rows.iter().any(|row| (row.0, row.1) == (name, field));
    for spec in wrappers() {
        for (field, _) in spec.fields() {
            let unbounded = [
                "base",
                "parameters",
                "other",
                "schedule",
                "kind",
                "warmup",
                "scheduled",
                "warmup_steps",
                "rest_step",
                "cautious",
                "state",
            ];
            let other = unbounded.contains(&field.as_str());
            assert!(other || has_row(spec.name(), &field), "{spec}: `{field}` has no row above");
        }
    }
}

#[test]
fn infinity_and_nan_are_refused_in_settings_built_in_code() {
    use optlab_optim::*;
    for value in [f64::NAN, f64::INFINITY] {
        let given = Some(value);
        let clip = ClipConfig { norm: None, ..ClipConfig::default() };
        for (field, spec) in [
            ("value", OptimizerSpec::Clip(ClipConfig { value: given, ..clip.clone() })),
            ("tensor_norm", OptimizerSpec::Clip(ClipConfig { tensor_norm: given, ..clip.clone() })),
            ("norm", OptimizerSpec::Clip(ClipConfig { norm: given, ..clip.clone() })),
            (
                "weight_decay",
                OptimizerSpec::Group(GroupConfig { weight_decay: given, ..GroupConfig::default() }),
            ),
        ] {
            let error = spec.build().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: `{field}` must be ", spec.name())), "{error}");
        }
    }
}

#[test]
fn a_group_without_patterns_or_with_a_decay_the_rule_lacks_is_refused() {
    for (text, said) in [
        ("group:parameters=|,base=sgd", "group: `parameters` must be at least one pattern of a path"),
        ("group:parameters=,base=sgd", "group: `parameters`"),
        ("group:weight_decay=0.1,base=yogi", "yogi: `weight_decay` must be 0, since the rule has none"),
        ("group:weight_decay=0.1,base=adam,other=yogi", "yogi: `weight_decay`"),
        ("group:base=adam:beta_1=2", "adam: `beta_1`"),
        ("group:base=adam,other=adam:beta_1=2", "adam: `beta_1`"),
    ] {
        let error = text.parse::<OptimizerSpec>().unwrap().build().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
    for text in ["group:weight_decay=0,base=yogi", "no_vector_decay:base=yogi"] {
        assert!(text.parse::<OptimizerSpec>().unwrap().build().is_ok(), "{text}");
    }
}

#[test]
fn a_field_without_a_value_is_written_and_read_as_none() {
    for text in ["clip:norm=none", "clip:norm=none,value=0.5", "ema:base=clip:norm=none"] {
        let spec: OptimizerSpec = text.parse().unwrap();
        assert_eq!(spec.to_string(), text);
        assert_eq!(spec, OptimizerSpec::from_value(&serde_json::to_value(&spec).unwrap()).unwrap());
    }
    assert_eq!("clip:value=none".parse::<OptimizerSpec>().unwrap().to_string(), "clip");
    assert_eq!("group:other=none".parse::<OptimizerSpec>().unwrap().to_string(), "group");
    assert!(
        "ema:decay=none".parse::<OptimizerSpec>().is_err_and(|error| error.to_string().contains("`decay`"))
    );
    assert!(
        "ema:base=none".parse::<OptimizerSpec>().is_err_and(|error| error.to_string().contains("`base`"))
    );
}
