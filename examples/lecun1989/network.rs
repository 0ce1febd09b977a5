//! The network.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use optlab::model::{Activation, Init};
use optlab::nn::{Dropout, Linear, Mode};
use std::sync::LazyLock;

/// The thirds of H1's planes that each third of H2's planes sees.
const SEEN: [[i32; 2]; 3] = [[0, 1], [1, 2], [0, 2]];

/// For each third of H2's planes, each of the 16 units of a plane, each of the 25 places in its window and
/// each third of H1's planes that it sees: the number of the four values of H1 there, or 192 outside of H1.
static WINDOWS: LazyLock<Vec<i32>> = LazyLock::new(|| {
    let value = |third: i32, unit: i32, place: i32| {
        let (y, x) = (unit / 4 * 2 + place / 5 - 2, unit % 4 * 2 + place % 5 - 2);
        if (0..8).contains(&y) && (0..8).contains(&x) { (y * 8 + x) * 3 + third } else { 192 }
    };
    let window =
        |seen: [i32; 2], unit| (0..25).flat_map(move |place| seen.map(|third| value(third, unit, place)));
    SEEN.iter().flat_map(|&seen| (0..16).flat_map(move |unit| window(seen, unit))).collect()
});

/// 16×16 pixels → H1: 12 planes of 8×8 → H2: 12 planes of 4×4 → H3: 30 units → 10 logits.
///
/// H1 and H2 see windows of 5×5 at every second place, with −1 around their input. The units of a plane share
/// their weights, but each has a bias of its own. A plane of H2 sees 8 of the 12 planes of H1.
#[derive(Module, Debug)]
pub struct Network {
    /// `[25, 12]`.
    h1: Linear,
    /// `[1, 64, 12]`.
    h1_bias: Param<Tensor<3>>,
    /// `[3 · 200, 4]`: for each third of the planes, from 25 places in 8 planes.
    h2: Linear,
    /// `[1, 3, 16, 4]`.
    h2_bias: Param<Tensor<4>>,
    /// `[192, 30]`.
    h3: Linear,
    /// `[30, 10]`.
    output: Linear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    dropout: Dropout,
}

impl Network {
    /// Draws weights from U(−a, a) with a = 2.4 / √fan_in. Biases are 0.
    pub fn new(seed: u64, activation: Activation, dropout: f64, device: &Device) -> Self {
        let init = &mut Init::new(seed, device);
        let weight = |init: &mut Init, rows, columns, fan_in: f64| {
            init.linear_without_bias(rows, columns, 2.4 / fan_in.sqrt())
        };
        let dense = |init: &mut Init, inputs: usize, outputs| {
            let layer = weight(init, inputs, outputs, inputs as f64);
            Linear { bias: Some(init.constant([outputs], 0.0)), ..layer }
        };
        Network {
            h1: weight(init, 25, 12, 25.0),
            h1_bias: init.constant([1, 64, 12], 0.0),
            h2: weight(init, 600, 4, 200.0),
            h2_bias: init.constant([1, 3, 16, 4], 0.0),
            h3: dense(init, 192, 30),
            output: dense(init, 30, 10),
            activation,
            dropout: Dropout { probability: dropout, layer: 0 },
        }
    }

    /// Maps the windows of pictures, `[batch · 64, 25]`, to logits, `[batch, 10]`.
    pub fn forward(&self, windows: Tensor<2>, mode: Mode) -> Tensor<2> {
        let (batch, device) = (windows.dims()[0] / 64, windows.device());
        let h1 = self.h1.forward(windows).reshape([batch, 64, 12]) + self.h1_bias.val();
        let h1 = self.activation.forward(h1).reshape([batch, 192, 4]);
        let h1 = Tensor::cat(vec![h1, Tensor::full([batch, 1, 4], -1.0, &device)], 1);
        let mut numbers = Vec::with_capacity(batch * 2400);
        for picture in 0..batch {
            numbers.extend(WINDOWS.iter().map(|number| number + 193 * picture as i32));
        }
        let numbers = TensorData::new(numbers, [batch * 2400]);
        let windows = h1.reshape([batch * 193, 4]).select(0, Tensor::<1, Int>::from_data(numbers, &device));
        let weight = self.h2.weight.val().reshape([1, 3, 200, 4]);
        let h2 = windows.reshape([batch, 3, 16, 200]).matmul(weight) + self.h2_bias.val();
        let h2 = self.activation.forward(h2).reshape([batch, 192]);
        let h3 = self.h3.forward(self.dropout.forward(h2, mode));
        self.output.forward(self.activation.forward(h3))
    }
}
