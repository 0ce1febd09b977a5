use super::*;
use crate::search::sampler::Sampler;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

const SPACE: &str = "a=uniform(0,1),b=log(1e-4,1),c=int(1,6),d=choice(x,y,z)";

/// Returns the trials of `references/search/ped_anova.py`.
fn trials(count: usize) -> Vec<Observation> {
    let trial = |number: usize| {
        let steps = [0.6180339887, 0.4142135623, 0.7320508075, 0.2360679774];
        let point = steps.map(|step| (number as f64 * step).fract());
        let [a, b, c, d] = point;
        let (c, d) = ((c * 6.0).floor(), (d * 3.0).floor());
        let value = (a - 0.3_f64).powi(2) + 0.05 * b + 0.01 * c + if d == 1.0 { 0.03 } else { 0.0 };
        Observation { number, point: point.to_vec(), value: (number != 7).then_some(value) }
    };
    (0..count).map(trial).collect()
}

#[test]
fn divergences_shares_and_p_values_match_the_reference() {
    // python3 references/search/ped_anova.py, whose random sets are others, and 20,000
    let expected = [
        ("a", 2.596152110675912, 0.1641, 0.7711, 0.0027),
        ("b", 0.09380988399972094, 0.1685, 0.0, 0.8926),
        ("c", 0.2699628086804188, 0.1761, 0.0298, 0.6196),
        ("d", 0.852392681210415, 0.2243, 0.1991, 0.0912),
    ];
    let importances = importance(&SPACE.parse().unwrap(), &trials(60)).unwrap();
    assert_eq!(importances.len(), expected.len());
    for (importance, (name, divergence, noise, share, p_value)) in importances.iter().zip(expected) {
        assert_eq!(importance.name, name);
        assert!((importance.divergence / divergence - 1.0).abs() < 1e-9, "{importance:?}");
        assert!((importance.noise / noise - 1.0).abs() < 0.1, "{importance:?}");
        assert!((importance.share - share).abs() < 0.01, "{importance:?}");
        // Four standard deviations of a share of 1000.
        let deviation = (p_value * (1.0 - p_value) / 1000.0_f64).sqrt();
        assert!((importance.p_value - p_value).abs() < 4.0 * deviation, "{importance:?}");
        assert_eq!(importance.is_shown(), name == "a");
    }
}

#[test]
fn the_only_dimension_with_an_effect_has_nearly_all_importance() {
    let space: Space = "a=log(1e-4,1),b=log(1e-4,1),c=int(1,8),d=choice(x,y),e=choice(x)".parse().unwrap();
    for decides in 0..4 {
        let trial = |number: usize| {
            let point: Vec<f64> =
                [0.618, 0.4142, 0.732, 0.236, 0.5].map(|step| (number as f64 * step).fract()).to_vec();
            let value = (point[decides] - 0.2).abs();
            Observation { number, point, value: Some(value) }
        };
        let importances = importance(&space, &(0..200).map(trial).collect::<Vec<_>>()).unwrap();
        assert!(importances[decides].share > 0.75, "{decides}: {importances:?}");
        assert!(importances[decides].is_shown(), "{decides}: {importances:?}");
        assert_eq!((importances[4].share, importances[4].p_value), (0.0, 1.0), "a choice of one");
        let sum: f64 = importances.iter().map(|importance| importance.share).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
}

/// Returns the trials of `references/search/importance.py`.
fn trials_with_irrelevant_choices(search: u64) -> Vec<Observation> {
    let mut state = search;
    let mut coordinate = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let trial = |number: usize| {
        let point: Vec<f64> = (0..5).map(|_| coordinate()).collect();
        let value = (point[0] - 0.3).powi(2) + 0.3 * (point[2] - 0.6).powi(2);
        Observation { number, point, value: Some(value) }
    };
    (0..60).map(trial).collect()
}

#[test]
fn irrelevant_choices_have_as_small_a_share_as_with_optuna() {
    let space: Space =
        "a=uniform(0,1),b=uniform(0,1),n=int(1,8),c=choice(x,y,z),d=choice(v,w,x,y,z)".parse().unwrap();
    let searches: Vec<Vec<Importance>> =
        (0..40).map(|search| importance(&space, &trials_with_irrelevant_choices(search)).unwrap()).collect();
    let mean = |place: usize| searches.iter().map(|found| found[place].share).sum::<f64>() / 40.0;
    // python3 references/search/importance.py, Optuna 5.0.0: a mean of 40 shares has an error of about 0.02.
    for (place, expected) in [0.663, 0.06, 0.212, 0.025, 0.04].into_iter().enumerate() {
        assert!((mean(place) - expected).abs() < 0.03, "{place}: {}, {expected}", mean(place));
    }
}

/// Returns 60 trials with values that do not depend on the points.
fn noise(space: &Space, sampler: Sampler, search: u64) -> Vec<Observation> {
    let mut random: ChaCha8Rng = stream(search, Purpose::Resamples, 0);
    let mut trials = Vec::new();
    for number in 0..60 {
        let point = sampler.point(search, space, number, &trials);
        trials.push(Observation { number, point, value: Some(random.random()) });
    }
    trials
}

#[test]
fn pure_noise_shows_an_influence_in_few_searches() {
    let space = "a=log(1e-4,1),b=uniform(0,1),c=int(1,8),d=choice(x,y,z)".parse().unwrap();
    for sampler in [Sampler::Random, Sampler::Tpe] {
        let shown = (0..60).filter(|search| {
            let importances = importance(&space, &noise(&space, sampler, *search)).unwrap();
            importances.iter().any(Importance::is_shown)
        });
        // 3 expected. Of 200 searches, 12 with random points and 13 with `tpe` showed an influence.
        let shown = shown.count();
        assert!((1..=6).contains(&shown), "{sampler}: {shown}");
    }
}

#[test]
fn a_real_effect_among_noise_is_found() {
    let space: Space = "a=log(1e-4,1),b=uniform(0,1),c=int(1,8),d=choice(x,y,z)".parse().unwrap();
    // With `tpe` most trials are near the good ones, so the two differ less.
    for (sampler, fewest) in [(Sampler::Sobol, 9), (Sampler::Tpe, 6)] {
        let mut shown = [0; 4];
        for search in 0..10 {
            let mut random: ChaCha8Rng = stream(search, Purpose::Resamples, 0);
            let mut trials = Vec::new();
            for number in 0..60 {
                let point = sampler.point(search, &space, number, &trials);
                let value = (point[0] - 0.4).abs() + 0.1 * random.random::<f64>();
                trials.push(Observation { number, point, value: Some(value) });
            }
            let found = importance(&space, &trials).unwrap();
            (0..4).for_each(|place| shown[place] += usize::from(found[place].is_shown()));
        }
        assert!(shown[0] >= fewest && shown[1..].iter().all(|count| *count <= 2), "{sampler}: {shown:?}");
    }
}

#[test]
fn the_order_of_the_trials_does_not_matter() {
    let space = SPACE.parse().unwrap();
    let mut turned = trials(60);
    turned.reverse();
    assert_eq!(importance(&space, &turned), importance(&space, &trials(60)));
}

#[test]
fn too_few_trials_have_no_importance() {
    let space: Space = SPACE.parse().unwrap();
    assert!(importance(&space, &trials(FEWEST_TRIALS)).is_ok());
    let few = trials(FEWEST_TRIALS - 1);
    assert_eq!(importance(&space, &few), Err(NoImportance::TooFewTrials { trials: 19 }));
    let mut lost = trials(30);
    lost.iter_mut().skip(5).for_each(|trial| trial.value = None);
    assert!(importance(&space, &lost).is_ok());
    lost[4].value = Some(f64::NAN);
    assert_eq!(importance(&space, &lost), Err(NoImportance::TooFewValues { trials: 30, with_value: 4 }));
}

#[test]
fn trials_without_differences_have_no_importance() {
    let space: Space = SPACE.parse().unwrap();
    let mut alike = trials(30);
    alike.iter_mut().for_each(|trial| trial.value = Some(1.0));
    assert_eq!(importance(&space, &alike), Err(NoImportance::EqualValues));
    // A lost trial is a difference.
    alike[3].value = None;
    assert!(importance(&space, &alike).is_ok());
    let mut still = trials(30);
    still.iter_mut().for_each(|trial| trial.point = vec![0.1, 0.2, 0.3, 0.4]);
    assert_eq!(importance(&space, &still), Err(NoImportance::NoSettingVaried));
    still[3].point[3] = 0.9;
    let found = importance(&space, &still).unwrap();
    assert!(found[..3].iter().all(|one| one.share == 0.0 && one.p_value == 1.0), "{found:?}");
}

#[test]
fn good_trials_are_a_tenth_and_at_least_five_with_ties() {
    let count = |count, value: fn(usize) -> f64| {
        let mut trials = trials(count);
        trials.iter_mut().for_each(|trial| trial.value = Some(value(trial.number)));
        good(&trials.iter().collect::<Vec<_>>()).unwrap().len()
    };
    assert_eq!([20, 50, 51, 60, 61].map(|trials| count(trials, |number| number as f64)), [5, 5, 6, 6, 7]);
    assert_eq!(count(40, |number| (number / 4) as f64), 8);
}

#[test]
fn random_sets_have_every_trial_equally_often_and_once() {
    let mut counts = [0; 12];
    for set in random_sets(12, 5) {
        assert_eq!(set.iter().collect::<BTreeSet<_>>().len(), 5);
        set.iter().for_each(|place| counts[*place] += 1);
    }
    // 416 expected; five standard deviations of a binomial are 78.
    assert!(counts.iter().all(|count| (338..495).contains(count)), "{counts:?}");
}
