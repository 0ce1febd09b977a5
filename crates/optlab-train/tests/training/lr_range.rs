//! The learning-rate range test suggests rates that train well: 40 pairs of a workload and an optimizer.

use optlab_train::data::Source;
use optlab_train::train::{self, Caution, LrRange, LrRangeTest, Trial};
use optlab_train::workload::{self, Supervised};

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
    fn name(&self) -> String {
        format!("{} {}", self.workload, self.optimizer)
    }

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

/// Returns the recorded tests of the default settings, each up to the first rate above `end(pair)`.
fn recorded(end: impl Fn(&Pair) -> f64) -> Vec<(Pair, LrRange)> {
    let mut lines = LOSSES.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let test = LrRangeTest::default();
    assert_eq!(rows.len(), test.steps);
    let factor = (test.max_lr / test.min_lr).powf(1.0 / (test.steps - 1) as f64);
    let is_recorded = |pair: &Pair| names.iter().position(|name| *name == pair.name());
    let ranges = pairs().into_iter().filter_map(|pair| {
        let column = is_recorded(&pair)?;
        let losses = rows.iter().map_while(|row| row[column].parse::<f64>().ok());
        let rates = (0..).map(|step| test.min_lr * factor.powi(step)).take_while(|lr| *lr <= end(&pair));
        let (lrs, losses): (Vec<f64>, Vec<f64>) = rates.zip(losses).unzip();
        let blew_up = lrs.last().unwrap() * factor <= test.max_lr.min(end(&pair));
        Some((pair, LrRange::new(lrs, losses, test.smoothing, blew_up)))
    });
    let ranges: Vec<_> = ranges.collect();
    assert_eq!(ranges.len(), names.len());
    ranges
}

#[test]
fn the_suggestion_of_a_recorded_test_trains_well_and_comes_without_a_caution() {
    for (pair, range) in recorded(|_| f64::INFINITY) {
        let suggestion = range.suggestion().unwrap();
        let lr = suggestion.lr();
        assert!(pair.is_good(lr), "{}: {lr} ({suggestion:?})", pair.name());
        assert_eq!(suggestion.caution, None, "{}", pair.name());
    }
}

#[test]
fn a_recorded_test_that_ends_below_the_good_rates_comes_with_a_caution() {
    for (pair, range) in recorded(|pair| pair.low / 5.0) {
        assert!(!range.blew_up, "{}", pair.name());
        let suggestion = range.suggestion().unwrap();
        let is_right = matches!(suggestion.caution, Some(Caution::StillFalls | Caution::HardlyFalls));
        assert!(is_right, "{}: {suggestion:?}", pair.name());
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
        assert_eq!(suggestion.caution, None, "{}", pair.name());
        if !pair.is_good(suggestion.lr()) {
            missed += 1;
            println!("{}: {}, best {}", pair.name(), suggestion.lr(), pair.best);
        }
    }
    assert!(missed * 10 <= pairs.len(), "{missed} of {}", pairs.len());
}
