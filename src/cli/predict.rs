//! `optlab predict`: classifies images with a trained run.

use crate::Error;
use crate::cli::Exit;
use crate::cli::evaluate::{Loaded, WhichArg, load};
use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};
use clap::Args;
use optlab_train::data;
use optlab_train::nn::Mode;
use optlab_train::workload::{Task, Workload};
use std::path::PathBuf;

/// Arguments of `optlab predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// PNG images of one digit each
    #[arg(required = true, value_name = "FILE.png")]
    images: Vec<PathBuf>,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Backend to run on [default: the run's backend]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

/// Runs `optlab predict`: a line for each image, with the class, its probability and the runner-up.
///
/// # Errors
/// A run that does not classify images, a damaged checkpoint, a file that is not a PNG image.
pub fn run(args: &PredictArgs) -> Result<(), Exit> {
    let Loaded { trial, workload, device, trained } =
        load(&args.run_dir, args.checkpoint, args.backend.as_deref())?;
    let info = workload.info();
    let shape = info.padded_input_shape(trial.recipe.pad);
    let (Task::Classification, &[channels, height, width]) = (info.task, shape.as_slice()) else {
        return Err(Error::usage(format!("`{}` does not classify images", info.name)).into());
    };
    let images: Vec<Vec<f32>> = args
        .images
        .iter()
        .map(|path| data::read_digit_png(path, [channels, height, width]))
        .collect::<Result<_, Error>>()?;
    for (path, image) in args.images.iter().zip(images) {
        let inputs = TensorData::new(image, [1, channels * height * width]);
        let logits = workload.forward(&trained.model, Tensor::from_data(inputs, &device), Mode::Evaluate);
        let probabilities: Vec<f32> = softmax(logits, 1).into_data().iter::<f32>().collect();
        let mut classes: Vec<usize> = (0..probabilities.len()).collect();
        classes.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        if let [first, second, ..] = classes[..] {
            let line = format!(
                "{}: {first} ({:.1} %), else {second} ({:.1} %)\n",
                path.display(),
                probabilities[first] * 100.0,
                probabilities[second] * 100.0
            );
            crate::cli::print(line.as_bytes())?;
        }
    }
    Ok(())
}
