//! Reproduces the scores that AlgoPerf published from the times behind them.

use optlab_stats::statistics::performance_profile::{TAU_MAX, TimeMatrix, profiles};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("references/algoperf").join(name)
}

/// Returns the submissions with their published scores, as text.
fn published(name: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let rows = text.lines().skip(1).map(|row| row.split_once(',').unwrap());
    rows.map(|(submission, score)| (submission.into(), score.into())).collect()
}

/// Returns our score of each submission next to the published one.
fn both(name: &str) -> Vec<(String, f64, String)> {
    let matrix = TimeMatrix::read(&file(&format!("{name}.csv"))).unwrap();
    let published = published(&format!("{name}.scores.csv"));
    assert_eq!(matrix.submissions().len(), published.len());
    let scored = matrix.submissions().iter().zip(profiles(&matrix)).map(|(submission, profile)| {
        let (_, score) = published.iter().find(|(name, _)| name == submission).unwrap();
        (submission.clone(), profile.score(TAU_MAX).unwrap(), score.clone())
    });
    scored.collect()
}

#[test]
fn the_scores_of_the_leaderboards_are_reproduced_to_four_decimals() {
    let mut count = 0;
    for name in ["v0.5-external-tuning", "v0.5-self-tuning", "v0.6-external-tuning"] {
        for (submission, ours, published) in both(name) {
            assert_eq!(format!("{ours:.4}"), published, "{submission} of {name}");
            count += 1;
        }
    }
    assert_eq!(count, 11 + 6 + 2);
}

#[test]
fn the_scores_of_the_published_matrices_are_reproduced_to_twelve_decimals() {
    let mut count = 0;
    for name in ["a100-2026-06-14", "a100-2026-06-26"] {
        for (submission, ours, published) in both(name) {
            let published: f64 = published.parse().unwrap();
            assert!((ours - published).abs() < 1e-12, "{submission} of {name}: {ours}, not {published}");
            assert_eq!(format!("{ours:.4}"), format!("{published:.4}"), "{submission} of {name}");
            count += 1;
        }
    }
    assert_eq!(count, 16 + 17);
}

#[test]
fn the_exact_score_is_not_the_published_one() {
    let matrix = TimeMatrix::read(&file("v0.5-external-tuning.csv")).unwrap();
    let published = both("v0.5-external-tuning");
    let exact: Vec<f64> =
        profiles(&matrix).iter().map(|profile| profile.exact_score(TAU_MAX).unwrap()).collect();
    let differ =
        exact.iter().zip(&published).filter(|(exact, (_, _, score))| format!("{exact:.4}") != *score);
    assert!(differ.count() > 5);
}

#[test]
fn removing_a_submission_changes_the_scores_of_the_others() {
    // A score depends on its group, so a matrix with a missing row would fail the tests above.
    let matrix = TimeMatrix::read(&file("v0.5-external-tuning.csv")).unwrap();
    let without = |name: &str| {
        let keep =
            matrix.submissions().iter().zip(matrix.times()).filter(|(submission, _)| *submission != name);
        let (submissions, times) =
            keep.map(|(submission, times)| (submission.clone(), times.clone())).unzip();
        let rest = TimeMatrix::new(submissions, matrix.workloads().to_vec(), times).unwrap();
        profiles(&rest)[0].score(TAU_MAX).unwrap()
    };
    let amos = profiles(&matrix)[0].score(TAU_MAX).unwrap();
    assert!(without("shampoo_submission") > amos + 0.01);
}
