//! Models computed from their parameters in 64 bits, by their definitions.

use crate::subject::{Parameters, is_statistic};
use optlab_train::model::InputShape;

/// The numbers of one example with their sizes.
#[derive(Debug, Clone)]
pub struct Array {
    pub sizes: Vec<usize>,
    pub numbers: Vec<f64>,
}

impl Array {
    pub fn new(sizes: &[usize], numbers: Vec<f64>) -> Self {
        assert_eq!(sizes.iter().product::<usize>(), numbers.len());
        Array { sizes: sizes.to_vec(), numbers }
    }

    pub fn flat(&self) -> Self {
        Array::new(&[self.numbers.len()], self.numbers.clone())
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Array::new(&self.sizes, self.numbers.iter().map(|x| f(*x)).collect())
    }

    /// Returns the rows of a sequence.
    pub fn rows(&self) -> Vec<Vec<f64>> {
        let width = *self.sizes.last().unwrap();
        self.numbers.chunks(width).map(<[f64]>::to_vec).collect()
    }

    pub fn of_rows(rows: &[Vec<f64>]) -> Self {
        Array::new(&[rows.len(), rows[0].len()], rows.concat())
    }
}

fn get<'a>(of: &'a Parameters, path: &str) -> &'a (Vec<usize>, Vec<f64>) {
    of.get(path).unwrap_or_else(|| panic!("no {path} in {:?}", of.keys()))
}

/// A dense layer on each row.
pub fn dense(of: &Parameters, path: &str, x: &Array) -> Array {
    let (sizes, weight) = get(of, &format!("{path}.weight"));
    let bias = of.get(&format!("{path}.bias"));
    let row = |row: &Vec<f64>| -> Vec<f64> {
        assert_eq!(row.len(), sizes[0]);
        let output = |unit: usize| {
            let products = row.iter().enumerate().map(|(input, x)| x * weight[input * sizes[1] + unit]);
            products.sum::<f64>() + bias.map_or(0.0, |(_, bias)| bias[unit])
        };
        (0..sizes[1]).map(output).collect()
    };
    let rows: Vec<Vec<f64>> = x.rows().iter().map(row).collect();
    let mut shape = x.sizes.clone();
    *shape.last_mut().unwrap() = sizes[1];
    Array::new(&shape, rows.concat())
}

/// A 2D convolution with `before` zeros above and to the left and outputs of size `places`.
pub fn conv(
    of: &Parameters,
    path: &str,
    x: &Array,
    before: usize,
    stride: usize,
    places: [usize; 2],
) -> Array {
    let (sizes, weight) = get(of, &format!("{path}.weight"));
    let bias = of.get(&format!("{path}.bias"));
    let [filters, channels, side] = [sizes[0], sizes[1], sizes[2]];
    let [height, width] = [x.sizes[1], x.sizes[2]];
    assert_eq!(channels, x.sizes[0]);
    let mut out = Vec::new();
    for filter in 0..filters {
        for (row, column) in (0..places[0]).flat_map(|row| (0..places[1]).map(move |column| (row, column))) {
            let mut sum = bias.map_or(0.0, |(_, bias)| bias[filter]);
            for channel in 0..channels {
                for (i, j) in (0..side).flat_map(|i| (0..side).map(move |j| (i, j))) {
                    let (y, x_) = (row * stride + i, column * stride + j);
                    if y < before || x_ < before || y - before >= height || x_ - before >= width {
                        continue;
                    }
                    let pixel = x.numbers[(channel * height + y - before) * width + x_ - before];
                    sum += pixel * weight[((filter * channels + channel) * side + i) * side + j];
                }
            }
            out.push(sum);
        }
    }
    Array::new(&[filters, places[0], places[1]], out)
}

/// 2D pooling of windows of 2×2 pixels.
pub fn pool(x: &Array, stride: usize, of_window: impl Fn([f64; 4]) -> f64) -> Array {
    let [channels, height, width] = [x.sizes[0], x.sizes[1], x.sizes[2]];
    let [rows, columns] = [height, width].map(|side| (side - 2) / stride + 1);
    let mut out = Vec::new();
    for channel in 0..channels {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let pixel = |i: usize, j: usize| {
                x.numbers[(channel * height + row * stride + i) * width + column * stride + j]
            };
            out.push(of_window([pixel(0, 0), pixel(0, 1), pixel(1, 0), pixel(1, 1)]));
        }
    }
    Array::new(&[channels, rows, columns], out)
}

pub fn max(window: [f64; 4]) -> f64 {
    window.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

pub fn mean(window: [f64; 4]) -> f64 {
    window.iter().sum::<f64>() / 4.0
}

/// Returns the rows of images, all channels side by side.
pub fn image_rows(x: &Array) -> Array {
    let [channels, height, width] = [x.sizes[0], x.sizes[1], x.sizes[2]];
    let row = |row: usize| -> Vec<f64> {
        let pixels = |channel: usize| {
            let first = (channel * height + row) * width;
            x.numbers[first..first + width].to_vec()
        };
        (0..channels).flat_map(pixels).collect()
    };
    Array::of_rows(&(0..height).map(row).collect::<Vec<_>>())
}

/// Layer normalization of each row, or of an image as a whole.
pub fn layer_norm(of: &Parameters, path: &str, x: &Array) -> Array {
    let (_, gamma) = get(of, &format!("{path}.gamma"));
    let (_, beta) = get(of, &format!("{path}.beta"));
    let is_image = x.sizes.len() == 3;
    let pixels = if is_image { x.sizes[1] * x.sizes[2] } else { 1 };
    let width = if is_image { x.numbers.len() } else { *x.sizes.last().unwrap() };
    let normalize = |part: &[f64]| {
        let [mean, variance] = moments(part);
        let normalized = part.iter().enumerate().map(|(place, x)| {
            gamma[place / pixels] * (x - mean) / (variance + 1e-5).sqrt() + beta[place / pixels]
        });
        normalized.collect::<Vec<f64>>()
    };
    Array::new(&x.sizes, x.numbers.chunks(width).flat_map(normalize).collect())
}

/// Returns mean and variance.
pub fn moments(x: &[f64]) -> [f64; 2] {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    [mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64]
}

/// Returns the channel of each number.
fn channels(sizes: &[usize]) -> Vec<usize> {
    let count: usize = sizes.iter().product();
    match *sizes {
        // Images have their channels first, sequences and rows last.
        [_, height, width] => (0..count).map(|place| place / (height * width)).collect(),
        _ => (0..count).map(|place| place % sizes.last().unwrap()).collect(),
    }
}

/// Returns all numbers of a batch in a channel.
pub fn of_channel(batch: &[Array], channel: usize) -> Vec<f64> {
    let places = channels(&batch[0].sizes);
    let numbers = |x: &Array| {
        let all = x.numbers.iter().zip(places.clone()).filter(|(_, place)| *place == channel);
        all.map(|(x, _)| *x).collect::<Vec<f64>>()
    };
    batch.iter().flat_map(numbers).collect()
}

/// Batch normalization, by the running statistics or by the batch's.
pub fn batch_norm(of: &Parameters, path: &str, batch: &[Array], trains: bool) -> Vec<Array> {
    let value = |name: &str| get(of, &format!("{path}.{name}")).1.clone();
    let (gamma, beta, means, variances) =
        (value("gamma"), value("beta"), value("running_mean"), value("running_var"));
    assert!(is_statistic(&format!("{path}.running_mean")));
    let moments: Vec<[f64; 2]> =
        (0..gamma.len())
            .map(|channel| {
                if trains {
                    moments(&of_channel(batch, channel))
                } else {
                    [means[channel], variances[channel]]
                }
            })
            .collect();
    let normalize = |x: &Array| {
        let numbers = x.numbers.iter().zip(channels(&x.sizes)).map(|(x, channel)| {
            let [mean, variance] = moments[channel];
            gamma[channel] * (x - mean) / (variance + 1e-5).sqrt() + beta[channel]
        });
        Array::new(&x.sizes, numbers.collect())
    };
    batch.iter().map(normalize).collect()
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Returns the activation of that name.
pub fn activation(name: &str) -> fn(f64) -> f64 {
    match name {
        "relu" => |x| x.max(0.0),
        "tanh" => f64::tanh,
        "gelu" => gelu,
        "sigmoid" => sigmoid,
        "silu" => |x| x * sigmoid(x),
        "leaky_relu" => |x| if x > 0.0 { x } else { 0.01 * x },
        other => panic!("{other}"),
    }
}

/// `x Φ(x)`, with the power series of the error function.
pub fn gelu(x: f64) -> f64 {
    let z = x / 2_f64.sqrt();
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    x * 0.5 * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
}

/// All states of a recurrent layer.
pub fn recurrent(of: &Parameters, cell: &str, path: &str, x: &Array) -> Vec<Vec<f64>> {
    let units = get(of, &format!("{path}.hidden.weight")).0[0];
    let (mut state, mut memory) = (vec![0.0; units], vec![0.0; units]);
    let mut states = Vec::new();
    for row in x.rows() {
        let u = dense(of, &format!("{path}.input"), &Array::of_rows(&[row])).numbers;
        let v = dense(of, &format!("{path}.hidden"), &Array::of_rows(&[state.clone()])).numbers;
        let next = |unit: usize| {
            let both = |gate: usize| u[gate * units + unit] + v[gate * units + unit];
            match cell {
                "rnn" => (both(0).tanh(), 0.0),
                "gru" => {
                    let (reset, update) = (sigmoid(both(0)), sigmoid(both(1)));
                    let candidate = (u[2 * units + unit] + reset * v[2 * units + unit]).tanh();
                    ((1.0 - update) * candidate + update * state[unit], 0.0)
                }
                _ => {
                    let (input, forget, output) = (sigmoid(both(0)), sigmoid(both(1)), sigmoid(both(3)));
                    let memory = forget * memory[unit] + input * both(2).tanh();
                    (output * memory.tanh(), memory)
                }
            }
        };
        let both: Vec<(f64, f64)> = (0..units).map(next).collect();
        (state, memory) = both.into_iter().unzip();
        states.push(state.clone());
    }
    states
}

/// Stacked recurrent layers, and the last state of the last one.
pub fn stacked(of: &Parameters, cell: &str, layers: usize, bidirectional: bool, x: &Array) -> Array {
    let mut x = x.clone();
    for layer in 0..layers {
        let forward = recurrent(of, cell, &format!("recurrent.{layer}"), &x);
        let mut reversed_rows = x.rows();
        reversed_rows.reverse();
        let reversed = Array::of_rows(&reversed_rows);
        let backward = if bidirectional {
            recurrent(of, cell, &format!("recurrent_reverse.{layer}"), &reversed)
        } else {
            vec![Vec::new(); forward.len()]
        };
        if layer + 1 == layers {
            let both = [forward.last().unwrap().clone(), backward.last().unwrap().clone()].concat();
            return Array::new(&[both.len()], both);
        }
        let both = forward.iter().zip(backward.iter().rev()).map(|(a, b)| [a.clone(), b.clone()].concat());
        x = Array::of_rows(&both.collect::<Vec<_>>());
    }
    unreachable!("a model has a layer")
}

pub fn add(a: &Array, b: &Array) -> Array {
    Array::new(&a.sizes, a.numbers.iter().zip(&b.numbers).map(|(a, b)| a + b).collect())
}

/// Self-attention by its definition.
fn attention(of: &Parameters, path: &str, x: &Array, heads: usize) -> Array {
    let project = |name: &str| dense(of, &format!("{path}.{name}"), x).rows();
    let (query, key, value) = (project("query"), project("key"), project("value"));
    let width = query[0].len();
    let size = width / heads;
    let step = |query: &Vec<f64>| {
        let head = |head: usize| {
            let part = head * size..(head + 1) * size;
            let score = |key: &Vec<f64>| {
                let products = part.clone().map(|place| query[place] * key[place]);
                (products.sum::<f64>() / (size as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = key.iter().map(score).collect();
            let sum: f64 = scores.iter().sum();
            let mixed = |place: usize| {
                scores.iter().zip(&value).map(|(score, value)| score / sum * value[place]).sum::<f64>()
            };
            part.clone().map(mixed).collect::<Vec<f64>>()
        };
        (0..heads).flat_map(head).collect::<Vec<f64>>()
    };
    dense(of, &format!("{path}.output"), &Array::of_rows(&query.iter().map(step).collect::<Vec<_>>()))
}

/// The blocks of a transformer over vectors, the last normalization included.
pub fn blocks(of: &Parameters, blocks: usize, heads: usize, x: &Array) -> Array {
    let (sizes, positions) = get(of, "positions");
    let mut x = add(x, &Array::new(sizes, positions.clone()));
    for block in 0..blocks {
        let path = |name: &str| format!("block.{block}.{name}");
        let attended = attention(of, &path("attention"), &layer_norm(of, &path("norm_1"), &x), heads);
        x = add(&x, &attended);
        let hidden = dense(of, &path("dense_1"), &layer_norm(of, &path("norm_2"), &x)).map(gelu);
        x = add(&x, &dense(of, &path("dense_2"), &hidden));
    }
    layer_norm(of, "layer_norm.0", &x)
}

/// Returns the vectors of tokens.
pub fn tokens(of: &Parameters, x: &Array) -> Array {
    let (sizes, weight) = get(of, "embedding.0.weight");
    let vector = |token: &f64| weight[*token as usize * sizes[1]..][..sizes[1]].to_vec();
    Array::of_rows(&x.numbers.iter().map(vector).collect::<Vec<_>>())
}

/// Returns a row with vectors in the place of categories.
pub fn columns(of: &Parameters, shape: &InputShape, x: &Array) -> Array {
    let InputShape::Columns(columns) = shape else { panic!("columns") };
    let (mut out, mut place) = (Vec::new(), 0);
    for (number, categories) in x.numbers.iter().zip(columns) {
        if categories.is_none() {
            out.push(*number);
            continue;
        }
        let (sizes, weight) = get(of, &format!("embedding.{place}.weight"));
        out.extend(&weight[*number as usize * sizes[1]..][..sizes[1]]);
        place += 1;
    }
    Array::new(&[out.len()], out)
}

pub fn mean_over_time(x: &Array) -> Array {
    let rows = x.rows();
    let mean = |place: usize| rows.iter().map(|row| row[place]).sum::<f64>() / rows.len() as f64;
    Array::new(&[x.sizes[1]], (0..x.sizes[1]).map(mean).collect())
}

pub fn last_step(x: &Array) -> Array {
    Array::new(&[x.sizes[1]], x.rows().pop().unwrap())
}
