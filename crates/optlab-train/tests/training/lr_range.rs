//! The learning-rate range test suggests rates that train well: 40 pairs of a workload and an optimizer.

use optlab_train::data::Source;
use optlab_train::train::{self, LrRange, LrRangeTest, Trial};
use optlab_train::workload;

/// Workload, optimizer, best rate and range of good rates of each pair, as docs/schedules.md tells.
const GOOD: &str = include_str!("../fixtures/lr_good.csv");
/// The losses of range tests, one column for each of some of the pairs; empty after the test stopped. Made by
/// `optlab train WORKLOAD --optimizer SPEC --lr 1e-6 --steps 2000 --schedule exponential:gamma=1.0080956…`,
/// where gamma is 10^(7/1999), and rounded to four digits.
const LOSSES: &str = include_str!("../fixtures/lr_losses.csv");

struct Pair {
    workload: &'static str,
    optimizer: &'static str,
    best: f64,
    low: f64,
    high: f64,
}

impl Pair {
    /// Returns whether the rate is in the range of good rates, or within a factor of 3 of the best.
    fn is_good(&self, lr: f64) -> bool {
        let low = self.low.min(self.best / 3.0);
        let high = self.high.max(self.best * 3.0);
        (low..=high).contains(&lr)
    }
}

fn pairs() -> Vec<Pair> {
    let rows = GOOD.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| cells[i].parse().unwrap();
        Pair { workload: cells[0], optimizer: cells[1], best: number(2), low: number(3), high: number(4) }
    });
    rows.collect()
}

#[test]
fn the_suggestion_from_a_recorded_test_trains_well_and_comes_without_a_caution() {
    let mut lines = LOSSES.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let test = LrRangeTest::default();
    assert_eq!(rows.len(), test.steps);
    let factor = (test.max_lr / test.min_lr).powf(1.0 / (test.steps - 1) as f64);
    let pairs = pairs();
    for (column, name) in names.iter().enumerate() {
        let pair =
            pairs.iter().find(|pair| format!("{} {}", pair.workload, pair.optimizer) == *name).unwrap();
        let losses: Vec<f64> = rows.iter().map_while(|row| row[column].parse().ok()).collect();
        let lrs = (0..losses.len()).map(|step| test.min_lr * factor.powi(step as i32)).collect();
        let blew_up = losses.len() < test.steps;
        let suggestion = LrRange::new(lrs, losses, test.smoothing, blew_up).suggestion().unwrap();
        assert!(pair.is_good(suggestion.lr()), "{name}: {} ({suggestion:?})", suggestion.lr());
        assert_eq!(suggestion.caution, None, "{name}");
    }
}

#[test]
#[ignore = "2 minutes; cargo test --test training -- lr_range --ignored --nocapture"]
fn the_suggestion_trains_well_for_nine_of_ten_pairs() {
    let pairs = pairs();
    let mut missed = 0;
    for pair in &pairs {
        let workload = workload::built_in(pair.workload).unwrap();
        let optimizer = pair.optimizer.parse().unwrap();
        let trial = Trial { optimizer, backend: "flex".into(), ..Trial::new(&workload.info()) };
        let seen = train::find_lr(&workload, &trial, &LrRangeTest::default(), &Source::default()).unwrap();
        let suggestion = seen.suggestion().unwrap();
        assert_eq!(suggestion.caution, None, "{} {}", pair.workload, pair.optimizer);
        if !pair.is_good(suggestion.lr()) {
            missed += 1;
            println!("{} {}: {}, best {}", pair.workload, pair.optimizer, suggestion.lr(), pair.best);
        }
    }
    assert!(missed * 10 <= pairs.len(), "{missed} of {}", pairs.len());
}
