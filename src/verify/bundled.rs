//! The reference files of the project, compiled into the program.

/// The name of each file, and its content.
type Files = &'static [(&'static str, &'static [u8])];

// `build.rs` lists the files of `references/optimizers/` and `references/schedules/`, in alphabetical order.
include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

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
            assert_eq!(held, names, "the program holds other files than {}", folder.display());
            for (name, content) in files {
                assert!(std::fs::read(folder.join(name)).unwrap() == *content, "{name}");
            }
        }
    }
}
