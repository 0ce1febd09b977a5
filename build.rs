//! Lists the reference files of `references/`, so that the program compiles in each of them.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let mut code = String::new();
    for (name, folder) in [("OPTIMIZERS", "optimizers"), ("SCHEDULES", "schedules")] {
        let folder = Path::new(&root).join("references").join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files: Vec<_> = fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
        files.retain(|file| file.path().extension().is_some_and(|extension| extension == "json"));
        files.sort_by_key(fs::DirEntry::file_name);
        code.push_str(&format!("pub(super) const {name}: Files = &[\n"));
        for file in files {
            let (name, path) = (file.file_name(), file.path());
            code.push_str(&format!("    ({name:?}, include_bytes!({path:?})),\n"));
        }
        code.push_str("];\n");
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("bundled.rs"), code)
}
