//! Measures what it costs to read pictures from disk during the training: the time per step of a network on
//! pictures in memory, in a file of pixels, and in PNG files that are decoded as they are read.
//!
//! ```text
//! cargo bench --bench streaming
//! ```
//!
//! The files have just been written, so the disk is warm. As in `train_loop`, the programs take turns and the
//! medians over the rounds are compared.

mod shared;

use burn::data::dataset::{Dataset, DatasetError};
use optlab::Error;
use optlab::data::{self, Batch, DatasetExamples, ExampleSet, Item, Preparation, Source, ToBatch};
use optlab::kernel::compute_on_this_thread;
use optlab::statistics::describe::median;
use optlab::train::Trial;
use optlab::workload::{self, Supervised};
use shared::bare_loop;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WORKLOAD: &str = "mnist-10k-cnn";
const PIXELS: usize = 28 * 28;
const ROUNDS: usize = 7;

/// Pictures of 28 × 28 pixels on disk, whose classes are known.
struct Pictures {
    folder: PathBuf,
    are_png: bool,
    classes: Vec<data::Target>,
}

impl Pictures {
    fn read(&self, index: usize) -> std::io::Result<Vec<u8>> {
        let mut pixels = vec![0; PIXELS];
        if self.are_png {
            let file = BufReader::new(File::open(png_path(&self.folder, index))?);
            png::Decoder::new(file).read_info()?.next_frame(&mut pixels)?;
        } else {
            let mut file = File::open(self.folder.join("pixels"))?;
            file.seek(SeekFrom::Start((index * PIXELS) as u64))?;
            file.read_exact(&mut pixels)?;
        }
        Ok(pixels)
    }
}

impl Dataset<Item> for Pictures {
    fn get(&self, index: usize) -> Result<Item, DatasetError> {
        let pixels = self.read(index).map_err(DatasetError::new)?;
        let input = pixels.into_iter().map(|pixel| f32::from(pixel) / 255.0).collect();
        Ok(Item { input, target: self.classes[index].clone() })
    }

    fn len(&self) -> usize {
        self.classes.len()
    }
}

fn main() -> Result<(), Error> {
    compute_on_this_thread();
    // `cargo bench` passes `--bench`; without it the program only shows that it works.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (steps, rounds) = if measures { (150, ROUNDS) } else { (3, 1) };
    let network = workload::built_in(WORKLOAD)?;
    let trial = Trial { backend: "flex".into(), ..Trial::new(&network.info()) };
    let preparation = Preparation { standardize: false, ..Preparation::default() };
    let train = network.splits(&Source::default(), &preparation)?.train;
    let folder = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let items: Vec<Item> = (0..train.len()).map(|i| train.get(i).expect("the row exists")).collect();
    write(&items, folder.path()).map_err(Error::io("write", folder.path()))?;
    let streamed = |are_png| -> Box<dyn ExampleSet<Batch>> {
        let classes = items.iter().map(|item| item.target.clone()).collect();
        let pictures = Pictures { folder: folder.path().into(), are_png, classes };
        Box::new(DatasetExamples::new("streamed", Arc::new(pictures), Arc::new(ToBatch)))
    };
    let sets: [(&str, Box<dyn ExampleSet<Batch>>); 3] = [
        ("in memory", Box::new(train.clone())),
        ("a file of pixels", streamed(false)),
        ("PNG files", streamed(true)),
    ];
    let mut times = vec![Vec::new(); sets.len()];
    for round in 0..rounds {
        for place in 0..sets.len() {
            // Each set is first in some round.
            let place = (place + round) % sets.len();
            times[place].push(bare_loop(&trial, &*sets[place].1, &train.input_shape, steps)?);
        }
    }
    println!("{WORKLOAD}, {steps} steps, medians of {rounds} rounds");
    println!("{:<18} {:>9} {:>12}", "pictures", "ms/step", "of in memory");
    let medians: Vec<f64> = times.iter().map(|times| median(times).unwrap_or(f64::NAN)).collect();
    for ((name, _), time) in sets.iter().zip(&medians) {
        println!("{name:<18} {time:>9.3} {:>12.3}", time / medians[0]);
    }
    Ok(())
}

fn png_path(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("{index}.png"))
}

/// Writes all pictures into one file and into one file each.
fn write(items: &[Item], folder: &Path) -> std::io::Result<()> {
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let pixels: Vec<u8> = item.input.iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
        let mut encoder = png::Encoder::new(File::create(png_path(folder, index))?, 28, 28);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header()?.write_image_data(&pixels)?;
        all.extend(pixels);
    }
    fs::write(folder.join("pixels"), all)
}
