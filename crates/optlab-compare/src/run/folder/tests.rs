use super::*;
use crate::made_up;
use crate::plan::entry::Stage;
use crate::plan::tuning::{Repeats, Tuning};
use crate::plan::{Plan, Seeds};
use optlab_train::files::disk::Change;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

fn plan(seeds: u64) -> Plan {
    let optimizers = vec!["adamw".parse().unwrap()];
    Plan { workloads: vec!["digits-cnn".into()], optimizers, seeds: Seeds::Count(seeds), ..Plan::default() }
}

fn finals(seeds: u64) -> Vec<Entry> {
    let entry = |seed| Entry::of_final("adamw", made_up::trial("digits-cnn", "adamw", seed));
    (0..seeds).map(entry).collect()
}

fn claim(path: &Path, kind: Kind, seeds: u64) -> Result<Folder, Error> {
    let text = plan(seeds).to_toml().unwrap();
    Folder::claim(path, kind, &text, &finals(seeds), &made_up::invocation(1))
}

/// A folder that a command has worked in for three seeds, each with an outcome.
fn finished(path: &Path) -> Vec<Entry> {
    let folder = claim(path, Kind::Comparison, 3).unwrap();
    finals(3).iter().for_each(|entry| finish(&folder, &entry.trial));
    finals(3)
}

fn finish(folder: &Folder, trial: &Trial) {
    let run_dir = folder.prepare_run(trial).unwrap();
    RunDirectory::new(run_dir).write_outcome(&made_up::outcome(0.9, None)).unwrap();
}

/// Removes the lines of `trials.jsonl` that `is_cut` selects.
fn cut(path: &Path, is_cut: impl Fn(usize) -> bool) {
    let text = std::fs::read_to_string(path.join(TRIALS)).unwrap();
    let lines = text.lines().enumerate().filter(|(number, _)| !is_cut(*number));
    let text: String = lines.map(|(_, line)| format!("{line}\n")).collect();
    std::fs::write(path.join(TRIALS), text).unwrap();
}

#[test]
fn a_claim_that_was_stopped_after_any_of_its_files_is_completed_by_the_same_command() {
    for kind in [Kind::Comparison, Kind::Study, Kind::Recommendation, Kind::Calibration] {
        for kept in 0..=5 {
            let folder = tempfile::tempdir().unwrap();
            drop(claim(folder.path(), kind, 3).unwrap());
            // In the order in which a claim makes them.
            for name in [".lock", TRIALS, ABOUT, PLAN, RUNS].iter().skip(kept) {
                let path = folder.path().join(name);
                let removed =
                    if path.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
                removed.unwrap();
            }
            std::fs::write(folder.path().join(".writing-abc"), "{\"ar").unwrap();
            drop(claim(folder.path(), kind, 3).unwrap_or_else(|error| panic!("{kind}, {kept}: {error}")));
            assert_eq!(read_all_entries(folder.path()).unwrap(), finals(3));
            assert_eq!(read_about(folder.path()).unwrap().kind, kind);
        }
    }
}

/// Calls `step`, and returns how many changes of the disk it made and those of them that a power failure
/// could undo: files whose content, and folders whose names, were not synchronized.
fn watched<T>(step: impl FnOnce() -> T) -> (T, usize, HashSet<PathBuf>) {
    let changes = Rc::<RefCell<Vec<Change>>>::default();
    let told = changes.clone();
    let result = disk::watch(move |change| told.borrow_mut().push(change), step);
    let mut lost = HashSet::new();
    for change in changes.borrow().iter() {
        match change {
            Change::Appended { path, .. } | Change::Cut { path, .. } => drop(lost.insert(path.clone())),
            Change::FolderCreated(path) | Change::FileCreated(path) => {
                lost.insert(disk::folder_of(path).into());
            }
            Change::Renamed { from, to } => {
                let was_lost = lost.remove(from);
                lost.extend(was_lost.then(|| to.clone()));
                lost.extend([from, to].map(|path| disk::folder_of(path).to_path_buf()));
            }
            Change::Removed(_) => {}
            Change::Synchronized(path) => drop(lost.remove(path)),
        }
    }
    let count = changes.borrow().len();
    (result, count, lost)
}

#[test]
fn whatever_a_result_depends_on_is_on_the_disk_before_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/out");
    let nothing = HashSet::new();
    let (claimed, changes, lost) = watched(|| claim(&out, Kind::Comparison, 1).unwrap());
    assert!(changes > 10, "{changes}");
    assert_eq!(lost, nothing);
    let entries = finals(2);
    let (_, _, lost) = watched(|| claimed.prepare_run(&entries[0].trial).unwrap());
    assert_eq!(lost, nothing);
    let (_, changes, lost) = watched(|| claimed.append(&entries[1..]).unwrap());
    assert_eq!((changes, lost), (2, nothing.clone()));
    let (_, _, lost) = watched(|| claimed.prepare_run(&entries[1].trial).unwrap());
    assert_eq!(lost, nothing);
    // A run that resumes costs no synchronization.
    assert_eq!(watched(|| claimed.prepare_run(&entries[1].trial).unwrap()).1, 0);
}

#[test]
fn lines_that_were_cut_from_the_list_are_noticed_and_the_same_plan_lists_them_again() {
    let cuts: [fn(usize) -> bool; 3] = [|line| line == 2, |line| line == 1, |_| true];
    for is_cut in cuts {
        let folder = tempfile::tempdir().unwrap();
        let entries = finished(folder.path());
        cut(folder.path(), is_cut);
        let told = read_all_entries(folder.path()).unwrap_err().to_string();
        assert!(told.contains("trials.jsonl: lacks ") && told.contains("runs are in runs/"), "{told}");
        assert!(told.ends_with(": optlab compare plan.toml --jobs 1"), "{told}");
        let claimed = claim(folder.path(), Kind::Comparison, 3).unwrap();
        assert!(claimed.note().unwrap().contains("are listed again"));
        assert_eq!(read_all_entries(folder.path()).unwrap(), entries);
        assert!(!claimed.replaced().exists());
    }
}

#[test]
fn a_cut_list_does_not_let_a_smaller_plan_into_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    finished(folder.path());
    cut(folder.path(), |line| line == 2);
    let told = claim(folder.path(), Kind::Comparison, 2).unwrap_err().to_string();
    assert!(told.contains("another plan's comparison: 1 of its trials"), "{told}");
}

#[test]
fn a_list_that_lacks_trials_of_its_plan_is_noticed_without_the_runs() {
    let folder = tempfile::tempdir().unwrap();
    let entries = finished(folder.path());
    std::fs::remove_dir_all(folder.path().join(RUNS)).unwrap();
    assert_eq!(read_all_entries(folder.path()).unwrap(), entries, "a copy without runs is whole");
    cut(folder.path(), |line| line == 0);
    let told = read_all_entries(folder.path()).unwrap_err().to_string();
    assert!(told.contains("lacks 1 of the trials of plan.toml; "), "{told}");
}

#[test]
fn a_trial_that_leaves_the_list_keeps_its_run_and_gets_it_back_when_it_is_wanted_again() {
    let folder = tempfile::tempdir().unwrap();
    let entries = finished(folder.path());
    let claimed = claim(folder.path(), Kind::Comparison, 3).unwrap();
    claimed.write_entries(&entries[..1]).unwrap();
    assert_eq!(list::names(&claimed.replaced()).unwrap().len(), 2);
    assert_eq!(list::names(&claimed.runs()).unwrap(), [entries[0].trial.id()]);
    claimed.append(&entries[1..2]).unwrap();
    assert!(claimed.read_outcome(&entries[1].trial).unwrap().is_some());
    claimed.write_entries(&entries).unwrap();
    assert!(claimed.read_outcome(&entries[2].trial).unwrap().is_some());
    assert!(list::names(&claimed.replaced()).unwrap().is_empty());
}

/// The trials of a tuning of one point, and a final trial with its settings.
fn tuned(lr: f64) -> (Plan, Entry, Entry) {
    let tuning = Tuning { trials: 1, repeats: Repeats::Once, ..Tuning::default() };
    let trial = made_up::trial("digits-cnn", "adamw", 1_000_000);
    let stage = Stage::Tuning { number: 0, replicate: None };
    let tuned = Entry { arm: "adamw".into(), stage, point: Vec::new(), trial };
    let chosen = Trial { lr, ..made_up::trial("digits-cnn", "adamw", 0) };
    (Plan { tuning, ..plan(1) }, tuned, Entry::of_final("adamw", chosen))
}

#[test]
fn a_folder_whose_replaced_final_trials_are_in_runs_is_whole_and_they_move_with_the_next_list() {
    let folder = tempfile::tempdir().unwrap();
    let ((plan, tuning, chosen), (_, _, old)) = (tuned(0.25), tuned(0.5));
    let claim = || {
        let text = plan.to_toml().unwrap();
        Folder::claim(
            folder.path(),
            Kind::Comparison,
            &text,
            std::slice::from_ref(&tuning),
            &made_up::invocation(1),
        )
    };
    let claimed = claim().unwrap();
    claimed.write_entries(&[tuning.clone(), chosen.clone()]).unwrap();
    [&tuning, &chosen, &old].iter().for_each(|entry| finish(&claimed, &entry.trial));
    drop(claimed);
    assert_eq!(read_all_entries(folder.path()).unwrap().len(), 2);
    let claimed = claim().unwrap();
    claimed.write_entries(&[tuning.clone(), chosen.clone()]).unwrap();
    assert_eq!(list::names(&claimed.replaced()).unwrap(), [old.trial.id()]);
    drop(claimed);
    // Without the line of the final trial that replaced it, nothing says that the run was replaced.
    cut(folder.path(), |line| line == 1);
    let told = read_all_entries(folder.path()).unwrap_err().to_string();
    assert!(told.contains("lacks 1 of the trials whose runs are in runs/"), "{told}");
}

#[test]
fn a_folder_that_was_removed_or_replaced_is_noticed_and_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let claimed = claim(&out, Kind::Comparison, 1).unwrap();
    std::fs::remove_dir_all(&out).unwrap();
    let trial = &finals(1)[0].trial;
    let told = claimed.prepare_run(trial).unwrap_err().to_string();
    assert_eq!(
        told,
        format!("{}: the folder was removed or replaced while its trials were running", out.display())
    );
    assert!(claimed.append(&finals(1)).is_err() && claimed.write_entries(&[]).is_err() && !out.exists());
    let other = claim(&out, Kind::Comparison, 1).unwrap();
    assert!(claimed.prepare_run(trial).is_err() && other.prepare_run(trial).is_ok());
}

#[test]
fn what_a_killed_command_left_is_removed_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let claimed = claim(folder.path(), Kind::Comparison, 3).unwrap();
    let run_dir = claimed.prepare_run(&finals(3)[0].trial).unwrap();
    std::fs::write(run_dir.join("stderr.txt"), "").unwrap();
    std::fs::write(run_dir.join(".writing-1"), "{").unwrap();
    std::fs::create_dir(claimed.runs().join("empty")).unwrap();
    for (name, age) in [(".writing-old", 120), (".writing-new", 1)] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    // A killed command does not release its lock.
    std::mem::forget(claimed);
    let words = std::fs::read(folder.path().join(".lock")).unwrap();
    std::fs::remove_file(folder.path().join(".lock")).unwrap();
    std::fs::write(folder.path().join(".lock"), words).unwrap();
    let claimed = claim(folder.path(), Kind::Comparison, 3).unwrap();
    assert_eq!(list::names(&run_dir).unwrap(), ["trial.json"]);
    assert_eq!(list::names(&claimed.runs()).unwrap(), [finals(3)[0].trial.id()]);
    let hidden: Vec<String> = list::names(folder.path()).unwrap();
    let hidden: Vec<&String> = hidden.iter().filter(|name| name.starts_with(".w")).collect();
    assert_eq!(hidden, [".writing-new"], "a report may be writing it");
}

#[test]
fn a_damaged_outcome_and_that_of_another_trial_are_no_result_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let entries = finished(folder.path());
    let [first, second, third] = [0, 1, 2].map(|at: usize| run_dir(folder.path(), &entries[at].trial));
    std::fs::write(first.join("outcome.json"), "{\"status\": \"comp").unwrap();
    std::fs::copy(third.join("trial.json"), second.join("trial.json")).unwrap();
    let said = |at: usize, path: &Path| match ended(path, &entries[at].trial).unwrap() {
        Ended::Unclear(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert!(said(0, &first).contains("outcome.json: "));
    assert!(said(1, &second).contains("another"));
    assert!(matches!(ended(&third, &entries[2].trial).unwrap(), Ended::With(_)));
}
