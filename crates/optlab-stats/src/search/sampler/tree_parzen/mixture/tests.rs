use super::*;
use optlab_core::random::{Purpose, stream};

const SPACE: &str = "a=uniform(0,1),b=int(1,5),c=choice(x,y,z),d=int(1,16)";

/// Returns the trials of `references/search/tpe_density.py`.
fn trials(count: usize) -> Vec<Observation> {
    let steps = [0.6180339887, 0.4142135623, 0.7320508075, 0.2360679774];
    let point = |number: usize| steps.map(|step| (number as f64 * step + 0.05).fract()).to_vec();
    (0..count).map(|number| Observation { number, point: point(number), value: None }).collect()
}

fn mixture(space: &str, trials: &[Observation]) -> Mixture {
    Mixture::new(&space.parse().unwrap(), &trials.iter().collect::<Vec<_>>())
}

#[test]
fn densities_match_optuna() {
    // python3 references/search/tpe_density.py, Optuna 5.0.0
    let expected = [
        (0, [-5.674095053859599, -5.378071949923204, -5.669145053859599]),
        (1, [-4.892199592726439, -5.576775529637211, -6.107671513739499]),
        (7, [-2.3989234502672447, -6.135571221137321, -7.30767974095054]),
        (40, [-6.612648185107393, -3.3906987714901033, -9.180470632526882]),
    ];
    let points = [[0.0, 0.1, 0.0, 0.01], [0.31, 0.5, 0.9, 8.5 / 16.0], [0.99, 0.9, 0.5, 0.99]];
    for (count, expected) in expected {
        let mixture = mixture(SPACE, &trials(count));
        for (point, expected) in points.iter().zip(expected) {
            let point: Vec<f64> =
                point.iter().zip([None, Some(5), Some(3), Some(16)]).map(|(u, n)| centred(*u, n)).collect();
            let density = mixture.log_density(&point);
            assert!((density - expected).abs() < 1e-9, "{count} trials at {point:?}: {density}, {expected}");
        }
    }
}

#[test]
fn draws_have_the_frequencies_of_the_density() {
    let mixture = mixture("a=int(1,4),b=choice(x,y,z)", &trials(6));
    let mut random = stream(1, Purpose::Points, 0);
    let mut counts = [[0.0; 3]; 4];
    let draws = 60_000;
    for _ in 0..draws {
        let point = mixture.draw(&mut random);
        counts[cell(point[0], 4)][cell(point[1], 3)] += 1.0;
    }
    for (a, counts) in counts.iter().enumerate() {
        for (b, count) in counts.iter().enumerate() {
            let point = [(a as f64 + 0.5) / 4.0, (b as f64 + 0.5) / 3.0];
            let expected = mixture.log_density(&point).exp();
            let deviation = (expected / f64::from(draws)).sqrt();
            assert!((count / f64::from(draws) - expected).abs() < 4.0 * deviation, "{point:?}: {count}");
        }
    }
}

#[test]
fn a_draw_combines_the_values_of_a_single_trial() {
    // Trials on the diagonal: independent draws would be off it most of the time.
    let trial = |number: usize| {
        let u = (number as f64 + 0.5) / 24.0;
        Observation { number, point: vec![u; 4], value: None }
    };
    let mixture = mixture(
        "a=uniform(0,1),b=log(1,2),c=int(1,24),d=complement(0,0.9)",
        &(0..24).map(trial).collect::<Vec<_>>(),
    );
    let mut random = stream(2, Purpose::Points, 0);
    let near = (0..1000).filter(|_| {
        let point = mixture.draw(&mut random);
        point.iter().all(|u| (u - point[0]).abs() < 0.25)
    });
    assert!(near.count() > 850);
}

#[test]
fn a_whole_number_with_many_cells_has_the_density_of_a_continuous_one() {
    let trials = trials(9);
    let point = [0.300_000_000_1, 0.0, 0.0, 0.0];
    let rest = "b=int(1,5),c=choice(x,y,z),d=int(1,16)";
    let continuous = mixture(&format!("a=uniform(0,1),{rest}"), &trials).log_density(&point);
    let cells = |last: i64| mixture(&format!("a=int(1,{last}),{rest}"), &trials).log_density(&point);
    assert!((cells(9_007_199_254_740_992) - continuous).abs() < 1e-6);
    // Just below the limit, the probability of a cell is the density times its width.
    let few = cells(MOST_CELLS as i64) + (MOST_CELLS as f64).ln();
    assert!((few - continuous).abs() < 0.02, "{few}, {continuous}");
}

#[test]
fn probabilities_in_the_tails_keep_their_digits() {
    // mpmath with 60 digits: log((erfc(low / sqrt(2)) - erfc(high / sqrt(2))) / 2)
    for (low, high, expected) in [
        (-31.0, -30.0, -454.321_243_956_343_25),
        (30.0, 31.0, -454.321_243_956_343_25),
        (-1.0, 1.0, -0.381_715_146_302_126_07),
        (8.999, 9.0, -48.322_190_604_230_855),
    ] {
        let log = probability(low, high).ln();
        assert!((log - expected).abs() < 1e-10, "{low} {high}: {log}");
    }
}
