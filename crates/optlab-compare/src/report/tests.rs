use super::*;
use crate::made_up::{comparison, lost, outcome, run, trial, tuning_run};
use crate::plan::Plan;
use crate::result::comparison::Run;
use crate::run::folder::Kind;
use optlab_core::{Direction, Metric};
use optlab_train::train::{Recipe, RecipePatch, Status, Trial};

mod hostile;
mod replicates;

/// Returns two arms on one workload; one arm lost a seed, and one of its trials was not run.
fn example() -> Comparison {
    let mut runs: Vec<Run> = Vec::new();
    for (seed, last) in [0.96, 0.98].into_iter().enumerate() {
        runs.push(run(trial("digits-cnn", "adamw", seed as u64), &[0.5, 0.9, last]));
    }
    runs[0].outcome = Some(outcome(0.96, Some(120)));
    let mut diverged = run(trial("digits-cnn", "burn.adam:lr=0.5", 0), &[0.3, 0.1]);
    diverged.outcome = Some(lost(Status::Diverged, "loss is NaN at step 90 | \"x\" <y> & z"));
    runs.push(diverged);
    runs.push(run(trial("digits-cnn", "burn.adam:lr=0.5", 1), &[]));
    comparison(runs)
}

/// Returns 16 arms on two workloads with three seeds each; two arms diverge, and one workload's metric is an
/// error.
fn large_example() -> Comparison {
    let mut runs: Vec<Run> = Vec::new();
    for (workload, is_error) in [("mnist-10k-cnn", false), ("sunspots-rnn", true)] {
        for arm in 0..16u64 {
            for seed in 0..3u64 {
                let spec = match arm % 2 {
                    0 => format!("adamw:lr={},weight_decay=0.{arm}", 0.001 * (arm + 1) as f64),
                    _ => format!("burn.adam:lr={}", 0.001 * (arm + 1) as f64),
                };
                let noise = |epoch: u64| ((arm * 31 + seed * 17 + epoch * 7) % 13) as f64 / 13.0 - 0.5;
                let rate = 0.35 + 0.1 * ((arm * 5) % 16) as f64;
                let quality = |epoch: u64| {
                    let error = 0.02 + 0.0015 * arm as f64 + 0.85 * (-rate * (epoch + 1) as f64).exp();
                    let error = error * (1.0 + 0.25 * noise(epoch));
                    if is_error { 90.0 * error + 12.0 } else { 1.0 - error }
                };
                let is_lost = arm == 13 || (arm == 15 && seed == 2);
                let epochs = if is_lost { 3 } else { 12 };
                let metrics: Vec<f64> = (0..epochs).map(quality).collect();
                let mut run = run(trial(workload, &spec, seed), &metrics);
                if is_lost {
                    run.outcome = Some(lost(Status::Diverged, "loss is NaN at step 130"));
                }
                if let Some(outcome) = run.outcome.as_mut().filter(|_| is_error) {
                    outcome.metric = Metric {
                        name: "rmse".into(),
                        unit: String::new(),
                        direction: Direction::Smaller,
                        target: Some(18.0),
                    };
                }
                runs.push(run);
            }
        }
    }
    comparison(runs)
}

#[test]
fn unstable_seeds_are_counted_and_their_last_metric_stands_beside_the_best() {
    let mut runs = example().runs;
    runs.truncate(2);
    runs[1].outcome = Some(crate::made_up::unstable(0.5));
    let shown = comparison(runs);
    let table = render(&shown, 400);
    for part in ["unstable", "1/2", "last, validation", "seed 1 unstable (the training loss ended at 4.000e6"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(exported(&csv::Csv, &shown).contains("the training loss ended at 4.000e6"));
    assert!(!render(&example(), 400).contains("unstable"));
}

fn exported(exporter: &dyn Exporter, comparison: &Comparison) -> String {
    exporter.export(comparison, &comparison.summaries()).unwrap()
}

fn render(comparison: &Comparison, width: usize) -> String {
    terminal::render(comparison, &comparison.summaries(), width)
}

/// Checks that every element is closed in order, attribute values are quoted and `&` only begins entities.
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(begin) = rest.find('<') {
        let text = &rest[..begin];
        assert!(!text.contains('>'), "stray > in {text}");
        for after in text.split('&').skip(1) {
            let entity = after.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "stray & before {after}");
        }
        let end = begin + rest[begin..].find('>').expect("a tag that ends");
        let tag = &rest[begin + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn the_picture_is_well_formed_and_has_one_line_for_each_arm_and_a_cross_for_each_lost_seed() {
    let svg = exported(&svg::Svg, &example());
    assert_well_formed(&svg);
    assert_eq!(svg.matches("<path class=\"line ").count(), 2);
    assert_eq!(svg.matches("<path class=\"mark ").count(), 1);
    assert_eq!(svg.matches("<path class=\"band ").count(), 1);
    assert!(svg.contains("prefers-color-scheme: dark"));

    let svg = exported(&svg::Svg, &large_example());
    assert_well_formed(&svg);
    assert_eq!(svg.matches("<path class=\"line ").count(), 32);
    assert_eq!(svg.matches("<path class=\"mark ").count(), 2 * 4);
    assert!(svg.len() < 300_000);
    let mut styles: Vec<&str> = svg.split("<path class=\"line ").skip(1).map(|rest| &rest[..5]).collect();
    styles.sort();
    styles.dedup();
    assert_eq!(styles.len(), 16, "16 arms, each with a style of its own that is the same in both panels");
}

#[test]
fn a_long_history_keeps_the_picture_small() {
    let metrics: Vec<f64> = (0..5_000).map(|step| 0.9 - 1.0 / (step + 2) as f64).collect();
    let runs = (0..32).flat_map(|arm| (0..2).map(move |seed| (arm, seed)));
    let runs =
        runs.map(|(arm, seed)| run(trial("digits-cnn", &format!("adamw:lr=0.{}", arm + 1), seed), &metrics));
    let svg = exported(&svg::Svg, &comparison(runs.collect()));
    assert!(svg.len() < 300_000, "{} bytes", svg.len());
}

#[test]
fn an_empty_comparison_and_one_that_has_not_run_give_every_report() {
    for comparison in [comparison(vec![]), comparison(vec![run(trial("digits-cnn", "adamw", 0), &[])])] {
        for exporter in exporters() {
            exporter.export(&comparison, &comparison.summaries()).unwrap();
        }
        assert_well_formed(&exported(&svg::Svg, &comparison));
        render(&comparison, 80);
    }
}

#[test]
fn csv_rows_read_back_as_they_were_written() {
    let comparison = example();
    let text = exported(&csv::Csv, &comparison);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    assert_eq!(header, csv::header());
    let rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect();
    assert_eq!(rows, comparison.runs.iter().map(csv::row).collect::<Vec<_>>());
    let cell = |row: usize, column: &str| {
        let place = header.iter().position(|name| name == column).unwrap();
        rows[row][place].as_str()
    };
    assert_eq!(cell(2, "reason"), "loss is NaN at step 90 | \"x\" <y> & z");
    assert_eq!(
        (cell(3, "status"), cell(0, "steps_to_target"), cell(0, "larger_is_better")),
        ("", "120", "true")
    );
    assert_eq!((cell(0, "optimizer"), cell(0, "budget_epochs"), cell(0, "budget_steps")), ("adamw", "6", ""));
    assert_eq!((cell(0, "validation"), cell(0, "clip_norm"), cell(0, "pad")), ("0.1", "", "false"));
}

#[test]
fn the_csv_has_a_column_for_every_setting_of_a_trial() {
    let recipe = Recipe { micro_batch_size: Some(4), ..trial("digits-cnn", "adamw", 0).recipe };
    let mut run = run(Trial { recipe, ..trial("digits-cnn", "adamw", 0) }, &[0.5]);
    run.outcome.as_mut().unwrap().skipped_steps = 3;
    let (header, row) = (csv::header(), csv::row(&run));
    let cell = |column: &str| row[header.iter().position(|name| name == column).unwrap()].as_str();
    assert_eq!((cell("micro_batch_size"), cell("skipped_steps"), cell("batch_size")), ("4", "3", "32"));
    let columns: Vec<&str> = header.iter().map(|name| name.strip_prefix("budget_").unwrap_or(name)).collect();
    for setting in RecipePatch::SETTINGS {
        assert!(columns.contains(&setting.name), "no column for `{}`", setting.name);
    }
    for field in serde_json::to_value(&run.trial).unwrap().as_object().unwrap().keys() {
        let is_nested = ["budget", "augmentation"].contains(&field.as_str());
        assert!(is_nested || columns.contains(&field.as_str()), "no column for `{field}`");
    }
}

#[test]
fn json_holds_trials_outcomes_and_summaries() {
    let text = exported(&json::Json, &example());
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["environment", "invocations", "name", "summaries", "trials"]);
    assert_eq!(document["trials"].as_array().unwrap().len(), 4);
    assert_eq!(document["trials"][0]["trial"]["optimizer"]["rule"], "adamw");
    assert_eq!(document["trials"][2]["outcome"]["status"], "diverged");
    assert!(document["trials"][3]["outcome"].is_null());
    let best = &document["summaries"][0];
    assert_eq!(
        (best["optimizer"].as_str(), best["final_validation"]["count"].as_u64()),
        (Some("adamw"), Some(2))
    );
    assert_eq!(document["summaries"][1]["diverged"][0]["seed"], 0);
    assert_eq!(document["summaries"][1]["not_run"][0], 1);
}

#[test]
fn markdown_has_a_table_the_lost_seeds_and_how_it_was_made() {
    let text = exported(&markdown::Markdown, &example());
    for expected in [
        "# made-up\n",
        "![Learning curves](curves.svg)",
        "## digits-cnn\n",
        "| arm | lr | mean % | median % | difference | to target: steps | seconds | ms/step | × step time | \
         first step s | MiB | ended |",
        "No verdict yet: 3 of 4 runs have ended; adamw leads so far, with a mean accuracy of 96.00 % over 2 seeds.",
        "| adamw | 0.001 | 96.00 | 96.00 | – | ∞ (1/2) | ∞ | 50.0 | – | 0.50 | 64.0 | 2/2 |",
        "- burn.adam:lr=0.5: seed 0 diverged (loss is NaN at step 90 \\| \"x\" &lt;y> &amp; z)",
        "- burn.adam:lr=0.5: seed 1 not run yet",
        "```sh\noptlab compare plan.toml --jobs 2\n```",
        "2 trials ran at once",
        "| cpu | A CPU |",
    ] {
        assert!(text.contains(expected), "no {expected} in\n{text}");
    }
}

#[test]
fn the_table_in_the_terminal_fits_its_width_and_lists_the_lost_seeds() {
    for comparison in [example(), large_example()] {
        for width in [80, 100, 120] {
            let text = render(&comparison, width);
            for line in text.lines().filter(|line| !line.contains(": seed ")) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
    let text = render(&example(), 120);
    assert!(text.contains("burn.adam:lr=0.5: seed 0 diverged (loss is NaN at step 90"), "{text}");
    // Two seeds have no interval, three do.
    assert!(!text.contains("95 % interval"), "{text}");
    assert!(render(&large_example(), 120).contains("95 % interval"));
    assert!(!text.contains('\u{1b}'), "no colours");
}

#[test]
fn every_report_can_be_written_twice() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_all(&example(), &example().summaries(), folder.path()).unwrap();
    assert_eq!(write_all(&example(), &example().summaries(), folder.path()).unwrap(), paths);
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["curves.svg", "report.html", "results.csv", "results.json", "results.md", "times.csv"]
    );
}

/// Returns two arms on two backends, ranked such that the backends alternate; no arm is better on every seed.
fn example_on_two_backends(seeds: u64) -> Comparison {
    let arms = [
        ("adamw", "flex", 0.9),
        ("adamw", "ndarray", 0.899),
        ("sgd", "flex", 0.895),
        ("sgd", "ndarray", 0.894),
    ];
    let mut runs: Vec<Run> = Vec::new();
    for (optimizer, backend, metric) in arms {
        for seed in 0..seeds {
            let is_lucky = (seed % 2 == 0) == (optimizer == "sgd");
            let trial = Trial { backend: backend.into(), ..trial("digits-cnn", optimizer, seed) };
            runs.push(run(trial, &[0.5, if is_lucky { metric + 0.02 } else { metric }]));
        }
    }
    comparison(runs)
}

#[test]
fn every_sentence_on_several_backends_names_its_backend_and_none_is_repeated() {
    for seeds in [2, 8] {
        let comparison = example_on_two_backends(seeds);
        let summaries = comparison.summaries();
        let arms: Vec<&Summary> = summaries.iter().collect();
        let sentences = words::verdicts(&labels::Labels::of(&summaries), &arms);
        // Per backend: the verdicts, and a sentence about more seeds.
        assert_eq!(sentences.len(), 4, "{sentences:#?}");
        for backend in ["flex", "ndarray"] {
            let of_backend = sentences.iter().filter(|sentence| sentence.contains(backend));
            assert_eq!(of_backend.count(), 2, "{sentences:#?}");
        }
        for (place, sentence) in sentences.iter().enumerate() {
            assert!(!sentences[..place].contains(sentence), "repeated: {sentence}");
        }
    }
}

#[test]
fn a_verdict_waits_for_the_last_run_and_names_a_leader_once_every_arm_has_a_result() {
    let said = |runs: Vec<Run>| {
        let comparison = comparison(runs);
        let summaries = comparison.summaries();
        let sentences =
            words::verdicts(&labels::Labels::of(&summaries), &summaries.iter().collect::<Vec<_>>());
        assert!(!render(&comparison, 200).contains("compared with"));
        sentences.join(" ")
    };
    let of = |optimizer: &str, seed, metrics: &[f64]| run(trial("digits-cnn", optimizer, seed), metrics);
    let none = ["adamw", "sgd"].map(|optimizer| of(optimizer, 0, &[])).to_vec();
    assert_eq!(said(none), "No verdict yet: 0 of 2 runs have ended.");
    let one_arm = vec![of("adamw", 0, &[0.9]), of("sgd", 0, &[])];
    assert_eq!(said(one_arm), "No verdict yet: 1 of 2 runs has ended.");
    let both = vec![of("adamw", 0, &[0.9]), of("sgd", 0, &[0.8]), of("sgd", 1, &[])];
    let told = said(both);
    assert!(told.starts_with("No verdict yet: 2 of 3 runs have ended; adamw leads so far, with"), "{told}");
}

#[test]
fn times_to_a_target_are_left_out_without_a_target() {
    let mut runs = vec![run(trial("digits-cnn", "adamw", 0), &[0.9])];
    assert!(render(&comparison(runs.clone()), 200).contains("to target"));
    runs[0].outcome.as_mut().unwrap().metric.target = None;
    assert!(!render(&comparison(runs.clone()), 200).contains("to target"));
    assert!(!exported(&markdown::Markdown, &comparison(runs)).contains("(0/1)"));
}

/// Returns a folder of this kind with one tuning trial that has ended.
fn with_one_trial(kind: Kind) -> Comparison {
    let trial = trial("digits-cnn", "adamw", 1_000_000);
    Comparison { kind, ..comparison(vec![tuning_run("adamw", 0, trial, outcome(0.9, None))]) }
}

#[test]
fn a_study_has_no_columns_of_final_runs_and_says_that_the_test_part_was_not_used() {
    let study = with_one_trial(Kind::Study);
    let text = exported(&markdown::Markdown, &study);
    assert!(text.contains("| arm | lr |\n"), "{text}");
    assert!(text.contains("the test part was not used") && !text.contains("seeds"), "{text}");
    assert!(exported(&html::Html, &study).contains("\"kind\":\"study\""));
}

#[test]
fn a_recommendation_without_finalists_says_how_many_trials_have_ended() {
    let recommendation = with_one_trial(Kind::Recommendation);
    let said = "No verdict yet: 1 of the 1 trial so far has ended, and the finalists are not chosen.";
    let text = render(&recommendation, 200);
    assert!(text.contains(said), "{text}");
    assert!(exported(&markdown::Markdown, &recommendation).contains(said));
}

#[test]
fn two_comparisons_with_too_few_seeds_get_a_line_per_arm_that_names_it() {
    let comparison = example_on_two_backends(2);
    let text = between::render(&comparison, &comparison).unwrap();
    for arm in ["adamw · flex", "adamw · ndarray", "sgd · flex", "sgd · ndarray"] {
        let line = format!("digits-cnn, {arm}: 2 seeds cannot show any difference at this level");
        assert_eq!(text.matches(&line).count(), 1, "{text}");
    }
}
