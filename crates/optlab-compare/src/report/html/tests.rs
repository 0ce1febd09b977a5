use super::*;
use crate::made_up::{comparison, outcome, run, trial, tuning_run};
use crate::plan::tuning::FIRST_SEED;
use crate::result::comparison::Run;
use optlab_core::{Direction, Metric};
use optlab_train::train::Trial;

/// Two arms on eight seeds, tuned by 5 trials each; the first is better on each of them, by 0.049 or 0.051.
fn example() -> Comparison {
    let mut runs: Vec<Run> = Vec::new();
    for (arm, better) in [("adamw", 0.05), ("burn.adam", 0.0)] {
        for number in 0..5 {
            let lr = 0.001 * (number + 1) as f64;
            let trial = Trial { lr, ..trial("digits-cnn", arm, FIRST_SEED) };
            runs.push(tuning_run(arm, number, trial, outcome(0.7 + 0.01 * number as f64, None)));
        }
        for seed in 0..8 {
            let wave = better * if seed % 2 == 0 { 0.02 } else { -0.02 };
            let last = 0.8 + better + wave + 0.001 * seed as f64;
            runs.push(run(trial("digits-cnn", arm, seed), &[0.3, 0.6, last]));
        }
    }
    comparison(runs)
}

fn data(comparison: &Comparison) -> Value {
    let text = Html.export(comparison, &comparison.summaries()).unwrap();
    let (_, from) = text.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (json, _) = from.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_page_is_self_contained_and_holds_no_marker() {
    let comparison = example();
    let text = Html.export(&comparison, &comparison.summaries()).unwrap();
    for outside in ["http://", "https://", "src=", "@import", "url(\"", "url('", "url(h", "url(/"] {
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(outside)).collect();
        // The name of a namespace is not an address.
        assert!(lines.iter().all(|line| line.contains("http://www.w3.org/2000/svg")), "{outside}: {lines:?}");
    }
    for marker in ["/*DATA*/", "/*STYLE*/", "/*SCRIPT*/", "<!--TITLE-->"] {
        assert!(!text.contains(marker), "{marker} is left");
    }
    assert!(page("x", "{}").len() < 90_000, "{} bytes without data", page("x", "{}").len());
}

#[test]
fn text_of_the_data_cannot_end_the_element_that_it_is_in() {
    let hostile = "</script><img src=x onerror=alert(1)><!--<script>/*SCRIPT*/";
    let named = Comparison { name: hostile.into(), ..example() };
    let text = Html.export(&named, &named.summaries()).unwrap();
    assert_eq!(text.matches("<script").count(), 2, "the page has two scripts and nothing made a third");
    assert_eq!(text.matches("</script>").count(), 2);
    assert!(!text.contains("<img"));
    assert_eq!(data(&named)["name"], hostile);
}

#[test]
fn the_page_holds_the_results_of_the_runs() {
    let data = data(&example());
    let workload = &data["workloads"][0];
    assert_eq!((workload["name"].as_str(), workload["reference"].as_u64()), (Some("digits-cnn"), Some(0)));
    let [best, other] = workload["arms"].as_array().unwrap().as_slice() else { panic!("two arms") };
    assert_eq!((best["arm"].as_u64(), other["arm"].as_u64()), (Some(0), Some(1)));
    assert_eq!((best["verdict"].as_str(), other["verdict"].as_str()), (Some("reference"), Some("worse")));
    // The arms are 0.05 apart on every seed; a seed's test metric is 0.01 below its last evaluation.
    let number = |value: &Value| value.as_f64().unwrap();
    assert!((number(&other["difference"][0]) + 0.05).abs() < 1e-4, "{}", other["difference"]);
    assert!((number(&best["mean"][0]) - (0.85 + 0.0035 - 0.01)).abs() < 1e-4, "{}", best["mean"]);
    assert_eq!(best["outcomes"].as_array().unwrap().len(), 8);
    let metric = &best["curves"]["metric"];
    assert_eq!(
        (&metric["step"], &metric["epoch"]),
        (&serde_json::json!([40, 80, 120]), &serde_json::json!([1, 2, 3]))
    );
    assert!((number(&metric["median"][2]) - 0.8535).abs() < 1e-4);
    assert_eq!(best["budget"]["median"].as_array().unwrap().len(), 5);
    assert_eq!(best["lr_sensitivity"][4][0], 0.005);
    let trials = &data["trials"];
    assert_eq!(trials["arm"].as_array().unwrap().len(), 26);
    assert_eq!((&trials["stage"][0], &trials["stage"][5]), (&0.into(), &1.into()));
    let first = "digits-cnn --optimizer adamw:lr=0.001 --schedule cosine --backend flex --seed 1000000 --epochs 6 --batch-size 32";
    assert_eq!(trials["command"][0], first);
    assert_eq!(trials["command"][1], serde_json::json!([2, "adamw:lr=0.002"]));
    assert!(data["headline"][0].as_str().unwrap().starts_with("digits-cnn: adamw is the best"));
}

#[test]
fn where_smaller_is_better_a_positive_difference_is_a_larger_metric() {
    let mut smaller = example();
    for outcome in smaller.runs.iter_mut().filter_map(|run| run.outcome.as_mut()) {
        outcome.metric = Metric {
            name: "rmse".into(),
            unit: String::new(),
            direction: Direction::Smaller,
            target: Some(18.0),
        };
    }
    let data = data(&smaller);
    let other = &data["workloads"][0]["arms"][1];
    assert_eq!((other["arm"].as_u64(), other["verdict"].as_str()), (Some(0), Some("worse")));
    let [value, low, high] = [0, 1, 2].map(|end| other["difference"][end].as_f64().unwrap());
    assert!(
        (value - 0.05).abs() < 1e-4 && low <= value && value <= high && low > 0.0,
        "{}",
        other["difference"]
    );
}

#[test]
fn a_page_with_many_trials_stays_below_its_limit() {
    let mut runs = Vec::new();
    for arm in 0..18 {
        let name = format!("adamw:weight_decay=0.00{arm}");
        for workload in ["digits-cnn", "diabetes-linear", "sunspots-rnn", "mnist-10k-cnn"] {
            for number in 0..120 {
                let lr = 1.234e-5 * (number + 1) as f64;
                let trial = Trial { lr, ..trial(workload, &name, FIRST_SEED) };
                runs.push(tuning_run(&name, number, trial, outcome(0.7 + 0.001 * number as f64, None)));
            }
            for seed in 0..20 {
                let metrics: Vec<f64> = (1..=60).map(|epoch| 0.99 - 0.7 / f64::from(epoch + arm)).collect();
                runs.push(run(trial(workload, &name, seed), &metrics));
            }
        }
    }
    assert!(runs.len() > 10_000);
    let comparison = comparison(runs);
    let text = Html.export(&comparison, &comparison.summaries()).unwrap();
    assert!(text.len() < 1_500_000, "{} bytes", text.len());
}
