//! Prints how long tests and intervals take.

use crate::statistics::calibration::Calibration;
use crate::statistics::paired::Paired;
use crate::statistics::signed_ranks::SignedRanks;
use crate::statistics::simulated::Random;
use std::time::Instant;

fn milliseconds<T>(times: u32, run: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    (0..times).for_each(|_| drop(std::hint::black_box(run())));
    start.elapsed().as_secs_f64() * 1e3 / f64::from(times)
}

#[test]
#[ignore = "prints timings: cargo test --release -p optlab-stats timings -- --ignored --nocapture"]
fn of_a_test() {
    let mut random = Random::new(1);
    for count in [10, 14, 15, 20, 30, 40, 41, 100] {
        for unit in [1e-12, 0.1] {
            let one = |random: &mut Random| ((random.normal() + 0.4) / unit).round() * unit;
            let differences: Vec<f64> = (0..count).map(|_| one(&mut random)).collect();
            let times = if count < 25 { 20 } else { 3 };
            let p_value = milliseconds(times, || Paired::of(&differences).unwrap().p_value());
            let both: Vec<f64> = [0.05, 0.05 / 435.0]
                .map(|alpha| {
                    milliseconds(times, || Paired::of(&differences).unwrap().interval_missing(alpha))
                })
                .to_vec();
            let ranks = milliseconds(times, || SignedRanks::of(&differences).unwrap().p_value());
            println!("{count} {unit:e}: p {p_value:.3} ms, intervals {both:.3?} ms, ranks {ranks:.3} ms");
        }
    }
}

#[test]
#[ignore = "prints timings: cargo test --release -p optlab-stats timings -- --ignored --nocapture"]
fn of_a_calibration() {
    let mut random = Random::new(1);
    let values: Vec<f64> = (0..80).map(|_| random.normal()).collect();
    let calibration = Calibration { splits: 10_000, alpha: 0.05, seed: 0 };
    let alarms = milliseconds(1, || println!("{:?}", calibration.false_alarms(&values)));
    println!("false alarms: {alarms:.0} ms");
    for seeds in [5, 10, 20, 40] {
        for power in [0.8, 0.95] {
            let time = milliseconds(1, || {
                println!("{:?}", calibration.smallest_difference(&values, seeds, power).unwrap());
            });
            println!("{seeds} seeds, power {power}: {time:.0} ms");
        }
    }
}
