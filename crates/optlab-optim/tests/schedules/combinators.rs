//! Combinators against their formulas, `reduce_on_plateau` against a second implementation, and resuming both
//! from saved state.

use optlab_optim::schedule::{self, Measured, Run, Schedule, ScheduleSpec};
use proptest::prelude::*;

const RUN: Run = Run { steps_per_epoch: Some(10), ..Run::new(0.4, 100) };

fn build(text: &str, run: Run) -> Box<dyn Schedule> {
    let spec: ScheduleSpec = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(spec.to_string().parse::<ScheduleSpec>().unwrap(), spec, "{text}");
    spec.build(run).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns half a cosine over `total` steps.
fn cosine(lr: f64, total: usize) -> impl Fn(usize) -> f64 {
    move |t| lr * 0.5 * (1.0 + (std::f64::consts::PI * t.min(total) as f64 / total as f64).cos())
}

type Formula = Box<dyn Fn(usize) -> f64>;

#[test]
fn every_combinator_follows_its_formula_at_every_step_and_past_the_end() {
    let warm = |shape: fn(f64) -> f64| -> Formula {
        let base = cosine(0.4, 80);
        Box::new(move |t| if t < 20 { 0.4 * (0.1 + 0.9 * shape(t as f64 / 20.0)) } else { base(t - 20) })
    };
    let table: Vec<(&str, Formula)> = vec![
        ("warmup:steps=20,initial_factor=0.1,base=cosine", warm(|x| x)),
        (
            "warmup:steps=2ep,initial_factor=0.1,shape=cosine,base=cosine",
            warm(|x| 0.5 - 0.5 * (std::f64::consts::PI * x).cos()),
        ),
        ("warmup:steps=20%,initial_factor=0.1,shape=sqrt,base=cosine", warm(f64::sqrt)),
        ("warmup:steps=20,initial_factor=0.1,shape=square,base=cosine", warm(|x| x * x)),
        ("warmup:steps=0,base=cosine", Box::new(cosine(0.4, 100))),
        ("warmup", Box::new(|t| 0.4 * (t as f64 / 10.0).min(1.0))),
        // The warm-up rises to the first rate of the schedule after it.
        ("warmup:steps=4,base=constant:initial_lr=8", Box::new(|t| 8.0 * (t as f64 / 4.0).min(1.0))),
        ("scale:factor=0.25,base=cosine", Box::new(cosine(0.1, 100))),
        ("scale:factor=0,base=cosine", Box::new(|_| 0.0)),
        ("clamp:min=0.1,max=0.3,base=cosine", {
            let base = cosine(0.4, 100);
            Box::new(move |t| base(t).clamp(0.1, 0.3))
        }),
        ("clamp:min=0.5,base=cosine", Box::new(|_| 0.5)),
        ("repeat:period=7,base=cosine", {
            let base = cosine(0.4, 7);
            Box::new(move |t| base(t % 7))
        }),
        ("repeat:base=cosine", {
            let base = cosine(0.4, 33);
            Box::new(move |t| base(t % 33))
        }),
        ("product:schedules=[cosine,(step:step_size=30%,gamma=0.5),(exponential:gamma=0.9)]", {
            let base = cosine(0.4, 100);
            Box::new(move |t| base(t) * 0.5_f64.powi(t as i32 / 30) * 0.9_f64.powi(t as i32))
        }),
        ("sequence:schedules=[(warmup:steps=50%),cosine,(scale:factor=0.5)],lengths=[20,5ep]", {
            let middle = cosine(0.4, 50);
            Box::new(move |t| match t {
                0..20 => 0.4 * (t as f64 / 10.0).min(1.0),
                20..70 => middle(t - 20),
                _ => 0.2,
            })
        }),
        ("sequence:schedules=[cosine,cosine,cosine]", {
            let parts = [(0, 33), (33, 33), (66, 34)].map(|(begin, length)| (begin, cosine(0.4, length)));
            Box::new(move |t| {
                let (begin, part) = &parts[(t >= 33) as usize + (t >= 66) as usize];
                part(t - begin)
            })
        }),
        // A length for each schedule: the last length sets the end of the last schedule.
        ("sequence:schedules=[constant,cosine],lengths=[10,20]", {
            let last = cosine(0.4, 20);
            Box::new(move |t| if t < 10 { 0.4 } else { last(t - 10) })
        }),
        ("sequence:schedules=[(scale:factor=3),cosine,constant],lengths=[0,0]", Box::new(|_| 0.4)),
        ("scale:factor=0.5,base=warmup:steps=10,base=repeat:period=45,base=clamp:max=0.3,base=cosine", {
            let base = cosine(0.4, 45);
            Box::new(
                move |t| {
                    if t < 10 { 0.15 * t as f64 / 10.0 } else { 0.5 * base((t - 10) % 45).min(0.3) }
                },
            )
        }),
    ];
    for (text, formula) in table {
        let schedule = build(text, RUN);
        for t in (0..150).chain([1000, 1 << 40]) {
            let (rate, expected) = (schedule.lr_at(t), formula(t));
            assert!((rate - expected).abs() <= 1e-12, "{text} at {t}: {rate}, not {expected}");
        }
    }
}

#[test]
fn invalid_combinations_are_errors_that_name_the_field() {
    for (text, said) in [
        ("warmup:steps=100", "warmup: `steps` must be less than the 100 steps in all, not 100"),
        ("warmup:steps=100%", "warmup: `steps`"),
        ("warmup:steps=nan%", "warmup: `steps`"),
        ("warmup:steps=-1", "warmup: `steps`"),
        ("warmup:initial_factor=1.1", "warmup: `initial_factor` must be in [0, 1]"),
        ("warmup:initial_factor=nan", "warmup: `initial_factor`"),
        ("warmup:shape=steep", "warmup: `shape`"),
        ("warmup:steps=90,base=warmup:steps=10", "warmup: `steps` must be less than the 10 steps in all"),
        ("scale:factor=-1", "scale: `factor` must be in [0, ∞)"),
        ("clamp:min=-1", "clamp: `min` must be in [0, ∞)"),
        ("clamp:min=0.2,max=0.1", "clamp: `max` must be in [0.2, ∞)"),
        ("repeat:period=0", "repeat: `period` must be at least 1"),
        ("repeat:period=0.1%", "repeat: `period` must be at least 1, not 0"),
        ("product:schedules=[]", "product: `schedules` must be at least one schedule"),
        ("sequence:schedules=[]", "sequence: `schedules` must be at least one schedule"),
        ("sequence:schedules=[cosine,step,constant],lengths=[10]", "2 or 3 lengths for 3 schedules, not 1"),
        ("sequence:schedules=[cosine],lengths=[10,10]", "0 or 1 lengths for 1 schedules, not 2"),
        ("sequence:schedules=[cosine,step],lengths=[50,51]", "`lengths` must be no more than the 100 steps"),
        ("sequence:schedules=[cosine,step],lengths=[101]", "`lengths` must be no more than the 100 steps"),
        ("scale:base=cosin", "unknown schedule `cosin`"),
        ("scale:base=cosine:min_lr=-1", "cosine: `min_lr`"),
    ] {
        let error = text.parse::<ScheduleSpec>().and_then(|spec| spec.build(RUN).map(|_| ())).unwrap_err();
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
    let spec: ScheduleSpec = "repeat:period=2ep".parse().unwrap();
    assert!(spec.build(Run::new(0.1, 100)).is_err(), "a run without epochs");
}

/// PyTorch's `ReduceLROnPlateau`, written from its documentation.
struct Plateau {
    lr: f64,
    best: f64,
    bad: usize,
    cooldown: usize,
}

#[derive(Debug, Clone)]
struct Settings {
    factor: f64,
    patience: usize,
    threshold: f64,
    relative: bool,
    cooldown: usize,
    min_lr: f64,
    max: bool,
}

impl Settings {
    fn text(&self) -> String {
        let Settings { factor, patience, threshold, relative, cooldown, min_lr, max } = self;
        let mode = if *max { "max" } else { "min" };
        let threshold_mode = if *relative { "rel" } else { "abs" };
        format!(
            "reduce_on_plateau:factor={factor},patience={patience},threshold={threshold},cooldown={cooldown},\
             min_lr={min_lr},mode={mode},threshold_mode={threshold_mode}"
        )
    }
}

impl Plateau {
    fn new(settings: &Settings) -> Self {
        let best = if settings.max { f64::NEG_INFINITY } else { f64::INFINITY };
        Plateau { lr: 0.4, best, bad: 0, cooldown: 0 }
    }

    fn observe(&mut self, settings: &Settings, value: f64) {
        let sign = if settings.max { 1.0 } else { -1.0 };
        let margin = if settings.relative { self.best * settings.threshold } else { settings.threshold };
        // Infinity minus a share of itself would be NaN; PyTorch's form of the formula gives infinity.
        let bound = if self.best.is_infinite() { self.best } else { self.best + sign * margin };
        if value.is_finite() && (value - bound) * sign > 0.0 {
            self.best = value;
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad = 0;
        }
        if self.bad > settings.patience {
            let reduced = f64::max(self.lr * settings.factor, settings.min_lr);
            self.lr = if self.lr - reduced > 1e-8 { reduced } else { self.lr };
            self.cooldown = settings.cooldown;
            self.bad = 0;
        }
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let numbers = (0.1..0.9, 0_usize..4, 0.0..0.2, any::<bool>(), 0_usize..4, 0.0..0.1, any::<bool>());
    numbers.prop_map(|(factor, patience, threshold, relative, cooldown, min_lr, max)| Settings {
        factor,
        patience,
        threshold,
        relative,
        cooldown,
        min_lr,
        max,
    })
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![8 => -2.0..2.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    prop::collection::vec(value, 1..40)
}

proptest! {
    #[test]
    fn reduce_on_plateau_matches_pytorch_and_resumes_exactly_from_any_step(
        settings in settings(), values in values(), stop in 0_usize..40,
    ) {
        let schedule = build(&settings.text(), RUN);
        let mut expected = Plateau::new(&settings);
        let mut resumed = build(&settings.text(), RUN);
        for (t, &value) in values.iter().enumerate() {
            if t == stop {
                let state = schedule.state();
                prop_assert!(state.iter().all(|number| number.is_finite()));
                resumed = build(&settings.text(), RUN);
                schedule::load_state(&*resumed, &state).unwrap();
            }
            prop_assert_eq!(schedule.lr_at(t), expected.lr, "step {}", t);
            prop_assert_eq!(resumed.lr_at(t), expected.lr, "step {}", t);
            schedule.observe(t, value.into());
            resumed.observe(t, value.into());
            expected.observe(&settings, value);
        }
    }
}

#[test]
fn a_part_receives_measurements_only_during_its_section() {
    let plateau = "(reduce_on_plateau:factor=0.5,patience=0)";
    // The first measurement is the best; each one after that halves the rate.
    for (text, rates) in [
        ("reduce_on_plateau:factor=0.5,patience=0".to_string(), [0.4, 0.4, 0.2, 0.1, 0.05, 0.025, 0.0125]),
        (format!("scale:factor=0.5,base={plateau}"), [0.2, 0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625]),
        (format!("clamp:min=0.1,base={plateau}"), [0.4, 0.4, 0.2, 0.1, 0.1, 0.1, 0.1]),
        (format!("warmup:steps=2,base={plateau}"), [0.0, 0.2, 0.4, 0.4, 0.2, 0.1, 0.05]),
        (format!("repeat:period=3,base={plateau}"), [0.4, 0.4, 0.2, 0.1, 0.05, 0.025, 0.0125]),
        (
            format!("sequence:schedules=[{plateau},{plateau}],lengths=[3]"),
            [0.4, 0.4, 0.2, 0.4, 0.4, 0.2, 0.1],
        ),
        (
            format!("product:schedules=[{plateau},(reduce_on_plateau:factor=0.5,patience=1)]"),
            [0.4, 0.4, 0.2, 0.05, 0.025, 0.00625, 0.003125],
        ),
    ] {
        let schedule = build(&text, RUN);
        let mut resumed = build(&text, RUN);
        for (step, rate) in rates.into_iter().enumerate() {
            assert!(
                (schedule.lr_at(step) - rate).abs() < 1e-15,
                "{text} at {step}: {}",
                schedule.lr_at(step)
            );
            assert_eq!(resumed.lr_at(step), schedule.lr_at(step), "{text} at {step}, resumed");
            schedule.observe(step, 1.0.into());
            resumed = build(&text, RUN);
            schedule::load_state(&*resumed, &schedule.state()).unwrap();
        }
        let shorter = &schedule.state()[1..];
        assert!(schedule::load_state(&*resumed, shorter).is_err(), "{text}");
    }
}

#[test]
fn a_plateau_starts_at_its_own_rate_and_skips_reductions_of_epsilon_or_less() {
    for (text, rates) in [
        ("reduce_on_plateau:patience=0,initial_lr=0.8,factor=0.5", [0.8, 0.8, 0.4, 0.2]),
        ("reduce_on_plateau:patience=0,initial_lr=0.8,factor=0.5,epsilon=0.3", [0.8, 0.8, 0.4, 0.4]),
        ("reduce_on_plateau:patience=0,initial_lr=0.8,factor=0.5,epsilon=0.4", [0.8, 0.8, 0.8, 0.8]),
        ("reduce_on_plateau:patience=0,initial_lr=2e-8,factor=0.5", [2e-8, 2e-8, 2e-8, 2e-8]),
    ] {
        let schedule = build(text, RUN);
        for (step, rate) in rates.into_iter().enumerate() {
            assert_eq!(schedule.lr_at(step), rate, "{text} at {step}");
            schedule.observe(step, 1.0.into());
        }
    }
}

#[test]
fn a_plateau_can_monitor_the_metric() {
    let schedule = build("reduce_on_plateau:factor=0.5,patience=0,mode=max,monitor=metric", RUN);
    let observe = |step: usize, metric: Option<f64>| {
        schedule.observe(step, Measured { loss: 1.0 / (step as f64 + 1.0), metric });
        schedule.lr_at(step + 1)
    };
    assert_eq!([observe(0, Some(0.5)), observe(1, Some(0.6)), observe(2, Some(0.6))], [0.4, 0.4, 0.2]);
    // A measurement without a metric is not an improvement.
    assert_eq!([observe(3, None), observe(4, Some(0.7))], [0.1, 0.1]);
}

#[test]
fn a_registered_schedule_can_be_named_anywhere_a_schedule_can() {
    let sawtooth =
        |run: Run| Ok(schedule::custom(move |step| run.lr * (1.0 - (step % 10) as f64 / 10.0)) as Box<_>);
    let spec = schedule::register("sawtooth", "down again and again", sawtooth).unwrap();
    assert_eq!(
        ("sawtooth".parse::<ScheduleSpec>().unwrap(), spec.to_string()),
        (spec.clone(), "sawtooth".into())
    );
    assert!(ScheduleSpec::all().contains(&spec));
    let json = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<ScheduleSpec>(&json).unwrap(), spec);
    let schedule = build("sequence:schedules=[(scale:factor=0.5,base=sawtooth),sawtooth],lengths=[5]", RUN);
    for (step, rate) in [(0, 0.2), (3, 0.14), (5, 0.4), (10, 0.2)] {
        assert!((schedule.lr_at(step) - rate).abs() < 1e-15, "step {step}");
    }
    for (name, said) in [("sawtooth", "sawtooth"), ("cosine", "cosine"), ("", "name"), ("a b", "name")] {
        let error = schedule::register(name, "", sawtooth).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!("sawtooth:width=3".parse::<ScheduleSpec>().is_err());
}
