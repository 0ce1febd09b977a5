//! Halton points whose digits are shuffled, each position by its own permutation (Owen, 2017).

use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Returns point `number` of the sequence.
///
/// Coordinate `j` consists of the digits of the number in base of the `j`-th prime, the last digit first
/// after the point, each shuffled by a random permutation for its position. Any `bᵏ` consecutive points have
/// one in each of the `bᵏ` cells of a dimension of base `b`.
///
/// No points are skipped at the start: the first points of an unshuffled sequence lie on a line, these do
/// not.
pub fn point(seed: u64, dimensions: usize, number: usize) -> Vec<f64> {
    let bases = (2..)
        .filter(|n| (2..*n).take_while(|divisor| divisor * divisor <= *n).all(|divisor| n % divisor != 0));
    let coordinates = bases.take(dimensions).zip(0..);
    coordinates.map(|(base, dimension)| coordinate(seed, dimension, base, number)).collect()
}

fn coordinate(seed: u64, dimension: u64, base: usize, mut number: usize) -> f64 {
    let mut random = stream(seed, Purpose::Scramble, dimension);
    let mut digits = Vec::new();
    let mut step = 1.0;
    // Leading zeros are digits too, down to the precision of a 64-bit number.
    while step > f64::EPSILON / 2.0 {
        digits.push(permutation(&mut random, base)[number % base]);
        number /= base;
        step /= base as f64;
    }
    let fraction = digits.iter().rev().fold(0.0, |rest, digit| (*digit as f64 + rest) / base as f64);
    fraction.min(1.0 - f64::EPSILON / 2.0)
}

/// Returns the numbers from 0 to `count − 1` in random order (Fisher & Yates, 1938; Durstenfeld, 1964).
fn permutation(random: &mut ChaCha8Rng, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        numbers.swap(last, random.random_range(0..=last));
    }
    numbers
}
