//! The trial that counts in a study of several trials.

/// Returns the index of the trial of a study that counts, the fastest to reach the target; `None` if no trial
/// reached it.
///
/// `trials` are the times to target in `(0, ∞]`, `None` for a trial that did not reach it; infinities and NaN
/// count as not reached. Of equally fast trials the first counts.
///
/// The rule is AlgoPerf's: the fastest of a study's trials, the median over the studies
/// (`docs/DOCUMENTATION.md` of <https://github.com/mlcommons/algorithmic-efficiency>, "Tuning Rulesets").
///
/// # Differs from
/// AlgoPerf's own code, which takes the trial that reached the target at the evaluation with the smallest
/// number. In the logs behind the leaderboards of versions 0.5 and 0.6 this selects another trial in only one
/// cell that counts (`references/algoperf/README.md`).
///
/// ```
/// use optlab_stats::statistics::performance_profile::best_trial_by_time;
///
/// assert_eq!(best_trial_by_time(&[None, Some(30.0), Some(20.0)]), Some(2));
/// ```
pub fn best_trial_by_time(trials: &[Option<f64>]) -> Option<usize> {
    let reached = trials.iter().enumerate().filter_map(|(place, time)| Some((place, (*time)?)));
    let fastest = reached.filter(|(_, time)| time.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
    fastest.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_trial_that_reached_the_target_counts() {
        assert_eq!(best_trial_by_time(&[Some(3.0), None, Some(1.5), Some(2.0)]), Some(2));
        assert_eq!(best_trial_by_time(&[Some(f64::INFINITY), Some(f64::NAN), Some(9.0)]), Some(2));
        assert_eq!(best_trial_by_time(&[Some(f64::NEG_INFINITY), Some(9.0)]), Some(1));
    }

    #[test]
    fn of_equally_fast_trials_the_first_counts() {
        assert_eq!(best_trial_by_time(&[None, Some(2.0), Some(2.0)]), Some(1));
    }

    #[test]
    fn a_study_without_a_trial_that_reached_the_target_has_no_best_one() {
        for trials in [&[][..], &[None, None], &[Some(f64::INFINITY)], &[Some(f64::NAN)]] {
            assert_eq!(best_trial_by_time(trials), None);
        }
    }
}
