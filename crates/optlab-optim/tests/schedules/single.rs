//! Tests of every schedule: each documented range at both ends and with NaN, each field's effect, each
//! formula on numbers computed by hand, and each name read and written. A new schedule needs new rows.

use crate::ranges::*;
use optlab_optim::schedule::*;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::f64::consts::PI;

const RUN: Run = Run::new(0.1, 100);

/// Returns every schedule of the library, without those that other tests of this program register.
fn built_in_schedules() -> Vec<ScheduleSpec> {
    ScheduleSpec::all().into_iter().filter(|spec| !matches!(spec, ScheduleSpec::Registered(_))).collect()
}

const POSITIVE_UP_TO_ONE: Ends = Ends { inside: [1e-30, 1.0], outside: [1.000001, 0.0] };
const BELOW_ONE: Ends = Ends { inside: [0.95, 0.999999], outside: [1.0, -1e-9] };
/// A range up to the largest momentum.
const UP_TO_0_95: Ends = Ends { inside: [0.0, 0.95], outside: [0.951, -1e-9] };
const UP_TO_0_9: Ends = Ends { inside: [0.0, 0.9], outside: [0.91, -1e-9] };
const FROM_ONE: Ends = Ends { inside: [1.0, 1e30], outside: [f64::INFINITY, 0.999999] };
/// A range up to the rate of [`RUN`].
const UP_TO_THE_RATE: Ends = Ends { inside: [0.0, RUN.lr], outside: [RUN.lr * 1.000001, -1e-9] };

/// A range up to half the rate of [`RUN`].
const UP_TO_HALF_THE_RATE: Ends = Ends { inside: [0.0, RUN.lr / 2.0], outside: [RUN.lr * 0.51, -1e-9] };

macro_rules! schedule {
    ($variant:ident($config:ident): $($field:ident $ends:ident),*) => {
        vec![$(Row {
            field: stringify!($field),
            ends: $ends,
            build: Box::new(|value| {
                let mut config = $config::default();
                config.$field = value.into();
                let spec = ScheduleSpec::$variant(config);
                (spec.name(), spec.build(RUN).map(|_| ()))
            }),
        }),*]
    };
}

fn schedule_ranges() -> Vec<Row> {
    [
        schedule!(Constant(ConstantConfig): initial_lr NON_NEGATIVE),
        schedule!(Step(StepConfig): initial_lr NON_NEGATIVE, gamma POSITIVE),
        schedule!(MultiStep(MultiStepConfig): initial_lr NON_NEGATIVE, gamma POSITIVE),
        schedule!(Exponential(ExponentialConfig): initial_lr NON_NEGATIVE, gamma POSITIVE),
        schedule!(Cosine(CosineConfig): initial_lr NON_NEGATIVE, min_lr UP_TO_THE_RATE),
        schedule!(CosineRestarts(CosineRestartsConfig): initial_lr NON_NEGATIVE, min_lr UP_TO_THE_RATE),
        schedule!(Polynomial(PolynomialConfig): initial_lr NON_NEGATIVE, power POSITIVE, end_lr UP_TO_THE_RATE),
        schedule!(Linear(LinearConfig): initial_lr NON_NEGATIVE, end_lr NON_NEGATIVE),
        schedule!(WarmupCosine(WarmupCosineConfig): initial_lr UP_TO_THE_RATE, peak_lr NON_NEGATIVE,
            end_lr UP_TO_THE_RATE),
        schedule!(WarmupStableDecay(WarmupStableDecayConfig): peak_lr NON_NEGATIVE, end_lr UP_TO_THE_RATE),
        schedule!(InverseSqrt(InverseSqrtConfig): peak_lr NON_NEGATIVE),
        schedule!(InverseTime(InverseTimeConfig): initial_lr NON_NEGATIVE, decay_rate NON_NEGATIVE),
        schedule!(Noam(NoamConfig): factor NON_NEGATIVE),
        schedule!(OneCycle(OneCycleConfig): max_lr NON_NEGATIVE, pct_start POSITIVE_BELOW_ONE, div_factor FROM_ONE,
            final_div_factor FROM_ONE),
        schedule!(Cyclic(CyclicConfig): base_lr UP_TO_THE_RATE, max_lr NON_NEGATIVE, gamma POSITIVE_UP_TO_ONE),
        vec![Row {
            field: "values",
            ends: NON_NEGATIVE,
            build: Box::new(|value| {
                let (boundaries, values) = (vec![Span::Steps(10)], vec![0.1, value]);
                let spec = ScheduleSpec::PiecewiseConstant(PiecewiseConstantConfig { boundaries, values });
                (spec.name(), spec.build(RUN).map(|_| ()))
            }),
        }],
        schedule!(Rex(RexConfig): initial_lr NON_NEGATIVE, min_lr UP_TO_THE_RATE),
        schedule!(PowerCool(PowerCoolConfig): initial_lr NON_NEGATIVE, power POSITIVE),
        schedule!(Power(PowerConfig): max_lr NON_NEGATIVE, factor NON_NEGATIVE, power POSITIVE,
            tokens_per_step POSITIVE),
        schedule!(InfiniteCosine(InfiniteCosineConfig): peak_lr NON_NEGATIVE, constant_lr UP_TO_THE_RATE,
            min_lr UP_TO_HALF_THE_RATE),
        schedule!(Chebyshev(ChebyshevConfig): max_lr NON_NEGATIVE, condition FROM_ONE),
        schedule!(OneCycleMomentum(OneCycleMomentumConfig): base_momentum UP_TO_0_95, max_momentum BELOW_ONE,
            pct_start POSITIVE_BELOW_ONE),
        schedule!(CyclicMomentum(CyclicMomentumConfig): base_momentum UP_TO_0_9, max_momentum BELOW_ONE,
            gamma POSITIVE_UP_TO_ONE),
        schedule!(ReduceOnPlateau(ReduceOnPlateauConfig): initial_lr NON_NEGATIVE, factor POSITIVE_BELOW_ONE,
            threshold NON_NEGATIVE, min_lr UP_TO_THE_RATE, epsilon NON_NEGATIVE),
        schedule!(Warmup(WarmupConfig): initial_factor SHARE),
        schedule!(Scale(ScaleConfig): factor NON_NEGATIVE),
        schedule!(Clamp(ClampConfig): min NON_NEGATIVE, max NON_NEGATIVE),
        schedule!(BurnCosine(BurnCosineConfig): initial_lr POSITIVE_UP_TO_ONE, min_lr UP_TO_THE_RATE),
        schedule!(BurnLinear(BurnLinearConfig): initial_lr POSITIVE_UP_TO_ONE, final_lr SHARE),
        schedule!(BurnExponential(BurnExponentialConfig): initial_lr POSITIVE_UP_TO_ONE, gamma POSITIVE_UP_TO_ONE),
        schedule!(BurnStep(BurnStepConfig): initial_lr NON_NEGATIVE, gamma POSITIVE),
        schedule!(BurnNoam(BurnNoamConfig): factor NON_NEGATIVE),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The fields that are given in steps, in epochs or as a share of the run.
const SPANS: [&str; 11] = [
    "total_steps",
    "warmup_steps",
    "cooldown_steps",
    "decay_steps",
    "step_size",
    "step_size_up",
    "step_size_down",
    "first_period",
    "num_iters",
    "steps",
    "period",
];
/// The fields that are lists of spans.
const LISTS_OF_SPANS: [&str; 2] = ["milestones", "boundaries"];
const COUNTS: [&str; 5] = ["model_size", "period_factor", "patience", "cooldown", "cycle"];
const CHOICES: [&str; 9] = [
    "decay_shape",
    "anneal",
    "mode",
    "staircase",
    "three_phase",
    "shape",
    "threshold_mode",
    "monitor",
    "fractal",
];
/// The fields of combinators.
const PARTS: [&str; 3] = ["base", "schedules", "lengths"];

#[test]
fn every_range_of_every_schedule_is_checked_at_both_ends_and_for_nan() {
    let covered = assert_ranges(schedule_ranges());
    let others = [&["schedule"][..], &SPANS, &LISTS_OF_SPANS, &COUNTS, &CHOICES, &PARTS].concat();
    for spec in built_in_schedules() {
        for (field, _) in fields(&spec) {
            let row = covered.contains(&(spec.name(), field.as_str()));
            let number = !others.contains(&field.as_str());
            assert_eq!(row, number, "{}: `{field}` has no row above", spec.name());
        }
    }
}

#[test]
fn invalid_settings_are_errors_that_name_the_field() {
    for (text, field) in [
        ("step:step_size=0", "step_size"),
        ("multi_step:milestones=[0,5]", "milestones"),
        ("multi_step:milestones=[30,10]", "milestones"),
        ("multi_step:milestones=[10,10%]", "milestones"),
        ("multi_step:gamma=1e200", "gamma"),
        ("multi_step:initial_lr=0,gamma=1e200", "gamma"),
        ("cosine:total_steps=0", "total_steps"),
        ("cosine_restarts:first_period=0", "first_period"),
        ("cosine_restarts:period_factor=0", "period_factor"),
        ("polynomial:total_steps=0", "total_steps"),
        ("linear:total_steps=0", "total_steps"),
        ("warmup_cosine:total_steps=0", "total_steps"),
        ("warmup_cosine:warmup_steps=100", "warmup_steps"),
        ("warmup_cosine:total_steps=50,warmup_steps=51", "warmup_steps"),
        ("warmup_stable_decay:total_steps=0", "total_steps"),
        ("warmup_stable_decay:warmup_steps=100", "warmup_steps"),
        ("warmup_stable_decay:decay_steps=0", "decay_steps"),
        ("warmup_stable_decay:decay_steps=91", "decay_steps"),
        ("warmup_stable_decay:total_steps=50,warmup_steps=25,decay_steps=26", "decay_steps"),
        ("inverse_time:decay_steps=0", "decay_steps"),
        ("noam:warmup_steps=0", "warmup_steps"),
        ("noam:model_size=0", "model_size"),
        ("one_cycle:total_steps=0", "total_steps"),
        ("cyclic:step_size_up=0", "step_size_up"),
        ("cyclic:step_size_down=0", "step_size_down"),
        ("piecewise_constant:boundaries=[20,10],values=[0.3,0.2,0.1]", "boundaries"),
        ("piecewise_constant:boundaries=[20,20],values=[0.3,0.2,0.1]", "boundaries"),
        ("piecewise_constant:boundaries=[20]", "values"),
        ("piecewise_constant:boundaries=[20],values=[0.1]", "values"),
        ("piecewise_constant:values=[0.1,0.2]", "values"),
        ("rex:total_steps=0", "total_steps"),
        ("burn.cosine:num_iters=0", "num_iters"),
        ("burn.linear:num_iters=0", "num_iters"),
        ("burn.step:step_size=0", "step_size"),
        ("burn.noam:warmup_steps=0", "warmup_steps"),
        ("burn.noam:model_size=0", "model_size"),
    ] {
        let spec: ScheduleSpec = text.parse().unwrap();
        let error = spec.build(RUN).err().expect(text);
        let beginning = format!("{}: `{field}` must be ", spec.name());
        assert!(error.is_usage() && error.to_string().starts_with(&beginning), "{text}: {error}");
    }
    for text in [
        "warmup_cosine:warmup_steps=99",
        "warmup_cosine:warmup_steps=0",
        "warmup_stable_decay:warmup_steps=50,decay_steps=50",
        "warmup_stable_decay:warmup_steps=0,decay_steps=100",
        "inverse_sqrt:warmup_steps=0",
        "inverse_sqrt:warmup_steps=1000",
        "multi_step:milestones=[1,1000]",
        "piecewise_constant:boundaries=[0],values=[0.1,0.2]",
        "piecewise_constant:values=[0.3]",
    ] {
        assert!(text.parse::<ScheduleSpec>().unwrap().build(RUN).is_ok(), "{text}");
    }
}

/// Returns whether it is a schedule of a momentum, which takes no rate from the run.
fn is_of_momentum(spec: &ScheduleSpec) -> bool {
    spec.name().ends_with("_momentum")
}

#[test]
fn a_rate_taken_from_the_run_is_checked_like_a_given_one() {
    for spec in built_in_schedules().into_iter().filter(|spec| !is_of_momentum(spec)) {
        for lr in [f64::NAN, -0.1, f64::INFINITY] {
            let built = spec.build(Run { lr, ..RUN });
            assert!(built.is_err_and(|error| error.is_usage()), "{spec} with {lr}");
        }
    }
    for name in ["burn.cosine", "burn.linear", "burn.exponential"] {
        let error = name.parse::<ScheduleSpec>().unwrap().build(Run { lr: 1.5, ..RUN });
        assert!(error.err().unwrap().to_string().contains("`initial_lr` must be in (0, 1]"), "{name}");
    }
    let endless = Run { total_steps: usize::MAX, ..RUN };
    let error = "burn.step".parse::<ScheduleSpec>().unwrap().build(endless).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("at most"), "{error}");
}

#[test]
fn every_schedule_round_trips_through_text_and_json() {
    for spec in built_in_schedules() {
        assert_eq!(spec.to_string(), spec.name());
        assert_eq!(spec.to_string().parse::<ScheduleSpec>().unwrap(), spec);
        let json = serde_json::to_value(&spec).unwrap();
        assert_eq!(ScheduleSpec::from_value(&json).unwrap(), spec);
        assert!(!spec.summary().is_empty());
    }
    for text in [
        "warmup_cosine:warmup_steps=5",
        "step:gamma=0.5,step_size=7",
        "multi_step:milestones=[10,25%,1.5ep]",
        "warmup_stable_decay:decay_shape=sqrt,warmup_steps=5%",
        "one_cycle:anneal=linear,three_phase=true",
        "cyclic:gamma=0.5,mode=exp_range",
        "piecewise_constant:boundaries=[10],values=[0.1,0.01]",
    ] {
        assert_eq!(text.parse::<ScheduleSpec>().unwrap().to_string(), text);
    }
}

#[test]
fn unknown_names_fields_and_wrong_types_are_usage_errors_that_name_them() {
    for (text, said) in [
        ("cosin", "did you mean `cosine`?"),
        ("cosine:min=0.1", "did you mean `min_lr`?"),
        ("cosine:total_steps=-1", "`total_steps`"),
        ("cosine:total_steps=1.5", "`total_steps`"),
        ("cosine:initial_lr=nan", "`initial_lr`"),
        ("cosine_restarts:period_factor=1.5", "`period_factor`"),
        ("multi_step:milestones=10", "`milestones`"),
        ("one_cycle:anneal=cos", "`anneal`"),
        ("inverse_time:staircase=1", "`staircase`"),
    ] {
        let error = text.parse::<ScheduleSpec>().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{text}: {error}");
    }
}

fn rates(spec: &ScheduleSpec, run: Run, steps: usize) -> Vec<f64> {
    let schedule = spec.build(run).unwrap_or_else(|error| panic!("{spec}: {error}"));
    (0..steps).map(|step| schedule.lr_at(step)).collect()
}

fn rates_of(text: &str) -> Vec<f64> {
    rates(&text.parse().unwrap(), RUN, 100)
}

/// Returns every schedule; the one whose lists must match in length is given matching lists.
fn all_with_lists() -> Vec<ScheduleSpec> {
    let mut all = built_in_schedules();
    for spec in &mut all {
        if spec.name() == "piecewise_constant" {
            *spec = "piecewise_constant:boundaries=[50,75],values=[0.1,0.01,0.001]".parse().unwrap();
        }
    }
    all
}

fn with(spec: &ScheduleSpec, field: &str, value: Value) -> ScheduleSpec {
    let mut changed: Map<String, Value> = fields(spec);
    changed.insert(field.into(), value);
    ScheduleSpec::from_value(&changed.into()).unwrap()
}

#[test]
fn every_field_of_every_schedule_changes_the_rates() {
    // Combinators and `reduce_on_plateau` are tested in `tests/schedules/combinators.rs`.
    let is_here = |spec: &ScheduleSpec| !spec.is_combined() && spec.name() != "reduce_on_plateau";
    for spec in all_with_lists().into_iter().filter(is_here) {
        let base = rates(&spec, RUN, 100);
        for field in fields(&spec).keys() {
            let other = match (spec.name(), field.as_str()) {
                (_, "schedule") => continue,
                // Tested below.
                ("noam" | "burn.noam", "model_size") | ("cyclic" | "cyclic_momentum", "gamma") => continue,
                ("power", "tokens_per_step") => continue,
                (_, "period_factor") => json!(2),
                (_, "cycle") => json!(8),
                (_, "condition") => json!(7.0),
                (_, "max_momentum") => json!(0.97),
                (_, "constant_lr") => json!(0.07),
                (_, "fractal") => json!(false),
                (_, "staircase" | "three_phase") => json!(true),
                (_, "decay_shape") => json!("sqrt"),
                (_, "anneal") => json!("linear"),
                (_, "mode") => json!("triangular2"),
                (_, "div_factor" | "final_div_factor") => json!(7.0),
                (_, "values") => json!([0.1, 0.05, 0.001]),
                (_, field) if SPANS.contains(&field) => json!(23),
                (_, field) if LISTS_OF_SPANS.contains(&field) => json!([23, 75]),
                (_, _) => json!(0.05),
            };
            assert_ne!(rates(&with(&spec, field, other), RUN, 100), base, "{spec}: `{field}` is idle");
        }
    }
    // With an explicit factor; the default factor compensates for the model size.
    for name in ["noam", "burn.noam"] {
        let [small, large] = [64, 512].map(|size| rates_of(&format!("{name}:factor=1.0,model_size={size}")));
        assert_ne!(small, large);
    }
    for name in ["cyclic", "cyclic_momentum"] {
        let [fast, slow] = [0.9, 0.95].map(|gamma| rates_of(&format!("{name}:mode=exp_range,gamma={gamma}")));
        assert_ne!(fast, slow);
    }
    // With an explicit factor; the default factor compensates for the tokens of a step.
    let [few, many] = [1, 8].map(|tokens| rates_of(&format!("power:factor=0.2,tokens_per_step={tokens}")));
    assert_ne!(few, many);
}

#[test]
fn every_step_count_may_be_given_in_epochs_or_as_a_share_of_the_run() {
    let with_epochs = Run { steps_per_epoch: Some(23), ..RUN };
    let mut tried = 0;
    for spec in all_with_lists() {
        for field in fields(&spec).keys() {
            let is_list = LISTS_OF_SPANS.contains(&field.as_str());
            if !is_list && !SPANS.contains(&field.as_str()) {
                continue;
            }
            let set = |value: Value| with(&spec, field, if is_list { json!([value, 75]) } else { value });
            let expected = rates(&set(json!(23)), with_epochs, 100);
            for value in ["1ep", "23%"] {
                assert_eq!(
                    rates(&set(json!(value)), with_epochs, 100),
                    expected,
                    "{spec}: `{field}`={value}"
                );
            }
            let error = set(json!("1ep")).build(RUN).err().unwrap().to_string();
            assert!(error.starts_with(&format!("{}: `{field}` must be in steps", spec.name())), "{error}");
            tried += 1;
        }
    }
    assert_eq!(tried, 35);
}

#[test]
fn unset_fields_are_taken_from_the_run() {
    for spec in built_in_schedules().into_iter().filter(|spec| !is_of_momentum(spec)) {
        for total_steps in [1, 2, 3, 10, 100, 1001] {
            let run = Run::new(0.2, total_steps);
            let rates = rates(&spec, run, total_steps);
            let largest = rates.iter().copied().fold(0.0, f64::max);
            // The peak of PyTorch's one cycle is at 0.3 T − 1, which in most runs is not a whole step and in
            // some is before the first.
            // The rates of `chebyshev` are below their bound.
            if !["one_cycle", "chebyshev"].contains(&spec.name()) {
                assert!((largest - 0.2).abs() < 1e-12, "{spec}, {total_steps} steps: {largest}");
            }
            assert!(rates.iter().all(|rate| (0.0..=0.2 + 1e-12).contains(rate)), "{spec}");
        }
    }
    // Returns the last step with the highest rate.
    let peak = |text: &str| {
        let rates = rates_of(text);
        (0..100).max_by(|&a, &b| rates[a].total_cmp(&rates[b])).unwrap()
    };
    assert_eq!(peak("warmup_cosine"), 10);
    assert_eq!(peak("warmup_stable_decay"), 80);
    assert_eq!(peak("inverse_sqrt"), 10);
    // Noam counts steps from 1.
    assert_eq!((peak("noam"), peak("burn.noam")), (9, 9));
    assert_eq!(peak("one_cycle"), 29);
    assert_eq!((peak("cyclic"), peak("cosine_restarts")), (90, 75));
    let equal = |rate: f64, expected: f64| assert!((rate - expected).abs() < 1e-15, "{rate}, not {expected}");
    equal(rates_of("one_cycle")[29], 0.1);
    equal(rates_of("cyclic")[0], 0.01);
    equal(rates_of("inverse_time")[10], 0.05);
    equal(rates_of("polynomial")[75], 0.025);
    equal(rates_of("linear")[75], 0.025);
    equal(rates_of("warmup_stable_decay")[90], 0.05);
    for (name, changes) in
        [("step", [33, 66]), ("multi_step", [50, 75]), ("piecewise_constant", [50 + 1, 75 + 1])]
    {
        let rates = rates_of(name);
        for (change, [before, after]) in changes.into_iter().zip([[0.1, 0.01], [0.01, 0.001]]) {
            equal(rates[change - 1], before);
            equal(rates[change], after);
        }
    }
    let hundredth = rates(&"exponential".parse().unwrap(), RUN, 101);
    equal(hundredth[100], 0.001);
    // The height decays to 0.01 at the end; at step 95 the last cycle is at half its height.
    equal(rates_of("cyclic:mode=exp_range")[95], 0.01 + 0.09 * 0.5 * 0.01_f64.powf(0.95));
}

#[test]
fn a_schedule_holds_its_last_rate_past_its_end() {
    for name in [
        "constant",
        "multi_step",
        "cosine",
        "polynomial",
        "linear",
        "warmup_cosine",
        "warmup_stable_decay",
        "one_cycle",
        "piecewise_constant",
        "rex",
        "power_cool",
        "infinite_cosine",
        "one_cycle_momentum",
    ] {
        let spec: ScheduleSpec = name.parse().unwrap();
        let rates = rates(&spec, RUN, 1000);
        assert!(rates[100..].iter().all(|rate| *rate == rates[100]), "{name}");
        assert_eq!(spec.build(RUN).unwrap().lr_at(usize::MAX), rates[100], "{name}");
    }
    let one_cycle = rates(&"one_cycle".parse().unwrap(), RUN, 101);
    assert!(one_cycle[99] == one_cycle[100] && (one_cycle[99] - 0.1 / 25.0 / 1e4).abs() < 1e-18);
    for spec in built_in_schedules().iter().filter(|spec| spec.name().starts_with("burn.")) {
        let rates = rates(spec, RUN, 1000);
        assert!(rates[99..].iter().all(|rate| *rate == rates[99]), "{spec}");
    }
}

#[test]
fn every_schedule_is_correct_at_its_ends_and_resumes_in_the_middle() {
    // The rates, as shares of 0.1, of the first step, the last step and the first step after the end of a run
    // of 100 steps at 0.1; and the step at which the schedule is resumed, within warm-ups, cycles and a
    // plateau's patience.
    let cosine = |x: f64| 0.5 * (1.0 + (PI * x).cos());
    let zero = |zero: f64| 1.0 / (10.5 - 9.5 * (PI * (zero + 0.5) / 64.0).cos());
    let table: [(&str, [f64; 3], usize); 31] = [
        ("constant", [1.0, 1.0, 1.0], 50),
        ("step", [1.0, 1e-3, 1e-3], 33),
        ("multi_step", [1.0, 0.01, 0.01], 75),
        ("exponential", [1.0, 0.01_f64.powf(0.99), 0.01], 50),
        ("cosine", [1.0, cosine(0.99), 0.0], 50),
        ("cosine_restarts", [1.0, cosine(0.96), 1.0], 25),
        ("polynomial", [1.0, 0.01, 0.0], 99),
        ("linear", [1.0, 0.01, 0.0], 1),
        ("warmup_cosine", [0.0, cosine(89.0 / 90.0), 0.0], 5),
        ("warmup_stable_decay", [0.0, 0.05, 0.0], 5),
        ("inverse_sqrt", [0.0, (10.0_f64 / 99.0).sqrt(), 0.1_f64.sqrt()], 5),
        ("inverse_time", [1.0, 1.0 / 10.9, 1.0 / 11.0], 50),
        ("noam", [0.1, 0.1_f64.sqrt(), (10.0_f64 / 101.0).sqrt()], 5),
        ("one_cycle", [0.04, 4e-6, 4e-6], 15),
        ("cyclic", [0.1, 0.19, 0.1], 5),
        ("piecewise_constant", [1.0, 0.01, 0.01], 50),
        ("rex", [1.0, 0.01 / 0.505, 0.0], 50),
        ("power_cool", [1.0, 0.02_f64.powf(1.2), 0.0], 60),
        ("power", [0.0, 9.9_f64.powf(-0.51), 10.0_f64.powf(-0.51)], 5),
        ("infinite_cosine", [0.0, 0.5 * 0.1_f64.powf(0.9), 0.05], 30),
        // Step 35 of the second cycle of 64, and the next.
        ("chebyshev", [zero(0.0), zero(33.0), zero(14.0)], 40),
        ("one_cycle_momentum", [9.5, 9.5, 9.5], 15),
        ("cyclic_momentum", [9.0, 8.9, 9.0], 5),
        ("reduce_on_plateau:patience=60,factor=0.5", [1.0, 0.5, 0.5], 30),
        ("warmup", [0.0, 1.0, 1.0], 5),
        ("warmup:base=reduce_on_plateau:patience=60,factor=0.5", [0.0, 0.5, 0.5], 40),
        ("sequence:schedules=[warmup,cosine]", [0.0, cosine(0.98), 0.0], 2),
        ("scale:factor=0.5,base=linear", [0.5, 0.005, 0.0], 50),
        ("product:schedules=[linear,step]", [1.0, 1e-5, 0.0], 50),
        ("repeat:base=cosine", [1.0, 1.0, cosine(1.0 / 33.0)], 50),
        ("clamp:min=0.002,base=linear", [1.0, 0.02, 0.02], 50),
    ];
    for (text, borders, resumed_at) in table {
        let spec: ScheduleSpec = text.parse().unwrap();
        let [whole, stopped, resumed] = [(); 3].map(|()| spec.build(RUN).unwrap());
        let mut rates = Vec::new();
        for step in 0..102 {
            rates.push(whole.lr_at(step));
            // A loss that never improves.
            whole.observe(step, 1.0.into());
        }
        for (step, share) in [0, 99, 100].into_iter().zip(borders) {
            assert!((rates[step] - 0.1 * share).abs() < 1e-12, "{text} at {step}: {}", rates[step]);
        }
        (0..resumed_at).for_each(|step| stopped.observe(step, 1.0.into()));
        load_state(&*resumed, &stopped.state()).unwrap();
        for (step, rate) in rates.into_iter().enumerate().skip(resumed_at) {
            assert_eq!(resumed.lr_at(step), rate, "{text} at {step}, resumed at {resumed_at}");
            resumed.observe(step, 1.0.into());
        }
    }
    let names = built_in_schedules().into_iter().map(|spec| spec.name());
    for name in names.filter(|name| !name.starts_with("burn.")) {
        assert!(table.iter().any(|(text, ..)| text.split(':').next() == Some(name)), "{name} has no row");
    }
}

#[test]
fn burns_schedules_give_burns_rates() {
    let step = |t: usize| 0.1 * 0.1_f64.powi(t as i32 / 33);
    type Formula = Box<dyn Fn(usize) -> f64>;
    let expected: [(&str, Formula); 5] = [
        ("burn.cosine", Box::new(|t| 0.05 * (1.0 + (PI * t as f64 / 100.0).cos()))),
        ("burn.linear", Box::new(|t| 0.1 * (1.0 - t as f64 / 100.0))),
        ("burn.exponential:gamma=0.9", Box::new(|t| 0.1 * 0.9_f64.powi(t as i32))),
        ("burn.step", Box::new(step)),
        (
            "burn.noam:factor=2.0,model_size=64,warmup_steps=8",
            Box::new(|t| {
                let t = (t + 1) as f64;
                2.0 / 8.0 * t.powf(-0.5).min(t * 8.0_f64.powf(-1.5))
            }),
        ),
    ];
    for (text, expected) in expected {
        for (t, rate) in rates_of(text).into_iter().enumerate() {
            assert!((rate - expected(t)).abs() < 1e-12, "{text} at {t}: {rate}");
        }
    }
}

#[test]
fn every_own_schedule_follows_its_formula_with_every_field_set() {
    // The value of half a cosine after a quarter and after three quarters of its length; after a third it is
    // 3/4.
    let (early, late) = (0.5 + 0.125_f64.sqrt(), 0.5 - 0.125_f64.sqrt());
    let root = |share: f64| share.sqrt();
    // From 0 to 1 in two steps, 1 for two steps, and down to 0.2 in four steps.
    let stable = |decay: [f64; 3]| [&[0.0, 0.5, 1.0, 1.0, 1.0][..], &decay, &[0.2, 0.2, 0.2]].concat();
    let shape = |shape: &str| {
        format!(
            "warmup_stable_decay:peak_lr=1.0,warmup_steps=2,total_steps=8,decay_steps=4,decay_shape={shape},end_lr=0.2"
        )
    };
    // From 1/4 to 1 and down to 1/8.
    let one_cycle = |anneal: &str, pct_start: f64, total_steps: usize, three_phase: bool| {
        format!(
            "one_cycle:max_lr=1.0,total_steps={total_steps},pct_start={pct_start},anneal={anneal},div_factor=4.0,\
             final_div_factor=2.0,three_phase={three_phase}"
        )
    };
    // Up from 0.2 in two steps, down in four.
    let cyclic = |mode: &str| {
        format!("cyclic:base_lr=0.2,max_lr=1.0,step_size_up=2,step_size_down=4,mode={mode},gamma=0.5")
    };
    for (text, expected) in [
        ("constant:initial_lr=0.3", vec![0.3, 0.3, 0.3]),
        ("step:initial_lr=0.8,step_size=2,gamma=0.5", vec![0.8, 0.8, 0.4, 0.4, 0.2]),
        ("multi_step:initial_lr=0.8,milestones=[1,3,4],gamma=0.5", vec![0.8, 0.4, 0.4, 0.2, 0.1, 0.1]),
        ("exponential:initial_lr=0.8,gamma=0.5", vec![0.8, 0.4, 0.2, 0.1]),
        (
            "cosine:initial_lr=1.0,min_lr=0.2,total_steps=4",
            vec![1.0, 0.2 + 0.8 * early, 0.6, 0.2 + 0.8 * late, 0.2, 0.2, 0.2],
        ),
        (
            "cosine_restarts:initial_lr=1.0,first_period=2,period_factor=2,min_lr=0.2",
            vec![1.0, 0.6, 1.0, 0.2 + 0.8 * early, 0.6, 0.2 + 0.8 * late, 1.0],
        ),
        (
            "cosine_restarts:initial_lr=1.0,first_period=1,period_factor=3,min_lr=0.0",
            vec![1.0, 1.0, 0.75, 0.25, 1.0],
        ),
        (
            "cosine_restarts:initial_lr=1.0,first_period=3,period_factor=1,min_lr=0.0",
            vec![1.0, 0.75, 0.25, 1.0, 0.75, 0.25, 1.0, 0.75],
        ),
        (
            "polynomial:initial_lr=1.0,total_steps=4,power=2.0,end_lr=0.2",
            vec![1.0, 0.65, 0.4, 0.25, 0.2, 0.2],
        ),
        (
            "polynomial:initial_lr=1.0,total_steps=4,power=0.5,end_lr=0.0",
            vec![1.0, root(0.75), root(0.5), 0.5, 0.0, 0.0],
        ),
        ("linear:initial_lr=0.9,end_lr=0.1,total_steps=2", vec![0.9, 0.5, 0.1, 0.1]),
        ("linear:initial_lr=0.0,end_lr=0.8,total_steps=4", vec![0.0, 0.2, 0.4, 0.6, 0.8, 0.8]),
        (
            "warmup_cosine:initial_lr=0.1,peak_lr=0.5,warmup_steps=2,total_steps=6,end_lr=0.3",
            vec![0.1, 0.3, 0.5, 0.3 + 0.2 * early, 0.4, 0.3 + 0.2 * late, 0.3, 0.3],
        ),
        (&shape("linear"), stable([0.8, 0.6, 0.4])),
        (&shape("sqrt"), stable([0.6, 1.0 - 0.8 * root(0.5), 1.0 - 0.8 * root(0.75)])),
        (&shape("cosine"), stable([0.2 + 0.8 * early, 0.6, 0.2 + 0.8 * late])),
        (&shape("square"), stable([0.95, 0.8, 0.55])),
        (
            "inverse_sqrt:peak_lr=0.6,warmup_steps=3",
            vec![0.0, 0.2, 0.4, 0.6, 0.6 * root(0.75), 0.6 * root(0.6), 0.6 * root(0.5)],
        ),
        ("inverse_sqrt:peak_lr=0.6,warmup_steps=0", vec![0.6, 0.6, 0.6 * root(0.5), 0.6 / root(3.0), 0.3]),
        (
            "inverse_time:initial_lr=0.6,decay_steps=2,decay_rate=0.5,staircase=false",
            vec![0.6, 0.48, 0.4, 0.6 / 1.75, 0.3],
        ),
        (
            "inverse_time:initial_lr=0.6,decay_steps=2,decay_rate=0.5,staircase=true",
            vec![0.6, 0.6, 0.4, 0.4, 0.3, 0.3],
        ),
        (
            "noam:factor=6.0,model_size=9,warmup_steps=4",
            vec![0.25, 0.5, 0.75, 1.0, 2.0 / root(5.0), 2.0 / root(6.0), 2.0 / root(7.0)],
        ),
        ("power_cool:initial_lr=0.8,total_steps=5,decay_steps=4,power=2", {
            vec![0.8, 0.8, 0.8 * 0.5625, 0.2, 0.05, 0.0, 0.0]
        }),
        ("power:max_lr=0.9,factor=2,power=0.5,tokens_per_step=4,warmup_steps=2", {
            vec![0.0, 0.5 / root(2.0), 1.0 / root(2.0), 1.0 / root(3.0), 0.5]
        }),
        ("power:max_lr=0.9,factor=2,power=0.5,tokens_per_step=4,warmup_steps=0", {
            vec![0.9, 0.9, 1.0 / root(2.0), 1.0 / root(3.0), 0.5]
        }),
        (
            "infinite_cosine:peak_lr=1.0,constant_lr=0.2,min_lr=0.05,warmup_steps=2,cooldown_steps=4,\
             decay_steps=2,total_steps=9",
            {
                let cooling = [1.0, 0.2 + 0.8 * early, 0.6, 0.2 + 0.8 * late, 0.2, 0.2];
                [&[0.0, 0.5][..], &cooling, &[0.1, 0.05, 0.05]].concat()
            },
        ),
        ("infinite_cosine:min_lr=0,warmup_steps=0,cooldown_steps=0,decay_steps=2,total_steps=3", {
            vec![0.05, 0.05, 0.0, 0.0]
        }),
        ("chebyshev:max_lr=1.0,condition=3,cycle=4,fractal=true", {
            // The fractal order of four is 0, 3, 1, 2; the cosines of an eighth and of three eighths of π.
            let (near, far) = ((PI / 8.0).cos(), (3.0 * PI / 8.0).cos());
            [-near, near, -far, far, -near].map(|cosine| 1.0 / (2.0 + cosine)).to_vec()
        }),
        ("chebyshev:max_lr=1.0,condition=3,cycle=4,fractal=false", {
            let (near, far) = ((PI / 8.0).cos(), (3.0 * PI / 8.0).cos());
            [-near, -far, far, near, -near].map(|cosine| 1.0 / (2.0 + cosine)).to_vec()
        }),
        (
            "one_cycle_momentum:base_momentum=0.5,max_momentum=0.75,total_steps=6,pct_start=0.5,anneal=linear",
            { vec![0.75, 0.625, 0.5, 0.5 + 0.25 / 3.0, 0.5 + 0.5 / 3.0, 0.75, 0.75] },
        ),
        (
            "one_cycle_momentum:base_momentum=0.5,max_momentum=0.75,total_steps=8,pct_start=0.375,three_phase=true",
            { vec![0.75, 0.625, 0.5, 0.625, 0.75, 0.75, 0.75, 0.75, 0.75] },
        ),
        (
            "cyclic_momentum:base_momentum=0.2,max_momentum=0.6,step_size_up=2,step_size_down=4,mode=triangular2",
            vec![0.6, 0.4, 0.2, 0.3, 0.4, 0.5, 0.6, 0.5, 0.4, 0.45],
        ),
        (
            &one_cycle("cosine", 0.5, 8, false),
            vec![
                0.25,
                0.4375,
                0.8125,
                1.0,
                0.125 + 0.875 * early,
                0.5625,
                0.125 + 0.875 * late,
                0.125,
                0.125,
            ],
        ),
        (
            &one_cycle("linear", 0.5, 8, false),
            vec![0.25, 0.5, 0.75, 1.0, 0.78125, 0.5625, 0.34375, 0.125, 0.125],
        ),
        (
            &one_cycle("cosine", 0.375, 8, true),
            vec![0.25, 0.625, 1.0, 0.625, 0.25, 0.21875, 0.15625, 0.125, 0.125],
        ),
        (
            &one_cycle("linear", 0.375, 8, true),
            vec![0.25, 0.625, 1.0, 0.625, 0.25, 0.625 / 3.0, 0.5 / 3.0, 0.125, 0.125],
        ),
        // The peak is between steps 1 and 2, at 1.5.
        (&one_cycle("linear", 0.5, 5, false), vec![0.25, 0.75, 0.825, 0.475, 0.125, 0.125]),
        // The peak is at step 0, then at step -3/4: the decay begins there, and a run of one step is at its
        // end.
        (&one_cycle("linear", 0.25, 4, false), vec![1.0, 1.0 - 0.875 / 3.0, 1.0 - 1.75 / 3.0, 0.125]),
        (&one_cycle("linear", 0.25, 1, false), vec![0.125, 0.125]),
        // The second of three phases, from 5 to 10, is cut off by the end at step 7.
        (&one_cycle("linear", 0.75, 8, true), vec![0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 0.85, 0.7, 0.7]),
        (&cyclic("triangular"), vec![0.2, 0.6, 1.0, 0.8, 0.6, 0.4, 0.2, 0.6, 1.0, 0.8]),
        (&cyclic("triangular2"), vec![0.2, 0.6, 1.0, 0.8, 0.6, 0.4, 0.2, 0.4, 0.6, 0.5, 0.4, 0.3, 0.2, 0.3]),
        (&cyclic("exp_range"), vec![0.2, 0.4, 0.4, 0.275, 0.225, 0.20625, 0.2, 0.203125]),
        ("piecewise_constant:boundaries=[1,3],values=[0.3,0.5,0.1]", vec![0.3, 0.3, 0.5, 0.5, 0.1, 0.1]),
        (
            "rex:initial_lr=1.0,total_steps=4,min_lr=0.2",
            vec![1.0, 0.2 + 4.8 / 7.0, 0.2 + 1.6 / 3.0, 0.52, 0.2, 0.2],
        ),
    ] {
        let rates = rates(&text.parse().unwrap(), RUN, expected.len());
        for (t, (rate, expected)) in rates.iter().zip(&expected).enumerate() {
            assert!((rate - expected).abs() < 1e-12, "{text} at {t}: {rate}, not {expected}");
        }
    }
}

#[test]
fn restarts_match_counting_step_by_step() {
    for (first_period, period_factor) in (1..7).flat_map(|first| (1..6).map(move |factor| (first, factor))) {
        let text = format!("cosine_restarts:first_period={first_period},period_factor={period_factor}");
        let (mut since, mut period) = (0, first_period);
        for (t, rate) in rates(&text.parse().unwrap(), RUN, 2000).into_iter().enumerate() {
            let expected = 0.05 * (1.0 + (PI * since as f64 / period as f64).cos());
            assert!((rate - expected).abs() < 1e-12, "{text} at {t}: {rate}, not {expected}");
            since += 1;
            if since == period {
                (since, period) = (0, period * period_factor);
            }
        }
    }
}

#[test]
fn the_largest_steps_and_settings_do_not_overflow() {
    let at = |text: &str, step: usize| text.parse::<ScheduleSpec>().unwrap().build(RUN).unwrap().lr_at(step);
    let cycle = "cyclic:base_lr=0.05,step_size_up=1";
    assert_eq!([0, 1].map(|back| at(cycle, usize::MAX - back)), [0.1, 0.05]);
    let half = usize::MAX / 2 + 1;
    let slow = format!("cyclic:base_lr=0.0,step_size_up={half},step_size_down={}", usize::MAX);
    assert_eq!((at(&slow, half / 2), at(&slow, half)), (0.05, 0.1));
    assert!((at(&slow, usize::MAX) - 0.05).abs() < 1e-12);
    // The second period is from `quarter` to `3 quarter`, and the third is longer than the range of steps.
    let quarter = usize::MAX / 4 + 1;
    let restarts = format!("cosine_restarts:first_period={quarter},period_factor=2");
    let rates = [0, quarter, 2 * quarter, 3 * quarter].map(|step| at(&restarts, step));
    assert!(rates.iter().zip([0.1, 0.1, 0.05, 0.1]).all(|(rate, expected)| (rate - expected).abs() < 1e-15));
    assert!(at(&restarts, quarter - 1) < 1e-15 && at(&restarts, 3 * quarter - 1) < 1e-15);

    let is_here = |spec: &&ScheduleSpec| !spec.name().starts_with("burn.") && !is_of_momentum(spec);
    for spec in all_with_lists().iter().filter(is_here) {
        let mut large = vec![(spec.clone(), Run::new(0.1, usize::MAX))];
        for field in fields(spec).keys().map(String::as_str) {
            if SPANS.contains(&field) || COUNTS.contains(&field) {
                large.push((with(spec, field, json!(usize::MAX)), RUN));
            }
        }
        for (spec, run) in large {
            match spec.build(run) {
                Err(error) => assert!(error.is_usage(), "{error}"),
                Ok(schedule) => {
                    for step in [0, 1, 99, usize::MAX - 1, usize::MAX] {
                        let rate = schedule.lr_at(step);
                        assert!((0.0..=0.1 + 1e-12).contains(&rate), "{spec} at {step}: {rate}");
                    }
                }
            }
        }
    }
}

/// Random settings of a schedule.
#[derive(Debug)]
struct Drawn {
    spec: Value,
    total_steps: usize,
    /// Number of first steps in which the rate does not fall.
    rising_steps: usize,
    /// Upper bound of all rates.
    highest: f64,
}

const DRAWN: [&str; 12] = [
    "multi_step",
    "cosine_restarts",
    "polynomial",
    "linear",
    "warmup_stable_decay",
    "inverse_sqrt",
    "inverse_time",
    "noam",
    "one_cycle",
    "cyclic",
    "piecewise_constant",
    "rex",
];

prop_compose! {
    fn drawn()(
        name in proptest::sample::select(&DRAWN[..]),
        total_steps in 1..400_usize,
        lr in 0.0..2.0_f64,
        [u, v, w] in [0.0..1.0_f64, 0.0..1.0, 0.0..1.0],
        choice in 0..4_usize,
        flag in any::<bool>(),
    ) -> Drawn {
        let part = |share: f64| (share * total_steps as f64) as usize;
        let steps: BTreeSet<usize> = [1 + part(u), 1 + part(v), 1 + part(w)].into();
        let warmup_steps = part(u);
        let (mut rising_steps, mut highest) = (0, lr);
        let mut spec = match name {
            "multi_step" => json!({"initial_lr": lr, "milestones": steps, "gamma": 1.0 - u}),
            "cosine_restarts" => json!({
                "initial_lr": lr, "first_period": 1 + part(u), "period_factor": 1 + choice, "min_lr": w * lr,
            }),
            "polynomial" => json!({
                "initial_lr": lr, "total_steps": total_steps, "power": 0.01 + 5.0 * u, "end_lr": w * lr,
            }),
            "linear" => {
                let end_lr = 3.0 * u;
                highest = lr.max(end_lr);
                rising_steps = if end_lr >= lr { 2 * total_steps } else { 0 };
                json!({"initial_lr": lr, "end_lr": end_lr, "total_steps": total_steps})
            }
            "warmup_stable_decay" => {
                let decay_steps = (v * (total_steps - warmup_steps) as f64) as usize;
                rising_steps = total_steps - decay_steps.max(1);
                json!({
                    "peak_lr": lr, "warmup_steps": warmup_steps, "total_steps": total_steps,
                    "decay_steps": decay_steps.max(1), "end_lr": w * lr,
                    "decay_shape": (["linear", "sqrt", "cosine", "square"][choice]),
                })
            }
            "inverse_sqrt" => {
                rising_steps = warmup_steps;
                json!({"peak_lr": lr, "warmup_steps": warmup_steps})
            }
            "inverse_time" => json!({
                "initial_lr": lr, "decay_steps": 1 + part(u), "decay_rate": 3.0 * v, "staircase": flag,
            }),
            "noam" => {
                rising_steps = warmup_steps;
                highest = lr / ((1 + choice) as f64 * (1 + warmup_steps) as f64).sqrt();
                json!({"factor": lr, "model_size": 1 + choice, "warmup_steps": 1 + warmup_steps})
            }
            "one_cycle" => {
                let pct_start = 0.01 + 0.98 * u;
                // The cast turns a negative end into 0.
                rising_steps = (pct_start * total_steps as f64 - 1.0) as usize;
                json!({
                    "max_lr": lr, "total_steps": total_steps, "pct_start": pct_start, "three_phase": flag,
                    "anneal": (["cosine", "linear"][choice % 2]), "div_factor": 1.0 + 50.0 * v,
                    "final_div_factor": 1.0 + 1e4 * w,
                })
            }
            "cyclic" => {
                let mode = ["triangular", "triangular2", "exp_range"][choice % 3];
                let step_size_up = 1 + part(u);
                rising_steps = if mode == "exp_range" { 0 } else { step_size_up };
                json!({
                    "base_lr": w * lr, "max_lr": lr, "step_size_up": step_size_up, "step_size_down": 1 + part(v),
                    "mode": mode, "gamma": 1.0 - 0.1 * u,
                })
            }
            "piecewise_constant" => {
                let values = &[lr, u, v, w][..=steps.len()];
                highest = values.iter().copied().fold(0.0, f64::max);
                json!({"boundaries": steps, "values": values})
            }
            "rex" => json!({"initial_lr": lr, "total_steps": total_steps, "min_lr": w * lr}),
            other => panic!("nothing draws {other}"),
        };
        spec["schedule"] = name.into();
        Drawn { spec, total_steps, rising_steps, highest }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(20),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rates_are_finite_never_negative_and_never_fall_in_a_warm_up(drawn in drawn()) {
        let schedule = ScheduleSpec::from_value(&drawn.spec).unwrap().build(RUN).unwrap();
        for step in (0..=2 * drawn.total_steps).chain([usize::MAX - 1, usize::MAX]) {
            let rate = schedule.lr_at(step);
            prop_assert!((0.0..=drawn.highest * (1.0 + 1e-12)).contains(&rate), "{} at {}", rate, step);
        }
        for step in 0..drawn.rising_steps {
            prop_assert!(schedule.lr_at(step + 1) >= schedule.lr_at(step), "falls after {}", step);
        }
    }
}
