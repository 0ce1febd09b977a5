//! The reference files of the project, inside of the program.

/// Their names and what is in them.
type Files = &'static [(&'static str, &'static [u8])];

macro_rules! files {
    ($folder:literal: $($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../references/", $folder, "/", $name)))),*]
    };
}

/// Those of `references/optimizers/`, in the order of the alphabet.
pub(super) const OPTIMIZERS: Files = files!("optimizers":
    "adabelief.json"
    "adadelta.json"
    "adafactor.json"
    "adagrad.json"
    "adam.json"
    "adamax.json"
    "adamw.json"
    "adan.json"
    "ademamix.json"
    "adopt.json"
    "came.json"
    "cautious_adamw.json"
    "cautious_lion.json"
    "dadapt_adam.json"
    "dowg.json"
    "ftrl.json"
    "grams.json"
    "lamb.json"
    "laprop.json"
    "lars.json"
    "lion.json"
    "mars.json"
    "muon.json"
    "nadam.json"
    "novograd.json"
    "prodigy.json"
    "radam.json"
    "rmsprop.json"
    "rprop.json"
    "schedule_free_adamw.json"
    "schedule_free_sgd.json"
    "sgd.json"
    "shampoo.json"
    "signum.json"
    "sm3.json"
    "soap.json"
    "stable_adamw.json"
    "stream-square.json"
    "stream.json"
    "yogi.json"
);

/// Those of `references/schedules/`, in the order of the alphabet.
pub(super) const SCHEDULES: Files = files!("schedules":
    "constant.json"
    "cosine.json"
    "cosine_restarts.json"
    "cyclic.json"
    "exponential.json"
    "inverse_sqrt.json"
    "inverse_time.json"
    "linear.json"
    "multi_step.json"
    "noam.json"
    "one_cycle.json"
    "piecewise_constant.json"
    "polynomial.json"
    "reduce_on_plateau.json"
    "rex.json"
    "step.json"
    "warmup_cosine.json"
    "warmup_stable_decay.json"
    "warmup_stable_decay_cosine.json"
    "warmup_stable_decay_sqrt.json"
    "warmup_stable_decay_square.json"
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_program_holds_exactly_the_files_of_the_folder() {
        for (folder, files) in [("optimizers", OPTIMIZERS), ("schedules", SCHEDULES)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("references").join(folder);
            let mut names: Vec<String> = std::fs::read_dir(&folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            let held: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            assert_eq!(held, names, "src/verify/bundled.rs lists other files than {}", folder.display());
            for (name, content) in files {
                assert!(std::fs::read(folder.join(name)).unwrap() == *content, "{name}");
            }
        }
    }
}
