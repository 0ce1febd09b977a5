//! Shares of a run: for any length of the run, the parts that they describe fill it exactly.

use optlab_optim::schedule::{Run, Schedule, ScheduleSpec};
use proptest::prelude::*;

fn build(text: &str, total_steps: usize) -> Box<dyn Schedule> {
    let spec: ScheduleSpec = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let built = spec.build(Run::new(1.0, total_steps));
    built.unwrap_or_else(|error| panic!("{text} over {total_steps} steps: {error}"))
}

/// Returns the nearest step to a share of the run, in percent.
fn border(percent: f64, total_steps: usize) -> usize {
    (percent / 100.0 * total_steps as f64 + 1e-9).round() as usize
}

/// Returns the rate of a line from `from` to `to` in the part of a run from step `begin` to step `end`.
fn line((from, to): (f64, f64), (begin, end): (usize, usize), step: usize) -> f64 {
    let progress = (step - begin) as f64 / (end - begin).max(1) as f64;
    from + (to - from) * progress.min(1.0)
}

fn assert_rate(schedule: &dyn Schedule, step: usize, expected: f64, what: &str) {
    let rate = schedule.lr_at(step);
    assert!((rate - expected).abs() < 1e-9, "{what} at {step}: {rate}, not {expected}");
}

/// Returns shares, in hundredths of a percent, that are 100 % together.
fn shares() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..=10_000_u32, 1..6).prop_map(|mut cuts| {
        cuts.push(10_000);
        cuts.sort_unstable();
        let mut before = 0;
        cuts.iter().map(|cut| cut - std::mem::replace(&mut before, *cut)).collect()
    })
}

fn percent(hundredths: u32) -> f64 {
    f64::from(hundredths) / 100.0
}

proptest! {
    #[test]
    fn the_parts_of_a_sequence_fill_a_run_of_any_length(shares in shares(), total_steps in 1..700_usize) {
        let lengths: Vec<String> = shares.iter().map(|share| format!("{}%", percent(*share))).collect();
        // Each part falls by 1 from its own first rate, so that a rate tells its part and its place.
        let lines = (0..shares.len()).map(|part| format!("(linear:initial_lr={},end_lr={part})", part + 1));
        let lines: Vec<String> = lines.collect();
        let (lines, lengths) = (lines.join(","), lengths.join(","));
        let text = format!("sequence:schedules=[{lines}],lengths=[{lengths}]");
        let schedule = build(&text, total_steps);
        let (mut sum, mut begin) = (0, 0);
        for (part, share) in shares.iter().enumerate() {
            sum += share;
            let end = border(percent(sum), total_steps);
            for step in begin..end {
                let ends = ((part + 1) as f64, part as f64);
                assert_rate(&*schedule, step, line(ends, (begin, end), step), &text);
            }
            begin = end;
        }
        prop_assert_eq!(begin, total_steps);
    }

    #[test]
    fn warmup_and_decay_as_shares_fit_into_a_run_of_any_length(
        [one, other] in [1..10_000_u32, 1..10_000_u32], total_steps in 1..700_usize,
    ) {
        let (warmup, decay_begins) = (percent(one.min(other)), percent(one.max(other)));
        let decay = percent(10_000 - one.max(other));
        let text = format!("warmup_stable_decay:warmup_steps={warmup}%,decay_steps={decay}%");
        let schedule = build(&text, total_steps);
        let warmup_steps = border(warmup, total_steps).min(total_steps - 1);
        let begin = border(decay_begins, total_steps).min(total_steps - 1).max(warmup_steps);
        for step in 0..=total_steps {
            let expected = match step {
                step if step < warmup_steps => line((0.0, 1.0), (0, warmup_steps), step),
                step if step < begin => 1.0,
                step => line((1.0, 0.0), (begin, total_steps), step),
            };
            assert_rate(&*schedule, step, expected, &text);
        }
    }

    #[test]
    fn what_follows_a_warmup_ends_with_a_run_of_any_length(warmup in 0..10_000_u32, total_steps in 1..700_usize) {
        let steps = percent(warmup);
        let warmup_steps = border(steps, total_steps).min(total_steps - 1);
        for text in [
            format!("warmup:steps={steps}%,base=linear"),
            format!("warmup_cosine:warmup_steps={steps}%"),
        ] {
            let schedule = build(&text, total_steps);
            assert_rate(&*schedule, warmup_steps, 1.0, &text);
            assert_rate(&*schedule, total_steps, 0.0, &text);
            (0..warmup_steps).for_each(|step| {
                assert_rate(&*schedule, step, line((0.0, 1.0), (0, warmup_steps), step), &text);
            });
            prop_assert!(schedule.lr_at(total_steps - 1) > 0.0 || total_steps == 1);
        }
    }

    #[test]
    fn the_two_parts_of_a_cycle_are_as_long_as_their_shares_together(
        rise in 200..5_000_u32, fall in 200..5_000_u32, total_steps in 50..700_usize,
    ) {
        let (up, down) = (percent(rise), percent(fall));
        let text = format!("cyclic:base_lr=0,step_size_up={up}%,step_size_down={down}%");
        let schedule = build(&text, total_steps);
        let (top, end) = (border(up, total_steps), border(percent(rise + fall), total_steps));
        for (step, rate) in [(0, 0.0), (top, 1.0), (end, 0.0), (end + top, 1.0), (2 * end, 0.0)] {
            assert_rate(&*schedule, step, rate, &text);
        }
    }

    #[test]
    fn rising_shares_are_milestones_and_boundaries_of_a_run_of_any_length(
        shares in prop::collection::btree_set(1..=10_000_u32, 1..6), total_steps in 1..700_usize,
    ) {
        let listed: Vec<String> = shares.iter().map(|share| format!("{}%", percent(*share))).collect();
        let values: Vec<String> = (0..=shares.len()).map(|place| (10 - place).to_string()).collect();
        let (listed, values) = (listed.join(","), values.join(","));
        let milestones = build(&format!("multi_step:gamma=0.5,milestones=[{listed}]"), total_steps);
        let boundaries = build(&format!("piecewise_constant:boundaries=[{listed}],values=[{values}]"), total_steps);
        for step in 0..=total_steps {
            let borders = shares.iter().map(|share| border(percent(*share), total_steps));
            let [passed, left] = [0, 1].map(|least| {
                borders.clone().filter(|border| border + least <= step).count()
            });
            assert_rate(&*milestones, step, 0.5_f64.powi(passed as i32), &listed);
            assert_rate(&*boundaries, step, (10 - left) as f64, &listed);
        }
    }
}

#[test]
fn two_halves_are_a_whole_of_five_steps() {
    let schedule = build("sequence:schedules=[constant,(constant:initial_lr=2)],lengths=[50%,50%]", 5);
    assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.lr_at(step)), [1.0, 1.0, 1.0, 2.0, 2.0]);
    let thousand = vec!["0.1%"; 1000].join(",");
    let text = format!("sequence:schedules=[{}],lengths=[{thousand}]", vec!["linear"; 1000].join(","));
    assert!(build(&text, usize::MAX).lr_at(usize::MAX - 1) < 1e-12);
}

#[test]
fn lengths_beyond_the_run_and_falling_shares_are_still_refused() {
    for (text, said) in [
        ("sequence:schedules=[constant,linear],lengths=[60%,50%]", "no more than the 5 steps"),
        ("warmup_stable_decay:warmup_steps=60%,decay_steps=60%", "at most the 2 steps after the warm-up"),
        ("warmup_stable_decay:warmup_steps=100%", "less than the 5 steps in all"),
        ("warmup:steps=100%", "less than the 5 steps in all"),
        ("multi_step:milestones=[60%,50%]", "steps each later than the one before"),
        ("multi_step:milestones=[60%,60%]", "steps each later than the one before"),
        ("multi_step:milestones=[0%]", "at least 1"),
        ("piecewise_constant:boundaries=[3,60%],values=[3,2,1]", "steps each later than the one before"),
    ] {
        let error = text.parse::<ScheduleSpec>().unwrap().build(Run::new(1.0, 5)).err().unwrap().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}
