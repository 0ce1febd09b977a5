//! Names with markup, in every report.

use super::*;

/// A name that tries to be markup, a column, a line, a link, a formula and a command to the terminal.
const HOSTILE: &str =
    "=1+1 <script>alert(1)</script> | `code` *bold*\n## [x](http://y) \u{1b}[2J &amp; \"q\" 'q'";

/// Returns a comparison in which every text that a plan, a folder or a worker names is [`HOSTILE`].
fn hostile() -> Comparison {
    let mut comparison = example();
    for run in &mut comparison.runs {
        run.arm = format!("{HOSTILE} {}", run.arm);
        run.trial.workload = HOSTILE.into();
        if let Some(outcome) = &mut run.outcome {
            outcome.metric.name = HOSTILE.into();
        }
    }
    comparison.runs[2].outcome = Some(lost(Status::Diverged, HOSTILE));
    comparison.name = HOSTILE.into();
    comparison.invocations[0].command = format!("optlab compare ```\n{HOSTILE}");
    comparison.environment = Some(serde_json::json!({HOSTILE: HOSTILE}));
    comparison
}

#[test]
fn names_with_markup_stay_text_on_every_page() {
    let comparison = hostile();
    let markdown = exported(&markdown::Markdown, &comparison);
    let (before, after) = markdown.split_once("## How it was made\n").unwrap();
    assert!(
        !before.contains("<script") && !before.contains("](http") && !before.contains('\u{1b}'),
        "{before}"
    );
    let headings: Vec<&str> = before.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings.len(), 2, "{headings:?}");
    let unescaped = |line: &str| line.matches('|').count() - line.matches("\\|").count();
    let rows: Vec<usize> = before.lines().filter(|line| line.starts_with('|')).map(unescaped).collect();
    assert!(rows.len() > 2 && rows.iter().all(|count| *count == rows[0]), "{rows:?}");
    assert!(after.contains("````sh\noptlab compare ```\n"), "{after}");
    let outside = after.rsplit("````\n").next().unwrap();
    assert!(!outside.contains("<script"), "{outside}");

    let page = exported(&html::Html, &comparison);
    let plain = exported(&html::Html, &example());
    for tag in ["<script", "</script", "<style", "<img"] {
        assert_eq!(page.matches(tag).count(), plain.matches(tag).count(), "{tag}");
    }
    assert_well_formed(&exported(&svg::Svg, &comparison));
    for width in [80, 120] {
        assert!(!render(&comparison, width).contains('\u{1b}'));
    }
}

#[test]
fn a_cell_of_the_csv_holds_a_hostile_name_as_it_is() {
    let text = exported(&csv::Csv, &hostile());
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let arm = reader.headers().unwrap().iter().position(|name| name == "arm").unwrap();
    let first = reader.records().next().unwrap().unwrap();
    assert!(first[arm].starts_with(HOSTILE), "{}", &first[arm]);
}
