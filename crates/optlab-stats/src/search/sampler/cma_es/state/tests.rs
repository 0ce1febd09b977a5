//! The expected values come from `references/search/cma_es.py`: the same formulas in NumPy, with SciPy's
//! matrix root.

use super::*;

fn assert_close(given: &[f64], expected: &[f64]) {
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(expected) {
        assert!((given - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{given} is not {expected}");
    }
}

#[test]
fn the_constants_match_the_tutorial() {
    for (n, lambda, expected) in [
        (
            1,
            4,
            [
                1.459789888852586,
                0.46379186818956736,
                1.4637918681895674,
                0.6894039888609658,
                0.2963055195692892,
                0.07549290832280978,
                0.7976190476190477,
                0.8041628599327295,
                -1.417877593820792,
            ],
        ),
        (
            4,
            8,
            [
                2.6001788261131793,
                0.39656102677983807,
                1.396561026779838,
                0.5,
                0.06516742738228268,
                0.06397730769814632,
                1.880952380952381,
                0.5299301844787792,
                -0.8235702871089586,
            ],
        ),
        (
            12,
            11,
            [
                3.4147720863376105,
                0.26523793963692566,
                1.2652379396369255,
                0.25858718481839904,
                0.011092329819436584,
                0.019633624718223882,
                3.393078367737443,
                0.4295440419866498,
                -0.4829209215296018,
            ],
        ),
    ] {
        let c = Constants::new(n);
        assert_eq!(c.weights.len(), lambda);
        let (first, last) = (c.weights[0], c.weights[lambda - 1]);
        let given = [c.mu, c.c_sigma, c.d_sigma, c.c_c, c.c_1, c.c_mu, c.expected_length, first, last];
        assert_close(&given, &expected);
    }
}

/// Returns the points of `generation` in `references/search/cma_es.py`.
fn generation(n: usize, lambda: usize, number: usize) -> Vec<Vec<f64>> {
    let coordinate = |k: usize, i: usize| match number {
        0 => 0.88 + 0.01 * k as f64 + 0.01 * i as f64,
        _ => (((k * n + i + 7 * number) as f64) * 0.381966).fract(),
    };
    (0..lambda).map(|k| (0..n).map(|i| coordinate(k, i)).collect()).collect()
}

fn after_three_generations(n: usize) -> CmaEsState {
    let mut state = CmaEsState::new(n);
    for number in 0..3 {
        let points = generation(n, state.lambda(), number);
        state.tell(&points.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    state
}

#[test]
fn one_dimension_matches_the_formulas() {
    // In the last two generations some points are so far away that their step is shortened.
    let state = after_three_generations(1);
    assert_close(state.mean.as_slice(), &[0.42232712904293507]);
    assert_close(&[state.sigma], &[0.24814438463324187]);
    assert_close(state.covariance.as_slice(), &[0.8820478125963648]);
    assert_close(state.sigma_path.as_slice(), &[-0.5835470158274912]);
    assert_close(state.covariance_path.as_slice(), &[-0.8037218988213375]);
}

#[test]
fn three_dimensions_match_the_formulas() {
    // After the first generation, which is near a corner, the path is too long for the covariance to follow.
    let state = after_three_generations(3);
    assert_close(state.mean.as_slice(), &[0.425708875626096, 0.6861425353907438, 0.1896408756260961]);
    assert_close(&[state.sigma], &[0.41583350364334754]);
    let columns = [
        [0.8905133794721888, 0.06162052854887932, 0.2828079332638225],
        [0.06162052854887932, 2.1063559095879274, 0.07844488179654663],
        [0.2828079332638225, 0.07844488179654663, 1.164795211276343],
    ];
    assert_close(state.covariance.as_slice(), &columns.concat());
    assert_close(state.sigma_path.as_slice(), &[-1.0890728292096092, 0.6431496940886999, -1.743829234998667]);
    let path = [-1.3838975540112357, 0.7681239338426069, -1.7922543055435614];
    assert_close(state.covariance_path.as_slice(), &path);
}

#[test]
fn points_are_drawn_with_the_mean_and_the_covariance() {
    use optlab_core::random::{Purpose, stream};
    let state = after_three_generations(3);
    let mut random = stream(0, Purpose::Points, 0);
    let count = 20_000;
    let points: Vec<DVector<f64>> = (0..count).map(|_| state.draw(&mut random)).collect();
    let mean = points.iter().sum::<DVector<f64>>() / count as f64;
    let products = points.iter().map(|point| (point - &mean) * (point - &mean).transpose());
    let covariance = products.sum::<DMatrix<f64>>() / count as f64;
    // Three standard errors of a mean are 3 · 0.416 · √(2.1 / 20000) = 0.013; three of a variance are 3 % of
    // it.
    assert!((mean - &state.mean).amax() < 0.013);
    let expected = state.sigma.powi(2) * &state.covariance;
    assert!((covariance - &expected).amax() < 0.03 * expected.amax());
}

#[test]
fn a_state_can_be_drawn_from_after_identical_points() {
    // All points are equal, a thousand times: the covariance shrinks to nothing.
    let mut state = CmaEsState::new(2);
    let point = [0.3, 0.3];
    for _ in 0..1000 {
        state.tell(&vec![&point[..]; state.lambda()]);
    }
    let drawn = state.draw(&mut optlab_core::random::stream(0, optlab_core::random::Purpose::Points, 0));
    assert!(drawn.iter().all(|x| (x - 0.3).abs() < 1e-3), "{drawn}");
    assert!(state.sigma >= SIGMA[0] && state.sigma <= SIGMA[1]);
}

#[test]
fn a_singular_covariance_gives_finite_numbers() {
    let mut state = CmaEsState::new(2);
    state.covariance = DMatrix::from_element(2, 2, 1.0);
    let points = generation(2, state.lambda(), 1);
    state.tell(&points.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let numbers = state.mean.iter().chain(&state.covariance).chain(&state.sigma_path).chain([&state.sigma]);
    assert!(numbers.copied().all(f64::is_finite), "{} {}", state.covariance, state.sigma);
}
