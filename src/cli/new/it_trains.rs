//! The workload trains through the command line.

use std::process::Command;

#[test]
fn one_epoch_trains_and_is_evaluated() {
    let folder = std::env::temp_dir().join(format!("own-model-{}", std::process::id()));
    let program = || Command::new(env!("CARGO_BIN_EXE_own-model"));
    let trained = program().args(["train", "own-model", "--epochs", "1", "--output"]).arg(&folder).status();
    assert!(trained.unwrap().success());
    assert!(program().arg("evaluate").arg(&folder).status().unwrap().success());
    std::fs::remove_dir_all(folder).unwrap();
}
