//! The pictures: 7,291 to train on and 2,007 for the test, of 16×16 pixels in [−1, 1].

use burn::tensor::{Device, Int, Tensor, TensorData};
use optlab::Error;
use optlab::data::{self, DataSet, Draw, ExampleSet, Examples, Source, Targets};
use std::path::PathBuf;

/// Pictures to train on; the others are for the test.
const TRAIN: usize = 7291;
const SIDE: usize = 16;
const PADDED: usize = SIDE + 4;

/// The windows of each picture, `[batch · 64, 25]`, and the digit on it, `[batch]`.
pub type Batch = (Tensor<2>, Tensor<1, Int>);

/// The pictures of one part of the data.
pub struct Pictures {
    pub examples: Examples,
    /// Training pictures are moved by up to so many pixels down and across.
    pub shift: u32,
}

/// Returns the files of pictures and labels; they come with the source of this program.
pub fn files(source: &Source) -> [PathBuf; 2] {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/references/ground_truth/lecun1989"));
    let folder = source.data_dir.clone().unwrap_or(beside);
    ["pictures.u16.gz", "lecun1989.json.gz"].map(|name| folder.join(name))
}

/// Reads the files.
pub fn load(source: &Source) -> Result<DataSet, Error> {
    let [pictures, labels] = files(source);
    let wrong = |reason: &str| Error::usage(format!("{}: {reason}", labels.display()));
    let sums = data::read_gzip(&pictures)?;
    let pixel = |sum: &[u8]| f32::from(u16::from_le_bytes([sum[0], sum[1]])) / 64.0 / 127.5 - 1.0;
    let pixels: Vec<f32> = sums.chunks_exact(2).map(pixel).collect();
    let reference: serde_json::Value =
        serde_json::from_slice(&data::read_gzip(&labels)?).map_err(|error| wrong(&error.to_string()))?;
    let part = |name: &str, inputs: &[f32]| {
        let labels = serde_json::from_value::<Vec<u32>>(reference["labels"][name].clone());
        let labels = labels.map_err(|error| wrong(&error.to_string()))?;
        if labels.len() * SIDE * SIDE != inputs.len() {
            return Err(wrong("it has another number of labels than there are pictures"));
        }
        let targets = Targets::Classes { labels, classes: 10 };
        Ok(Examples { inputs: inputs.to_vec(), input_shape: vec![1, SIDE, SIDE], targets })
    };
    let (train, test) = pixels.split_at((TRAIN * SIDE * SIDE).min(pixels.len()));
    let name = "lecun1989".into();
    Ok(DataSet { name, train: part("train", train)?, test: part("test", test)?, is_series: false })
}

impl ExampleSet<Batch> for Pictures {
    fn len(&self) -> usize {
        self.examples.len()
    }

    fn batch(&self, rows: &[u32], draw: Option<Draw>, device: &Device) -> Result<Batch, Error> {
        let Targets::Classes { labels, .. } = &self.examples.targets else { unreachable!("digits") };
        let mut numbers = draw.filter(|_| self.shift > 0).map(|draw| draw.numbers(2));
        // −shift, …, shift with equal probability; modulo the side, since pictures wrap around.
        let mut pixels = || {
            let number = numbers.as_mut().and_then(Iterator::next).unwrap_or(0.5);
            let places = f64::from(2 * self.shift + 1);
            (number * places) as usize + SIDE - self.shift as usize % SIDE
        };
        let mut windows = Vec::with_capacity(rows.len() * 64 * 25);
        for &row in rows {
            let (down, across) = (pixels(), pixels());
            let picture = self.examples.input(row as usize);
            let mut padded = [-1.0; PADDED * PADDED];
            for (i, &pixel) in picture.iter().enumerate() {
                let (y, x) = ((i / SIDE + down) % SIDE, (i % SIDE + across) % SIDE);
                padded[(y + 2) * PADDED + x + 2] = pixel;
            }
            for place in 0..64 {
                let corner = place / 8 * 2 * PADDED + place % 8 * 2;
                (0..5).for_each(|y| windows.extend_from_slice(&padded[corner + y * PADDED..][..5]));
            }
        }
        let digits: Vec<i32> = rows.iter().map(|&row| labels[row as usize] as i32).collect();
        let windows = TensorData::new(windows, [rows.len() * 64, 25]);
        let digits = TensorData::new(digits, [rows.len()]);
        Ok((Tensor::from_data(windows, device), Tensor::from_data(digits, device)))
    }
}
