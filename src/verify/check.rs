//! The check of a rule or schedule against a reference file.

use crate::Error;
use crate::verify::burn_counterpart;
use crate::verify::parameters::On;
use crate::verify::references::{File, References};
use crate::verify::source::Source;
use crate::verify::subject::{Head, Rule, Schedule, Subject, settings};
use crate::verify::tolerance::{self, Deviation};
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// The check of a rule or schedule against a reference file.
#[derive(Debug)]
pub struct Check {
    /// "optimizer" or "schedule".
    pub kind: &'static str,
    /// Its name; the file's name if the file does not name one.
    pub rule: String,
    /// All settings, defaults included, except those that the run supplies.
    pub config: Map<String, Value>,
    /// Its settings that differ from the defaults, in a line: `momentum=0.9,nesterov=true`.
    pub changed: String,
    /// The file; the path of a bundled file is relative to `references/`.
    pub file: PathBuf,
    /// Where the file's numbers come from.
    pub reference: String,
    /// Whose code computed them; `None` if the file does not say.
    pub source: Option<Source>,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a check.
#[derive(Debug)]
pub enum Outcome {
    /// The check ran, with this largest error.
    Ran(Deviation),
    /// This program does not have the file's rule or schedule.
    Unknown,
    /// Burn's built-in cannot express the settings of the file.
    Inexpressible(Error),
    /// The file is invalid, or the rule refuses its settings.
    Broken(Error),
    /// It panicked.
    Panicked {
        /// The message of the panic.
        message: String,
    },
}

impl Check {
    /// Returns the largest error as a share of its tolerance, if the check ran.
    pub fn share(&self) -> Option<f64> {
        match &self.outcome {
            Outcome::Ran(deviation) => Some(deviation.share),
            _ => None,
        }
    }

    /// Returns whether the result matches the reference; `None` if nothing was compared.
    pub fn passed(&self) -> Option<bool> {
        match &self.outcome {
            Outcome::Ran(deviation) => Some(tolerance::passes(deviation.share)),
            Outcome::Broken(_) | Outcome::Panicked { .. } => Some(false),
            Outcome::Unknown | Outcome::Inexpressible(_) => None,
        }
    }

    /// Returns why the check did not run, or failed.
    pub fn reason(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Ran(deviation) if tolerance::passes(deviation.share) => None,
            Outcome::Ran(deviation) => {
                let (share, place) = (deviation.share, deviation.place());
                Some(format!("an error of {share:.3e} times the tolerance {place}"))
            }
            Outcome::Unknown => Some(format!("this program has no {} `{}`", self.kind, self.rule)),
            Outcome::Inexpressible(error) | Outcome::Broken(error) => Some(error.to_string()),
            Outcome::Panicked { message } => Some(format!("panicked: {message}")),
        }
    }
}

/// Checks this project's rules, then its schedules, against every file, in the order of the files' names.
pub fn own(references: &References, on: &On) -> Vec<Check> {
    let mut checks = own_rules(references, on);
    checks.extend(own_schedules(references, on));
    checks
}

/// Checks this project's rules alone.
pub fn own_rules(references: &References, on: &On) -> Vec<Check> {
    own_of::<Rule>(references, on)
}

/// Checks this project's schedules alone.
pub fn own_schedules(references: &References, on: &On) -> Vec<Check> {
    own_of::<Schedule>(references, on)
}

/// Checks Burn's built-in rules and schedules that share a name with ours against the same files, with our
/// settings.
///
/// A file of a rule `burn.…` is checked with its own settings.
pub fn burns(references: &References, on: &On) -> Vec<Check> {
    let mut checks = burns_of::<Rule>(references, on);
    checks.extend(burns_of::<Schedule>(references, on));
    checks
}

fn own_of<S: Subject>(references: &References, on: &On) -> Vec<Check> {
    let check = |file: &File| {
        let head = match S::head(file) {
            Err(error) => return Some(Check::broken(S::KIND, file, error)),
            Ok(head) => head?,
        };
        if burn_counterpart::is_burns(&head.name) {
            return None;
        }
        let spec = S::names().contains(&head.name.as_str()).then(|| S::spec(&head.name, &head.config));
        let check = Check::new(S::KIND, &head.name, &head, file);
        Some(match spec {
            None => check,
            Some(Err(error)) => Check { outcome: Outcome::Broken(error), ..check },
            Some(Ok(spec)) => check.run::<S>(&spec, file, S::files(references), on),
        })
    };
    S::files(references).iter().filter_map(check).collect()
}

fn burns_of<S: Subject>(references: &References, on: &On) -> Vec<Check> {
    let check = |file: &File| {
        // The check of our own rule reports a broken file.
        let head = S::head(file).ok()??;
        let name = burn_counterpart::name::<S>(&head.name)?;
        let check = Check::new(S::KIND, &name, &head, file);
        if !S::names().contains(&name.as_str()) {
            return Some(check);
        }
        Some(match burn_counterpart::spec::<S>(&head.name, &name, &head.config) {
            Err(error) => Check { outcome: Outcome::Inexpressible(error), ..check },
            Ok(spec) => check.run::<S>(&spec, file, S::files(references), on),
        })
    };
    S::files(references).iter().filter_map(check).collect()
}

impl Check {
    fn new(kind: &'static str, rule: &str, head: &Head, file: &File) -> Self {
        Check {
            kind,
            rule: rule.into(),
            config: head.config.clone(),
            changed: String::new(),
            file: file.path.clone(),
            reference: head.reference.clone(),
            source: head.source,
            outcome: Outcome::Unknown,
        }
    }

    fn broken(kind: &'static str, file: &File, error: Error) -> Self {
        let name = file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let head = Head { name, config: Map::new(), reference: String::new(), source: None };
        Check { outcome: Outcome::Broken(error), ..Check::new(kind, &head.name, &head, file) }
    }

    fn run<S: Subject>(self, spec: &S::Spec, file: &File, files: &[File], on: &On) -> Self {
        let text = spec.to_string();
        let changed = text.split_once(':').map_or("", |(_, changed)| changed).to_string();
        let is_burns = burn_counterpart::is_burns(&self.rule);
        let outcome = outcome(is_burns, || S::deviation(spec, file, files, on));
        Check { config: settings::<S>(spec), changed, outcome, ..self }
    }
}

/// Runs a check. A panic must not hide the results of the other checks.
fn outcome(is_burns: bool, run: impl FnOnce() -> Result<Deviation, Error>) -> Outcome {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(deviation)) => Outcome::Ran(deviation),
        Ok(Err(error @ Error::Core(optlab_core::Error::File { .. }))) => Outcome::Broken(error),
        Ok(Err(error)) if is_burns => Outcome::Inexpressible(error),
        Ok(Err(error)) => Outcome::Broken(error),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied());
            Outcome::Panicked { message: text.unwrap_or("without a message").into() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Way;
    use optlab_train::device;
    use serde_json::json;

    /// `sgd` with a rate of 0.5 on one parameter, from 1 along a gradient of 1 to 0.5.
    fn references(changed: impl Fn(&mut Value)) -> References {
        let stream = json!({"parameters": [{"shape": [1], "initial": [1]}], "gradients": [[[1]]]});
        let mut rule = json!({
            "rule": "sgd",
            "config": {"momentum": 0.5},
            "reference": "arithmetic",
            "source": "formula",
            "learning_rate": 0.5,
            "stream": "stream.json",
            "expected": {"1": [[0.5]]},
        });
        changed(&mut rule);
        let file = |name: &str, value: Value| File {
            path: name.into(),
            content: value.to_string().into_bytes().into(),
        };
        References {
            optimizers: vec![file("rule.json", rule), file("stream.json", stream)],
            schedules: Vec::new(),
        }
    }

    fn on() -> On {
        On { device: device::open("flex").unwrap(), way: Way::InPlace }
    }

    fn only(checks: Vec<Check>) -> Check {
        let [check] = checks.try_into().unwrap();
        check
    }

    #[test]
    fn a_check_names_its_rule_settings_file_and_reference() {
        let check = only(own(&references(|_| ()), &on()));
        assert_eq!(
            (check.kind, check.rule.as_str(), check.changed.as_str()),
            ("optimizer", "sgd", "momentum=0.5")
        );
        assert_eq!((check.reference.as_str(), check.file.to_str()), ("arithmetic", Some("rule.json")));
        assert_eq!(check.source, Some(Source::Formula));
        assert_eq!(check.config["momentum"], 0.5);
        assert_eq!(check.config["nesterov"], false);
        assert_eq!((check.share(), check.passed(), check.reason()), (Some(0.0), Some(true), None));
        let burns = only(burns(&references(|_| ()), &on()));
        assert_eq!((burns.rule.as_str(), burns.passed()), ("burn.sgd", Some(true)));
        assert_eq!(burns.config["dampening"], 0.0);
    }

    #[test]
    fn a_wrong_number_fails_ours_and_burns() {
        let references = references(|rule| rule["expected"]["1"] = json!([[0.6]]));
        for check in [only(own(&references, &on())), only(burns(&references, &on()))] {
            assert_eq!(check.passed(), Some(false));
            assert!(check.reason().unwrap().ends_with("times the tolerance in parameter 0 after step 1"));
        }
    }

    #[test]
    fn an_unknown_rule_is_reported_and_its_numbers_are_ignored() {
        let references = references(|rule| {
            rule["rule"] = json!("sdg");
            rule["expected"] = json!("in another form");
        });
        let check = only(own(&references, &on()));
        assert!(matches!(check.outcome, Outcome::Unknown));
        assert_eq!((check.share(), check.passed()), (None, None));
        assert!(burns(&references, &on()).is_empty());
    }

    #[test]
    fn a_file_for_a_burn_rule_is_checked_with_its_own_settings() {
        let references = references(|rule| rule["rule"] = json!("burn.sgd"));
        assert!(own(&references, &on()).is_empty());
        let check = only(burns(&references, &on()));
        assert_eq!((check.rule.as_str(), check.config["dampening"].as_f64()), ("burn.sgd", Some(0.1)));
    }

    #[test]
    fn settings_refused_by_our_rule_are_broken_and_settings_refused_by_burn_inexpressible() {
        let refused = references(|rule| rule["config"] = json!({"momentum": 2}));
        let check = only(own(&refused, &on()));
        assert!(matches!(check.outcome, Outcome::Broken(_)) && check.passed() == Some(false));
        let check = only(burns(&refused, &on()));
        assert!(matches!(check.outcome, Outcome::Inexpressible(_)) && check.passed().is_none());
        let unknown = only(own(&references(|rule| rule["config"] = json!({"warp": 2})), &on()));
        assert!(unknown.reason().unwrap().contains("no field `warp`"));
    }

    #[test]
    fn a_file_need_not_say_its_source_but_may_not_say_another_one() {
        let silent = references(|rule| {
            rule.as_object_mut().unwrap().remove("source");
        });
        let check = only(own(&silent, &on()));
        assert_eq!((check.source, check.passed()), (None, Some(true)));
        let check = only(own(&references(|rule| rule["source"] = json!("hearsay")), &on()));
        assert!(check.reason().unwrap().starts_with("rule.json: unknown variant `hearsay`"));
    }

    #[test]
    fn a_file_without_a_head_is_broken_and_a_stream_is_not_a_check() {
        for wrong in [json!({}), json!([]), json!({"rule": 7}), json!({"rule": "sgd", "config": 7})] {
            let check = only(own(&references(|rule| *rule = wrong.clone()), &on()));
            assert!(check.reason().unwrap().starts_with("rule.json: "), "{wrong}: {:?}", check.reason());
            assert_eq!((check.passed(), check.rule.as_str()), (Some(false), "rule"));
        }
    }

    #[test]
    fn a_panic_becomes_an_outcome() {
        let panicked = outcome(false, || panic!("on purpose, with {}", 7));
        assert!(matches!(panicked, Outcome::Panicked { message } if message == "on purpose, with 7"));
        let panicked = outcome(true, || panic!("on purpose"));
        assert!(matches!(panicked, Outcome::Panicked { message } if message == "on purpose"));
    }
}
