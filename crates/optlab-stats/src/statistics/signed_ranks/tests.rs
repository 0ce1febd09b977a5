use super::*;
use optlab_core::random::{Purpose, stream};
use rand::Rng;

const INF: f64 = f64::INFINITY;

fn p_value(differences: &[f64]) -> f64 {
    SignedRanks::of(differences).unwrap().p_value()
}

/// Returns differences that are tied if `levels` is small, some of them infinite.
fn draw(count: usize, levels: u32, random: &mut impl Rng) -> Vec<f64> {
    let one = |random: &mut dyn FnMut() -> u32| match random() % levels {
        0 if levels < 20 => [INF, -INF, 0.0][(random() % 3) as usize],
        level => 0.1 * (f64::from(level) - f64::from(levels) / 3.0),
    };
    (0..count).map(|_| one(&mut || random.next_u32() >> 4)).collect()
}

#[test]
fn p_values_match_scipy() {
    // scipy.stats.wilcoxon(d, method='exact').pvalue
    for (differences, expected) in SCIPY {
        assert!((p_value(differences) / expected - 1.0).abs() < 1e-12, "{differences:?}");
    }
}

#[test]
fn four_differences_match_a_hand_computation() {
    // The averages −1, 0.5, 2, 2, 2.5, 3.5, 4, 5, 5.5, 6 hold one below 0: P(W ≤ 1) = 2 / 16.
    let ranks = SignedRanks::of(&[-1.0, 2.0, 5.0, 6.0]).unwrap();
    assert_eq!((ranks.pseudo_median(), ranks.p_value(), ranks.sign()), (Some(3.0), 0.25, 8));
    assert_eq!((ranks.interval(0.875), ranks.interval(0.75)), ((-1.0, 6.0), (0.5, 5.5)));
    assert_eq!((ranks.interval(0.88), ranks.interval(0.0)), ((-INF, INF), (2.5, 3.5)));
}

#[test]
fn a_p_value_is_at_most_alpha_exactly_if_the_interval_excludes_zero() {
    let mut random = stream(1, Purpose::Order, 0);
    for sample in 0..400 {
        let count = if sample % 40 == 0 { 205 } else { 1 + sample % 18 };
        let mut differences = draw(count, [5, 9, 1000][sample % 3], &mut random);
        differences.iter_mut().for_each(|difference| *difference += 0.1 * (sample % 4) as f64);
        let ranks = SignedRanks::of(&differences).unwrap();
        let p_value = ranks.p_value();
        for alpha in [1e-5, 0.001, 0.05 / 3.0, 0.05, 0.25, 0.5, 0.999, p_value, p_value * 0.999] {
            let (low, high) = ranks.interval(1.0 - alpha);
            let excludes = if alpha < 1.0 { low > 0.0 || high < 0.0 } else { true };
            let p_is = ranks.p_value() <= 1.0 - (1.0 - alpha);
            assert!(alpha >= 1.0 || excludes == p_is, "{differences:?} {alpha}");
        }
    }
}

/// Breaks ties by a tiny multiple of random signs, and computes the p-value from the ranks of the magnitudes
/// by listing all signs.
fn by_listing(differences: &[f64], random: &mut impl Rng) -> f64 {
    let broken: Vec<(f64, f64)> = differences
        .iter()
        .map(|difference| {
            let tie = (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(31) - 1.0;
            // Infinite differences are beyond all others, in a random order.
            let value = difference.clamp(-1e6, 1e6) + 1e-7 * tie;
            (value.abs(), value)
        })
        .collect();
    let mut order: Vec<usize> = (0..broken.len()).collect();
    order.sort_by(|&a, &b| broken[a].0.total_cmp(&broken[b].0));
    let ranks_of = |is_in: &dyn Fn(usize) -> bool| {
        order.iter().zip(1..).filter(|(place, _)| is_in(**place)).map(|(_, rank)| rank).sum::<usize>()
    };
    let (below, above) = (ranks_of(&|place| broken[place].1 < 0.0), ranks_of(&|place| broken[place].1 > 0.0));
    let all = 1_usize << broken.len();
    let as_small =
        (0..all).filter(|signs| ranks_of(&|place| signs >> place & 1 == 1) <= below.min(above)).count();
    (2.0 * as_small as f64 / all as f64).min(1.0)
}

#[test]
fn untied_p_values_match_a_list_of_all_signs_and_tied_ones_are_never_smaller() {
    let mut random = stream(2, Purpose::Order, 0);
    for sample in 0..60 {
        let count = 1 + sample % 9;
        let untied = draw(count, 1_000_000_007, &mut random);
        assert!((p_value(&untied) - by_listing(&untied, &mut random)).abs() < 1e-12);
        let tied = draw(count, 7, &mut random);
        for _ in 0..10 {
            assert!(p_value(&tied) >= by_listing(&tied, &mut random) - 1e-12, "{tied:?}");
        }
    }
}

#[test]
fn ties_count_on_both_sides_as_do_both_infinities() {
    // Six wins; a zero adds itself; an infinity of either side adds their mean and those with the lost one.
    assert_eq!(p_value(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 2.0 / 64.0);
    assert_eq!(p_value(&[1.0, 2.0, 3.0, 4.0, 5.0, 0.0]), 4.0 / 64.0);
    assert_eq!(p_value(&[0.0; 9]), 1.0);
    assert_eq!(p_value(&[0.8172 - 0.8169, 0.6762 - 0.6765]), 1.0);
    assert_eq!((p_value(&[INF, -INF]), p_value(&[INF; 7])), (1.0, 2.0 / 128.0));
    let ranks = SignedRanks::of(&[INF, -INF]).unwrap();
    assert_eq!((ranks.pseudo_median(), ranks.sign()), (None, 0));
    // −∞ makes six averages −∞ and one unknown.
    let ranks = SignedRanks::of(&[INF, -INF, 1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(ranks.beside_zero(), (6, 16));
    assert_eq!((SignedRanks::of(&[INF, INF, 1.0]).unwrap().pseudo_median()), Some(INF));
    assert!(SignedRanks::of(&[]).is_none() && SignedRanks::of(&[1.0, f64::NAN]).is_none());
}

#[test]
fn the_normal_distribution_for_many_differences_is_near_the_exact_one() {
    let exact = shares(201);
    let ranks = SignedRanks { count: 201, lower: vec![], upper: vec![], shares: vec![] };
    for (share, error) in [(0.025, 5e-3), (5e-4, 0.08), (5e-6, 0.3)] {
        let w = exact.partition_point(|&exact| exact < share);
        let ratio = ranks.share_up_to(w) / exact[w];
        assert!((ratio - 1.0).abs() < error, "{share}: {ratio}");
        assert!(share > 1e-3 || ratio > 1.0, "{share}: {ratio}");
    }
}

const SCIPY: [(&[f64], f64); 6] = [
    (&[0.198, -0.324, 0.752, 1.42, 2.136, 1.11], 0.09375),
    (&[-0.053, -0.285, 1.249, 2.135, 0.773, -0.733, -0.458, 2.1], 0.3125),
    (&[1.203, -0.732, 0.916, -0.163, 0.371, 0.512, 0.287, 1.553, 0.937, 0.411], 0.037109375),
    (
        &[0.71, 1.13, -1.343, 0.043, -0.681, 0.127, -0.989, 0.321, 0.262, -0.004, -0.748, -0.096, -0.791],
        0.587890625,
    ),
    (
        &[
            -2.155, -0.575, -1.909, 0.37, -0.083, -2.798, -0.528, -1.902, -0.767, -0.756, -2.788, -1.033,
            -1.056, 0.162, -1.981,
        ],
        0.0006103515625,
    ),
    (
        &[
            1.138, -0.699, 0.069, -0.44, 1.849, 0.968, 2.832, 1.042, 1.245, 1.241, -0.207, 0.33, 1.75, 0.003,
            0.589, 0.379, 1.009, 0.035, 0.248, 0.642, 0.503, -0.465, 1.296, -0.898, -0.801, -0.882, 1.367,
            0.039, -0.571, -0.736,
        ],
        0.02084985189139843,
    ),
];
