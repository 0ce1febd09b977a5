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
    "adadelta.json"
    "adagrad.json"
    "adam.json"
    "adamax.json"
    "adamw.json"
    "lamb.json"
    "lion.json"
    "radam.json"
    "rmsprop.json"
    "sgd.json"
    "stream.json"
);

/// Those of `references/schedules/`, in the order of the alphabet.
pub(super) const SCHEDULES: Files = files!("schedules":
    "constant.json"
    "cosine.json"
    "exponential.json"
    "step.json"
    "warmup_cosine.json"
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
