//! Fits `y = 2x` to five points with a training loop written by hand.
//!
//! ```text
//! cargo run --example linear_regression
//! ```

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab::kernel::compute_on_this_thread;
use optlab::model::{Init, LinearRegression};
use optlab::optim::OptimizerSpec;
use optlab::{Error, device};
use std::process::ExitCode;

const STEPS: usize = 400;
const LR: f64 = 0.01;
const TOLERANCE: f32 = 1e-3;

/// Keeps freed memory for the next step, which needs the same amount.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    compute_on_this_thread();
    match fit() {
        Ok((slope, intercept)) => report(slope, intercept),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the slope and the intercept that gradient descent finds.
fn fit() -> Result<(f32, f32), Error> {
    // Gradients are recorded on a device with autodiff.
    let device = device::open(device::default_backend())?.autodiff();
    let x = Tensor::<2>::from_data([[1.0], [2.0], [3.0], [4.0], [5.0]], &device);
    let y = x.clone().mul_scalar(2.0);

    let mut model = LinearRegression::new(1, &mut Init::new(0, &device));
    // Any name from `optlab list optimizers` works.
    let mut optimizer = "sgd:momentum=0.9".parse::<OptimizerSpec>()?.build()?;
    for step in 1..=STEPS {
        let loss;
        (model, loss) = optimizer.step(LR, model, |model| {
            let loss = (model.forward(x.clone()) - y.clone()).square().mean();
            let gradients = GradientsParams::from_grads(loss.backward(), model);
            (loss, gradients)
        });
        if step % 100 == 0 {
            println!("step {step:>4}  loss {:.2e}", loss.into_scalar::<f32>());
        }
    }

    let predict = |x: f32| model.forward(Tensor::from_data([[x]], &device)).into_scalar::<f32>();
    Ok((predict(1.0) - predict(0.0), predict(0.0)))
}

fn report(slope: f32, intercept: f32) -> ExitCode {
    println!("slope {slope:.4}, intercept {intercept:.4}");
    println!("at x = 6 it predicts {:.4}", slope * 6.0 + intercept);
    if (slope - 2.0).abs() <= TOLERANCE && intercept.abs() <= TOLERANCE {
        println!("within {TOLERANCE} of y = 2x");
        ExitCode::SUCCESS
    } else {
        eprintln!("error: more than {TOLERANCE} away from y = 2x");
        ExitCode::FAILURE
    }
}
