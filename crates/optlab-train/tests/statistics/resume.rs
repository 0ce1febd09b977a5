//! A run with batch normalization that is stopped and resumed writes the same bytes as one that never
//! stopped.

use crate::subject::*;
use optlab_train::Error;
use optlab_train::train::{self, Observer};
use optlab_train::workload::Supervised;
use std::path::Path;

/// Interrupts a run after this many of its own steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn interrupts(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}

/// Returns the rows of the history without times; those of checkpoints have nothing else.
fn history(folder: &Path) -> Vec<String> {
    let without_time = |line: &str| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().remove("training_seconds");
        row.to_string()
    };
    let text = std::fs::read_to_string(folder.join("history.jsonl")).unwrap();
    let is_of_a_checkpoint = |line: &&str| line.starts_with(r#"{"event":"checkpoint""#);
    text.lines().filter(|line| !is_of_a_checkpoint(line)).map(without_time).collect()
}

fn assert_resumes<W: Supervised>(workload: &W, optimizer: &str, files: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let trial = trial(workload, optimizer, 0.01, 48);
    run(workload, &trial, &whole);
    // An epoch has 21 steps: one stop is in the middle of an epoch, one after an evaluation.
    for (part, steps) in [13, 8].into_iter().enumerate() {
        let error =
            train::run(workload, &trial, &options(&parts, part > 0), &mut StopAfter(steps)).unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    }
    train::run(workload, &trial, &options(&parts, true), &mut ()).unwrap();
    for name in files {
        assert!(file(&trial, &whole, name) == file(&trial, &parts, name), "{optimizer}: {name} differs");
    }
    assert_eq!(history(&whole), history(&parts), "{optimizer}");
}

#[test]
fn a_resumed_run_with_batch_normalization_equals_an_uninterrupted_one_to_the_bit() {
    let own = Named("mlp=[32],norm=batch,dropout=0.2");
    let three = ["model.bpk", "optimizer.bpk", "evaluated.bpk"];
    for optimizer in ["ema:base=adamw,decay=0.9", "swa:base=sgd,start=20,every=3", "schedule_free_adamw"] {
        assert_resumes(&own, optimizer, &three);
        assert_resumes(&Burns, optimizer, &three);
    }
    for optimizer in ["lookahead:base=adamw", "sam", "burn.lbfgs"] {
        assert_resumes(&own, optimizer, &three[..2]);
        assert_resumes(&Burns, optimizer, &three[..2]);
    }
}
