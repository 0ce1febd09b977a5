//! The power fails under a real file system: its image is copied while the program writes.

use crate::kinds::experiment::WholeComparison;
use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::Program;
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Trains, or compares, on an ext4 of its own, copies its image in the middle of it, mounts the copy, and
/// goes on there. Needs the right to mount.
#[derive(Debug)]
pub struct Image {
    program: Program,
    run: Whole,
    comparison: WholeComparison,
}

impl Image {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        let comparison = WholeComparison::of(program);
        Image { program: program.clone(), run: Whole::of(program), comparison }
    }
}

impl Kind for Image {
    fn name(&self) -> &'static str {
        "image"
    }

    fn is_possible(&self) -> Shown {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        Mounted::new(&image_in(folder.path())?, &folder.path().join("mounted")).map(drop)
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 8);
        let (image, copied) = (image_in(folder)?, folder.join("copied"));
        let is_run = number.is_multiple_of(2);
        {
            let mounted = Mounted::new(&image, &folder.join("before"))?;
            let place = mounted.0.join("it");
            let mut child =
                if is_run { self.program.start(&place)? } else { self.comparison.start(&place)? };
            std::thread::sleep(Duration::from_micros(random.random_range(50_000..2_000_000)));
            done(Command::new("cp").args(["--sparse=always"]).arg(&image).arg(&copied))?;
            child.kill().map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
        }
        let mounted = Mounted::new(&copied, &folder.join("after"))?;
        let place = mounted.0.join("it");
        match is_run {
            true => self.program.finish(&place).and_then(|()| self.run.compare(&place)),
            false => self.comparison.finish(&place).and_then(|()| self.comparison.compare(&place)),
        }
    }
}

/// Makes an empty file system of 64 MiB in a file in `folder`.
fn image_in(folder: &Path) -> Result<std::path::PathBuf, String> {
    let image = folder.join("image");
    let size = std::fs::File::create(&image).and_then(|file| file.set_len(64 << 20));
    size.map_err(|error| error.to_string())?;
    done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
    Ok(image)
}

/// A mounted image, until it is dropped.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(image: &Path, place: &Path) -> Result<Self, String> {
        std::fs::create_dir(place).map_err(|error| error.to_string())?;
        done(Command::new("mount").args(["-o", "loop"]).arg(image).arg(place))?;
        Ok(Mounted(place.into()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A worker that has not noticed yet that it is alone holds the file system for a moment.
        for _ in 0..100 {
            if done(Command::new("umount").arg(&self.0)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn done(command: &mut Command) -> Shown {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let name = command.get_program().to_string_lossy().into_owned();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
