//! A short form of each kind of trouble that needs no other process.

use optlab_torture::kinds::Kind;
use optlab_torture::kinds::crash::Crash;
use optlab_torture::kinds::damage::Damage;
use optlab_torture::kinds::power::Power;

/// Makes every `stride`-th of the first `rounds` rounds.
fn none_fails(kind: &mut dyn Kind, rounds: u64, stride: usize) {
    let mut failures = Vec::new();
    for number in (0..kind.rounds().unwrap_or(rounds)).step_by(stride) {
        let folder = tempfile::tempdir().unwrap();
        if let Err(reason) = kind.round(number, folder.path()) {
            failures.push(format!("{number}: {reason}"));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_run_that_is_stopped_between_any_two_changes_of_the_disk_goes_on_to_the_same_result() {
    none_fails(&mut Crash::default(), 0, 11);
}

#[test]
fn a_power_failure_takes_nothing_that_the_run_said_it_had_saved() {
    none_fails(&mut Power::default(), 90, 1);
}

#[test]
fn a_damaged_file_is_noticed_or_does_not_matter() {
    none_fails(&mut Damage::default(), 150, 1);
}
