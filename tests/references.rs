//! Every rule and every schedule matches its reference implementation, on every compiled backend.
//!
//! The reference files are the bundled ones and those in the folder that `OPTLAB_REFERENCES` names.

use optlab::device;
use optlab::optim::OptimizerSpec;
use optlab::schedule::ScheduleSpec;
use optlab::verify::{self, Check, Deviation, On, Outcome, References, Source, Way};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[test]
fn every_rule_follows_its_reference_implementation() {
    let specs = OptimizerSpec::all();
    let names = specs.iter().map(|spec| spec.name()).filter(|name| !WITHOUT_FILE.contains(name));
    let known: Vec<&str> = names.collect();
    let mut report = Report::default();
    for backend in device::compiled() {
        for way in ways_on(backend.name) {
            report.add(verify::own_rules, backend.name, way);
        }
    }
    report.finish(&known);
}

/// Wrappers that only select what other rules do: `crates/optlab-optim/tests/rules/wrappers/` checks them.
const WITHOUT_FILE: [&str; 4] = ["skip_non_finite", "group", "no_vector_decay", "compact"];

#[test]
fn every_schedule_gives_the_rates_of_its_reference_implementation() {
    // Combinators have no reference file: `crates/optlab-optim/tests/schedules/combinators.rs` checks their
    // formulas.
    let specs = ScheduleSpec::all().into_iter().filter(|spec| !spec.is_combined());
    let known: Vec<&str> = specs.map(|spec| spec.name()).collect();
    let mut report = Report::default();
    // Schedules are computed without a backend.
    report.add(verify::own_schedules, device::default_backend(), Way::InPlace);
    report.finish(&known);
}

fn ways_on(backend: &str) -> Vec<Way> {
    match backend {
        // Shaders have no 64-bit floats. A rule never changes a tensor of a GPU in place, and sees no order
        // of its elements, so whether it is shared or transposed is a matter for Burn alone.
        "wgpu" => vec![Way::InPlace],
        _ => vec![Way::InPlace, Way::Shared, Way::Transposed, Way::Double],
    }
}

/// Returns the files to check on a backend. What a setting changes in the formula is the same on all of them;
/// a software Vulkan takes seconds for each file, so one of each rule is enough there.
fn references_for(backend: &str) -> Vec<References> {
    if backend == "wgpu" {
        return vec![References::bundled().one_of_each()];
    }
    let other = std::env::var_os("OPTLAB_REFERENCES").map(PathBuf::from);
    let other = other.map(|folder| References::of_folder(&folder).unwrap());
    std::iter::once(References::bundled()).chain(other).collect()
}

#[test]
fn every_file_says_whose_its_numbers_are_and_no_rule_is_checked_by_a_formula_alone() {
    let on = On { device: device::open("flex").unwrap(), way: Way::InPlace };
    for Check { kind, file, source, reference, .. } in verify::own(&References::bundled(), &on) {
        let source =
            source.unwrap_or_else(|| panic!("{} does not say whose its numbers are", file.display()));
        assert_ne!(reference, "not named", "{}", file.display());
        // A schedule is its definition.
        assert!(source != Source::Formula || kind == "schedule", "{}: {reference}", file.display());
    }
}

/// What ran, what was skipped, and what failed, with errors as shares of the tolerance.
#[derive(Default)]
struct Report {
    run: BTreeSet<String>,
    skipped: BTreeSet<PathBuf>,
    failures: Vec<String>,
}

impl Report {
    fn add(&mut self, checks: fn(&References, &On) -> Vec<Check>, backend: &str, way: Way) {
        let on = On { device: device::open(backend).unwrap(), way };
        for references in references_for(backend) {
            for Check { rule, file, outcome, .. } in checks(&references, &on) {
                self.run.insert(rule);
                let place = format!("{} on {backend}, {way:?}", file.display());
                match outcome {
                    // Written so that NaN fails.
                    Outcome::Ran(Deviation { share, .. }) if share <= 1.0 => {
                        println!("{place}: {share:.4} of the tolerance");
                    }
                    Outcome::Unknown => {
                        self.skipped.insert(file);
                    }
                    outcome => self.failures.push(format!("{place}: {outcome:?}")),
                }
            }
        }
    }

    fn finish(self, known: &[&str]) {
        println!("skipped {} files of unknown names: {:?}", self.skipped.len(), self.skipped);
        assert!(self.failures.is_empty(), "{} failures:\n{}", self.failures.len(), self.failures.join("\n"));
        for name in known.iter().filter(|name| !name.starts_with("burn.")) {
            assert!(self.run.contains(*name), "no reference file for `{name}`");
        }
    }
}
