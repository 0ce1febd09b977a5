use super::*;

const MEDIAN: Pruner = Pruner::ALL[1];
const ASHA: Pruner = Pruner::ALL[2];
const HYPERBAND: Pruner = Pruner::ALL[3];
const DIVERGED: f64 = f64::INFINITY;

/// Returns trials 0, 1, … with these reports.
fn trials<T: AsRef<[f64]>>(reports: &[T]) -> Vec<Reports> {
    let numbered = reports.iter().enumerate();
    numbered.map(|(number, values)| Reports { number, values: values.as_ref().to_vec() }).collect()
}

#[test]
fn the_first_trial_is_never_stopped_nor_is_a_complete_one() {
    for pruner in Pruner::ALL {
        for evaluations in 0..=30 {
            for value in [9.0, DIVERGED] {
                assert!(!pruner.prunes(27, 0, &vec![value; evaluations], &[]), "{pruner} {evaluations}");
            }
        }
        let others = trials(&[&[1.0; 4]; 40]);
        assert!(!pruner.prunes(4, 40, &[9.0; 4], &others), "{pruner}");
        assert!(!pruner.prunes(4, 40, &[], &others), "{pruner}");
    }
}

#[test]
fn median_stops_a_trial_whose_best_is_worse_than_the_median_of_finished_trials() {
    let others =
        trials(&[&[5.0, 4.0, 1.0], &[6.0, 5.0, 1.0], &[7.0, 6.0, 1.0], &[8.0, 7.0, 1.0], &[9.0, 8.0, 1.0]]);
    let prunes = |reports: &[f64]| MEDIAN.prunes(3, 9, reports, &others);
    // Medians 7 and 6. With a tie the trial continues.
    assert!(prunes(&[7.1]) && !prunes(&[7.0]) && !prunes(&[6.9]));
    assert!(prunes(&[7.1, 6.1]) && !prunes(&[7.1, 6.0]));
    // The best value so far counts, not the last.
    assert!(!prunes(&[5.9, 9.0]) && prunes(&[6.1, 9.0]));
    assert!(prunes(&[DIVERGED]) && !prunes(&[6.0, DIVERGED]));
}

#[test]
fn median_waits_for_finished_trials_and_for_the_warmup() {
    let five = trials(&[&[1.0, 1.0, 1.0]; 5]);
    assert!(MEDIAN.prunes(3, 9, &[2.0], &five));
    assert!(!MEDIAN.prunes(3, 9, &[2.0], &five[..4]));
    // Neither the trial itself nor an unfinished one counts.
    assert!(!MEDIAN.prunes(3, 4, &[2.0], &five));
    let mut stopped = five.clone();
    stopped[2].values.truncate(2);
    assert!(!MEDIAN.prunes(3, 9, &[2.0], &stopped));
    let late = Pruner::Median { startup_trials: 5, warmup_evaluations: 1 };
    assert!(!late.prunes(3, 9, &[2.0], &five) && late.prunes(3, 9, &[2.0, 2.0], &five));
    let at_once = Pruner::Median { startup_trials: 0, warmup_evaluations: 0 };
    assert!(!at_once.prunes(3, 9, &[2.0], &[]) && at_once.prunes(3, 9, &[2.0], &five[..1]));
}

#[test]
fn median_of_an_even_number_is_the_mean_of_the_middle_and_may_be_infinite() {
    let values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(|value| [value, 0.0]);
    let others = trials(&values);
    assert!(MEDIAN.prunes(2, 9, &[6.1], &others) && !MEDIAN.prunes(2, 9, &[6.0], &others));
    let values = [1.0, 2.0, 4.0, DIVERGED, DIVERGED, DIVERGED].map(|value| [value, 0.0]);
    let others = trials(&values);
    assert!(!MEDIAN.prunes(2, 9, &[1e300], &others) && !MEDIAN.prunes(2, 9, &[DIVERGED], &others));
}

#[test]
fn asha_keeps_the_best_quarter_of_trials_at_the_same_evaluation() {
    // Including the trial itself, eight have a first report, so two continue; three have a fourth report, so
    // one continues.
    let others = trials::<&[f64]>(&[
        &[1.0, 1.0, 1.0, 5.0, 5.0],
        &[2.0, 1.0, 1.0, 4.0],
        &[3.0],
        &[4.0],
        &[5.0],
        &[6.0],
        &[7.0],
    ]);
    let prunes = |reports: &[f64]| ASHA.prunes(20, 9, reports, &others);
    assert!(!prunes(&[0.5]) && !prunes(&[1.5]) && !prunes(&[2.0]) && prunes(&[2.1]) && prunes(&[DIVERGED]));
    assert!(!prunes(&[1.0, 9.0]) && !prunes(&[1.0, 9.0, 9.0]), "decisions are after 1, 4 and 16 evaluations");
    assert!(prunes(&[0.0, 0.0, 0.0, 4.1]) && !prunes(&[9.0, 9.0, 9.0, 4.0]));
    assert!(!prunes(&[1.0, 1.0, 1.0, 1.0, 9.0]));
    // No trial has reached 16 evaluations yet; once one has, the better of the two continues.
    assert!(!prunes(&[9.0; 16]));
    let far = trials(&[&[1.0; 16]]);
    assert!(ASHA.prunes(20, 9, &[1.1; 16], &far) && !ASHA.prunes(20, 9, &[1.0; 16], &far));
    assert!(!ASHA.prunes(16, 9, &[1.1; 16], &far), "a whole trial is not stopped");
    assert!(!ASHA.prunes(20, 0, &[1.1; 16], &far), "a trial is not compared with itself");
}

#[test]
fn asha_keeps_ties_and_needs_enough_trials_to_keep_more_than_one() {
    let seven = trials(&[&[1.0]; 7]);
    assert!(!ASHA.prunes(20, 9, &[1.0], &seven));
    let six = trials(&[&[1.0], &[2.0], &[3.0], &[4.0], &[5.0], &[6.0]]);
    // Seven including the trial: a quarter is one. Eight: two.
    assert!(ASHA.prunes(20, 9, &[1.5], &six));
    let seven = trials(&[&[1.0], &[2.0], &[3.0], &[4.0], &[5.0], &[6.0], &[7.0]]);
    assert!(!ASHA.prunes(20, 9, &[1.5], &seven));
    assert!(!ASHA.prunes(20, 9, &[DIVERGED], &trials(&[&[DIVERGED]; 7])));
    let slow = Pruner::Asha { minimum: 2, reduction_factor: 3 };
    let others = trials(&[&[1.0; 18]]);
    let stops: Vec<usize> =
        (1..20).filter(|evaluations| slow.prunes(20, 9, &vec![2.0; *evaluations], &others)).collect();
    assert_eq!(stops, [2, 6, 18]);
}

#[test]
fn hyperband_has_brackets_of_about_the_same_cost() {
    // R = 81, η = 3, so s is up to 4: n = ⌈5/5 · 81⌉, ⌈5/4 · 27⌉, ⌈5/3 · 9⌉, ⌈5/2 · 3⌉, ⌈5/1⌉ and r = 81 /
    // 3ˢ.
    let brackets = Brackets::new(81, 1, 3);
    let sizes: Vec<i64> = (0..brackets.count).rev().map(|bracket| brackets.size(bracket)).collect();
    let minima: Vec<usize> = (0..brackets.count).rev().map(|bracket| brackets.minimum(bracket)).collect();
    assert_eq!((sizes, minima), (vec![81, 34, 15, 8, 5], vec![1, 3, 9, 27, 81]));
    assert_eq!(
        (Brackets::new(80, 1, 3).count, Brackets::new(1, 1, 3).count, Brackets::new(1, 2, 3).count),
        (4, 1, 1)
    );
    assert_eq!(Brackets::new(80, 2, 3).minimum(0), 54);
}

#[test]
fn hyperband_shares_trials_out_in_proportion_to_the_brackets() {
    let brackets = Brackets::new(81, 1, 3);
    let counts = |trials: std::ops::Range<usize>| {
        let mut counts = vec![0_i64; 5];
        trials.for_each(|number| counts[brackets.of(number) as usize] += 1);
        counts
    };
    assert_eq!(counts(0..143), [5, 8, 15, 34, 81]);
    assert_eq!(counts(143..286), [5, 8, 15, 34, 81]);
    for budget in [10, 20, 50, 100] {
        for (bracket, count) in counts(0..budget).into_iter().enumerate() {
            let share = budget as f64 * brackets.size(bracket as u32) as f64 / 143.0;
            assert!((count as f64 - share).abs() <= 1.5, "{count} of {budget} in bracket {bracket}: {share}");
        }
    }
}

#[test]
fn hyperband_compares_trials_of_one_bracket_from_its_minimum_on() {
    // R = 9, η = 3: sizes 9, 5, 3 for s = 2, 1, 0 and minima 1, 3, 9. Credit: +9 +5 +3 per turn, −17 for a
    // trial.
    // Turn 1: (3, 5, 9) → s = 2; 2: (6, 10, 1) → 1; 3: (9, −2, 10) → 2; 4: (12, 3, 2) → 0.
    let brackets = Brackets::new(9, 1, 3);
    assert_eq!([0, 1, 2, 3].map(|number| brackets.of(number)), [2, 1, 2, 0]);
    let others = trials(&[&[1.0; 9], &[1.0; 9], &[1.0; 9], &[1.0; 9]]);
    let stops = |number: usize, others: &[Reports]| -> Vec<usize> {
        (1..10).filter(|evaluations| HYPERBAND.prunes(9, number, &vec![2.0; *evaluations], others)).collect()
    };
    assert_eq!(stops(2, &others), [1, 3]);
    assert_eq!(
        stops(1, &trials(&[&[1.0; 9], &[1.0; 9], &[1.0; 9], &[1.0; 9]])),
        [0; 0],
        "alone in its bracket"
    );
    assert_eq!(stops(3, &others), [0; 0], "the last bracket stops none");
    let same = (4..20).find(|number| brackets.of(*number) == 1).unwrap();
    assert_eq!(stops(same, &others), [3]);
    assert_eq!(stops(2, &others[1..]), [0; 0], "the others are of other brackets");
}

#[test]
fn invalid_settings_count_as_the_smallest_valid_ones() {
    let others = trials(&[&[1.0; 9]]);
    let stops = |pruner: Pruner| -> Vec<usize> {
        (1..9).filter(|evaluations| pruner.prunes(9, 2, &vec![2.0; *evaluations], &others)).collect()
    };
    assert_eq!(stops(Pruner::Asha { minimum: 0, reduction_factor: 0 }), [1, 2, 4, 8]);
    let hyperband = |minimum, reduction_factor| stops(Pruner::Hyperband { minimum, reduction_factor });
    assert_eq!(hyperband(0, 1), hyperband(1, 2));
}

#[test]
fn names_are_read_and_written_alike() {
    for pruner in Pruner::ALL {
        assert_eq!(pruner.to_string().parse::<Pruner>().unwrap(), pruner);
    }
    let error = "medium".parse::<Pruner>().unwrap_err().to_string();
    assert!(error.contains("unknown pruner `medium`, did you mean `median`?"), "{error}");
}
