//! The flags for the settings of a recipe, made from its declaration.

use crate::Error;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use optlab_train::model::ModelPatch;
use optlab_train::train::{RecipePatch, RecipeSetting};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings of a recipe that were given on the command line or in a `--config` file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialSettings(pub RecipePatch);

impl TrialSettings {
    /// Fills the settings that are not given from `file`.
    pub fn or(self, file: TrialSettings) -> TrialSettings {
        TrialSettings(self.0.or(file.0))
    }
}

impl Args for TrialSettings {
    fn augment_args(command: Command) -> Command {
        RecipePatch::SETTINGS.iter().fold(command, |command, setting| command.arg(flag(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TrialSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = TrialSettings::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in RecipePatch::SETTINGS {
            if let Some(value) = matches.get_one::<Value>(setting.name) {
                let refuse = |error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, error);
                self.0.set(setting.name, value).map_err(refuse)?;
            }
        }
        Ok(())
    }
}

/// Reads the settings of a model that `--model` names, at least one.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for a text without a setting; the errors of reading one.
pub fn model_patch(text: &str) -> Result<ModelPatch, Error> {
    let patch: ModelPatch = text.parse()?;
    if patch.is_empty() {
        return Err(Error::usage("name a setting of the model, as dropout=0.2 or mlp=[32]"));
    }
    Ok(patch)
}

/// Returns the flag of a setting: `--batch-size` for `batch_size`.
fn flag(setting: &'static RecipeSetting) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let name = setting.name;
    let flag = Arg::new(name)
        .long(name.replace('_', "-"))
        .value_name(setting.value_name)
        .help(format!("{}{default}", setting.meaning))
        .allow_negative_numbers(true)
        .value_parser(ValueParser::new(move |text: &str| RecipePatch::parse(name, text)));
    match name {
        "epochs" => flag.conflicts_with("steps"),
        _ => {
            let flag = match setting.alone {
                Some(alone) => flag.num_args(0..=1).default_missing_value(alone),
                None => flag,
            };
            match setting.is_bool {
                true => {
                    let parser = PossibleValuesParser::new(["true", "false"]);
                    flag.value_parser(parser.map(|text| Value::from(text == "true")))
                }
                false => flag,
            }
        }
    }
}
