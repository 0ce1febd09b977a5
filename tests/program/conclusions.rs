//! What published comparisons of optimizers concluded, held against the results in `artifacts/`.

use optlab::statistics::paired_test::Test;
use optlab::statistics::verdict::{self, Comparison, Verdict};
use optlab::workload::Direction;
use std::collections::BTreeMap;

const TUNED: &str = include_str!("../../artifacts/comparison/results.csv");
const AT_DEFAULTS: &str = include_str!("../../artifacts/comparison-defaults/results.csv");

const WORKLOADS: [(&str, Direction); 3] = [
    ("digits-cnn", Direction::Larger),
    ("diabetes-linear", Direction::Smaller),
    ("sunspots-rnn", Direction::Smaller),
];

/// The final runs of an arm by their seeds: the best metric on the validation part, and that on the test
/// part; as costs, infinite for a lost run.
type Runs = BTreeMap<u64, (f64, f64)>;

/// Returns the final runs of each arm on each workload.
fn finals(results: &str) -> BTreeMap<(String, String), Runs> {
    let mut arms: BTreeMap<_, Runs> = BTreeMap::new();
    for row in csv::Reader::from_reader(results.as_bytes()).deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        if row["stage"] != "final" {
            continue;
        }
        let direction = WORKLOADS.iter().find(|(name, _)| *name == row["workload"]).unwrap().1;
        let cost = |column: &str| match (row["status"].as_str(), row[column].parse::<f64>()) {
            ("completed", Ok(metric)) => direction.cost(metric),
            _ => f64::INFINITY,
        };
        let runs = arms.entry((row["workload"].clone(), row["arm"].clone())).or_default();
        runs.insert(row["seed"].parse().unwrap(), (cost("best_validation_metric"), cost("test_metric")));
    }
    arms
}

fn test_costs(runs: &Runs) -> Vec<f64> {
    runs.values().map(|(_, test)| *test).collect()
}

/// Choi et al., *On Empirical Comparisons of Optimizers for Deep Learning*, 2019: an optimizer that contains
/// another as a special case is not worse, if both are tuned.
#[test]
fn a_tuned_optimizer_is_never_worse_than_one_that_it_contains() {
    let arms = finals(TUNED);
    let claims = [
        ("adam", "sgd:momentum=0.9"),
        ("nadam", "sgd:momentum=0.9"),
        ("sgd:momentum=0.9", "sgd"),
        ("adam", "rmsprop"),
    ];
    let mut pairs = Vec::new();
    for (workload, _) in WORKLOADS {
        for (general, special) in claims {
            let costs = |arm: &str| test_costs(&arms[&(workload.to_string(), arm.to_string())]);
            pairs.push((
                format!("{general} against {special} on {workload}"),
                costs(general),
                costs(special),
            ));
        }
    }
    let costs: Vec<(&[f64], &[f64])> = pairs.iter().map(|(_, a, b)| (a.as_slice(), b.as_slice())).collect();
    let compared = verdict::compare(&costs, Direction::Smaller, 0.05, Test::Mean).unwrap();
    for ((name, ..), Comparison { verdict, difference, p_value, .. }) in pairs.iter().zip(&compared) {
        println!("{name}: {verdict:?}, {difference:?}, p = {p_value:.3}");
        assert_ne!(*verdict, Verdict::Worse, "{name}");
    }
    assert!(compared.iter().all(|it| it.seeds >= 10), "too few replicates to contradict anything");
}

/// Schmidt, Schneider & Hennig, *Descending through a Crowded Valley*, 2021: trying several optimizers at
/// their defaults is about as good as tuning one of them.
#[test]
fn the_best_of_several_rules_at_their_defaults_is_about_as_good_as_one_tuned_rule() {
    let (tuned, defaults) = (finals(TUNED), finals(AT_DEFAULTS));
    let mut pairs = Vec::new();
    for (workload, _) in WORKLOADS {
        let one = &tuned[&(workload.to_string(), "adamw".to_string())];
        let best_of_defaults = |seed: &u64| {
            let rules = defaults.iter().filter(|((of, _), _)| of == workload).map(|(_, runs)| runs[seed]);
            rules.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1
        };
        let several: Vec<f64> = one.keys().map(best_of_defaults).collect();
        pairs.push((workload, several, test_costs(one)));
    }
    let costs: Vec<(&[f64], &[f64])> = pairs.iter().map(|(_, a, b)| (a.as_slice(), b.as_slice())).collect();
    let compared = verdict::compare(&costs, Direction::Smaller, 0.05, Test::Mean).unwrap();
    for ((workload, ..), Comparison { verdict, difference, p_value, effect, .. }) in
        pairs.iter().zip(&compared)
    {
        println!("{workload}: {verdict:?}, {difference:?}, p = {p_value:.3}");
        assert_eq!(*verdict, Verdict::NotShown, "{workload}");
        // "About as good": by less than two replicates of the same procedure differ by.
        assert!(effect.unwrap().abs() < 1.0, "{workload}: {effect:?}");
    }
}
